//! Values go in and come out as they are, and stock `age` reads the same.

use crate::applying::manifest;
use crate::house::{House, finish, has_judge, is_present};

/// Values that other tools alter.
fn hostile_values() -> Vec<Vec<u8>> {
    let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
    [
        &b"plain"[..],
        b"",
        b"\n",
        b"trailing\n\n",
        b"  leading and trailing  ",
        b"$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
        b"line\r\nline\r\n",
        br#"{"type":"service_account","key":"a\nb"}"#,
        b"nul\0inside",
        b"\xff\xfe\x80 not utf-8",
        pem.as_bytes(),
        b"\xef\xbb\xbfbom",
    ]
    .into_iter()
    .map(<[u8]>::to_vec)
    .chain([(0..=255).collect(), vec![b'x'; 1 << 20]])
    .collect()
}

/// A value of any bytes comes back, and `age -d` prints exactly the same; so does `rage`, if it is
/// on the machine.
#[test]
fn any_bytes_round_trip() {
    let house = House::new();
    let mut judges = Vec::new();
    judges.extend(has_judge("age", "any_bytes_round_trip").then_some("age"));
    judges.extend(is_present("rage").then_some("rage"));
    for (index, value) in hostile_values().into_iter().enumerate() {
        let name = format!("VALUE_{index}");
        house.seal(&name, &value);
        assert!(house.run(["vault", "get", &name]).ok() == value, "{name}");
        for judge in &judges {
            let file = house.vault(&format!("{name}.age"));
            let mut age = house.program(judge);
            age.arg("-d").arg("-i").arg(house.identity()).arg(file);
            assert!(finish(&mut age, b"").ok() == value, "{name} by {judge}");
        }
    }
}

/// 16 MiB is the most, and one byte more is refused before anything is written.
#[test]
fn the_longest_value_round_trips() {
    let house = House::new();
    let value = vec![0xa5; 16 << 20];
    house.seal("LONGEST", &value);
    assert!(house.run(["vault", "get", "LONGEST"]).ok() == value);

    let before = house.snapshot();
    let path = house.root().join("longer");
    std::fs::write(&path, vec![1; (16 << 20) + 1]).unwrap();
    let refused = house.run([
        "vault",
        "set",
        "LONGER",
        "--from-file",
        path.to_str().unwrap(),
    ]);
    assert!(refused.fails(1).contains("longer than 16 MiB"));
    assert!(house.snapshot() == before);
}

/// From a pipe, one line end at the end is not part of the value; everything else is.
#[test]
fn one_line_end_of_a_pipe_is_stripped() {
    let house = House::new();
    for (piped, value) in [
        (&b"a\n"[..], &b"a"[..]),
        (b"a\r\n", b"a"),
        (b"a\n\n", b"a\n"),
        (b"a\r", b"a\r"),
        (b" a ", b" a "),
        (b"\n", b""),
    ] {
        house.feed(["vault", "set", "PIPED"], piped).ok();
        assert_eq!(house.run(["vault", "get", "PIPED"]).ok(), value);
    }
}

/// What a declaration asks for is asked of every value that one command seals under its name.
#[test]
fn a_value_that_is_not_what_its_declaration_asks_for_is_not_sealed() {
    let house = House::new();
    manifest(
        &house,
        r#"
        [secrets.PORT]
        type = "port"
        [secrets.TOKEN]
        pattern = "tok_.*"
        min_length = 12
        max_length = 20
        "#,
    );
    let before = house.snapshot();
    for (name, value, rule) in [
        ("PORT", "canary-port", "the value is not a port"),
        ("TOKEN", "tok_canary", "shorter than 12 characters"),
        (
            "TOKEN",
            "tok_canary-canary-canary",
            "longer than 20 characters",
        ),
        ("TOKEN", "canary-tok_canary", "does not match the pattern"),
    ] {
        let said = house
            .feed(["vault", "set", name], value.as_bytes())
            .fails(1);
        assert!(said.contains(rule), "{said}");
        assert!(said.contains(&format!("cannot seal `{name}`")), "{said}");
        assert!(!said.contains("canary"), "{said}");
        let path = house.root().join("value");
        std::fs::write(&path, value).unwrap();
        let path = path.to_str().unwrap();
        let from_file = ["vault", "set", name, "--from-file", path];
        assert_eq!(house.run(from_file).fails(1), said);
    }
    for words in [
        &["vault", "set", "TOKEN", "--generate", "hex:16"][..],
        &["vault", "generate", "TOKEN", "hex:16"],
    ] {
        let said = house.run(words).fails(1);
        assert!(said.contains("longer than 20 characters"), "{said}");
    }
    let mut edit = house.hoziron(["vault", "edit", "TOKEN"]);
    edit.env("EDITOR", "sh -c 'printf canary > \"$1\"' sh");
    let said = finish(&mut edit, b"").fails(1);
    assert!(said.contains("shorter than 12 characters"), "{said}");
    assert!(said.contains("your text is kept in memory"), "{said}");
    assert!(house.snapshot() == before, "something was written");
    house
        .feed(["vault", "set", "TOKEN"], b"tok_canary-canary")
        .ok();
    house.feed(["vault", "set", "prod/TOKEN"], b"canary").ok();
}
