//! Points in time as sops spells them: RFC 3339, the fraction without trailing zeros, `Z` for no
//! offset, any other offset kept and not shifted. Only what names a real day and minute is one.
//! Nothing is computed with them.

use std::fmt;

/// A date and a time of day with its offset from UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Time {
    date: (u16, u8, u8),
    clock: (u8, u8, u8),
    /// Nine digits at most, without trailing zeros.
    fraction: String,
    /// Minutes.
    offset: i16,
}

impl Time {
    /// Parses RFC 3339.
    pub fn parse(text: &str) -> Option<Self> {
        let mut scan = Scan(text);
        let date = (scan.year()?, scan.pair('-')?, scan.pair('-')?);
        scan.literal('T')?;
        let clock = (scan.two()?, scan.pair(':')?, scan.pair(':')?);
        let fraction = scan.fraction(&['.', ',']);
        Self::build(date, clock, fraction, scan.zone()?, scan)
    }

    /// Parses one of the spellings that go-yaml takes for a time; without an offset it is UTC.
    pub fn parse_yaml(text: &str) -> Option<Self> {
        let mut scan = Scan(text);
        let date = (scan.year()?, scan.short('-')?, scan.short('-')?);
        if scan.0.is_empty() {
            return Self::build(date, (0, 0, 0), String::new(), 0, scan);
        }
        let zoned = scan.literal('T').or_else(|| scan.literal('t')).is_some();
        if !zoned {
            scan.literal(' ')?;
        }
        let clock = (scan.one_or_two()?, scan.short(':')?, scan.short(':')?);
        let fraction = scan.fraction(&['.', ',']);
        let offset = if zoned { scan.zone()? } else { 0 };
        Self::build(date, clock, fraction, offset, scan)
    }

    fn build(
        date: (u16, u8, u8),
        clock: (u8, u8, u8),
        fraction: String,
        offset: i16,
        rest: Scan<'_>,
    ) -> Option<Self> {
        let real = rest.0.is_empty()
            && (1..=12).contains(&date.1)
            && (1..=days(date.0, date.1)).contains(&date.2)
            && clock.0 < 24
            && clock.1 < 60
            && clock.2 < 60;
        real.then_some(Self {
            date,
            clock,
            fraction,
            offset,
        })
    }

    /// Returns the same time to the second.
    pub fn without_fraction(mut self) -> Self {
        self.fraction.clear();
        self
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date, self.clock);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if !self.fraction.is_empty() {
            write!(f, ".{}", self.fraction)?;
        }
        match self.offset {
            0 => f.write_str("Z"),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                let offset = offset.abs();
                write!(f, "{sign}{:02}:{:02}", offset / 60, offset % 60)
            }
        }
    }
}

fn days(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        _ => 31,
    }
}

/// What is left to read.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    fn digits(&mut self, least: usize, most: usize) -> Option<u16> {
        let count = self
            .0
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        if count < least {
            return None;
        }
        let (digits, rest) = self.0.split_at(count);
        self.0 = rest;
        digits.parse().ok()
    }

    fn literal(&mut self, char: char) -> Option<()> {
        self.0 = self.0.strip_prefix(char)?;
        Some(())
    }

    fn year(&mut self) -> Option<u16> {
        self.digits(4, 4)
    }

    fn two(&mut self) -> Option<u8> {
        u8::try_from(self.digits(2, 2)?).ok()
    }

    fn one_or_two(&mut self) -> Option<u8> {
        u8::try_from(self.digits(1, 2)?).ok()
    }

    fn pair(&mut self, mark: char) -> Option<u8> {
        self.literal(mark)?;
        self.two()
    }

    fn short(&mut self, mark: char) -> Option<u8> {
        self.literal(mark)?;
        self.one_or_two()
    }

    /// A mark without digits behind it stays where it is, and is too much.
    fn fraction(&mut self, marks: &[char]) -> String {
        let Some(rest) = self.0.strip_prefix(marks) else {
            return String::new();
        };
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return String::new();
        }
        let (digits, rest) = rest.split_at(count);
        self.0 = rest;
        digits[..count.min(9)].trim_end_matches('0').to_owned()
    }

    fn zone(&mut self) -> Option<i16> {
        if self.literal('Z').is_some() {
            return Some(0);
        }
        let sign = match self.0.as_bytes().first()? {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let (hours, minutes) = (self.two()?, self.pair(':')?);
        (hours <= 24 && minutes < 60).then(|| sign * (i16::from(hours) * 60 + i16::from(minutes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spelt(time: Option<Time>) -> Option<String> {
        time.map(|time| time.to_string())
    }

    #[test]
    fn rfc_3339_has_one_spelling() {
        for (text, canonical) in [
            ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"),
            (
                "2006-01-02T15:04:05.500+07:06",
                "2006-01-02T15:04:05.5+07:06",
            ),
            ("2026-01-02T03:04:05.000-00:00", "2026-01-02T03:04:05Z"),
            (
                "2024-02-29T00:00:00,1234567891Z",
                "2024-02-29T00:00:00.123456789Z",
            ),
        ] {
            assert_eq!(spelt(Time::parse(text)).as_deref(), Some(canonical));
        }
        for text in [
            "",
            "2026-01-02",
            "2026-1-02T03:04:05Z",
            "2026-02-29T03:04:05Z",
            "2026-13-01T03:04:05Z",
            "2026-01-02T24:04:05Z",
            "2026-01-02T03:04:60Z",
            "2026-01-02T03:04:05",
            "2026-01-00T03:04:05Z",
            "2026-01-02T03:04:05Z\r",
            "2026-01-02t03:04:05Z",
            "2026-01-02T03:04:05.Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn yaml_spells_times_in_four_ways() {
        for (text, canonical) in [
            ("2015-01-01", "2015-01-01T00:00:00Z"),
            ("2001-1-2", "2001-01-02T00:00:00Z"),
            (
                "2001-12-14t21:59:43.10-05:00",
                "2001-12-14T21:59:43.1-05:00",
            ),
            ("2001-12-14 21:59:4", "2001-12-14T21:59:04Z"),
            ("2001-12-14T1:2:3Z", "2001-12-14T01:02:03Z"),
        ] {
            assert_eq!(spelt(Time::parse_yaml(text)).as_deref(), Some(canonical));
        }
        for text in [
            "2001-12-14 21:59:43 Z",
            "2001-12-14T21:59:43",
            "201-1-1",
            "2001-1-1x",
        ] {
            assert_eq!(Time::parse_yaml(text), None, "{text}");
        }
    }

    #[test]
    fn the_fraction_is_dropped_on_request() {
        let time = Time::parse("2026-08-21T09:05:08.123+02:00").unwrap();
        assert_eq!(
            time.without_fraction().to_string(),
            "2026-08-21T09:05:08+02:00"
        );
    }
}
