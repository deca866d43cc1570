//! Errors of the command line. clap repeats the words it did not understand; here they are left out,
//! because a value that was pasted in the wrong place is one of them. What clap would suggest, and
//! what it lists as possible, is ours and is shown.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::args::Cli;
use crate::cli::failure::{Exit, Failure};

/// Turns a parser's error into a failure, or says that it was help or the version.
pub fn explain(error: &clap::Error) -> Option<Failure> {
    // In these kinds the argument is the parser's own name for it, not what was typed.
    let argument = || list(error, ContextKind::InvalidArg).unwrap_or_else(|| "it".to_owned());
    let what = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::ArgumentConflict => "two options exclude each other".to_owned(),
        ErrorKind::InvalidSubcommand => "there is no such command".to_owned(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{} cannot have this value", argument())
        }
        ErrorKind::MissingRequiredArgument => format!("{} is missing", argument()),
        ErrorKind::MissingSubcommand => "a command is missing".to_owned(),
        ErrorKind::UnknownArgument => "there is a word or an option too many".to_owned(),
        _ => "the command line makes no sense".to_owned(),
    };
    let mut failure = Failure::new(what, Exit::Usage);
    if error.kind() == ErrorKind::UnknownArgument {
        failure = failure.cause("it is not shown here because it may be a secret");
    }
    for (kind, lead) in [
        (ContextKind::SuggestedSubcommand, "did you mean"),
        (ContextKind::SuggestedArg, "did you mean"),
        (ContextKind::ValidSubcommand, "one of"),
        (ContextKind::ValidValue, "one of"),
    ] {
        if let Some(words) = list(error, kind) {
            failure = failure.cause(format!("{lead} {words}"));
        }
    }
    if let Some(whole) = in_a_group(error) {
        failure = failure.hint(format!("did you mean `hoziron {whole}`?"));
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage: Vec<_> = usage
            .trim_start_matches("Usage:")
            .split_whitespace()
            .collect();
        failure = failure.hint(format!("usage: {}", usage.join(" ")));
    }
    Some(failure)
}

/// `hoziron get` is `hoziron vault get`: a word that is one of our verbs is no secret.
fn in_a_group(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let cli = Cli::command();
    let group = cli
        .get_subcommands()
        .find(|group| group.find_subcommand(word).is_some())?;
    Some(format!("{} {word}", group.get_name()))
}

fn list(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let quoted = |word: &String| format!("`{word}`");
    match error.get(kind)? {
        ContextValue::String(word) => Some(quoted(word)),
        ContextValue::Strings(words) if !words.is_empty() => {
            Some(words.iter().map(quoted).collect::<Vec<_>>().join(", "))
        }
        _ => None,
    }
}
