//! What generators are made of, and what they make.

use super::*;

fn made(text: &str) -> String {
    let made = Generator::parse(text).unwrap().make();
    String::from_utf8(made.value.reveal().to_vec()).unwrap()
}

#[test]
fn a_specification_is_a_kind_a_length_and_more() {
    let charset = |length, set: &[u8]| Generator::Password {
        length,
        charset: Charset(set.to_vec()),
    };
    let token = |prefix: &str, length| Generator::Token {
        prefix: prefix.to_owned(),
        length,
    };
    for (text, generator) in [
        ("password", charset(32, parse::ALPHANUMERIC)),
        ("password:40", charset(40, parse::ALPHANUMERIC)),
        ("password:20:digits", charset(20, parse::DIGITS)),
        ("hex:16", Generator::Hex { bytes: 16 }),
        ("base64:48", Generator::Base64 { bytes: 48 }),
        ("base64url", Generator::Base64Url { bytes: 32 }),
        ("pin", Generator::Pin { length: 6 }),
        ("pin:4", Generator::Pin { length: 4 }),
        ("token", token("", 32)),
        ("token:20:a:b_", token("a:b_", 20)),
        ("uuid", Generator::Uuid4),
        ("uuid:4", Generator::Uuid4),
        ("uuid:7", Generator::Uuid7),
        ("age", Generator::Age { public: None }),
        ("ssh-ed25519", Generator::SshEd25519 { public: None }),
    ] {
        assert_eq!(Generator::parse(text), Ok(generator), "{text}");
    }
}

#[test]
fn what_makes_no_value_or_a_weak_one_is_refused() {
    use GeneratorError::{Charset, Length, Prefix, Unknown, Version, Weak};
    let long = format!("token:32:{}", "p".repeat(65));
    for (text, error) in [
        ("password:3", Length),
        ("password:", Length),
        ("password:+20", Length),
        ("password:99999999999999999999999", Length),
        ("hex:0", Length),
        ("hex:99999", Length),
        ("base64:x", Length),
        ("pin:3", Length),
        ("token:11", Length),
        ("token:20:a b", Prefix),
        (&long, Prefix),
        ("password:12:digits", Weak),
        ("password:32:alphnum", Charset),
        ("uuid:5", Version),
        ("", Unknown),
        ("pass:x", Unknown),
        ("Password:32", Unknown),
        ("hex:16:x", Unknown),
        ("age:1", Unknown),
        ("passphrase", Unknown),
    ] {
        assert_eq!(Generator::parse(text), Err(error), "{text}");
    }
}

#[test]
fn values_have_the_length_and_the_characters_that_were_asked_for() {
    type Fits = fn(&u8) -> bool;
    let cases: [(&str, usize, Fits); 9] = [
        ("password:40", 40, u8::is_ascii_alphanumeric),
        ("password:40:ascii", 40, u8::is_ascii_graphic),
        ("password:20:digits", 20, u8::is_ascii_digit),
        ("password:40:upper", 40, u8::is_ascii_uppercase),
        ("pin:8", 8, u8::is_ascii_digit),
        ("hex:16", 32, u8::is_ascii_hexdigit),
        ("base64:48", 64, u8::is_ascii_graphic),
        ("base64url:32", 43, u8::is_ascii_graphic),
        ("token:20:sk_", 23, u8::is_ascii_graphic),
    ];
    for (text, length, fits) in cases {
        let value = made(text);
        assert_eq!(value.len(), length, "{text}");
        assert!(value.as_bytes().iter().all(fits), "{text}");
    }
    assert!(made("token:20:sk_").starts_with("sk_"));
    assert_ne!(made("password:32"), made("password:32"));
}

/// The age crate's own readers take both halves.
#[test]
fn a_key_pair_is_one() {
    let age = Generator::parse("age").unwrap().make();
    let mut keys = crate::domain::Keyring::default();
    keys.read("made", &age.value).unwrap();
    let public = age.companion.unwrap();
    let public = std::str::from_utf8(public.reveal()).unwrap();
    assert_eq!(publics(&keys), [public]);

    let ssh = Generator::parse("ssh-ed25519").unwrap().make();
    let mut keys = crate::domain::Keyring::default();
    keys.read("made", &ssh.value).unwrap();
    let public = ssh.companion.unwrap();
    let public = std::str::from_utf8(public.reveal()).unwrap();
    assert!(public.starts_with("ssh-ed25519 AAAA"), "{public}");
    assert_eq!(publics(&keys), [public.trim_end()]);
}

#[test]
fn a_value_is_made_until_it_fits_its_shape() {
    let shape = |pattern| Shape {
        pattern: crate::manifest::shape::Pattern::parse(pattern),
        ..Shape::default()
    };
    let generator = Generator::parse("pin:4").unwrap();
    let fits = shape("[0-4].*");
    assert_eq!(generator.misfit(&fits), None);
    for _ in 0..20 {
        assert!(generator.make_fitting(&fits).is_ok());
    }
    let never = shape("[a-z]+");
    assert_eq!(generator.misfit(&never), Some(ShapeError::Pattern));
    assert!(generator.make_fitting(&never).is_err());
}

fn publics(keys: &crate::domain::Keyring) -> Vec<&str> {
    let identities = keys.identities().iter();
    identities.map(crate::domain::Identity::public).collect()
}
