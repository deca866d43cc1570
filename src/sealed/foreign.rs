//! Age files that others made: the parts of a sops file's key, and the files of passage and agenix.
//! In armor or not, with the line ends that somebody's editor left; the limits are the vault's own.
//! Opening one proves nothing about who made it, and a passphrase is never tried.

use std::borrow::Cow;

use crate::domain::{Addressee, Keyring, Plugins, SecretValue};
use crate::sealed::header::Header;
use crate::sealed::{
    FramingError, MAX_FILE, SealedError, dearmor, open_binary, refuse_passphrase, seal_plain,
};

/// How an age file without armor starts.
const INTRO: &[u8] = b"age-encryption.org/v1\n";

/// Opens an age file that is not the vault's.
pub fn open_foreign(file: &[u8], keyring: &Keyring) -> Result<SecretValue, SealedError> {
    open_binary(&binary(file)?, keyring)
}

/// Says whether a file is an age file as [`open_foreign`] would open it. Nothing is opened.
pub fn check_foreign(file: &[u8]) -> Result<(), SealedError> {
    Ok(refuse_passphrase(&Header::parse(&binary(file)?)?)?)
}

/// What is in the armor, if a file has one.
pub(super) fn binary(file: &[u8]) -> Result<Cow<'_, [u8]>, FramingError> {
    match () {
        () if file.len() > MAX_FILE => Err(FramingError::TooLong),
        () if file.starts_with(INTRO) => Ok(Cow::Borrowed(file)),
        () => dearmor(&canonical(file)).map(Cow::Owned),
    }
}

/// Seals bytes as an age file in armor that carries nothing of ours.
pub fn seal_foreign<'r>(
    value: &SecretValue,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    seal_plain(value, to, plugins)
}

/// The armor in the one spelling that the vault takes: LF, nothing around it.
fn canonical(file: &[u8]) -> Cow<'_, [u8]> {
    let body = file.trim_ascii();
    if body.len() + 1 == file.len() && file.ends_with(b"\n") && !file.contains(&b'\r') {
        return Cow::Borrowed(file);
    }
    let mut out = Vec::with_capacity(body.len() + 1);
    for line in body.split(|&byte| byte == b'\n') {
        out.extend_from_slice(line.trim_ascii_end());
        out.push(b'\n');
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, Recipient};
    use crate::sealed::FramingError;

    fn alice() -> (Keyring, Recipient) {
        let identity = Identity::generate("a test");
        let recipient = Recipient::parse(identity.public()).unwrap();
        let mut keyring = Keyring::default();
        keyring.add(identity);
        (keyring, recipient)
    }

    #[test]
    fn armor_opens_in_every_spelling_that_age_takes() {
        let (keyring, alice) = alice();
        let file = seal_foreign(
            &SecretValue::new(b"key".to_vec()),
            [&alice],
            &Plugins::default(),
        );
        let file = file.unwrap();
        let text = String::from_utf8(file).unwrap();
        for spelt in [
            text.clone(),
            text.trim_end().to_owned(),
            text.replace('\n', "\r\n"),
            format!("\n  {text}\n\n"),
        ] {
            let opened = open_foreign(spelt.as_bytes(), &keyring).unwrap();
            assert_eq!(opened.reveal(), b"key");
        }
    }

    /// The age crate writes the binary form; it is the second judge here.
    #[test]
    fn a_file_without_armor_opens() {
        use std::io::Write;

        let (keyring, alice) = alice();
        let recipient: age::x25519::Recipient = alice.text().parse().unwrap();
        let recipients = std::iter::once(&recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
        let mut file = Vec::new();
        let mut writer = encryptor.wrap_output(&mut file).unwrap();
        writer.write_all(b"\xff\x00").unwrap();
        writer.finish().unwrap();
        assert_eq!(open_foreign(&file, &keyring).unwrap().reveal(), b"\xff\x00");
    }

    #[test]
    fn a_passphrase_is_refused_before_any_work() {
        let (keyring, _) = alice();
        let file = b"age-encryption.org/v1\n-> scrypt c2FsdHNhbHRzYWx0c2FsdA 30\n\
            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n\
            --- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\nxxxxxxxxxxxxxxxx";
        assert_eq!(
            open_foreign(file, &keyring).unwrap_err(),
            SealedError::Damaged(FramingError::Passphrase)
        );
    }
}
