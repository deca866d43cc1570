//! Errors of the command line. clap repeats the words it did not understand; here they are left out,
//! because a value that was pasted in the wrong place is one of them. What clap would suggest, and
//! what it lists as possible, is ours and is shown.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::failure::{Exit, Failure};

/// Turns a parser's error into a failure, or says that it was help or the version.
pub fn explain(error: &clap::Error) -> Option<Failure> {
    let what = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::ArgumentConflict => "two options exclude each other",
        ErrorKind::InvalidSubcommand => "there is no such command",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            "an option has a value it cannot have"
        }
        ErrorKind::MissingRequiredArgument => "something is missing",
        ErrorKind::MissingSubcommand => "a command is missing",
        ErrorKind::UnknownArgument => "there is a word or an option too many",
        _ => "the command line makes no sense",
    };
    let mut failure = Failure::new(what, Exit::Usage);
    for (kind, shown) in [
        (ContextKind::SuggestedSubcommand, "did you mean"),
        (ContextKind::SuggestedArg, "did you mean"),
        (ContextKind::ValidSubcommand, "one of"),
        (ContextKind::ValidValue, "one of"),
    ] {
        if let Some(text) = error.get(kind).and_then(words) {
            failure = failure.cause(format!("{shown} {text}"));
        }
    }
    // In these kinds the argument is the parser's own name for it, not what was typed.
    let named = matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::MissingRequiredArgument | ErrorKind::ValueValidation
    );
    if let Some(text) = named
        .then(|| error.get(ContextKind::InvalidArg).and_then(words))
        .flatten()
    {
        failure = failure.cause(format!("it is about {text}"));
    }
    if error.kind() == ErrorKind::UnknownArgument {
        failure = failure.cause("it is not shown here because it may be a secret");
    }
    if let Some(ContextValue::StyledStr(usage)) = error.get(ContextKind::Usage) {
        let usage = usage.to_string();
        let usage = usage
            .trim_start_matches("Usage:")
            .split_whitespace()
            .collect::<Vec<_>>();
        failure = failure.hint(format!("usage: {}", usage.join(" ")));
    }
    Some(failure)
}

fn words(value: &ContextValue) -> Option<String> {
    match value {
        ContextValue::String(word) => Some(format!("`{word}`")),
        ContextValue::Strings(words) if !words.is_empty() => Some(
            words
                .iter()
                .map(|word| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", "),
        ),
        _ => None,
    }
}
