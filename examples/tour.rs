//! The main job, for real, on a throw-away home: init, set, commit, exec, and a tampered file that is
//! refused. Run it with `cargo run --release --locked --example tour`; it touches nothing of yours.
//!
//! The tour starts itself again as `hoziron` for every step, so what runs is the program, not a
//! script of what it would print.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tour writes and talks"
)]

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

/// The first argument with which the tour acts as hoziron.
const AS_HOZIRON: &str = "--as-hoziron";

const VALUE: &str = "sk_live_this-is-only-an-example";

fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == AS_HOZIRON) {
        words.remove(1);
        return hoziron::cli::run(words);
    }
    match Tour::start().and_then(|tour| tour.walk()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nthe tour stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Tour {
    root: tempfile::TempDir,
    program: PathBuf,
}

impl Tour {
    fn start() -> Result<Self, Box<dyn Error>> {
        let root = tempfile::tempdir()?;
        std::fs::create_dir(root.path().join("user"))?;
        std::fs::create_dir(root.path().join("project"))?;
        Ok(Self {
            root,
            program: std::env::current_exe()?,
        })
    }

    fn walk(&self) -> Result<(), Box<dyn Error>> {
        println!("A throw-away project in {}\n", self.root.path().display());
        let has_git = self.git(&["init", "-q"]);

        println!(
            "1. A vault. It makes a private key outside of the project, and a folder to commit."
        );
        self.hoziron(&["vault", "init", "--name", "alice", "--no-recovery"], "")?;

        println!(
            "\n2. A secret. The value comes from a prompt or a pipe, never from the command line."
        );
        self.hoziron(&["vault", "set", "STRIPE_API_KEY"], VALUE)?;
        self.hoziron(&["vault", "list"], "")?;

        if has_git {
            println!(
                "\n3. What git gets: sealed files and public facts. No private key, no value."
            );
            self.git(&["add", "-A"]);
            self.git(&[
                "-c",
                "user.name=alice",
                "-c",
                "user.email=alice@example.org",
                "commit",
                "-qm",
                "vault",
            ]);
            self.show("git", &["ls-files"])?;
        } else {
            println!("\n3. (git is not on this machine; the commit is left out)");
        }

        println!("\n4. A program gets the value when it starts, and nobody else does.");
        let script = "echo \"the program sees a STRIPE_API_KEY of ${#STRIPE_API_KEY} characters\"";
        self.hoziron(&["env", "exec", "--", "sh", "-c", script], "")?;

        println!("\n5. Somebody edits one character of the sealed file.");
        let file = self.project().join(".hoziron/vault/STRIPE_API_KEY.age");
        let sealed = std::fs::read_to_string(&file)?;
        let (at, _) = sealed
            .char_indices()
            .nth(200)
            .ok_or("the sealed file is too short")?;
        let other = if sealed[at..].starts_with('A') {
            "B"
        } else {
            "A"
        };
        std::fs::write(
            &file,
            format!("{}{other}{}", &sealed[..at], &sealed[at + 1..]),
        )?;
        let refused = self.start_hoziron(&["env", "exec", "--", "sh", "-c", script], "")?;
        self.print(&refused);
        if refused.status.code() != Some(125) || !refused.stdout.is_empty() {
            return Err("the tampered file was not refused".into());
        }

        println!(
            "\nRefused, and the program was not started. That is the tour; the README goes on from here."
        );
        Ok(())
    }

    fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    /// Runs a step, shows it, and expects it to succeed.
    fn hoziron(&self, words: &[&str], stdin: &str) -> Result<(), Box<dyn Error>> {
        let output = self.start_hoziron(words, stdin)?;
        self.print(&output);
        if output.status.success() {
            Ok(())
        } else {
            Err(format!("`hoziron {}` failed", words.join(" ")).into())
        }
    }

    fn start_hoziron(&self, words: &[&str], stdin: &str) -> Result<Output, Box<dyn Error>> {
        let quoted: Vec<_> = words
            .iter()
            .map(|word| {
                if word.contains(' ') {
                    format!("'{word}'")
                } else {
                    (*word).to_owned()
                }
            })
            .collect();
        println!("   $ hoziron {}", quoted.join(" "));
        let mut child = self
            .sealed_off(&self.program)
            .arg(AS_HOZIRON)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child
            .stdin
            .take()
            .ok_or("no stdin")?
            .write_all(stdin.as_bytes())?;
        Ok(child.wait_with_output()?)
    }

    fn show(&self, program: &str, words: &[&str]) -> Result<(), Box<dyn Error>> {
        println!("   $ {program} {}", words.join(" "));
        let output = self.sealed_off(Path::new(program)).args(words).output()?;
        self.print(&output);
        Ok(())
    }

    fn git(&self, words: &[&str]) -> bool {
        self.sealed_off(Path::new("git"))
            .args(words)
            .status()
            .is_ok_and(|status| status.success())
    }

    /// A program that finds nothing of the user's own configuration.
    fn sealed_off(&self, program: &Path) -> Command {
        let user = self.root.path().join("user");
        let mut command = Command::new(program);
        command
            .current_dir(self.project())
            .env_remove("HOZIRON_HOME")
            .env_remove("HOZIRON_IDENTITY")
            .env_remove("HOZIRON_IDENTITY_FILE")
            .env_remove("SOPS_AGE_KEY")
            .env_remove("SOPS_AGE_KEY_FILE")
            .env_remove("STRIPE_API_KEY")
            .env("XDG_CONFIG_HOME", user.join("config"))
            .env("XDG_STATE_HOME", user.join("state"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("HOME", &user);
        command
    }

    fn print(&self, output: &Output) {
        for stream in [&output.stdout, &output.stderr] {
            for line in String::from_utf8_lossy(stream).lines() {
                println!("     {line}");
            }
        }
    }
}
