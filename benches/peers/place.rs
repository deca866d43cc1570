//! The same values for every program: a vault of ours, and what the others make of the same file for
//! the same key. Each program runs with nothing of the machine's environment but PATH.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

/// The smallest size; with it, what is missing is said.
pub const FEWEST: usize = 10;

/// dotenvx takes tens of milliseconds a value; more would be minutes.
const MOST_FOR_DOTENVX: usize = 10;

/// What is asked of every program.
#[derive(Clone, Copy)]
pub enum Verb {
    Exec,
    Export,
    List,
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Export => "export",
            Self::List => "list",
        }
    }
}

/// A program with its files ready, and what to type for each verb; an empty list: it has none.
pub struct Contestant {
    pub name: &'static str,
    program: OsString,
    exec: Vec<OsString>,
    export: Vec<OsString>,
    list: Vec<OsString>,
}

impl Contestant {
    pub fn command(&self, verb: Verb) -> Option<(&OsStr, &[OsString])> {
        let args = match verb {
            Verb::Exec => &self.exec,
            Verb::Export => &self.export,
            Verb::List => &self.list,
        };
        (!args.is_empty()).then_some((&self.program, args))
    }
}

/// A repository with a vault of so many secrets, and the same values for the other programs.
pub struct Place {
    dir: TempDir,
    hoziron: PathBuf,
    size: usize,
}

impl Place {
    pub fn new(hoziron: &Path, size: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let place = Self {
            dir,
            hoziron: hoziron.to_owned(),
            size,
        };
        fs::create_dir(place.path("user")).unwrap();
        fs::create_dir(place.path("repo")).unwrap();
        place.must("git", ["init", "-q", "-b", "main"]);
        place.must(
            hoziron,
            ["vault", "init", "--name", "alice", "--no-recovery"],
        );
        let mut dotenv = String::new();
        let mut yaml = String::new();
        for index in 0..size {
            // As long as many a token is.
            let value = format!(
                "{:032x}",
                (index as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
            );
            writeln!(dotenv, "SECRET_{index:05}={value}").unwrap();
            writeln!(yaml, "SECRET_{index:05}: \"{value}\"").unwrap();
        }
        fs::write(place.path("values.env"), dotenv).unwrap();
        fs::write(place.path("values.yaml"), yaml).unwrap();
        let start = Instant::now();
        let file = place.path("values.env");
        let import = ["vault", "import", "--yes"].map(OsString::from);
        place.must(hoziron, import.into_iter().chain([file.into_os_string()]));
        let took = start.elapsed().as_secs_f64();
        println!("prepared: `vault import` of {size} took {took:.2} s");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Every program that is installed.
    pub fn contestants(&self) -> Vec<Contestant> {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>();
        let nothing = Vec::new;
        let mut all = vec![
            Contestant {
                name: "hoziron",
                program: self.hoziron.clone().into(),
                exec: words("env exec -- true"),
                export: words("env export --format dotenv"),
                list: words("vault list"),
            },
            // What starting any process costs.
            Contestant {
                name: "true",
                program: "true".into(),
                exec: words("true"),
                export: nothing(),
                list: nothing(),
            },
        ];
        if self.installed("sops") {
            for (name, ending) in [("sops yaml", "yaml"), ("sops .env", "env")] {
                let sealed = self.path(&format!("sealed.{ending}")).into_os_string();
                let mut args = words("-e --age");
                args.push(self.recipient().into());
                args.extend([OsString::from("--output"), sealed.clone()]);
                args.push(self.path(&format!("values.{ending}")).into());
                self.must("sops", args);
                all.push(Contestant {
                    name,
                    program: "sops".into(),
                    exec: vec!["exec-env".into(), sealed.clone(), "true".into()],
                    export: vec!["-d".into(), sealed],
                    list: nothing(),
                });
            }
        }
        if self.size > MOST_FOR_DOTENVX {
            println!("skipped dotenvx with {}: minutes a round", self.size);
        } else if self.installed("dotenvx") {
            let sealed = self.path("dotenvx.env");
            fs::copy(self.path("values.env"), &sealed).unwrap();
            let file = || vec!["-f".into(), sealed.clone().into_os_string()];
            self.must("dotenvx", [words("encrypt"), file()].concat());
            all.push(Contestant {
                name: "dotenvx",
                program: "dotenvx".into(),
                exec: [words("run -q"), file(), words("-- true")].concat(),
                export: [words("decrypt --stdout"), file()].concat(),
                list: nothing(),
            });
        }
        if self.installed("rops") {
            let sealed = self.path("rops.yaml");
            let mut args = words("encrypt --age");
            args.push(self.recipient().into());
            args.extend(words("-f yaml"));
            fs::write(&sealed, self.must("rops", args)).unwrap();
            all.push(Contestant {
                name: "rops",
                program: "rops".into(),
                exec: nothing(),
                export: words("decrypt -f yaml"),
                list: nothing(),
            });
        }
        if self.installed("fnox") {
            self.prepare_fnox();
            all.push(Contestant {
                name: "fnox",
                program: "fnox".into(),
                exec: words("exec -- true"),
                export: words("export"),
                list: words("list"),
            });
        }
        if self.installed("rage") {
            self.prepare_rage();
            all.push(Contestant {
                name: "rage, one file",
                program: "rage".into(),
                exec: nothing(),
                export: [
                    words("-d -i"),
                    vec![self.identity().into(), self.path("values.age").into()],
                ]
                .concat(),
                list: nothing(),
            });
        }
        all
    }

    /// The values in one file: the least that opening them by a reader's own key can cost.
    fn prepare_rage(&self) {
        let recipient = self.recipient();
        let (from, to) = (self.path("values.env"), self.path("values.age"));
        let args: [&OsStr; 5] = [
            "-r".as_ref(),
            recipient.as_ref(),
            "-o".as_ref(),
            to.as_ref(),
            from.as_ref(),
        ];
        self.must("rage", args);
    }

    /// One `fnox.toml` in the repository, every value sealed by `age`.
    fn prepare_fnox(&self) {
        let recipient = self.recipient();
        let mut config = format!(
            "default_provider = \"age\"\n[providers.age]\ntype = \"age\"\nrecipients = [\"{recipient}\"]\n"
        );
        config.push_str("[secrets]\n");
        let path = self.path("repo").join("fnox.toml");
        fs::write(&path, config).unwrap();
        let import = ["import", "--force", "--provider", "age", "-i"].map(OsString::from);
        let file = self.path("values.env").into_os_string();
        self.must("fnox", import.into_iter().chain([file]));
    }

    fn identity(&self) -> PathBuf {
        self.path("user/.config/hoziron/identity.txt")
    }

    /// The owner's recipient: the others seal for the same key.
    fn recipient(&self) -> String {
        let text = fs::read_to_string(self.path("repo/.hoziron/recipients/alice.pub")).unwrap();
        let found = text.lines().find(|line| line.starts_with("age1")).unwrap();
        found.trim().to_owned()
    }

    /// Whether a program is there; says so once if it is not.
    fn installed(&self, program: &str) -> bool {
        let found = has(program);
        if !found && self.size == FEWEST {
            println!("skipped {program}: it is not installed");
        }
        found
    }

    /// A program in the repository, with nothing of the machine's environment but PATH.
    fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path("repo"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.path("user"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null());
        // It refuses a file's name unless stdin is a terminal.
        if command.get_program() == "rops" {
            let sealed = self.path("rops.yaml");
            let input = if sealed.exists() {
                sealed
            } else {
                self.path("values.yaml")
            };
            command.stdin(fs::File::open(input).unwrap());
            let text = fs::read_to_string(self.identity()).unwrap();
            let key = text.lines().find(|line| line.starts_with("AGE-SECRET"));
            command.env("ROPS_AGE", key.unwrap());
        }
        // hoziron finds its own.
        if Path::new(command.get_program()) != self.hoziron {
            for name in ["FNOX_AGE_KEY_FILE", "SOPS_AGE_KEY_FILE"] {
                command.env(name, self.identity());
            }
        }
        command
    }

    /// Runs a program that has to succeed.
    fn must<S: AsRef<OsStr>>(
        &self,
        program: impl AsRef<OsStr>,
        args: impl IntoIterator<Item = S>,
    ) -> Vec<u8> {
        let program = program.as_ref();
        let output = self.program(program).args(args).output().unwrap();
        // What it printed may hold values, made up as they are.
        assert!(output.status.success(), "{} failed", program.display());
        output.stdout
    }

    /// Runs a program once and returns the milliseconds; what it prints goes nowhere.
    pub fn time(&self, (program, args): (&OsStr, &[OsString])) -> f64 {
        let mut command = self.program(program);
        command
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let start = Instant::now();
        let status = command.status().unwrap();
        let took = start.elapsed();
        assert!(
            status.success(),
            "{} {} failed",
            program.display(),
            args[0].display()
        );
        took.as_secs_f64() * 1000.0
    }

    /// The largest resident set of a run, in MiB; `execve` does not reset it.
    pub fn peak(&self, (program, args): (&OsStr, &[OsString])) -> f64 {
        let to = self.path("peak");
        let mut command = self.program("time");
        command.args(["-f", "%M", "-o"]).arg(&to).arg(program);
        command
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().unwrap().success());
        let kibibytes: f64 = fs::read_to_string(to).unwrap().trim().parse().unwrap();
        kibibytes / 1024.0
    }
}

/// Whether a program is on the PATH.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
