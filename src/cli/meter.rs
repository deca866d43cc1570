//! How far long work has come, on one line of a terminal that is wiped in the end. Nothing is shown
//! before the work has taken a moment, and nothing without a terminal.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Before this, nothing is shown; after it, the line changes at most so often.
const MOMENT: Duration = Duration::from_millis(250);

/// How far work has come.
pub struct Meter {
    what: &'static str,
    // `None`: nothing is shown.
    last: Option<Mutex<(Instant, bool)>>,
}

impl Meter {
    /// Starts a meter; `quiet` shows nothing.
    pub fn new(what: &'static str, quiet: bool) -> Self {
        let shows = !quiet && io::stderr().is_terminal();
        Self {
            what,
            last: shows.then(|| Mutex::new((Instant::now(), false))),
        }
    }

    /// Shows how much is done.
    pub fn show(&self, done: usize, all: usize) {
        let Some(last) = &self.last else { return };
        let mut last = last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.0.elapsed() >= MOMENT {
            *last = (Instant::now(), true);
            write(&format!("\r{} {done} of {all}\x1b[K", self.what));
        }
    }

    /// Wipes the line.
    pub fn end(&self) {
        if let Some(last) = &self.last
            && last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .1
        {
            write("\r\x1b[K");
        }
    }
}

fn write(text: &str) {
    // Nothing can be done about a closed stderr.
    let _ = io::stderr().write_all(text.as_bytes());
}
