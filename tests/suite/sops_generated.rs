//! Generated documents: what the real `sops` seals opens here with the same values, and what is
//! written here opens there, in every store. `HOZIRON_SOPS_ROUNDS` says how many there are of each
//! kind; the measurement beside them is run by hand.

use std::fs;
use std::process::Command;
use std::time::Instant;

use hoziron::SecretValue;
use hoziron::domain::{Identity, Keyring, Plugins, Recipient};
use hoziron::input::Found;
use hoziron::input::tree::nest;
use hoziron::sops::{Check, Document, Store, Written, open, write};
use tempfile::TempDir;

use crate::house::{finish, has_judge};

const NOW: &str = "2026-01-02T03:04:05Z";

/// A person, and a folder for files.
struct Place {
    dir: TempDir,
    keyring: Keyring,
    recipient: Recipient,
}

impl Place {
    fn new() -> Self {
        let identity = Identity::generate("a test");
        let dir = tempfile::tempdir().unwrap();
        let text = identity.file_text(&[]).unwrap();
        fs::write(dir.path().join("key.txt"), text.reveal()).unwrap();
        let recipient = Recipient::parse(identity.public()).unwrap();
        let mut keyring = Keyring::default();
        keyring.add(identity);
        Self {
            dir,
            keyring,
            recipient,
        }
    }

    fn sops(&self, args: &[&str]) -> Command {
        let mut command = Command::new("sops");
        command
            .args(args)
            .env("SOPS_AGE_RECIPIENTS", self.recipient.text())
            .env("SOPS_AGE_KEY_FILE", self.dir.path().join("key.txt"))
            .stdin(std::process::Stdio::null());
        command
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, bytes: &[u8], store: Store) -> Vec<(String, Vec<u8>)> {
        let document = Document::parse(bytes, store).unwrap();
        let opened = open(&document, &self.keyring, Check::Verify).unwrap();
        let items = opened.named().items.into_iter();
        let values = items.filter_map(|item| match item.found {
            Found::Value(value) => Some((item.path.join("."), value.reveal().to_vec())),
            _ => None,
        });
        values.collect()
    }

    fn write(&self, values: &[(String, Vec<u8>)], store: Store) -> Vec<u8> {
        let value = |(path, value): &(String, Vec<u8>)| {
            let path = path.split('.').map(str::to_owned).collect();
            (path, SecretValue::new(value.clone()))
        };
        let tree = nest(values.iter().map(value).collect()).unwrap();
        match write(
            &tree,
            store,
            &[&self.recipient],
            &Plugins::default(),
            NOW,
            None,
        )
        .unwrap()
        {
            Written::New(text) => text,
            Written::Unchanged => panic!("there was no file"),
        }
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 14] = [
            "a",
            "B9",
            " ",
            "'",
            "\"",
            "\\",
            "#",
            ": ",
            "ü",
            "\u{1f600}",
            "\n",
            "\t",
            "=",
            "- ",
        ];
        (0..self.throw(9)).map(|_| PARTS[self.throw(14)]).collect()
    }

    /// Spellings in YAML, and the value as sops sees it.
    fn yaml(&mut self) -> (String, String) {
        const FIXED: [(&str, &str); 16] = [
            ("true", "true"),
            ("FALSE", "false"),
            ("12", "12"),
            ("-0", "0"),
            ("0o17", "15"),
            ("0755", "493"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("9223372036854775807", "9223372036854775807"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("-.inf", "-Inf"),
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            (
                "2001-12-14t21:59:43.10-05:00",
                "2001-12-14T21:59:43.1-05:00",
            ),
            ("off", "off"),
            ("1:30", "1:30"),
        ];
        match self.throw(3) {
            0 => {
                let text = self.text();
                (json(&text), text)
            }
            _ => {
                let (spelt, value) = FIXED[self.throw(FIXED.len())];
                (spelt.to_owned(), value.to_owned())
            }
        }
    }
}

fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ => out.push(char),
        }
    }
    out + "\""
}

fn rounds() -> usize {
    let told = std::env::var("HOZIRON_SOPS_ROUNDS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(24)
}

const RULES: [&[&str]; 5] = [
    &[],
    &["--encrypted-regex", "^k[0-4]"],
    &["--unencrypted-regex", "^k[1-3]$"],
    &["--encrypted-suffix", "1"],
    &["--mac-only-encrypted", "--unencrypted-suffix", "2"],
];

#[test]
fn what_sops_seals_opens_with_the_same_values() {
    if !has_judge("sops", "what_sops_seals_opens_with_the_same_values") {
        return;
    }
    let place = Place::new();
    let mut dice = Dice(1);
    for round in 0..rounds() {
        let mut text = String::new();
        let mut expected = Vec::new();
        let (name, store) = match round % 4 {
            0 | 1 => {
                for key in 0..1 + dice.throw(6) {
                    let (spelt, value) = dice.yaml();
                    if dice.throw(3) == 0 {
                        text.push_str(&format!("# about\nk{key}:\n    in{key}: {spelt} # side\n    l: [1, x]\n    n: ~\n"));
                        expected.push((format!("k{key}.in{key}"), value));
                    } else {
                        text.push_str(&format!("k{key}: {spelt}\n"));
                        expected.push((format!("k{key}"), value));
                    }
                }
                ("x.yaml", Store::Yaml)
            }
            2 => {
                let mut members = Vec::new();
                for key in 0..1 + dice.throw(6) {
                    let value = dice.text();
                    members.push(format!("\"k{key}\": {{\"x\": {}}}", json(&value)));
                    expected.push((format!("k{key}.x"), value));
                }
                text = format!("{{{}}}", members.join(","));
                ("x.json", Store::Json)
            }
            _ => {
                for key in 0..1 + dice.throw(6) {
                    let value = dice.text().replace('\n', "").replace('\\', "/");
                    text.push_str(&format!("K{key}={value}\n#c\n"));
                    expected.push((format!("K{key}"), value));
                }
                ("x.env", Store::Dotenv)
            }
        };
        let path = place.path(name);
        fs::write(&path, &text).unwrap();
        let rule = RULES[dice.throw(RULES.len())];
        let sealed = finish(
            &mut place.sops(&[&["--encrypt"][..], rule, &[&path]].concat()),
            b"",
        );
        let found = place.read(&sealed.ok(), store);
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(path, value)| (path, value.into_bytes()))
            .collect();
        assert_eq!(found, expected, "{rule:?}\n{text}");
    }
}

#[test]
fn what_is_written_opens_in_sops_with_the_same_values() {
    if !has_judge("sops", "what_is_written_opens_in_sops_with_the_same_values") {
        return;
    }
    let place = Place::new();
    let mut dice = Dice(2);
    for round in 0..rounds() {
        let (name, store) = [
            ("x.yaml", Store::Yaml),
            ("x.json", Store::Json),
            ("x.env", Store::Dotenv),
        ][round % 3];
        let mut values = Vec::new();
        for key in 0..1 + dice.throw(6) {
            let mut value = dice.text();
            let nested = store != Store::Dotenv && dice.throw(2) == 0;
            if store == Store::Dotenv {
                value = value.replace('\\', "/");
            }
            values.push((
                if nested {
                    format!("f{key}.k{key}")
                } else {
                    format!("f{key}")
                },
                value.into_bytes(),
            ));
        }
        let path = place.path(name);
        fs::write(&path, place.write(&values, store)).unwrap();
        let opened = finish(
            &mut place.sops(&["decrypt", "--output-type", "json", &path]),
            b"",
        )
        .ok();
        assert_eq!(place.read(&fs::read(&path).unwrap(), store), values);
        let plain: serde_json::Value = serde_json::from_slice(&opened).unwrap();
        for (path, value) in &values {
            let found = plain.pointer(&format!("/{}", path.replace('.', "/")));
            assert_eq!(
                found.and_then(|found| found.as_str()).map(str::as_bytes),
                Some(&value[..]),
                "{path}"
            );
        }
    }
}

/// Run by hand: `cargo test --test suite sops_generated -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn ten_thousand_values_take_less_than_a_third_of_the_time_of_sops() {
    let place = Place::new();
    let token = |at: usize| format!("token-{at:026}").into_bytes();
    let values: Vec<_> = (0..10_000)
        .map(|at| (format!("KEY_{at:05}"), token(at)))
        .collect();
    let plain: String = values
        .iter()
        .map(|(key, value)| format!("{key}: {}\n", String::from_utf8_lossy(value)))
        .collect();
    let (plain_path, path) = (place.path("plain.yaml"), place.path("x.yaml"));
    fs::write(&plain_path, plain).unwrap();
    let started = Instant::now();
    let text = place.write(&values, Store::Yaml);
    let ours = started.elapsed();
    fs::write(&path, &text).unwrap();
    let started = Instant::now();
    finish(&mut place.sops(&["encrypt", &plain_path]), b"").ok();
    let theirs = started.elapsed();
    eprintln!("writing: {ours:?}, sops {theirs:?}");
    assert!(ours * 3 < theirs);
    let started = Instant::now();
    assert_eq!(place.read(&text, Store::Yaml), values);
    let ours = started.elapsed();
    let started = Instant::now();
    finish(&mut place.sops(&["decrypt", &path]), b"").ok();
    let theirs = started.elapsed();
    eprintln!("reading: {ours:?}, sops {theirs:?}");
    assert!(ours * 3 < theirs);
}
