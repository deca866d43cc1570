//! Generated documents: what the real `sops` seals opens here with the same values, what is written
//! here opens there, and what sops then changes comes back, in all five stores, with all types and
//! rules. `HOZIRON_SOPS_ROUNDS` says how many there are of each kind, if not a thousand.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hoziron::SecretValue;
use hoziron::domain::{Identity, Keyring, Plugins, Recipient};
use hoziron::input::Found;
use hoziron::input::tree::nest;
use hoziron::sops::{Check, Document, Store, Written, open, write};
use tempfile::TempDir;

use crate::house::{finish, has_judge};

const NOW: &str = "2026-01-02T03:04:05Z";

/// Names with their values, in the order of the file.
type Values = Vec<(String, Vec<u8>)>;

/// A person and somebody else, and a folder for files.
struct Place {
    dir: TempDir,
    keyring: Keyring,
    recipient: Recipient,
    other: Keyring,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [me, other] = ["me", "other"].map(Identity::generate);
        let text = me.file_text(&[]).unwrap();
        fs::write(dir.path().join("key.txt"), text.reveal()).unwrap();
        let recipient = Recipient::parse(me.public()).unwrap();
        let rule = format!(
            "creation_rules:\n  - age: {},{}\n",
            me.public(),
            other.public()
        );
        fs::write(dir.path().join("both.yaml"), rule).unwrap();
        let keyring = |identity| {
            let mut keyring = Keyring::default();
            keyring.add(identity);
            keyring
        };
        Self {
            dir,
            keyring: keyring(me),
            recipient,
            other: keyring(other),
        }
    }

    fn sops(&self, args: &[&str]) -> Vec<u8> {
        let mut command = Command::new("sops");
        command
            .args(args)
            .current_dir(self.dir.path())
            .env("SOPS_AGE_KEY_FILE", self.path("key.txt"))
            .stdin(Stdio::null());
        finish(&mut command, b"").ok()
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn read(&self, bytes: &[u8], store: Store, keyring: &Keyring) -> Values {
        let document = Document::parse(bytes, store).unwrap();
        let opened = open(&document, keyring, Check::Verify).unwrap();
        let items = opened.named().items.into_iter();
        let values = items.filter_map(|item| match item.found {
            Found::Value(value) => Some((item.path.join("."), value.reveal().to_vec())),
            _ => None,
        });
        values.collect()
    }

    /// Writes a file here; returns its path.
    fn write(&self, values: &Values, name: &str, store: Store) -> String {
        let value = |(path, value): &(String, Vec<u8>)| {
            let path = path.trim_start_matches("DEFAULT.").split('.');
            let path = path.map(str::to_owned).collect();
            (path, SecretValue::new(value.clone()))
        };
        let tree = nest(values.iter().map(value).collect()).unwrap();
        let Written::New(text) = write(
            &tree,
            store,
            &[&self.recipient],
            &Plugins::default(),
            NOW,
            None,
        )
        .unwrap() else {
            panic!("there was no file");
        };
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn of(kind: u64, round: usize) -> Self {
        let round = u64::try_from(round).unwrap();
        let mut dice = Self((kind << 32 | round).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.throw(2);
        dice
    }

    fn throw(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.throw(all.len())]
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 16] = [
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
            "<&>",
            "ENC[",
        ];
        (0..self.throw(9)).map(|_| self.pick(&PARTS)).collect()
    }

    /// A text for one line of a `.env` file.
    fn line(&mut self) -> String {
        self.text().replace('\n', "").replace('\\', "/")
    }

    fn bytes(&mut self) -> Vec<u8> {
        let byte = |dice: &mut Self| u8::try_from(dice.throw(256)).unwrap();
        (0..self.throw(200)).map(|_| byte(self)).collect()
    }

    /// Spellings in YAML, and the value as sops sees it.
    fn yaml(&mut self) -> (String, String) {
        const FIXED: [(&str, &str); 22] = [
            ("true", "true"),
            ("FALSE", "false"),
            ("12", "12"),
            ("-0", "0"),
            ("0o17", "15"),
            ("0755", "493"),
            ("0x1F", "31"),
            ("1_000", "1000"),
            ("9007199254740993", "9007199254740993"),
            ("9223372036854775807", "9223372036854775807"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("1.50", "1.5"),
            ("3.0", "3"),
            ("1e3", "1000"),
            ("-.inf", "-Inf"),
            (".nan", "NaN"),
            ("2024-01-02", "2024-01-02T00:00:00Z"),
            (
                "2001-12-14t21:59:43.10-05:00",
                "2001-12-14T21:59:43.1-05:00",
            ),
            ("off", "off"),
            ("1:30", "1:30"),
            ("\"\"", ""),
            ("'007'", "007"),
        ];
        if self.throw(3) == 0 {
            let text = self.text();
            return (json(&text), text);
        }
        let (spelt, value) = self.pick(&FIXED);
        (spelt.to_owned(), value.to_owned())
    }

    /// Spellings in JSON, of which every version of sops makes the same.
    fn json(&mut self) -> (String, String) {
        const FIXED: [(&str, &str); 7] = [
            ("true", "true"),
            ("false", "false"),
            ("42", "42"),
            ("-0.50", "-0.5"),
            ("1e3", "1000"),
            ("1000000000000000000", "1000000000000000000"),
            ("\"\"", ""),
        ];
        if self.throw(2) == 0 {
            let text = self.text();
            return (json(&text), text);
        }
        let (spelt, value) = self.pick(&FIXED);
        (spelt.to_owned(), value.to_owned())
    }

    /// Spellings in INI, and the value that go-ini reads.
    fn ini(&mut self) -> (&'static str, &'static str) {
        const FIXED: [(&str, &str); 9] = [
            ("bare", "bare"),
            ("two words", "two words"),
            ("ü\u{1f600}", "ü\u{1f600}"),
            ("a=b:c", "a=b:c"),
            ("12", "12"),
            ("cut # here", "cut"),
            ("`kept # here; and there`", "kept # here; and there"),
            ("\"\"\"line1\nline2\"\"\"", "line1\nline2"),
            ("", ""),
        ];
        self.pick(&FIXED)
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
    told.and_then(|text| text.parse().ok()).unwrap_or(1000)
}

/// Plays every round, several at a time.
fn play(test: &str, kind: u64, round: impl Fn(&Place, &mut Dice, usize) + Sync) {
    if !has_judge("sops", test) {
        return;
    }
    let next = AtomicUsize::new(0);
    let several = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        for _ in 0..several {
            scope.spawn(|| {
                let place = Place::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= rounds() {
                        break;
                    }
                    round(&place, &mut Dice::of(kind, at), at);
                }
            });
        }
    });
}

const STORES: [(&str, Store); 5] = [
    ("x.yaml", Store::Yaml),
    ("x.json", Store::Json),
    ("x.env", Store::Dotenv),
    ("x.ini", Store::Ini),
    ("x.bin", Store::Binary),
];

const RULES: [&[&str]; 8] = [
    &[],
    &["--encrypted-regex", "^k[0-4]"],
    &["--unencrypted-regex", "^k[1-3]$"],
    &["--encrypted-suffix", "1"],
    &["--unencrypted-suffix", "3"],
    &["--mac-only-encrypted", "--unencrypted-suffix", "2"],
    &["--mac-only-encrypted", "--encrypted-regex", "[02]$"],
    &["--encrypted-regex", "never"],
];

/// Only YAML keeps comments where they were.
const COMMENT_RULES: [&[&str]; 2] = [
    &["--encrypted-comment-regex", "about"],
    &["--unencrypted-comment-regex", "about"],
];

/// A file in the open, and what is in it.
fn plain(store: Store, dice: &mut Dice) -> (Vec<u8>, Values) {
    let count = 1 + dice.throw(6);
    let mut expected = Vec::new();
    let mut keep = |path: String, value: &str| expected.push((path, value.as_bytes().to_vec()));
    let mut text = String::new();
    match store {
        Store::Binary => {
            let bytes = dice.bytes();
            return (bytes.clone(), vec![("data".to_owned(), bytes)]);
        }
        Store::Dotenv => {
            for key in 0..count {
                let value = dice.line();
                text.push_str(&format!("k{key}={value}\n#about\n"));
                keep(format!("k{key}"), &value);
            }
        }
        Store::Ini => {
            for key in 0..count {
                let (spelt, value) = dice.ini();
                let section = key / 2;
                if key % 2 == 0 && section > 0 {
                    text.push_str(&format!("; about\n[k{section}]\n"));
                }
                text.push_str(&format!("k{key} = {spelt}\n"));
                let section = match section {
                    0 => "DEFAULT".to_owned(),
                    _ => format!("k{section}"),
                };
                keep(format!("{section}.k{key}"), value);
            }
        }
        Store::Json => {
            let mut members = Vec::new();
            for key in 0..count {
                let (spelt, value) = dice.json();
                if dice.throw(2) == 0 {
                    members.push(format!("\"k{key}\": {spelt}"));
                    keep(format!("k{key}"), &value);
                } else {
                    members.push(format!(
                        "\"k{key}\": {{\"x\": {spelt}, \"n\": null, \"l\": [1, {spelt}, {{}}]}}"
                    ));
                    keep(format!("k{key}.x"), &value);
                }
            }
            text = format!("{{{}}}", members.join(","));
        }
        Store::Yaml => {
            for key in 0..count {
                let (spelt, value) = dice.yaml();
                match dice.throw(4) {
                    0 => {
                        text.push_str(&format!(
                            "# about\nk{key}:\n    in{key}: {spelt} # side\n    l: [1, x]\n    n: ~\n"
                        ));
                        keep(format!("k{key}.in{key}"), &value);
                    }
                    1 => {
                        text.push_str(&format!("k{key}: |\n    line1\n    {key}: #2\n"));
                        keep(format!("k{key}"), &format!("line1\n{key}: #2\n"));
                    }
                    _ => {
                        text.push_str(&format!("k{key}: {spelt}\n"));
                        keep(format!("k{key}"), &value);
                    }
                }
            }
            if dice.throw(8) == 0 {
                text.push_str("---\nlast: 1\n");
                keep("last".to_owned(), "1");
            }
        }
    }
    (text.into_bytes(), expected)
}

/// Values for a file that is written here, sorted by name.
fn values(store: Store, dice: &mut Dice) -> Values {
    if store == Store::Binary {
        return vec![("data".to_owned(), dice.bytes())];
    }
    let mut values = Vec::new();
    for key in 0..1 + dice.throw(6) {
        let nested = dice.throw(2) == 0;
        let path = match store {
            Store::Ini if nested => format!("s.{key}/a-b.k{key}")
                .replace('.', "_")
                .replacen("_k", ".k", 1),
            Store::Ini => format!("DEFAULT.f{key}"),
            Store::Json | Store::Yaml if nested => format!("f{key}.k{key}.x"),
            _ => format!("f{key}"),
        };
        let text = match store {
            Store::Dotenv => dice.text().replace('\\', "/"),
            _ => dice.text(),
        };
        values.push((path, text.into_bytes()));
    }
    values.sort();
    values
}

#[test]
fn what_sops_seals_opens_with_the_same_values() {
    let test = "what_sops_seals_opens_with_the_same_values";
    play(test, 1, |place, dice, at| {
        let (name, store) = STORES[at % STORES.len()];
        let (text, expected) = plain(store, dice);
        let path = place.path(name);
        fs::write(&path, &text).unwrap();
        let rule = match store {
            Store::Yaml if dice.throw(4) == 0 => dice.pick(&COMMENT_RULES),
            _ => dice.pick(&RULES),
        };
        let me = ["--encrypt", "--age", place.recipient.text()];
        let sealed = place.sops(&[&me, rule, &[&path]].concat());
        let found = place.read(&sealed, store, &place.keyring);
        assert_eq!(
            found,
            expected,
            "{at} {rule:?}\n{}\n{}",
            String::from_utf8_lossy(&text),
            String::from_utf8_lossy(&sealed)
        );
    });
}

#[test]
fn what_is_written_opens_in_sops_with_the_same_values() {
    let test = "what_is_written_opens_in_sops_with_the_same_values";
    play(test, 2, |place, dice, at| {
        let (name, store) = STORES[at % STORES.len()];
        let values = values(store, dice);
        let path = place.write(&values, name, store);
        assert_eq!(
            place.read(&fs::read(&path).unwrap(), store, &place.keyring),
            values
        );
        if store == Store::Binary {
            assert_eq!(place.sops(&["decrypt", &path]), values[0].1, "{at}");
            return;
        }
        let opened = place.sops(&["decrypt", "--output-type", "json", &path]);
        let plain: serde_json::Value = serde_json::from_slice(&opened).unwrap();
        for (path, value) in &values {
            let mut steps = path.split('.');
            let found = steps.try_fold(&plain, |here, key| here.get(key));
            let found = found.and_then(|found| found.as_str()).map(str::as_bytes);
            assert_eq!(found, Some(&value[..]), "{at} {path}");
        }
    });
}

#[test]
fn what_sops_changes_in_a_file_of_ours_comes_back() {
    let test = "what_sops_changes_in_a_file_of_ours_comes_back";
    play(test, 3, |place, dice, at| {
        let (name, store) = STORES[at % STORES.len()];
        let mut values = values(store, dice);
        let path = place.write(&values, name, store);
        let before = fs::read(&path).unwrap();
        match at / STORES.len() % 3 {
            0 if store != Store::Binary => {
                let changed = dice.throw(values.len());
                let text = match store {
                    Store::Dotenv => dice.line(),
                    _ => dice.text(),
                };
                let keys = values[changed]
                    .0
                    .split('.')
                    .map(|key| format!("[{}]", json(key)));
                let keys: String = keys.collect();
                place.sops(&["set", &path, &keys, &json(&text)]);
                values[changed].1 = text.into_bytes();
            }
            1 => drop(place.sops(&[
                "--config",
                &place.path("both.yaml"),
                "updatekeys",
                "--yes",
                &path,
            ])),
            _ => drop(place.sops(&["rotate", "-i", &path])),
        }
        let after = fs::read(&path).unwrap();
        assert_ne!(after, before, "{at}");
        let found = place.read(&after, store, &place.keyring);
        assert_eq!(found, values, "{at}\n{}", String::from_utf8_lossy(&after));
        if at / STORES.len() % 3 == 1 {
            assert_eq!(place.read(&after, store, &place.other), values, "{at}");
        }
    });
}
