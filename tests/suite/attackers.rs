//! Attacks on who reads, on a repository that somebody else may write to: a reader who lets himself in,
//! statements by strangers and by former members, keys that are taken away, and files of one folder
//! in another. Each is made with the most that its maker may know; none is accepted.

use std::fs;
use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use age::x25519::Identity;
use ed25519_dalek::SigningKey;

use crate::applying::manifest;
use crate::forge::{
    FolderKey, key_folder, public_text, quoted, seal_age, sign_admission, sign_statement,
    signing_key_of, vault_id,
};
use crate::house::{House, finish, has_judge};
use crate::stand::digest;

const CANARY: &str = "canary-77f0";

/// Somebody besides the owner.
struct Person {
    name: &'static str,
    identity: Identity,
}

impl Person {
    fn new(name: &'static str) -> Self {
        let identity = Identity::generate();
        Self { name, identity }
    }

    fn signing(&self) -> SigningKey {
        signing_key_of(&self.identity)
    }

    /// His recipient file, as `vault join` would write it.
    fn asks(&self, house: &House) {
        let signing = public_text(&self.signing());
        let public = self.identity.to_public();
        let text = format!("# hoziron-signing-key {signing}\n{public}\n");
        fs::write(self.file(house), text).unwrap();
    }

    fn file(&self, house: &House) -> PathBuf {
        house.home().join(format!("recipients/{}.pub", self.name))
    }

    /// As a reader in a statement.
    fn reader(&self) -> String {
        format!(
            "    {{ name = \"{}\", recipients = [\"{}\"], signing = \"{}\" }},\n",
            self.name,
            self.identity.to_public(),
            public_text(&self.signing())
        )
    }

    /// Whether `age` opens a secret's file with his key.
    fn opens(&self, house: &House, name: &str) -> bool {
        let path = house.root().join(self.name);
        let text = self.identity.to_string();
        fs::write(&path, format!("{}\n", text.expose_secret())).unwrap();
        let mut age = house.program("age");
        age.arg("-d").arg("-i").arg(path);
        let file = house.vault(&format!("{name}.age"));
        finish(age.arg(file), b"").status.success()
    }
}

fn house() -> House {
    let house = House::new();
    house.seal("KEY", CANARY.as_bytes());
    house.seal("prod/KEY", format!("{CANARY} prod").as_bytes());
    house.commit("ready");
    house
}

/// Carries out what the owner has looked at.
fn approve(house: &House) {
    let digest = digest(house);
    house
        .run(["apply", "--yes", "--accept-recipients", &digest])
        .ok();
}

/// The folders of the keys of a folder of the vault, the oldest first.
fn keys(house: &House, folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(house.vault(folder).join(".keys")).unwrap();
    let mut keys: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    keys.sort();
    keys
}

/// The statement that would follow `parent`, by `signer`, with `readers` besides those there are.
fn follower(parent: &Path, epoch: u32, readers: &str, signer: &SigningKey) -> String {
    let text = fs::read_to_string(parent.join("epoch.toml")).unwrap();
    let (body, _) = text.split_once("signature = ").unwrap();
    let parents = format!("parents = [\"{}\"]", quoted(&text, "key = "));
    let line = |line: &str| match line.split(" = ").next().unwrap() {
        "epoch" => format!("epoch = {epoch}\n"),
        "key" => format!("key = \"{FORGED}\"\n"),
        "parents" => format!("{parents}\n"),
        "founder" | "nonce" => String::new(),
        "signer" => format!("signer = \"{}\"\n", public_text(signer)),
        "readers" => format!("{line}\n{readers}"),
        _ => format!("{line}\n"),
    };
    body.lines().map(line).collect()
}

/// The id of a forged key.
const FORGED: &str = "AAAAAAAAAAAAAAAAAAAA";

/// Puts a forged key into the vault, with grants that everybody can open.
fn put_key(house: &House, epoch: u32, statement: &str, readers: &[&Person]) {
    let folder = house.vault(&format!(".keys/{epoch:04}-{FORGED}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("epoch.toml"), statement).unwrap();
    for reader in readers {
        let grant = seal_age(&[5; 32], &reader.identity.to_public());
        fs::write(folder.join(format!("{}.age", reader.name)), grant).unwrap();
    }
    let owner = crate::forge::identity(house).to_public();
    fs::write(folder.join("alice.age"), seal_age(&[5; 32], &owner)).unwrap();
}

/// The attack changes nothing for who keeps the vault: what is there is read, what is new is sealed to
/// the approved readers only, and the plan names what does not count.
#[track_caller]
fn does_not_count(house: &House, attacker: &Person, what: &str) {
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
    let plan = house.run(["plan", "--detailed-exitcode"]);
    let shown = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert_eq!(plan.code(), 3, "{what}: {shown}");
    assert!(shown.contains("does not count"), "{what}: {shown}");
    house.run(["apply", "--yes"]).fails(3);
    house.seal("NEW", b"new");
    assert!(!attacker.opens(house, "NEW"), "{what}: sealed to strangers");
    assert!(!attacker.opens(house, "KEY"), "{what}");
    house.run(["vault", "remove", "NEW", "--yes"]).ok();
}

#[test]
fn who_adds_his_own_file_is_not_let_in() {
    if !has_judge("age", "who_adds_his_own_file_is_not_let_in") {
        return;
    }
    let house = house();
    let mallory = Person::new("mallory");
    mallory.asks(&house);
    house.commit("a pull request");

    let before = house.snapshot();
    for words in [
        &["apply"][..],
        &["apply", "--yes"],
        &["apply", "--yes", "--prune"],
        &["apply", "--yes", "--accept-recipients", &"0".repeat(64)],
    ] {
        let said = house.run(words).fails(1);
        assert!(said.contains("--accept-recipients"), "{said}");
    }
    assert!(house.snapshot() == before, "something was written");

    let said = house.feed(["vault", "set", "KEY"], b"new").stderr;
    assert!(
        said.contains("for alice") && !said.contains("mallory"),
        "{said}"
    );
    house.run(["vault", "generate", "MADE"]).ok();
    for name in ["KEY", "MADE", "prod/KEY"] {
        assert!(!mallory.opens(&house, name), "{name}");
    }
    approve(&house);
    assert!(mallory.opens(&house, "KEY"), "the owner let her in");
}

#[test]
fn who_edits_a_group_is_not_let_in() {
    if !has_judge("age", "who_edits_a_group_is_not_let_in") {
        return;
    }
    let house = house();
    let bob = Person::new("bob");
    bob.asks(&house);
    manifest(
        &house,
        "[groups]\ndeploy = [\"alice\"]\n[access]\nprod = [\"@deploy\"]\n",
    );
    approve(&house);
    assert!(bob.opens(&house, "KEY") && !bob.opens(&house, "prod/KEY"));

    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("[\"alice\"]", "[\"alice\", \"bob\"]")).unwrap();
    let file = fs::read_to_string(bob.file(&house)).unwrap();
    fs::write(bob.file(&house), format!("# hoziron-groups deploy\n{file}")).unwrap();
    let said = house.feed(["vault", "set", "prod/KEY"], b"new").stderr;
    assert!(
        said.contains("for alice") && !said.contains("bob"),
        "{said}"
    );
    assert!(!bob.opens(&house, "prod/KEY"));
    house.run(["apply", "--yes"]).fails(1);
    assert!(!bob.opens(&house, "prod/KEY"));
}

#[test]
fn a_key_by_a_stranger_does_not_count() {
    if !has_judge("age", "a_key_by_a_stranger_does_not_count") {
        return;
    }
    let house = house();
    let mallory = Person::new("mallory");
    let parent = key_folder(&house);
    let body = follower(&parent, 2, &mallory.reader(), &mallory.signing());
    let statement = sign_statement(&body, &mallory.signing());
    put_key(&house, 2, &statement, &[&mallory]);
    does_not_count(&house, &mallory, "a key by a stranger");
}

/// Mallory makes herself the owner's signing key in `recipients/`, and signs with it.
#[test]
fn a_signing_line_in_a_recipient_file_is_only_a_claim() {
    if !has_judge("age", "a_signing_line_in_a_recipient_file_is_only_a_claim") {
        return;
    }
    let house = house();
    let mallory = Person::new("mallory");
    let path = house.home().join("recipients/alice.pub");
    let text = fs::read_to_string(&path).unwrap();
    let owner = public_text(&crate::forge::signing_key(&house));
    let swapped = text.replace(&owner, &public_text(&mallory.signing()));
    assert_ne!(text, swapped);
    fs::write(&path, &swapped).unwrap();
    house.run(["apply", "--yes"]).fails(1);

    let parent = key_folder(&house);
    let body = follower(&parent, 2, &mallory.reader(), &mallory.signing());
    let body = body.replace(&format!("signing = \"{owner}\""), "signing = \"\"");
    put_key(
        &house,
        2,
        &sign_statement(&body, &mallory.signing()),
        &[&mallory],
    );
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
    house.seal("NEW", b"new");
    assert!(!mallory.opens(&house, "NEW"));
    fs::write(&path, &text).unwrap();
    does_not_count(&house, &mallory, "a swapped signing line");
}

/// She admits herself to the key that there is, with a grant that somebody gave her.
#[test]
fn an_admission_by_a_stranger_does_not_count() {
    if !has_judge("age", "an_admission_by_a_stranger_does_not_count") {
        return;
    }
    let house = house();
    let mallory = Person::new("mallory");
    let folder = key_folder(&house);
    let key = quoted(
        &fs::read_to_string(folder.join("epoch.toml")).unwrap(),
        "key = ",
    );
    let signing = public_text(&mallory.signing());
    let body = format!(
        "format = 1\nvault = \"{}\"\nfolder = \".\"\nkey = \"{key}\"\nmade = 1\nsigner = \"{signing}\"\n\
         name = \"mallory\"\nrecipients = [\"{}\"]\nsigning = \"{signing}\"\n",
        vault_id(&house),
        mallory.identity.to_public(),
    );
    let admission = folder.join("mallory.toml");
    fs::write(&admission, sign_admission(&body, &mallory.signing())).unwrap();
    does_not_count(&house, &mallory, "an admission by a stranger");

    // The same admission, signed by the owner, counts: it was refused for its signer.
    let owner = crate::forge::signing_key(&house);
    let body = body.replacen(&signing, &public_text(&owner), 1);
    fs::write(&admission, sign_admission(&body, &owner)).unwrap();
    let said = house.feed(["vault", "set", "KEY"], b"new").stderr;
    assert!(said.contains("mallory"), "{said}");
}

/// Bob could change who reads, and was removed. What he signs later does not count: neither after the
/// key that removed him, nor beside it.
#[test]
fn a_key_by_a_removed_member_does_not_count() {
    if !has_judge("age", "a_key_by_a_removed_member_does_not_count") {
        return;
    }
    let house = house();
    let bob = Person::new("bob");
    bob.asks(&house);
    approve(&house);
    house.commit("bob joins");
    fs::remove_file(bob.file(&house)).unwrap();
    house.run(["apply", "--yes"]).ok();
    house.commit("bob leaves");
    assert!(!bob.opens(&house, "KEY"));
    let [first, second] = &keys(&house, "")[..] else {
        panic!("bob's leaving made no key")
    };
    for (parent, epoch) in [(first, 2), (second, 3)] {
        let body = follower(parent, epoch, &bob.reader(), &bob.signing());
        put_key(
            &house,
            epoch,
            &sign_statement(&body, &bob.signing()),
            &[&bob],
        );
        does_not_count(&house, &bob, &format!("key {epoch} by a removed member"));
        fs::remove_dir_all(house.vault(&format!(".keys/{epoch:04}-{FORGED}"))).unwrap();
    }
    assert_eq!(house.run(["plan", "--detailed-exitcode"]).code(), 2);
}

/// Without its keys, a folder does not fall to the key of the folder above.
#[test]
fn a_folder_whose_keys_were_deleted_is_refused() {
    let house = house();
    let bob = Person::new("bob");
    bob.asks(&house);
    manifest(&house, "[access]\nprod = [\"alice\"]\n");
    approve(&house);
    fs::remove_dir_all(house.vault("prod/.keys")).unwrap();
    for run in [
        house.run(["vault", "get", "prod/KEY"]),
        house.feed(["vault", "set", "prod/KEY"], b"new"),
        house.feed(["vault", "set", "prod/NEW"], b"new"),
    ] {
        let said = run.fails(6);
        assert!(
            said.contains("prod/.keys") && !said.contains(CANARY),
            "{said}"
        );
    }
    house.run(["apply", "--yes"]).fails(3);
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
}

/// Bob reads the top and not `prod`. What he seals under the top's keys, be it the present one or the
/// one from before `prod` had keys of its own, does not pass there.
#[test]
fn a_file_of_another_folder_is_refused() {
    let house = house();
    let bob = Person::new("bob");
    bob.asks(&house);
    approve(&house);
    manifest(&house, "[access]\nprod = [\"alice\"]\n");
    house.run(["apply", "--yes"]).ok();
    let recipient = crate::forge::identity(&house).to_public();
    let tops = keys(&house, "");
    assert_eq!(tops.len(), 2);
    for top in tops {
        let key = FolderKey::in_folder(&house, &top);
        let forged = key.seal("prod/KEY", b"forged", "hoziron/v1 file", &recipient);
        fs::write(house.vault("prod/KEY.age"), forged).unwrap();
        let said = house.run(["vault", "get", "prod/KEY"]).fails(6);
        assert!(said.contains("`prod/KEY`"), "{said}");
        house
            .run(["env", "export", "-P", "prod", "--format", "json"])
            .fails(6);
    }
}

/// A secret of `prod` that was taken away is not replaced by the top's of the same name.
#[test]
fn a_deleted_secret_does_not_fall_back() {
    let house = house();
    house.run(["plan"]).ok();
    fs::remove_file(house.vault("prod/KEY.age")).unwrap();
    let exec = ["env", "exec", "-P", "prod", "--only", "KEY", "--", "true"];
    let said = house.run(exec).fails(125);
    assert!(said.contains("`prod/KEY`"), "{said}");
    house.run(["env", "get", "KEY", "-P", "prod"]).fails(6);
}
