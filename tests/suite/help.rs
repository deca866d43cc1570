//! What hoziron says of itself: the whole `--help` tree, compared with `help.txt`. The tree is found
//! by reading it, so a new command is tested as soon as it is listed. To accept a change, run with
//! `HOZIRON_BLESS=1` and read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::House;

/// What nobody may read in an error: it was typed in the wrong place and may be a value.
const CANARY: &str = "hunter2-canary";

/// A command, and its help.
#[derive(Debug)]
struct Page {
    /// The words after `hoziron`.
    words: Vec<String>,
    help: String,
    /// What the page above says it does; empty for `hoziron` itself.
    listed: String,
}

impl Page {
    fn name(&self) -> String {
        let words = self.words.iter().map(String::as_str);
        ["hoziron"]
            .into_iter()
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The commands below: name and summary.
    fn below(&self) -> Vec<(String, String)> {
        let list = self.help.split("\nCommands:\n").nth(1).unwrap_or_default();
        let lines = list.lines().take_while(|line| !line.is_empty());
        lines
            .map(|line| {
                let (name, summary) = line.trim().split_once("  ").unwrap();
                let summary = summary.split(" [alias").next().unwrap();
                (name.to_owned(), summary.trim().to_owned())
            })
            .filter(|(name, _)| name != "help")
            .collect()
    }

    fn is_group(&self) -> bool {
        self.help.contains("\nCommands:\n")
    }

    /// The command line after `Example:`, up to what belongs to the shell or to the program that
    /// is started.
    fn example(&self) -> Option<Vec<&str>> {
        let text = self.help.split("Example:").nth(1)?;
        let text = text.trim_start().split("\n\n").next()?;
        let start = text.find("hoziron ")?;
        let words = text[start..].split_whitespace().skip(1);
        let ends = ["--", "|", "&&", ">"];
        Some(
            words
                .take_while(|word| !ends.contains(word))
                .map(|word| word.trim_end_matches([')', '"']))
                .collect(),
        )
    }
}

/// Reads the whole tree, in the order in which it is listed.
fn pages(house: &House) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut open = vec![(Vec::new(), String::new())];
    while let Some((words, listed)) = open.pop() {
        let run = house.run(words.iter().map(String::as_str).chain(["--help"]));
        assert_eq!(run.stderr, "");
        let help = String::from_utf8(run.ok()).unwrap();
        let page = Page {
            words,
            help,
            listed,
        };
        for (name, summary) in page.below().into_iter().rev() {
            open.push(([&page.words[..], &[name]].concat(), summary));
        }
        pages.push(page);
    }
    assert!(pages.len() >= 14, "only {} pages", pages.len());
    pages
}

fn snapshot() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/help.txt")
}

#[test]
fn the_help_is_as_it_was() {
    let house = House::bare();
    let pages = pages(&house);
    eprintln!("{} pages", pages.len());
    let texts = pages.iter().map(|page| {
        let help: Vec<_> = page.help.lines().map(str::trim_end).collect();
        format!("$ {} --help\n{}\n", page.name(), help.join("\n"))
    });
    let found = texts.collect::<Vec<_>>().join("\n");
    if std::env::var_os("HOZIRON_BLESS").is_some() {
        fs::write(snapshot(), &found).unwrap();
    }
    let known = fs::read_to_string(snapshot()).unwrap_or_default();
    let same = known
        .lines()
        .zip(found.lines())
        .take_while(|(a, b)| a == b)
        .count();
    assert!(
        found == known,
        "line {} of help.txt differs: {:?} was {:?}; to accept: HOZIRON_BLESS=1",
        same + 1,
        found.lines().nth(same),
        known.lines().nth(same),
    );
}

/// One line, for the list of commands; sentences come after it.
#[test]
fn every_command_has_a_summary_without_a_full_stop() {
    let house = House::bare();
    for page in pages(&house) {
        let summary = page.help.lines().next().unwrap();
        let name = page.name();
        assert!(
            summary.chars().next().is_some_and(char::is_uppercase),
            "{name}"
        );
        assert!(
            !summary.ends_with('.') && summary.len() <= 80,
            "{name}: {summary}"
        );
        assert_eq!(page.help.lines().nth(1), Some(""), "{name}");
        if !page.listed.is_empty() {
            assert_eq!(page.listed, summary, "{name}");
        }
    }
}

/// What is promised in the sentences, and an example, are what people read help for.
#[test]
fn every_command_has_sentences_and_an_example() {
    let house = House::bare();
    let pages = pages(&house);
    let lack = |what: fn(&Page) -> bool| {
        let lacking = pages
            .iter()
            .filter(|page| page.words.is_empty() || !page.is_group());
        lacking
            .filter(|page| !what(page))
            .map(Page::name)
            .collect::<Vec<_>>()
    };
    let sentences = |page: &Page| {
        let before = page.help.split("\nUsage:").next().unwrap();
        before.lines().skip(2).any(|line| line.contains('.'))
    };
    assert_eq!(lack(sentences), [""; 0], "these have no sentences");
    assert_eq!(
        lack(|page| page.example().is_some()),
        [""; 0],
        "these have no example"
    );
}

/// An example is a command line of this very command, and the parser understands it.
#[test]
fn every_example_can_be_typed() {
    let house = House::bare();
    let mut count = 0;
    for page in pages(&house) {
        let Some(example) = page.example() else {
            continue;
        };
        count += 1;
        let help = house.run(example.iter().copied().chain(["--help"]));
        assert_eq!(help.code(), 0, "{}: {}", page.name(), help.stderr);
        if !page.words.is_empty() {
            let shown = String::from_utf8(help.stdout).unwrap();
            let summary = |text: &str| text.lines().next().unwrap().to_owned();
            assert_eq!(summary(&shown), summary(&page.help), "{example:?}");
        }
    }
    assert!(count > 0, "there is no example at all");
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    let house = House::bare();
    for page in pages(&house) {
        let words = page.words.iter().map(String::as_str);
        let asked = house.run(["help"].into_iter().chain(words)).ok();
        assert_eq!(
            String::from_utf8(asked).unwrap(),
            page.help,
            "{}",
            page.name()
        );
    }
    let version = String::from_utf8(house.run(["--version"]).ok()).unwrap();
    assert_eq!(
        version,
        concat!("hoziron ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn help_fits_a_hundred_columns_and_has_no_colour_in_a_pipe() {
    let house = House::bare();
    for page in pages(&house) {
        for line in page.help.lines() {
            assert!(line.chars().count() <= 100, "{}: {line}", page.name());
            assert!(!line.contains('\x1b'), "{}", page.name());
        }
    }
}

/// Exit code 64, nothing on stdout, and what was typed is not repeated: it may be a value.
#[test]
fn what_makes_no_sense_is_a_usage_error_of_every_command() {
    let house = House::bare();
    let option = format!("--{CANARY}");
    let color = format!("--color={CANARY}");
    let mut count = 0;
    for page in pages(&house) {
        for wrong in [
            &[&*option][..],
            &[&*color],
            &["--quiet", "--verbose"],
            &["--home"],
        ] {
            let words = page.words.iter().map(String::as_str);
            let stderr = house.run(words.chain(wrong.iter().copied())).fails(64);
            assert!(stderr.starts_with("error: "), "{}: {stderr}", page.name());
            assert!(!stderr.contains(CANARY), "{}: {stderr}", page.name());
            count += 1;
        }
    }
    eprintln!("{count} usage errors");
}

/// A word too many is refused by every command that takes a fixed number of them.
#[test]
fn a_word_too_many_is_a_usage_error() {
    let house = House::bare();
    for words in [
        &[CANARY][..],
        &["vault", CANARY],
        &["vault", "init", CANARY],
        &["vault", "set", "KEY", CANARY],
        &["vault", "get", "KEY", CANARY],
        &["vault", "list", CANARY],
        &["vault", "remove", "KEY", CANARY],
        &["vault", "rename", "KEY", "OTHER", CANARY],
        &["vault", "generate", "KEY", "uuid", CANARY],
        &["vault", "show", "KEY", CANARY],
        &["env", CANARY],
        &["env", "export", "--format", "json", CANARY],
        &["env", "export", "--format", CANARY],
    ] {
        let stderr = house.run(words).fails(64);
        assert!(!stderr.contains(CANARY), "{words:?}: {stderr}");
    }
}

#[test]
fn a_missing_word_is_a_usage_error() {
    let house = House::bare();
    for words in [
        &["vault", "set"][..],
        &["vault", "get"],
        &["vault", "remove"],
        &["vault", "rename"],
        &["vault", "rename", "KEY"],
        &["vault", "generate"],
        &["vault", "show"],
        &["env", "export"],
        &["env", "exec"],
        &["env", "exec", "--"],
        &["run"],
    ] {
        let stderr = house.run(words).fails(64);
        assert!(stderr.contains("\nhint: usage: "), "{words:?}: {stderr}");
    }
}

/// `hoziron vault $VERB` with an empty variable did nothing, and a script must see that.
#[test]
fn a_group_without_a_command_is_a_usage_error() {
    let house = House::bare();
    for page in pages(&house)
        .iter()
        .filter(|page| !page.words.is_empty() && page.is_group())
    {
        let stderr = house.run(&page.words).fails(64);
        assert!(stderr.contains("Commands:"), "{}: {stderr}", page.name());
    }
}

/// Other tools take `NAME=VALUE`; here it is a value where others see it, and it is not repeated.
#[test]
fn a_value_joined_to_the_name_is_refused_and_not_shown() {
    let house = House::new();
    for text in [
        format!("KEY={CANARY}"),
        format!("={CANARY}"),
        format!("a/KEY={CANARY}"),
    ] {
        for verb in ["set", "generate", "get"] {
            let stderr = house.run(["vault", verb, &text]).fails(64);
            assert!(!stderr.contains(CANARY), "vault {verb}: {stderr}");
        }
    }
}
