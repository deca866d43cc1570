//! What `import` reads: somebody's file or folder, in the format that was named, that its `sops` block
//! shows, or that its name ends in. Private keys are read before the file, for a pipe is read once.
//! Says what may surprise, and writes nothing.

use std::path::Path;

use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::cli::given;
use crate::cli::keys::unlock_all;
use crate::cli::ui::Ui;
use crate::domain::Keyring;
use crate::input::age_dir::{self, AgeDirError};
use crate::input::dotenv::DotEnv;
use crate::input::{self, Format, Item, ini};
use crate::sealed::SealedError;
use crate::sops::{self, Check, Document, MAX_FILE, SopsError, Store};

/// What the formats are called.
pub const FORMATS: [&str; 7] = ["age-dir", "dotenv", "ini", "json", "sops", "toml", "yaml"];

/// How a file is written.
enum Kind {
    AgeDir,
    Names(Format),
    Sops(Store),
}

/// Reads every name and value of a file or folder; `-` is stdin.
pub fn read(
    file: &str,
    format: Option<&str>,
    check: Check,
    keyring: &mut Keyring,
    ui: &Ui,
) -> Result<Vec<Item>, Failure> {
    let what = || format!("cannot import `{file}`");
    let is_folder = file != "-" && Path::new(file).is_dir();
    let bytes = match is_folder {
        true => Zeroizing::default(),
        false => given::bytes(file, MAX_FILE)
            .map_err(|why| Failure::new(what(), Exit::Error).cause(why))?,
    };
    match kind(file, format, is_folder, &bytes) {
        Kind::AgeDir => {
            let closed = |error: &AgeDirError| match error {
                AgeDirError::Sealed(files) => files
                    .iter()
                    .any(|(_, error)| *error == SealedError::NoIdentity),
                _ => false,
            };
            with_keys(keyring, ui, closed, |keys| {
                age_dir::read(Path::new(file), keys)
            })?
            .map_err(|error| Failure::of(what(), &error))
        }
        Kind::Names(Format::Dotenv) => {
            let dotenv = DotEnv::parse(&bytes).map_err(|error| Failure::of(what(), &error))?;
            warn(&dotenv, file, ui);
            Ok(input::dotenv_items(dotenv))
        }
        Kind::Names(format) => {
            input::read(&bytes, format).map_err(|error| Failure::of(what(), &error))
        }
        Kind::Sops(store) => {
            let mut items = sops_items(file, &bytes, store, check, keyring, ui)?;
            if store == Store::Ini {
                // What stands above the sections is in none.
                let top = |item: &&mut Item| item.path.len() > 1 && item.path[0] == ini::TOP;
                items
                    .iter_mut()
                    .filter(top)
                    .for_each(|item| drop(item.path.remove(0)));
            }
            if store == Store::Binary
                && let [only] = &mut items[..]
            {
                // The one value of a binary file is the file.
                let name = Path::new(file).file_name().unwrap_or_default();
                only.path = vec![name.to_string_lossy().into_owned()];
            }
            Ok(items)
        }
    }
}

fn sops_items(
    file: &str,
    bytes: &[u8],
    store: Store,
    check: Check,
    keyring: &mut Keyring,
    ui: &Ui,
) -> Result<Vec<Item>, Failure> {
    let what = || format!("cannot import `{file}`");
    let document = Document::parse(bytes, store).map_err(|error| Failure::of(what(), &error))?;
    let closed =
        |error: &SopsError| matches!(error, SopsError::NoKey { .. } | SopsError::Groups { .. });
    let opened = with_keys(keyring, ui, closed, |keys| {
        sops::open(&document, keys, check)
    })?
    .map_err(|error| Failure::of(what(), &error))?;
    if let Some(error) = &opened.unverified {
        ui.warn(&format!("nothing in `{file}` is verified: {error}"));
    }
    for recipient in &opened.passed_over {
        ui.detail(&format!(
            "`{file}` is also for {recipient}, which was passed over"
        ));
    }
    let named = opened.named();
    for path in &named.twice {
        ui.warn(&format!(
            "`{path}` stands in `{file}` more than once; the last one counts"
        ));
    }
    Ok(named.items)
}

/// Tries the keys that are ready, and then those under a passphrase as well.
fn with_keys<T, E>(
    keyring: &mut Keyring,
    ui: &Ui,
    closed: impl Fn(&E) -> bool,
    open: impl Fn(&Keyring) -> Result<T, E>,
) -> Result<Result<T, E>, Failure> {
    match open(keyring) {
        Err(error) if closed(&error) => {
            unlock_all(keyring, ui)?;
            Ok(open(keyring))
        }
        done => Ok(done),
    }
}

fn kind(file: &str, format: Option<&str>, is_folder: bool, bytes: &[u8]) -> Kind {
    let sops = || {
        let store = Store::of_content(bytes)?;
        let binary = store == Store::Json && file != "-" && Store::of_name(file) == Store::Binary;
        Some(if binary { Store::Binary } else { store })
    };
    match format {
        Some("age-dir") => Kind::AgeDir,
        None if is_folder => Kind::AgeDir,
        Some("dotenv") => Kind::Names(Format::Dotenv),
        Some("ini") => Kind::Names(Format::Ini),
        Some("json") => Kind::Names(Format::Json),
        Some("sops") => Kind::Sops(sops().unwrap_or(Store::of_name(file))),
        Some("toml") => Kind::Names(Format::Toml),
        Some(_) => Kind::Names(Format::Yaml),
        None => match sops() {
            Some(store) => Kind::Sops(store),
            None => Kind::Names(Format::of_name(file)),
        },
    }
}

/// Says what about a `.env` file may surprise.
fn warn(dotenv: &DotEnv, file: &str, ui: &Ui) {
    for duplicate in dotenv.duplicates() {
        let lines: Vec<_> = duplicate.lines.iter().map(ToString::to_string).collect();
        let name = &duplicate.name;
        ui.warn(&format!(
            "`{name}` stands on lines {}; the last one counts",
            lines.join(", ")
        ));
    }
    for disagreement in dotenv.disagreements() {
        let readers: Vec<_> = disagreement
            .readers
            .iter()
            .map(ToString::to_string)
            .collect();
        ui.warn(&format!(
            "`{file}`, line {}: {} would read another value of `{}`",
            disagreement.line,
            readers.join(", "),
            disagreement.name
        ));
    }
}
