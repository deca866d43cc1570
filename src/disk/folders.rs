//! Folders above a place that is about to be made, and their removal if nothing came of it.

use std::ffi::OsString;
use std::path::Path;

use crate::disk::{Dir, DiskError};

/// The folders that were made on the way to a place, outermost first.
#[derive(Debug)]
pub struct MadeFolders(Vec<(Dir, OsString)>);

/// Opens a folder, and makes it and those above it if they are missing.
pub fn make_folders(path: &Path, mode: u32) -> Result<(Dir, MadeFolders), DiskError> {
    let mut missing = Vec::new();
    let mut above = path;
    while let (Err(_), Some(name)) = (above.symlink_metadata(), above.file_name()) {
        missing.push(name.to_owned());
        above = above.parent().unwrap_or(Path::new("."));
    }
    let nearest = if above.as_os_str().is_empty() {
        Path::new(".")
    } else {
        above
    };
    let mut here = Dir::open(nearest)?;
    let mut made = MadeFolders(Vec::new());
    while let Some(name) = missing.pop() {
        match here.sub_or_make(&name, mode) {
            Ok((sub, true)) => {
                let parent = std::mem::replace(&mut here, sub);
                made.0.push((parent, name));
            }
            Ok((sub, false)) => here = sub,
            Err(error) => {
                made.take_back();
                return Err(error);
            }
        }
    }
    Ok((here, made))
}

impl MadeFolders {
    /// Removes the folders again, as far as they are empty.
    pub fn take_back(self) {
        for (parent, name) in self.0.iter().rev() {
            // Whatever stands in the way is somebody's.
            let _ = parent.rmdir(name);
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_is_taken_back_and_no_more() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/c");
        let (_, made) = make_folders(&path, 0o777).unwrap();
        assert!(path.is_dir());
        std::fs::write(root.path().join("a/kept"), "").unwrap();
        made.take_back();
        assert!(root.path().join("a/kept").is_file() && !root.path().join("a/b").exists());
        let (_, made) = make_folders(&root.path().join("a"), 0o777).unwrap();
        made.take_back();
        assert!(root.path().join("a").is_dir());
    }
}
