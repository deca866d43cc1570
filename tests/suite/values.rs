//! Values go in and come out as they are, and stock `age` reads the same.

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
