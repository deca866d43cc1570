//! `hoziron doctor`: looks at everything that has to be right and says what is wrong, with the command
//! that repairs it. Changes nothing, and prints no value.

use std::collections::BTreeSet;

use clap::Args as ClapArgs;

use crate::cli::args::Global;
use crate::cli::command::env::variables::local;
use crate::cli::display::word;
use crate::cli::failure::{Exit, Failure};
use crate::cli::git_checks;
use crate::cli::home_files;
use crate::cli::keys;
use crate::cli::render::{self, Check};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{FolderName, SecretName};
use crate::env::credentials::load_config;
use crate::home::{Environment, Outcome};
use crate::sealed::{Content, SealedError, read_facts};

/// Look for what is wrong, and say how to repair it
///
/// Looks at the home, the vault, your keys and their permissions, git's settings, `.env` and
/// `config.toml`. Exit code 1 if something needs repair.
///
/// Example: hoziron doctor --json
#[derive(ClapArgs)]
pub struct Args {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(
    args: &Args,
    global: &Global,
    environment: &Environment,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let mut checks = Vec::new();
    let quiet = ui.quieter();
    look_at_keys(&mut checks, global, environment, &quiet);
    match Workspace::open(global, environment, &quiet) {
        Ok(workspace) => {
            checks.push(Check::right("home", workspace.home().display().to_string()));
            look_at_home(&mut checks, &workspace, &quiet);
        }
        Err(failure) => checks.push(Check::wrong("home", &failure)),
    }
    ui.out(&if args.json {
        render::json::checks(&checks)
    } else {
        render::checks(&checks)
    })?;
    let wrong = checks
        .iter()
        .filter(|check| check.problem.is_some())
        .count();
    if wrong == 0 {
        ui.note("nothing is wrong");
        return Ok(Exit::Done);
    }
    ui.note(&format!("{wrong} to repair"));
    Ok(Exit::Error)
}

fn look_at_keys(checks: &mut Vec<Check>, global: &Global, environment: &Environment, ui: &Ui) {
    match keys::keyring(global, environment, ui) {
        Err(failure) => checks.push(Check::wrong("keys", &failure)),
        Ok((keyring, tried)) => {
            for tried in &tried {
                let place = || format!("key {}", tried.place);
                match &tried.outcome {
                    Outcome::Missing => {}
                    Outcome::Keys(_) => checks.push(Check::right(&place(), tried.to_string())),
                    Outcome::Readable { path, .. } => checks.push(Check {
                        what: place(),
                        found: tried.to_string(),
                        problem: Some(format!("chmod 600 {}", word(path))),
                    }),
                    // Ssh keys of other kinds and the like are nobody's fault.
                    Outcome::Unusable(_) => checks.push(Check::right(&place(), tried.to_string())),
                }
            }
            if keyring.identities().is_empty()
                && tried
                    .iter()
                    .all(|tried| matches!(tried.outcome, Outcome::Missing))
            {
                let failure = Failure::new("there is no private key", Exit::NoIdentity)
                    .hint("`hoziron vault init` makes one, or name one: `--identity FILE`");
                checks.push(Check::wrong("keys", &failure));
            }
        }
    }
}

fn look_at_home(checks: &mut Vec<Check>, workspace: &Workspace<'_>, ui: &Ui) {
    let what = "cannot look at it";
    checks.push(match workspace.keys(&[], ui) {
        Ok(keys) => Check::right(
            "vault",
            format!(
                "{}, read by {}",
                workspace.id(),
                keys.readers(workspace.vault(), &FolderName::top())
            ),
        ),
        Err(failure) => Check::wrong("vault", &failure),
    });
    match workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of(what, &error))
    {
        Err(failure) => checks.push(Check::wrong("secrets", &failure)),
        Ok(inventory) => {
            checks.push(Check::right("secrets", inventory.names.len().to_string()));
            checks.extend(damaged(workspace, &inventory.names));
            for stray in &inventory.strays {
                let path = format!("vault/{}", stray.path.display());
                checks.push(Check {
                    found: stray.why.to_string(),
                    problem: Some(format!(
                        "look at it, and remove it: `rm -r {}`",
                        word(&workspace.home().join(&path))
                    )),
                    what: path,
                });
            }
        }
    }
    match home_files::missing(workspace.vault().home()) {
        Ok(lacking) if lacking.is_empty() => {
            checks.push(Check::right(
                "git",
                ".gitignore and .gitattributes are right".to_owned(),
            ));
        }
        Ok(lacking) => {
            for (target, bytes) in lacking {
                checks.push(Check {
                    what: format!("git {target}"),
                    found: "lines are missing, so git may commit or rewrite what it must not"
                        .to_owned(),
                    problem: Some(format!(
                        "cat > {} <<'EOF'\n{}\nEOF",
                        word(&workspace.home().join(target.path())),
                        String::from_utf8_lossy(&bytes).trim_end()
                    )),
                });
            }
        }
        Err(error) => checks.push(Check::wrong("git", &Failure::of(what, &error))),
    }
    checks.extend(git_checks::checks(workspace));
    checks.push(match local(workspace, ui) {
        Ok(None) => Check::right(".env", "there is none".to_owned()),
        Ok(Some(local)) => match local.readable_by_others {
            None => Check::right(
                ".env",
                format!("{} variables", local.dotenv.entries().len()),
            ),
            Some(mode) => Check {
                what: ".env".to_owned(),
                found: format!("others can read it (mode {mode:04o})"),
                problem: Some(format!("chmod 600 {}", word(&local.path))),
            },
        },
        Err(failure) => Check::wrong(".env", &failure),
    });
    checks.push(match load_config(workspace.vault().home()) {
        Ok(None) => Check::right("config.toml", "there is none".to_owned()),
        Ok(Some(config)) if config.literals().is_empty() => Check::right(
            "config.toml",
            format!("{} references", config.references().len()),
        ),
        Ok(Some(config)) => Check {
            what: "config.toml".to_owned(),
            found: format!("{} strings look like credentials", config.literals().len()),
            problem: Some("hoziron config check".to_owned()),
        },
        Err(error) => Check::wrong("config.toml", &Failure::of(what, &error)),
    });
}

/// The files at the places of secrets that are none, or hold both sides of a merge. Nothing is opened.
fn damaged(workspace: &Workspace<'_>, names: &BTreeSet<SecretName>) -> Vec<Check> {
    let look = |name: &SecretName| {
        let what = format!("vault/{name}.age");
        let file = match workspace.vault().read(name) {
            Ok(file) => file?,
            Err(error) => {
                return Some(Check::wrong(
                    &what,
                    &Failure::of("it cannot be read", &error),
                ));
            }
        };
        let error = match read_facts(&file) {
            Ok(facts) if facts.content == Content::Conflict => SealedError::Conflict,
            Ok(_) => return None,
            Err(error) => error,
        };
        let failure = Failure::of("it is not a value", &error);
        let mut check = Check::wrong(&what, &failure);
        check.problem = Some(failure.hints.join("; ").replace("NAME", name.as_str()));
        Some(check)
    };
    names.iter().filter_map(look).collect()
}
