//! Whole files: the known answers, what each line of the list of known faults of implementations
//! asks for, and what is refused.

use super::*;
use crate::domain::{Identity, Keyring, Recipient, SecretValue};
use crate::input::{Found, Item};

mod writing;

const KEY: &str = include_str!("../../fixtures/sops/key.txt");
const KAT: &str = include_str!("../../fixtures/sops/kat.sops.yaml");
const KAT_ONLY_SEALED: &str = include_str!("../../fixtures/sops/kat_moe.sops.yaml");

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    keyring
        .read("a test", &SecretValue::new(KEY.as_bytes().to_vec()))
        .unwrap();
    keyring
}

fn named(text: &str, store: Store, check: Check) -> Result<Named, SopsError> {
    let document = Document::parse(text.as_bytes(), store)?;
    Ok(open(&document, &keyring(), check)?.named())
}

fn told(items: &[Item]) -> Vec<String> {
    let tell = |item: &Item| {
        let what = match &item.found {
            Found::Empty => "{}".to_owned(),
            Found::List => "[]".to_owned(),
            Found::Null => " null".to_owned(),
            Found::Value(value) => format!("={}", String::from_utf8_lossy(value.reveal())),
        };
        format!("{}{what}", item.path.join("."))
    };
    items.iter().map(tell).collect()
}

fn read(text: &str) -> Result<Vec<String>, SopsError> {
    Ok(told(&named(text, Store::Yaml, Check::Verify)?.items))
}

const VALUES: [&str; 12] = [
    "db.password=hunter2",
    "db.port=-42",
    "db.ratio=1.5",
    "db.tls=true",
    "db.since=2024-01-02T03:04:05Z",
    "db.empty=",
    "db.nothing null",
    "list[]",
    "list.x[]",
    "we:ird=a:b",
    "uni=ü\n",
    "open_unencrypted.greeting=visible",
];

/// Checklist 3 (null), 9 (paths), 13 (comments): the MAC holds only if all of them are right.
#[test]
fn the_known_files_open() {
    for text in [KAT, KAT_ONLY_SEALED] {
        let found = read(text).unwrap();
        assert_eq!(found[..12], VALUES, "{found:?}");
        assert_eq!(found[12], "open_unencrypted.count=7");
    }
}

/// Checklist 16, 17, 28: what old and other writers leave out or spell in another way.
#[test]
fn metadata_of_old_and_other_writers_is_read() {
    for (from, to) in [
        ("    version: 3.13.2\n", ""),
        ("version: 3.13.2", "version: 1.14"),
        ("version: 3.13.2", "version: 99.0.0\n    unknown: {a: [1]}"),
        ("    unencrypted_suffix: _unencrypted\n", ""),
        ("\"2026-01-02T03:04:05Z\"", "2026-01-02T03:04:05Z"),
        (
            "\"2026-01-02T03:04:05Z\"",
            "\"2026-01-02T03:04:05.999+00:00\"",
        ),
        ("    age:\n", "    kms: []\n    pgp: null\n    age:\n"),
        ("    lastmodified", "    # a comment\n    lastmodified"),
    ] {
        let text = KAT.replace(from, to);
        assert_ne!(text, KAT);
        assert_eq!(read(&text).unwrap().len(), 13, "{to}");
    }
}

/// Checklist 24.
#[test]
fn line_ends_do_not_matter() {
    assert_eq!(read(&KAT.replace('\n', "\r\n")).unwrap().len(), 13);
}

/// Checklist 10 and 12: the rule says what is sealed, for every key on the way.
#[test]
fn the_rule_decides_and_not_the_look() {
    let look = KAT.replace("greeting: visible", "greeting: ENC[AES256_GCM,data:x]");
    let found = named(&look, Store::Yaml, Check::Skip).unwrap().items;
    assert!(told(&found).contains(&"open_unencrypted.greeting=ENC[AES256_GCM,data:x]".to_owned()));

    let error = read(&KAT.replace("empty: \"\"", "empty: open")).unwrap_err();
    assert_eq!(
        error,
        SopsError::Value {
            path: "db.empty".to_owned(),
            source: ValueError::NotSealed
        }
    );
    for clear in ["7", "true", "2024-01-02"] {
        let error = read(&KAT.replace("empty: \"\"", &format!("empty: {clear}"))).unwrap_err();
        assert!(
            matches!(
                error,
                SopsError::Value {
                    source: ValueError::NotSealed,
                    ..
                }
            ),
            "{clear}"
        );
    }
    let deep = KAT.replace("greeting: visible", "a: {b: [{c: visible}]}");
    assert_eq!(read(&deep).unwrap().len(), 13);
}

#[test]
fn a_mac_that_is_missing_or_another_is_refused_unless_asked_for() {
    let missing: String = KAT
        .lines()
        .filter(|line| !line.contains(" mac:"))
        .map(|line| format!("{line}\n"))
        .collect();
    let other = KAT.replace("count: 7", "count: 8");
    let moved = KAT.replace("03:04:05Z\"", "03:04:06Z\"");
    for (text, error) in [
        (missing, SopsError::NoMac),
        (other, SopsError::Mac),
        (moved, SopsError::UnreadableMac),
    ] {
        assert_eq!(read(&text).unwrap_err(), error);
        let document = Document::parse(text.as_bytes(), Store::Yaml).unwrap();
        let opened = open(&document, &keyring(), Check::Skip).unwrap();
        assert_eq!(opened.unverified, Some(error));
    }
}

/// The first tampering a reader must see: a value that was swapped, cut, blanked or relabelled.
#[test]
fn tampering_is_refused_by_name_and_without_a_value() {
    let line = |key: &str| {
        KAT.lines()
            .find(|line| line.trim_start().starts_with(key))
            .unwrap()
    };
    let (password, port) = (line("password:"), line("port:"));
    let swapped = KAT.replace(password, &port.replace("port:", "password:"));
    let blank = KAT.replace(password, "    password: \"\"");
    let kind = KAT.replace("type:int]\n    ratio", "type:what]\n    ratio");
    assert!(
        matches!(read(&swapped), Err(SopsError::Value { path, source: ValueError::Tampered }) if path == "db.password")
    );
    assert_eq!(read(&blank), Err(SopsError::Mac));
    assert!(matches!(
        read(&kind),
        Err(SopsError::Value {
            source: ValueError::UnknownKind,
            ..
        })
    ));
}

/// Checklist 21: numbers in the open count as go-yaml reads them.
#[test]
fn clear_scalars_count_as_go_yaml_reads_them() {
    for spelling in ["0x7", "07", "0b111", "+7", "0_7", "7.0", "7e0"] {
        let text = KAT.replace("count: 7", &format!("count: {spelling}"));
        assert_eq!(read(&text).unwrap().len(), 13, "{spelling}");
    }
    for spelling in ["08", "\"07\"", "7.5"] {
        let text = KAT.replace("count: 7", &format!("count: {spelling}"));
        assert_eq!(read(&text), Err(SopsError::Mac), "{spelling}");
    }
}

/// Checklist 8: YAML of sops has no two equal keys, and a second block is refused.
#[test]
fn a_second_block_and_a_block_that_is_no_map_are_refused() {
    let twice = format!("{KAT}sops:\n    x: 1\n");
    assert_eq!(read(&twice), Err(SopsError::Metadata("sops")));
    assert_eq!(read("a: 1\nsops: 1\n"), Err(SopsError::Metadata("sops")));
    assert_eq!(read("a: 1\n"), Err(SopsError::NoBlock));
    assert_eq!(
        named("A=1\n", Store::Dotenv, Check::Verify).unwrap_err(),
        SopsError::NoBlock
    );
}

/// Checklist 22: further documents belong to the same MAC, and their blocks are not looked at.
#[test]
fn several_documents_are_one_file() {
    let (values, block) = KAT.split_once("sops:\n").unwrap();
    let (first, second) = values.split_once("we:ird").unwrap();
    let text = format!("{first}sops:\n{block}---\nwe:ird{second}sops:\n    x: 1\n");
    assert_eq!(read(&text).unwrap().len(), 13);
}

/// Checklist 7: a MAC is made in the order of the file.
#[test]
fn values_in_another_order_are_another_file() {
    let (first, second) = (
        "    - ENC[AES256_GCM,data:WFB0mRc=",
        "    - ENC[AES256_GCM,data:7a8KRQ==",
    );
    let moved = KAT
        .replace(first, "FIRST")
        .replace(second, first)
        .replace("FIRST", second);
    let swap = |line: &str| {
        line.split_once(",iv:")
            .map(|(_, rest)| rest.to_owned())
            .unwrap()
    };
    let rest = |data: &str| swap(KAT.lines().find(|line| line.starts_with(data)).unwrap());
    let moved = moved
        .replace(&rest(first), "REST")
        .replace(&rest(second), &rest(first))
        .replace("REST", &rest(second));
    assert_eq!(read(&moved), Err(SopsError::Mac));
}

/// An alias could stand for a million values, and depth for a stack that ends.
#[test]
fn bombs_are_refused() {
    let deep = format!("a: {}\n", "[".repeat(1_000_000));
    assert!(matches!(
        read(&deep),
        Err(SopsError::Input(
            InputError::Syntax { .. } | InputError::TooDeep
        ))
    ));
    let alias = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    assert_eq!(
        read(alias),
        Err(SopsError::Input(InputError::Alias { line: 2 }))
    );
    let large = " ".repeat(MAX_FILE + 1);
    assert!(matches!(
        read(&large),
        Err(SopsError::Input(InputError::TooLarge { .. }))
    ));
    let costly = "k".repeat(1000);
    let costly = KAT.replace(
        "unencrypted_suffix: _unencrypted",
        "encrypted_regex: (k?){400}~",
    ) + &(0..400)
        .map(|at| format!("{costly}{at}: \"\"\n"))
        .collect::<String>();
    assert_eq!(read(&costly), Err(SopsError::Costly));
    let recipient = "        - recipient: a\n          enc: b\n";
    let many = format!("a: 1\nsops:\n    age:\n{}", recipient.repeat(100_000));
    assert!(matches!(
        read(&many),
        Err(SopsError::Input(InputError::TooMany))
    ));
}

#[test]
fn a_store_is_chosen_as_sops_does() {
    for (name, store) in [
        ("a.yaml", Store::Yaml),
        ("x/a.sops.yml", Store::Yaml),
        (".env", Store::Dotenv),
        ("foo.env", Store::Dotenv),
        (".env.prod", Store::Binary),
        ("a.YAML", Store::Binary),
        ("a.ini", Store::Ini),
        ("a.json", Store::Json),
    ] {
        assert_eq!(Store::of_name(name), store, "{name}");
    }
    for (text, store) in [
        (KAT, Some(Store::Yaml)),
        (
            "{\"a\": 1, \"sops\": {\"lastmodified\": 1}}",
            Some(Store::Json),
        ),
        ("A=1\nsops_mac=x\n", Some(Store::Dotenv)),
        ("[a]\nb = 1\n[sops]\n", Some(Store::Ini)),
        ("sops: true\n", None),
        ("A=sops_mac=\n", None),
    ] {
        assert_eq!(Store::of_content(text.as_bytes()), store);
    }
}
