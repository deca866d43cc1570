//! The user's own key, for whoever founds a vault or joins one: a native key that is there, else a new
//! one in `~/.config/hoziron/identity.txt`; other keys only on request. And what the user is called.

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::domain::{
    Identity, Keyring, Locked, ReaderName, Recipient, SecretValue, SigningKey, VaultId,
};
use crate::home::private::{Overwrite, Written, read_private, write_private};
use crate::home::{Environment, load_or_make_signing_key};
use crate::repository::author;

/// The name of the reader who is a spare key on paper.
pub const RECOVERY: &str = "recovery";

/// What the user signs with, and what opens for him.
pub struct OwnKey {
    /// The key that signs.
    pub signing: SigningKey,
    /// The public keys.
    pub recipients: Vec<Recipient>,
    /// The keys, for a person.
    pub shown: String,
    /// Where the private key was found; none: it was made now, or is not known.
    pub origin: Option<String>,
}

/// How a private key is kept that has to be made.
#[derive(Clone, Copy, Debug)]
pub struct Keeping<'a> {
    /// Whether a passphrase is asked for; an empty one is none.
    pub passphrase: Passphrase,
    /// The vaults that it trusts.
    pub vaults: &'a [VaultId],
}

/// Whether a passphrase is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passphrase {
    /// If there is somebody to ask.
    Ask,
    /// Never.
    None,
}

impl OwnKey {
    /// Chooses the user's key: a native key that is there, else a new one; or, on request, others.
    pub fn choose(
        keyring: &Keyring,
        recipients: Vec<Recipient>,
        keeping: Keeping<'_>,
        environment: &Environment,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let found = Self::find(keyring);
        if recipients.is_empty() {
            return match found {
                Some(found) => Ok(found),
                None => Self::make(keeping, environment, ui),
            };
        }
        let shown: Vec<_> = recipients.iter().map(|key| key.text().to_owned()).collect();
        let signing = match found {
            Some(found) => found.signing,
            None => make_signing_key(environment)?,
        };
        Ok(Self {
            signing,
            recipients,
            shown: shown.join(", "),
            origin: None,
        })
    }

    /// Finds the first native key.
    pub fn find(keyring: &Keyring) -> Option<Self> {
        keyring.identities().iter().find_map(|identity| {
            let mut found = Self::native(identity)?;
            found.origin = Some(identity.origin().to_owned());
            Some(found)
        })
    }

    fn native(identity: &Identity) -> Option<Self> {
        Some(Self {
            signing: identity.signing_key()?,
            recipients: vec![Recipient::parse(identity.public()).ok()?],
            shown: format!("{} from {}", identity.public(), identity.origin()),
            origin: None,
        })
    }

    fn make(keeping: Keeping<'_>, environment: &Environment, ui: &Ui) -> Result<Self, Failure> {
        let what = "cannot make a private key";
        let path = environment.identity_file().ok_or_else(no_folder)?;
        let shown = path.display().to_string();
        let taken = || {
            Failure::new(what, Exit::Error)
                .cause(format!(
                    "`{shown}` is there, and has no key that can be used"
                ))
                .hint("move it away, or name another one: `--identity FILE`")
        };
        if path.symlink_metadata().is_ok() {
            read_private(&path, 1 << 20).map_err(|error| Failure::of(what, &error))?;
            return Err(taken());
        }
        let identity = Identity::generate(&shown);
        let text = identity
            .file_text(keeping.vaults)
            .expect("a key that was made here has a text");
        let sealed = passphrase(keeping, ui)?.map(|passphrase| {
            Locked::seal(&text, &passphrase).ok_or_else(|| {
                Failure::new(what, Exit::Error).cause("a passphrase must be UTF-8 text")
            })
        });
        let sealed = sealed.transpose()?;
        let kept = sealed.as_ref().unwrap_or(&text);
        let written = write_private(&path, kept.reveal(), Overwrite::Refuse)
            .map_err(|error| Failure::of(what, &error))?;
        if written == Written::Exists {
            return Err(taken());
        }
        ui.note(&format!(
            "made a private key in `{shown}`{}; keep a copy where you keep such things",
            if sealed.is_some() {
                ", under your passphrase"
            } else {
                ""
            }
        ));
        Ok(Self::native(&identity).expect("a key that was made here is native"))
    }
}

/// Asks for a passphrase; `None` if it is empty, or nobody can be asked.
fn passphrase(keeping: Keeping<'_>, ui: &Ui) -> Result<Option<SecretValue>, Failure> {
    if keeping.passphrase == Passphrase::None || !ui.has_person() {
        return Ok(None);
    }
    let label = "a passphrase for your new private key (nothing: none)";
    let passphrase = ui.ask_hidden(label, "without a terminal the key has no passphrase")?;
    Ok(Some(passphrase).filter(|passphrase| !passphrase.is_empty()))
}

fn make_signing_key(environment: &Environment) -> Result<SigningKey, Failure> {
    let folder = environment.config_folder().ok_or_else(no_folder)?;
    load_or_make_signing_key(&folder)
        .map_err(|error| Failure::of("cannot make a key to sign with", &error))
}

fn no_folder() -> Failure {
    Failure::new("cannot make a private key", Exit::Error)
        .cause("there is no folder for it: neither XDG_CONFIG_HOME nor HOME is set")
}

/// What the user is called: as he says, else his first name in git, else his login. `example` is the
/// command with which he says it.
pub fn reader_name(
    given: Option<&str>,
    environment: &Environment,
    example: &str,
) -> Result<ReaderName, Failure> {
    if let Some(name) = given {
        return parse_reader(name);
    }
    let author = author(environment.working_directory(), environment.variables());
    let login = environment
        .get("USER")
        .or_else(|| environment.get("LOGNAME"));
    let login = login.map(|login| login.to_string_lossy().into_owned());
    [author, login]
        .into_iter()
        .flatten()
        .find_map(|name| {
            let first = name.split_whitespace().next()?.to_lowercase();
            ReaderName::parse(&first)
                .ok()
                .filter(|name| name.as_str() != RECOVERY)
        })
        .ok_or_else(|| {
            Failure::new("cannot tell what you are called", Exit::Error)
                .cause("neither git's author nor your login makes a name of `a-z`, `0-9`, `-`, `_`")
                .hint(format!("say it: `{example}`"))
        })
}

/// Parses a reader's name that was typed.
pub fn parse_reader(name: &str) -> Result<ReaderName, Failure> {
    ReaderName::parse(name)
        .map_err(|error| Failure::of(format!("`{name}` is not a name for a reader"), &error))
}

/// Parses public keys that were typed; a word that is none may be a private key and is not shown.
pub fn parse_recipients(texts: &[String], option: &str) -> Result<Vec<Recipient>, Failure> {
    let parse = |text: &String| {
        Recipient::parse(text.trim()).map_err(|error| {
            Failure::new(format!("`{option}` is not a public key"), Exit::Usage)
                .cause(error.to_string())
        })
    };
    texts.iter().map(parse).collect()
}
