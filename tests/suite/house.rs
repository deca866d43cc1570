//! A sealed-off place to try the real binary in: its own repository, home directory and state, and
//! nothing of the machine's environment but PATH.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// The binary under test.
pub const HOZIRON: &str = env!("CARGO_BIN_EXE_hoziron");

/// A repository with a vault in it, and its owner.
pub struct House {
    dir: TempDir,
}

/// What a run of a program left behind.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Outcome {
    /// The exit code, or 128 + the signal that ended it, as a shell would say.
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| 128 + self.status.signal().unwrap())
    }

    /// Asserts success and returns stdout.
    #[track_caller]
    pub fn ok(self) -> Vec<u8> {
        assert!(
            self.status.success(),
            "exit {}: {}",
            self.code(),
            self.stderr
        );
        self.stdout
    }

    /// Asserts an exit code and silence on stdout, and returns stderr.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code(), code, "{}", self.stderr);
        assert!(self.stdout.is_empty(), "something on stdout");
        self.stderr
    }
}

impl House {
    /// A git repository without a vault.
    pub fn bare() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    fn within(dir: TempDir) -> Self {
        let house = Self { dir };
        fs::create_dir(house.user()).unwrap();
        fs::create_dir(house.repo()).unwrap();
        house.git(["init", "-q", "-b", "main"]);
        house
    }

    /// A git repository with a vault of alice's.
    pub fn new() -> Self {
        Self::bare().init()
    }

    /// The same in memory, if the machine has a place for it: for tests that would wait for the disk.
    pub fn in_memory() -> Self {
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        Self::within(dir.unwrap()).init()
    }

    fn init(self) -> Self {
        self.run(["vault", "init", "--name", "alice", "--no-recovery"])
            .ok();
        self
    }

    /// The folder that holds everything.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The user's home directory.
    pub fn user(&self) -> PathBuf {
        self.root().join("user")
    }

    /// The git repository.
    pub fn repo(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// The home: `.hoziron` at the top of the repository.
    pub fn home(&self) -> PathBuf {
        self.repo().join(".hoziron")
    }

    /// A path below the vault.
    pub fn vault(&self, path: &str) -> PathBuf {
        self.home().join("vault").join(path)
    }

    /// The owner's private key.
    pub fn identity(&self) -> PathBuf {
        self.user().join(".config/hoziron/identity.txt")
    }

    /// The folder with what the owner has accepted.
    pub fn state(&self) -> PathBuf {
        self.user().join(".local/state/hoziron")
    }

    /// Any program, sealed off, in the repository.
    pub fn program(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.user())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Alice Example")
            .env("GIT_AUTHOR_EMAIL", "alice@example.org")
            .env("GIT_COMMITTER_NAME", "Alice Example")
            .env("GIT_COMMITTER_EMAIL", "alice@example.org")
            .stdin(Stdio::null());
        command
    }

    /// The binary under test, sealed off.
    pub fn hoziron<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.program(HOZIRON);
        command.args(args);
        command
    }

    /// Runs the binary under test.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        finish(&mut self.hoziron(args), b"")
    }

    /// Runs the binary under test with bytes on its stdin.
    pub fn feed<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
        stdin: &[u8],
    ) -> Outcome {
        finish(&mut self.hoziron(args), stdin)
    }

    /// Seals a value, every byte of it.
    #[track_caller]
    pub fn seal(&self, name: &str, value: &[u8]) {
        let path = self.root().join("value");
        fs::write(&path, value).unwrap();
        let path = path.to_str().unwrap();
        self.run(["vault", "set", name, "--from-file", path]).ok();
        fs::remove_file(path).unwrap();
    }

    /// Runs git and returns what it printed.
    #[track_caller]
    pub fn git<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> String {
        let mut command = self.program("git");
        command.args(args);
        String::from_utf8(finish(&mut command, b"").ok()).unwrap()
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) {
        self.git(["add", "-A"]);
        self.git(["commit", "-q", "-m", message]);
    }

    /// Every file of the home with its bytes, but for the lock.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.home(), &self.home(), &mut files);
        files.remove(Path::new(".state/lock"));
        files
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() {
            collect(root, &path, files);
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            files.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
        }
    }
}

/// Runs a command to its end with bytes on its stdin.
pub fn finish(command: &mut Command, stdin: &[u8]) -> Outcome {
    if !stdin.is_empty() {
        command.stdin(Stdio::piped());
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let writer = child.stdin.take().map(|mut pipe| {
        let bytes = stdin.to_vec();
        // A program that does not read its stdin closes it.
        std::thread::spawn(move || drop(pipe.write_all(&bytes)))
    });
    let output = child.wait_with_output().unwrap();
    if let Some(writer) = writer {
        writer.join().unwrap();
    }
    Outcome {
        status: output.status,
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Says whether a program that judges us is on this machine. In CI it must be; elsewhere the test
/// that needs it is skipped by name.
pub fn has_judge(program: &str, test: &str) -> bool {
    let found = is_present(program);
    if !found {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing");
        eprintln!("skipped {test}: {program} is not on this machine");
    }
    found
}

/// Says whether a program is on this machine, for a further judge that nobody has to have.
pub fn is_present(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
