//! What a hostile file of sops can cost: it is refused by name within seconds of processor time and 128
//! MiB, whatever it is made of, and no value of it is shown. Python reads what the kernel counted; its
//! limits end a run that gets lost.

use std::fs;

use hoziron::SecretValue;
use hoziron::domain::{Identity, Plugins, Recipient};
use hoziron::sealed::seal_foreign;

use crate::house::{House, finish, has_judge};

const KEY: &str = include_str!("../../fixtures/sops/key.txt");
const KAT: &str = include_str!("../../fixtures/sops/kat.sops.yaml");
const PASSPHRASE: &str = include_str!("../../fixtures/sops/passphrase.age");

/// Runs a program within limits and prints its exit code, MiB, seconds and what it said.
const JUDGE: &str = "\
import json, resource, subprocess, sys
limits = lambda: resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
done = subprocess.run(sys.argv[1:], capture_output=True, preexec_fn=limits)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
said = (done.stdout + done.stderr).decode()
print(json.dumps([done.returncode, used.ru_maxrss // 1024, used.ru_utime + used.ru_stime, said]))";

/// A file, how it ends, and a part of what is said.
struct Case {
    what: &'static str,
    name: &'static str,
    text: String,
    code: i64,
    cause: &'static str,
}

fn yaml(what: &'static str, text: String, code: i64, cause: &'static str) -> Case {
    let name = "x.yaml";
    Case {
        what,
        name,
        text,
        code,
        cause,
    }
}

/// Another text in the place of one that is there.
fn with(from: &str, to: &str) -> String {
    let text = KAT.replacen(from, to, 1);
    assert_ne!(text, KAT, "{from}");
    text
}

/// The known file with other recipients.
fn with_recipients(entries: &str) -> String {
    let (values, block) = KAT.split_once("    age:\n").unwrap();
    let rest = &block[block.find("    lastmodified").unwrap()..];
    format!("{values}    age:\n{entries}{rest}")
}

fn entry(recipient: &str, sealed: &str) -> String {
    let lines = sealed.lines().map(|line| format!("            {line}\n"));
    let lines: String = lines.collect();
    format!("        - recipient: {recipient}\n          enc: |\n{lines}")
}

/// The known metadata below other values, with another rule.
fn ruled(values: &str, rule: &str) -> String {
    let block = &KAT[KAT.find("sops:\n").unwrap()..];
    let block = block.replace("unencrypted_suffix: _unencrypted", rule);
    format!("{values}{block}")
}

/// Values that were altered, and metadata that cannot be used.
fn altered() -> Vec<Case> {
    let mac = KAT.lines().find(|line| line.contains(" mac:")).unwrap();
    vec![
        yaml(
            "a tampered value",
            with("data:Bw6X", "data:Cw6X"),
            6,
            "`db.password`: it was altered",
        ),
        yaml("no MAC", with(&format!("{mac}\n"), ""), 6, "it has no MAC"),
        yaml(
            "another MAC",
            with("count: 7", "count: 8"),
            6,
            "its MAC does not fit",
        ),
        yaml(
            "an unknown type",
            with("type:int]", "type:what]"),
            6,
            "its type is not known",
        ),
        yaml(
            "two rules",
            with("    version", "    encrypted_regex: a\n    version"),
            1,
            "more than one rule",
        ),
        yaml(
            "no pattern",
            ruled("a: qCanary\n", "encrypted_regex: (q"),
            1,
            "not a pattern",
        ),
        yaml(
            "a passphrase",
            with_recipients(&entry("age1x", PASSPHRASE)),
            6,
            "is a passphrase",
        ),
    ]
}

/// Files that are small or legal, and would cost much.
fn bombs() -> Vec<Case> {
    let none = "        - recipient: a\n          enc: b\n";
    let many: String = (0..100_000)
        .map(|at| format!("sops_age__list_{at}__map_enc=b\n"))
        .collect();
    let others: Vec<_> = (0..200).map(|_| Identity::generate("a test")).collect();
    let others = others
        .iter()
        .map(|other| Recipient::parse(other.public()).unwrap());
    let others: Vec<_> = others.collect();
    let stanzas =
        seal_foreign(&SecretValue::new(vec![7; 32]), &others, &Plugins::default()).unwrap();
    let stanzas = entry("age1x", &String::from_utf8(stanzas).unwrap());
    let single = seal_foreign(
        &SecretValue::new(vec![7; 32]),
        &others[..1],
        &Plugins::default(),
    )
    .unwrap();
    let single = entry("age1x", &String::from_utf8(single).unwrap());
    let block = "sops:\n    lastmodified: \"2026-01-02T03:04:05Z\"\n";
    let aliases: String = (b'b'..b'z')
        .map(char::from)
        .zip((b'a'..).map(char::from))
        .map(|(key, last)| format!("{key}: &{key} [*{last}, *{last}]\n"))
        .collect();
    let keys = |start: &str, count: usize| -> String {
        (0..count)
            .map(|at| format!("{start}{at}: \"\"\n"))
            .collect()
    };
    let long = "k".repeat(1000);
    let comments = format!("#{}\n", "k".repeat(10)).repeat(9000);
    let comments = format!("{comments}a:\n{}", keys("  k", 40_000));
    let deep = "[".repeat(1_000_000);
    vec![
        yaml(
            "100,000 recipients",
            with_recipients(&none.repeat(100_000)),
            1,
            "more than 100,000",
        ),
        yaml(
            "20,000 recipients",
            with_recipients(&none.repeat(20_000)),
            1,
            "1000 recipients",
        ),
        yaml(
            "1000 recipients",
            with_recipients(&single.repeat(1000)),
            5,
            "none of the private keys",
        ),
        yaml(
            "80,000 stanzas",
            with_recipients(&stanzas.repeat(400)),
            1,
            "1000 recipients",
        ),
        Case {
            name: "x.env",
            ..yaml(
                "100,000 recipients in .env",
                format!("A=1\nsops_mac=x\nsops_lastmodified=x\n{many}"),
                1,
                "more than 100,000",
            )
        },
        Case {
            name: "x.env",
            ..yaml(
                "a deep name",
                format!("A=1\nsops_mac=x\nsops_a{}=1\n", "__map_a".repeat(1_000_000)),
                1,
                "cannot be read",
            )
        },
        Case {
            name: "x.json",
            ..yaml(
                "deep JSON",
                format!("{}\"sops\" \"lastmodified\"", "{\"a\":".repeat(1_000_000)),
                1,
                "nests deeper than 64",
            )
        },
        yaml(
            "deep YAML",
            format!("a: {deep}\n{block}"),
            1,
            "line 1 cannot be read",
        ),
        yaml(
            "deep dashes",
            format!("{}x\n{block}", "- ".repeat(1_000_000)),
            1,
            "line 1 cannot be read",
        ),
        yaml(
            "aliases",
            format!("a: &a [x, x]\n{aliases}{block}"),
            1,
            "line 2 has an alias",
        ),
        yaml(
            "comments",
            format!("{}{block}", "#\n".repeat(8_000_000)),
            1,
            "more than 100,000",
        ),
        yaml(
            "a long value",
            format!("a: {}\n{block}", "x".repeat(16_000_000)),
            1,
            "no recipient",
        ),
        yaml(
            "a file too long",
            block.to_owned() + &" ".repeat(20_000_000),
            1,
            "longer than 16 MiB",
        ),
        yaml(
            "a costly pattern",
            ruled(&keys(&long, 15_000), "encrypted_regex: (k?){400}x"),
            1,
            "too costly",
        ),
        yaml(
            "comments in scope",
            ruled(&comments, "encrypted_comment_regex: zzx"),
            6,
            "MAC",
        ),
    ]
}

fn refuse(test: &str, cases: Vec<Case>) {
    if !has_judge("python3", test) {
        return;
    }
    let house = House::new();
    let key = house.root().join("sops.txt");
    let path = key.to_str().unwrap();
    fs::write(&key, KEY).unwrap();
    finish(house.program("chmod").args(["600", path]), b"").ok();
    for case in cases {
        let file = house.root().join(case.name);
        fs::write(&file, &case.text).unwrap();
        let mut judge = house.program("python3");
        judge
            .args(["-c", JUDGE, crate::house::HOZIRON, "vault", "import"])
            .arg(&file)
            .arg("--dry-run")
            .env("SOPS_AGE_KEY_FILE", &key);
        let told = finish(&mut judge, b"").ok();
        let told: (i64, u64, f64, String) = serde_json::from_slice(&told).unwrap();
        let (code, mib, seconds, said) = told;
        eprintln!("{:<28} {seconds:6.2} s {mib:4} MiB", case.what);
        assert_eq!(code, case.code, "{}: {said}", case.what);
        assert!(said.contains(case.cause), "{}: {said}", case.what);
        assert!(said.len() < 2000, "{}: {said}", case.what);
        assert!(mib <= 128, "{}: {mib} MiB", case.what);
        for shown in ["hunter2", "visible", "qCanary", "AGE-SECRET"] {
            assert!(!said.contains(shown), "{}: {said}", case.what);
        }
    }
}

#[test]
fn an_altered_file_is_refused_without_a_value() {
    refuse("an_altered_file_is_refused_without_a_value", altered());
}

#[test]
fn a_bomb_is_refused_before_it_costs_much() {
    refuse("a_bomb_is_refused_before_it_costs_much", bombs());
}
