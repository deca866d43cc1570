//! No byte of a sealed file, of a grant or of a statement can change without the file being refused
//! by name. Many thousands of altered files, each of them generated and counted, go through the
//! real binary.

use std::collections::HashSet;
use std::fs;

use crate::forge::{armor, dearmor, key_file};
use crate::house::House;

/// How many secrets are altered at once.
const BATCH: usize = 200;

/// The fewest altered files there must be.
const FLOOR: usize = 20_000;

/// What no run may print, and part of every value.
const CANARY: &str = "canary-4f1d";

/// One way to alter a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Edit {
    /// Exclusive-or of one byte.
    Flip(usize, u8),
    /// Another byte in the place of one.
    Put(usize, u8),
    /// One byte more.
    Insert(usize, u8),
    /// One byte less.
    Delete(usize),
    /// Nothing from here on.
    Truncate(usize),
    /// Nothing before here.
    Behead(usize),
    /// Two neighbours in each other's place.
    Swap(usize),
    /// Up to 16 bytes of zeros.
    Zero(usize),
    /// The line with this number twice.
    DoubleLine(usize),
    /// Not the line with this number.
    DropLine(usize),
    /// Two lines in each other's place.
    SwapLines(usize, usize),
    /// A carriage return at the end of this line.
    LineToCrlf(usize),
    /// A carriage return at the end of every line.
    Crlf,
    /// A carriage return instead of every line feed.
    Cr,
    /// The whole file a second time.
    Twice,
    /// A byte order mark in front.
    Mark,
    /// The text in lower case.
    LowerCase,
}

/// Where an edit is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Layer {
    /// In the file as it lies on the disk.
    Armor,
    /// Inside of the armor, which is then made anew.
    Binary,
}

impl Edit {
    /// Every edit of a file of this many bytes and lines.
    fn all(length: usize, lines: usize, layer: Layer) -> Vec<Self> {
        let mut edits = vec![
            Self::Crlf,
            Self::Cr,
            Self::Twice,
            Self::Mark,
            Self::LowerCase,
        ];
        for at in 0..length {
            let bits = (0..8).map(|bit| Self::Flip(at, 1 << bit));
            edits.extend(bits.chain([Self::Flip(at, 0xff)]));
            let bytes: &[u8] = match layer {
                Layer::Armor => b"\n\r\t =-+/_A\0\xff",
                Layer::Binary => b"\n\0",
            };
            for &byte in bytes {
                edits.extend([Self::Put(at, byte), Self::Insert(at, byte)]);
            }
            edits.extend([
                Self::Truncate(at),
                Self::Delete(at),
                Self::Behead(at + 1),
                Self::Swap(at),
                Self::Zero(at),
            ]);
        }
        edits.extend(b"\n\r \0A=-".iter().map(|&byte| Self::Insert(length, byte)));
        if layer == Layer::Armor {
            // The last characters of base64 hold bits that mean nothing, if one lets them.
            for at in length.saturating_sub(64)..length {
                let alphabet = (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z');
                edits.extend(alphabet.map(|byte| Self::Put(at, byte)));
            }
            for line in 0..lines {
                edits.extend([
                    Self::DoubleLine(line),
                    Self::DropLine(line),
                    Self::LineToCrlf(line),
                ]);
                edits.extend((0..line).map(|other| Self::SwapLines(other, line)));
            }
        }
        edits
    }

    fn apply(self, file: &[u8]) -> Vec<u8> {
        let mut out = file.to_vec();
        let mut lines: Vec<Vec<u8>> = file
            .split_inclusive(|&byte| byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect();
        match self {
            Self::Flip(at, mask) => out[at] ^= mask,
            Self::Put(at, byte) => out[at] = byte,
            Self::Insert(at, byte) => out.insert(at, byte),
            Self::Delete(at) => drop(out.remove(at)),
            Self::Truncate(at) => out.truncate(at),
            Self::Behead(at) => drop(out.drain(..at)),
            Self::Swap(at) if at + 1 < out.len() => out.swap(at, at + 1),
            Self::Swap(_) => {}
            Self::Zero(at) => {
                let end = out.len().min(at + 16);
                out[at..end].fill(0);
            }
            Self::DoubleLine(line) => {
                lines.insert(line, lines[line].clone());
                out = lines.concat();
            }
            Self::DropLine(line) => {
                lines.remove(line);
                out = lines.concat();
            }
            Self::SwapLines(one, other) => {
                lines.swap(one, other);
                out = lines.concat();
            }
            Self::LineToCrlf(line) => {
                let end = lines[line].len() - 1;
                lines[line].insert(end, b'\r');
                out = lines.concat();
            }
            Self::Crlf => {
                let ended = |line: Vec<u8>| {
                    line.strip_suffix(b"\n")
                        .map(|line| [line, b"\r\n"].concat())
                };
                out = lines.into_iter().filter_map(ended).flatten().collect();
            }
            Self::Cr => {
                let cr = |byte| if byte == b'\n' { b'\r' } else { byte };
                out = out.into_iter().map(cr).collect();
            }
            Self::Twice => out = file.repeat(2),
            Self::Mark => out = [b"\xef\xbb\xbf", file].concat(),
            Self::LowerCase => out.make_ascii_lowercase(),
        }
        out
    }
}

fn apply(layer: Layer, edit: Edit, file: &[u8]) -> Vec<u8> {
    match layer {
        Layer::Armor => edit.apply(file),
        Layer::Binary => armor(&edit.apply(&dearmor(file))),
    }
}

/// Every edit that changes the file, of both layers.
fn edits_of(file: &[u8]) -> Vec<(Layer, Edit)> {
    let data = dearmor(file);
    let lines = |bytes: &[u8]| bytes.split_inclusive(|&byte| byte == b'\n').count();
    let armored = Edit::all(file.len(), lines(file), Layer::Armor);
    let binary = Edit::all(data.len(), lines(&data), Layer::Binary);
    let armored = armored.into_iter().map(|edit| (Layer::Armor, edit));
    let binary = binary.into_iter().map(|edit| (Layer::Binary, edit));
    let mut seen = HashSet::new();
    armored
        .chain(binary)
        .filter(|(layer, edit)| {
            let altered = apply(*layer, *edit, file);
            altered != file && seen.insert(altered)
        })
        .collect()
}

/// Over 20,000 altered files, 200 at a time among one that was left alone: each is refused by name,
/// nothing is handed out, nothing is started, and the one left alone is not blamed.
#[test]
fn no_altered_file_is_handed_out() {
    let house = House::new();
    let names: Vec<_> = (0..BATCH).map(|number| format!("S{number:03}")).collect();
    for name in &names {
        house.seal(name, format!("{CANARY} {name}").as_bytes());
    }
    house.seal("LEFT_ALONE", CANARY.as_bytes());
    let paths: Vec<_> = names
        .iter()
        .map(|name| house.vault(&format!("{name}.age")))
        .collect();
    let files: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let length = files[0].len();
    assert!(
        files.iter().all(|file| file.len() == length),
        "one edit list fits all"
    );

    let edits = edits_of(&files[0]);
    for at in 0..length {
        assert!(edits.contains(&(Layer::Armor, Edit::Flip(at, 1))));
        assert!(edits.contains(&(Layer::Armor, Edit::Truncate(at))));
    }
    let marker = house.root().join("started");
    let mut count = 0;
    // A stride that shares no factor with the length lets each run have edits of every kind.
    let stride = (edits.len() / BATCH..)
        .find(|stride| coprime(*stride, edits.len()))
        .unwrap();
    let order: Vec<_> = (0..edits.len())
        .map(|number| edits[number * stride % edits.len()])
        .collect();
    for (round, batch) in order.chunks(BATCH).enumerate() {
        let mut altered = Vec::new();
        for (index, file) in files.iter().enumerate() {
            let Some((layer, edit)) = batch.get(index) else {
                fs::write(&paths[index], file).unwrap();
                continue;
            };
            let bytes = apply(*layer, *edit, file);
            if bytes != *file {
                altered.push((index, *layer, *edit));
            }
            fs::write(&paths[index], bytes).unwrap();
        }
        count += altered.len();

        let stderr = house.run(["env", "export", "--format", "json"]).fails(6);
        assert!(
            !stderr.contains(CANARY) && !stderr.contains("LEFT_ALONE"),
            "{stderr}"
        );
        for (index, layer, edit) in &altered {
            let named = stderr.contains(&format!("cause: `{}`: ", names[*index]));
            assert!(named, "{layer:?} {edit:?} was let through");
        }
        assert_eq!(stderr.matches("cause: ").count(), altered.len(), "{stderr}");
        if round % 10 == 0 {
            let run = house.run(["env", "exec", "--", "touch", marker.to_str().unwrap()]);
            run.fails(125);
            assert!(!marker.exists());
        }
        for (index, layer, edit) in altered.iter().skip(round % 17).step_by(67) {
            let stderr = house.run(["vault", "get", &names[*index]]).fails(6);
            assert!(
                stderr.contains(&names[*index]),
                "{layer:?} {edit:?}: {stderr}"
            );
            assert!(!stderr.contains(CANARY));
        }
    }
    for (path, file) in paths.iter().zip(&files) {
        fs::write(path, file).unwrap();
    }
    eprintln!("{count} altered files, of {length} bytes each, were refused");
    assert!(count >= FLOOR, "only {count}");
    let all = house.run(["env", "export", "--format", "json"]).ok();
    assert_eq!(
        String::from_utf8(all).unwrap().matches(CANARY).count(),
        BATCH + 1
    );
}

fn coprime(mut one: usize, mut other: usize) -> bool {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one == 1
}

/// A grant is armored like a value, and refused as strictly; its place is given.
#[test]
fn no_byte_of_a_grant_can_change() {
    let house = House::new();
    house.seal("KEY", CANARY.as_bytes());
    let path = key_file(&house, "alice.age");
    let file = fs::read(&path).unwrap();
    let binary = dearmor(&file).len();
    let armored = (0..file.len()).flat_map(|at| [Edit::Flip(at, 1), Edit::Truncate(at)]);
    let inner = (0..binary).flat_map(|at| [Edit::Flip(at, 1), Edit::Truncate(at)]);
    let edits: Vec<_> = armored
        .map(|edit| (Layer::Armor, edit))
        .chain(inner.map(|edit| (Layer::Binary, edit)))
        .collect();
    let mut wrong = Vec::new();
    for (layer, edit) in &edits {
        fs::write(&path, apply(*layer, *edit, &file)).unwrap();
        let run = house.run(["vault", "get", "KEY"]);
        assert!(run.stdout.is_empty(), "{layer:?} {edit:?} was let through");
        if run.code() != 6 || !run.stderr.contains("alice.age") {
            wrong.push(format!("{layer:?} {edit:?}: exit {}", run.code()));
        }
    }
    eprintln!("{} altered grants", edits.len());
    assert!(
        wrong.is_empty(),
        "{} of {}: {wrong:#?}",
        wrong.len(),
        edits.len()
    );
    fs::write(&path, &file).unwrap();
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
}

/// The statement is text that a person may read, and that nobody may edit.
#[test]
fn no_byte_of_a_statement_can_change() {
    let house = House::new();
    house.seal("KEY", CANARY.as_bytes());
    let path = key_file(&house, "epoch.toml");
    let file = fs::read(&path).unwrap();
    let lines = file.split_inclusive(|&byte| byte == b'\n').count();
    let flips = (0..file.len()).map(|at| Edit::Flip(at, 1));
    let cuts = (0..file.len()).map(Edit::Truncate);
    let whole = [
        Edit::Crlf,
        Edit::Cr,
        Edit::Twice,
        Edit::Mark,
        Edit::LowerCase,
    ];
    let drops = (0..lines).map(Edit::DropLine);
    let doubles = (0..lines).map(Edit::DoubleLine);
    let ends = (0..lines).map(Edit::LineToCrlf);
    let appended = b"\n #\0".iter().map(|&byte| Edit::Insert(file.len(), byte));
    let edits: Vec<_> = flips
        .chain(cuts)
        .chain(whole)
        .chain(drops)
        .chain(doubles)
        .chain(ends)
        .chain(appended)
        .collect();
    for edit in &edits {
        fs::write(&path, edit.apply(&file)).unwrap();
        let stderr = house.run(["vault", "get", "KEY"]).fails(6);
        assert!(stderr.contains("epoch.toml"), "{edit:?}: {stderr}");
        assert!(!stderr.contains(CANARY));
    }
    eprintln!("{} altered statements", edits.len());
    fs::write(&path, &file).unwrap();
    assert_eq!(house.run(["vault", "get", "KEY"]).ok(), CANARY.as_bytes());
}
