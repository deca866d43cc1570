//! People: who joins and leaves, who reads what, what somebody has seen, and whom to trust. Several
//! people, each with a home directory and a state of their own, share one repository.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::house::{HOZIRON, House, Outcome, finish, has_judge};
use crate::passphrases::at_terminal;

const VALUE: &[u8] = b"hunter2";

/// Where somebody's home directory is. Alice is the house's owner.
fn home_of(house: &House, who: &str) -> PathBuf {
    if who == "alice" {
        house.user()
    } else {
        house.root().join(who)
    }
}

/// Runs hoziron as somebody, whose words are separated by spaces.
fn as_one(house: &House, who: &str, line: &str) -> Outcome {
    let home = home_of(house, who);
    fs::create_dir_all(&home).unwrap();
    let mut command = house.hoziron(line.split(' '));
    command.env("HOME", home).env("GIT_AUTHOR_NAME", who);
    finish(&mut command, b"")
}

#[track_caller]
fn ok(house: &House, who: &str, line: &str) -> String {
    String::from_utf8(as_one(house, who, line).ok()).unwrap()
}

#[track_caller]
fn read(house: &House, who: &str, line: &str) -> Value {
    serde_json::from_str(&ok(house, who, line)).unwrap()
}

fn identity_of(house: &House, who: &str) -> PathBuf {
    home_of(house, who).join(".config/hoziron/identity.txt")
}

fn recipient_file(house: &House, who: &str) -> String {
    fs::read_to_string(house.home().join(format!("recipients/{who}.pub"))).unwrap()
}

fn id(house: &House) -> String {
    let manifest = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    let (_, rest) = manifest.split_once("id     = \"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn manifest(house: &House, more: &str) {
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}\n{more}")).unwrap();
}

/// Alice carries out whatever there is to do, whoever it lets in.
#[track_caller]
fn apply(house: &House) {
    let plan = read(house, "alice", "plan --json");
    let line = match plan["recipients_digest"].as_str() {
        Some(digest) => format!("apply --yes --accept-recipients {digest}"),
        None => "apply --yes".to_owned(),
    };
    ok(house, "alice", &line);
}

#[track_caller]
fn join(house: &House, who: &str) -> String {
    let id = id(house);
    ok(house, who, &format!("vault join --yes --pin {id}"))
}

/// A house with two secrets at the top and one under `prod`, all of alice's.
fn house() -> House {
    let house = House::new();
    for name in ["KEY", "OTHER", "prod/KEY"] {
        house.seal(name, VALUE);
    }
    house
}

fn exposed(house: &House, who: &str) -> Vec<String> {
    let seen = read(house, "nobody", &format!("vault exposure {who} --json"));
    names(&seen["exposed"], "secret")
}

fn names(list: &Value, field: &str) -> Vec<String> {
    let each = list.as_array().unwrap().iter();
    each.map(|one| one[field].as_str().unwrap().to_owned())
        .collect()
}

/// One question in his life: later he reads without naming the vault.
#[test]
fn who_joins_reads_after_apply_and_not_before() {
    let house = house();
    let said = join(&house, "bob");
    let (place, words) = said.trim_end().split_once('\n').unwrap();
    assert_eq!(place, "recipients/bob.pub");
    assert_eq!(words.split(' ').count(), 6, "{words}");
    assert!(recipient_file(&house, "bob").starts_with("# hoziron-signing-key "));
    let shown = read(&house, "alice", "vault members show bob --json");
    assert_eq!(shown["file"]["words"], words);
    assert_eq!(
        (&shown["reads"], &shown["joins"]),
        (&json!([]), &json!(["."]))
    );

    as_one(&house, "bob", "vault get KEY").fails(5);
    let status = ok(&house, "bob", "vault join --status");
    assert!(
        status.starts_with("`bob` reads 0 of 3 secrets\n"),
        "{status}"
    );
    assert!(status.contains("alice can change that"), "{status}");

    apply(&house);
    assert_eq!(ok(&house, "bob", "vault get KEY").as_bytes(), VALUE);
    let status = ok(&house, "bob", "vault join --status");
    assert!(
        status.starts_with("`bob` reads 3 of 3 secrets\n"),
        "{status}"
    );
    assert!(status.contains("alice, bob can change that"), "{status}");
}

#[test]
fn a_key_that_join_makes_is_private_and_names_the_vault() {
    let house = house();
    join(&house, "bob");
    let path = identity_of(&house, "bob");
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(
        text.matches(&format!("# hoziron vault {}\n", id(&house)))
            .count(),
        1
    );
}

#[test]
fn joining_twice_writes_nothing() {
    let house = house();
    let first = join(&house, "bob");
    let (files, key) = (
        house.snapshot(),
        fs::read(identity_of(&house, "bob")).unwrap(),
    );
    assert_eq!(ok(&house, "bob", "vault join"), first);
    assert_eq!(house.snapshot(), files);
    assert_eq!(fs::read(identity_of(&house, "bob")).unwrap(), key);
}

/// With a key of his own that is there already, the comment is added to its text and nothing else.
#[test]
fn a_key_that_is_there_is_used_and_learns_the_vault() {
    let house = house();
    join(&house, "bob");
    let path = identity_of(&house, "bob");
    let text = fs::read_to_string(&path).unwrap();
    let comment = format!("# hoziron vault {}\n", id(&house));
    fs::write(&path, text.replace(&comment, "")).unwrap();
    let file = recipient_file(&house, "bob");
    join(&house, "bob");
    assert_eq!(recipient_file(&house, "bob"), file);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Without a person's word nothing is made, neither in the repository nor in the home directory.
#[test]
fn nobody_joins_a_vault_that_nobody_vouches_for() {
    let house = house();
    let files = house.snapshot();
    let said = as_one(&house, "bob", "vault join").fails(1);
    assert!(
        said.contains(&format!("--yes --pin {}", id(&house))),
        "{said}"
    );
    as_one(&house, "bob", "vault join --yes").fails(6);
    let other = "a".repeat(32);
    as_one(&house, "bob", &format!("vault join --yes --pin {other}")).fails(6);
    assert_eq!(house.snapshot(), files);
    assert!(!identity_of(&house, "bob").exists());
}

#[test]
fn a_taken_name_is_refused_before_a_key_is_made() {
    let house = house();
    let files = house.snapshot();
    let line = format!("vault join --name alice --yes --pin {}", id(&house));
    let said = as_one(&house, "bob", &line).fails(1);
    assert!(said.contains("--name alice-laptop"), "{said}");
    assert!(!identity_of(&house, "bob").exists());
    let said = as_one(&house, "alice", "vault join --name alice2").fails(1);
    assert!(said.contains("you are `alice` here"), "{said}");
    assert_eq!(house.snapshot(), files);
}

/// A person is shown the words, asked about them, and asked for a passphrase that may be empty.
#[test]
fn a_person_compares_the_words_and_may_set_a_passphrase() {
    let test = "a_person_compares_the_words_and_may_set_a_passphrase";
    if !has_judge("python3", test) {
        return;
    }
    for passphrase in ["", "correct horse"] {
        let house = house();
        let home = home_of(&house, "bob");
        fs::create_dir_all(&home).unwrap();
        let vars = [("HOME", home.to_str().unwrap())];
        let typed = format!("{passphrase}\r");
        let steps = json!([
            ["expect", "in words: "],
            ["expect", "are these the words? [y/N] "],
            ["type", "y\r"],
            [
                "expect",
                "a passphrase for your new private key (nothing: none): "
            ],
            ["hidden"],
            ["type", typed],
            ["expect", "again: "],
            ["type", typed]
        ]);
        let argv = [HOZIRON, "vault", "join", "--name", "bob"];
        let seen = at_terminal(&house, &argv, &vars, steps);
        assert_eq!(seen["exit"], json!(0), "{seen}");
        let words = ok(&house, "alice", "vault trust");
        let words = words.lines().nth(1).unwrap();
        let words = words.trim().strip_prefix("words    ").unwrap();
        assert!(seen["terminal"].as_str().unwrap().contains(words), "{seen}");
        let key = fs::read_to_string(identity_of(&house, "bob")).unwrap();
        assert_eq!(key.contains("AGE-SECRET-KEY-1"), passphrase.is_empty());
        apply(&house);
        if !passphrase.is_empty() {
            let steps = json!([["expect", "passphrase for "], ["hidden"], ["type", typed]]);
            let seen = at_terminal(&house, &[HOZIRON, "vault", "get", "KEY"], &vars, steps);
            assert_eq!(seen["stdout"].as_str().unwrap().as_bytes(), VALUE, "{seen}");
        }
    }
}

#[test]
fn a_no_to_the_words_makes_nothing() {
    if !has_judge("python3", "a_no_to_the_words_makes_nothing") {
        return;
    }
    let house = house();
    let files = house.snapshot();
    let home = home_of(&house, "bob");
    fs::create_dir_all(&home).unwrap();
    let steps = json!([["expect", "are these the words? [y/N] "], ["type", "n\r"]]);
    let argv = [HOZIRON, "vault", "join", "--name", "bob"];
    let vars = [("HOME", home.to_str().unwrap())];
    let seen = at_terminal(&house, &argv, &vars, steps);
    assert_eq!(seen["exit"], json!(6), "{seen}");
    assert_eq!(house.snapshot(), files);
    assert!(!identity_of(&house, "bob").exists());
}

/// The text on stdout is all that a machine needs; it is kept nowhere, and may change nothing.
#[test]
fn a_machine_needs_one_variable() {
    let house = house();
    let outcome = as_one(&house, "alice", "-v vault members add ci --new-identity");
    let said = outcome.stderr.clone();
    let text = String::from_utf8(outcome.ok()).unwrap();
    assert!(text.contains(&format!("# hoziron vault {}\n", id(&house))));
    assert!(!recipient_file(&house, "ci").contains("hoziron-signing-key"));
    let key = text
        .lines()
        .find(|line| line.starts_with("AGE-SECRET-KEY-1"));
    let key = key.unwrap();
    let mut watch = crate::leaks::Watch::new();
    watch.add(&key["AGE-SECRET-KEY-1".len()..]);
    watch.silent(said.as_bytes(), "members add");
    watch.search(house.root());
    apply(&house);
    let mut command = house.hoziron(["vault", "get", "KEY"]);
    command.env("HOME", house.root().join("nowhere"));
    let got = finish(command.env("HOZIRON_IDENTITY", text), b"").ok();
    assert_eq!(got, VALUE);
    let ci = read(&house, "alice", "vault members show ci --json");
    assert_eq!(ci["may_change_readers"], json!(false));
}

#[test]
fn keys_are_added_once_and_to_one_reader() {
    let house = house();
    join(&house, "bob");
    let own = recipient_file(&house, "bob");
    let key = own.lines().last().unwrap();
    let said = as_one(&house, "alice", &format!("vault members add carol {key}")).fails(1);
    assert!(
        said.contains("`bob` has one of these keys already"),
        "{said}"
    );
    ok(&house, "alice", &format!("vault members add bob {key}"));
    assert_eq!(recipient_file(&house, "bob"), own);
    ok(&house, "alice", "vault members add bob --group ops");
    assert_eq!(
        recipient_file(&house, "bob"),
        format!("# hoziron-groups ops\n{own}")
    );
    as_one(&house, "alice", "vault members add carol").fails(64);
    as_one(&house, "alice", "vault members add carol --group ops").fails(64);
    assert!(!house.home().join("recipients/carol.pub").exists());
}

/// An ssh key may be typed without quotes, and its owner reads with it.
#[test]
fn somebody_with_an_ssh_key_is_added() {
    if !has_judge("ssh-keygen", "somebody_with_an_ssh_key_is_added") {
        return;
    }
    let house = house();
    let ssh = home_of(&house, "bob").join(".ssh");
    fs::create_dir_all(&ssh).unwrap();
    let path = ssh.join("id_ed25519");
    let mut keygen = house.program("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&path);
    finish(&mut keygen, b"").ok();
    let public = fs::read_to_string(ssh.join("id_ed25519.pub")).unwrap();
    ok(
        &house,
        "alice",
        &format!("vault members add bob {}", public.trim()),
    );
    apply(&house);
    let line = format!("vault get KEY --pin {}", id(&house));
    assert_eq!(ok(&house, "bob", &line).as_bytes(), VALUE);
}

/// Each would leave nobody, or a list that names nobody; the list is named.
#[test]
fn a_removal_that_leaves_a_hole_is_refused() {
    let house = house();
    let refused = |who: &str| {
        let files = house.snapshot();
        let said = as_one(
            &house,
            "alice",
            &format!("vault members remove {who} --yes"),
        )
        .fails(1);
        assert_eq!(house.snapshot(), files);
        said
    };
    let said = refused("alice");
    assert!(
        said.contains("nobody would be left who may read the vault"),
        "{said}"
    );
    ok(
        &house,
        "alice",
        "vault members add ci --new-identity --group deploy",
    );
    let said = refused("alice");
    assert!(said.contains("change the readers of the vault"), "{said}");
    join(&house, "bob");
    manifest(
        &house,
        "[groups]\nteam = [\"bob\"]\n[access]\nprod = [\"bob\", \"@deploy\"]\n",
    );
    let said = refused("bob");
    for place in ["`groups.team`", "`access.prod`"] {
        assert!(
            said.contains(&format!("`bob` is named in {place}")),
            "{said}"
        );
    }
    let said = refused("ci");
    assert!(
        said.contains("`@deploy` is named in `access.prod`"),
        "{said}"
    );
    assert!(refused("dave").contains("no such recipient file"));
    let said = as_one(&house, "alice", "vault members remove bob").fails(1);
    assert!(said.contains("--yes"), "{said}");
}

/// The list needs no key, and a value leaves it by being changed.
#[test]
fn what_a_leaver_has_seen_is_listed_until_it_is_changed() {
    let house = house();
    join(&house, "bob");
    manifest(&house, "[access]\nprod = [\"alice\"]\n");
    apply(&house);
    house.seal("LATER", VALUE);
    assert_eq!(exposed(&house, "bob"), [""; 0]);
    ok(&house, "alice", "vault members remove bob --yes");
    // Until `apply` he reads as before.
    assert_eq!(exposed(&house, "bob"), [""; 0]);
    assert_eq!(ok(&house, "bob", "vault get KEY").as_bytes(), VALUE);
    apply(&house);
    assert_eq!(exposed(&house, "bob"), ["KEY", "LATER", "OTHER"]);
    house.seal("AFTER", VALUE);
    house.seal("KEY", b"a new one");
    assert_eq!(exposed(&house, "bob"), ["LATER", "OTHER"]);
    let text = ok(&house, "nobody", "vault exposure bob");
    assert!(text.contains("`bob` reads nothing"), "{text}");
    as_one(&house, "nobody", "vault exposure dave").fails(1);
}

/// `prod` was sealed under the top's key, which bob held, before it had one of its own.
#[test]
fn what_was_seen_before_a_folder_had_a_key_is_listed() {
    let house = house();
    join(&house, "bob");
    apply(&house);
    manifest(&house, "[access]\nprod = [\"alice\"]\n");
    apply(&house);
    assert_eq!(exposed(&house, "bob"), ["prod/KEY"]);
    let seen = read(&house, "bob", "vault exposure bob --json");
    assert_eq!(seen["reads"], json!(["KEY", "OTHER"]));
}

#[test]
fn a_replaced_key_has_seen_what_it_opened() {
    let house = house();
    join(&house, "bob");
    apply(&house);
    let old = recipient_file(&house, "bob")
        .lines()
        .last()
        .unwrap()
        .to_owned();
    fs::rename(identity_of(&house, "bob"), house.root().join("old.txt")).unwrap();
    ok(
        &house,
        "carol",
        &format!("vault join --yes --pin {}", id(&house)),
    );
    let new = recipient_file(&house, "carol")
        .lines()
        .last()
        .unwrap()
        .to_owned();
    let line = format!("vault members replace-key bob --old {old} --new {new}");
    let said = as_one(&house, "alice", &line).fails(1);
    assert!(said.contains("`carol` has the new key already"), "{said}");
    fs::remove_file(house.home().join("recipients/carol.pub")).unwrap();
    ok(&house, "alice", &line);
    ok(&house, "alice", &line);
    let file = recipient_file(&house, "bob");
    assert!(file.contains(&new) && !file.contains(&old), "{file}");
    apply(&house);
    let seen = read(&house, "nobody", "vault exposure bob --json");
    assert_eq!(names(&seen["exposed"], "why"), ["former_key"; 3]);
    assert_eq!(seen["reads"], json!(["KEY", "OTHER", "prod/KEY"]));
    let wrong = line.replace(&new, "AGE-SECRET-KEY-1CANARY");
    let said = as_one(&house, "alice", &wrong).fails(64);
    assert!(!said.contains("CANARY"), "{said}");
}

/// The matrix is the statements', whatever `recipients/` and the manifest claim.
#[test]
fn who_reads_is_what_was_approved_and_not_what_is_claimed() {
    let house = house();
    manifest(
        &house,
        "[groups]\nteam = [\"bob\"]\n[access]\n\".\" = [\"alice\", \"@team\"]\nprod = [\"alice\"]\n",
    );
    join(&house, "bob");
    let before = ok(&house, "nobody", "vault access");
    assert!(!before.contains("bob"), "{before}");
    apply(&house);
    assert_eq!(
        ok(&house, "nobody", "vault access"),
        "secret    key of  alice  bob\n\
         KEY       .       reads  reads (@team)\n\
         OTHER     .       reads  reads (@team)\n\
         prod/KEY  prod    reads  -\n"
    );
    assert_eq!(
        ok(&house, "nobody", "vault access --format csv"),
        "secret,key of,alice,bob\n\
         KEY,.,reads,reads (@team)\n\
         OTHER,.,reads,reads (@team)\n\
         prod/KEY,prod,reads,\n"
    );
    let found = read(&house, "nobody", "vault access --json");
    assert_eq!(names(&found["secrets"][2]["readers"], "name"), ["alice"]);
    assert_eq!(
        found["secrets"][0]["readers"][1]["through"],
        json!(["@team"])
    );
    let page = ok(&house, "nobody", "vault access --format html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    assert!(page.contains("<td class=\"y\">reads<small>@team</small></td>"));
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("src="));

    // He is in no list any more, and reads until `apply`.
    fs::remove_file(house.home().join("recipients/bob.pub")).unwrap();
    let after = ok(&house, "nobody", "vault access");
    assert!(after.contains("reads (in no list)"), "{after}");
}

#[test]
fn members_are_listed_with_what_waits_for_them() {
    let house = house();
    join(&house, "bob");
    assert_eq!(
        ok(&house, "nobody", "vault members list"),
        "alice  reads vault/; may change who reads\n\
         bob    reads nothing yet; after `apply`: +vault/\n"
    );
    apply(&house);
    ok(&house, "alice", "vault members remove bob --yes");
    let list = ok(&house, "nobody", "vault members list");
    assert!(
        list.contains("bob    reads vault/; may change who reads; after `apply`: -vault/\n"),
        "{list}"
    );
    as_one(&house, "nobody", "vault members show dave").fails(1);
}

/// A reader by `members add` has an identity that names no vault; his word is asked once.
#[test]
fn a_vault_is_trusted_by_word_and_the_word_is_taken_back() {
    let house = house();
    let text = ok(&house, "alice", "vault members add bob --new-identity");
    let text = text.replace(&format!("# hoziron vault {}\n", id(&house)), "");
    let path = identity_of(&house, "bob");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    apply(&house);
    as_one(&house, "bob", "vault get KEY").fails(6);
    let trusted = |who| read(&house, who, "vault trust --json")["vaults"][0]["trusted"].clone();
    assert_eq!(trusted("bob"), json!([]));
    as_one(&house, "bob", "vault trust --accept").fails(1);
    as_one(&house, "bob", "vault get KEY").fails(6);
    ok(&house, "bob", "vault trust --accept --yes");
    assert_eq!(trusted("bob"), json!(["said"]));
    assert_eq!(ok(&house, "bob", "vault get KEY").as_bytes(), VALUE);
    ok(&house, "bob", "vault trust --revoke");
    as_one(&house, "bob", "vault get KEY").fails(6);
    assert_eq!(trusted("alice"), json!(["founder"]));
    let said = as_one(&house, "alice", "vault trust --revoke");
    assert!(
        said.stderr.contains("it is trusted all the same"),
        "{}",
        said.stderr
    );
}

/// What `join` wrote into the identity's text is the user's word, too.
#[test]
fn revoking_takes_the_comment_out_of_the_identity() {
    let house = house();
    join(&house, "bob");
    apply(&house);
    let found = read(&house, "bob", "vault trust --json");
    assert_eq!(found["vaults"][0]["trusted"], json!(["named"]));
    assert_eq!(found["vaults"][0]["heads"][0]["epoch"], json!(1));
    ok(&house, "bob", "vault trust --revoke");
    let text = fs::read_to_string(identity_of(&house, "bob")).unwrap();
    assert!(!text.contains("hoziron vault") && text.contains("AGE-SECRET-KEY-1"));
    as_one(&house, "bob", "vault get KEY").fails(6);
}
