//! Everything below a folder as one value: to compare, to list, and to put back as it was.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Files and folders with their modes; git's own folder is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree(BTreeMap<PathBuf, Node>);

#[derive(Clone, Debug)]
struct Node {
    mode: u32,
    /// `None` for a folder.
    bytes: Option<Vec<u8>>,
    /// Two names of one file must come back as two names of one file: a rename of one onto the
    /// other does nothing.
    inode: u64,
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        (self.mode, &self.bytes) == (other.mode, &other.bytes)
    }
}

impl Eq for Node {}

impl Tree {
    /// Reads a folder; one that is missing is an empty tree.
    pub fn read(root: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        read(root, root, &mut nodes);
        Self(nodes)
    }

    /// Leaves out what is at a path and below.
    pub fn without(mut self, path: &str) -> Self {
        self.0.retain(|found, _| !found.starts_with(path));
        self
    }

    /// Puts a folder back as it was read.
    pub fn restore(&self, root: &Path) {
        for (path, node) in Self::read(root).0.iter().rev() {
            match node.bytes {
                Some(_) => fs::remove_file(root.join(path)).unwrap(),
                None if root.join(path).join(".git").exists() => {}
                None => fs::remove_dir(root.join(path)).unwrap(),
            }
        }
        let mut written: BTreeMap<u64, PathBuf> = BTreeMap::new();
        for (path, node) in &self.0 {
            let at = root.join(path);
            match (&node.bytes, written.get(&node.inode)) {
                (Some(_), Some(same)) => fs::hard_link(same, &at).unwrap(),
                (Some(bytes), None) => {
                    fs::write(&at, bytes).unwrap();
                    fs::set_permissions(&at, Permissions::from_mode(node.mode)).unwrap();
                    written.insert(node.inode, at);
                }
                (None, _) if at.is_dir() => {}
                (None, _) => {
                    fs::create_dir(&at).unwrap();
                    fs::set_permissions(&at, Permissions::from_mode(node.mode)).unwrap();
                }
            }
        }
    }

    /// Paths and modes, one a line, with what is random in a name left out.
    pub fn listing(&self) -> String {
        let line = |(path, node): (&PathBuf, &Node)| {
            format!("{:04o} {}\n", node.mode, plain(path.to_str().unwrap()))
        };
        self.0.iter().map(line).collect()
    }

    /// The paths of the files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let files = self.0.iter().filter(|(_, node)| node.bytes.is_some());
        files.map(|(path, _)| path.as_path())
    }
}

/// A text without the random names in it: a vault key's folder has one, and the record of a home.
pub fn plain(text: &str) -> String {
    let is_part = |byte: char| byte.is_ascii_alphanumeric() || byte == '-' || byte == '_';
    text.split_inclusive(|byte| !is_part(byte))
        .map(|piece| {
            let part = piece.trim_end_matches(|byte| !is_part(byte));
            let number = part.bytes().take_while(u8::is_ascii_digit).count();
            let key = part.len() == 25 && number == 4 && part.as_bytes()[4] == b'-';
            let digest = part.len() == 32 && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            match part {
                _ if key => piece.replace(part, &format!("{}-ID", &part[..4])),
                _ if digest => piece.replace(part, "DIGEST"),
                _ => piece.to_owned(),
            }
        })
        .collect()
}

fn read(root: &Path, folder: &Path, nodes: &mut BTreeMap<PathBuf, Node>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let about = path.symlink_metadata().unwrap();
        if path.file_name().unwrap() == ".git" {
            continue;
        }
        if about.is_dir() {
            read(root, &path, nodes);
        }
        let node = Node {
            mode: about.mode() & 0o7777,
            bytes: about.is_file().then(|| fs::read(&path).unwrap()),
            inode: about.ino(),
        };
        nodes.insert(path.strip_prefix(root).unwrap().to_owned(), node);
    }
}
