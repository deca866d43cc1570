//! What `export` shares out: the values of a folder with their readers, as the text of a format, and
//! the file they go to. A file that git tracks or another tool made is written over only on request,
//! and one that holds the values already is not touched.

use std::ffi::OsString;
use std::path::Path;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::domain::{
    FolderName, Keyring, Plugins, Readers, Recipient, SecretName, SecretValue, VarName,
};
use crate::env::Variables;
use crate::env::format::{self, Format};
use crate::export::{README, Syntax, age_dir, render};
use crate::home::private::{Overwrite, write_private};
use crate::input::tree::{Child, Node, Scalar, nest};
use crate::people::FolderKeys;
use crate::repository::{Tracked, tracked};
use crate::sops::{self, Check, Document, Previous, Store, Written};
use crate::vault::Vault;

/// What the formats are called.
pub const FORMATS: [&str; 10] = [
    "age-dir",
    "dotenv",
    "json",
    "sops-binary",
    "sops-dotenv",
    "sops-ini",
    "sops-json",
    "sops-yaml",
    "toml",
    "yaml",
];

const WHAT: &str = "cannot export the secrets";

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A folder of age files.
    AgeDir,
    /// `.env`, in the open.
    Dotenv,
    /// A file of sops.
    Sops(Store),
    /// Names and values in the open.
    Text(Syntax),
}

impl Kind {
    /// Parses one of [`FORMATS`].
    pub fn parse(text: &str) -> Self {
        match text {
            "age-dir" => Self::AgeDir,
            "dotenv" => Self::Dotenv,
            "json" => Self::Text(Syntax::Json),
            "sops-binary" => Self::Sops(Store::Binary),
            "sops-dotenv" => Self::Sops(Store::Dotenv),
            "sops-ini" => Self::Sops(Store::Ini),
            "sops-json" => Self::Sops(Store::Json),
            "sops-yaml" => Self::Sops(Store::Yaml),
            "toml" => Self::Text(Syntax::Toml),
            _ => Self::Text(Syntax::Yaml),
        }
    }

    /// Says whether it needs a key to read.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::AgeDir | Self::Sops(_))
    }
}

/// Values, each with the folder's readers.
pub struct Outgoing {
    names: Vec<(SecretName, Readers)>,
    /// Invariant: one for each name, until they are taken out.
    values: Vec<SecretValue>,
    folder: FolderName,
    // Those that may be run to seal.
    plugins: Plugins,
}

impl Outgoing {
    /// Opens every value in a folder and below it.
    pub fn open(vault: &Vault, keys: &FolderKeys, folder: &FolderName) -> Result<Self, Failure> {
        let inventory = vault
            .inventory()
            .map_err(|error| Failure::of(WHAT, &error))?;
        let mut opener = keys.opener(vault);
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for name in inventory.names {
            if !folder.holds(&name.folder()) {
                continue;
            }
            let what = || format!("cannot open `{name}`");
            let head = keys
                .head(vault, &name.folder())
                .map_err(|error| Failure::of(what(), &error))?;
            let found = opener
                .open(&name)
                .map_err(|error| Failure::of(what(), &error))?;
            if let Some((value, _)) = found {
                names.push((name, head.readers));
                values.push(value.into_inner());
            }
        }
        if values.is_empty() {
            return Err(Failure::new(WHAT, Exit::Error).cause("there are none"));
        }
        Ok(Self {
            names,
            values,
            folder: folder.clone(),
            plugins: keys.plugins().clone(),
        })
    }

    /// Takes the values out as the text of a format; `None` if the file that is there says the same.
    pub fn text(
        &mut self,
        kind: Kind,
        separator: Option<&str>,
        previous: Option<&Previous<'_>>,
    ) -> Result<Option<SecretValue>, Failure> {
        match kind {
            Kind::AgeDir | Kind::Dotenv => self.dotenv(separator),
            Kind::Sops(store) => {
                let now = format!("{:.0}", Timestamp::now());
                let tree = match store {
                    Store::Binary => self.only()?,
                    _ => self.tree(separator)?,
                };
                let recipients = self.recipients()?;
                let written = sops::write(&tree, store, &recipients, &self.plugins, &now, previous);
                Ok(match written.map_err(|error| Failure::of(WHAT, &error))? {
                    Written::New(text) => Some(SecretValue::new(text)),
                    Written::Unchanged => None,
                })
            }
            Kind::Text(syntax) => {
                let text = render(&self.tree(separator)?, syntax);
                text.map(Some).map_err(|error| Failure::of(WHAT, &error))
            }
        }
    }

    /// Returns the names of the readers.
    pub fn readers(&self) -> String {
        self.names[0].1.names()
    }

    /// Writes every value as an age file; returns how many.
    pub fn age_dir(&self, output: &Output<'_>) -> Result<usize, Failure> {
        output.refuse_folder()?;
        for ((name, readers), value) in self.names.iter().zip(&self.values) {
            let (file, bytes) = age_dir(name, value, readers.addressees(), &self.plugins)
                .map_err(|error| Failure::of(format!("cannot seal `{name}`"), &error))?;
            output.put(&output.path.join(file), &bytes)?;
        }
        output.put(&output.path.join("README.md"), README.as_bytes())?;
        Ok(self.values.len())
    }

    /// Everybody who reads one of the values must read all of them, for a file has one lock.
    fn recipients(&self) -> Result<Vec<&Recipient>, Failure> {
        let of = |readers: &'_ Readers| -> Vec<String> {
            let mut all: Vec<_> = readers.recipients().map(|r| r.text().to_owned()).collect();
            all.sort();
            all
        };
        let (first, readers) = &self.names[0];
        let other = self
            .names
            .iter()
            .find(|(_, others)| of(others) != of(readers));
        if let Some((other, _)) = other {
            return Err(Failure::new(WHAT, Exit::Error)
                .cause(format!("`{first}` and `{other}` have different readers"))
                .hint("export one folder after the other with `-P FOLDER`"));
        }
        let mut recipients: Vec<_> = readers.recipients().collect();
        recipients.sort_by(|one, other| one.text().cmp(other.text()));
        Ok(recipients)
    }

    /// Takes the values out, under their names below the folder.
    fn take(&mut self, separator: Option<&str>) -> Vec<(Vec<String>, SecretValue)> {
        let above = match self.folder.is_top() {
            true => 0,
            false => self.folder.as_str().len() + 1,
        };
        let paths = self.names.iter().map(|(name, _)| {
            let parts = name.as_str()[above..].split('/').map(str::to_owned);
            match separator {
                Some(separator) => vec![parts.collect::<Vec<_>>().join(separator)],
                None => parts.collect(),
            }
        });
        paths.zip(std::mem::take(&mut self.values)).collect()
    }

    /// The one value of a binary file is the file.
    fn only(&mut self) -> Result<Vec<Child>, Failure> {
        match (self.values.len(), self.values.pop()) {
            (1, Some(value)) => Ok(vec![Child::Node(
                "data".to_owned(),
                Node::Scalar(Scalar::Text(value)),
            )]),
            (count, _) => Err(Failure::new(WHAT, Exit::Error)
                .cause(format!("a binary file is one value, and there are {count}"))
                .hint("take a folder that holds only the one: `-P FOLDER`")),
        }
    }

    fn tree(&mut self, separator: Option<&str>) -> Result<Vec<Child>, Failure> {
        nest(self.take(separator)).map_err(|path| {
            Failure::new(WHAT, Exit::Error)
                .cause(format!(
                    "`{}` is there twice, or has others below it",
                    path.join("/")
                ))
                .hint("join the names in another way: `--separator _`")
        })
    }

    fn dotenv(&mut self, separator: Option<&str>) -> Result<Option<SecretValue>, Failure> {
        let mut variables = Variables::default();
        let mut refused = Vec::new();
        for (path, value) in self.take(separator) {
            let path = path.join("/");
            match VarName::parse(&path) {
                Ok(name) if variables.iter().all(|(known, _)| *known != name) => {
                    variables.insert(name, value);
                }
                _ => refused.push(format!("`{path}`")),
            }
        }
        if !refused.is_empty() {
            return Err(Failure::new(WHAT, Exit::Error)
                .cause(format!("no variable of their own: {}", refused.join(", ")))
                .hint("take one folder with `-P FOLDER`, or join the names: `--separator _`"));
        }
        let text = format::render(Format::Dotenv, &variables);
        text.map(Some).map_err(|error| Failure::of(WHAT, &error))
    }
}

/// Where an export goes.
pub struct Output<'a> {
    /// The file or folder.
    pub path: &'a Path,
    /// Whether it may be written over.
    pub force: bool,
    /// The environment that git gets.
    pub variables: &'a [(OsString, OsString)],
}

impl Output<'_> {
    /// Writes the file; says whether it had to change.
    pub fn write(
        &self,
        outgoing: &mut Outgoing,
        kind: Kind,
        separator: Option<&str>,
        keyring: &Keyring,
    ) -> Result<bool, Failure> {
        let old = match self.path.is_file() {
            true => std::fs::read(self.path).unwrap_or_default(),
            false => Vec::new(),
        };
        let old = Zeroizing::new(old);
        let document = match kind {
            Kind::Sops(store) => Document::parse(&old, store).ok(),
            _ => None,
        };
        let previous = document.as_ref().and_then(|document| {
            let opened = sops::open(document, keyring, Check::Verify).ok()?;
            Some(Previous { document, opened })
        });
        let text = match outgoing.text(kind, separator, previous.as_ref())? {
            Some(text) if text.reveal() != &old[..] => text,
            _ => return Ok(false),
        };
        self.refuse(previous.is_some_and(|previous| previous.is_ours()))?;
        self.put(self.path, text.reveal())?;
        Ok(true)
    }

    /// Writes the rule by which sops seals such a file, or says what to add to the one that is there.
    pub fn sops_config(&self, outgoing: &Outgoing, ui: &Ui) -> Result<(), Failure> {
        let path = self.path.with_file_name(".sops.yaml");
        let recipients = outgoing.recipients()?;
        let each: Vec<_> = recipients
            .iter()
            .map(|recipient| recipient.text())
            .collect();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name
            .chars()
            .map(|char| match char.is_ascii_alphanumeric() {
                true => char.to_string(),
                false => format!("[{char}]"),
            })
            .collect();
        let rule = format!(
            "    - path_regex: '(^|/){name}$'\n      age: '{}'\n",
            each.join(",")
        );
        match std::fs::read_to_string(&path) {
            Err(_) => {
                self.put(&path, format!("creation_rules:\n{rule}").as_bytes())?;
                ui.note(&format!("wrote `{}`", path.display()));
            }
            Ok(there) if there.contains(&rule) => {}
            Ok(_) => {
                ui.warn(&format!(
                    "`{}` is there already and was not touched; its rule for this file is",
                    path.display()
                ));
                rule.lines().for_each(|line| ui.note(line));
            }
        }
        Ok(())
    }

    fn refuse(&self, is_ours: bool) -> Result<(), Failure> {
        let folder = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let folder = std::path::absolute(folder.unwrap_or(Path::new(".")));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let refused = |cause: &str| {
            Err(Failure::new(
                format!("cannot write `{}`", self.path.display()),
                Exit::Error,
            )
            .cause(cause)
            .hint("`--force` writes over it"))
        };
        if self.force || !self.path.exists() {
            return Ok(());
        }
        match folder.map(|folder| tracked(&folder, &name, self.variables)) {
            Ok(Tracked::Yes) => refused("git tracks it"),
            Ok(Tracked::No) if is_ours => Ok(()),
            Ok(Tracked::No) => refused("it is there already"),
            Ok(Tracked::Unknown) | Err(_) => refused("git does not say whether it is tracked"),
        }
    }

    fn refuse_folder(&self) -> Result<(), Failure> {
        let full = std::fs::read_dir(self.path).is_ok_and(|mut entries| entries.next().is_some());
        if full && !self.force {
            let what = format!("cannot write into `{}`", self.path.display());
            return Err(Failure::new(what, Exit::Error)
                .cause("the folder is not empty")
                .hint("choose a new one; `--force` writes over what has the same names"));
        }
        Ok(())
    }

    fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), Failure> {
        let what = || format!("cannot write `{}`", path.display());
        let _ = write_private(path, bytes, Overwrite::Replace)
            .map_err(|error| Failure::of(what(), &error))?;
        Ok(())
    }
}
