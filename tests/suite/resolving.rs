//! Which value a variable gets, and which it must never get: the order of the sources, what a missing
//! one says, the `.env` files that an outsider could have written, and names that are gone.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;

use crate::house::{HOZIRON, House, Outcome, finish};

const CANARY: &str = "canary-5e1f";

/// A house with a value of the same name in the vault's top and in a profile, and one more.
fn house() -> House {
    let house = House::new();
    house.seal("API_KEY", b"from the vault");
    house.seal("prod/API_KEY", b"from prod");
    house.seal("OTHER", b"other");
    house
}

fn dotenv(house: &House) -> PathBuf {
    house.home().join(".env")
}

/// Puts bytes into the `.env` of the home, for the user alone.
fn write(house: &House, bytes: &[u8]) {
    fs::write(dotenv(house), bytes).unwrap();
    mode(house, 0o600);
}

fn mode(house: &House, mode: u32) {
    fs::set_permissions(dotenv(house), fs::Permissions::from_mode(mode)).unwrap();
}

/// Runs with one variable set.
fn with(house: &House, name: &str, value: &str, words: &[&str]) -> Outcome {
    finish(house.hoziron(words).env(name, value), b"")
}

fn settings(house: &House, text: &str) {
    fs::write(house.home().join("config.toml"), text).unwrap();
}

/// Asserts that nothing is handed out in any way, and returns what was said.
#[track_caller]
fn refused(house: &House, code: i32) -> String {
    let said = house.run(["env", "list"]).fails(code);
    for words in [
        &["env", "get", "API_KEY"][..],
        &["env", "export", "--format", "json"],
        &["env", "list", "--json"],
    ] {
        let said = house.run(words).fails(code);
        assert!(!said.contains(CANARY), "a value was shown");
    }
    house.run(["env", "exec", "--", "true"]).fails(125);
    assert!(!said.contains(CANARY), "a value was shown");
    said
}

/// The process environment, then `.env`, then the vault; `--prefer vault` puts the vault first. An
/// empty variable counts as one that is not set.
#[test]
fn the_order_of_the_sources() {
    let house = house();
    write(&house, b"# local\nAPI_KEY=from dotenv\nLOCAL=l\n");
    let get = ["env", "get", "API_KEY"];
    let prefer = ["env", "get", "API_KEY", "--prefer", "vault"];
    let exec = ["run", "--", "sh", "-c", "printf %s \"$API_KEY\""];
    let exec_prefer = [&["run", "--prefer", "vault"][..], &exec[1..]].concat();
    for (value, plain) in [("outer", "outer"), ("", "from dotenv")] {
        for words in [&get[..], &exec] {
            let found = with(&house, "API_KEY", value, words).ok();
            assert_eq!(String::from_utf8(found).unwrap(), plain, "{words:?}");
        }
        for words in [&prefer[..], &exec_prefer] {
            let found = with(&house, "API_KEY", value, words).ok();
            assert_eq!(found, b"from the vault", "{words:?}");
        }
    }
    fs::remove_file(dotenv(&house)).unwrap();
    assert_eq!(house.run(get).ok(), b"from the vault");
    assert_eq!(with(&house, "API_KEY", "", &get).ok(), b"from the vault");
    let prod = ["env", "get", "API_KEY", "-P", "prod"];
    assert_eq!(house.run(prod).ok(), b"from prod");
    // What only the process environment has is what a program would get, whatever is preferred.
    for words in [
        &["env", "get", "ONLY_THERE"][..],
        &["env", "get", "ONLY_THERE", "--prefer", "vault"],
    ] {
        assert_eq!(with(&house, "ONLY_THERE", "outer", words).ok(), b"outer");
    }
}

/// The list says where each value comes from and holds none of them; no key is needed for it.
#[test]
fn the_list_names_sources_and_needs_no_key() {
    let house = house();
    write(
        &house,
        format!("LOCAL={CANARY}\n\nTWICE={CANARY}\nTWICE=x\n").as_bytes(),
    );
    fs::remove_file(house.identity()).unwrap();
    let listed = with(&house, "OTHER", CANARY, &["env", "list", "-P", "prod"]);
    assert!(!listed.stderr.contains(CANARY));
    let text = String::from_utf8(listed.ok()).unwrap();
    assert_eq!(
        text,
        "API_KEY  the vault, `prod/API_KEY`\n\
         LOCAL    .env, line 1\n\
         OTHER    the process environment\n\
         TWICE    .env, line 4\n"
    );
    let json = with(&house, "OTHER", CANARY, &["env", "list", "--json"]).ok();
    let json: String = String::from_utf8(json)
        .unwrap()
        .split_whitespace()
        .collect();
    for row in [
        r#""format_version":1"#,
        r#"{"name":"API_KEY","source":"vault","secret":"API_KEY"}"#,
        r#"{"name":"LOCAL","source":".env","line":1}"#,
        r#"{"name":"OTHER","source":"process"}"#,
    ] {
        assert!(json.contains(row), "{json}");
    }
    assert!(!json.contains(CANARY));
}

/// Whoever reads the error knows what is missing, what wanted it, and where it was looked for.
#[test]
fn a_missing_credential_is_explained() {
    let house = house();
    settings(
        &house,
        "[providers.anthropic]\napi_key_env = \"ANTHROPIC_API_KEY\"\n\
         [[pools]]\nkey_env = \"ANTHROPIC_API_KEY\"\n",
    );
    let home = house.home();
    for (words, code) in [
        (&["env", "get", "ANTHROPIC_API_KEY"][..], 1),
        (&["env", "list", "--only", "ANTHROPIC_API_KEY"], 1),
        (
            &["env", "exec", "--provider", "anthropic", "--", "true"],
            125,
        ),
    ] {
        let said = house.run(words).fails(code);
        for part in [
            "`ANTHROPIC_API_KEY` has no value",
            "`providers.anthropic.api_key_env`",
            "`pools.0.key_env`",
            "the process environment",
            &format!("`{}/.env`", home.display()),
            &format!("the vault in `{}`", home.display()),
            "hoziron vault set ANTHROPIC_API_KEY",
        ] {
            assert!(said.contains(part), "{words:?}: {part}: {said}");
        }
    }
    let said = house.run(["env", "get", "NOBODYS"]).fails(1);
    assert!(said.contains("`NOBODYS` has no value; looked in"), "{said}");
}

/// A provider's program gets what its references name: from wherever, and nothing else.
#[test]
fn a_program_gets_the_credentials_of_one_provider() {
    let house = house();
    settings(
        &house,
        "[providers.a]\napi_key_env = \"API_KEY\"\n[providers.a.deep]\ntoken_env = \"LOCAL\"\n\
         [integrations.b]\nurl_env = \"OTHER\"\n[providers.c]\nmodel = \"m\"\nkey_env = \"OUTER\"\n",
    );
    write(&house, b"LOCAL=local\n");
    let print = "echo \"${API_KEY-no} ${LOCAL-no} ${OTHER-no} ${OUTER-no}\"";
    let run = |providers: &[&str]| {
        let given = providers.iter().flat_map(|name| ["--provider", name]);
        let words: Vec<_> = ["env", "exec"].into_iter().chain(given).collect();
        let words = [&words[..], &["--", "sh", "-c", print]].concat();
        with(&house, "OUTER", "outer", &words)
    };
    assert_eq!(run(&["a"]).ok(), b"from the vault local no outer\n");
    assert_eq!(run(&["b"]).ok(), b"no no other outer\n");
    assert_eq!(run(&["a", "b"]).ok(), b"from the vault local other outer\n");
    // An orchestrator that set everything is enough.
    assert_eq!(run(&["c"]).ok(), b"no no no outer\n");
    let said = run(&["nobody"]).fails(125);
    assert!(said.contains("`providers.nobody`"), "{said}");
    assert!(said.contains("hoziron config show"), "{said}");
}

/// What came with the repository could have been written by anybody; the repair is in the message.
#[test]
fn a_dotenv_that_git_tracks_is_refused() {
    let house = house();
    write(&house, format!("API_KEY={CANARY}\n").as_bytes());
    house.commit("first");
    assert!(
        house
            .run(["env", "get", "API_KEY"])
            .ok()
            .starts_with(CANARY.as_bytes())
    );
    house.git(["add", "-f", ".hoziron/.env"]);
    let said = refused(&house, 6);
    let repair = format!("git rm --cached {}", dotenv(&house).display());
    assert!(
        said.contains("is tracked by git") && said.contains(&repair),
        "{said}"
    );
    let words: Vec<_> = repair.split(' ').skip(1).collect();
    house.git(words);
    house.run(["env", "get", "API_KEY"]).ok();
}

/// A link, a pipe or a folder in its place is neither followed nor waited for.
#[test]
fn a_dotenv_is_a_regular_file() {
    let house = house();
    let real = house.root().join("real");
    fs::write(&real, format!("API_KEY={CANARY}\n")).unwrap();
    symlink(&real, dotenv(&house)).unwrap();
    refused(&house, 6);
    fs::remove_file(dotenv(&house)).unwrap();
    symlink("/nowhere", dotenv(&house)).unwrap();
    refused(&house, 6);
    fs::remove_file(dotenv(&house)).unwrap();
    finish(house.program("mkfifo").arg(dotenv(&house)), b"").ok();
    refused(&house, 6);
    fs::remove_file(dotenv(&house)).unwrap();
    fs::create_dir(dotenv(&house)).unwrap();
    refused(&house, 6);
}

/// Writable by others is a refusal, readable by others a warning; both with the `chmod`.
#[test]
fn a_dotenv_is_the_users_alone() {
    let house = house();
    write(&house, format!("API_KEY={CANARY}\n").as_bytes());
    let repair = format!("`chmod 600 {}`", dotenv(&house).display());
    for bits in [0o620, 0o602, 0o666] {
        mode(&house, bits);
        let said = refused(&house, 6);
        assert!(said.contains("can be written by others"), "{said}");
        assert!(said.contains(&repair), "{said}");
    }
    for bits in [0o644, 0o640, 0o604] {
        mode(&house, bits);
        let run = house.run(["env", "get", "API_KEY"]);
        assert!(
            run.stderr.contains("warning: ") && run.stderr.contains(&repair),
            "{}",
            run.stderr
        );
        assert_eq!(run.ok(), CANARY.as_bytes());
    }
    mode(&house, 0o400);
    let run = house.run(["env", "get", "API_KEY"]);
    assert_eq!(run.stderr, "");
    if chown(dotenv(&house), Some(65534), None).is_err() {
        eprintln!("skipped the owner in a_dotenv_is_the_users_alone: not root");
        return;
    }
    let said = refused(&house, 6);
    assert!(said.contains("belongs to another user"), "{said}");
}

/// What may not be read is an error and no absent file: its values outrank the vault's.
#[test]
fn a_dotenv_that_cannot_be_read_is_an_error() {
    let house = house();
    write(&house, format!("API_KEY={CANARY}\n").as_bytes());
    mode(&house, 0);
    if fs::read(dotenv(&house)).is_err() {
        let said = refused(&house, 1);
        assert!(said.contains(".env"), "{said}");
        return;
    }
    // Root reads everything; as nobody, it does not.
    let pairs = [
        house.root().to_owned(),
        house.repo(),
        house.home(),
        dotenv(&house),
    ];
    for path in pairs {
        chown(path, Some(65534), Some(65534)).unwrap();
    }
    let public = house.root().join("hoziron");
    fs::copy(HOZIRON, &public).unwrap();
    let mut nobody = house.program("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let run = finish(nobody.arg(public).args(["env", "get", "API_KEY"]), b"");
    let said = run.fails(1);
    assert!(
        said.contains(".env") && said.contains("ermission"),
        "{said}"
    );
}

/// A line is named by its number: its text may be a value.
#[test]
fn a_broken_line_is_named_and_not_shown() {
    let house = house();
    let text = format!("GOOD=1\n{CANARY} {CANARY}\nOPEN=\"{CANARY}\n");
    write(&house, text.as_bytes());
    let said = refused(&house, 1);
    assert!(
        said.contains("line 2 ") && said.contains("line 3 "),
        "{said}"
    );
}

/// The last of a name counts, and the others are pointed out by line.
#[test]
fn a_name_that_is_there_twice_is_pointed_out() {
    let house = house();
    write(
        &house,
        format!("API_KEY={CANARY}\nB=2\nAPI_KEY=last\n").as_bytes(),
    );
    let run = house.run(["env", "get", "API_KEY"]);
    assert!(
        run.stderr.contains("`API_KEY` on lines 1, 3"),
        "{}",
        run.stderr
    );
    assert!(!run.stderr.contains(CANARY));
    assert_eq!(run.ok(), b"last");
}

#[test]
fn line_ends_and_a_byte_order_mark_are_no_part_of_values() {
    let house = house();
    write(
        &house,
        b"\xef\xbb\xbfAPI_KEY=a\r\nLOCAL='b c'\r\nDOLLAR=pa$$word\r\n",
    );
    for (name, value) in [("API_KEY", "a"), ("LOCAL", "b c"), ("DOLLAR", "pa$$word")] {
        let found = house.run(["env", "get", name]).ok();
        assert_eq!(String::from_utf8(found).unwrap(), value);
    }
}

/// 4 MiB is the most, and it is read; more is refused and not cut off.
#[test]
fn a_dotenv_of_five_megabytes_is_refused() {
    let house = house();
    let mut text = b"API_KEY=local\n".to_vec();
    text.resize((4 << 20) - 1, b'#');
    text.push(b'\n');
    write(&house, &text);
    assert_eq!(house.run(["env", "get", "API_KEY"]).ok(), b"local");
    text.resize(5 << 20, b'#');
    write(&house, &text);
    let said = refused(&house, 6);
    assert!(said.contains("4 MiB") || said.contains("4194304"), "{said}");
}

/// Somebody who deletes a file of a profile cannot make production use another value.
#[test]
fn a_name_of_a_profile_that_is_gone_does_not_fall_back() {
    let house = house();
    house.commit("first");
    fs::remove_file(house.vault("prod/API_KEY.age")).unwrap();
    for words in [
        &["env", "get", "API_KEY", "-P", "prod"][..],
        &["env", "list", "-P", "prod"],
        &["env", "get", "OTHER", "-P", "prod"],
    ] {
        let said = house.run(words).fails(6);
        assert!(
            said.contains("`prod/API_KEY` was sealed as revision "),
            "{said}"
        );
        assert!(said.contains("hoziron vault remove prod/API_KEY"), "{said}");
    }
    house.run(["run", "-P", "prod", "--", "true"]).fails(125);
    assert_eq!(house.run(["env", "get", "API_KEY"]).ok(), b"from the vault");
    // Both repairs that the message names.
    house.git(["checkout", "-q", "--", ".hoziron/vault/prod/API_KEY.age"]);
    assert_eq!(
        house.run(["env", "get", "API_KEY", "-P", "prod"]).ok(),
        b"from prod"
    );
    fs::remove_file(house.vault("prod/API_KEY.age")).unwrap();
    house.run(["vault", "remove", "prod/API_KEY"]).ok();
    house.seal("prod/STILL_A_PROFILE", b"1");
    let agreed = house.run(["env", "get", "API_KEY", "-P", "prod"]).ok();
    assert_eq!(agreed, b"from the vault");
}

/// A typing mistake must not start production with the shared values.
#[test]
fn a_misspelt_profile_is_refused() {
    let house = house();
    for words in [
        &["env", "get", "API_KEY", "-P", "prdo"][..],
        &["env", "list", "-P", "prdo"],
        &["config", "check", "-P", "prdo"],
    ] {
        if words[0] == "config" {
            settings(&house, "a = 1\n");
        }
        let said = house.run(words).fails(1);
        assert!(
            said.contains("no folder `prdo`") && said.contains("`prod`"),
            "{said}"
        );
    }
    let words = ["run", "-P", "prdo", "--", "true"];
    house.run(words).fails(125);
    with(&house, "HOZIRON_PROFILE", "prdo", &["env", "list"]).fails(1);
}
