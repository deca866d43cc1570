//! Vaults that exist keep opening: ours of the first release, and the second implementation's. And
//! the second implementation opens what we make now.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::house::{House, finish, has_judge};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// The five secrets of `fixtures/v1` and where their values stand.
const NAMES: [&str; 5] = ["BINARY", "EMPTY", "PEM", "TEXT", "prod/DATABASE_URL"];

/// Copies a private key of the fixtures, with the mode that git does not keep.
fn key(house: &House, path: &str) -> PathBuf {
    let copy = house.root().join("fixture-key.txt");
    fs::write(&copy, fs::read(Path::new(FIXTURES).join(path)).unwrap()).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o600)).unwrap();
    copy
}

fn get(house: &House, home: &str, identity: &Path, name: &str) -> Vec<u8> {
    let home = format!("{FIXTURES}/{home}");
    let identity = identity.to_str().unwrap();
    house
        .run([
            "--home",
            &home,
            "--identity",
            identity,
            "vault",
            "get",
            name,
        ])
        .ok()
}

/// The bytes of a sealed file are final: what 0.1.0 sealed opens for ever.
#[test]
fn the_first_release_s_vault_opens() {
    let house = House::bare();
    let identity = key(&house, "v1/identity.txt");
    for name in NAMES {
        let value = fs::read(format!("{FIXTURES}/v1/values/{name}")).unwrap();
        assert_eq!(get(&house, "v1/home", &identity, name), value, "{name}");
    }
}

/// The key that was shown once at the founding opens the vault, and names it as trusted.
#[test]
fn the_first_release_s_recovery_key_opens() {
    let house = House::bare();
    let recovery = key(&house, "v1/recovery.txt");
    assert_eq!(get(&house, "v1/home", &recovery, "TEXT"), b"sk_test_compat");
}

/// Two implementations, one format: ours opens the sample of the other.
#[test]
fn the_second_implementation_s_vault_opens() {
    let house = House::bare();
    let identity = key(&house, "second/identity.txt");
    let big: Vec<u8> = get(&house, "second/home", &identity, "BIG");
    assert_eq!(big.len(), 200_000);
    assert_eq!(get(&house, "second/home", &identity, "GREETING"), b"hello");
    assert_eq!(get(&house, "second/home", &identity, "EMPTY"), b"");
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(get(&house, "second/home", &identity, "prod/BINARY"), bytes);
}

/// The other implementation opens what we seal, and refuses what we refuse.
#[test]
fn the_second_implementation_opens_ours() {
    if !has_judge("python3", "the_second_implementation_opens_ours") {
        return;
    }
    let house = House::new();
    let values: [(&str, &[u8]); 4] = [
        ("A", b"plain"),
        ("B", b""),
        ("prod/C", b"\0\xff\n"),
        ("D", &[b'x'; 70_000]),
    ];
    for (name, value) in values {
        house.seal(name, value);
    }
    let open = |name: &str| {
        let mut second = house.program("python3");
        second.env("PYTHONDONTWRITEBYTECODE", "1");
        second.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/second/open.py"));
        second
            .arg("--home")
            .arg(house.home())
            .arg("--identity")
            .arg(house.identity())
            .arg(name);
        finish(&mut second, b"")
    };
    for (name, value) in values {
        assert!(open(name).ok() == value, "{name}");
    }
    fs::copy(house.vault("A.age"), house.vault("B.age")).unwrap();
    open("B").fails(6);
    assert!(house.run(["vault", "get", "B"]).fails(6).contains("`B`"));
}
