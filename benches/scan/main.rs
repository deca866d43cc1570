//! How fast a repository is looked at for leaks, beside `git grep -F -f` with the same values as they
//! are: ten thousand files, a thousand secrets, some of them planted. Values are made up here; what
//! the programs print is counted, not shown.

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

const FILES: usize = 10_000;
const SECRETS: usize = 1_000;
const PLANTED: usize = 20;
const ROUNDS: usize = 7;

/// The most that a scan may take, in seconds, on two cores.
const GOAL: f64 = 3.0;

fn main() {
    // Cargo adds `--bench`; a path names another binary to measure.
    let other = std::env::args_os()
        .skip(1)
        .find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let hoziron = other.map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_hoziron")),
        |path| fs::canonicalize(path).unwrap(),
    );
    let dir = tempfile::tempdir().unwrap();
    let megabytes = prepare(dir.path(), &hoziron);
    println!("{FILES} files, {megabytes:.0} MB, {SECRETS} secrets, {PLANTED} planted\n");

    let hoziron = hoziron.to_str().unwrap();
    let values = dir.path().join("values.txt");
    let grep = ["grep", "-n", "-F", "-f", values.to_str().unwrap()];
    let ours = measure(dir.path(), hoziron, &["scan"], ROUNDS);
    let history = measure(dir.path(), hoziron, &["scan", "--all"], ROUNDS);
    let theirs = measure(dir.path(), "git", &grep, 1);
    for (name, (seconds, found)) in [
        ("hoziron scan", ours),
        ("hoziron scan --all", history),
        ("git grep -F -f", theirs),
    ] {
        let speed = megabytes / seconds;
        println!("{name:<20} {seconds:7.3} s {speed:7.0} MB/s {found:4} found");
    }
    let judge = |met: bool| if met { "met" } else { "MISSED" };
    println!(
        "\nall planted found by both: {}",
        judge(ours.1 == PLANTED && theirs.1 == PLANTED)
    );
    println!("under {GOAL} s: {}", judge(ours.0 < GOAL));
    println!("not slower than git grep: {}", judge(ours.0 <= theirs.0));
}

/// The median of the seconds that a program takes, and how many lines it prints.
fn measure(dir: &Path, program: &str, words: &[&str], rounds: usize) -> (f64, usize) {
    let mut times = Vec::new();
    let mut lines = 0;
    // The first round does not count, if there are several.
    for round in 0..rounds + usize::from(rounds > 1) {
        let start = Instant::now();
        let output = run(dir, program, words);
        if rounds == 1 || round > 0 {
            times.push(start.elapsed().as_secs_f64());
        }
        lines = output.stdout.iter().filter(|byte| **byte == b'\n').count();
    }
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], lines)
}

fn run(dir: &Path, program: &str, words: &[&str]) -> Output {
    Command::new(program)
        .args(words)
        .current_dir(dir.join("repo"))
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", dir.join("user"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a")))
        .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@b.c")))
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Makes the repository; returns how many megabytes its files are.
fn prepare(dir: &Path, hoziron: &Path) -> f64 {
    for folder in ["user", "repo"] {
        fs::create_dir(dir.join(folder)).unwrap();
    }
    let must = |program: &str, words: &[&str]| {
        let output = run(dir, program, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
    };
    let hoziron = hoziron.to_str().unwrap();
    must("git", &["init", "-q", "-b", "main"]);
    must(
        hoziron,
        &["vault", "init", "--name", "alice", "--no-recovery"],
    );
    let mut random = Random(7);
    let (mut dotenv, mut values) = (String::new(), String::new());
    for number in 0..SECRETS {
        let value = format!("{:016x}{:016x}", random.next(), random.next());
        writeln!(dotenv, "K{number}={value}").unwrap();
        writeln!(values, "{value}").unwrap();
    }
    fs::write(dir.join("values.env"), dotenv).unwrap();
    fs::write(dir.join("values.txt"), &values).unwrap();
    let file = dir.join("values.env");
    must(
        hoziron,
        &["vault", "import", "--yes", file.to_str().unwrap()],
    );
    let values: Vec<_> = values.lines().collect();
    let mut bytes = 0;
    for number in 0..FILES {
        let folder = dir.join(format!("repo/src/d{}", number % 100));
        fs::create_dir_all(&folder).unwrap();
        let mut text = String::new();
        for _ in 0..200 {
            // Looks like source: words, punctuation, some digits.
            text.push_str("    let ");
            for _ in 0..6 {
                let word = random.next();
                let letters =
                    (0..3 + word % 7).map(|at| (b'a' + (word >> (6 * at) & 15) as u8) as char);
                text.extend(letters);
                text.push(' ');
            }
            writeln!(text, "= 0x{:x};", random.next() >> 24).unwrap();
        }
        if number % (FILES / PLANTED) == 0 {
            writeln!(text, "key = \"{}\"", values[number % SECRETS]).unwrap();
        }
        bytes += text.len();
        fs::write(folder.join(format!("f{number}.rs")), text).unwrap();
    }
    must("git", &["add", "-A"]);
    must("git", &["commit", "-q", "-m", "x"]);
    bytes as f64 / 1e6
}

/// Xorshift: the same files on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
