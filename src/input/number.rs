//! Numbers as Go reads and writes them, because sops' MAC is made of Go's spelling: whole numbers
//! with any of Go's prefixes, floats that also may be hexadecimal, and the one way sops writes each.
//! Nothing is rounded but by the conversion to 64 bits itself.

/// Parses a whole number with an optional sign and Go's prefixes: `0x`, `0o`, `0b`, or a leading
/// zero for octal.
pub fn go_integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match (lower.get(..2), lower.len()) {
        (Some("0x"), _) => (16, &lower[2..]),
        (Some("0o"), _) => (8, &lower[2..]),
        (Some("0b"), _) => (2, &lower[2..]),
        (Some(_), _) if lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, &*lower),
    };
    // Rust's own parser would take another sign here.
    if !digits.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

/// Parses a float as Go's `ParseFloat` does; too large for 64 bits is none.
pub fn go_float(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if let Some(hex) = unsigned
        .strip_prefix("0x")
        .or_else(|| unsigned.strip_prefix("0X"))
    {
        let value = hex_float(hex)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let value: f64 = text.parse().ok()?;
    let named = unsigned.starts_with(['i', 'I']);
    (value.is_nan() || value.is_finite() || named).then_some(value)
}

/// Digits, a point, and a power of two that must be there.
fn hex_float(text: &str) -> Option<f64> {
    let at = text.find(['p', 'P'])?;
    let exponent: i32 = text[at + 1..].parse().ok()?;
    let (whole, fraction) = text[..at].split_once('.').unwrap_or((&text[..at], ""));
    // More digits than this do not occur, and would need rounding by hand.
    if whole.len() + fraction.len() > 13 || whole.len() + fraction.len() == 0 {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(4 * fraction.len()).ok()?;
    let value = value * 2f64.powi(exponent.checked_sub(shift)?);
    value.is_finite().then_some(value)
}

/// Writes a float as sops does: the shortest decimal that reads back, without an exponent.
pub fn float_text(value: f64) -> String {
    if value == f64::INFINITY {
        "+Inf".to_owned()
    } else if value == f64::NEG_INFINITY {
        "-Inf".to_owned()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compared with real sops: sops-format.md 1.1.
    #[test]
    fn floats_are_written_without_exponents() {
        for (value, text) in [
            (1.5, "1.5"),
            (3.0, "3"),
            (-0.0, "-0"),
            (1e21, "1000000000000000000000"),
            (1e-7, "0.0000001"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    #[test]
    fn floats_are_read_as_go_reads_them() {
        for (text, value) in [
            ("1e3", 1000.0),
            ("0x1.8p1", 3.0),
            ("-0X10p-4", -1.0),
            ("+Infinity", f64::INFINITY),
            ("-iNf", f64::NEG_INFINITY),
            (".5", 0.5),
        ] {
            assert_eq!(go_float(text), Some(value), "{text}");
        }
        for text in ["", "1_0", "1e999", "0x1", "0xp1", "one", "1 ", "--1"] {
            assert_eq!(go_float(text), None, "{text}");
        }
        assert!(go_float("NAN").unwrap().is_nan());
    }

    #[test]
    fn whole_numbers_know_prefixes_and_one_sign() {
        assert_eq!(go_integer("-0x10"), Some(-16));
        assert_eq!(go_integer("010"), Some(8));
        for text in ["", "-", "--1", "0x", "0x-1", "08", "1a", " 1", "0b2"] {
            assert_eq!(go_integer(text), None, "{text}");
        }
    }
}
