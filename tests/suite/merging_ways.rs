//! The same branches by every way that git has of bringing them together, with each git of the machine,
//! where hoziron was installed and where nothing was: what only one side changed is taken, what both
//! changed is lost by nobody, not even by committing it unseen, and `vault resolve` ends it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gits::{Git, gits};
use crate::house::{House, Outcome, finish};

/// What is set on the branch `side`, on `main`, and what the one value is then, unless both changed it.
const ROWS: [(&str, [Option<&str>; 3]); 8] = [
    ("BOTH", [Some("theirs-7"), Some("ours-7"), None]),
    ("NEW_HERE", [None, Some("here-7"), Some("here-7")]),
    ("NEW_THERE", [Some("there-7"), None, Some("there-7")]),
    ("ONE_HERE", [None, Some("one-7"), Some("one-7")]),
    ("ONE_THERE", [Some("two-7"), None, Some("two-7")]),
    ("SAME", [Some("same-7"), Some("same-7"), Some("same-7")]),
    (
        "SAME_NEW",
        [Some("twice-7"), Some("twice-7"), Some("twice-7")],
    ),
    ("SEALED_AGAIN", [Some("changed-7"), None, Some("changed-7")]),
];

/// What both sides change, so that git calls the driver; without one, a conflict each.
const DRIVEN: [&str; 3] = ["SAME", "SAME_NEW", "SEALED_AGAIN"];

/// How two branches are brought together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    CheckoutMerge,
    CherryPick,
    CrissCross,
    Merge,
    Octopus,
    Rebase,
    Squash,
    StashPop,
}

const WAYS: [Way; 8] = [
    Way::CheckoutMerge,
    Way::CherryPick,
    Way::CrissCross,
    Way::Merge,
    Way::Octopus,
    Way::Rebase,
    Way::Squash,
    Way::StashPop,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Installed {
    No,
    Yes,
}

/// A repository in which one way is tried.
struct Try {
    house: House,
    path: OsString,
    way: Way,
    installed: Installed,
    bob: age::x25519::Identity,
    context: String,
}

impl Try {
    fn new(git: &Git, way: Way, installed: Installed) -> Self {
        let house = House::new();
        if installed == Installed::Yes {
            house.run(["git", "install"]).ok();
        }
        let attempt = Self {
            house,
            path: git.path(),
            way,
            installed,
            bob: age::x25519::Identity::generate(),
            context: format!("{way:?}, installed: {installed:?}, {}", git.version),
        };
        let is_old = |name: &&str| !name.contains("NEW");
        let names = ROWS.map(|row| row.0);
        let first = |name| (name, Some("first"));
        attempt.seal(names.into_iter().filter(is_old).map(first));
        attempt.house.commit("base");
        attempt.house.git(["branch", "side"]);
        attempt
    }

    fn git(&self, words: &[&str]) -> Outcome {
        let mut git = self.house.program("git");
        git.args(words)
            .env("PATH", &self.path)
            .env("GIT_EDITOR", "true");
        finish(&mut git, b"")
    }

    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        let outcome = self.git(words);
        let said = String::from_utf8_lossy(&outcome.stdout).into_owned() + &outcome.stderr;
        assert_eq!(outcome.code(), 0, "{}: {words:?}: {said}", self.context);
        said
    }

    #[track_caller]
    fn stops(&self, words: &[&str]) {
        let outcome = self.git(words);
        let context = &self.context;
        assert_eq!(
            outcome.code(),
            1,
            "{context}: {words:?}: {}",
            outcome.stderr
        );
    }

    /// Seals what there is a value for.
    fn seal<'a>(&self, values: impl Iterator<Item = (&'a str, Option<&'a str>)>) {
        let given = values.filter_map(|(name, value)| Some((name, value?)));
        let values: BTreeMap<_, _> = given.collect();
        let file = self.house.root().join("values.json");
        fs::write(&file, serde_json::to_string(&values).unwrap()).unwrap();
        let words = ["vault", "import", "--yes", file.to_str().unwrap()];
        self.house.run(words).ok();
    }

    fn seal_theirs(&self, without: &str) {
        let rows = ROWS.iter().filter(|row| row.0 != without);
        self.seal(rows.map(|row| (row.0, row.1[0])));
    }

    /// Our side; bob joins on it, so that everything is sealed anew for him.
    fn seal_ours(&self) {
        self.seal(ROWS.iter().map(|row| (row.0, row.1[1])));
        let file = self.house.home().join("recipients/bob.pub");
        fs::write(file, format!("{}\n", self.bob.to_public())).unwrap();
        let refused = self.house.run(["apply", "--yes"]);
        let (_, digest) = refused.stderr.split_once("--accept-recipients ").unwrap();
        let digest = digest.split(['`', ' ', '\n']).next().unwrap();
        self.house
            .run(["apply", "--yes", "--accept-recipients", digest])
            .ok();
        // This one is changed on their side alone.
        self.done(&["checkout", "-q", "HEAD", "--", &path("ONE_THERE")]);
    }

    /// Brings `side` to `main`, up to the conflict.
    fn play(&self) {
        match self.way {
            Way::CheckoutMerge => {
                self.seal_ours();
                self.house.commit("ours");
                self.done(&["checkout", "-q", "side"]);
                // Git refuses to write over what it does not track.
                self.seal_theirs("SAME_NEW");
                self.done(&["checkout", "-q", "-m", "main"]);
                return;
            }
            Way::StashPop => {
                self.seal_theirs("");
                self.done(&["add", "-A"]);
                self.done(&["stash", "-q"]);
                self.seal_ours();
                self.house.commit("ours");
                self.stops(&["stash", "pop"]);
                return;
            }
            Way::CrissCross => self.cross(),
            _ => {}
        }
        self.done(&["checkout", "-q", "side"]);
        self.seal_theirs("");
        self.house.commit("theirs");
        self.done(&["checkout", "-q", "main"]);
        self.seal_ours();
        self.house.commit("ours");
        match self.way {
            Way::CherryPick => self.stops(&["cherry-pick", "side"]),
            Way::Rebase => {
                self.done(&["checkout", "-q", "side"]);
                self.stops(&["rebase", "-q", "main"]);
            }
            Way::Squash => self.stops(&["merge", "-q", "--squash", "side"]),
            Way::Octopus => self.octopus(),
            _ => self.stops(&["merge", "-q", "side"]),
        }
    }

    /// Both branches merge the other once, and change a value that the other changed, too.
    fn cross(&self) {
        for (branch, name) in [("side", "A"), ("main", "B")] {
            self.done(&["checkout", "-q", branch]);
            self.seal([(name, Some("crossed-7"))].into_iter());
            self.house.commit(name);
            self.done(&["tag", &format!("only-{branch}")]);
        }
        self.done(&["merge", "-q", "--no-edit", "only-side"]);
        self.done(&["checkout", "-q", "side"]);
        self.done(&["merge", "-q", "--no-edit", "only-main"]);
        let bases = self.done(&["merge-base", "--all", "main", "side"]);
        assert_eq!(bases.lines().count(), 2, "{}", self.context);
    }

    /// Git stops at the last of the branches only; at another one it takes nothing.
    fn octopus(&self) {
        self.done(&["checkout", "-q", "-b", "third", "main~1"]);
        self.seal([("THIRD", Some("third-7"))].into_iter());
        self.house.commit("third");
        self.done(&["checkout", "-q", "main"]);
        let before = self.house.snapshot();
        let refused = self.git(&["merge", "-q", "side", "third"]);
        assert_eq!(refused.code(), 2, "{}", self.context);
        assert!(self.house.snapshot() == before, "{}", self.context);
        self.stops(&["merge", "-q", "third", "side"]);
        assert_eq!(self.value("THIRD"), "third-7", "{}", self.context);
    }

    #[track_caller]
    fn value(&self, name: &str) -> String {
        let outcome = self.house.run(["vault", "get", name]);
        assert_eq!(outcome.code(), 0, "{}: {}", self.context, outcome.stderr);
        String::from_utf8(outcome.stdout).unwrap()
    }

    fn open(&self, file: &[u8]) -> String {
        let identity = fs::read_to_string(self.house.identity()).unwrap();
        let mut lines = identity.lines();
        let line = lines.find(|line| line.starts_with("AGE-SECRET-KEY-1"));
        let identity: age::x25519::Identity = line.unwrap().parse().unwrap();
        String::from_utf8(age::decrypt(&identity, file).unwrap()).unwrap()
    }

    /// What is in the file of the work tree.
    fn text(&self, name: &str) -> String {
        self.open(&fs::read(self.house.repo().join(path(name))).unwrap())
    }

    /// Rows whose value is known, whoever merged.
    fn judge_rows(&self, among: impl Fn(&str) -> bool) {
        for (name, [_, _, value]) in ROWS.iter().filter(|row| among(row.0)) {
            let Some(value) = value else { continue };
            let at = format!("{}: {name}", self.context);
            assert_eq!(&self.value(name), value, "{at}");
            assert_eq!(&self.text(name), value, "{at}");
        }
    }

    /// Says whether git has called the driver. An octopus knows none.
    fn is_driven(&self) -> bool {
        self.installed == Installed::Yes && self.way != Way::Octopus
    }

    /// Both values of what both changed are in the file, as values or as two files between markers,
    /// and would be after a commit.
    fn judge_both(&self) {
        let context = &self.context;
        let refused = self.house.run(["vault", "get", "BOTH"]);
        assert_eq!(refused.code(), 6, "{context}: {}", refused.stderr);
        assert!(refused.stdout.is_empty(), "{context}");
        if self.is_driven() {
            let text = self.text("BOTH");
            for value in ["ours-7", "theirs-7"] {
                assert!(text.contains(value), "{context}: {value}");
            }
        } else {
            let text = fs::read_to_string(self.house.repo().join(path("BOTH"))).unwrap();
            let mut values = [0, 1].map(|side| self.open(unmarked(&text, side).as_bytes()));
            values.sort();
            assert_eq!(values, ["ours-7", "theirs-7"], "{context}");
        }
        let plain = self.done(&["hash-object", "--no-filters", &path("BOTH")]);
        assert_eq!(
            self.done(&["hash-object", &path("BOTH")]),
            plain,
            "{context}"
        );
    }

    /// What somebody does who does not look: it is committed as it is.
    fn commit_unseen(&self) {
        self.done(&["add", "-A"]);
        match self.way {
            Way::Rebase => self.done(&["rebase", "--continue"]),
            Way::CherryPick => self.done(&["cherry-pick", "--continue"]),
            _ => self.done(&["commit", "-q", "-m", "unseen"]),
        };
    }

    /// A person chooses, and nothing is left to do.
    fn resolve(&self) {
        self.house
            .run(["vault", "resolve", "--all", "--theirs"])
            .ok();
        let value = self.value("BOTH");
        assert!(
            ["theirs-7", "ours-7"].contains(&&*value),
            "{}",
            self.context
        );
        self.done(&["add", "-A"]);
        assert_eq!(self.done(&["ls-files", "-u"]), "", "{}", self.context);
        self.house.run(["apply", "--yes"]).ok();
        let plan = self.house.run(["plan"]).ok();
        let plan = String::from_utf8(plan).unwrap();
        assert!(plan.contains("No changes."), "{}: {plan}", self.context);
        self.judge_rows(|_| true);
        let file = fs::read(self.house.vault("SEALED_AGAIN.age")).unwrap();
        let opened = age::decrypt(&self.bob, &file);
        assert_eq!(opened.unwrap(), b"changed-7", "{}", self.context);
    }
}

fn path(name: &str) -> String {
    let path = Path::new(".hoziron/vault").join(format!("{name}.age"));
    path.to_str().unwrap().to_owned()
}

/// One side of a file that git has put markers into.
fn unmarked(text: &str, side: usize) -> String {
    let mut within = None;
    let mut lines = String::new();
    for line in text.split_inclusive('\n') {
        match line.get(..7) {
            Some("<<<<<<<") => within = Some(0),
            Some("=======") => within = Some(1),
            Some(">>>>>>>") => within = None,
            _ if within.is_none_or(|within| within == side) => lines.push_str(line),
            _ => {}
        }
    }
    lines
}

fn judge(git: &Git, way: Way, installed: Installed) {
    let attempt = Try::new(git, way, installed);
    attempt.play();
    let open = attempt.done(&["ls-files", "-u"]);
    let is_open = |name: &str| open.contains(&path(name));
    assert!(is_open("BOTH"), "{}: {open}", attempt.context);
    let is_skipped = |name: &str| way == Way::CheckoutMerge && name == "SAME_NEW";
    for name in ROWS
        .map(|row| row.0)
        .into_iter()
        .filter(|name| *name != "BOTH")
    {
        let conflict = !attempt.is_driven() && DRIVEN.contains(&name) && !is_skipped(name);
        assert_eq!(is_open(name), conflict, "{}: {name}", attempt.context);
    }
    attempt.judge_rows(|name| !is_open(name));
    attempt.judge_both();
    if attempt.is_driven() {
        attempt.commit_unseen();
        attempt.judge_both();
        attempt.judge_rows(|_| true);
    }
    attempt.resolve();
}

fn judge_all(installed: Installed) {
    let gits = gits();
    let all: Vec<_> = gits
        .iter()
        .flat_map(|git| WAYS.map(|way| (git, way)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((git, way)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            judge(git, *way, installed);
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        work();
        other.join().unwrap();
    });
}

#[test]
fn every_way_takes_what_one_side_changed_and_keeps_what_both_did() {
    judge_all(Installed::Yes);
}

#[test]
fn every_way_loses_nothing_where_nothing_was_installed() {
    judge_all(Installed::No);
}
