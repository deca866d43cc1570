//! The armor of an age file, in its one canonical spelling: LF, lines of exactly 64 characters, and
//! nothing before or after. Stock `age` forgives more (CRLF, blank lines around it); a vault does
//! not, because then no byte of a sealed file can change without the file being refused.

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::sealed::FramingError;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----\n";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----\n";
const COLUMNS: usize = 64;

/// The longest sealed file, in bytes (24 MiB: 16 MiB of value in base64, and a header).
pub const MAX_FILE: usize = 24 * 1024 * 1024;

/// Writes binary age data in armor.
pub fn armor(data: &[u8]) -> Vec<u8> {
    let text = BASE64_STANDARD.encode(data);
    let lines = text.len().div_ceil(COLUMNS);
    let mut out = Vec::with_capacity(BEGIN.len() + text.len() + lines + END.len());
    out.extend_from_slice(BEGIN);
    for line in text.as_bytes().chunks(COLUMNS) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(END);
    out
}

/// Reads armor back into binary age data.
pub fn dearmor(file: &[u8]) -> Result<Vec<u8>, FramingError> {
    if file.len() > MAX_FILE {
        return Err(FramingError::TooLong);
    }
    bare(file).map_err(|error| {
        if error == FramingError::Armor && has_markers(file) {
            FramingError::Markers
        } else {
            error
        }
    })
}

/// Says whether a merge left its marks in a text: git's, or jj's. Armor has no such characters.
pub fn has_markers(text: &[u8]) -> bool {
    let mut lines = text.split(|byte| *byte == b'\n');
    lines.any(|line| line.starts_with(b"<<<<<<<") || line.starts_with(b">>>>>>>"))
}

fn bare(file: &[u8]) -> Result<Vec<u8>, FramingError> {
    let body = file
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END));
    let Some(body) = body else {
        let windows = file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----\r\n");
        return Err(if windows {
            FramingError::LineEndings
        } else {
            FramingError::Armor
        });
    };
    let mut text = Vec::with_capacity(body.len());
    for line in body.chunks(COLUMNS + 1) {
        let (line, end) = line.split_at(line.len() - 1);
        if end != b"\n" || line.is_empty() {
            return Err(FramingError::Armor);
        }
        text.extend_from_slice(line);
    }
    BASE64_STANDARD
        .decode(&text)
        .map_err(|_| FramingError::Armor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_line_endings_are_named_as_such() {
        let file = String::from_utf8(armor(&[1; 100]))
            .unwrap()
            .replace('\n', "\r\n");
        assert_eq!(dearmor(file.as_bytes()), Err(FramingError::LineEndings));
    }

    #[test]
    fn there_is_one_spelling() {
        let file = armor(&[7; 50]);
        for other in [
            [b"\n", &*file].concat(),
            [&*file, b"\n"].concat(),
            file[..file.len() - 1].to_vec(),
            String::from_utf8(file.clone())
                .unwrap()
                .replace("\n-----END", "\n\n-----END")
                .into_bytes(),
        ] {
            assert_eq!(dearmor(&other), Err(FramingError::Armor));
        }
    }

    #[test]
    fn the_marks_of_a_merge_are_named_as_such() {
        let file = String::from_utf8(armor(&[1; 100])).unwrap();
        for merged in [
            format!("<<<<<<< HEAD\n{file}=======\n{file}>>>>>>> side\n"),
            file.replacen('\n', "\n<<<<<<<<< a:b\n", 1),
        ] {
            assert_eq!(dearmor(merged.as_bytes()), Err(FramingError::Markers));
        }
        assert!(!has_markers(file.as_bytes()));
    }

    proptest! {
        #[test]
        fn armor_and_dearmor_are_inverses(data in proptest::collection::vec(any::<u8>(), 1..400)) {
            prop_assert_eq!(dearmor(&armor(&data)), Ok(data));
        }

        /// Whatever is accepted is the canonical spelling of what it says.
        #[test]
        fn nothing_else_is_accepted(data in proptest::collection::vec(any::<u8>(), 1..150), at: usize, byte: u8) {
            let mut file = armor(&data);
            let at = at % file.len();
            file[at] = byte;
            if let Ok(read) = dearmor(&file) {
                prop_assert_eq!(armor(&read), file);
            }
        }
    }
}
