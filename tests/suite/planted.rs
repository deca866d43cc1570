//! Links, pipes, devices and folders in the place of files, and a `.state` that somebody committed:
//! nothing is followed, nothing outside of the vault is read or changed, and no run hangs.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::hostile::{CANARY, house, refused, run};
use crate::house::House;

/// What may stand where a file should.
fn plant_all(at: &Path, outside: &Path, mut check: impl FnMut(&str)) {
    let file = outside.join("file");
    let folder = outside.join("folder");
    let nowhere = outside.join("nowhere");
    for (what, to) in [
        ("link to a file", &*file),
        ("link to a folder", &folder),
        ("link to nothing", &nowhere),
        ("link to itself", at),
        ("link to a device", Path::new("/dev/zero")),
        ("link to the terminal", Path::new("/dev/stdin")),
    ] {
        symlink(to, at).unwrap();
        check(what);
        fs::remove_file(at).unwrap();
    }
    fs::create_dir(at).unwrap();
    check("a folder");
    fs::remove_dir_all(at).unwrap();
    let socket = UnixListener::bind(at).unwrap();
    check("a socket");
    drop(socket);
    fs::remove_file(at).unwrap();
    if made(Command::new("mkfifo").arg(at)) {
        check("a pipe");
        fs::remove_file(at).unwrap();
    }
    if made(Command::new("mknod").arg(at).args(["c", "1", "5"])) {
        check("a device");
        fs::remove_file(at).unwrap();
    } else {
        eprintln!("skipped a device: only root makes one");
    }
}

fn made(command: &mut Command) -> bool {
    let status = command.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A place outside of the repository, with files that must stay as they are.
fn outside(house: &House) -> PathBuf {
    let outside = house.root().join("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::copy(house.vault("KEY.age"), outside.join("file")).unwrap();
    for file in ["0", "old-0", "1", "lock", "journal"] {
        fs::write(outside.join("folder").join(file), CANARY).unwrap();
    }
    outside
}

fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            all.extend(contents(&entry.path()));
        } else {
            all.push((entry.path(), fs::read(entry.path()).unwrap()));
        }
    }
    all.sort();
    all
}

/// Even a link to the very file that belongs there.
#[test]
fn what_is_not_a_file_at_a_secrets_place_is_refused() {
    let house = house();
    let outside = outside(&house);
    let untouched = contents(&outside);
    fs::remove_file(house.vault("KEY.age")).unwrap();
    plant_all(&house.vault("KEY.age"), &outside, |what| {
        for args in [["vault", "get", "KEY"], ["vault", "show", "KEY"]] {
            let stderr = run(&house, args).fails(6);
            assert!(stderr.contains("KEY"), "{what}: {stderr}");
        }
        if what != "a folder" {
            let listed = run(&house, ["vault", "list"]);
            assert_eq!((listed.code(), &*listed.stdout), (6, &b""[..]), "{what}");
            assert!(listed.stderr.contains("KEY.age"), "{what}");
            refused(&house, "KEY");
        }
        let set = house.feed(["vault", "set", "KEY"], b"new").fails(6);
        assert!(set.contains("KEY"), "{what}: {set}");
        assert!(contents(&outside) == untouched, "{what} was followed");
    });
    assert!(
        house
            .snapshot()
            .keys()
            .all(|path| !path.ends_with("KEY.age"))
    );
}

/// A folder of the vault that is a link leads nowhere, not even to a folder that is in the vault.
#[test]
fn a_linked_folder_is_refused() {
    let house = house();
    house.seal("prod/DEEP", CANARY.as_bytes());
    fs::rename(house.vault("prod"), house.root().join("moved")).unwrap();
    symlink(house.root().join("moved"), house.vault("prod")).unwrap();
    let stderr = run(&house, ["vault", "get", "prod/DEEP"]).fails(6);
    assert!(stderr.contains("prod"), "{stderr}");
    let listed = run(&house, ["vault", "list"]);
    assert_eq!((listed.code(), &*listed.stdout), (6, &b"KEY\n"[..]));
    let set = house.feed(["vault", "set", "prod/DEEP"], b"new").fails(6);
    assert!(set.contains("prod"), "{set}");
    fs::remove_file(house.vault("prod")).unwrap();
    for part in ["vault", "vault/.keys"] {
        let path = house.home().join(part);
        let moved = house.root().join("elsewhere");
        fs::rename(&path, &moved).unwrap();
        symlink(&moved, &path).unwrap();
        run(&house, ["vault", "get", "KEY"]).fails(6);
        run(&house, ["env", "exec", "--", "true"]).fails(125);
        let before = contents(&moved);
        house.feed(["vault", "set", "NEW"], b"new").fails(6);
        assert!(contents(&moved) == before, "{part} was followed");
        fs::remove_file(&path).unwrap();
        fs::rename(&moved, &path).unwrap();
    }
}

/// What is at the top must not be handed out as prod's.
#[test]
fn a_profile_that_is_a_link_hands_out_nothing() {
    let house = house();
    symlink(house.root(), house.vault("prod")).unwrap();
    let export = ["env", "export", "-P", "prod", "--format", "json"];
    assert!(run(&house, export).fails(6).contains("prod"));
    let exec = ["env", "exec", "-P", "prod", "--", "true"];
    assert!(run(&house, exec).fails(125).contains("prod"));
}

/// A folder takes a secret's place as a link does: the variable must not be left out in silence.
#[test]
fn a_folder_at_a_secrets_place_is_named() {
    let house = house();
    fs::remove_file(house.vault("KEY.age")).unwrap();
    fs::create_dir(house.vault("KEY.age")).unwrap();
    let listed = run(&house, ["vault", "list"]);
    assert_eq!((listed.code(), &*listed.stdout), (6, &b""[..]));
    assert!(listed.stderr.contains("KEY.age"), "{}", listed.stderr);
    refused(&house, "KEY");
}

/// A journal as the binary writes it, authenticated with `key`.
fn journal(key: &[u8], operations: &str) -> String {
    let text = format!("hoziron journal 1\n{operations}");
    let mac = <Hmac<Sha256> as Mac>::new_from_slice(key).unwrap();
    let mac = mac.chain_update(&text).finalize().into_bytes();
    format!("{text}mac {}\n", hex(&mac))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the journal says is done if the user's own key made it, and only then.
#[test]
fn a_committed_journal_is_not_followed() {
    let house = house();
    let state = house.home().join(".state");
    let staged = fs::read(house.vault("KEY.age")).unwrap();
    let put = format!("put vault/PUT.age 0 {}\n", hex(&Sha256::digest(&staged)));
    let operations = format!("{put}remove vault/KEY.age\n");
    let plant = |journal: &str| {
        fs::create_dir_all(state.join("stage")).unwrap();
        fs::write(state.join("stage/0"), &staged).unwrap();
        fs::write(state.join("journal"), journal).unwrap();
    };
    let key = fs::read(house.state().join("journal.key")).unwrap();
    let outward = "put ../../evil 0 00\n";
    for forged in [
        journal(&[0; 32], &operations),
        journal(b"", &operations),
        format!("hoziron journal 1\n{operations}"),
        format!("{}{operations}", journal(&key, "")),
        journal(&key, outward),
        journal(&key, "remove ../../value\n"),
        journal(&key, "remove .git/config\n"),
        String::new(),
        "\0".repeat(1 << 20),
    ] {
        plant(&forged);
        let before = house.snapshot();
        let got = run(&house, ["vault", "get", "KEY"]);
        assert!(got.stderr.contains("not followed"), "{}", got.stderr);
        assert_eq!(got.ok(), CANARY.as_bytes());
        let listed = run(&house, ["vault", "list"]).ok();
        assert_eq!(listed, b"KEY\n");
        for write in [
            &["vault", "generate", "NEW"][..],
            &["vault", "remove", "--yes", "KEY"],
        ] {
            let stderr = run(&house, write.iter().copied()).fails(6);
            assert!(stderr.contains(".state/journal"), "{stderr}");
        }
        run(&house, ["vault", "init"]);
        assert!(house.snapshot() == before, "something was done");
    }
    plant(&journal(&key, &operations));
    assert_eq!(run(&house, ["vault", "list"]).ok(), b"PUT\n");
}

/// `.state` or a part of it leads elsewhere: nothing there is read, written or removed, and the
/// vault's own files stay as they are.
#[test]
fn a_hostile_state_folder_is_not_followed() {
    let house = house();
    let outside = outside(&house);
    let untouched = contents(&outside);
    let state = house.home().join(".state");
    let sealed = |house: &House| {
        let folders = ["vault", "recipients"].map(|folder| contents(&house.home().join(folder)));
        folders.concat()
    };
    let before = sealed(&house);
    for part in [
        "",
        "lock",
        "journal",
        "journal.new",
        "stage",
        "stage/0",
        "stage/old-0",
    ] {
        let at = state.join(part);
        let _ = fs::remove_dir_all(&state);
        fs::create_dir_all(at.parent().unwrap()).unwrap();
        if part.is_empty() {
            fs::remove_dir_all(&state).unwrap_or_default();
        }
        let at = if part.is_empty() { state.clone() } else { at };
        plant_all(&at, &outside, |what| {
            let get = run(&house, ["vault", "get", "KEY"]);
            let exec = run(&house, ["env", "exec", "--", "true"]);
            for (outcome, codes) in [(get, &[1, 6][..]), (exec, &[125])] {
                let named = codes.contains(&outcome.code()) && outcome.stderr.contains(".state");
                assert!(named || outcome.code() == 0, "{part}: {what}: {outcome:?}");
            }
            let write = run(&house, ["vault", "generate", "NEW"]);
            if write.code() == 0 {
                run(&house, ["vault", "remove", "--yes", "NEW"]).ok();
            } else {
                assert!(
                    matches!(write.code(), 1 | 6),
                    "{part}: {what}: {}",
                    write.stderr
                );
                assert!(write.stderr.contains(".state"), "{}", write.stderr);
            }
            assert!(
                contents(&outside) == untouched,
                "{part}: {what} was followed"
            );
            assert!(
                sealed(&house) == before,
                "{part}: {what}: the vault was changed"
            );
            // What the run has swept or finished, the next one needs again.
            if at.symlink_metadata().is_err() {
                fs::create_dir_all(at.parent().unwrap()).unwrap();
                replant(&at, what);
            }
        });
    }
}

/// Leaves something that [`plant_all`] can remove.
fn replant(at: &Path, what: &str) {
    if what == "a folder" {
        fs::create_dir(at).unwrap();
    } else {
        fs::write(at, "").unwrap();
    }
}

/// Leftovers in a committed stage are not taken for content, and do not stay in the way for good.
#[test]
fn a_committed_stage_is_swept() {
    let house = house();
    let stage = house.home().join(".state/stage");
    fs::create_dir_all(&stage).unwrap();
    for file in ["0", "1", "old-0", "surprise", "vault"] {
        fs::write(stage.join(file), CANARY).unwrap();
    }
    symlink(house.root(), stage.join("link")).unwrap();
    run(&house, ["vault", "generate", "NEW"]).ok();
    assert!(!stage.exists());
    assert_eq!(run(&house, ["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
    assert!(house.repo().exists());
}
