//! What git's merges cost with sealed files: two hundred that both branches sealed anew, merged by git with
//! the driver and with its own; and the driver alone, a whole process for each file, beside `git
//! merge-file`.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark arranges its files as it likes and prints its table"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use tempfile::TempDir;

const SECRETS: usize = 200;

/// So often a merge is timed, and one file.
const MERGES: usize = 5;
const FILES: usize = 51;

/// The most that the driver may take for a file, in seconds.
const GOAL: f64 = 0.010;

/// What both branches do to a file, and what `git merge` then answers.
const CASES: [(&str, &str, i32); 3] = [
    ("K0", "sealed anew by both", 0),
    ("K1", "changed by one", 0),
    ("K2", "changed by both", 1),
];

fn main() {
    // Cargo adds `--bench`; a path names another binary to measure.
    let other = std::env::args_os()
        .skip(1)
        .find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let hoziron = other.map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_hoziron")),
        |path| fs::canonicalize(path).unwrap(),
    );
    let place = Place::new(&hoziron);
    place.merges();
    place.files();
}

/// A repository with two branches.
struct Place {
    dir: TempDir,
    hoziron: PathBuf,
}

impl Place {
    fn new(hoziron: &Path) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            hoziron: hoziron.to_owned(),
        };
        for folder in ["user", "repo"] {
            fs::create_dir(place.dir.path().join(folder)).unwrap();
        }
        place.git(&["init", "-q", "-b", "main"], 0);
        let hoziron = place.hoziron.clone();
        place.run(
            &hoziron,
            &["vault", "init", "--name", "alice", "--no-recovery"],
            0,
        );
        place.seal(["first"; 3]);
        place.git(&["checkout", "-q", "-b", "side"], 0);
        place.seal(["first", "second", "second"]);
        place.git(&["checkout", "-q", "main"], 0);
        place.seal(["first", "first", "third"]);
        place
    }

    /// Seals everything anew, the first three with these values, and commits it.
    fn seal(&self, values: [&str; 3]) {
        let mut lines = String::new();
        for index in 0..SECRETS {
            let value = values.get(index).unwrap_or(&"first");
            writeln!(lines, "K{index}={value}-value-{index}-of-a-usual-length").unwrap();
            let _ = fs::remove_file(self.repo().join(path(&format!("K{index}"))));
        }
        let file = self.dir.path().join("values.env");
        fs::write(&file, lines).unwrap();
        let words = ["vault", "import", "--yes", file.to_str().unwrap()];
        self.run(&self.hoziron, &words, 0);
        self.git(&["add", "-A"], 0);
        self.git(&["commit", "-q", "-m", "sealed"], 0);
    }

    fn merges(&self) {
        // With the two that are no conflict for the driver, and one that is.
        let merge = ["merge", "-q", "--no-commit", "side"];
        let words = ["git", "run", "--"].into_iter().chain(merge);
        let words: Vec<_> = words.collect();
        let reset = || self.git(&["reset", "-q", "--hard", "main"], 0);
        let (mut ours, mut own) = (Vec::new(), Vec::new());
        for round in 0..=MERGES {
            let with = self.once(&self.hoziron, &words, 1);
            reset();
            let without = self.once(Path::new("git"), &merge, 1);
            reset();
            // The first round does not count.
            if round > 0 {
                ours.push(with);
                own.push(without);
            }
        }
        let (ours, own) = (median(ours), median(own));
        println!("git merge, {SECRETS} files that both branches sealed anew");
        println!("with the driver        {ours:8.3} s, 1 conflict");
        println!("with git's own         {own:8.3} s, {SECRETS} conflicts");
        let each = (ours - own) / SECRETS as f64;
        println!("the driver costs       {:8.1} ms a file\n", each * 1e3);
    }

    fn files(&self) {
        println!("one file, a whole process");
        for (name, what, code) in CASES {
            let sides = ["main~1", "main", "side"].map(|commit| {
                let object = format!("{commit}:{}", path(name));
                let file = self.dir.path().join(commit.replace('~', "-"));
                fs::write(&file, self.git(&["show", &object], 0).stdout).unwrap();
                file.to_str().unwrap().to_owned()
            });
            let ours = fs::read(&sides[1]).unwrap();
            let [base, one, other] = sides.each_ref().map(String::as_str);
            let path = path(name);
            let driver = [
                "git",
                "merge-driver",
                base,
                one,
                other,
                "7",
                &path,
                "main~1",
                "HEAD",
                "side",
            ];
            let (mut with, mut own) = (Vec::new(), Vec::new());
            for _ in 0..FILES {
                with.push(self.once(&self.hoziron, &driver, code));
                fs::write(one, &ours).unwrap();
                own.push(self.once(Path::new("git"), &["merge-file", "-q", one, base, other], 1));
                fs::write(one, &ours).unwrap();
            }
            let (with, own) = (median(with), median(own));
            println!(
                "{what:<22} {:8.1} ms; at most {:.0} ms: {}; git merge-file {:.1} ms",
                with * 1e3,
                GOAL * 1e3,
                if with <= GOAL { "met" } else { "MISSED" },
                own * 1e3
            );
        }
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn git(&self, words: &[&str], code: i32) -> Output {
        self.run(Path::new("git"), words, code)
    }

    fn once(&self, program: &Path, words: &[&str], code: i32) -> f64 {
        let start = Instant::now();
        self.run(program, words, code);
        start.elapsed().as_secs_f64()
    }

    fn run(&self, program: &Path, words: &[&str], code: i32) -> Output {
        let output = Command::new(program)
            .args(words)
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("user"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Alice Example")
            .env("GIT_AUTHOR_EMAIL", "alice@example.org")
            .env("GIT_COMMITTER_NAME", "Alice Example")
            .env("GIT_COMMITTER_EMAIL", "alice@example.org")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // What `git merge-file` answers is how many conflicts there are.
        let answer = output.status.code().unwrap().min(1);
        assert_eq!(answer, code, "{words:?}: {said}");
        output
    }
}

fn path(name: &str) -> String {
    format!(".hoziron/vault/{name}.age")
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
