//! What a YAML scalar without quotes means to sops, which is what go-yaml 3.0.4 makes of it: mostly
//! YAML 1.2 with the octals, underscores and dates of 1.1. A MAC is made of these meanings, so each
//! is written in one canonical way. No other reader of YAML is imitated.

use crate::input::number;
use crate::input::time::Time;

/// What a scalar means, in sops' canonical spelling.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolved {
    /// A truth value.
    Bool(bool),
    /// A number with a fraction, an exponent, or too many digits.
    Float(f64),
    /// A whole number of 64 bits.
    Int(i64),
    /// Nothing.
    Null,
    /// Text.
    Text,
    /// A date.
    Time(Time),
    /// A whole number that needs the 64th bit; sops stores none.
    Unsigned,
}

/// Says what a plain scalar means.
pub fn resolve(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Resolved::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Resolved::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => return Resolved::Float(f64::NAN),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'+' | b'-' | b'.' | b'0'..=b'9' => {}
        _ => return Resolved::Text,
    }
    if let Some(time) = Time::parse_yaml(text) {
        return Resolved::Time(time);
    }
    number(text)
}

fn number(text: &str) -> Resolved {
    let plain: String = text.chars().filter(|char| *char != '_').collect();
    if let Some(whole) = number::go_integer(&plain) {
        return match i64::try_from(whole) {
            Ok(int) => Resolved::Int(int),
            Err(_) if u64::try_from(whole).is_ok() => Resolved::Unsigned,
            Err(_) => decimal(&plain),
        };
    }
    decimal(&plain)
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, and within the range of a float.
fn decimal(text: &str) -> Resolved {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let dotted = mantissa.contains('.');
    let has_digits = !whole.is_empty() || (dotted && !fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    if !has_digits || !digits(whole) || !digits(fraction) || !exponent_fits {
        return Resolved::Text;
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Resolved::Float(float),
        _ => Resolved::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str) -> Option<i64> {
        match resolve(text) {
            Resolved::Int(int) => Some(int),
            _ => None,
        }
    }

    fn float(text: &str) -> Option<f64> {
        match resolve(text) {
            Resolved::Float(float) => Some(float),
            _ => None,
        }
    }

    /// Octal by a leading zero, underscores anywhere, hexadecimal and binary; sops-format.md 1.9.3.
    #[test]
    fn octal_hex_and_underscore_scalars_are_whole_numbers() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("+12", 12),
            ("0777", 511),
            ("0755", 493),
            ("0o17", 15),
            ("0x1F", 31),
            ("-0b101", -5),
            ("1_000", 1000),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(int(text), Some(value), "{text}");
        }
        assert_eq!(resolve("9223372036854775808"), Resolved::Unsigned);
    }

    #[test]
    fn fractions_exponents_and_too_many_digits_are_floats() {
        for (text, value) in [
            ("1e3", 1000.0),
            ("1.50", 1.5),
            ("3.0", 3.0),
            (".5", 0.5),
            ("1.", 1.0),
            ("-1.5E-2", -0.015),
            ("0089", 89.0),
            ("18446744073709551616", 18_446_744_073_709_551_616.0),
            (".inf", f64::INFINITY),
            ("-.INF", f64::NEG_INFINITY),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        assert!(float(".NaN").unwrap().is_nan());
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "yes", "no", "on", "off", "y", "n", "tRUE", "0o8", "1:30", "1e999", ".", "-", "+",
            "e3", "1e", "0x", "0xg", "1.2.3", "..5", "nan", "inf", "ENC[x]", "-.nan", "<<", "1-2",
        ] {
            assert_eq!(resolve(text), Resolved::Text, "{text}");
        }
        for text in ["", "~", "null", "Null", "NULL"] {
            assert_eq!(resolve(text), Resolved::Null, "{text}");
        }
    }
}
