//! No value and no private key leaves but by the doors: `get`, `env export`, `vault export` in the open, and
//! the command of `env exec`. A canary is put wherever a secret may be, or may be by mistake; then every command is
//! run, in every voice, where it succeeds and where it fails, and all that was said is searched.
//!
//! What was typed as a path, a reader's name or a plain word of a name is repeated on purpose, for
//! an error must name what it is about.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};

use crate::house::{House, finish};

/// The core of every canary: a word that nothing else contains.
pub const CORE: &str = "qCanary7Zx9Wv3Kj5Pn";

/// How commands are run: what is said beside the result differs.
const VOICES: [&[&str]; 4] = [&[], &["-v"], &["-q"], &["-v", "--color", "always"]];

/// What must not be seen, in each form in which a program may show it.
pub struct Watch {
    needles: Vec<Vec<u8>>,
    pub searched: usize,
    leaks: BTreeSet<String>,
}

/// Says everything that was found at once.
impl Drop for Watch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert!(self.leaks.is_empty(), "a canary was in {:#?}", self.leaks);
        }
    }
}

impl Watch {
    pub fn new() -> Self {
        let mut watch = Self {
            needles: Vec::new(),
            searched: 0,
            leaks: BTreeSet::new(),
        };
        watch.add(CORE);
        watch
    }

    /// A part of a secret is enough to be found, for a message may be cut short.
    pub fn add(&mut self, secret: &str) {
        let part = &secret.as_bytes()[..secret.len().min(12)];
        let end = &secret.as_bytes()[secret.len().saturating_sub(12)..];
        for part in [part, end] {
            let each = |form: &dyn Fn(&u8) -> String| part.iter().map(form).collect::<String>();
            let mut forms = vec![
                String::from_utf8(part.to_vec()).unwrap(),
                part.iter().rev().map(|&byte| byte as char).collect(),
                each(&|byte| format!("{byte:02x}")),
                each(&|byte| format!("{byte:02X}")),
                each(&|byte| format!("%{byte:02X}")),
                each(&|byte| format!("%{byte:02x}")),
                each(&|byte| format!("\\x{byte:02x}")),
                each(&|byte| format!("\\u{byte:04x}")),
                each(&|byte| format!("\\u{{{byte:x}}}")),
                each(&|byte| format!("\\{byte:03o}")),
                part.iter()
                    .map(u8::to_string)
                    .collect::<Vec<_>>()
                    .join(", "),
            ];
            // With 0, 1 or 2 bytes before it, without the characters that depend on neighbours.
            for before in 0..3 {
                let bytes = [&b"xx"[..before], part].concat();
                let skipped = [0, 2, 3][before];
                let whole = (bytes.len() / 3) * 4;
                for text in [
                    BASE64_STANDARD_NO_PAD.encode(&bytes),
                    BASE64_URL_SAFE_NO_PAD.encode(&bytes),
                ] {
                    forms.push(text[skipped..whole].to_owned());
                }
            }
            self.needles
                .extend(forms.into_iter().map(String::into_bytes));
        }
    }

    pub fn finds(&self, text: &[u8]) -> bool {
        self.needles.iter().any(|needle| {
            text.windows(needle.len())
                .any(|window| window.eq_ignore_ascii_case(needle))
        })
    }

    /// Notes it if a canary is in a text.
    pub fn silent(&mut self, text: &[u8], about: &str) {
        self.searched += 1;
        if self.finds(text) {
            self.leaks.insert(about.to_owned());
        }
    }

    /// Runs a command in every voice and searches all it says, with its stdout only if that is not
    /// one of the doors. Returns the exit codes.
    pub fn run(&mut self, house: &House, words: &[&str], door: bool) -> Vec<i32> {
        let each = |voice: &&[&str]| {
            let mut command = house.hoziron(voice.iter().chain(words));
            command
                .env("RUST_BACKTRACE", "full")
                .env("RUST_LOG", "trace");
            command.env("TMPDIR", house.root());
            let outcome = finish(&mut command, b"");
            let about = words
                .iter()
                .map(|word| if word.len() > 60 { "…" } else { word });
            let about = about.collect::<Vec<_>>().join(" ");
            self.silent(outcome.stderr.as_bytes(), &about);
            if !door || !outcome.status.success() {
                self.silent(&outcome.stdout, &about);
            }
            outcome.code()
        };
        VOICES.iter().map(each).collect()
    }

    /// Runs the commands that show how the vault's own files are read.
    pub fn run_some(&mut self, house: &House) {
        for words in [
            &[][..],
            &["vault", "list", "--json"],
            &["vault", "show", "KEY"],
            &["run", "--only", "MISSING", "--", "env"],
        ] {
            self.run(house, words, false);
        }
    }

    /// Runs every command on whatever state the house is in.
    pub fn run_all(&mut self, house: &House) {
        for (words, door) in COMMANDS {
            self.run(house, words, *door);
        }
    }

    /// Searches every file below a folder, names and contents.
    pub fn search(&mut self, folder: &Path) -> usize {
        let mut files = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                files += self.search(&path);
                continue;
            }
            self.silent(path.as_os_str().as_encoded_bytes(), "a file's name");
            self.silent(&fs::read(&path).unwrap(), path.to_str().unwrap());
            files += 1;
        }
        files
    }
}

/// Every command, and whether its stdout is a door. None of them changes `KEY` or `prod/KEY`.
const COMMANDS: &[(&[&str], bool)] = &[
    (&[], false),
    (&["--version"], false),
    (&["vault", "init", "--no-recovery"], false),
    (&["vault", "list"], false),
    (&["vault", "list", "--json", "-P", "prod"], false),
    (&["vault", "show", "KEY"], false),
    (&["vault", "show", "KEY", "--json"], false),
    (&["vault", "get", "KEY"], true),
    (&["vault", "get", "KEY", "-P", "prod"], true),
    (&["vault", "get", "MISSING"], false),
    (
        &["vault", "set", "NEW", "--generate", "hex:16", "--declare"],
        false,
    ),
    (&["vault", "generate", "NEW", "uuid", "--yes"], false),
    (&["vault", "generate", "KEY"], false),
    (&["vault", "rename", "KEY", "prod/KEY"], false),
    (&["vault", "rename", "NEW", "NEWER"], false),
    (&["vault", "verify", "--history"], false),
    (&["vault", "verify", "KEY", "--json"], false),
    (&["vault", "restore", "KEY"], false),
    (&["vault", "restore", "KEY", "HEAD"], false),
    (&["vault", "rekey"], false),
    (&["vault", "rekey", "prod", "--yes"], false),
    (&["vault", "remove", "KEY"], false),
    (&["vault", "history", "KEY"], false),
    (&["vault", "history", "prod/KEY", "--json"], false),
    (&["vault", "diff"], false),
    (&["vault", "diff", "HEAD"], false),
    (&["vault", "diff", "KEY", "HEAD", "--json"], false),
    (&["vault", "diff", "--reveal"], false),
    (&["vault", "resolve"], false),
    (&["vault", "resolve", "KEY", "--ours"], false),
    (&["vault", "remove", "NEWER", "--yes"], false),
    (&["vault", "export", "--format", "json"], true),
    (&["vault", "export", "--format", "sops-yaml"], false),
    (&["vault", "export", "--format", "dotenv"], false),
    (&["vault", "export", "--format", "sops-ini"], false),
    (&["vault", "export", "--format", "sops-binary"], false),
    (&["vault", "import", ".hoziron/vault", "--dry-run"], false),
    (
        &[
            "vault",
            "import",
            "--recipients-from",
            ".hoziron/hoziron.toml",
            "--yes",
        ],
        false,
    ),
    (
        &["vault", "import", ".hoziron/vault", "--format", "sops"],
        false,
    ),
    (&["env", "export", "--format", "sh"], true),
    (&["env", "export", "--format", "bash", "-P", "prod"], true),
    (&["env", "export", "--format", "json"], true),
    (&["env", "export", "--format", "dotenv"], true),
    (&["env", "check"], false),
    (&["env", "check", "--json", "-P", "prod"], false),
    (&["env", "exec", "--", "env"], true),
    (&["run", "--clean", "--only", "KEY", "--", "env"], true),
    (&["run", "--only", "MISSING", "--", "env"], false),
    (&["run", "--", "no-such-command-anywhere"], false),
    (&["run", "--", "/"], false),
    (&["scan"], false),
    (&["scan", "--json", "."], false),
    (&["scan", "--staged"], false),
    (&["scan", "--all"], false),
    (&["scan", "--range", "HEAD..HEAD"], false),
    (&["scan", "--no-identity", "/nowhere"], false),
    (&["vault", "members", "list"], false),
    (&["vault", "members", "show", "alice"], false),
    (&["vault", "members", "show", "alice", "--json"], false),
    (&["vault", "members", "remove", "alice", "--yes"], false),
    (&["vault", "join", "--yes"], false),
    (&["vault", "join", "--status"], false),
    (&["vault", "access"], false),
    (&["vault", "access", "--format", "html"], false),
    (&["vault", "access", "--json"], false),
    (&["vault", "exposure", "alice"], false),
    (&["vault", "submit", "OUTSIDE"], false),
    (
        &["vault", "submit", "OUTSIDE", "--generate", "nothing"],
        false,
    ),
    (&["vault", "accept"], false),
    (&["vault", "accept", "--show"], false),
    (&["vault", "accept", "SUBMITTED", "--yes"], false),
    (&["vault", "accept", "OUTSIDE", "--reject"], false),
    (&["vault", "trust"], false),
    (&["vault", "trust", "--accept", "--yes"], false),
    (&["vault", "trust", "--revoke"], false),
    (&["git", "install", "--check"], false),
    (&["git", "install", "--dry-run"], false),
    (&["git", "run", "--", "log", "-p"], false),
    (&["git", "textconv", ".hoziron/vault/KEY.age"], false),
    (&["doctor"], false),
];

/// A house whose values are canaries, and the text of its owner's private key.
pub fn house() -> (House, Watch) {
    let house = House::new();
    for name in ["KEY", "prod/KEY"] {
        house.seal(name, format!("{CORE} \"'\\%\n{CORE}").as_bytes());
    }
    let submit = house.feed(["vault", "submit", "SUBMITTED"], CORE.as_bytes());
    assert!(!submit.stderr.contains(CORE));
    submit.ok();
    let mut watch = Watch::new();
    watch.add(&private_key(&house));
    house.commit("secrets");
    (house, watch)
}

/// The private key without the beginning that all private keys share.
pub fn private_key(house: &House) -> String {
    let text = fs::read_to_string(house.identity()).unwrap();
    let (_, key) = text.split_once("AGE-SECRET-KEY-1").unwrap();
    key.trim().to_owned()
}

/// The watch itself sees what it should, or nothing below means anything.
#[test]
fn the_watch_is_awake() {
    let watch = Watch::new();
    let url: String = CORE.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let bytes = format!("{:?}", CORE.as_bytes());
    let reversed: String = CORE.chars().rev().collect();
    let mut shown = vec![CORE.to_owned(), url, bytes, reversed, CORE.to_uppercase()];
    for before in ["", "a", "ab", "abc"] {
        shown.push(BASE64_STANDARD_NO_PAD.encode(format!("{before}{CORE}+")));
        shown.push(BASE64_URL_SAFE_NO_PAD.encode(format!("{before}{CORE}~")));
    }
    shown.push(CORE[..12].to_owned());
    for text in &shown {
        assert!(watch.finds(format!("said: {text}.").as_bytes()), "{text}");
    }
    assert!(!watch.finds(b"nothing of the kind"));
}

#[test]
fn no_command_says_a_value_and_none_leaves_one_on_the_disk() {
    let (house, mut watch) = house();
    watch.run_all(&house);
    let said = watch.searched;

    let key = house.root().join("key.txt");
    fs::rename(house.identity(), &key).unwrap();
    watch.run_all(&house);
    for (name, value) in [
        ("HOZIRON_IDENTITY", fs::read_to_string(&key).unwrap()),
        ("SOPS_AGE_KEY", fs::read_to_string(&key).unwrap()),
    ] {
        let mut command = house.hoziron(["-v", "vault", "show", "KEY"]);
        let outcome = finish(command.env(name, value), b"");
        watch.silent(outcome.stderr.as_bytes(), name);
        watch.silent(&outcome.ok(), name);
    }
    fs::remove_file(key).unwrap();
    let files = watch.search(house.root());
    eprintln!("{said} outputs and {files} files searched");
    assert!(said > 150 && files > 20, "{said} {files}");
}

/// Made values are as secret as typed ones, and a recovery key is said once, on stdout alone.
#[test]
fn what_hoziron_makes_is_not_shown() {
    let house = House::new();
    for kind in ["password:32", "hex:16", "base64:48", "uuid"] {
        for words in [
            &["set", "MADE", "--generate", kind][..],
            &["generate", "MADE", kind, "-y"],
        ] {
            let outcome = house.run(["-v", "vault"].iter().chain(words));
            let value = String::from_utf8(house.run(["vault", "get", "MADE"]).ok()).unwrap();
            let mut watch = Watch::new();
            watch.add(&value);
            watch.silent(outcome.stderr.as_bytes(), kind);
            watch.silent(&outcome.ok(), kind);
            watch.search(house.root());
        }
    }
    let house = House::bare();
    let outcome = house.run(["-v", "vault", "init", "--name", "alice", "--recovery"]);
    let said = outcome.stderr.clone();
    let shown = String::from_utf8(outcome.ok()).unwrap();
    let (_, recovery) = shown.split_once("AGE-SECRET-KEY-1").unwrap();
    let mut watch = Watch::new();
    watch.add(recovery.trim());
    watch.silent(said.as_bytes(), "vault init --recovery");
    watch.search(house.root());
}

/// A secret that was typed or pasted where it does not belong is not said again.
#[test]
fn a_secret_in_the_wrong_place_of_the_command_line_is_not_repeated() {
    let (house, mut watch) = house();
    let lines = [
        "vault set KEY @",
        "vault set KEY -@",
        "vault set KEY --value=@",
        "vault set KEY --value @",
        "vault set --value=@ KEY",
        "vault set --@ KEY",
        "vault set KEY=@",
        "vault set KEY=@ more",
        "vault set prod/KEY=@",
        "vault set KEY --generate @",
        "vault set KEY --generate=hex:@",
        "vault set KEY --generate @ --from-file x",
        "vault set KEY --yes=@",
        "vault submit KEY @",
        "vault submit KEY=@",
        "vault submit KEY --generate @",
        "vault accept KEY=@",
        "vault accept KEY~@ --yes",
        "vault accept KEY --yes=@",
        "vault generate KEY @",
        "vault generate KEY password:@ -y",
        "vault generate KEY=@",
        "vault get KEY @",
        "vault get KEY=@",
        "vault get KEY --no-input=@",
        "vault show KEY=@ --json",
        "vault show KEY --json=@",
        "vault remove KEY=@ --yes",
        "vault rename KEY=@ NEW",
        "vault rename KEY NEW=@",
        "vault history KEY=@",
        "vault history KEY --limit @",
        "vault diff @",
        "vault diff KEY=@",
        "vault diff KEY @",
        "vault diff KEY @..HEAD",
        "vault list @",
        "vault list --json=@",
        "vault init @",
        "vault init --recovery=@",
        "vault @",
        "vault --@",
        "env @",
        "env check @",
        "env check --json=@",
        "env export @",
        "env export --format @",
        "env export --format json @",
        "env export --format json --only KEY=@",
        "env exec --only KEY=@ -- true",
        "env exec KEY=@ true",
        "env exec -- KEY=@ true",
        "env exec --token=@ -- true",
        "env exec --clean=@ -- true",
        "run -@",
        "@",
        "--@",
        "--@=1",
        "scan --range @",
        "scan --range @..HEAD",
        "scan --staged=@",
        "vault members @",
        "vault members add ci @",
        "vault members add ci --group @",
        "vault members replace-key alice --old @ --new @",
        "vault members list @",
        "vault join @",
        "vault join --recipient @",
        "vault access --format @",
        "vault access @",
        "vault exposure alice @",
        "vault trust @",
        "git install @",
        "git install --check=@",
        "git hooks @",
        "help @",
        "vault help @",
        "--color @ vault list",
        "--quiet=@ vault list",
    ];
    for line in lines {
        let words: Vec<_> = line
            .split(' ')
            .map(|word| word.replace('@', CORE))
            .collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let codes = watch.run(&house, &words, false);
        assert!(!codes.contains(&0), "`{line}` was taken");
    }
    eprintln!("{} command lines", lines.len() * VOICES.len());
}

/// An option that wants the file of a key is easily given the key.
#[test]
fn a_private_key_in_place_of_its_file_is_not_repeated() {
    let (house, mut watch) = house();
    let key = format!("AGE-SECRET-KEY-1{}", private_key(&house));
    for words in [
        ["--identity", &key, "vault", "get", "KEY"],
        ["vault", "set", "KEY", "--from-file", &key],
        ["--home", &key, "vault", "get", "KEY"],
        ["run", "-P", &key, "--", "true"],
    ] {
        watch.run(&house, &words, false);
    }
    for name in [
        "HOZIRON_IDENTITY_FILE",
        "SOPS_AGE_KEY_FILE",
        "HOZIRON_HOME",
        "HOZIRON_PROFILE",
    ] {
        let mut command = house.hoziron(["-v", "run", "--", "true"]);
        let outcome = finish(command.env(name, &key), b"");
        watch.silent(outcome.stderr.as_bytes(), name);
        outcome.fails(125);
    }
}
