//! How long plans take, and carrying them out: ten thousand secrets planned and rotated, beside `age -d |
//! age -e` over files of the same vault; and a thousand secrets of ten readers when one joins and one
//! leaves. What stock `age` takes is measured on a sample and scaled to all files.

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

const MANY: usize = 10_000;
const TEAM: usize = 1_000;
const READERS: usize = 10;

/// So many files are opened and sealed again with stock `age`.
const SAMPLE: usize = 200;

const ROUNDS: usize = 7;

fn main() {
    // Cargo adds `--bench`; a path names another binary to measure.
    let other = std::env::args_os()
        .skip(1)
        .find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    let hoziron = other.map_or_else(
        || PathBuf::from(env!("CARGO_BIN_EXE_hoziron")),
        |path| fs::canonicalize(path).unwrap(),
    );
    plans(&hoziron);
    people(&hoziron);
}

/// Ten thousand secrets.
fn plans(hoziron: &Path) {
    let place = Place::new(hoziron, MANY, "generate = { kind = \"password\" }");
    let without = place.median(&["plan", "--no-identity"]);
    let with = place.median(&["plan"]);
    let rotated = place.once(&["apply", "--yes", "--rotate", "*"]);
    let age = place.age(MANY);
    println!("{MANY} secrets");
    goal("plan --no-identity", without, 0.150);
    goal("plan", with, 0.400);
    println!("apply --rotate '*'     {rotated:8.3} s");
    println!("age -d | age -e        {age:8.1} s, a sample of {SAMPLE} scaled");
    println!(
        "                       {:8.1} times faster; at least 5: {}\n",
        age / rotated,
        judge(age / rotated >= 5.0)
    );
}

/// A thousand secrets of ten readers; one joins, one leaves.
fn people(hoziron: &Path) {
    let place = Place::new(hoziron, TEAM, "required = true");
    for number in 1..READERS {
        place.write_reader(number);
    }
    place.accept();
    place.write_reader(READERS);
    let joined = place.accept();
    fs::remove_file(place.recipients().join(format!("r{READERS}.pub"))).unwrap();
    let left = place.once(&["apply", "--yes"]);
    let age = place.age(TEAM);
    println!("{TEAM} secrets, {READERS} readers");
    goal("one joins", joined, 2.0);
    goal("one leaves", left, 6.0);
    println!("age -d | age -e        {age:8.1} s, a sample of {SAMPLE} scaled");
}

fn goal(what: &str, seconds: f64, most: f64) {
    println!(
        "{what:<22} {seconds:8.3} s; at most {most} s: {}",
        judge(seconds <= most)
    );
}

fn judge(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// A home with so many secrets, and the keys of those who read.
struct Place {
    dir: TempDir,
    hoziron: PathBuf,
}

impl Place {
    fn new(hoziron: &Path, secrets: usize, declaration: &str) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            hoziron: hoziron.to_owned(),
        };
        fs::create_dir(place.dir.path().join("user")).unwrap();
        place.run(&["vault", "init", "--name", "alice", "--no-recovery"]);
        let (mut manifest, mut values) = (String::new(), String::new());
        for number in 0..secrets {
            write!(manifest, "\n[secrets.K{number}]\n{declaration}\n").unwrap();
            writeln!(values, "K{number}=value-{number}-of-a-usual-length").unwrap();
        }
        let file = place.home().join("hoziron.toml");
        let text = fs::read_to_string(&file).unwrap() + &manifest;
        fs::write(file, text).unwrap();
        let input = place.dir.path().join("values.env");
        fs::write(&input, values).unwrap();
        place.run(&["apply", "--yes", "--input", input.to_str().unwrap()]);
        place
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    fn recipients(&self) -> PathBuf {
        self.home().join("recipients")
    }

    /// A reader with a key of his own, of which only the public half is kept.
    fn write_reader(&self, number: usize) {
        let key = self.age_program("age-keygen", &[], Stdio::null());
        let text = String::from_utf8(key.stdout).unwrap();
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        let file = self.recipients().join(format!("r{number}.pub"));
        fs::write(file, format!("{}\n", public.unwrap())).unwrap();
    }

    /// Lets whoever is new in, and returns the seconds that took.
    fn accept(&self) -> f64 {
        let plan = self.run(&["plan", "--json"]);
        let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
        let digest = plan["recipients_digest"].as_str().unwrap().to_owned();
        self.once(&["apply", "--yes", "--accept-recipients", &digest])
    }

    /// What stock `age` takes to open so many of the files and seal their values again.
    fn age(&self, files: usize) -> f64 {
        let recipients: Vec<PathBuf> = fs::read_dir(self.recipients())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let identity = self.dir.path().join("user/.config/hoziron/identity.txt");
        let start = Instant::now();
        for number in 0..SAMPLE {
            let file = self.home().join(format!("vault/K{number}.age"));
            let mut open = Command::new("age")
                .args(["-d", "-i"])
                .arg(&identity)
                .arg(file)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut words = vec!["-e", "-a"];
            for recipient in &recipients {
                words.extend(["-R", recipient.to_str().unwrap()]);
            }
            let value = open.stdout.take().unwrap();
            self.age_program("age", &words, value.into());
            assert!(open.wait().unwrap().success());
        }
        start.elapsed().as_secs_f64() * files as f64 / SAMPLE as f64
    }

    fn age_program(&self, program: &str, words: &[&str], input: Stdio) -> Output {
        let output = Command::new(program)
            .args(words)
            .stdin(input)
            .output()
            .unwrap();
        assert!(output.status.success(), "{program} failed");
        output
    }

    fn median(&self, words: &[&str]) -> f64 {
        self.once(words);
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| self.once(words)).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    fn once(&self, words: &[&str]) -> f64 {
        let start = Instant::now();
        self.run(words);
        start.elapsed().as_secs_f64()
    }

    fn run(&self, words: &[&str]) -> Output {
        let output = Command::new(&self.hoziron)
            .arg("--home")
            .arg(self.home())
            .args(words)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("user"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        output
    }
}
