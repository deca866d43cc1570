//! What hoziron reads from the process environment, in one place: where the user's folders are, and
//! the variables that name a home or an identity. Read once, by the command line or by the library's
//! front door, and passed on as a value; nothing else looks.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::domain::{SecretName, SecretValue};
use crate::home::{Place, Search};

/// The environment of this run. Has no `Debug`: variables may hold keys.
pub struct Environment {
    variables: Vec<(OsString, OsString)>,
    from: PathBuf,
}

impl Environment {
    /// Reads it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn read() -> Self {
        Self {
            variables: env::vars_os().collect(),
            from: env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
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

    /// Returns the profile named by the environment.
    pub fn profile(&self) -> Option<String> {
        self.get("HOZIRON_PROFILE")
            .map(|profile| profile.to_string_lossy().into_owned())
    }

    /// Returns the places where private keys are looked for, in order.
    pub fn identity_places(&self, given: &[PathBuf]) -> Vec<Place> {
        let mut places: Vec<_> = given
            .iter()
            .map(|path| Place::Named(path.clone(), "--identity"))
            .collect();
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
        places.extend(self.identity_file().map(Place::Usual));
        places.extend(self.sops_keys().map(Place::Usual));
        places
    }

    /// Returns where SOPS keeps age keys: `~/.config/sops/age/keys.txt`.
    pub fn sops_keys(&self) -> Option<PathBuf> {
        Some(self.config()?.join("sops/age/keys.txt"))
    }

    /// Says whether a secret's variable is set already, to anything.
    pub fn sets(&self, name: &SecretName) -> bool {
        self.variables.iter().any(|(known, _)| known == name.key())
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
