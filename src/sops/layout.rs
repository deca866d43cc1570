//! How a sops file looks on disk: YAML, JSON, `.env` and INI in the spelling of sops 3.13, which sorts its
//! metadata. All that arrives here is sealed or public, and made of characters that need no escapes
//! but line ends. Nothing is decided here.

use std::fmt::Write;

use crate::input::ini::TOP;
use crate::input::yaml::{Resolved, resolve};
use crate::sops::Store;
use crate::sops::metadata::AgeEntry;

/// A key of the file, in the order of the file.
pub struct Line {
    /// How many keys it stands below.
    pub depth: usize,
    /// The key.
    pub key: String,
    /// Its sealed value; nothing, if the next lines stand below it.
    pub sealed: Option<String>,
}

/// The metadata.
pub struct Block<'a> {
    /// The recipients with their parts of the key.
    pub age: &'a [AgeEntry],
    /// When.
    pub last_modified: &'a str,
    /// The sealed MAC.
    pub mac: &'a str,
    /// Which keys' values would stand in the open.
    pub unencrypted_suffix: &'a str,
    /// The version of sops.
    pub version: &'a str,
}

impl<'a> Block<'a> {
    /// The fields behind the recipients.
    fn fields(&self) -> [(&'static str, &'a str); 4] {
        [
            ("lastmodified", self.last_modified),
            ("mac", self.mac),
            ("unencrypted_suffix", self.unencrypted_suffix),
            ("version", self.version),
        ]
    }

    /// All fields, for the formats that know no nesting.
    fn flat(&self) -> Vec<(String, String)> {
        let mut flat = Vec::new();
        for (at, entry) in self.age.iter().enumerate() {
            let name = |field| format!("age__list_{at}__map_{field}");
            flat.push((name("enc"), entry.sealed.replace('\n', r"\n")));
            flat.push((name("recipient"), entry.recipient.clone()));
        }
        let fields = self.fields();
        flat.extend(fields.map(|(name, text)| (name.to_owned(), text.to_owned())));
        flat
    }
}

/// Puts a file together.
pub fn layout(store: Store, lines: &[Line], block: &Block<'_>) -> String {
    let mut out = String::new();
    let written = match store {
        Store::Dotenv => dotenv(lines, block, &mut out),
        Store::Binary | Store::Json => json(lines, block, &mut out),
        Store::Ini => ini(lines, block, &mut out),
        Store::Yaml => yaml(lines, block, &mut out),
    };
    written.expect("writing into memory does not fail");
    out
}

fn dotenv(lines: &[Line], block: &Block<'_>, out: &mut String) -> std::fmt::Result {
    for line in lines {
        writeln!(
            out,
            "{}={}",
            line.key,
            line.sealed.as_deref().unwrap_or_default()
        )?;
    }
    for (name, text) in block.flat() {
        writeln!(out, "sops_{name}={text}")?;
    }
    Ok(())
}

fn ini(lines: &[Line], block: &Block<'_>, out: &mut String) -> std::fmt::Result {
    let starts = |line: &Line| line.sealed.is_none();
    for (at, section) in lines.chunk_by(|_, next| !starts(next)).enumerate() {
        let [head, pairs @ ..] = section else {
            continue;
        };
        if at > 0 {
            out.push('\n');
        }
        if head.key != TOP {
            writeln!(out, "[{}]", head.key)?;
        }
        let width = pairs.iter().map(|line| line.key.len()).max();
        for line in pairs {
            let sealed = line.sealed.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{:width$} = {sealed}",
                line.key,
                width = width.unwrap_or(0)
            )?;
        }
    }
    let blank = if lines.is_empty() { "" } else { "\n" };
    writeln!(out, "{blank}[sops]")?;
    let fields = block.flat();
    let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, text) in &fields {
        writeln!(out, "{name:width$} = {text}")?;
    }
    Ok(())
}

fn json(lines: &[Line], block: &Block<'_>, out: &mut String) -> std::fmt::Result {
    out.push('{');
    let mut depth = 0;
    let mut first = true;
    for line in lines {
        while depth > line.depth {
            depth -= 1;
            write!(out, "\n{}}}", "\t".repeat(depth + 1))?;
            first = false;
        }
        let comma = if first { "" } else { "," };
        let indent = "\t".repeat(line.depth + 1);
        write!(out, "{comma}\n{indent}\"{}\": ", line.key)?;
        first = line.sealed.is_none();
        match &line.sealed {
            Some(sealed) => write!(out, "\"{sealed}\"")?,
            None => {
                out.push('{');
                depth = line.depth + 1;
            }
        }
    }
    while depth > 0 {
        depth -= 1;
        write!(out, "\n{}}}", "\t".repeat(depth + 1))?;
    }
    let comma = if lines.is_empty() { "" } else { "," };
    write!(out, "{comma}\n\t\"sops\": {{\n\t\t\"age\": [")?;
    for (at, entry) in block.age.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let [sealed, recipient] = [&entry.sealed, &entry.recipient].map(|text| quoted(text));
        write!(
            out,
            "{comma}\n\t\t\t{{\n\t\t\t\t\"enc\": {sealed},\n\t\t\t\t\"recipient\": {recipient}\n\t\t\t}}"
        )?;
    }
    out.push_str("\n\t\t]");
    for (name, text) in block.fields() {
        write!(out, ",\n\t\t\"{name}\": {}", quoted(text))?;
    }
    out.push_str("\n\t}\n}\n");
    Ok(())
}

fn yaml(lines: &[Line], block: &Block<'_>, out: &mut String) -> std::fmt::Result {
    for line in lines {
        let indent = "    ".repeat(line.depth);
        let key = yaml_text(&line.key);
        match line.sealed.as_deref() {
            Some("") => writeln!(out, "{indent}{key}: \"\"")?,
            Some(sealed) => writeln!(out, "{indent}{key}: {sealed}")?,
            None => writeln!(out, "{indent}{key}:")?,
        }
    }
    out.push_str("sops:\n    age:\n");
    for entry in block.age {
        out.push_str("        - enc: |\n");
        for line in entry.sealed.lines() {
            writeln!(out, "            {line}")?;
        }
        writeln!(out, "          recipient: {}", yaml_text(&entry.recipient))?;
    }
    for (name, text) in block.fields() {
        match name {
            // A bare time is one, and sops wants text.
            "lastmodified" => writeln!(out, "    {name}: \"{text}\"")?,
            _ => writeln!(out, "    {name}: {text}")?,
        }
    }
    Ok(())
}

/// A text as it may stand in YAML, in quotes if some reader would take it for something else.
fn yaml_text(text: &str) -> String {
    let bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+=@ ".contains(&byte);
    let starts = text.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_');
    let words = ["y", "n", "yes", "no", "on", "off"];
    let word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let plain = starts && !text.ends_with(' ') && !word && text.bytes().all(bare);
    match plain && resolve(text) == Resolved::Text {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// A text as JSON, which is YAML as well.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    out.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            '\n' => out.push_str(r"\n"),
            '\u{0}'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(char))),
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}
