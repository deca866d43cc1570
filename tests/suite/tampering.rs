//! Whole files that somebody moved, replaced or forged: nothing of them is handed out, and the name
//! or the place is given. Each forgery is made with the most that its maker may know.

use std::fs;
use std::path::Path;

use age::x25519::{Identity, Recipient};

use crate::forge::{AgeFile, FolderKey, identity, new_file_key, seal_age, seal_payload, wrap};
use crate::house::{House, Outcome, finish, has_judge};

/// Part of every value, and of nothing that may be printed.
pub const CANARY: &str = "canary-83bc";

/// What a sealed value is bound to.
const VALUE: &str = "hoziron/v1 file";

/// What both sides of a merge are bound to.
const CONFLICT: &str = "hoziron/v1 conflict";

/// A house with two secrets at the top and one in a folder, and the way to the first.
pub fn house() -> House {
    let house = House::new();
    for name in ["KEY", "OTHER", "prod/KEY"] {
        house.seal(name, format!("{CANARY} {name}").as_bytes());
    }
    house
}

fn sealed(house: &House, name: &str) -> Vec<u8> {
    fs::read(house.vault(&format!("{name}.age"))).unwrap()
}

fn put(house: &House, name: &str, file: &[u8]) {
    fs::write(house.vault(&format!("{name}.age")), file).unwrap();
}

/// Asserts that no command hands out `name`, and that each gives `place`.
#[track_caller]
fn refused(house: &House, name: &str, place: &str) -> String {
    let key = name.rsplit('/').next().unwrap();
    let profile = name.rsplit_once('/').map(|(folder, _)| ["-P", folder]);
    let profile = || profile.into_iter().flatten();
    let check = |run: Outcome, code| {
        let stderr = run.fails(code);
        assert!(stderr.contains(place), "{stderr}");
        assert!(!stderr.contains(CANARY), "{stderr}");
        stderr
    };
    let first = check(house.run(["vault", "get", name]), 6);
    check(house.run(["vault", "show", name]), 6);
    check(house.run(["vault", "rename", name, "ELSEWHERE"]), 6);
    let export = ["env", "export", "--format", "json", "--only", key];
    check(house.run(export.into_iter().chain(profile())), 6);
    let marker = house.root().join("started");
    for exec in [&["env", "exec"][..], &["run"]] {
        let words = exec.iter().copied().chain(profile()).chain(["--only", key]);
        let words = words.chain(["--", "touch", marker.to_str().unwrap()]);
        check(house.run(words), 125);
        assert!(!marker.exists(), "something was started");
    }
    first
}

/// Asserts that nothing of the vault is handed out, and that `place` is given.
#[track_caller]
pub fn all_refused(house: &House, place: &str) {
    for name in ["KEY", "prod/KEY"] {
        refused(house, name, place);
    }
    let before = house.snapshot();
    let set = house.feed(["vault", "set", "NEW"], b"value\n").fails(6);
    assert!(set.contains(place), "{set}");
    assert!(
        house.snapshot() == before,
        "a value was sealed for strangers"
    );
}

#[test]
fn swapped_files_are_refused() {
    let house = house();
    for (one, other) in [("KEY", "OTHER"), ("KEY", "prod/KEY")] {
        let files = (sealed(&house, one), sealed(&house, other));
        put(&house, one, &files.1);
        put(&house, other, &files.0);
        refused(&house, one, &format!("`{one}`"));
        refused(&house, other, &format!("`{other}`"));
        put(&house, one, &files.0);
        put(&house, other, &files.1);
    }
}

#[test]
fn a_renamed_file_is_refused() {
    let house = house();
    fs::create_dir(house.vault("dev")).unwrap();
    for name in ["RENAMED", "dev/KEY", "key"] {
        put(&house, name, &sealed(&house, "KEY"));
        refused(&house, name, &format!("`{name}`"));
        fs::remove_file(house.vault(&format!("{name}.age"))).unwrap();
    }
}

/// What `age -R recipients/alice.pub` makes is for alice, and from anybody.
#[test]
fn a_file_of_plain_age_is_refused() {
    let house = house();
    let recipient = identity(&house).to_public();
    put(&house, "KEY", &seal_age(b"forged", &recipient));
    let why = refused(&house, "KEY", "`KEY`");
    assert!(why.contains("no hoziron stanza"), "{why}");

    if has_judge("age", "a_file_of_plain_age_is_refused") {
        let recipients = house.home().join("recipients/alice.pub");
        for options in [&["-a", "-R"][..], &["-R"]] {
            let mut age = house.program("age");
            age.args(options).arg(&recipients);
            put(&house, "KEY", &finish(&mut age, b"forged").ok());
            refused(&house, "KEY", "`KEY`");
        }
    }
}

/// The same writer, with the folder key: what it makes honestly is opened, so that the forgeries
/// below are refused for what was forged.
#[test]
fn what_the_forger_makes_honestly_is_opened() {
    let house = house();
    let recipient = identity(&house).to_public();
    let file = FolderKey::of(&house).seal("KEY", b"honest", VALUE, &recipient);
    put(&house, "KEY", &file);
    // Its revision is 1, and being lower than what was seen is another reason to refuse it.
    fs::remove_dir_all(house.state().join("vaults")).unwrap();
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), b"honest");

    let file = AgeFile::parse(&sealed(&house, "OTHER"));
    let file_key = file.file_key(&identity(&house));
    put(&house, "OTHER", &file.finish(&file_key));
    let value = format!("{CANARY} OTHER");
    assert_eq!(house.run(["vault", "get", "OTHER"]).ok(), value.as_bytes());
}

/// With public keys alone, in front of it the stanza of the file that was there.
#[test]
fn a_value_resealed_with_public_keys_is_refused() {
    let house = house();
    let recipient = identity(&house).to_public();
    let original = sealed(&house, "KEY");
    let file_key = new_file_key(1);
    let ours = AgeFile::parse(&original).stanzas.remove(0);
    let mut forged = AgeFile::parse(&seal_age(b"forged", &recipient));
    forged.stanzas = [ours]
        .into_iter()
        .chain(wrap(&file_key, &recipient))
        .collect();
    forged.payload = seal_payload(&file_key, b"forged");
    put(&house, "KEY", &forged.finish(&file_key));
    refused(&house, "KEY", "`KEY`");

    // The stanza in front of a file that age made as a whole, MAC and all.
    let mut forged = AgeFile::parse(&seal_age(b"forged", &recipient));
    let ours = AgeFile::parse(&original).stanzas.remove(0);
    forged.stanzas.insert(0, ours);
    put(&house, "KEY", &forged.render());
    refused(&house, "KEY", "`KEY`");
}

/// Whoever could once open the file knows its file key, and can make a payload and a MAC that fit.
#[test]
fn a_payload_under_a_known_file_key_is_refused() {
    let house = house();
    let me = identity(&house);
    let original = sealed(&house, "KEY");
    let file_key = AgeFile::parse(&original).file_key(&me);

    let mut forged = AgeFile::parse(&original);
    forged.payload = seal_payload(&file_key, b"forged");
    put(&house, "KEY", &forged.finish(&file_key));
    refused(&house, "KEY", "`KEY`");

    let mut forged = AgeFile::parse(&original);
    forged.payload = AgeFile::parse(&sealed(&house, "OTHER")).payload;
    put(&house, "KEY", &forged.finish(&file_key));
    refused(&house, "KEY", "`KEY`");
}

/// One more recipient, one less, or others, under the known file key.
#[test]
fn recipients_under_a_known_file_key_are_refused() {
    let house = house();
    let original = sealed(&house, "KEY");
    let file_key = AgeFile::parse(&original).file_key(&identity(&house));
    let stranger = Identity::generate().to_public();
    let changes: [fn(&mut AgeFile, &age_core::format::FileKey, &Recipient); 4] = [
        |file, key, to| file.stanzas.extend(wrap(key, to)),
        |file, _, _| file.stanzas.truncate(1),
        |file, key, to| file.stanzas[1] = wrap(key, to).remove(0),
        |file, _, _| file.stanzas.swap(0, 1),
    ];
    for change in changes {
        let mut forged = AgeFile::parse(&original);
        change(&mut forged, &file_key, &stranger);
        put(&house, "KEY", &forged.finish(&file_key));
        refused(&house, "KEY", "`KEY`");
    }
}

/// Trail, revision, time and the mark of a merge are part of what the stanza is bound to.
#[test]
fn arguments_under_a_known_file_key_are_refused() {
    let house = house();
    let original = sealed(&house, "KEY");
    let file_key = AgeFile::parse(&original).file_key(&identity(&house));
    let trail = AgeFile::parse(&original).stanzas[0].args[0].clone();
    let longer = format!("AAAAAAAAAAAAAAAAAAAA,{trail}");
    let args = |file: &AgeFile| file.stanzas[0].args.clone();
    let changed = |at: usize, text: &str| {
        let mut args = args(&AgeFile::parse(&original));
        args[at] = text.to_owned();
        args
    };
    let mut more = args(&AgeFile::parse(&original));
    more.push("conflict".to_owned());
    let mut unknown = args(&AgeFile::parse(&original));
    unknown.push("other".to_owned());
    for args in [
        more,
        unknown,
        changed(0, &longer),
        changed(0, "AAAAAAAAAAAAAAAAAAAA"),
        changed(1, "0"),
        changed(1, "18446744073709551615"),
        changed(2, "0"),
        args(&AgeFile::parse(&original))[..2].to_vec(),
        Vec::new(),
    ] {
        let mut forged = AgeFile::parse(&original);
        forged.stanzas[0].args = args;
        put(&house, "KEY", &forged.finish(&file_key));
        refused(&house, "KEY", "`KEY`");
    }
    for tag in ["hoziron/v2", "hoziron/v0", "X25519"] {
        let mut forged = AgeFile::parse(&original);
        forged.stanzas[0].tag = tag.to_owned();
        put(&house, "KEY", &forged.finish(&file_key));
        refused(&house, "KEY", "`KEY`");
    }
}

/// Both sides of a merge must not become a value by losing the mark, nor be handed out with it.
#[test]
fn the_mark_of_a_merge_cannot_be_stripped() {
    let house = house();
    let recipient = identity(&house).to_public();
    let sealed = FolderKey::of(&house).seal("KEY", CANARY.as_bytes(), CONFLICT, &recipient);
    put(&house, "KEY", &sealed);
    refused(&house, "KEY", "`KEY`");

    let mut marked = AgeFile::parse(&sealed);
    marked.stanzas[0].args.push("conflict".to_owned());
    put(&house, "KEY", &marked.finish(&new_file_key(7)));
    let why = house.run(["vault", "get", "KEY"]).fails(6);
    assert!(
        why.contains("unresolved merge") && !why.contains(CANARY),
        "{why}"
    );
    let why = house.run(["env", "export", "--format", "json"]).fails(6);
    assert!(why.contains("`KEY`") && !why.contains(CANARY), "{why}");
}

/// Alice's other vault has the same founder and the same recipient, and another key.
#[test]
fn a_file_of_another_vault_is_refused() {
    let house = house();
    let other = house.root().join("other");
    let other = other.to_str().unwrap();
    house
        .run([
            "--home",
            other,
            "vault",
            "init",
            "--name",
            "alice",
            "--no-recovery",
        ])
        .ok();
    house
        .feed(["--home", other, "vault", "set", "KEY"], CANARY.as_bytes())
        .ok();
    let theirs = fs::read(Path::new(other).join("vault/KEY.age")).unwrap();
    put(&house, "KEY", &theirs);
    refused(&house, "KEY", "`KEY`");
}
