//! Whether the attributes that `init` writes are in force: a later line, a deeper file or
//! `.git/info/attributes` may undo them, and then git rewrites line ends, or shows and merges sealed
//! files as text. One path of every folder is asked about; nothing is read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::domain::{FolderName, SecretName};
use crate::repository::{GitError, Repository};
use crate::vault::Target;

/// What applies to a sealed file, by attribute. `unset` and `unspecified` are git's words.
const SEALED: [(&str, &str); 5] = [
    ("text", "unset"),
    ("diff", "hoziron"),
    ("merge", "hoziron"),
    ("filter", "unspecified"),
    ("ident", "unset"),
];

/// An attribute that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// The file, from the top of the work tree.
    pub path: PathBuf,
    /// The attribute.
    pub attribute: String,
    /// What it is.
    pub is: String,
    /// What it has to be.
    pub wanted: &'static str,
}

/// Returns the attributes of a vault's files that are not as they have to be: one file of every
/// folder. `home` is from the top of the work tree.
pub fn overridden<'n>(
    repository: &Repository,
    home: &Path,
    names: impl IntoIterator<Item = &'n SecretName>,
) -> Result<Vec<Overridden>, GitError> {
    let mut folders: BTreeSet<FolderName> = BTreeSet::from([FolderName::top()]);
    let mut paths = vec![Target::Manifest.path()];
    for name in names {
        if folders.insert(name.folder()) || name.folder().is_top() && paths.len() == 1 {
            paths.push(Target::Sealed(name.clone()).path());
        }
    }
    if paths.len() == 1 {
        let example = SecretName::parse("EXAMPLE").expect("it is a plain name");
        paths.push(Target::Sealed(example).path());
    }
    let paths: Vec<PathBuf> = paths.iter().map(|path| home.join(path)).collect();
    let names = SEALED.map(|(name, _)| name);
    let found = repository.attributes(&paths, &names)?;
    let mut wrong = Vec::new();
    for attribute in found {
        let is_manifest = attribute.path == paths[0];
        let wanted = match attribute.name.as_str() {
            "merge" if is_manifest => "hoziron-manifest",
            _ if is_manifest => continue,
            name => {
                let known = SEALED.iter().find(|(known, _)| *known == name);
                known.expect("it was asked for").1
            }
        };
        // Of an attribute that git would not act on, unset is as good as unspecified.
        let fine = wanted == attribute.value
            || wanted == "unset" && attribute.name == "ident" && attribute.value == "unspecified"
            || wanted == "unspecified" && attribute.value == "unset";
        if !fine {
            wrong.push(Overridden {
                path: attribute.path,
                attribute: attribute.name,
                is: attribute.value,
                wanted,
            });
        }
    }
    Ok(wrong)
}
