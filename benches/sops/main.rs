//! How long ten thousand values take in and out of a sops file: `vault import --dry-run` beside `sops
//! decrypt`, `vault export` beside `sops encrypt`, on the same values for the same key, in turns. A
//! vault keeps each value in a file of its own, so an export opens ten thousand of them.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark arranges its files as it likes and prints its table"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

const VALUES: usize = 10_000;
const ROUNDS: usize = 7;

/// Of the time of sops, at most so much.
const GOAL: f64 = 1.0 / 3.0;

/// The ends of the file names of the stores, and what `vault export` calls them.
const STORES: [(&str, &str); 3] = [
    ("yaml", "sops-yaml"),
    ("json", "sops-json"),
    ("env", "sops-dotenv"),
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
    if Command::new("sops").arg("--version").output().is_err() {
        println!("skipped: sops is not on this machine");
        return;
    }
    let place = Place::new(&hoziron);
    println!("{VALUES} values, seconds: the median of {ROUNDS}, and the least");
    for (end, format) in STORES {
        let plain = place.plain(end);
        let sealed = place.dir.path().join(format!("sealed.{end}"));
        fs::write(&sealed, place.sops(&["encrypt"], &plain)).unwrap();
        let file = sealed.to_str().unwrap();
        compare(
            &format!("read {end}"),
            || drop(place.hoziron("empty", &["vault", "import", file, "--dry-run"])),
            || drop(place.sops(&["decrypt"], &sealed)),
        );
        compare(
            &format!("write {end}"),
            || drop(place.hoziron("full", &["vault", "export", "--format", format])),
            || drop(place.sops(&["encrypt"], &plain)),
        );
    }
}

/// Times both in turns, after a round that does not count.
fn compare(what: &str, ours: impl Fn(), theirs: impl Fn()) {
    let time = |run: &dyn Fn()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        let pair = [time(&ours), time(&theirs)];
        if round > 0 {
            times
                .iter_mut()
                .zip(pair)
                .for_each(|(all, one)| all.push(one));
        }
    }
    let [ours, theirs] = times.map(|mut all| {
        all.sort_by(f64::total_cmp);
        (all[ROUNDS / 2], all[0])
    });
    let ratio = ours.0 / theirs.0;
    let judged = if ratio <= GOAL { "met" } else { "MISSED" };
    println!(
        "{what:<11} hoziron {:.3} {:.3}   sops {:.3} {:.3}   {ratio:.2} of sops; under a third: {judged}",
        ours.0, ours.1, theirs.0, theirs.1
    );
}

/// A home without a secret, one with all of them, and the key of both.
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
        fs::create_dir(place.dir.path().join("user")).unwrap();
        for home in ["empty", "full"] {
            place.hoziron(home, &["vault", "init", "--name", "alice", "--no-recovery"]);
        }
        let values = place.plain("env");
        place.hoziron(
            "full",
            &["vault", "import", values.to_str().unwrap(), "--yes"],
        );
        place
    }

    fn identity(&self) -> PathBuf {
        self.dir.path().join("user/.config/hoziron/identity.txt")
    }

    fn recipient(&self) -> String {
        let text = fs::read_to_string(self.identity()).unwrap();
        let start = text.find("age1").unwrap();
        text[start..].split_whitespace().next().unwrap().to_owned()
    }

    /// The values in the open.
    fn plain(&self, end: &str) -> PathBuf {
        let mut text = String::new();
        for number in 0..VALUES {
            let (key, value) = (format!("KEY_{number:05}"), format!("token-{number:026}"));
            match end {
                "env" => writeln!(text, "{key}={value}").unwrap(),
                "json" => {
                    let start = if number == 0 { "{" } else { "," };
                    writeln!(text, "{start}\"{key}\": \"{value}\"").unwrap();
                }
                _ => writeln!(text, "{key}: {value}").unwrap(),
            }
        }
        if end == "json" {
            text.push('}');
        }
        let path = self.dir.path().join(format!("plain.{end}"));
        fs::write(&path, text).unwrap();
        path
    }

    fn hoziron(&self, home: &str, words: &[&str]) -> Vec<u8> {
        let home = self.dir.path().join(home);
        self.run(
            Command::new(&self.hoziron)
                .arg("--home")
                .arg(home)
                .args(words),
        )
    }

    fn sops(&self, words: &[&str], file: &Path) -> Vec<u8> {
        let mut command = Command::new("sops");
        command
            .args(words)
            .arg(file)
            .env("SOPS_AGE_KEY_FILE", self.identity());
        if words == ["encrypt"] {
            command.env("SOPS_AGE_RECIPIENTS", self.recipient());
        }
        self.run(&mut command)
    }

    fn run(&self, command: &mut Command) -> Vec<u8> {
        let output = command
            .current_dir(self.dir.path())
            .env("HOME", self.dir.path().join("user"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        output.stdout
    }
}
