//! Identities that open through a program, `age-plugin-NAME`. One that was found stays a text until
//! somebody says that the user allowed its name: a repository or a copied key file must not choose a
//! program to run.

use std::fmt;

use age_core::secrecy::SecretString;

use crate::domain::{Identity, SecretValue};

/// The longest name of a plugin, in bytes.
const MAX_NAME: usize = 32;

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
    /// Parses a line `AGE-PLUGIN-NAME-1…`. A name with a `/` would run any program (age
    /// GHSA-32gq-x56h-299c), so a name is `[a-z0-9][a-z0-9-]*` and nothing else.
    pub(super) fn parse(line: &str, origin: &str) -> Option<Self> {
        let key: age::plugin::Identity = line.parse().ok()?;
        let name = key.plugin().to_owned();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.starts_with('-');
        (fits && name.bytes().all(plain)).then(|| Self {
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
