//! The vault's own files among all others. A sealed file that is whole, a grant, a statement hold
//! nothing to find, however much random text is in them; what is not whole, is in conflict or is not
//! sealed at all is told. Nothing is opened, so no key is needed.

use std::path::{Path, PathBuf};

use crate::repository::Kind;
use crate::scan::{Why, damaged};
use crate::sealed::{Content, SealedError, check_foreign, has_markers, read_facts};
use crate::vault::layout::VAULT;
use crate::vault::{KeyFile, Target};

/// By what a home is known.
const MANIFEST: &str = "hoziron.toml";

/// Endings of a `.env` that is meant to be committed.
const EXAMPLES: [&str; 7] = [
    ".defaults",
    ".dist",
    ".example",
    ".sample",
    ".schema",
    ".template",
    ".tpl",
];

/// Words that allow what stands on their line.
const ALLOW: &[u8] = b"hoziron:allow";

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Variables of one machine.
    DotEnv,
    /// A folder key, sealed for a reader.
    Grant,
    /// `hoziron.toml`.
    Manifest,
    /// None of the others.
    Ordinary,
    /// A statement, or a reader's public keys.
    Public,
    /// A secret.
    Sealed,
    /// A value that somebody submitted.
    Submitted,
    /// In the vault, and not at a place for a sealed file.
    Stray,
}

/// Returns the home that a path is the manifest of, if it is one.
pub fn home_of(path: &Path) -> Option<PathBuf> {
    let is_manifest = path.file_name().is_some_and(|name| name == MANIFEST);
    is_manifest.then(|| path.parent().map(Path::to_owned))?
}

/// Says what a file is for. `tracked` says that git has it, or would have it.
pub(super) fn role(path: &Path, kind: Kind, homes: &[PathBuf], tracked: bool) -> Role {
    let below = homes.iter().find_map(|home| path.strip_prefix(home).ok());
    if let Some(below) = below {
        let is_link = kind != Kind::File;
        match below.to_str().and_then(Target::parse) {
            Some(_) if is_link && below.starts_with(VAULT) => return Role::Stray,
            Some(Target::Sealed(_)) => return Role::Sealed,
            Some(Target::Inbox(_)) => return Role::Submitted,
            Some(Target::Key { file, .. }) => {
                return match file {
                    KeyFile::Grant(_) => Role::Grant,
                    KeyFile::Admission(_) | KeyFile::Epoch => Role::Public,
                };
            }
            Some(Target::Recipient(_)) => return Role::Public,
            Some(Target::Manifest) => return Role::Manifest,
            Some(Target::HomeAttributes | Target::HomeIgnore | Target::VaultAttributes) => {
                return Role::Ordinary;
            }
            None => {}
        }
        let mut parts = below.components().map(|part| part.as_os_str());
        let hidden = below
            .components()
            .any(|part| part.as_os_str().as_encoded_bytes().starts_with(b"."));
        if parts.next().is_some_and(|first| first == VAULT) && parts.next().is_some() && !hidden {
            return Role::Stray;
        }
    }
    if tracked && is_dotenv(path) {
        return Role::DotEnv;
    }
    Role::Ordinary
}

fn is_dotenv(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return false;
    };
    let is_one = name == ".env" || name.starts_with(".env.");
    is_one && !EXAMPLES.iter().any(|ending| name.ends_with(ending))
}

/// Says what is wrong with a file at the place of a sealed one; `None` if it is whole.
pub(super) fn judge(file: &[u8], role: Role) -> Option<Why> {
    let found = match role {
        Role::Submitted => return submitted(file),
        _ => read_facts(file),
    };
    let error = match found {
        Ok(facts) if facts.content == Content::Conflict => return Some(Why::ConflictEnvelope),
        // A later version knows more about its own.
        Ok(_) | Err(SealedError::Newer) => return None,
        // A grant is a plain age file, and this is said of one that is well formed.
        Err(SealedError::NoStanza) if role == Role::Grant => return None,
        Err(error) => error,
    };
    Some(unsound(file, &error))
}

/// What somebody submits is an age file of any kind.
fn submitted(file: &[u8]) -> Option<Why> {
    let error = check_foreign(file).err()?;
    Some(unsound(file, &error))
}

fn unsound(file: &[u8], error: &SealedError) -> Why {
    let age = [&b"-----BEGIN AGE"[..], b"age-encryption.org/"];
    if has_markers(file) {
        Why::ConflictMarkers
    } else if age
        .iter()
        .any(|start| file.trim_ascii_start().starts_with(start))
    {
        damaged(error)
    } else {
        Why::Unsealed
    }
}

/// Says whether the first line of a file allows the file.
pub(super) fn is_allowed(file: &[u8]) -> bool {
    let first = file.split(|byte| *byte == b'\n').next().unwrap_or_default();
    first.windows(ALLOW.len()).any(|words| words == ALLOW)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        FolderName, Identity, Plugins, Recipient, SecretName, SecretValue, VaultId,
    };
    use crate::sealed::{Facts, FolderKey, Trail, seal};

    #[test]
    fn the_vault_s_own_files_are_known_by_their_places() {
        let homes = [PathBuf::from(".hoziron"), PathBuf::from("app/.hoziron")];
        let key = ".hoziron/vault/.keys/0001-AAAAAAAAAAAAAAAAAAAA";
        for (path, expected) in [
            (".hoziron/vault/KEY.age", Role::Sealed),
            ("app/.hoziron/vault/prod/KEY.age", Role::Sealed),
            (&*format!("{key}/epoch.toml"), Role::Public),
            (&*format!("{key}/alice.age"), Role::Grant),
            (".hoziron/recipients/alice.pub", Role::Public),
            (".hoziron/vault/.gitattributes", Role::Ordinary),
            (".hoziron/hoziron.toml", Role::Manifest),
            (".hoziron/vault/notes.txt", Role::Stray),
            (".hoziron/vault/bad name.age", Role::Stray),
            (".hoziron/.env", Role::DotEnv),
            ("web/.env.production", Role::DotEnv),
            ("web/.env.example", Role::Ordinary),
            ("web/.environment", Role::Ordinary),
            ("vault/KEY.age", Role::Ordinary),
        ] {
            let found = role(Path::new(path), Kind::File, &homes, true);
            assert_eq!(found, expected, "{path}");
        }
        let linked = role(
            Path::new(".hoziron/vault/KEY.age"),
            Kind::Link,
            &homes,
            true,
        );
        assert_eq!(linked, Role::Stray);
        let local = role(Path::new(".hoziron/.env"), Kind::File, &homes, false);
        assert_eq!(local, Role::Ordinary);
        // A home at the top of its repository.
        let top = role(
            Path::new("vault/a.txt"),
            Kind::File,
            &[PathBuf::new()],
            true,
        );
        assert_eq!(top, Role::Stray);
    }

    fn sealed(content: Content) -> Vec<u8> {
        let vault = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
        let key = FolderKey::generate(&vault, &FolderName::top());
        let facts = Facts {
            trail: Trail::start(key.id()),
            revision: 1,
            value_time: 1,
            content,
        };
        let alice = Identity::generate("alice");
        let alice = Recipient::parse(alice.public()).unwrap();
        let value = SecretValue::new(b"both".to_vec());
        let name = SecretName::parse("KEY").unwrap();
        seal(&value, &name, &facts, &key, [&alice], &Plugins::default()).unwrap()
    }

    #[test]
    fn both_sides_of_a_merge_in_one_file_are_told() {
        assert_eq!(judge(&sealed(Content::Value), Role::Sealed), None);
        let both = judge(&sealed(Content::Conflict), Role::Sealed);
        assert_eq!(both, Some(Why::ConflictEnvelope));
    }

    #[test]
    fn what_is_not_sealed_is_told_from_what_is_damaged() {
        let judge = |text: &str| judge(text.as_bytes(), Role::Sealed);
        assert_eq!(judge("hunter2\n"), Some(Why::Unsealed));
        let start = "-----BEGIN AGE ENCRYPTED FILE-----\n";
        assert!(matches!(judge(start), Some(Why::Damaged(_))));
        let merged = format!("{start}<<<<<<< HEAD\nYWdl\n=======\n");
        assert_eq!(judge(&merged), Some(Why::ConflictMarkers));
    }
}
