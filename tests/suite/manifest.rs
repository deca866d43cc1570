//! `hoziron.toml` as commands change it, and as editors read it: `vault set --declare`, `vault remove`
//! and `vault rename` with comments around, and the JSON Schema beside the parser.

use std::fs;
use std::path::Path;

use hoziron::manifest::Manifest;

use crate::house::{House, finish};

const SECRETS: &str = r#"
# --- ours ---

# how we pay
[secrets.STRIPE]
required = false # for now

[secrets.TOKEN]
profiles = ["dev", "prod"] # both
# --- theirs ---
"#;

/// A vault whose manifest has declarations; returns its text.
fn with(secrets: &str) -> (House, String) {
    let house = House::new();
    let text = text(&house) + secrets;
    fs::write(house.home().join("hoziron.toml"), &text).unwrap();
    (house, text)
}

fn text(house: &House) -> String {
    fs::read_to_string(house.home().join("hoziron.toml")).unwrap()
}

#[test]
fn a_value_is_declared_only_when_told() {
    let (house, before) = with(SECRETS);
    house.feed(["vault", "set", "API_KEY"], b"one").ok();
    assert_eq!(text(&house), before);

    let set = house.feed(["vault", "set", "API_KEY", "--declare"], b"one");
    assert!(
        set.stderr
            .contains("declared `API_KEY` in `hoziron.toml`\n"),
        "{}",
        set.stderr
    );
    assert!(set.stderr.contains("unchanged"), "{}", set.stderr);
    set.ok();
    let declared = before.replace("# how we pay", "[secrets.API_KEY]\n\n# how we pay");
    assert_eq!(text(&house), declared);

    let again = house.feed(["vault", "set", "API_KEY", "--declare"], b"two");
    assert!(!again.stderr.contains("declared"), "{}", again.stderr);
    again.ok();
    assert_eq!(text(&house), declared);
}

#[test]
fn what_is_removed_is_declared_no_more() {
    let (house, before) = with(SECRETS);
    house.seal("STRIPE", b"v");
    house.run(["vault", "remove", "STRIPE", "--yes"]).ok();
    assert!(!house.vault("STRIPE.age").exists());
    let stripe = "# how we pay\n[secrets.STRIPE]\nrequired = false # for now\n\n";
    let without = before.replace(stripe, "");
    assert_eq!(text(&house), without);

    // It was declared, and never sealed.
    let removed = house.run(["vault", "remove", "TOKEN", "-P", "dev", "--yes"]);
    assert!(
        removed.stderr.contains("does not declare `dev/TOKEN`"),
        "{}",
        removed.stderr
    );
    removed.ok();
    let one = without.replace("[\"dev\", \"prod\"] # both", "[\"prod\"] # both");
    assert_eq!(text(&house), one);
    house
        .run(["vault", "remove", "dev/TOKEN", "--yes"])
        .fails(1);
}

#[test]
fn a_declaration_goes_along_with_a_new_name() {
    let (house, before) = with(SECRETS);
    house.seal("STRIPE", b"v");
    house.seal("PLAIN", b"w");
    house.run(["vault", "rename", "PLAIN", "OTHER"]).ok();
    assert_eq!(text(&house), before);
    house.run(["vault", "rename", "STRIPE", "pay/STRIPE"]).ok();
    let renamed = before.replace("[secrets.STRIPE]", "[secrets.\"pay/STRIPE\"]");
    assert_eq!(text(&house), renamed);
    assert_eq!(house.run(["vault", "get", "pay/STRIPE"]).ok(), b"v");
}

/// The file and the declaration stay, both.
#[test]
fn what_others_are_made_from_is_neither_removed_nor_renamed() {
    let (house, _) = with("\n[secrets.A]\n\n[secrets.B]\ncompose = \"x${A}\"\n");
    house.seal("A", b"v");
    let line = 1 + text(&house)
        .lines()
        .position(|l| l.starts_with("[secrets.B]"))
        .unwrap();
    let before = house.snapshot();
    for words in [
        &["vault", "remove", "A", "--yes"][..],
        &["vault", "rename", "A", "C"],
    ] {
        let stderr = house.run(words).fails(1);
        let cause = format!("cause: line {line} of `hoziron.toml` would be wrong: ");
        assert!(stderr.contains(&cause), "{stderr}");
        assert!(house.snapshot() == before, "something was written");
    }
}

#[test]
fn a_declaration_that_cannot_be_changed_alone_is_left_to_a_person() {
    let (house, _) = with("\n[secrets]\nA.required = false\n");
    house.seal("A", b"v");
    let before = house.snapshot();
    let stderr = house.run(["vault", "remove", "A", "--yes"]).fails(1);
    assert!(
        stderr.contains("hint: change `hoziron.toml` by hand"),
        "{stderr}"
    );
    assert!(house.snapshot() == before, "something was written");
}

/// Manifests that are right, after the table `[vault]`.
const RIGHT: &[&str] = &[
    "",
    "unmanaged = \"error\"\n[defaults]\nrequired = false\nrotate = { warn = \"1w 2d\", on_departure = false }",
    "[groups]\nteam = [\"alice\", \"@ops\"]\nops = []\n[access]\n\".\" = [\"@all\"]\n\"prod/eu\" = [\"@team\", \"bob\"]",
    "[profiles.prod]\ninherits = []\nprotect = true\n[profiles.\"prod/eu\"]\ninherits = [\"prod\", \".\"]",
    "[secrets.A]\nprofiles = [\"dev\", \".\"]\ndescription = \"d\"\nrequired = true\nsensitive = false\ntype = \"url\"\npattern = \"h.*\"\nmin_length = 1\nmax_length = 9",
    "[secrets.A]\ncompose = \"${B|url} $${\"\n[secrets.B]\ndefault = \"x\"",
    "[secrets.\"prod/eu/A\"]\ngenerate = { kind = \"password\", length = 12, charset = \"ascii\" }\nrotate = { every = \"90d\", how = \"so\" }",
    "[secrets]\nA = { generate = { kind = \"password\", characters = \"abcdef0123456789\", length = 40 } }\nB = { generate = { kind = \"token\", prefix = \"sk_\" } }\nC = { generate = { kind = \"pin\", length = 4 } }\nD = { generate = { kind = \"uuid\", version = 7 } }\nE = { generate = { kind = \"ssh-ed25519\", public = \"E_PUB\" } }\nF = { generate = { kind = \"age\" } }\nG = { generate = { kind = \"base64url\", bytes = 16 } }\nH = { generate = { kind = \"hex\" } }\nI = { generate = { kind = \"base64\", bytes = 4096 } }",
    "[secrets.A]\n[secrets.B]\n[[require]]\nexactly_one = [\"A\", \"B\"]\n[[require]]\nall_or_none = [\"A\", \"B\"]\nprofiles = [\".\"]",
    "[secrets.B]\n[[moved]]\nfrom = \"A\"\nto = \"B\"\n[[removed]]\nname = \"old/C\"\n[[waived]]\nname = \"B\"\nwho = \"carol\"\nreason = \"r\"\nuntil = 2030-12-31",
    "[[waived]]\nname = \"B\"\nwho = \"carol\"\nreason = \"r\"\nuntil = \"2030-12-31\"",
];

/// Manifests that are wrong in a way that a schema can say.
const WRONG: &[&str] = &[
    "unmanaged = \"Error\"",
    "novelty = 1",
    "[novelty]",
    "[scopes.api]\nsecrets = [\"A\"]",
    "[defaults]\nsensitive = true",
    "[defaults]\nrequired = \"yes\"",
    "[defaults]\nrotate = { every = \"1m\" }",
    "[groups]\nall = [\"alice\"]",
    "[groups]\nTeam = [\"alice\"]",
    "[groups]\nteam = \"alice\"",
    "[groups]\nteam = [\"Alice\"]",
    "[groups]\nteam = [\"@\"]",
    "[groups]\nteam = [\"epoch\"]",
    "[access]\nprod = []",
    "[access]\n\"/prod\" = [\"alice\"]",
    "[access]\n\"..\" = [\"alice\"]",
    "[access]\nprod = [1]",
    "[profiles.Prod]",
    "[profiles.prod]\ninherits = \".\"",
    "[profiles.prod]\ninherits = [\"a\", \"a\"]",
    "[profiles.prod]\nprotected = true",
    "[secrets]\nA = \"value\"",
    "[secrets.\"A B\"]",
    "[secrets.\"1A\"]",
    "[secrets.\"../A\"]",
    "[secrets.A]\nas_file = true",
    "[secrets.A]\nvalue = \"x\"",
    "[secrets.A]\nrequired = 1",
    "[secrets.A]\nprofiles = []",
    "[secrets.A]\nprofiles = \"dev\"",
    "[secrets.A]\ntype = \"URL\"",
    "[secrets.A]\nmin_length = -1",
    "[secrets.A]\nmax_length = \"9\"",
    "[secrets.A]\ndefault = 1",
    "[secrets.A]\ndefault = \"a\"\ncompose = \"b\"",
    "[secrets.A]\ndefault = \"a\"\ngenerate = { kind = \"hex\" }",
    "[secrets.A]\ncompose = \"a\"\ngenerate = { kind = \"hex\" }",
    "[secrets.A]\ndefault = \"a\"\nrotate = { every = \"1d\" }",
    "[secrets.A]\ncompose = \"a\"\nrotate = { every = \"1d\" }",
    "[secrets.A]\nrotate = \"90d\"",
    "[secrets.A]\nrotate = { every = \"90 d\" }",
    "[secrets.A]\nrotate = { evry = \"90d\" }",
    "[secrets.A]\ngenerate = \"password:32\"",
    "[secrets.A]\ngenerate = {}",
    "[secrets.A]\ngenerate = { kind = \"passphrase\" }",
    "[secrets.A]\ngenerate = { kind = \"password\", length = 11 }",
    "[secrets.A]\ngenerate = { kind = \"password\", length = 4097 }",
    "[secrets.A]\ngenerate = { kind = \"password\", charset = \"all\" }",
    "[secrets.A]\ngenerate = { kind = \"password\", charset = \"ascii\", characters = \"abcdefghijklmnop\" }",
    "[secrets.A]\ngenerate = { kind = \"password\", characters = \"a\" }",
    "[secrets.A]\ngenerate = { kind = \"password\", bytes = 32 }",
    "[secrets.A]\ngenerate = { kind = \"hex\", length = 32 }",
    "[secrets.A]\ngenerate = { kind = \"hex\", bytes = 15 }",
    "[secrets.A]\ngenerate = { kind = \"token\", prefix = \"a b\" }",
    "[secrets.A]\ngenerate = { kind = \"pin\", length = 3 }",
    "[secrets.A]\ngenerate = { kind = \"uuid\", version = 1 }",
    "[secrets.A]\ngenerate = { kind = \"age\", length = 12 }",
    "[secrets.A]\ngenerate = { kind = \"age\", public = \"a/B\" }",
    "[secrets.A]\n[secrets.B]\n[[require]]\nexactly_one = [\"A\"]",
    "[secrets.A]\n[secrets.B]\n[[require]]\nexactly_one = [\"A\", \"A\"]",
    "[secrets.A]\n[secrets.B]\n[[require]]\nexactly_one = [\"A\", \"B\"]\nall_or_none = [\"A\", \"B\"]",
    "[secrets.A]\n[secrets.B]\n[[require]]\nprofiles = [\".\"]",
    "[secrets.A]\n[secrets.B]\n[[require]]\nat_least_one = [\"dev/A\", \"B\"]",
    "[secrets.A]\n[require]\nexactly_one = [\"A\", \"B\"]",
    "[[moved]]\nfrom = \"A\"",
    "[[moved]]\nfrom = \"A\"\nto = \"b\\\\B\"",
    "[[removed]]",
    "[[removed]]\nname = \"A\"\nwhy = \"x\"",
    "[[waived]]\nname = \"B\"\nwho = \"carol\"\nreason = \"r\"",
    "[[waived]]\nname = \"B\"\nwho = \"carol\"\nreason = \"r\"\nuntil = \"soon\"",
    "[[waived]]\nname = \"B\"\nwho = \"@team\"\nreason = \"r\"\nuntil = \"2030-12-31\"",
];

/// Reads TOML texts as a JSON list from stdin; prints one word for each. Dates become text, as editors
/// have it.
const JUDGE: &str = "
import datetime, json, sys, tomllib
from jsonschema import Draft7Validator
schema = json.load(open(sys.argv[1]))
Draft7Validator.check_schema(schema)
judge = Draft7Validator(schema)
for text in json.load(sys.stdin):
    document = json.loads(json.dumps(tomllib.loads(text), default=datetime.date.isoformat))
    print('right' if judge.is_valid(document) else 'wrong')
";

/// The schema's verdicts on texts; nothing where the judge is not installed.
fn verdicts(house: &House, texts: &[String]) -> Option<Vec<bool>> {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/hoziron.schema.json");
    let mut python = house.program("python3");
    let there = finish(python.args(["-c", "import jsonschema, tomllib"]), b"");
    if !there.status.success() {
        assert!(std::env::var_os("CI").is_none(), "jsonschema is missing");
        eprintln!("skipped: python3 here has no jsonschema");
        return None;
    }
    let list = serde_json::to_vec(texts).unwrap();
    let mut python = house.program("python3");
    let said = finish(python.args(["-c", JUDGE, schema]), &list).ok();
    let said = String::from_utf8(said).unwrap();
    Some(said.lines().map(|word| word == "right").collect())
}

#[test]
fn the_schema_takes_what_the_parser_takes_and_refuses_what_it_refuses() {
    let house = House::new();
    let vault = "[vault]\nformat = 1\nid = \"abcdefghijklmnopqrstuvwxyz234567\"\n";
    let starter = text(&house);
    let taken = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => format!("{example}\n"),
        _ => format!("{line}\n"),
    };
    let examples: String = starter.lines().map(taken).collect();
    let mut cases = vec![(starter, true), (examples, true)];
    for home in ["v1", "second"] {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let path = fixtures.join(home).join("home/hoziron.toml");
        cases.push((fs::read_to_string(path).unwrap(), true));
    }
    cases.extend(RIGHT.iter().map(|text| (format!("{vault}{text}\n"), true)));
    cases.extend(WRONG.iter().map(|text| (format!("{vault}{text}\n"), false)));
    for rest in [
        "",
        "[vault]\n",
        "[vault]\nformat = 1\n",
        "[vault]\nformat = 2\nid = \"abcdefghijklmnopqrstuvwxyz234567\"\n",
        "[vault]\nformat = 1\nid = \"short\"\n",
    ] {
        cases.push((rest.to_owned(), false));
    }
    for (text, right) in &cases {
        let parsed = Manifest::parse(text.as_bytes());
        assert_eq!(parsed.is_ok(), *right, "{text}\n{parsed:?}");
    }
    let texts: Vec<_> = cases.iter().map(|(text, _)| text.clone()).collect();
    let Some(verdicts) = verdicts(&house, &texts) else {
        return;
    };
    assert_eq!(verdicts.len(), cases.len());
    for ((text, right), verdict) in cases.iter().zip(verdicts) {
        assert_eq!(verdict, *right, "the schema, of\n{text}");
    }
}
