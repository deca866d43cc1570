//! Floor 0, the words of the trade: names, values, recipients, identities. Every type here makes a
//! mistake unwritable, and each is made by one constructor that checks. No I/O happens here.

mod field;
mod forms;
mod glob;
mod identity;
mod identity_text;
mod labels;
mod locked;
mod member;
mod name;
mod parallel;
mod pin;
mod plugin;
mod recipient;
mod signing;
mod token;
mod value;
mod var;
mod vault_id;
mod words;

pub use field::push_field;
pub use forms::{Encoding, Form, forms};
pub use glob::Glob;
pub use identity::{Identity, IdentityTextError, Keyring, take_text};
pub use identity_text::{with_vault, without_vault};
pub use labels::{Labels, Mixed};
pub use locked::{Locked, UnlockError};
pub use member::{GroupName, Member};
pub use name::{FolderName, MAX_NAME, NameError, ReaderName, SecretName};
pub use parallel::in_parallel;
pub use pin::{Pin, PinError};
pub use plugin::{PluginError, PluginIdentity, Plugins, Voice, Wrapped};
pub use recipient::{
    Addressee, Reader, Readers, ReadersError, Recipient, RecipientError, WrapError, WrappedFor,
};
pub use signing::{SigningKey, VerifyingKey};
pub use token::{known_token, token_at, token_starts};
pub use value::{MAX_VALUE, SecretValue};
pub use var::VarName;
pub use vault_id::{Founding, VaultId, VaultIdError};
pub use words::words;
