//! Where hoziron looks, and what it says when it must not or cannot: homes in order, homes and keys
//! that others can reach, a state folder that cannot be, no HOME, and colour.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::{HOZIRON, House, finish, has_judge};

const VALUE: &[u8] = b"first value";

/// What a command printed.
#[track_caller]
fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// A home in a folder of its own, made with the owner's key.
fn other_home(house: &House, place: &str, secret: &str) -> PathBuf {
    let home = house.root().join(place);
    let shown = home.to_str().unwrap();
    house
        .run([
            "--home",
            shown,
            "vault",
            "init",
            "--name",
            "alice",
            "--no-recovery",
        ])
        .ok();
    house
        .run(["--home", shown, "vault", "generate", secret])
        .ok();
    home
}

/// The names in the vault that a command finds.
#[track_caller]
fn list(command: &mut Command) -> String {
    text(finish(command.args(["vault", "list"]), b"").ok())
}

/// A key that others can read is not used, and the way to repair it is in the message.
#[test]
fn a_key_that_others_can_read_is_not_used() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    let key = house.identity();
    let chmod = format!("chmod 600 {}", key.display());
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        for words in [
            &["vault", "get", "API_KEY"][..],
            &[
                "--identity",
                key.to_str().unwrap(),
                "vault",
                "get",
                "API_KEY",
            ],
            &["--home", "new", "vault", "init", "--no-recovery"],
        ] {
            let run = house.run(words);
            assert_ne!(run.code(), 0, "{words:?}");
            assert!(run.stdout.is_empty());
            assert!(
                run.stderr.contains(&chmod),
                "{mode:o} {words:?}: {}",
                run.stderr
            );
        }
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(house.run(["vault", "get", "API_KEY"]).ok() == VALUE);
}

/// `--home`, then `HOZIRON_HOME`, then the nearest one above, then the user's own.
#[test]
fn the_home_is_found_in_order() {
    let house = House::new();
    house.run(["vault", "generate", "NEAR"]).ok();
    let given = other_home(&house, "given", "GIVEN");
    let variable = other_home(&house, "variable", "VARIABLE");
    other_home(&house, "user/.hoziron", "OWN");
    let deep = house.repo().join("a/b/c");
    fs::create_dir_all(&deep).unwrap();

    let mut both = house.hoziron(["--home", given.to_str().unwrap()]);
    assert_eq!(list(both.env("HOZIRON_HOME", &variable)), "GIVEN\n");
    let mut named = house.hoziron([""; 0]);
    assert_eq!(list(named.env("HOZIRON_HOME", &variable)), "VARIABLE\n");
    assert_eq!(list(house.hoziron([""; 0]).current_dir(&deep)), "NEAR\n");
    let mut outside = house.hoziron([""; 0]);
    assert_eq!(list(outside.current_dir(house.root())), "OWN\n");

    // What is named and not there is not searched for elsewhere.
    let nowhere = house.run(["--home", "nowhere", "vault", "list"]).fails(1);
    assert!(nowhere.contains("`nowhere`"), "{nowhere}");
}

/// On a shared machine anybody can put a folder above somebody's working directory.
#[test]
fn a_home_of_another_user_is_refused_unless_it_is_named() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    if chown(house.home(), Some(65534), None).is_err() {
        eprintln!("skipped a_home_of_another_user_is_refused_unless_it_is_named: not root");
        return;
    }
    let home = house.home();
    let home = home.to_str().unwrap();
    let refused = house.run(["vault", "list"]).fails(1);
    assert!(refused.contains("belongs to another user"), "{refused}");
    assert!(refused.contains(&format!("--home {home}")), "{refused}");
    house.run(["env", "exec", "--", "true"]).fails(125);
    assert_eq!(
        text(house.run(["--home", home, "vault", "list"]).ok()),
        "API_KEY\n"
    );
}

/// Reading needs no state; writing says which folder it cannot have.
#[test]
fn without_a_state_folder_one_can_read() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    let before = house.snapshot();
    let blocked = house.root().join("blocked");
    fs::write(&blocked, "").unwrap();
    for state in [blocked.join("state"), PathBuf::from("/proc/self/state")] {
        let run = |words: &[&str]| finish(house.hoziron(words).env("XDG_STATE_HOME", &state), b"");
        assert!(run(&["vault", "get", "API_KEY"]).ok() == VALUE);
        run(&["vault", "list"]).ok();
        run(&["env", "exec", "--", "true"]).ok();
        let said = run(&["vault", "generate", "NEW"]).fails(1);
        assert!(said.contains("error: "), "{said}");
        assert!(
            said.contains(state.parent().unwrap().to_str().unwrap()),
            "{said}"
        );
        assert!(!said.contains("unknown"), "{said}");
    }
    assert!(house.snapshot() == before);
}

#[test]
fn without_home_what_is_missing_is_said() {
    let house = House::new();
    house.seal("API_KEY", VALUE);
    let key = house.identity();
    let key = key.to_str().unwrap();
    let run = |from: &Path, words: &[&str]| {
        finish(
            house.hoziron(words).env_remove("HOME").current_dir(from),
            b"",
        )
    };
    let repo = house.repo();
    run(&repo, &["vault", "list"]).ok();
    assert!(run(&repo, &["--identity", key, "vault", "get", "API_KEY"]).ok() == VALUE);
    let said = run(&repo, &["vault", "get", "API_KEY"]).fails(5);
    assert!(said.contains("--identity"), "{said}");
    let said = run(&repo, &["--identity", key, "vault", "generate", "NEW"]).fails(1);
    assert!(
        said.contains("neither XDG_STATE_HOME nor HOME is set"),
        "{said}"
    );

    let fresh = house.root();
    for words in [&["vault", "list"][..], &["vault", "init", "--no-recovery"]] {
        assert!(
            run(fresh, words).fails(1).contains("HOME is not set"),
            "{words:?}"
        );
    }
    let said = run(fresh, &["--home", "new", "vault", "init", "--no-recovery"]).fails(1);
    assert!(
        said.contains("neither XDG_CONFIG_HOME nor HOME is set"),
        "{said}"
    );
    assert!(!fresh.join("new").exists(), "something was made");
}

/// Asked for, there is colour in a pipe as well; words carry everything without it.
#[test]
fn colour_is_said_or_left_out_as_asked() {
    let house = House::bare();
    let said = |words: &[&str], no_color: bool| {
        let mut command = house.hoziron(words.iter().chain(&["vault", "list"]));
        if no_color {
            command.env("NO_COLOR", "1");
        }
        finish(&mut command, b"").fails(1)
    };
    let plain = said(&[], false);
    assert!(!plain.contains('\x1b'), "{plain:?}");
    let bright = said(&["--color", "always"], false);
    assert!(bright.starts_with("\x1b[31merror: \x1b[0m"), "{bright:?}");
    assert_eq!(said(&["--color", "never"], false), plain);
    assert_eq!(
        said(&["--color", "always"], true),
        bright,
        "an option outranks a variable"
    );

    if !has_judge("script", "colour_is_said_or_left_out_as_asked") {
        return;
    }
    let on_a_terminal = |no_color: &str| {
        let line = format!("{HOZIRON} vault list");
        let mut script = house.program("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .env("NO_COLOR", no_color);
        text(finish(&mut script, b"").stdout)
    };
    assert!(
        on_a_terminal("").contains("\x1b[31merror: "),
        "no colour on a terminal"
    );
    assert!(
        !on_a_terminal("1").contains('\x1b'),
        "colour in spite of NO_COLOR"
    );
}
