//! What git keeps of a day with sealed files: after logs, blames, stashes, rebases and merges of two
//! hundred secrets, with everything installed, no object, note, ref, message or temporary file has a value
//! in it, in none of its encodings.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::gits::{Git, gits};
use crate::house::{House, Outcome, finish};
use crate::leaks::{CORE, Watch};

const SECRETS: usize = 200;

/// A repository with everything installed, and a folder of its own for what is temporary.
struct Day {
    house: House,
    path: OsString,
}

impl Day {
    fn new(git: &Git) -> Self {
        let day = Self {
            house: House::new(),
            path: git.path(),
        };
        fs::create_dir(day.temporary()).unwrap();
        day.house.run(["git", "install"]).ok();
        day.house.run(["git", "hooks", "install"]).ok();
        day.git(&["config", "commit.verbose", "true"]);
        day.git(&["config", "rerere.enabled", "true"]);
        day.git(&["config", "notes.rewriteRef", "refs/notes/commits"]);
        day
    }

    fn temporary(&self) -> PathBuf {
        self.house.root().join("temporary")
    }

    /// One command of git's, which may fail; nobody is at a terminal, whatever is asked to be revealed.
    fn try_git(&self, words: &[&str]) -> Outcome {
        let mut git = self.house.program("git");
        git.args(words)
            .env("PATH", &self.path)
            .env("TMPDIR", self.temporary())
            .env("HOZIRON_GIT_REVEAL", "1")
            .env("GIT_EDITOR", "true");
        finish(&mut git, b"")
    }

    #[track_caller]
    fn git(&self, words: &[&str]) -> String {
        let outcome = self.try_git(words);
        assert_eq!(outcome.code(), 0, "{words:?}: {}", outcome.stderr);
        String::from_utf8_lossy(&outcome.stdout).into_owned() + &outcome.stderr
    }

    /// Sets every so many secrets of all to new values; each has the canary, and is unlike the others.
    fn set(&self, every: usize, word: &str) {
        let mut lines = String::new();
        for index in (0..SECRETS).step_by(every) {
            // Each of the three places that base64 can put it at.
            let before = &"...."[..index % 3];
            lines.push_str(&format!("S{index}={before}{CORE}{word}{index}\n"));
        }
        let file = self.house.root().join("values.env");
        fs::write(&file, lines).unwrap();
        let words = ["vault", "import", "--yes", file.to_str().unwrap()];
        let mut command = self.house.hoziron(words);
        finish(command.env("TMPDIR", self.temporary()), b"").ok();
        fs::remove_file(file).unwrap();
    }

    fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]) + &self.git(&["commit", "-q", "-v", "-m", message])
    }

    /// Everything that shows or moves sealed files; returns all that was said.
    fn live(&self) -> String {
        let file = ".hoziron/vault/S0.age";
        let mut said = String::new();
        self.set(1, "first");
        said += &self.commit("first");
        said += &self.git(&["branch", "side"]);
        self.set(3, "second");
        said += &self.git(&["diff"]);
        said += &self.git(&["diff", "--word-diff"]);
        said += &self.git(&["stash"]);
        said += &self.git(&["stash", "show", "-p"]);
        said += &self.git(&["stash", "pop"]);
        said += &self.commit("second");
        said += &self.git(&["checkout", "-q", "side"]);
        self.set(5, "third");
        said += &self.git(&["notes", "add", "-m", "a note", "HEAD"]);
        said += &self.commit("third");
        said += &self.git(&["checkout", "-q", "-b", "topic"]);
        self.set(7, "fourth");
        said += &self.commit("fourth");
        // Both changed every fifteenth.
        for (words, goes_on) in [
            (&["rebase", "main"][..], &["rebase", "--continue"][..]),
            (&["cherry-pick", "side"], &["cherry-pick", "--continue"]),
            (&["merge", "side"], &["commit", "-q", "--no-edit", "-v"]),
        ] {
            if words[0] != "rebase" {
                said += &self.git(&["checkout", "-q", "-B", words[0], "main"]);
            }
            let mut outcome = self.try_git(words);
            while outcome.code() != 0 {
                said += &String::from_utf8_lossy(&outcome.stdout);
                said += &outcome.stderr;
                assert!(said.len() < 20_000_000, "it does not end");
                said += &String::from_utf8_lossy(&self.try_git(&["diff"]).stdout);
                let resolve = ["vault", "resolve", "--all", "--theirs"];
                said += &self.house.run(resolve).stderr;
                said += &self.git(&["add", "-A"]);
                outcome = self.try_git(goes_on);
            }
            said += &outcome.stderr;
        }
        said += &self.git(&["range-diff", "main", "topic", "cherry-pick"]);
        for words in [
            &["log", "-p", "--all"][..],
            &["log", "-p", "--cc", "--remerge-diff", "merge"],
            &["log", "-S", CORE, "--oneline", "--", file],
            &["blame", file],
            &["show", "--textconv", "HEAD:.hoziron/vault/S0.age"],
            &["diff", "--word-diff", "main", "topic"],
            &["diff", "--binary", "main", "topic"],
            &["format-patch", "--stdout", "main..topic"],
            &["grep", "--textconv", "revision"],
        ] {
            said += &String::from_utf8_lossy(&self.try_git(words).stdout);
        }
        said
    }

    /// Every object's bytes, loose or packed.
    fn objects(&self) -> Vec<u8> {
        let words = ["cat-file", "--batch-all-objects", "--batch"];
        self.try_git(&words).ok()
    }

    /// Looks for values in all that git has.
    fn search(&self, watch: &mut Watch) -> usize {
        watch.silent(&self.objects(), "an object");
        let refs = "%(refname) %(subject) %(body)";
        let shown = self.git(&["for-each-ref", &format!("--format={refs}")]);
        watch.silent(shown.as_bytes(), "a ref");
        watch.search(&self.house.repo().join(".git")) + watch.search(&self.temporary())
    }
}

/// Reads whatever is in a folder until it is told to stop; what is there for a moment only is seen as
/// often as that is possible.
fn spy(folder: &Path, stop: &AtomicBool) -> (usize, bool) {
    let found = Watch::new();
    let (mut seen, mut leaked) = (0, false);
    while !stop.load(Ordering::Relaxed) {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(folder) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.is_dir() {
                    folders.push(path);
                } else if let Ok(bytes) = fs::read(path) {
                    seen += usize::from(!bytes.is_empty());
                    leaked |= found.finds(&bytes);
                }
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    (seen, leaked)
}

#[test]
fn git_keeps_no_value_of_a_day_with_sealed_files() {
    for git in gits() {
        let day = Day::new(&git);
        let (temporary, stop) = (day.temporary(), AtomicBool::new(false));
        let (said, (seen, leaked)) = std::thread::scope(|scope| {
            let spy = scope.spawn(|| spy(&temporary, &stop));
            let said = day.live();
            stop.store(true, Ordering::Relaxed);
            (said, spy.join().unwrap())
        });
        let mut watch = Watch::new();
        watch.silent(said.as_bytes(), "what git said");
        assert!(said.contains("secret      S0"), "{}", git.version);
        assert!(!leaked, "a temporary file");
        let loose = day.search(&mut watch);
        day.git(&["gc", "-q"]);
        let packed = day.search(&mut watch);
        let version = &git.version;
        eprintln!(
            "{version}: {loose} files, {packed} packed, {seen} temporary, {} bytes said",
            said.len()
        );
        assert!(loose > 400 && packed < loose, "{version}: {loose} {packed}");
    }
}

/// What the search would find: the same places, with a value planted in each.
#[test]
fn a_value_that_git_kept_would_be_found() {
    let git = &gits()[0];
    let encoded = CORE.bytes().map(|byte| format!("{byte:02x}"));
    let encoded: String = encoded.collect();
    let packed = |day: &Day| {
        fs::write(day.house.repo().join("file"), format!("{encoded}\n")).unwrap();
        day.git(&["add", "-A"]);
        day.git(&["commit", "-q", "--no-verify", "-m", "planted"]);
        day.git(&["gc", "-q"]);
    };
    let note = |day: &Day| drop(day.git(&["notes", "add", "-m", CORE, "HEAD"]));
    let message = |day: &Day| {
        let words = ["commit", "-q", "--no-verify", "--allow-empty", "-m", CORE];
        drop(day.git(&words));
    };
    let branch = |day: &Day| drop(day.git(&["branch", CORE]));
    let temporary = |day: &Day| fs::write(day.temporary().join("file"), CORE).unwrap();
    let places: [&dyn Fn(&Day); 5] = [&packed, &note, &message, &branch, &temporary];
    for (index, plant) in places.into_iter().enumerate() {
        let day = Day::new(git);
        day.house.commit("base");
        plant(&day);
        let search = std::panic::AssertUnwindSafe(|| {
            let mut watch = Watch::new();
            day.search(&mut watch);
        });
        assert!(std::panic::catch_unwind(search).is_err(), "place {index}");
    }
}
