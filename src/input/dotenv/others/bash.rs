//! `set -a; . FILE` in bash, as far as it can be told without running anything. A line is executed
//! once all of it is parsed, and the first syntax error ends the file. Assignments and `export` are
//! followed; another program changes no variable of the shell; and where a builtin, a compound
//! command or an expansion could change one, nothing is claimed of any.

mod names;
mod word;

use self::names::{BUILTINS, KEPT, POSIX_MODE, READONLY, RESERVED};
use self::word::Kind;
use super::{Reading, Readings};

/// Why reading stops.
enum Stop {
    /// A syntax error. What the lines above have set stays set.
    Syntax,
    /// What happens from here on cannot be told, nor what it does to what is set already.
    Unsure,
}

/// Reads the file to its end or to the first syntax error.
pub(super) fn read<'a>(text: &[u8], mut readings: Readings<'a>) -> Readings<'a> {
    let mut parser = Parser { text, at: 0 };
    while parser.at < text.len() {
        let outcome = parser.line().and_then(|line| line.run(&mut readings));
        match outcome {
            Ok(()) => {}
            Err(Stop::Syntax) => break,
            Err(Stop::Unsure) => {
                readings.unsure();
                break;
            }
        }
    }
    readings
}

/// What one line executes, in order; with quotes, more than one line of the file.
#[derive(Default)]
struct Line<'t>(Vec<List<'t>>);

/// Pipelines joined by `&&` and `||`.
#[derive(Default)]
struct List<'t> {
    pipelines: Vec<(Joint, Pipeline<'t>)>,
    /// Ends with `&`, so that it runs in a shell of its own.
    background: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    First,
    Or,
}

/// Commands joined by `|`; more than one, and each runs in a shell of its own.
#[derive(Default)]
struct Pipeline<'t> {
    commands: usize,
    last: Command<'t>,
}

/// What a command sets and whether it succeeds.
#[derive(Default)]
struct Command<'t> {
    /// Names are not copied: what stands in front of a `=` may be part of a value.
    sets: Vec<(&'t [u8], Reading)>,
    success: Option<bool>,
    /// By `export`, to which a variable that may not be assigned is only a failure.
    exports: bool,
}

impl Line<'_> {
    fn run(self, readings: &mut Readings<'_>) -> Result<(), Stop> {
        // Whether an assignment that ends the line may have been executed.
        let mut refused = false;
        for list in self.0 {
            let mut success = Some(true);
            for (joint, pipeline) in list.pipelines {
                let runs = match joint {
                    Joint::And => success,
                    Joint::First => Some(true),
                    Joint::Or => success.map(|success| !success),
                };
                if runs == Some(false) {
                    continue;
                }
                success = runs.and(pipeline.last.success);
                if list.background || pipeline.commands > 1 {
                    continue;
                }
                for (name, reading) in pipeline.last.sets {
                    if name == POSIX_MODE {
                        return Err(Stop::Unsure);
                    }
                    if READONLY.contains(&name) && !pipeline.last.exports {
                        if runs == Some(true) && !refused {
                            return Ok(());
                        }
                        refused = true;
                    }
                    let sure = runs.is_some() && !refused && !KEPT.contains(&name);
                    readings.set(name, if sure { reading } else { Reading::Unsure });
                }
            }
        }
        Ok(())
    }
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t [u8] {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn eat(&mut self, operator: &[u8]) -> bool {
        let there = self.rest().starts_with(operator);
        if there {
            self.at += operator.len();
        }
        there
    }

    /// Skips blanks, continued lines and a comment.
    fn skip_blanks(&mut self) {
        while self.eat(b" ") || self.eat(b"\t") || self.eat(b"\\\n") {}
        if self.peek() == Some(b'#') {
            let length = self.rest().iter().position(|&byte| byte == b'\n');
            self.at = length.map_or(self.text.len(), |length| self.at + length);
        }
    }

    fn skip_lines(&mut self) {
        self.skip_blanks();
        while self.eat(b"\n") {
            self.skip_blanks();
        }
    }

    /// Parses up to the end of a line at which no quote and no operator is open.
    fn line(&mut self) -> Result<Line<'t>, Stop> {
        let mut line = Line::default();
        loop {
            self.skip_blanks();
            if self.at == self.text.len() || self.eat(b"\n") {
                return Ok(line);
            }
            let mut list = self.list()?;
            if self.eat(b";") {
                if matches!(self.peek(), Some(b';' | b'&')) {
                    return Err(Stop::Syntax);
                }
            } else {
                list.background = self.eat(b"&");
            }
            line.0.push(list);
        }
    }

    fn list(&mut self) -> Result<List<'t>, Stop> {
        let mut list = List::default();
        let mut joint = Joint::First;
        loop {
            list.pipelines.push((joint, self.pipeline()?));
            joint = match () {
                () if self.eat(b"&&") => Joint::And,
                () if self.eat(b"||") => Joint::Or,
                () => return Ok(list),
            };
            self.skip_lines();
        }
    }

    fn pipeline(&mut self) -> Result<Pipeline<'t>, Stop> {
        let mut pipeline = Pipeline::default();
        loop {
            pipeline.last = self.command()?;
            pipeline.commands += 1;
            if self.rest().starts_with(b"||") || !self.eat(b"|") {
                return Ok(pipeline);
            }
            self.eat(b"&");
            self.skip_lines();
        }
    }

    fn command(&mut self) -> Result<Command<'t>, Stop> {
        let mut command = Command {
            success: Some(true),
            ..Command::default()
        };
        // Whether there was anything, a program, an `export`, a redirection.
        let (mut some, mut program, mut export, mut redirected) = (false, false, false, false);
        let mut words = 0;
        loop {
            self.skip_blanks();
            match self.peek() {
                None | Some(b'\n' | b';' | b'|') => break,
                Some(b'&') if !self.rest().starts_with(b"&>") => break,
                Some(b'&' | b'<' | b'>') => {
                    self.redirection()?;
                    (some, redirected) = (true, true);
                    command.success = None;
                    continue;
                }
                // A compound command, or a function behind its name.
                Some(b'(') if !some || (program && words == 1 && !redirected) => {
                    return Err(Stop::Unsure);
                }
                Some(b'(' | b')') => return Err(Stop::Syntax),
                Some(_) => {}
            }
            let start = self.at;
            let word = self.word(export)?;
            if self.describes(&self.text[start..self.at])? {
                continue;
            }
            let first = !some;
            some = true;
            words += 1;
            match word.kind {
                // The arguments of a program are nothing to the shell.
                _ if program => {}
                Kind::Assignment { name, value } => {
                    if !word.constant {
                        command.success = None;
                    }
                    command.sets.push((name, value));
                }
                Kind::OddAssignment => return Err(Stop::Unsure),
                Kind::Plain if export => {
                    let argument = word.bytes().ok_or(Stop::Unsure)?;
                    let option = command.sets.is_empty() && argument.starts_with(b"-");
                    if option || becomes_assignment(argument) {
                        return Err(Stop::Unsure);
                    }
                    command.success = None;
                }
                Kind::Plain => {
                    let name = word.bytes().ok_or(Stop::Unsure)?;
                    if name == b"export" && command.sets.is_empty() && !redirected {
                        export = true;
                        continue;
                    }
                    if BUILTINS.contains(&name) || (first && RESERVED.contains(&name)) {
                        return Err(Stop::Unsure);
                    }
                    // What stands in front of a program is set for it alone.
                    command.sets.clear();
                    command.success = None;
                    program = true;
                }
            }
        }
        if !some {
            return Err(Stop::Syntax);
        }
        command.exports = export;
        if export && redirected {
            // Where the redirection fails, nothing is exported.
            for (_, reading) in &mut command.sets {
                *reading = Reading::Unsure;
            }
        }
        Ok(command)
    }

    /// Says whether a word is the number in front of a redirection. `{name}` there is a variable
    /// that the shell sets.
    fn describes(&self, word: &[u8]) -> Result<bool, Stop> {
        if !matches!(self.peek(), Some(b'<' | b'>')) {
            return Ok(false);
        }
        if word.starts_with(b"{") && word.ends_with(b"}") {
            return Err(Stop::Unsure);
        }
        Ok(word.iter().all(u8::is_ascii_digit))
    }

    fn redirection(&mut self) -> Result<(), Stop> {
        let rest = self.rest();
        let process = rest.starts_with(b"<(") || rest.starts_with(b">(");
        let document = rest.starts_with(b"<<") && !rest.starts_with(b"<<<");
        if process || document {
            return Err(Stop::Unsure);
        }
        let operators: [&[u8]; 9] = [
            b"&>>", b"<<<", b"&>", b"<>", b"<&", b">>", b">&", b">|", b"<",
        ];
        if !operators.iter().any(|operator| self.eat(operator)) {
            self.eat(b">");
        }
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b';' | b'|' | b'&' | b'(' | b')') => Err(Stop::Syntax),
            Some(b'<' | b'>') if !matches!(self.rest().get(1), Some(b'(')) => Err(Stop::Syntax),
            Some(b'<' | b'>') => Err(Stop::Unsure),
            Some(_) => {
                let start = self.at;
                self.word(false)?;
                // A number in front of the next redirection is no target.
                match self.describes(&self.text[start..self.at])? {
                    true => Err(Stop::Syntax),
                    false => Ok(()),
                }
            }
        }
    }
}

/// Says whether a quoted argument of `export` may be an assignment now that its quotes are gone.
fn becomes_assignment(argument: &[u8]) -> bool {
    let named = argument
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    named && (argument.contains(&b'=') || argument.contains(&b'['))
}
