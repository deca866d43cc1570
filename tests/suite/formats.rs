//! Exports, read back by the programs they are made for. Every hostile value must come back byte
//! for byte from the real reader, or be refused by name; a reader that is not on the machine is
//! named and passed over, except in CI for those that every CI has.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;

use base64::{Engine, prelude::BASE64_STANDARD};
use hoziron::domain::{SecretValue, VarName};
use hoziron::env::Variables;
use hoziron::env::format::{Format, FormatError, Obstacle, render};

/// The exit code of a program that cannot find the library that is the reader.
const NO_SUCH_READER: i32 = 69;

/// What a reader found, by name.
type Found = BTreeMap<String, Vec<u8>>;

/// How a program is made to read a format from its standard input, and to tell what it read.
struct Reader {
    name: &'static str,
    format: Format,
    argv: &'static [&'static str],
    answer: Answer,
    /// Whether its absence from CI is a failure.
    required: bool,
}

/// How a reader tells what it read.
#[derive(Clone, Copy)]
enum Answer {
    /// `NAME=value`, each ended by a NUL byte.
    Environment,
    /// `NAME base64`, a line each.
    Lines,
}

const READERS: [Reader; 10] = [
    Reader {
        name: "bash, eval \"$(…)\"",
        format: Format::Bash,
        argv: &["bash", "-c", r#"eval "$(cat)"; exec env -0"#],
        answer: Answer::Environment,
        required: true,
    },
    Reader {
        name: "bash, eval $(…)",
        format: Format::Bash,
        argv: &["bash", "-c", "eval $(cat); exec env -0"],
        answer: Answer::Environment,
        required: true,
    },
    Reader {
        name: "bash, source",
        format: Format::Sh,
        argv: &["bash", "-c", ". /dev/stdin; exec env -0"],
        answer: Answer::Environment,
        required: true,
    },
    Reader {
        name: "sh, .",
        format: Format::Sh,
        argv: &["sh", "-c", ". /dev/stdin; exec env -0"],
        answer: Answer::Environment,
        required: true,
    },
    Reader {
        name: "dash, eval \"$(…)\"",
        format: Format::Sh,
        argv: &["dash", "-c", r#"eval "$(cat)"; exec env -0"#],
        answer: Answer::Environment,
        required: false,
    },
    Reader {
        name: "python, json",
        format: Format::Json,
        argv: &[
            "python3",
            "-c",
            "import sys, json, base64\n\
             for n, v in json.load(sys.stdin.buffer).items():\n \
             print(n, base64.b64encode(v.encode()).decode())",
        ],
        answer: Answer::Lines,
        required: true,
    },
    Reader {
        name: "jq",
        format: Format::Json,
        argv: &[
            "jq",
            "-r",
            r#"to_entries[] | .key + " " + (.value | @base64)"#,
        ],
        answer: Answer::Lines,
        required: false,
    },
    Reader {
        name: "node, util.parseEnv",
        format: Format::Dotenv,
        argv: &[
            "node",
            "-e",
            "const { parseEnv } = require('util');\
             if (!parseEnv) process.exit(69);\
             const read = parseEnv(require('fs').readFileSync(0, 'utf8'));\
             for (const [n, v] of Object.entries(read))\
             console.log(n, Buffer.from(v).toString('base64'))",
        ],
        answer: Answer::Lines,
        required: false,
    },
    Reader {
        name: "python-dotenv",
        format: Format::Dotenv,
        argv: &[
            "python3",
            "-c",
            "import sys, io, base64\n\
             try: import dotenv\n\
             except ImportError: sys.exit(69)\n\
             text = io.StringIO(sys.stdin.buffer.read().decode())\n\
             for n, v in dotenv.dotenv_values(stream=text).items():\n \
             print(n, base64.b64encode(v.encode()).decode())",
        ],
        answer: Answer::Lines,
        required: false,
    },
    Reader {
        name: "bash, source of a .env",
        format: Format::Dotenv,
        argv: &["bash", "-c", "set -a; . /dev/stdin; exec env -0"],
        answer: Answer::Environment,
        required: true,
    },
];

/// Returns 80 values that broke one tool or another, and 300 at random.
fn hostile_values() -> Vec<Vec<u8>> {
    #[rustfmt::skip]
    let chosen: [&[u8]; 73] = [
        b"", b" ", b"  ", b" a", b"a ", b"a b", b"\t", b"a\tb", b"\n", b"\n\n", b"a\n",
        b"a\n\n", b"\na", b"a\nb", b"a\n\nb", b"\r", b"a\r", b"a\rb", b"a\r\nb", b"a\r\n", b"'",
        b"''", b"it's", b"'a'", b"\"", b"\"a\"", b"a\"b", b"it's \"both\"", b"\\", b"a\\",
        b"\\\\", b"a\\\\b", b"\\n", b"\\'", b"\\\"", b"a\\nb", b"$", b"$HOME", b"${HOME}",
        b"$(id)", b"a$", b"$$", b"$'a'", b"`", b"`id`", b"!", b"!!", b"#", b"a#b", b"a #b",
        b"=", b"a=b", b"==", b"~", b"~/x", b"*", b"a?[b]*", b"{a,b}", b"%", b"%s%n", b"-n",
        b"-e", b";", b"a;id", b"a&b|c>d<e", b"\x1b[31m", b"\x7f\x01\x0b\x0c", b"EOF",
        b"cat <<EOF\nx\nEOF\n", b"\xff\xfe", b"a\x80b", b"\xef\xbb\xbfa", b"export A=1\nB=2",
    ];
    let text = ["é", "😀", "a\u{202e}b", "a\u{2028}b", "a\u{a0}b", "\u{85}"];
    let long: Vec<u8> = (1..=255).cycle().take(5000).collect();
    let mut values: Vec<Vec<u8>> = chosen.iter().map(|value| value.to_vec()).collect();
    values.extend(text.iter().map(|value| value.as_bytes().to_vec()));
    values.push(long);

    // xorshift64, so that every run tries the same values.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % bound as u64).unwrap()
    };
    let nasty = b" \t\n\r'\"\\$`!#=~*?[]{}()<>|&;%-+,.:/@^_aZ09";
    for index in 0..300 {
        let length = below(24);
        values.push(match index % 3 {
            0 => (0..length).map(|_| nasty[below(nasty.len())]).collect(),
            1 => (0..length)
                .map(|_| u8::try_from(below(255) + 1).unwrap())
                .collect(),
            _ => "aé😀'\\\"\u{2029} #$\n"
                .chars()
                .cycle()
                .skip(below(11))
                .step_by(below(9) + 1)
                .take(length)
                .collect::<String>()
                .into_bytes(),
        });
    }
    values
}

fn variables(values: impl IntoIterator<Item = Vec<u8>>) -> (Variables, Found) {
    let (mut variables, mut expected) = (Variables::default(), Found::new());
    for (index, value) in values.into_iter().enumerate() {
        let name = format!("V{index:03}");
        let key = VarName::parse(&name).unwrap();
        variables.insert(key, SecretValue::new(value.clone()));
        expected.insert(name, value);
    }
    (variables, expected)
}

/// Runs a reader on an export; `None` if it is not on this machine.
fn read(argv: &[&str], answer: Answer, export: &[u8]) -> Option<Found> {
    let mut child = Command::new(argv[0])
        .args(&argv[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // A reader that gives up early closes the pipe; what it lacks then is told below.
        scope.spawn(move || drop(stdin.write_all(export)));
        child.wait_with_output().unwrap()
    });
    if output.status.code() == Some(NO_SUCH_READER) {
        return None;
    }
    let (end, separator) = match answer {
        Answer::Environment => (0, b'='),
        Answer::Lines => (b'\n', b' '),
    };
    let found = output
        .stdout
        .split(|&byte| byte == end)
        .filter_map(|entry| {
            let at = entry.iter().position(|&byte| byte == separator)?;
            let value = match answer {
                Answer::Environment => entry[at + 1..].to_vec(),
                Answer::Lines => BASE64_STANDARD.decode(&entry[at + 1..]).unwrap(),
            };
            Some((String::from_utf8(entry[..at].to_vec()).unwrap(), value))
        });
    Some(found.collect())
}

/// Names the values that came back changed, or not at all.
fn differing<'a>(expected: &'a Found, found: &Found) -> Vec<&'a str> {
    let mut ours = found
        .keys()
        .filter(|name| name.starts_with('V') && name.len() == 4);
    assert!(
        ours.all(|name| expected.contains_key(name)),
        "a value became a variable"
    );
    let changed = expected
        .iter()
        .filter(|(name, value)| found.get(*name) != Some(value));
    changed.map(|(name, _)| name.as_str()).collect()
}

fn carried(format: Format) -> Vec<Vec<u8>> {
    let values = hostile_values();
    let (all, _) = variables(values.clone());
    let Err(FormatError::Refused { refusals, .. }) = render(format, &all) else {
        return values;
    };
    let refused: Vec<_> = refusals
        .iter()
        .map(|refusal| refusal.name.as_str())
        .collect();
    let kept = values.into_iter().enumerate();
    let kept = kept.filter(|(index, _)| !refused.contains(&&*format!("V{index:03}")));
    kept.map(|(_, value)| value).collect()
}

#[test]
fn every_value_comes_back_from_the_real_readers() {
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    for Reader {
        name,
        format,
        argv,
        answer,
        required,
    } in READERS
    {
        let (variables, expected) = variables(carried(format));
        let export = render(format, &variables).unwrap();
        let Some(found) = read(argv, answer, export.reveal()) else {
            assert!(!(required && in_ci), "{name} is not on this machine");
            eprintln!("skipped: {name} is not on this machine");
            continue;
        };
        assert_eq!(differing(&expected, &found), Vec::<&str>::new(), "{name}");
    }
}

/// Shells carry every value here; JSON all that are text; `.env` the half that is written alike.
#[test]
fn the_formats_carry_what_they_promise() {
    let all = hostile_values();
    assert_eq!(all.len(), 80 + 300);
    let text = all
        .iter()
        .filter(|value| std::str::from_utf8(value).is_ok())
        .count();
    assert_eq!(carried(Format::Sh).len(), all.len());
    assert_eq!(carried(Format::Bash).len(), all.len());
    assert_eq!(carried(Format::Json).len(), text);
    let dotenv = carried(Format::Dotenv).len();
    assert!(dotenv > all.len() / 3 && dotenv < text, "{dotenv}");
}

/// Why `bash` is no plain quoting, and proof that a changed value would be seen: the same values
/// in `sh` do not survive an `eval` without quotes.
#[test]
fn plain_quotes_do_not_survive_an_eval_without_quotes() {
    let (variables, expected) = variables(hostile_values());
    let export = render(Format::Sh, &variables).unwrap();
    let argv = ["bash", "-c", "set -f; eval $(cat); exec env -0"];
    let Some(found) = read(&argv, Answer::Environment, export.reveal()) else {
        eprintln!("skipped: `bash` is not on this machine");
        return;
    };
    assert!(differing(&expected, &found).len() > 50);
}

/// NUL bytes end a C string; of the four formats only JSON has a way to write one.
#[test]
fn a_nul_byte_comes_back_from_json_alone() {
    let (variables, expected) = variables([b"a\0b".to_vec(), b"\0".to_vec()]);
    for format in [Format::Bash, Format::Dotenv, Format::Sh] {
        let Err(FormatError::Refused { refusals, .. }) = render(format, &variables) else {
            panic!("{format} took a NUL byte");
        };
        assert!(
            refusals
                .iter()
                .all(|refusal| refusal.obstacle == Obstacle::Nul)
        );
        assert_eq!(refusals.len(), 2);
    }
    let export = render(Format::Json, &variables).unwrap();
    for reader in READERS
        .iter()
        .filter(|reader| reader.format == Format::Json)
    {
        let Some(found) = read(reader.argv, reader.answer, export.reveal()) else {
            eprintln!("skipped: {} is not on this machine", reader.name);
            continue;
        };
        assert_eq!(
            differing(&expected, &found),
            Vec::<&str>::new(),
            "{}",
            reader.name
        );
    }
}

/// A shell that knows a variable which it does not let go of, and which is not refused, is newer
/// than our list of them.
#[test]
fn what_a_shell_keeps_for_itself_is_refused() {
    let dash = "set | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/\\1/p'";
    for (shell, list) in [("bash", "compgen -v"), ("dash", dash)] {
        let Ok(output) = Command::new(shell).args(["-c", list]).output() else {
            eprintln!("skipped: {shell} is not on this machine");
            continue;
        };
        let (mut all, mut expected) = (Variables::default(), Found::new());
        for name in String::from_utf8(output.stdout).unwrap().lines() {
            let mut alone = Variables::default();
            alone.insert(
                VarName::parse(name).unwrap(),
                SecretValue::new(b"7 up".to_vec()),
            );
            if render(Format::Sh, &alone).is_ok() {
                all.insert(
                    VarName::parse(name).unwrap(),
                    SecretValue::new(b"7 up".to_vec()),
                );
                expected.insert(name.to_owned(), b"7 up".to_vec());
            }
        }
        assert!(expected.contains_key("PWD"), "{shell}");
        let export = render(Format::Sh, &all).unwrap();
        let argv = [shell, "-c", ". /dev/stdin; exec env -0"];
        let found = read(&argv, Answer::Environment, export.reveal()).unwrap();
        assert_eq!(differing(&expected, &found), Vec::<&str>::new(), "{shell}");
    }
}
