//! Keys whose use takes a program, `age-plugin-NAME`. An identity that was found stays a text until
//! somebody says that the user allowed its name, and a file key is wrapped by allowed names only: a
//! repository or a copied key file must not choose a program to run.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::SecretString;
use thiserror::Error;

use crate::domain::{Identity, SecretValue};

/// The longest name of a plugin, in bytes.
const MAX_NAME: usize = 32;

/// So many characters of what a plugin says of its failure are repeated.
const MAX_SAID: usize = 200;

/// Says whether a plugin may be called so. A name with a `/` would run any program (age
/// GHSA-32gq-x56h-299c), so a name is `[a-z0-9][a-z0-9-]*` and nothing else.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('-');
    fits && name.bytes().all(plain)
}

/// What a plugin may say to a person and ask of one.
pub trait Voice: Clone + Send + Sync + 'static {
    /// Shows a message, such as a request to touch a key.
    fn say(&self, message: &str);

    /// Asks for a yes; `None` if nobody can answer.
    fn confirm(&self, question: &str) -> Option<bool>;

    /// Asks for a PIN or a passphrase, without showing it; `None` if nobody can answer.
    fn ask_hidden(&self, label: &str) -> Option<SecretValue>;
}

/// A plugin's identity that was found, and that may not be used before the user allowed its name.
pub struct PluginIdentity {
    name: String,
    origin: String,
    text: SecretValue,
}

impl PluginIdentity {
    /// Parses a line `AGE-PLUGIN-NAME-1…`.
    pub(super) fn parse(line: &str, origin: &str) -> Option<Self> {
        let key: age::plugin::Identity = line.parse().ok()?;
        let name = key.plugin().to_owned();
        is_name(&name).then(|| Self {
            name,
            origin: origin.to_owned(),
            text: SecretValue::new(line.as_bytes().to_vec()),
        })
    }

    /// Returns the plugin's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where it was found, for a person.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Makes the identity usable; `None` if its program is not on the PATH.
    pub fn admit(&self, voice: impl Voice) -> Option<Identity> {
        let key = std::str::from_utf8(self.text.reveal()).ok()?.parse().ok()?;
        let plugin =
            age::plugin::IdentityPluginV1::new(&self.name, &[key], Callbacks(voice)).ok()?;
        Some(Identity::foreign(
            Box::new(plugin),
            &self.name,
            &self.origin,
        ))
    }
}

impl fmt::Debug for PluginIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginIdentity({})", self.name)
    }
}

/// Why a plugin did not seal.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PluginError {
    /// It ended, or said that it cannot.
    #[error("the plugin `{name}` did not seal to it{}", repeated(.said))]
    Failed {
        /// The plugin.
        name: String,
        /// What it said, shortened to one line; empty: nothing.
        said: String,
    },
    /// The user has not allowed it.
    #[error("it takes the plugin `{0}`, which you have not allowed")]
    NotAllowed(String),
    /// Its program is not on the PATH.
    #[error("it takes the plugin `{0}`, and `age-plugin-{0}` is not on the PATH")]
    NotFound(String),
    /// It made more stanzas than it was given keys, or fewer, or some that are not a plugin's to make.
    #[error("the plugin `{0}` made other stanzas than one for each key")]
    Stanzas(String),
}

impl PluginError {
    /// Returns the plugin's name.
    pub fn plugin(&self) -> &str {
        match self {
            Self::Failed { name, .. }
            | Self::NotAllowed(name)
            | Self::NotFound(name)
            | Self::Stanzas(name) => name,
        }
    }
}

fn repeated(said: &str) -> String {
    if said.is_empty() {
        return String::new();
    }
    format!(": {said}")
}

/// What wrapping a file key gives: stanzas, and age's labels, on which all recipients of a file must
/// agree.
pub type Wrapped = (Vec<Stanza>, HashSet<String>);

type Run =
    dyn Fn(&str, &[age::plugin::Recipient], &FileKey) -> Result<Wrapped, PluginError> + Send + Sync;

/// The plugins that may be run to seal. By default it is none.
#[derive(Clone, Default)]
pub struct Plugins {
    allowed: BTreeSet<String>,
    run: Option<Arc<Run>>,
}

impl Plugins {
    /// Allows plugins by name, as the user's own configuration does.
    pub fn allow(names: &[String], voice: impl Voice) -> Self {
        // One at a time: it may ask.
        let one = Mutex::new(Callbacks(voice));
        let run = move |name: &str, keys: &[age::plugin::Recipient], file_key: &FileKey| {
            let voice = one.lock().unwrap_or_else(PoisonError::into_inner);
            run(name, keys, file_key, voice.clone())
        };
        Self {
            allowed: names.iter().cloned().collect(),
            run: Some(Arc::new(run)),
        }
    }

    /// Wraps a file key for keys of one plugin, by one run of its program.
    pub(super) fn wrap(
        &self,
        name: &str,
        keys: &[age::plugin::Recipient],
        file_key: &FileKey,
    ) -> Result<Wrapped, PluginError> {
        match &self.run {
            Some(run) if self.allowed.contains(name) => run(name, keys, file_key),
            _ => Err(PluginError::NotAllowed(name.to_owned())),
        }
    }
}

impl fmt::Debug for Plugins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(&self.allowed).finish()
    }
}

fn run(
    name: &str,
    keys: &[age::plugin::Recipient],
    file_key: &FileKey,
    callbacks: impl age::Callbacks,
) -> Result<Wrapped, PluginError> {
    let failed = |error: age::EncryptError| PluginError::Failed {
        name: name.to_owned(),
        said: said(&error, keys),
    };
    let plugin = age::plugin::RecipientPluginV1::new(name, keys, &[], callbacks)
        .map_err(|_| PluginError::NotFound(name.to_owned()))?;
    let wrapped = age::Recipient::wrap_file_key(&plugin, file_key).map_err(failed)?;
    // What a file says of its recipients is counted, and a passphrase's stanza is refused in a vault.
    let reserved = |stanza: &Stanza| stanza.tag == "scrypt" || stanza.tag.starts_with("hoziron/");
    let real = wrapped
        .0
        .iter()
        .filter(|stanza| !stanza.tag.ends_with("-grease"));
    if real.count() != keys.len() || wrapped.0.iter().any(reserved) {
        return Err(PluginError::Stanzas(name.to_owned()));
    }
    Ok(wrapped)
}

/// What a plugin gave as its reason: one line, not too long, and without the key, which may be.
fn said(error: &age::EncryptError, keys: &[age::plugin::Recipient]) -> String {
    let age::EncryptError::Plugin(errors) = error else {
        return String::new();
    };
    let text: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let text = keys.iter().fold(text.join("; "), |text, key| {
        text.replace(&key.to_string(), "it")
    });
    // The age crate puts marks around what it fills in (Unicode, "isolates").
    let plain = |character: &char| !matches!(character, '\u{2066}'..='\u{2069}');
    let text: String = text.chars().filter(plain).collect();
    let words: Vec<_> = text.split_whitespace().collect();
    let line = words.join(" ");
    let shown = line.chars().filter(|character| !character.is_control());
    shown.take(MAX_SAID).collect()
}

/// A voice, in age's own terms.
#[derive(Clone)]
struct Callbacks<V>(V);

impl<V: Voice> age::Callbacks for Callbacks<V> {
    fn display_message(&self, message: &str) {
        self.0.say(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let choice = no.map_or_else(|| yes.to_owned(), |no| format!("{yes}, not {no}"));
        self.0.confirm(&format!("{message} ({choice})"))
    }

    fn request_public_string(&self, _: &str) -> Option<String> {
        None
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let answer = self.0.ask_hidden(description)?;
        Some(SecretString::from(
            std::str::from_utf8(answer.reveal()).ok()?.to_owned(),
        ))
    }
}
