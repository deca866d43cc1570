//! What a plan says of small vaults.

use super::*;
use crate::domain::Glob;

#[test]
fn a_saved_plan_reads_back_and_one_changed_byte_is_refused() {
    let name = SecretName::parse("prod/A").unwrap();
    let digest = Digest::of(b"a sealed file");
    let saved = SavedPlan {
        vault: crate::domain::VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap(),
        made: 1_764_000_000,
        wanted: Wanted {
            keys: vec![Glob::new("prod/*")],
            profile: Some(FolderName::parse("prod").unwrap()),
            prune: true,
            ..Wanted::default()
        },
        basis: Basis {
            files: [(name, digest)].into(),
            folders: [(FolderName::top(), digest)].into(),
        },
        files: [("hoziron.toml".to_owned(), digest)].into(),
        lines: vec!["create prod/A: declared, not there".to_owned()],
    };
    let text = saved.text();
    assert_eq!(SavedPlan::parse(text.as_bytes()), Ok(saved));
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        assert!(SavedPlan::parse(&changed).is_err(), "byte {at}");
    }
}
