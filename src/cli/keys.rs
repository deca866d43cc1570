//! From the places where private keys are to a keyring that opens: cheap keys first, then plugins the
//! user allowed, and passphrases only when nothing else opens. What opened nothing is named, with the
//! public half of each key.

use crate::cli::args::Global;
use crate::cli::failure::{Exit, Failure};
use crate::cli::prompt::PromptError;
use crate::cli::ui::Ui;
use crate::domain::{FolderName, Keyring, Locked, Pin, Plugins, SecretValue, UnlockError, Voice};
use crate::home::{Environment, Outcome, Tried, UserConfig, gather, load_signing_key};
use crate::people::{Chains, FolderKeys, KeysError, NotOpened, Stale};
use crate::vault::Vault;

/// How often a passphrase is asked for.
const ROUNDS: usize = 3;

/// Reads private keys from every place. Keys under a passphrase stay locked.
pub fn keyring(
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<(Keyring, Vec<Tried>), Failure> {
    let what = "cannot read a private key";
    let user = user_config(environment)?;
    let (mut keyring, mut tried) = gather(&environment.identity_places(&global.identity, &user))
        .map_err(|error| Failure::of(what, &error))?;
    for pin in pins(global, environment)? {
        keyring.trust(pin.id);
    }
    if let Some(folder) = environment.config_folder() {
        let signing = load_signing_key(&folder).map_err(|error| Failure::of(what, &error))?;
        signing.into_iter().for_each(|key| keyring.sign_with(key));
    }
    keyring.allow(plugins(&user, ui));
    for plugin in keyring.take_plugins() {
        let place = format!("{} (plugin `{}`)", plugin.origin(), plugin.name());
        let outcome = if !user.plugins.iter().any(|name| name == plugin.name()) {
            Outcome::Unusable(format!(
                "not run; allow it with `plugins = [\"{}\"]` in ~/.config/hoziron/config.toml",
                plugin.name()
            ))
        } else {
            match plugin.admit(PluginVoice(*ui)) {
                Some(identity) => {
                    let public = identity.public().to_owned();
                    keyring.add(identity);
                    Outcome::Keys(vec![public])
                }
                None => Outcome::Unusable("its program is not on the PATH".to_owned()),
            }
        };
        tried.push(Tried { place, outcome });
    }
    for tried in &tried {
        ui.detail(&format!("looked for private keys in {tried}"));
    }
    Ok((keyring, tried))
}

/// The plugins that the user allows. The environment is fit for them: see `start_over`.
pub fn plugins(user: &UserConfig, ui: &Ui) -> Plugins {
    Plugins::allow(&user.plugins, PluginVoice(*ui))
}

/// Opens the keys of folders: with the private keys that are ready, and if they do not suffice, with
/// those under a passphrase, one after the other.
pub fn open(
    vault: &Vault,
    chains: impl Fn() -> Result<Chains, KeysError>,
    wanted: &[FolderName],
    stale: Stale,
    (mut keyring, mut tried): (Keyring, Vec<Tried>),
    ui: &Ui,
) -> Result<FolderKeys, Failure> {
    let what = "cannot open the vault's key";
    let mut locked = keyring.take_locked().into_iter();
    loop {
        let chains = chains().map_err(|error| Failure::of(what, &error))?;
        let refused = match FolderKeys::open(vault, chains, keyring, wanted, stale) {
            Ok(keys) => return Ok(keys),
            Err(refused) => refused,
        };
        let NotOpened {
            error,
            keyring: back,
        } = *refused;
        keyring = back;
        let opens_nothing = matches!(
            error,
            KeysError::NoIdentity { .. } | KeysError::NotAccepted { .. }
        );
        if !opens_nothing {
            return Err(Failure::of(what, &error));
        }
        match locked.next() {
            Some(key) => {
                if let Some(outcome) = unlock(&key, &mut keyring, ui)? {
                    // What is known now says more than that a passphrase is needed.
                    tried.retain(|tried| tried.place != key.origin());
                    let place = key.origin().to_owned();
                    tried.push(Tried { place, outcome });
                }
            }
            None => {
                return Err(nothing_opens(Failure::of(what, &error), &tried));
            }
        }
    }
}

/// Names every place, and first of all what would make a key usable.
fn nothing_opens(mut failure: Failure, tried: &[Tried]) -> Failure {
    for tried in tried {
        if let Outcome::Readable { path, .. } = &tried.outcome {
            failure.hints.insert(
                0,
                format!("make it yours alone: `chmod 600 {}`", path.display()),
            );
        }
        failure = failure.cause(format!("looked in {tried}"));
    }
    failure
}

/// Opens every key that needs a passphrase.
pub fn unlock_all(keyring: &mut Keyring, ui: &Ui) -> Result<(), Failure> {
    for key in keyring.take_locked() {
        unlock(&key, keyring, ui)?;
    }
    Ok(())
}

/// Asks for a passphrase; says why if the key stays locked.
fn unlock(key: &Locked, keyring: &mut Keyring, ui: &Ui) -> Result<Option<Outcome>, Failure> {
    let shown = key
        .public()
        .map(|public| format!("{public}, "))
        .unwrap_or_default();
    if !ui.has_terminal() {
        let why = format!("{shown}needs a passphrase, and nobody can be asked");
        return Ok(Some(Outcome::Unusable(why)));
    }
    for _ in 0..ROUNDS {
        let passphrase = match ui.ask_passphrase(&format!("passphrase for {}", key.origin())) {
            Ok(passphrase) => passphrase,
            Err(PromptError::Interrupted) => break,
            Err(error) => return Err(Failure::of("no passphrase", &error)),
        };
        match key.unlock(&passphrase, keyring) {
            Ok(()) => return Ok(None),
            Err(error @ (UnlockError::Costly | UnlockError::Text(_))) => {
                return Ok(Some(Outcome::Unusable(error.to_string())));
            }
            Err(error @ UnlockError::Wrong) => ui.warn(&error.to_string()),
        }
    }
    Ok(Some(Outcome::Unusable(format!(
        "{shown}not opened by the passphrase"
    ))))
}

/// Reads the user's own configuration.
pub fn user_config(environment: &Environment) -> Result<UserConfig, Failure> {
    match environment.config_folder() {
        Some(folder) => UserConfig::load(&folder)
            .map_err(|error| Failure::of("cannot use your configuration", &error)),
        None => Ok(UserConfig::default()),
    }
}

/// Reads the pins of the command line and of the environment.
pub fn pins(global: &Global, environment: &Environment) -> Result<Vec<Pin>, Failure> {
    let given = global.pin.iter().map(|text| Pin::parse(text));
    let named = environment.pin().transpose();
    let pins = given.chain(named).collect::<Result<_, _>>();
    pins.map_err(|error| {
        Failure::new("a pin is not a vault's id", Exit::Usage).cause(error.to_string())
    })
}

/// What a plugin may say and ask.
#[derive(Clone, Copy)]
struct PluginVoice(Ui);

impl Voice for PluginVoice {
    fn say(&self, message: &str) {
        self.0.note(message);
    }

    fn confirm(&self, question: &str) -> Option<bool> {
        self.0.ask(question, "answer on a terminal").ok()
    }

    fn ask_hidden(&self, label: &str) -> Option<SecretValue> {
        self.0.ask_passphrase(label).ok()
    }
}
