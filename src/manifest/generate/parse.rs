//! How a generator is written: `KIND:LENGTH:MORE` on the command line, a table in the manifest. Both
//! are checked by the same rules, so that one cannot make a weaker value than the other.

use crate::domain::VarName;
use crate::manifest::error::{Near, Problem, Problems};
use crate::manifest::fields::{Fields, wrong};
use crate::manifest::generate::{Charset, Generator, GeneratorError};

/// The digits.
pub(super) const DIGITS: &[u8] = b"0123456789";

/// Letters and digits.
pub(super) const ALPHANUMERIC: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Signs that no shell and no URL reads as something else inside of quotes.
const SYMBOLS: &[u8] = b"!#%*+,-.:=@^_~";

/// The longest generated value, in characters or bytes.
const MAX_LENGTH: usize = 4096;

/// The shortest password or token that is made, in characters (12 alphanumeric ones are 71 bits).
const MIN_PASSWORD: usize = 12;

/// The fewest random bytes of a hex or base64 value (128 bits).
const MIN_BYTES: usize = 16;

/// The fewest bits of a password.
const MIN_BITS: f64 = 64.0;

/// The longest prefix of a token, in characters.
const MAX_PREFIX: usize = 64;

const KINDS: [&str; 9] = [
    "age",
    "base64",
    "base64url",
    "hex",
    "password",
    "pin",
    "ssh-ed25519",
    "token",
    "uuid",
];

/// What can be said of a kind, before it is checked.
#[derive(Default)]
struct Words<'t> {
    length: Option<usize>,
    charset: Option<&'t str>,
    characters: Option<&'t str>,
    prefix: Option<&'t str>,
    version: Option<usize>,
    public: Option<VarName>,
}

impl Charset {
    /// Finds a set by its name.
    fn named(name: &str) -> Result<Self, GeneratorError> {
        let all = |fits: fn(&u8) -> bool| Ok(Self((b'!'..=b'~').filter(fits).collect()));
        match name {
            "alnum" => Ok(Self(ALPHANUMERIC.to_vec())),
            "alpha" => all(u8::is_ascii_alphabetic),
            "ascii" => all(u8::is_ascii_graphic),
            "digits" => Ok(Self(DIGITS.to_vec())),
            "lower" => all(u8::is_ascii_lowercase),
            "symbols" => Ok(Self([ALPHANUMERIC, SYMBOLS].concat())),
            "upper" => all(u8::is_ascii_uppercase),
            _ => Err(GeneratorError::Charset),
        }
    }

    /// Takes characters of one's own.
    fn of(characters: &str) -> Result<Self, GeneratorError> {
        let mut set = characters.as_bytes().to_vec();
        set.sort_unstable();
        set.dedup();
        if set.len() < 2 || set.len() != characters.len() || !set.iter().all(u8::is_ascii_graphic) {
            return Err(GeneratorError::Characters);
        }
        Ok(Self(set))
    }
}

impl Generator {
    /// Parses `KIND`, `KIND:LENGTH`, `password:LENGTH:CHARSET` or `token:LENGTH:PREFIX`.
    pub fn parse(text: &str) -> Result<Self, GeneratorError> {
        let mut parts = text.splitn(3, ':');
        let kind = parts.next().unwrap_or_default();
        let (second, third) = (parts.next(), parts.next());
        let number = match second {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| GeneratorError::Length)?)
            }
            Some(_) => return Err(refused(kind, GeneratorError::Length)),
            None => None,
        };
        let mut words = Words::default();
        match kind {
            "uuid" => words.version = number,
            "age" | "ssh-ed25519" if second.is_some() => return Err(GeneratorError::Unknown),
            _ => words.length = number,
        }
        match (kind, third) {
            ("password", charset) => words.charset = charset,
            ("token", prefix) => words.prefix = prefix,
            (_, Some(_)) => return Err(GeneratorError::Unknown),
            (_, None) => {}
        }
        build(kind, words)
    }

    /// Reads the table `generate` of the manifest.
    pub(in crate::manifest) fn read(
        fields: &Fields<'_, '_>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let value = fields.raw("generate")?;
        let every: &[&'static str] = &[
            "bytes",
            "characters",
            "charset",
            "kind",
            "length",
            "prefix",
            "public",
            "version",
        ];
        let what = "a field of `generate`";
        let own = Fields::new(value, "generate", what, every, problems)?;
        let kind = own.needed("kind", problems)?;
        if !KINDS.contains(&kind.value) {
            problems.at(kind.at, || Problem::Unknown {
                what: "a kind of `generate`",
                near: Near::find(kind.value, KINDS),
            });
            return None;
        }
        let allowed = allowed(kind.value);
        let mut fits = true;
        for field in every.iter().filter(|field| own.has(field)) {
            if *field != "kind" && !allowed.contains(field) {
                fits = false;
                problems.at(own.at, || Problem::Conflict {
                    field,
                    with: "kind",
                });
            }
        }
        let size = if allowed.contains(&"bytes") {
            "bytes"
        } else {
            "length"
        };
        let number = |field, problems: &mut Problems| {
            let number = own.number(field, problems)?;
            // What does not fit is out of every bound.
            Some(usize::try_from(number.value).unwrap_or(usize::MAX))
        };
        let text =
            |field, problems: &mut Problems| own.text(field, problems).map(|text| text.value);
        let words = Words {
            length: number(size, problems),
            charset: text("charset", problems),
            characters: text("characters", problems),
            prefix: text("prefix", problems),
            version: number("version", problems),
            public: public(&own, problems),
        };
        if words.charset.is_some() && words.characters.is_some() {
            problems.at(own.at, || Problem::Conflict {
                field: "characters",
                with: "charset",
            });
        }
        if !fits {
            return None;
        }
        build(kind.value, words)
            .map_err(|error| problems.at(own.at, || error.into()))
            .ok()
    }
}

fn public(own: &Fields<'_, '_>, problems: &mut Problems) -> Option<VarName> {
    let text = own.text("public", problems)?;
    let name = VarName::parse(text.value).ok();
    if let (None, Some(value)) = (&name, own.raw("public")) {
        wrong(
            value,
            "public",
            "the name of a secret, without its folder",
            problems,
        );
    }
    name
}

/// The fields of the manifest that say something of a kind.
fn allowed(kind: &str) -> &'static [&'static str] {
    match kind {
        "age" | "ssh-ed25519" => &["public"],
        "base64" | "base64url" | "hex" => &["bytes"],
        "password" => &["characters", "charset", "length"],
        "pin" => &["length"],
        "token" => &["length", "prefix"],
        _ => &["version"],
    }
}

/// A wrong length is not the trouble of what is no kind at all.
fn refused(kind: &str, error: GeneratorError) -> GeneratorError {
    if KINDS.contains(&kind) {
        error
    } else {
        GeneratorError::Unknown
    }
}

fn build(kind: &str, words: Words<'_>) -> Result<Generator, GeneratorError> {
    let within = |least: usize, usual: usize, most: usize| {
        let length = words.length.unwrap_or(usual);
        let within = (least..=most).contains(&length);
        within.then_some(length).ok_or(GeneratorError::Length)
    };
    let bytes = || within(MIN_BYTES, 32, MAX_LENGTH);
    Ok(match kind {
        "age" => Generator::Age {
            public: words.public,
        },
        "base64" => Generator::Base64 { bytes: bytes()? },
        "base64url" => Generator::Base64Url { bytes: bytes()? },
        "hex" => Generator::Hex { bytes: bytes()? },
        "password" => {
            let length = within(MIN_PASSWORD, 32, MAX_LENGTH)?;
            let charset = match words.characters {
                Some(characters) => Charset::of(characters)?,
                None => Charset::named(words.charset.unwrap_or("alnum"))?,
            };
            let size = u32::try_from(charset.0.len()).expect("there are 94 characters at most");
            let length_for_bits = u32::try_from(length).expect("it is 4096 at most");
            if f64::from(size).log2() * f64::from(length_for_bits) < MIN_BITS {
                return Err(GeneratorError::Weak);
            }
            Generator::Password { length, charset }
        }
        "pin" => Generator::Pin {
            length: within(4, 6, 64)?,
        },
        "ssh-ed25519" => Generator::SshEd25519 {
            public: words.public,
        },
        "token" => {
            let prefix = words.prefix.unwrap_or_default();
            if prefix.len() > MAX_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(GeneratorError::Prefix);
            }
            Generator::Token {
                prefix: prefix.to_owned(),
                length: within(MIN_PASSWORD, 32, MAX_LENGTH)?,
            }
        }
        "uuid" => match words.version.unwrap_or(4) {
            4 => Generator::Uuid4,
            7 => Generator::Uuid7,
            _ => return Err(GeneratorError::Version),
        },
        _ => return Err(GeneratorError::Unknown),
    })
}
