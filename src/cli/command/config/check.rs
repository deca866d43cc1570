//! `hoziron config check`: is every reference in `config.toml` resolvable, and does no credential
//! stand in the file itself? Names TOML path and line, never a string of the file.

use clap::Args as ClapArgs;

use crate::cli::command::config::settings;
use crate::cli::command::env::variables::open_every_secret;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::config::{Config, Finding, Suspicion};

/// Check that references resolve and that no credential stands in config.toml
///
/// Strings are suspected by the name of their key, by the shape of well-known tokens, and because
/// they are a value of the vault; for the last one a key is needed.
///
/// Example: hoziron config check -P prod
#[derive(ClapArgs)]
pub struct Args {
    /// Take what is in this folder first, then what it inherits
    #[arg(short = 'P', long, value_name = "FOLDER")]
    profile: Option<String>,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let what = "cannot check `config.toml`";
    let Some((config, selected)) = settings(what, args.profile.clone(), workspace, ui)? else {
        return Ok(Exit::Done);
    };
    let unresolved = config
        .references()
        .iter()
        .filter(|reference| selected.source_of(&reference.variable, workspace).is_none());
    let unresolved = unresolved.map(|reference| {
        format!(
            "line {}: `{}` names `{}`, which has no value",
            reference.line, reference.path, reference.variable
        )
    });
    let literals = literals(&config, workspace, ui)?;
    let problems: Vec<_> = unresolved.chain(literals.iter().map(describe)).collect();
    if problems.is_empty() {
        ui.note(&format!(
            "{} references resolve; no credential stands in the file",
            config.references().len()
        ));
        return Ok(Exit::Done);
    }
    let failure = Failure::new("`config.toml` is not right", Exit::Error);
    let failure = problems.into_iter().fold(failure, Failure::cause);
    Err(failure
        .hint("seal a value with `hoziron vault set NAME`, and refer to it: `KEY_env = \"NAME\"`"))
}

/// What looks like a credential, each string once: that it is a value of the vault says the most.
fn literals(config: &Config, workspace: &Workspace<'_>, ui: &Ui) -> Result<Vec<Finding>, Failure> {
    let mut found = Vec::new();
    match open_every_secret(workspace, ui) {
        Ok(secrets) => {
            for (name, value) in secrets {
                found.extend(config.equal_to(&name, &value));
            }
        }
        Err(failure) if failure.exit == Exit::NoIdentity => {
            ui.warn("no private key opens the vault, so its values were not compared");
        }
        Err(failure) => return Err(failure),
    }
    for finding in config.literals() {
        if found
            .iter()
            .all(|known: &Finding| known.path != finding.path)
        {
            found.push(finding);
        }
    }
    found.sort_by(|a, b| (a.line, &a.path).cmp(&(b.line, &b.path)));
    Ok(found)
}

fn describe(finding: &Finding) -> String {
    let why = match &finding.suspicion {
        Suspicion::Key => "holds a credential, by its name".to_owned(),
        Suspicion::Shape(kind) => format!("has the shape of {kind}"),
        Suspicion::Value(name) => format!("is the value of `{name}`"),
    };
    format!("line {}: `{}` {why}", finding.line, finding.path)
}
