//! What hoziron reads from the process environment, in one place: where the user's folders are, and
//! the variables that name a home or an identity. Read once, by the command line or by the library's
//! front door, and passed on as a value; nothing else looks.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use zeroize::Zeroizing;

use crate::disk::safe_path;
use crate::domain::{Pin, PinError, SecretValue};
use crate::home::{Place, Search, UserConfig};

/// The variable that names the descriptor through which a run hands another what it took out of the
/// environment: names and values, each ended by a NUL.
pub const HANDED: &str = "HOZIRON_IDENTITY_FD";

/// The most that is handed, in bytes: what a pipe takes without a reader.
const MAX_HANDED: u64 = 64 * 1024;

/// The environment of this run. Has no `Debug`: variables may hold keys.
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
    from: PathBuf,
    handed: bool,
}

/// Beginnings of the names of variables that hold what opens secrets: hoziron's own, and those of
/// the tools whose files hoziron reads. Every program that is started goes without them.
pub const IDENTITY_PREFIXES: [&str; 7] = [
    "AGE_PASSPHRASE",
    "DOTENV_PRIVATE_KEY",
    "FNOX_AGE_KEY",
    "HOZIRON_IDENTITY",
    "HOZIRON_PASSPHRASE",
    "ROPS_",
    "SOPS_AGE_KEY",
];

/// Says whether a variable of this name holds what opens secrets.
pub fn holds_identity(name: &OsStr) -> bool {
    IDENTITY_PREFIXES
        .iter()
        .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Self {
        let from = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        let mut variables: Vec<_> = env::vars_os().collect();
        let handed = variables.iter().find(|(name, _)| name == HANDED);
        let handed = handed.and_then(|(_, descriptor)| descriptor.to_str()?.parse().ok());
        let handed = handed.map(taken_out);
        for (name, value) in handed.iter().flatten() {
            variables.retain(|(known, _)| known != name);
            variables.push((name.clone(), value.clone()));
        }
        variables.retain(|(name, _)| name != HANDED);
        Self {
            variables,
            from,
            handed: handed.is_some(),
        }
    }

    /// Says whether an earlier run of the same command has cleaned the process environment.
    pub fn was_handed(&self) -> bool {
        self.handed
    }

    /// Makes one of given variables and a working directory.
    pub fn of(variables: Vec<(OsString, OsString)>, from: PathBuf) -> Self {
        Self {
            variables,
            from,
            handed: false,
        }
    }

    /// Returns all variables, for a child.
    pub fn variables(&self) -> &[(OsString, OsString)] {
        &self.variables
    }

    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&OsString> {
        let found = self.variables.iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }

    /// Returns where to look for the home.
    pub fn search(&self, given: Option<PathBuf>) -> Search {
        Search {
            given,
            variable: self.path("HOZIRON_HOME"),
            from: self.from.clone(),
            user: self.path("HOME"),
        }
    }

    /// Returns the working directory.
    pub fn working_directory(&self) -> &PathBuf {
        &self.from
    }

    /// Returns where the user's own identity is: `~/.config/hoziron/identity.txt`.
    pub fn identity_file(&self) -> Option<PathBuf> {
        Some(self.config()?.join("hoziron/identity.txt"))
    }

    /// Returns where hoziron keeps what this user has accepted: `~/.local/state/hoziron`.
    pub fn state(&self) -> Option<PathBuf> {
        let state = self.absolute("XDG_STATE_HOME");
        state
            .or_else(|| Some(self.path("HOME")?.join(".local/state")))
            .map(|dir| dir.join("hoziron"))
    }

    /// Returns folders that may be in memory: the session's own, then the machine's.
    pub fn memory_folders(&self) -> Vec<PathBuf> {
        self.absolute("XDG_RUNTIME_DIR")
            .into_iter()
            .chain([PathBuf::from("/dev/shm")])
            .collect()
    }

    /// Returns the profile named by the environment.
    pub fn profile(&self) -> Option<String> {
        self.get("HOZIRON_PROFILE")
            .map(|profile| profile.to_string_lossy().into_owned())
    }

    /// Returns the vault that the environment names as trusted.
    pub fn pin(&self) -> Result<Option<Pin>, PinError> {
        let text = self.get("HOZIRON_PIN").map(|pin| pin.to_string_lossy());
        text.map(|text| Pin::parse(&text)).transpose()
    }

    /// Returns the places where private keys are looked for, in order: cheap ones first, and what
    /// somebody named before what is usual.
    pub fn identity_places(&self, given: &[PathBuf], user: &UserConfig) -> Vec<Place> {
        let named = |path: &PathBuf, by| Place::Named(path.clone(), by);
        let mut places: Vec<_> = given.iter().map(|path| named(path, "--identity")).collect();
        for (text, file) in [
            ("HOZIRON_IDENTITY", "HOZIRON_IDENTITY_FILE"),
            ("SOPS_AGE_KEY", "SOPS_AGE_KEY_FILE"),
        ] {
            let secret = self
                .get(text)
                .map(|value| SecretValue::new(value.clone().into_vec()));
            places.extend(secret.map(|value| Place::Text(value, text)));
            places.extend(self.path(file).map(|path| Place::Named(path, file)));
        }
        places.extend(user.identities.iter().map(|path| named(path, "identities")));
        if !user.identity_command.is_empty() {
            let mut variables = self.without_identities();
            for (_, path) in variables.iter_mut().filter(|(name, _)| name == "PATH") {
                *path = safe_path(path, &[&self.from]);
            }
            places.push(Place::Command(user.identity_command.clone(), variables));
        }
        places.extend(self.identity_file().map(Place::Usual));
        places.extend(self.sops_keys().map(Place::Usual));
        let ssh = |name: &str| Some(self.path("HOME")?.join(".ssh").join(name));
        places.extend(
            ["id_ed25519", "id_rsa"]
                .into_iter()
                .filter_map(ssh)
                .map(Place::Usual),
        );
        places
    }

    /// Returns all variables but those that hold what opens secrets.
    pub fn without_identities(&self) -> Vec<(OsString, OsString)> {
        let all = self.variables.iter();
        all.filter(|(name, _)| !holds_identity(name))
            .cloned()
            .collect()
    }

    /// Returns where SOPS keeps age keys: `~/.config/sops/age/keys.txt`.
    pub fn sops_keys(&self) -> Option<PathBuf> {
        Some(self.config()?.join("sops/age/keys.txt"))
    }

    /// Returns where the user's own configuration is: `~/.config/hoziron`.
    pub fn config_folder(&self) -> Option<PathBuf> {
        Some(self.config()?.join("hoziron"))
    }

    fn config(&self) -> Option<PathBuf> {
        self.absolute("XDG_CONFIG_HOME")
            .or_else(|| Some(self.path("HOME")?.join(".config")))
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// A relative path in an XDG variable is to be ignored (XDG Base Directory Specification).
    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.path(name).filter(|path| path.is_absolute())
    }
}

/// Reads what an earlier run of the same command took out of the environment.
fn taken_out(descriptor: u32) -> Vec<(OsString, OsString)> {
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_HANDED as usize));
    let read = File::open(format!("/dev/fd/{descriptor}"))
        .and_then(|pipe| pipe.take(MAX_HANDED).read_to_end(&mut text));
    if read.is_err() {
        return Vec::new();
    }
    let parts: Vec<_> = text
        .split(|byte| *byte == 0)
        .map(OsStr::from_bytes)
        .collect();
    parts
        .chunks_exact(2)
        .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
        .collect()
}
