//! `.env` files as others read them. We say of every variable which readers give it another value;
//! the real readers are asked with spellings made to mislead them. A difference that we do not tell
//! is a fault without exception; one that we tell and is none must be of a kind with a reason here.

mod spellings;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hoziron::domain::{SecretValue, VarName};
use hoziron::env::Variables;
use hoziron::env::format::{Format, render};
use hoziron::input::dotenv::{DotEnv, Reader};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use self::spellings::{FRAMES, PIECES, SHAPES, SPELLINGS};
use crate::house::{finish, has_judge};

/// The exit code of an interpreter that has not what would read the file.
const NO_SUCH_READER: i32 = 69;

/// What a reader found in a file, by name.
type Found = BTreeMap<String, Vec<u8>>;

const NODE: &str = r"
const { parseEnv } = require('util'), { readFileSync } = require('fs');
if (!parseEnv) process.exit(69);
const [dir, count] = process.argv.slice(1);
for (let n = 0; n < count; n++) {
  const found = parseEnv(readFileSync(`${dir}/${n}.env`, 'utf8'));
  const hex = ([name, value]) => /^\w+$/.test(name) ? `${name}=${Buffer.from(value).toString('hex')}` : '';
  console.log(Object.entries(found).map(hex).join(' '));
}";

const PYTHON: &str = r"
import logging, sys
try: import dotenv
except ImportError: sys.exit(69)
logging.disable()
for n in range(int(sys.argv[2])):
    try: found = dotenv.dotenv_values(f'{sys.argv[1]}/{n}.env')
    except UnicodeDecodeError: found = {}
    named = [(k, v) for k, v in found.items() if k.isascii() and k.isidentifier() and v is not None]
    print(' '.join(f'{name}={value.encode().hex()}' for name, value in named))
";

/// `$1` is the file, `$2` is `env`. What the file itself prints is nobody's answer.
const BASH: &str = r#"set -a; . "$1" >/dev/null; exec "$2" -0"#;

/// A kind of false alarm.
struct Excuse {
    reader: Reader,
    /// Why we cannot know better; shown when the count of a kind is.
    reason: &'static str,
    applies: fn(&str) -> bool,
}

const EXCUSES: &[Excuse] = &[
    Excuse {
        reader: Reader::Bash,
        reason: "what is substituted is decided when it runs, and it may set a variable",
        applies: |text| text.contains(['$', '`']),
    },
    Excuse {
        reader: Reader::Bash,
        reason: "a builtin or a compound command may set any variable",
        applies: |text| {
            let words = text.split(|c: char| !(c.is_ascii_alphabetic() || ":.![".contains(c)));
            let commands = [":", ".", "!", "[", "export", "if", "test", "unset"];
            words.into_iter().any(|word| commands.contains(&word))
        },
    },
    Excuse {
        reader: Reader::Bash,
        reason: "it depends on the users of the machine",
        applies: |text| text.contains('~'),
    },
    Excuse {
        reader: Reader::Bash,
        reason: "a pattern may stand for any command",
        applies: |text| text.contains(['*', '?', '[', '{']),
    },
    Excuse {
        reader: Reader::Bash,
        reason: "where an array, a document or a joined line ends is not looked for",
        applies: |text| {
            ["=(", "<<", "<(", ">(", "\\\n"]
                .iter()
                .any(|sign| text.contains(sign))
        },
    },
    Excuse {
        reader: Reader::Bash,
        reason: "bash loses some of the bytes that it marks quotes with",
        applies: |text| text.contains(['\u{1}', '\u{7f}']),
    },
    Excuse {
        reader: Reader::Dotenvy,
        reason: "of a name that comes twice, the first may be substituted to what the last is",
        applies: |text| text.contains('$'),
    },
    Excuse {
        reader: Reader::Node,
        reason: "another release reads an empty value, a tab or a line without `=` differently",
        applies: |text| {
            let odd = |line: &str| {
                let value = line.split_once('=').map(|(_, value)| value);
                value.is_none_or(|value| value.trim().is_empty() || value.starts_with(" #"))
            };
            text.contains('\t') || text.lines().any(odd)
        },
    },
];

/// What we tell is what the real readers do, for spellings chosen to mislead.
#[test]
fn chosen_spellings_are_judged_as_the_real_readers_read_them() {
    let in_frame = |(before, after): &(&str, &str)| {
        let all = SPELLINGS.iter();
        all.map(|spelling| format!("{before}{spelling}{after}"))
            .collect::<Vec<_>>()
    };
    let mut files: Vec<_> = FRAMES.iter().flat_map(in_frame).collect();
    files.extend(SHAPES.iter().map(|&shape| shape.to_owned()));
    ask_everybody("chosen", &files);
}

/// And for files of random pieces, always the same ones.
#[test]
fn random_files_are_judged_as_the_real_readers_read_them() {
    let mut random = Random(0x5eed_d07e);
    let files: Vec<_> = (0..800).map(|_| random.file()).collect();
    ask_everybody("random", &files);
}

/// What we export as `dotenv`, we and everybody else read as it was.
#[test]
fn an_export_reads_back_for_everyone() {
    let piece = prop::sample::select(PIECES);
    let value = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let exported = Cell::new(0);
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(500)
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, random);
    runner
        .run(&(value.clone(), value), |(first, second)| {
            let mut variables = Variables::default();
            for (name, value) in [("A", &first), ("B", &second)] {
                let name = VarName::parse(name).unwrap();
                variables.insert(name, SecretValue::new(value.as_bytes().to_vec()));
            }
            let Ok(text) = render(Format::Dotenv, &variables) else {
                return Ok(());
            };
            exported.set(exported.get() + 1);
            let file = DotEnv::parse(text.reveal()).unwrap();
            let values: Vec<_> = file
                .entries()
                .iter()
                .map(|entry| entry.value.reveal())
                .collect();
            prop_assert_eq!(values, [first.as_bytes(), second.as_bytes()]);
            prop_assert_eq!(file.disagreements(), []);
            Ok(())
        })
        .unwrap();
    assert!(exported.get() > 100, "only {} exported", exported.get());
}

/// What `--env-file` does is what `util.parseEnv` says, which is asked everywhere else.
#[test]
fn node_s_option_reads_as_its_function_does() {
    let test = "node_s_option_reads_as_its_function_does";
    let dir = tempfile::tempdir().unwrap();
    let every = SPELLINGS.iter().step_by(6);
    let files: Vec<_> = every
        .map(|spelling| format!("A={spelling}\nB=b\n"))
        .collect();
    let Some(found) = ask_script(Reader::Node, test, dir.path(), &files) else {
        return;
    };
    let print = "process.stdout.write(Buffer.from(process.env.A ?? 'unset').toString('hex'))";
    for (n, found) in found.iter().enumerate() {
        let mut node = Command::new("node");
        node.env_remove("A")
            .env_remove("B")
            .env_remove("NODE_OPTIONS");
        node.arg(format!("--env-file={}/{n}.env", dir.path().display()));
        let printed = finish(node.args(["-e", print]), b"").ok();
        let expected = found.get("A").map_or(&b"unset"[..], |value| value);
        assert_eq!(
            unhex(std::str::from_utf8(&printed).unwrap()),
            expected,
            "{}",
            files[n]
        );
    }
}

/// Compares what we tell of each file with what each reader does.
fn ask_everybody(test: &str, files: &[String]) {
    let accepted = |text: &&String| DotEnv::parse(text.as_bytes()).is_ok();
    let files: Vec<_> = files.iter().filter(accepted).cloned().collect();
    assert!(files.len() > 300, "only {} files are accepted", files.len());
    let dir = tempfile::tempdir().unwrap();
    for reader in Reader::ALL {
        let found = match reader {
            Reader::Bash => ask_bash(dir.path(), &files),
            Reader::Dotenvy => Some(files.iter().map(|text| ask_dotenvy(text)).collect()),
            Reader::Node | Reader::PythonDotenv => ask_script(reader, test, dir.path(), &files),
        };
        if let Some(found) = found {
            compare(test, reader, &files, &found);
        }
    }
}

fn compare(test: &str, reader: Reader, files: &[String], found: &[Found]) {
    assert_eq!(files.len(), found.len(), "{reader}");
    let mut excused: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut alike, mut different) = (0, 0);
    for (text, found) in files.iter().zip(found) {
        let ours = DotEnv::parse(text.as_bytes()).unwrap();
        let told = ours.disagreements();
        let names: BTreeMap<_, _> = ours
            .entries()
            .iter()
            .map(|one| (&one.name, one.line))
            .collect();
        for (name, line) in names {
            let value = ours.get(name).unwrap().reveal();
            let differs = found.get(name.as_str()).map(Vec::as_slice) != Some(value);
            let one = told.iter().find(|one| one.name == *name);
            let told = one.is_some_and(|one| one.line == line && one.readers.contains(&reader));
            match (differs, told) {
                (true, true) => different += 1,
                (false, false) => alike += 1,
                (true, false) => panic!("{reader} reads {name} of {text:?} differently, untold"),
                (false, true) => {
                    let fits = |one: &&Excuse| one.reader == reader && (one.applies)(text);
                    let excuse = EXCUSES.iter().find(fits);
                    let excuse = excuse.unwrap_or_else(|| panic!("{reader}, {name} of {text:?}"));
                    *excused.entry(excuse.reason).or_default() += 1;
                }
            }
        }
    }
    let alarms: usize = excused.values().sum();
    eprintln!("{test}, {reader}: {alike} alike, {different} told, false: {excused:?}");
    assert!(
        alike > 200 && different > 40,
        "{reader}: nothing much was compared"
    );
    assert!(
        alarms * 4 < alike + different,
        "{reader}: {alarms} false alarms"
    );
}

/// Asks node or python-dotenv, all files at once.
fn ask_script(reader: Reader, test: &str, dir: &Path, files: &[String]) -> Option<Vec<Found>> {
    let (program, option, script) = match reader {
        Reader::Node => ("node", "-e", NODE),
        _ => ("python3", "-c", PYTHON),
    };
    if find(program).is_none() {
        eprintln!("skipped {test}: {program} is not on this machine");
        return None;
    }
    for (n, text) in files.iter().enumerate() {
        fs::write(dir.join(format!("{n}.env")), text).unwrap();
    }
    let mut command = Command::new(program);
    for name in ["A", "B", "C", "D", "NODE_OPTIONS"] {
        command.env_remove(name);
    }
    command
        .args([option, script])
        .arg(dir)
        .arg(files.len().to_string());
    let outcome = finish(&mut command, b"");
    if outcome.code() == NO_SUCH_READER {
        let required = reader == Reader::PythonDotenv && std::env::var_os("CI").is_some();
        assert!(!required, "python-dotenv is missing");
        eprintln!("skipped {test}: {program} here cannot read `.env` files");
        return None;
    }
    let text = String::from_utf8(outcome.ok()).unwrap();
    let pairs = |line: &str| {
        let pairs = line.split_whitespace();
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap());
        pairs
            .map(|(name, hex)| (name.to_owned(), unhex(hex)))
            .collect()
    };
    Some(text.lines().map(pairs).collect())
}

/// Asks bash, which finds no program to run but the one that prints the environment.
fn ask_bash(dir: &Path, files: &[String]) -> Option<Vec<Found>> {
    if !has_judge("bash", "dotenv") {
        return None;
    }
    let (bash, env) = (find("bash")?, find("env")?);
    let (path, work) = (dir.join("file"), dir.join("work"));
    fs::create_dir_all(&work).unwrap();
    let ask = |text: &String| {
        fs::write(&path, text).unwrap();
        let mut command = Command::new(&bash);
        command.env_clear().env("PATH", &work).current_dir(&work);
        command.args([OsStr::new("-c"), OsStr::new(BASH), OsStr::new("-")]);
        let printed = finish(command.arg(&path).arg(&env), b"").stdout;
        let pairs = printed.split(|&byte| byte == 0);
        pairs
            .filter_map(|pair| {
                let equals = pair.iter().position(|&byte| byte == b'=')?;
                let name = OsStr::from_bytes(&pair[..equals]).to_str()?;
                Some((name.to_owned(), pair[equals + 1..].to_vec()))
            })
            .collect()
    };
    Some(files.iter().map(ask).collect())
}

/// Asks dotenvy about the file as it is. What it sets is the first of a name, up to an error.
fn ask_dotenvy(text: &str) -> Found {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut found = Found::new();
    for pair in dotenvy::from_read_iter(text.as_bytes()).map_while(Result::ok) {
        found.entry(pair.0).or_insert(pair.1.into_bytes());
    }
    found
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places = std::env::split_paths(&path).map(|folder| folder.join(program));
    places.into_iter().find(|place| place.is_file())
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

/// Random numbers that are the same on every machine (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn file(&mut self) -> String {
        let mut file = String::new();
        for _ in 0..=self.below(4) {
            file += self.of(&["", "", "", "", "", "# it's\n", " #\"\n", "\n"]);
            file += self.of(&["", "", "", "export ", " "]);
            file += self.of(&["A", "B", "C", "D"]);
            file += self.of(&["=", "=", "=", "=", "=", " =", "= "]);
            let quote = self.of(&["", "", "'", "\"", "`"]);
            let value: String = (0..self.below(7)).map(|_| self.of(PIECES)).collect();
            let value = if quote.is_empty() {
                value
            } else {
                value.replace(quote, "")
            };
            file += &format!("{quote}{value}{quote}");
            file += self.of(&["\n", "\n", "\n", "\n", "\r\n", " # it's\n", " \n"]);
        }
        file
    }
}
