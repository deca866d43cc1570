//! The figures as lines of text, and the goals they are held against.

use std::fmt::Write;

/// What was measured, as text and by name.
#[derive(Default)]
pub struct Table {
    /// One line for each program and case.
    pub text: String,
    medians: Vec<(String, &'static str, f64)>,
}

impl Table {
    pub fn add(&mut self, case: &str, rows: Vec<(&'static str, Vec<f64>)>, unit: &str) {
        for (name, mut figures) in rows {
            figures.sort_by(f64::total_cmp);
            let (least, median) = (figures[0], figures[figures.len() / 2]);
            self.medians.push((case.to_owned(), name, median));
            let own = self.median(case, "hoziron").unwrap_or(median);
            writeln!(
                self.text,
                "{case:<14} {name:<15} {median:>9.2} {unit:<3} (least {least:>9.2}) {:>8.2} x",
                median / own
            )
            .unwrap();
        }
    }

    fn median(&self, case: &str, name: &str) -> Option<f64> {
        let mut all = self.medians.iter();
        let found = all.find(|row| row.0 == case && row.1 == name)?;
        Some(found.2)
    }
}

/// What is wanted of one case.
pub struct Goal {
    case: &'static str,
    /// The program, if the goal is a ratio.
    peer: Option<&'static str>,
    bound: f64,
    unit: &'static str,
}

impl Goal {
    pub const fn ratio(case: &'static str, peer: &'static str, times: f64) -> Self {
        Self {
            case,
            peer: Some(peer),
            bound: times,
            unit: "times",
        }
    }

    pub const fn most(case: &'static str, bound: f64, unit: &'static str) -> Self {
        Self {
            case,
            peer: None,
            bound,
            unit,
        }
    }

    /// One line: what was wanted, and whether it is so.
    pub fn judge(&self, table: &Table) -> String {
        let Self {
            case, bound, unit, ..
        } = self;
        let own = table.median(case, "hoziron");
        let (wanted, met) = match self.peer {
            Some(peer) => {
                let met = own.zip(table.median(case, peer));
                let met = met.map(|(own, peer)| own * bound < peer);
                (format!("{bound} {unit} as fast as {peer}"), met)
            }
            None => (
                format!("at most {bound} {unit}"),
                own.map(|own| own <= *bound),
            ),
        };
        let answer = match met {
            None => "not measured",
            Some(false) => "MISSED",
            Some(true) => "met",
        };
        format!("{case}: {wanted}: {answer}")
    }
}
