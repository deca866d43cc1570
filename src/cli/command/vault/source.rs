//! Where a value comes from that is to be sealed: a hidden prompt, a pipe, a file or a generator, never
//! the command line, where other users and the shell's history would see it. What is read is wiped.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::refused_value;
use crate::domain::{MAX_VALUE, SecretName, SecretValue};
use crate::manifest::Generator;
use crate::sealed::SealedError;

/// Where a value comes from.
#[derive(Args)]
pub struct Source {
    /// A value here would be seen by others; it is refused
    #[arg(hide = true, num_args = 0.., trailing_var_arg = true, allow_hyphen_values = true)]
    refused: Vec<std::ffi::OsString>,
    /// Take the value from this file, every byte of it
    #[arg(long, value_name = "PATH", conflicts_with = "generate")]
    from_file: Option<PathBuf>,
    /// Make the value: password:32, hex:16, base64:48 or uuid
    #[arg(long, value_name = "SPEC")]
    generate: Option<String>,
}

impl Source {
    /// Refuses a value behind the name, without showing it.
    pub fn refuse_value(&self, verb: &str, typed: &str) -> Result<(), Failure> {
        if self.refused.is_empty() {
            Ok(())
        } else {
            Err(refused_value(verb, typed))
        }
    }

    /// Reads, asks for or makes the value of a name.
    pub fn value(&self, name: &SecretName, ui: &Ui) -> Result<SecretValue, Failure> {
        let value = self.any(name, ui)?;
        if value.len() > MAX_VALUE {
            return Err(Failure::of(
                format!("cannot seal `{name}`"),
                &SealedError::TooLong,
            ));
        }
        Ok(value)
    }

    fn any(&self, name: &SecretName, ui: &Ui) -> Result<SecretValue, Failure> {
        if let Some(path) = &self.from_file {
            return from_file(path);
        }
        if let Some(text) = &self.generate {
            let generator = Generator::parse(text)
                .map_err(|error| Failure::of("cannot make a value", &error))?;
            return Ok(generator.make().value);
        }
        if std::io::stdin().is_terminal() {
            return ui.ask_hidden(
                name.as_str(),
                "pipe the value in, or use `--from-file PATH`",
            );
        }
        let mut bytes = read(std::io::stdin().lock(), "stdin")?;
        let end = [&b"\r\n"[..], b"\n"]
            .into_iter()
            .find(|end| bytes.ends_with(end))
            .map_or(0, <[u8]>::len);
        let length = bytes.len() - end;
        bytes.truncate(length);
        Ok(SecretValue::new(std::mem::take(&mut *bytes)))
    }
}

fn from_file(path: &Path) -> Result<SecretValue, Failure> {
    let shown = format!("`{}`", path.display());
    let file = std::fs::File::open(path).map_err(|error| {
        Failure::new(format!("cannot read {shown}"), Exit::Error).cause(error.to_string())
    })?;
    let mut bytes = read(file, &shown)?;
    Ok(SecretValue::new(std::mem::take(&mut *bytes)))
}

/// Reads all of it into one buffer that is wiped; chunks, because growing leaves copies behind.
fn read(mut from: impl Read, shown: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    const CHUNK: usize = 64 * 1024;
    let what = || format!("cannot read the value from {shown}");
    let mut chunks: Vec<Zeroizing<Vec<u8>>> = Vec::new();
    let mut total = 0;
    loop {
        let mut chunk = Zeroizing::new(vec![0; CHUNK]);
        let mut filled = 0;
        while filled < CHUNK {
            match from.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Failure::new(what(), Exit::Error).cause(error.to_string()));
                }
            }
        }
        chunk.truncate(filled);
        total += filled;
        chunks.push(chunk);
        if total > MAX_VALUE + 2 {
            return Err(Failure::of(what(), &SealedError::TooLong));
        }
        if filled < CHUNK {
            break;
        }
    }
    let mut all = Zeroizing::new(Vec::with_capacity(total));
    chunks.iter().for_each(|chunk| all.extend_from_slice(chunk));
    Ok(all)
}
