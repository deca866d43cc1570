//! What the manifest means for programs: which values a profile has, what is put together, what stops a
//! start because it is missing, and the check that says so beforehand.

use std::fs;

use crate::house::{House, Outcome, finish};

const SHOP: &str = r#"
[profiles.prod]
inherits = []

[secrets.PASSWORD]
profiles = [".", "prod"]
min_length = 4

[secrets.PGHOST]
profiles = [".", "prod"]
default = "localhost"

[secrets.DATABASE_URL]
profiles = [".", "prod"]
compose = "postgres://app:${PASSWORD|url}@${PGHOST}/app"

[secrets.EXTRA]
required = false
"#;

/// A house with a manifest of these further lines.
fn house(more: &str) -> House {
    let house = House::new();
    declare(&house, more);
    house
}

fn declare(house: &House, more: &str) {
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, format!("{text}{more}")).unwrap();
}

#[track_caller]
fn says(run: Outcome) -> String {
    String::from_utf8(run.ok()).unwrap()
}

/// By every door: the command, the export, a single value, the list.
#[test]
fn a_value_is_put_together_for_whoever_asks() {
    let house = house(SHOP);
    house.seal("PASSWORD", b"p@ss");
    house.seal("prod/PASSWORD", b"pr0d");
    house.seal("prod/PGHOST", b"db");
    let print = [
        "--",
        "sh",
        "-c",
        "echo \"$DATABASE_URL $PGHOST ${EXTRA-no}\"",
    ];
    let top = says(house.run(["run"].iter().chain(&print)));
    assert_eq!(top, "postgres://app:p%40ss@localhost/app localhost no\n");
    let prod = says(house.run(["run", "-P", "prod"].iter().chain(&print)));
    assert_eq!(prod, "postgres://app:pr0d@db/app db no\n");
    let url = house.run(["env", "get", "DATABASE_URL", "-P", "prod"]);
    assert_eq!(says(url), "postgres://app:pr0d@db/app");
    let only = [
        "env",
        "export",
        "--format",
        "dotenv",
        "--only",
        "DATABASE_URL",
    ];
    let exported = says(house.run(only));
    assert!(exported.contains("postgres://app:p%40ss@localhost/app"));
    assert!(!exported.contains("PASSWORD="), "a part was handed out");
    assert_eq!(
        says(house.run(["env", "list"])),
        "DATABASE_URL  composed, `DATABASE_URL`\n\
         PASSWORD      the vault, `PASSWORD`\n\
         PGHOST        default, `PGHOST`\n"
    );
    let json = says(house.run(["env", "list", "--json"]));
    for kind in ["\"composed\"", "\"default\"", "\"vault\""] {
        assert!(json.contains(kind), "{json}");
    }
    // A default is no word of the vault's, and what is set stands in for all of them.
    let mut command = house.hoziron(["env", "get", "PGHOST", "--prefer", "vault"]);
    let found = finish(command.env("PGHOST", "outer"), b"");
    assert_eq!(says(found), "outer");
    let mut command = house.hoziron(["env", "get", "DATABASE_URL", "--prefer", "vault"]);
    let found = finish(command.env("DATABASE_URL", "outer"), b"");
    assert!(says(found).starts_with("postgres://"));
}

/// References in the settings are resolved by what the manifest gives.
#[test]
fn settings_may_refer_to_what_is_put_together() {
    let house = house(SHOP);
    house.seal("PASSWORD", b"p@ss");
    let settings = "[integrations.db]\nurl_env = \"DATABASE_URL\"\nhost_env = \"PGHOST\"\n";
    fs::write(house.home().join("config.toml"), settings).unwrap();
    assert_eq!(
        says(house.run(["config", "show"])),
        "integrations.db.url_env   DATABASE_URL  composed, `DATABASE_URL`\n\
         integrations.db.host_env  PGHOST        default, `PGHOST`\n"
    );
    house.run(["config", "check"]).ok();
}

/// All at once, before anything runs; what the process environment has is not missing.
#[test]
fn what_is_required_and_missing_stops_the_start() {
    let house = house(&format!("{SHOP}[secrets.TOKEN]\n"));
    let marker = house.root().join("started");
    let touch = format!("touch {}", marker.display());
    let command = ["run", "--", "sh", "-c", &touch];
    let said = house.run(command).fails(125);
    for part in [
        "`PASSWORD` is required and has no value",
        "`TOKEN` is required and has no value",
        "`DATABASE_URL` is put together from `PASSWORD`",
        "hoziron vault set TOKEN",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("EXTRA"), "{said}");
    assert!(!marker.exists(), "the command was started");
    house.run(["env", "export", "--format", "sh"]).fails(1);
    let said = house.run(["env", "get", "DATABASE_URL"]).fails(1);
    assert!(said.contains("put together from `PASSWORD`"), "{said}");
    // What was not chosen is not needed.
    house.run(["run", "--only", "PGHOST", "--", "true"]).ok();

    house.seal("PASSWORD", b"p@ss");
    let mut command = house.hoziron(command);
    finish(command.env("TOKEN", "from outside"), b"").ok();
    assert!(marker.exists());
}

/// A machine that has never seen the vault knows from the manifest that production has its own.
#[test]
fn production_without_its_secret_does_not_get_the_shared_one() {
    let house = house("[secrets.KEY]\nprofiles = [\"prod\"]\n");
    house.seal("KEY", b"shared");
    house.seal("prod/OTHER", b"1");
    let said = house.run(["run", "-P", "prod", "--", "true"]).fails(125);
    assert!(said.contains("`prod/KEY` is required"), "{said}");
    house.run(["env", "get", "KEY", "-P", "prod"]).fails(1);
    house.seal("prod/KEY", b"own");
    let found = house.run(["env", "get", "KEY", "-P", "prod"]);
    assert_eq!(says(found), "own");
    // Seen here, and gone: said as that.
    fs::remove_file(house.vault("prod/KEY.age")).unwrap();
    let said = house.run(["run", "-P", "prod", "--", "true"]).fails(125);
    for part in ["`prod/KEY` was sealed as revision ", " and is gone"] {
        assert!(said.contains(part), "{said}");
    }
    // Until the manifest lets it go.
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    let (kept, _) = text.split_once("[secrets.KEY]\n").unwrap();
    fs::write(&path, kept).unwrap();
    house.run(["env", "get", "KEY", "-P", "prod"]).fails(6);
    fs::write(&path, format!("{kept}[[removed]]\nname = \"prod/KEY\"\n")).unwrap();
    let found = house.run(["env", "get", "KEY", "-P", "prod"]);
    assert_eq!(says(found), "shared");
}

/// What a check says of a profile, and how it ends.
#[track_caller]
fn check(house: &House, words: &[&str]) -> (i32, String) {
    let run = house.run(["env", "check"].iter().chain(words));
    (run.code(), String::from_utf8(run.stdout).unwrap())
}

#[test]
fn a_check_names_all_that_is_not_right() {
    let require = "[[require]]\nexactly_one = [\"EXTRA\", \"PGHOST\"]\n";
    let house = house(&format!("{SHOP}{require}"));
    let (code, said) = check(&house, &[]);
    assert_eq!(code, 2);
    assert_eq!(
        said,
        "`DATABASE_URL` is put together from `PASSWORD`, which has no value\n  \
         seal it: `hoziron vault set PASSWORD`\n\
         `PASSWORD` is required and has no value\n  \
         seal it: `hoziron vault set PASSWORD`\n"
    );
    house.seal("EXTRA", b"x");
    // What only this machine has does not count.
    fs::write(house.home().join(".env"), "PASSWORD=local\n").unwrap();
    house
        .feed(["vault", "set", "DATABASE_URL"], b"by hand")
        .ok();
    let (code, said) = check(&house, &[]);
    assert_eq!(code, 2);
    for part in [
        "exactly one of `EXTRA`, `PGHOST` must be there; found 2",
        "`PASSWORD` is required",
        "`DATABASE_URL` is sealed, so it is not put together",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let (code, json) = check(&house, &["--json"]);
    assert_eq!(code, 2);
    assert!(json.contains("\"format_version\": 1"), "{json}");
    assert!(json.contains("\"secret\": \"PASSWORD\""), "{json}");
    // By itself, so that the vault has it before the manifest asks for more.
    house.seal("prod/PASSWORD", b"long");
    declare(
        &house,
        "[secrets.OLD]\nprofiles = [\"prod\"]\nmin_length = 40\nrequired = false\n",
    );
    house.run(["env", "check", "-P", "prod"]).ok();
    let id = house.root().join("old");
    fs::write(&id, "canary-short").unwrap();
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("min_length = 40", "min_length = 4")).unwrap();
    house.seal("prod/OLD", b"canary-short");
    fs::write(&path, text).unwrap();
    let (code, said) = check(&house, &["-P", "prod"]);
    assert_eq!(code, 2);
    assert!(
        said.contains("`prod/OLD` does not fit its declaration: the value is shorter than 40"),
        "{said}"
    );
    assert!(!said.contains("canary"), "a value was shown");
}

#[test]
fn a_check_of_what_is_right_says_so_and_ends_with_0() {
    let house = house(SHOP);
    house.seal("PASSWORD", b"p@ss");
    let run = house.run(["env", "check"]);
    assert!(
        run.stderr.contains("all 3 variables of `.`"),
        "{}",
        run.stderr
    );
    assert!(run.ok().is_empty());
    house.run(["env", "check", "-P", "nowhere"]).fails(1);
}

/// Damage is worse than a difference, and is told apart by the exit code.
#[test]
fn a_check_finds_what_does_not_open() {
    let house = house(SHOP);
    house.seal("PASSWORD", b"p@ss");
    let path = house.vault("PASSWORD.age");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    fs::write(path, bytes).unwrap();
    let (code, said) = check(&house, &[]);
    assert_eq!(code, 6, "{said}");
    assert!(said.starts_with("`PASSWORD`: "), "{said}");
    assert!(!said.contains("DATABASE_URL"), "{said}");
    fs::remove_file(house.identity()).unwrap();
    house.run(["env", "check"]).fails(5);
}
