//! The way out: one plain age file a value, sealed to the readers themselves, and a page that says how
//! to open them. `age` alone reads it, and so does everything that keeps age files. Nothing here binds
//! a file to its name any more.

use crate::domain::{Addressee, Plugins, SecretName, SecretValue};
use crate::export::ExportError;
use crate::sealed::seal_foreign;

/// The page that lies beside the files.
pub const README: &str = "\
# Secrets as plain age files

One file a secret, exported from a vault of hoziron. hoziron is not needed to read them.

Open one, with the private key of one of its recipients:

    age --decrypt --identity key.txt web/TOKEN.age

Seal one again, to the recipients in a file with one public key a line:

    age --armor --recipients-file recipients.txt --output web/TOKEN.age value.txt

The private key of a person who used hoziron is usually in `~/.config/hoziron/identity.txt`. passage
and agenix keep their files in the same way. Unlike in a vault, nothing here shows whether somebody
moved a file to another name or put an older one back.
";

/// Seals a value; returns its file's name below the folder, and the file.
pub fn age_dir<'r>(
    name: &SecretName,
    value: &SecretValue,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<(String, Vec<u8>), ExportError> {
    Ok((format!("{name}.age"), seal_foreign(value, to, plugins)?))
}
