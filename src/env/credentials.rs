//! The library's front door: credentials by the names that settings use, resolved when they are asked
//! for. Opening reads no secret and no private key; a program starts without any, and fails only where
//! it needs one. Every call looks at what is on the disk now, so a new value needs no restart.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use thiserror::Error;

use crate::config::{Config, ConfigError, Reference};
use crate::disk::DiskError;
use crate::domain::{FolderName, Keyring, NameError, Pin, PinError, SecretValue, VarName};
use crate::env::local::{Local, LocalError};
use crate::env::resolve::{Refusal, ResolveError, open_all};
use crate::env::select::{Absence, Missing, select};
use crate::env::sources::{Prefer, SelectError, Source, Sources};
use crate::home::{Environment, FindError, IdentityError, UserConfig, UserConfigError, gather};
use crate::people::{FolderKeys, KeysError, Stale};
use crate::repository::tracked;
use crate::workspace::{OpenHome, WorkspaceError};

/// The application's settings, in the home.
pub const CONFIG: &str = "config.toml";

/// Why a credential is not handed out. Names variables and places, never a value.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// `config.toml` cannot be used.
    #[error("`{}`: {source}", .path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ConfigError,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A private key cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The vault's key does not open.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// It is declared, and cannot be had.
    #[error("{0}")]
    Incomplete(Missing),
    /// `.env` is not read.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// There is no value anywhere.
    #[error("`{variable}` has no value{}; looked in {}", referred(.referred_by), .looked_in.join(", "))]
    Missing {
        /// The variable.
        variable: VarName,
        /// The TOML paths in `config.toml` that refer to it.
        referred_by: Vec<String>,
        /// Where it was looked for.
        looked_in: Vec<String>,
    },
    /// Not the name of a variable.
    #[error("`{name}` is not the name of a variable: {source}")]
    Name {
        /// What was asked for.
        name: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// The secret is not to be trusted.
    #[error("`{name}`: {source}")]
    Open {
        /// The secret.
        name: String,
        /// What is wrong with it.
        source: Refusal,
    },
    /// `HOZIRON_PIN` is no pin.
    #[error("HOZIRON_PIN: {0}")]
    Pin(#[from] PinError),
    /// The settings do not refer to a credential by this key.
    #[error("`{path}` is not in `config.toml`")]
    Reference {
        /// The TOML path that was looked for.
        path: String,
    },
    /// The vault's names do not fit the profile.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The user's own configuration cannot be used.
    #[error(transparent)]
    UserConfig(#[from] UserConfigError),
    /// The home cannot be worked in.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
}

/// How credentials are looked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The home; found as the command line finds it if absent.
    pub home: Option<PathBuf>,
    /// Files with private keys, looked at before the usual places.
    pub identities: Vec<PathBuf>,
    /// Vaults that are trusted, and how far the keys of their folders have come at least; besides
    /// `HOZIRON_PIN`.
    pub pins: Vec<Pin>,
    /// What wins when a variable has several values.
    pub prefer: Prefer,
    /// The profile; `HOZIRON_PROFILE` if absent.
    pub profile: Option<FolderName>,
}

/// Credentials by the names that settings use.
///
/// ```
/// use hoziron::Credentials;
///
/// let credentials = Credentials::open()?;
/// // Fails only here, and names the variable and where it was looked for.
/// if let Err(error) = credentials.resolve("SURELY_NOT_SET_ANYWHERE") {
///     assert!(error.to_string().contains("SURELY_NOT_SET_ANYWHERE"));
/// }
/// # Ok::<(), hoziron::CredentialError>(())
/// ```
pub struct Credentials {
    environment: Environment,
    options: Options,
    // `None`: there is no home, as in a container; the process environment is all there is.
    home: Option<PathBuf>,
    // The folder key, once a value was needed. Private keys are read once.
    keys: Mutex<Option<FolderKeys>>,
}

impl Credentials {
    /// Opens the credentials of this process's home, if there is one. Reads no secret.
    pub fn open() -> Result<Self, CredentialError> {
        Self::with(Environment::read(), Options::default())
    }

    /// Opens credentials with options. Reads no secret.
    pub fn with(environment: Environment, options: Options) -> Result<Self, CredentialError> {
        let home = match environment.search(options.home.clone()).find() {
            Ok(home) => Some(home),
            Err(FindError::Missing(_) | FindError::NoPlace) if options.home.is_none() => None,
            Err(error) => return Err(WorkspaceError::from(error).into()),
        };
        Ok(Self {
            environment,
            options,
            home,
            keys: Mutex::new(None),
        })
    }

    /// Returns the value of a variable: from the process environment, `.env`, the vault, or
    /// the manifest's default.
    pub fn resolve(&self, name: &str) -> Result<SecretValue, CredentialError> {
        let variable = VarName::parse(name).map_err(|source| CredentialError::Name {
            name: name.to_owned(),
            source,
        })?;
        self.value(&variable)
    }

    /// Returns the credentials of `[providers.NAME]` in `config.toml`.
    pub fn provider<'a>(&'a self, name: &'a str) -> Integration<'a> {
        Integration {
            credentials: self,
            table: ["providers", name],
        }
    }

    /// Returns the credentials of `[integrations.NAME]` in `config.toml`.
    pub fn integration<'a>(&'a self, name: &'a str) -> Integration<'a> {
        Integration {
            credentials: self,
            table: ["integrations", name],
        }
    }

    fn value(&self, variable: &VarName) -> Result<SecretValue, CredentialError> {
        let process = self.environment.get(variable.as_str());
        let Some(home) = &self.home else {
            return match process {
                Some(value) => Ok(SecretValue::new(value.as_encoded_bytes().to_vec())),
                None => Err(self.missing(variable, None)),
            };
        };
        // The cheapest place first: a container whose orchestrator sets everything opens nothing.
        if let (Some(value), Prefer::Environment) = (process, self.options.prefer) {
            return Ok(SecretValue::new(value.as_encoded_bytes().to_vec()));
        }
        let open = OpenHome::at(home.clone(), &self.environment)?;
        let local = self.local(&open)?;
        let sources = self.sources(&open, local.as_ref())?;
        let source = sources.of(variable).cloned();
        match (source, process) {
            (None | Some(Source::Process), Some(value)) => {
                return Ok(SecretValue::new(value.as_encoded_bytes().to_vec()));
            }
            (None | Some(Source::Process), None) => {
                return Err(self.without_value(variable, &sources, &open));
            }
            (Some(_), _) => {}
        }
        let sources = sources.only(std::slice::from_ref(variable), |_| false)?;
        let needed = sources.needed();
        let folders = needed.folders();
        let mut held = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = match held.take() {
            Some(keys) => Some(keys),
            None if folders.is_empty() => None,
            None => Some(self.open_keys(&open, &folders)?),
        };
        let opener = keys.as_ref().map(|keys| keys.opener(&open.vault));
        let opened = open_all(&sources, &needed, local.as_ref(), opener);
        // A key that does not open is asked for anew next time: the vault may have another.
        if opened.is_ok() {
            *held = keys;
        }
        let variables = opened.map_err(|ResolveError::Refused(refused)| {
            let first = refused.into_iter().next();
            match first {
                Some((_, Refusal::Vanished)) | None => self.missing(variable, Some(&open)),
                Some((name, source)) => CredentialError::Open {
                    name: name.to_string(),
                    source,
                },
            }
        })?;
        let value = variables.into_values().next();
        value.ok_or_else(|| self.missing(variable, Some(&open)))
    }

    /// Says why there is no value: what it would be put together from says more than that.
    fn without_value(
        &self,
        variable: &VarName,
        sources: &Sources,
        open: &OpenHome,
    ) -> CredentialError {
        let mut missing = sources.missing().iter();
        match missing.find(|missing| VarName::of(&missing.name) == *variable) {
            Some(missing) if missing.why != Absence::NotSealed => {
                CredentialError::Incomplete(missing.clone())
            }
            _ => self.missing(variable, Some(open)),
        }
    }

    fn local(&self, open: &OpenHome) -> Result<Option<Local>, CredentialError> {
        let ask = |folder: &Path, file: &str| tracked(folder, file, self.environment.variables());
        Ok(Local::load(open.vault.home(), ask)?)
    }

    fn sources(&self, open: &OpenHome, local: Option<&Local>) -> Result<Sources, CredentialError> {
        let profile = match &self.options.profile {
            Some(profile) => Some(profile.clone()),
            None => match self.environment.profile() {
                Some(text) => Some(
                    FolderName::parse(&text)
                        .map_err(|source| CredentialError::Name { name: text, source })?,
                ),
                None => None,
            },
        };
        let seen = open.seen(&self.environment)?;
        let inventory = open.vault.inventory()?;
        let chosen = select(
            &open.manifest,
            &inventory,
            profile.as_ref(),
            seen.as_deref(),
        )?;
        let dotenv = local.map(|local| &local.dotenv);
        let set = |variable: &VarName| self.environment.get(variable.as_str()).is_some();
        Ok(Sources::gather(set, dotenv, chosen, self.options.prefer))
    }

    fn open_keys(
        &self,
        open: &OpenHome,
        folders: &[FolderName],
    ) -> Result<FolderKeys, CredentialError> {
        let mut pins = self.options.pins.clone();
        pins.extend(self.environment.pin()?);
        let chains = open.chains(&self.environment, &pins)?;
        let user = match self.environment.config_folder() {
            Some(folder) => UserConfig::load(&folder)?,
            None => UserConfig::default(),
        };
        let (mut keyring, _): (Keyring, _) = gather(
            &self
                .environment
                .identity_places(&self.options.identities, &user),
        )?;
        pins.into_iter().for_each(|pin| keyring.trust(pin.id));
        let stale = open.stale(&self.environment, Stale::Refuse, folders);
        let keys = FolderKeys::open(&open.vault, chains, keyring, folders, stale);
        let keys = keys.map_err(|refused| refused.error)?;
        Ok(open.guard(keys, &self.environment, Box::new(|_| {}))?)
    }

    fn config(&self) -> Result<Option<Config>, CredentialError> {
        let Some(home) = &self.home else {
            return Ok(None);
        };
        load_config(&crate::disk::Dir::open(home)?)
    }

    fn missing(&self, variable: &VarName, open: Option<&OpenHome>) -> CredentialError {
        // Settings that cannot be read refer to nothing; what is missing is missing all the same.
        let config = self.config().ok().flatten();
        let home = open.map(|open| open.path.as_path());
        missing(variable, config.as_ref(), home)
    }
}

/// The credentials of one table of `config.toml`.
pub struct Integration<'a> {
    credentials: &'a Credentials,
    table: [&'a str; 2],
}

impl Integration<'_> {
    /// Returns the credential that `KEY_env` refers to: `key("api_key")` follows `api_key_env`.
    pub fn key(&self, key: &str) -> Result<SecretValue, CredentialError> {
        let config = self.credentials.config()?;
        let reference: Option<&Reference> = config
            .as_ref()
            .and_then(|config| config.reference(&self.table, key));
        match reference {
            Some(reference) => self.credentials.value(&reference.variable),
            None => {
                let path = format!("{}.{}.{key}_env", self.table[0], self.table[1]);
                Err(CredentialError::Reference { path })
            }
        }
    }
}

/// The error for a variable that has no value: what refers to it, and where it was looked for.
pub fn missing(
    variable: &VarName,
    config: Option<&Config>,
    home: Option<&Path>,
) -> CredentialError {
    let referred_by = config
        .into_iter()
        .flat_map(|config| config.referring_to(variable))
        .map(|reference| reference.path.clone())
        .collect();
    let mut looked_in = vec!["the process environment".to_owned()];
    match home {
        Some(home) => looked_in.extend([
            format!("`{}`", home.join(super::local::DOTENV).display()),
            format!("the vault in `{}`", home.display()),
        ]),
        None => looked_in.push("no home (none was found)".to_owned()),
    }
    CredentialError::Missing {
        variable: variable.clone(),
        referred_by,
        looked_in,
    }
}

/// Reads the settings of a home; `None` if there are none.
pub fn load_config(home: &crate::disk::Dir) -> Result<Option<Config>, CredentialError> {
    let limit = crate::config::MAX_CONFIG as u64;
    let Some(bytes) = home.read(CONFIG, limit)? else {
        return Ok(None);
    };
    let path = home.path().join(CONFIG);
    let config =
        Config::parse(&bytes).map_err(|source| CredentialError::Config { path, source })?;
    Ok(Some(config))
}

fn referred(paths: &[String]) -> String {
    if paths.is_empty() {
        return String::new();
    }
    let paths: Vec<_> = paths.iter().map(|path| format!("`{path}`")).collect();
    format!(
        " ({} in `config.toml` {} to it)",
        paths.join(", "),
        if paths.len() == 1 { "refers" } else { "refer" }
    )
}
