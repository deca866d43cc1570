//! Moving in and out: `vault import` and `vault export`, with the real `sops`, `age` and python as
//! judges. What sops wrote opens here with the same values, what is written here opens there, also
//! after sops changed it; and nothing is written over that nobody asked for.

use std::fs;
use std::process::Command;

use crate::house::{House, finish, has_judge};

/// The public half of the owner's key.
fn recipient(house: &House) -> String {
    let text = fs::read_to_string(house.identity()).unwrap();
    let start = text.find("age1").unwrap();
    text[start..].split_whitespace().next().unwrap().to_owned()
}

fn sops(house: &House, args: &[&str]) -> Command {
    let mut command = house.program("sops");
    command
        .args(args)
        .env("SOPS_DISABLE_VERSION_CHECK", "1")
        .env("SOPS_AGE_RECIPIENTS", recipient(house))
        .env("SOPS_AGE_KEY_FILE", house.identity());
    command
}

/// Writes a file, has sops seal it, and returns the sealed file's path.
fn sealed(house: &House, name: &str, text: &[u8], options: &[&str]) -> String {
    let path = house.root().join(name);
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    let args = [&["--encrypt", "-i"][..], options, &[&path]].concat();
    finish(&mut sops(house, &args), b"").ok();
    path
}

fn get(house: &House, name: &str) -> Vec<u8> {
    house.run(["vault", "get", name]).ok()
}

/// sops keeps both of JSON and `.env`, and its MAC counts both; of an INI section it keeps the last.
#[test]
fn of_a_name_that_comes_twice_the_last_counts_and_it_is_said() {
    let test = "of_a_name_that_comes_twice_the_last_counts_and_it_is_said";
    if !has_judge("sops", test) {
        return;
    }
    for (file, text, name, is_said) in [
        ("twice.json", "{\"A\": \"1\", \"A\": \"2\"}", "A", true),
        ("twice.env", "A=1\nA=2\n", "A", true),
        ("twice.ini", "[s]\nA = 1\nA = 2\n", "s/A", false),
    ] {
        let house = House::new();
        let path = sealed(&house, file, text.as_bytes(), &[]);
        let words = ["vault", "import", &path, "--format", "sops", "--yes"];
        let run = house.run(words);
        let twice = run.stderr.contains("`A` stands in") && run.stderr.contains("more than once");
        assert_eq!(twice, is_said, "{file}: {}", run.stderr);
        run.ok();
        assert_eq!(get(&house, name), b"2", "{file}");
    }
}

const YAML: &str = "\
# about all
A: one
db:
    password: hunter2 # inline
    port: 5432
    ratio: 1.50
    tls: true
    since: 2024-01-02
    empty: \"\"
    nothing: null
    multi: |
        line1
        line2
big: 9007199254740993
uni: \"ü\u{1f600}\\t\"
list:
    - 1
    - two
";

#[test]
fn a_file_of_sops_is_imported_whole_and_only_once() {
    if !has_judge("sops", "a_file_of_sops_is_imported_whole_and_only_once") {
        return;
    }
    for options in [
        &[][..],
        &["--encrypted-regex", "^(password|multi)$"],
        &["--unencrypted-regex", "port"],
        &["--encrypted-suffix", "word"],
        &["--mac-only-encrypted", "--encrypted-regex", "^db$"],
        &["--encrypted-comment-regex", "inline"],
        &["--unencrypted-comment-regex", "about"],
    ] {
        let house = House::new();
        let path = sealed(&house, "s.enc.yaml", YAML.as_bytes(), options);
        let run = house.run(["vault", "import", &path, "--yes"]);
        let said = run.stderr.clone();
        let shown = String::from_utf8(run.ok()).unwrap();
        assert!(shown.contains("  + db/password\n"), "{options:?}: {shown}");
        assert!(shown.ends_with("  ! db.nothing  null; a secret has a value\n  ! list  a list; a secret is one value\n"), "{shown}");
        assert!(
            said.contains("10 to seal, 0 unchanged, 2 left out"),
            "{said}"
        );
        for (name, value) in [
            ("A", "one"),
            ("db/password", "hunter2"),
            ("db/port", "5432"),
            ("db/ratio", "1.5"),
            ("db/tls", "true"),
            ("db/since", "2024-01-02T00:00:00Z"),
            ("db/empty", ""),
            ("db/multi", "line1\nline2\n"),
            ("big", "9007199254740993"),
            ("uni", "ü\u{1f600}\t"),
        ] {
            assert_eq!(get(&house, name), value.as_bytes(), "{options:?} {name}");
        }
        let before = house.snapshot();
        let again = house.run(["vault", "import", &path, "--yes"]);
        assert!(
            again.stderr.contains("0 to seal, 10 unchanged"),
            "{}",
            again.stderr
        );
        assert_eq!(house.snapshot(), before);
    }
}

#[test]
fn every_store_of_sops_is_read() {
    if !has_judge("sops", "every_store_of_sops_is_read") {
        return;
    }
    let house = House::new();
    let import = |name: &str, text: &[u8], more: &[&str]| {
        let path = sealed(&house, name, text, &[]);
        let args = [&["vault", "import", &path, "--yes"][..], more].concat();
        house.run(args).ok();
    };
    import(
        "j.json",
        br#"{"j": {"n": 12, "f": 1.5, "s": "x\u00e9"}}"#,
        &[],
    );
    import("d.env", b"#c\nD=\"q\" x\nE=a\\nb\n", &[]);
    import("i.ini", b"top = 1\n; c\n[s]\na = b # c\n", &[]);
    import("tls.key", b"\xff\x00bin\n", &["--map", "tls.key=TLS_KEY"]);
    for (name, value) in [
        ("j/n", &b"12"[..]),
        ("j/f", b"1.5"),
        ("j/s", "xé".as_bytes()),
        ("D", b"\"q\" x"),
        ("E", b"a\nb"),
        ("top", b"1"),
        ("s/a", b"b"),
        ("TLS_KEY", b"\xff\x00bin\n"),
    ] {
        assert_eq!(get(&house, name), value, "{name}");
    }
}

/// sops' own faults do not become ours: sops cannot open this one.
#[test]
fn a_sealed_env_file_with_crlf_is_read() {
    if !has_judge("sops", "a_sealed_env_file_with_crlf_is_read") {
        return;
    }
    let house = House::new();
    let path = sealed(&house, "d.env", b"D=one\n", &[]);
    let text = fs::read_to_string(&path).unwrap().replace('\n', "\r\n");
    fs::write(&path, text).unwrap();
    assert!(
        !finish(&mut sops(&house, &["decrypt", &path]), b"")
            .status
            .success()
    );
    house.run(["vault", "import", &path, "--yes"]).ok();
    assert_eq!(get(&house, "D"), b"one");
}

#[test]
fn a_changed_file_is_refused_and_taken_only_by_request() {
    if !has_judge(
        "sops",
        "a_changed_file_is_refused_and_taken_only_by_request",
    ) {
        return;
    }
    let house = House::new();
    let path = sealed(&house, "s.yaml", b"A: qCanary\nx_unencrypted: 1\n", &[]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("x_unencrypted: 1", "x_unencrypted: 2")).unwrap();
    let said = house.run(["vault", "import", &path, "--yes"]).fails(6);
    assert!(
        said.contains("its MAC does not fit") && !said.contains("qCanary"),
        "{said}"
    );
    let run = house.run(["vault", "import", &path, "--yes", "--ignore-mac"]);
    assert!(run.stderr.contains("is verified"), "{}", run.stderr);
    run.ok();
    fs::write(&path, text.replace("age1", "age1x")).unwrap();
    let other = House::new();
    let said = other.run(["vault", "import", &path, "--yes"]).fails(5);
    assert!(
        said.contains(&recipient(&other)),
        "the keys that were tried: {said}"
    );
}

fn filled() -> House {
    let house = House::new();
    for (name, value) in [
        ("API_KEY", &b"k-123"[..]),
        ("EMPTY", b""),
        ("no", b"off"),
        ("db/PASSWORD", "hünter\n2\n".as_bytes()),
        ("db/replica/URL", b"a: b # c"),
    ] {
        house.seal(name, value);
    }
    house
}

const FILLED: [(&str, &str); 5] = [
    ("API_KEY", "k-123"),
    ("EMPTY", ""),
    ("db/PASSWORD", "hünter\n2\n"),
    ("db/replica/URL", "a: b # c"),
    ("no", "off"),
];

/// What python sees in JSON, as `name=value` with every character escaped.
fn seen_as_json(house: &House, text: &[u8]) -> Vec<String> {
    const SHOW: &str = "import sys, json\n\
        def walk(path, node):\n\
        \x20   if isinstance(node, dict):\n\
        \x20       for key, below in node.items(): walk(path + [key], below)\n\
        \x20   else: print('/'.join(path), ascii(node))\n\
        walk([], json.load(sys.stdin))";
    let mut command = house.program("python3");
    command.args(["-c", SHOW]);
    let shown = String::from_utf8(finish(&mut command, text).ok()).unwrap();
    let mut lines: Vec<_> = shown.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn expected() -> Vec<String> {
    let ascii = |text: &str| text.replace('\n', "\\n").replace('ü', "\\xfc");
    let mut all: Vec<_> = FILLED
        .iter()
        .map(|(name, value)| format!("{name} '{}'", ascii(value)))
        .collect();
    all.sort();
    all
}

#[test]
fn sops_opens_what_is_exported_and_what_it_changes_comes_back() {
    if !has_judge(
        "sops",
        "sops_opens_what_is_exported_and_what_it_changes_comes_back",
    ) {
        return;
    }
    for format in ["yaml", "json"] {
        let house = filled();
        let path = house.root().join(format!("out.enc.{format}"));
        let path = path.to_str().unwrap();
        let kind = format!("sops-{format}");
        let export = ["vault", "export", "--format", &kind, "--output", path];
        house.run(export).ok();
        let open = || {
            let mut command = sops(&house, &["decrypt", "--output-type", "json", path]);
            seen_as_json(&house, &finish(&mut command, b"").ok())
        };
        assert_eq!(open(), expected());
        let first = fs::read(path).unwrap();
        house.run(export).ok();
        assert_eq!(fs::read(path).unwrap(), first, "the same values again");

        for args in [
            &["set", path, r#"["db"]["PASSWORD"]"#, r#""changed""#][..],
            &["rotate", "-i", path],
        ] {
            finish(&mut sops(&house, args), b"").ok();
        }
        let run = house.run(["vault", "import", path, "--yes"]);
        assert_eq!(String::from_utf8(run.ok()).unwrap(), "  ~ db/PASSWORD\n");
        assert_eq!(get(&house, "db/PASSWORD"), b"changed");
        let rotated = fs::read(path).unwrap();
        house.run(export).ok();
        assert_eq!(fs::read(path).unwrap(), rotated, "the layout of sops stays");
        house.seal("API_KEY", b"new");
        house.run(export).ok();
        assert!(open().contains(&"API_KEY 'new'".to_owned()));
    }
}

#[test]
fn sops_opens_an_exported_env_file() {
    if !has_judge("sops", "sops_opens_an_exported_env_file") {
        return;
    }
    let house = filled();
    let path = house.root().join("out.env");
    let path = path.to_str().unwrap();
    let export = [
        "vault",
        "export",
        "--format",
        "sops-dotenv",
        "--output",
        path,
    ];
    let said = house.run(export).fails(1);
    assert!(said.contains("--separator"), "{said}");
    house
        .run([&export[..], &["--separator", "__"]].concat())
        .ok();
    let opened = finish(&mut sops(&house, &["decrypt", path]), b"").ok();
    assert_eq!(
        String::from_utf8(opened).unwrap(),
        "API_KEY=k-123\nEMPTY=\ndb__PASSWORD=hünter\\n2\\n\ndb__replica__URL=a: b # c\nno=off\n"
    );
}

/// With the rule that is written, sops seals for the same recipients by itself.
#[test]
fn the_written_rule_is_the_one_sops_takes() {
    if !has_judge("sops", "the_written_rule_is_the_one_sops_takes") {
        return;
    }
    let house = filled();
    let out = house.repo().join("deploy");
    fs::create_dir(&out).unwrap();
    let path = out.join("s.enc.yaml");
    let args = [
        "--format",
        "sops-yaml",
        "--output",
        path.to_str().unwrap(),
        "--write-sops-config",
    ];
    let export = [&["vault", "export"][..], &args].concat();
    house.run(&export).ok();
    let rule = fs::read(out.join(".sops.yaml")).unwrap();
    let run = |args: &[&str]| {
        let mut command = sops(&house, args);
        command.env_remove("SOPS_AGE_RECIPIENTS").current_dir(&out);
        finish(&mut command, b"")
    };
    let updated = run(&["updatekeys", "--yes", "s.enc.yaml"]);
    assert!(
        updated.stderr.contains("already up to date"),
        "{}",
        updated.stderr
    );
    updated.ok();
    let again = house.run(&export);
    assert!(!again.stderr.contains("warning"), "{}", again.stderr);
    again.ok();
    assert_eq!(fs::read(out.join(".sops.yaml")).unwrap(), rule);
    fs::write(out.join(".sops.yaml"), "creation_rules: []\n").unwrap();
    let other = house.run(&export);
    assert!(other.stderr.contains("path_regex"), "{}", other.stderr);
    assert_eq!(
        fs::read(out.join(".sops.yaml")).unwrap(),
        b"creation_rules: []\n"
    );
}

#[test]
fn python_reads_what_is_exported_in_the_open() {
    const SHOW: &str = "import sys, json\n\
        kind = sys.argv[1]\n\
        if kind == 'json': found = json.load(sys.stdin)\n\
        elif kind == 'toml': import tomllib; found = tomllib.loads(sys.stdin.read())\n\
        else: import yaml; found = yaml.safe_load(sys.stdin)\n\
        print(json.dumps(found))";
    if !has_judge("python3", "python_reads_what_is_exported_in_the_open") {
        return;
    }
    let house = filled();
    for (format, module) in [("json", "json"), ("toml", "tomllib"), ("yaml", "yaml")] {
        let export = ["vault", "export", "--format", format];
        let text = house.run(export).ok();
        assert_eq!(house.run(export).ok(), text, "twice the same");
        let mut has = house.program("python3");
        has.args(["-c", &format!("import {module}")]);
        if !finish(&mut has, b"").status.success() {
            continue;
        }
        let mut command = house.program("python3");
        command.args(["-c", SHOW, format]);
        let json = finish(&mut command, &text).ok();
        assert_eq!(seen_as_json(&house, &json), expected(), "{format}");
        let path = house.root().join(format!("out.{format}"));
        fs::write(&path, &text).unwrap();
        let run = house.run(["vault", "import", path.to_str().unwrap(), "--yes"]);
        assert!(
            run.stderr.contains("0 to seal, 5 unchanged"),
            "{}",
            run.stderr
        );
    }
}

/// The way out, and back: age alone opens every file.
#[test]
fn a_folder_of_age_files_opens_with_age_and_comes_back() {
    if !has_judge("age", "a_folder_of_age_files_opens_with_age_and_comes_back") {
        return;
    }
    let house = filled();
    house.seal("RAW", b"\xff\x00");
    let path = house.root().join("out");
    let out = path.to_str().unwrap();
    let export = ["vault", "export", "--format", "age-dir", "--output", out];
    house.run(export).ok();
    let mut command = house.program("age");
    command
        .arg("-d")
        .arg("-i")
        .arg(house.identity())
        .arg(path.join("db/PASSWORD.age"));
    assert_eq!(finish(&mut command, b"").ok(), "hünter\n2\n".as_bytes());
    let page = fs::read_to_string(path.join("README.md")).unwrap();
    assert!(page.contains("age --decrypt"));
    let run = house.run(["vault", "import", out, "--yes"]);
    assert!(
        run.stderr.contains("0 to seal, 6 unchanged"),
        "{}",
        run.stderr
    );
    house.run(export).fails(1);
    house.run([&export[..], &["--force"]].concat()).ok();
    let other = House::new();
    let said = other.run(["vault", "import", out, "--yes"]).fails(5);
    assert!(said.contains("`db/PASSWORD.age`"), "{said}");
}

#[test]
fn nothing_is_written_over_unasked() {
    use std::os::unix::fs::PermissionsExt;

    let house = filled();
    let path = house.repo().join("out.json");
    let export = [
        "vault",
        "export",
        "--format",
        "json",
        "--output",
        path.to_str().unwrap(),
    ];
    let forced = [&export[..], &["--force"]].concat();
    house.run(export).ok();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    house.run(export).ok();
    fs::write(&path, "mine").unwrap();
    let said = house.run(export).fails(1);
    assert!(said.contains("it is there already"), "{said}");
    house.git(["add", "-f", "out.json"]);
    let said = house.run(export).fails(1);
    assert!(said.contains("git tracks it"), "{said}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    house.run(&forced).ok();
    assert_ne!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn a_value_that_a_format_cannot_carry_is_refused_by_name() {
    let house = House::new();
    house.seal("RAW", b"\xffqCanary");
    for format in [
        "json",
        "yaml",
        "toml",
        "dotenv",
        "sops-yaml",
        "sops-json",
        "sops-dotenv",
    ] {
        let said = house.run(["vault", "export", "--format", format]).fails(1);
        assert!(
            said.contains("`RAW`") && !said.contains("qCanary"),
            "{format}: {said}"
        );
    }
}

#[test]
fn plain_files_are_imported_with_names_of_ones_own() {
    let house = House::new();
    let path = house.root().join("x.json");
    fs::write(
        &path,
        br#"{"a": {"b": "1"}, "x-y": 2, "n": null, "S": "v\n"}"#,
    )
    .unwrap();
    let path = path.to_str().unwrap();
    let run = house.run(["vault", "import", path, "--dry-run"]);
    assert!(run.stderr.contains("--trim"), "{}", run.stderr);
    let shown = String::from_utf8(run.ok()).unwrap();
    assert!(
        shown.starts_with("  + S\n  + a/b\n  ! x-y  not a name"),
        "{shown}"
    );
    let args = [
        "--separator",
        "_",
        "--prefix",
        "APP_",
        "--map",
        "x-y=XY",
        "--trim",
        "-P",
        "prod",
    ];
    house
        .run([&["vault", "import", path, "--yes"][..], &args].concat())
        .ok();
    assert_eq!(get(&house, "prod/APP_a_b"), b"1");
    assert_eq!(get(&house, "prod/XY"), b"2");
    assert_eq!(get(&house, "prod/APP_S"), b"v");
    house
        .run(["vault", "import", path, "--yes", "--map", "nope=X"])
        .fails(64);
}

/// INI and single files go out as well, and sops opens them.
#[test]
fn sops_opens_an_exported_ini_file_and_a_single_one() {
    if !has_judge("sops", "sops_opens_an_exported_ini_file_and_a_single_one") {
        return;
    }
    let house = House::new();
    for (name, value) in [
        ("TOP", &b"a # b; c"[..]),
        ("db/PASSWORD", b"line1\nline2\n"),
        ("tls/KEY", b"\xff\x00bin\n"),
    ] {
        house.seal(name, value);
    }
    let export = |args: &[&str]| house.run([&["vault", "export"][..], args].concat());
    let said = export(&["--format", "sops-binary"]).fails(1);
    assert!(said.contains("-P FOLDER"), "{said}");
    let said = export(&["--format", "sops-ini"]).fails(1);
    assert!(said.contains("`tls.KEY`"), "{said}");
    let path = |name: &str| house.root().join(name).to_str().unwrap().to_owned();
    let (key, ini) = (path("tls.key"), path("x.ini"));
    export(&["--format", "sops-binary", "-P", "tls", "--output", &key]).ok();
    let opened = finish(&mut sops(&house, &["decrypt", &key]), b"").ok();
    assert_eq!(opened, b"\xff\x00bin\n");
    house.run(["vault", "remove", "tls/KEY", "--yes"]).ok();
    let args = ["--format", "sops-ini", "--output", &ini];
    export(&args).ok();
    let first = fs::read(&ini).unwrap();
    export(&args).ok();
    assert_eq!(fs::read(&ini).unwrap(), first, "the same values again");
    let mut command = sops(&house, &["decrypt", "--output-type", "json", &ini]);
    assert_eq!(
        seen_as_json(&house, &finish(&mut command, b"").ok()),
        ["DEFAULT/TOP 'a # b; c'", r"db/PASSWORD 'line1\nline2\n'"]
    );
    let run = house.run(["vault", "import", &ini, "--yes"]);
    assert!(
        run.stderr.contains("0 to seal, 2 unchanged"),
        "{}",
        run.stderr
    );
}

/// The keys of a `.sops.yaml` become recipient files; the rest of it is told, and nothing is run.
#[test]
fn recipients_of_a_sops_config_become_recipient_files() {
    const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    const SERVER: &str = "age1xhqm5upvy0g2q83sa63sf92ncrn36c8jxgwlwttl9wzlf8ljyqvsvdvkh7";
    let house = House::new();
    let own = recipient(&house);
    let path = house.root().join(".sops.yaml");
    fs::write(
        &path,
        format!(
            "keys:\n  - &bob {BOB}\ncreation_rules:\n  - path_regex: prod/.*\n    pgp: FBC7B9E2\n    \
             age: [*bob, {SERVER}]\n  - encrypted_regex: ^data$\n    age: {own},{SERVER},age1yubikey1x\n"
        ),
    )
    .unwrap();
    let config = path.to_str().unwrap();
    let before = house.snapshot();
    let take = ["vault", "import", "--recipients-from", config];
    let run = house.run([&take[..], &["--dry-run"]].concat());
    let said = run.stderr.clone();
    assert!(
        said.contains("2 to write, 1 there already, 4 left out"),
        "{said}"
    );
    assert!(said.contains("[access]"), "{said}");
    assert_eq!(
        String::from_utf8(run.ok()).unwrap(),
        format!(
            "  + recipients/bob.pub  {BOB}\n  + recipients/sops-1.pub  {SERVER}\n  \
             ! creation_rules[1].path_regex  who reads which folder is said in `[access]`\n  \
             ! creation_rules[1].pgp  a vault is sealed to age and ssh keys alone\n  \
             ! creation_rules[2].encrypted_regex  a vault seals every value\n  \
             ! creation_rules[2].age  not an age key\n"
        )
    );
    assert_eq!(house.run(take).code(), 1);
    assert_eq!(house.snapshot(), before, "nobody said yes");
    house.run([&take[..], &["--yes"]].concat()).ok();
    let file = |name: &str| fs::read_to_string(house.home().join("recipients").join(name)).unwrap();
    assert_eq!(file("bob.pub"), format!("{BOB}\n"));
    assert_eq!(file("sops-1.pub"), format!("{SERVER}\n"));
    let shown = String::from_utf8(house.run(["vault", "members", "list"]).ok()).unwrap();
    assert!(shown.contains("bob"), "{shown}");
    let again = house.run([&take[..], &["--yes"]].concat());
    assert!(
        again.stderr.contains("0 to write, 3 there already"),
        "{}",
        again.stderr
    );
    house
        .run([&take[..], &["--format", "sops"]].concat())
        .fails(64);
}
