//! When a value must be made anew: how often, how long before one is warned, and whether a reader's
//! leaving is a reason. Periods are written like `30d`, `12h` or `1w 2d`. What a declaration leaves
//! open is taken from `[defaults]`, and what that leaves open from here.

use std::time::Duration;

use crate::manifest::error::{Problem, Problems};
use crate::manifest::fields::Fields;

/// How long before the time a value is due one is warned, if nothing else is said.
const WARN: Duration = Duration::from_secs(14 * 24 * 3600);

/// The longest period, a century.
const MAX_PERIOD: u64 = 36_500 * 24 * 3600;

const PERIOD: &str = "a period like \"30d\", \"12h\" or \"2w\"";

/// When a value must be made anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// How old a value may get.
    pub every: Option<Duration>,
    /// How long before it is due one is warned; never more than half of `every`.
    pub warn: Duration,
    /// What a person has to do.
    pub how: Option<String>,
    /// Whether a generated value is made anew when a reader has left.
    pub on_departure: bool,
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            every: None,
            warn: WARN,
            how: None,
            on_departure: true,
        }
    }
}

impl Rotation {
    /// Reads the field `rotate` of a table; what it leaves open is as in `defaults`.
    pub(super) fn read(fields: &Fields<'_, '_>, defaults: &Self, problems: &mut Problems) -> Self {
        let Some(value) = fields.raw("rotate") else {
            return defaults.clone();
        };
        let known = ["every", "how", "on_departure", "warn"];
        let Some(own) = Fields::new(value, "rotate", "a field of `rotate`", &known, problems)
        else {
            return defaults.clone();
        };
        let every = period(&own, "every", problems).or(defaults.every);
        let asked = period(&own, "warn", problems);
        if let (Some(every), Some(warn)) = (every, asked)
            && warn >= every
        {
            problems.at(own.at, || Problem::Wrong {
                field: "warn",
                must: "shorter than `every`",
            });
        }
        let warn = asked.unwrap_or(defaults.warn);
        Self {
            every,
            warn: every.map_or(warn, |every| warn.min(every / 2)),
            how: own
                .text("how", problems)
                .map(|how| how.value.to_owned())
                .or_else(|| defaults.how.clone()),
            on_departure: own
                .flag("on_departure", problems)
                .unwrap_or(defaults.on_departure),
        }
    }
}

fn period(
    fields: &Fields<'_, '_>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<Duration> {
    let text = fields.text(field, problems)?;
    let period = parse_period(text.value);
    if period.is_none() {
        problems.at(text.at, || Problem::Wrong {
            field,
            must: PERIOD,
        });
    }
    period
}

/// Parses `30d`, `12h`, `2w`, or several with spaces between them; nothing is no period.
pub fn parse_period(text: &str) -> Option<Duration> {
    let mut seconds = 0_u64;
    for part in text.split(' ') {
        let unit = match part.as_bytes().last()? {
            b'h' => 3600,
            b'd' => 24 * 3600,
            b'w' => 7 * 24 * 3600,
            _ => return None,
        };
        let count = &part[..part.len() - 1];
        if !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let count: u64 = count.parse().ok()?;
        seconds = seconds.checked_add(count.checked_mul(unit)?)?;
    }
    (1..=MAX_PERIOD)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_a_sum_of_hours_days_and_weeks() {
        let hours = |text| parse_period(text).map(|period| period.as_secs() / 3600);
        assert_eq!(hours("30d"), Some(720));
        assert_eq!(hours("12h"), Some(12));
        assert_eq!(hours("2w"), Some(336));
        assert_eq!(hours("1w 2d 3h"), Some(168 + 48 + 3));
        for text in [
            "",
            "0d",
            "d",
            "30",
            "-1d",
            "+1d",
            "1.5d",
            "30 d",
            "1d  2h",
            "1m",
            "1D",
            "99999999d",
            "99999999999999999999d",
            "1ä",
        ] {
            assert_eq!(hours(text), None, "{text}");
        }
    }
}
