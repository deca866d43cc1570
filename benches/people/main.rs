//! A thousand secrets of ten readers: how long it takes until another one reads all of them, and until he
//! who has left reads none, beside stock `age` and beside `sops` with one file a secret. What the others
//! take is measured on a sample and scaled to all files.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark arranges its files as it likes and prints its table"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use place::{Place, SAMPLE, binary, judge};

#[expect(dead_code, reason = "another benchmark uses the rest")]
#[path = "../shared/place.rs"]
mod place;

const SECRETS: usize = 1_000;
const READERS: usize = 10;

/// So many files are changed with `sops`.
const FILES: usize = 100;

fn main() {
    let hoziron = binary(env!("CARGO_BIN_EXE_hoziron"));
    let place = Place::new(&hoziron, SECRETS, "required = true");
    for number in 1..READERS {
        place.write_reader(number);
    }
    place.accept();
    let sops = Sops::new(&place);
    place.write_reader(READERS);
    let joined = place.accept();
    let age = place.age(SECRETS);
    let sops_joined = sops.as_ref().map(|sops| sops.join(&place));
    fs::remove_file(place.recipients().join(format!("r{READERS}.pub"))).unwrap();
    let left = place.once(&["apply", "--yes"]);
    let sops_left = sops.as_ref().map(|sops| sops.leave(&place));

    println!(
        "{SECRETS} secrets, {READERS} readers; age: {SAMPLE} files, sops: {FILES}, scaled to all"
    );
    for (what, seconds, most, sops, words) in [
        ("one joins", joined, 2.0, sops_joined, "updatekeys"),
        ("one leaves", left, 6.0, sops_left, "updatekeys + rotate"),
    ] {
        println!(
            "{what:<11} hoziron apply {seconds:8.3} s; at most {most} s: {}",
            judge(seconds <= most)
        );
        println!(
            "            age -d | age -e {age:6.1} s  {:6.1} x",
            age / seconds
        );
        match sops {
            Some(sops) => println!(
                "            sops {words} {sops:.1} s  {:6.1} x",
                sops / seconds
            ),
            None => println!("            sops is not on this machine"),
        }
    }
}

/// Files of `sops`, one a secret, for the same people.
struct Sops {
    folder: PathBuf,
}

impl Sops {
    /// `None` if it is not on the PATH.
    fn new(place: &Place) -> Option<Self> {
        let version = Command::new("sops")
            .args(["--version", "--disable-version-check"])
            .stdout(Stdio::null())
            .status();
        version.ok()?;
        let sops = Self {
            folder: place.home().join("../sops"),
        };
        fs::create_dir(&sops.folder).unwrap();
        sops.configure(place);
        for number in 0..FILES {
            let text = format!("value: value-{number}-of-a-usual-length\n");
            fs::write(sops.folder.join(file(number)), text).unwrap();
            sops.run(place, &["encrypt", "-i", &file(number)]);
        }
        Some(sops)
    }

    /// Names those who have recipient files.
    fn configure(&self, place: &Place) {
        let keys: Vec<String> = fs::read_dir(place.recipients())
            .unwrap()
            .map(|entry| key(&entry.unwrap().path()))
            .collect();
        let text = format!("creation_rules:\n  - age: {}\n", keys.join(","));
        fs::write(self.folder.join(".sops.yaml"), text).unwrap();
    }

    fn join(&self, place: &Place) -> f64 {
        self.configure(place);
        self.each(|file| self.run(place, &["updatekeys", "-y", file]))
    }

    fn leave(&self, place: &Place) -> f64 {
        self.configure(place);
        self.each(|file| {
            self.run(place, &["updatekeys", "-y", file]);
            self.run(place, &["rotate", "-i", file]);
        })
    }

    /// The seconds for all secrets.
    fn each(&self, change: impl Fn(&str)) -> f64 {
        let start = Instant::now();
        (0..FILES).for_each(|number| change(&file(number)));
        start.elapsed().as_secs_f64() * SECRETS as f64 / FILES as f64
    }

    fn run(&self, place: &Place, words: &[&str]) {
        let output = Command::new("sops")
            .args(words)
            .current_dir(&self.folder)
            .env("SOPS_AGE_KEY_FILE", place.identity())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "sops {words:?}: {said}");
    }
}

fn file(number: usize) -> String {
    format!("k{number}.yaml")
}

/// The public key in a recipient file.
fn key(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with("age1"));
    line.unwrap().to_owned()
}
