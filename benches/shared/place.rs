//! A home to measure in: so many secrets, the keys of those who read, and stock `age` over the same files.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use tempfile::TempDir;

/// So many files are opened and sealed again with stock `age`.
pub const SAMPLE: usize = 200;

const ROUNDS: usize = 7;

/// Says whether a goal is met.
pub fn judge(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// The binary to measure: Cargo adds `--bench`; a path names another one.
pub fn binary(built: &str) -> PathBuf {
    let other = std::env::args_os()
        .skip(1)
        .find(|arg| !arg.as_encoded_bytes().starts_with(b"-"));
    other.map_or_else(
        || PathBuf::from(built),
        |path| fs::canonicalize(path).unwrap(),
    )
}

/// A home with so many secrets, and the keys of those who read.
pub struct Place {
    dir: TempDir,
    hoziron: PathBuf,
}

impl Place {
    /// A home of alice's with so many secrets, declared in these words.
    pub fn new(hoziron: &Path, secrets: usize, declaration: &str) -> Self {
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

    /// Where the home is.
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// Where the recipient files are.
    pub fn recipients(&self) -> PathBuf {
        self.home().join("recipients")
    }

    /// Alice's private key.
    pub fn identity(&self) -> PathBuf {
        self.dir.path().join("user/.config/hoziron/identity.txt")
    }

    /// A reader with a key of his own, of which only the public half is kept.
    pub fn write_reader(&self, number: usize) {
        let key = self.age_program("age-keygen", &[], Stdio::null());
        let text = String::from_utf8(key.stdout).unwrap();
        let public = text
            .lines()
            .find_map(|line| line.strip_prefix("# public key: "));
        let file = self.recipients().join(format!("r{number}.pub"));
        fs::write(file, format!("{}\n", public.unwrap())).unwrap();
    }

    /// Lets whoever is new in, and returns the seconds that took.
    pub fn accept(&self) -> f64 {
        let plan = self.run(&["plan", "--json"]);
        let plan: serde_json::Value = serde_json::from_slice(&plan.stdout).unwrap();
        let digest = plan["recipients_digest"].as_str().unwrap().to_owned();
        self.once(&["apply", "--yes", "--accept-recipients", &digest])
    }

    /// What stock `age` takes to open so many of the files and seal their values again.
    pub fn age(&self, files: usize) -> f64 {
        let recipients: Vec<PathBuf> = fs::read_dir(self.recipients())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        let identity = self.identity();
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

    /// The seconds of a run, as the median of several.
    pub fn median(&self, words: &[&str]) -> f64 {
        self.once(words);
        let mut times: Vec<f64> = (0..ROUNDS).map(|_| self.once(words)).collect();
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    }

    /// The seconds of one run.
    pub fn once(&self, words: &[&str]) -> f64 {
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
