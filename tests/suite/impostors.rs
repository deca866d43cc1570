//! What says whose vault this is: the id, the statement, the grants. Somebody who can write to the
//! repository replaces them, with keys of his own or with pieces of other vaults; nothing is opened
//! on his word, and nothing is sealed for him.

use std::fs;
use std::path::Path;

use age::x25519::Identity;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

use crate::forge::{
    identity, key_file, key_folder, public_text, quoted, seal_age, sign_statement, signing_key,
    vault_id,
};
use crate::house::House;
use crate::tampering::{CANARY, all_refused, house};

fn mallory() -> SigningKey {
    SigningKey::from_bytes(&[66; 32])
}

/// The statement without its signature.
fn statement(house: &House) -> String {
    let text = fs::read_to_string(key_file(house, "epoch.toml")).unwrap();
    let (body, _) = text.split_once("signature = ").unwrap();
    body.to_owned()
}

fn put_statement(house: &House, text: &str) {
    fs::write(key_file(house, "epoch.toml"), text).unwrap();
}

/// Puts another id into `hoziron.toml`.
fn put_id(house: &House, id: &str) {
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    let known = vault_id(house);
    assert_ne!(known, id);
    fs::write(path, text.replace(&known, id)).unwrap();
}

fn forget_the_home(house: &House) {
    fs::remove_dir_all(house.state().join("homes")).unwrap();
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The statement as the owner would sign it is accepted, so that those below are refused for what
/// was forged.
#[test]
fn a_statement_that_the_owner_signs_again_is_accepted() {
    let house = house();
    let signed = sign_statement(&statement(&house), &signing_key(&house));
    assert_eq!(
        signed,
        fs::read_to_string(key_file(&house, "epoch.toml")).unwrap()
    );
    let later = statement(&house).replace("made = ", "made = 1");
    put_statement(&house, &sign_statement(&later, &signing_key(&house)));
    house.run(["vault", "get", "KEY"]).ok();
}

/// Mallory adds herself, or takes the place of somebody, and signs as well as she can.
#[test]
fn a_statement_signed_by_a_stranger_is_refused() {
    let house = house();
    let honest = statement(&house);
    let owner = public_text(&signing_key(&house));
    let hers = public_text(&mallory());
    let recipient = Identity::generate().to_public();
    let reader = format!(
        "readers = [\n    {{ name = \"mallory\", recipients = [\"{recipient}\"], signing = \"\" }},\n"
    );
    let longer = honest.replace("readers = [\n", &reader);
    let signer = format!("signer = \"{owner}\"");
    let her_signer = format!("signer = \"{hers}\"");
    let founder = format!("founder = \"{owner}\"");
    let her_founder = format!("founder = \"{hers}\"");
    for body in [
        longer.clone(),
        longer.replace(&signer, &her_signer),
        longer
            .replace(&signer, &her_signer)
            .replace(&founder, &her_founder),
        longer.replace(&founder, &her_founder),
        longer.replace(&owner, &hers),
        honest.replace(&signer, &her_signer),
    ] {
        put_statement(&house, &sign_statement(&body, &mallory()));
        all_refused(&house, "epoch.toml");
    }
    let text = fs::read_to_string(key_file(&house, "epoch.toml")).unwrap();
    let unsigned = text.split_once("signature = ").unwrap().0;
    put_statement(&house, unsigned);
    all_refused(&house, "epoch.toml");
}

/// Even the owner's own signature under something that is not this vault's first statement.
#[test]
fn a_statement_about_something_else_is_refused() {
    let house = house();
    let honest = statement(&house);
    let id = vault_id(&house);
    let other = "a".repeat(32);
    for (field, from, to) in [
        (
            "vault id",
            format!("vault = \"{id}\""),
            format!("vault = \"{other}\""),
        ),
        (
            "folder",
            "folder = \".\"".to_owned(),
            "folder = \"prod\"".to_owned(),
        ),
        ("epoch", "epoch = 1".to_owned(), "epoch = 2".to_owned()),
        (
            "parents",
            "parents = []".to_owned(),
            "parents = [\"AAAAAAAAAAAAAAAAAAAA\"]".to_owned(),
        ),
        (
            "key",
            format!("key = \"{}\"", quoted(&honest, "key = ")),
            "key = \"AAAAAAAAAAAAAAAAAAAA\"".to_owned(),
        ),
    ] {
        let body = honest.replace(&from, &to);
        assert_ne!(body, honest, "{field}");
        put_statement(&house, &sign_statement(&body, &signing_key(&house)));
        all_refused(&house, "epoch.toml");
    }
}

/// Alice's other vault: same founder, same recipient, another key.
#[test]
fn the_key_of_another_vault_is_refused() {
    let house = house();
    let other = house.root().join("other");
    let home = other.to_str().unwrap();
    let init = [
        "--home",
        home,
        "vault",
        "init",
        "--name",
        "alice",
        "--no-recovery",
    ];
    house.run(init).ok();
    let theirs = fs::read_dir(other.join("vault/.keys")).unwrap();
    let theirs = theirs.last().unwrap().unwrap().path();
    let own = key_folder(&house);
    let kept = house.root().join("kept");
    copy_folder(&own, &kept);

    // The statement alone, the grant alone, both, and the folder under its own name.
    for files in [
        &["epoch.toml"][..],
        &["alice.age"],
        &["alice.age", "epoch.toml"],
    ] {
        for file in files {
            fs::copy(theirs.join(file), own.join(file)).unwrap();
        }
        all_refused(&house, files.last().unwrap());
        copy_folder(&kept, &own);
    }
    let name = theirs.file_name().unwrap();
    fs::rename(&own, own.with_file_name(name)).unwrap();
    all_refused(&house, "epoch.toml");
    copy_folder(&theirs, &own.with_file_name(name));
    all_refused(&house, "epoch.toml");
    copy_folder(&kept, &own);
    all_refused(&house, ".keys/");
}

/// The victim can open it, and it holds 32 bytes; but not the key that the statement names.
#[test]
fn a_grant_of_another_key_is_refused() {
    let house = house();
    let recipient = identity(&house).to_public();
    for key in [&[5; 32][..], &[5; 31], b"", &[5; 4096]] {
        fs::write(key_file(&house, "alice.age"), seal_age(key, &recipient)).unwrap();
        all_refused(&house, "alice.age");
    }
    let before = fs::read(house.vault("KEY.age")).unwrap();
    fs::write(key_file(&house, "alice.age"), before).unwrap();
    all_refused(&house, "alice.age");
}

/// The signed statement says that alice can open it: if she cannot, it is not her grant.
#[test]
fn a_grant_for_somebody_else_is_refused() {
    let house = house();
    let stranger = Identity::generate().to_public();
    fs::write(key_file(&house, "alice.age"), seal_age(&[5; 32], &stranger)).unwrap();
    all_refused(&house, "alice.age");
}

/// A further key, whoever made it, and keys of a folder: this version knows one key.
#[test]
fn further_keys_are_refused() {
    let house = house();
    let own = key_folder(&house);
    let further = own.with_file_name("0002-AAAAAAAAAAAAAAAAAAAA");
    copy_folder(&own, &further);
    all_refused(&house, "0002-AAAAAAAAAAAAAAAAAAAA");
    fs::remove_dir_all(&further).unwrap();

    let carved = house.vault("prod/.keys");
    copy_folder(&house.vault(".keys"), &carved);
    for run in [
        house.run(["vault", "get", "prod/KEY"]),
        house.run(["env", "export", "-P", "prod", "--format", "json"]),
        house.feed(["vault", "set", "prod/KEY"], b"new"),
        house.feed(["vault", "set", "prod/eu/KEY"], b"new"),
    ] {
        let stderr = run.fails(6);
        assert!(
            stderr.contains("prod/.keys") && !stderr.contains(CANARY),
            "{stderr}"
        );
    }
    house.run(["vault", "get", "KEY"]).ok();
}

#[test]
fn missing_keys_are_not_made_up() {
    let house = house();
    let kept = house.root().join("kept");
    fs::rename(key_file(&house, "epoch.toml"), &kept).unwrap();
    all_refused(&house, "epoch.toml");
    fs::remove_dir_all(house.vault(".keys")).unwrap();
    all_refused(&house, "vault/.keys");
}

/// With the record of the home, and on a machine that has never seen it.
#[test]
fn another_vault_id_is_refused() {
    let house = house();
    let id = vault_id(&house);
    for other in ["a".repeat(32), format!("{}{}", &id[1..], &id[..1])] {
        if other == id {
            continue;
        }
        put_id(&house, &other);
        all_refused(&house, &other);
        put_id(&house, &id);
    }
    forget_the_home(&house);
    put_id(&house, &"a".repeat(32));
    all_refused(&house, "epoch.toml");
}

/// A whole vault of mallory's, correct in itself, with a grant and values for alice.
#[test]
fn a_vault_of_a_stranger_is_refused() {
    let house = house();
    let hers = House::new();
    for name in ["KEY", "prod/KEY"] {
        hers.seal(name, CANARY.as_bytes());
    }
    let raw = crate::forge::open_age(
        &fs::read(key_file(&hers, "alice.age")).unwrap(),
        &identity(&hers),
    );
    let grant = seal_age(&raw, &identity(&house).to_public());
    fs::write(key_file(&hers, "alice.age"), grant).unwrap();
    let id = vault_id(&hers);
    fs::remove_dir_all(house.home()).unwrap();
    copy_folder(&hers.home(), &house.home());

    all_refused(&house, &id);
    forget_the_home(&house);
    all_refused(&house, &id);

    // What names the vault beside the key is alice's own word; then it is opened.
    let path = house.identity();
    let named = format!(
        "{}# hoziron vault {id}\n",
        fs::read_to_string(&path).unwrap()
    );
    fs::write(&path, named).unwrap();
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
}

/// An id is a digest: one founder's id cannot be met with another founder's statement.
#[test]
fn an_id_certifies_its_founder() {
    let house = house();
    let nonce = quoted(&statement(&house), "nonce = ");
    let nonce = BASE64_STANDARD_NO_PAD.decode(nonce).unwrap();
    let id = |founder: &SigningKey, nonce: &[u8]| {
        let founder = founder.verifying_key().to_bytes();
        let digest = Sha256::new()
            .chain_update(b"hoziron/v1 vault")
            .chain_update(32_u32.to_be_bytes())
            .chain_update(founder)
            .chain_update(nonce)
            .finalize();
        base32(&digest[..20])
    };
    assert_eq!(id(&signing_key(&house), &nonce), vault_id(&house));

    // Mallory founds a vault around alice's key id, and signs for it correctly.
    let owner = public_text(&signing_key(&house));
    let hers = id(&mallory(), &nonce);
    let body = statement(&house)
        .replace(&owner, &public_text(&mallory()))
        .replace(&vault_id(&house), &hers);
    put_statement(&house, &sign_statement(&body, &mallory()));
    all_refused(&house, "epoch.toml");
    put_id(&house, &hers);
    all_refused(&house, &hers);
    forget_the_home(&house);
    all_refused(&house, "");
}

fn base32(bytes: &[u8]) -> String {
    let alphabet = b"abcdefghijklmnopqrstuvwxyz234567";
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let characters = (0..bytes.len() * 8).step_by(5);
    let value = |at| (0..5).fold(0, |value, more| value << 1 | bit(at + more));
    characters
        .map(|at| char::from(alphabet[value(at)]))
        .collect()
}
