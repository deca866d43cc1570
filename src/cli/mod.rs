//! Floor 7, the only one that talks: it reads the command line and the environment, asks, prints,
//! and picks the exit code. Everything it decides by itself is how to say things.

pub mod args;
mod command;
mod display;
mod editing;
mod failure;
mod git_checks;
mod given;
mod hint;
mod home_files;
mod keys;
mod lost;
mod meter;
mod own_key;
mod past;
mod people;
mod planning;
mod prompt;
mod render;
mod start_over;
mod terminal;
mod trusting;
mod ui;
mod usage;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use crate::env::hygiene::{self, CoreLimit};
use crate::home::Environment;
use args::{
    Cli, Command, ConfigCommand, EnvCommand, GitCommand, HooksCommand, MembersCommand, VaultCommand,
};
use failure::{Exit, Failure};
use ui::Ui;
use workspace::Workspace;

/// Runs hoziron with the process's own command line.
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// Runs hoziron with a command line; the first word is the program's name.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    hide_panics();
    let limits = hygiene::harden();
    let environment = Environment::read();
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return answer_parser(&error),
    };
    let ui = Ui::new(&cli.global, environment.get("NO_COLOR").is_some());
    match dispatch(&cli, &environment, limits, &ui) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            ui.fail(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(
    cli: &Cli,
    environment: &Environment,
    limits: CoreLimit,
    ui: &Ui,
) -> Result<Exit, Failure> {
    let global = &cli.global;
    // Once a command was to be started, only its own exit codes are below 125.
    let not_started = |failure: Failure| match failure.exit {
        Exit::CannotExecute | Exit::CommandNotFound => failure,
        _ => failure.exiting(Exit::NotStarted),
    };
    let clean = start_over::in_clean_environment(environment, global.home.as_deref(), limits);
    clean.map_err(|failure| match &cli.command {
        Some(Command::Env(EnvCommand::Exec(_)) | Command::Run(_)) => not_started(failure),
        _ => failure,
    })?;
    let open = || Workspace::open(global, environment, ui);
    match &cli.command {
        None => command::status::run(global, environment, ui),
        Some(Command::Vault(command)) => match command {
            VaultCommand::Init(args) => command::vault::init::run(args, global, environment, ui),
            VaultCommand::Set(args) => command::vault::set::run(args, open, ui),
            VaultCommand::Get(args) => command::vault::get::run(args, &open()?, ui),
            VaultCommand::List(args) => command::vault::list::run(args, &open()?, ui),
            VaultCommand::Remove(args) => command::vault::remove::run(args, &mut open()?, ui),
            VaultCommand::Rename(args) => command::vault::rename::run(args, &mut open()?, ui),
            VaultCommand::Copy(args) => command::vault::copy::run(args, &mut open()?, ui),
            VaultCommand::Edit(args) => command::vault::edit::run(args, &mut open()?, ui),
            VaultCommand::Resolve(args) => command::vault::resolve::run(args, &mut open()?, ui),
            VaultCommand::Import(args) => command::vault::import::run(args, &mut open()?, ui),
            VaultCommand::Export(args) => command::vault::export::run(args, &mut open()?, ui),
            VaultCommand::Generate(args) => command::vault::generate::run(args, &mut open()?, ui),
            VaultCommand::History(args) => command::vault::history::run(args, &open()?, ui),
            VaultCommand::Diff(args) => command::vault::diff::run(args, &open()?, ui),
            VaultCommand::Rekey(args) => command::vault::rekey::run(args, &mut open()?, ui),
            VaultCommand::Restore(args) => command::vault::restore::run(args, &mut open()?, ui),
            VaultCommand::Show(args) => command::vault::show::run(args, &open()?, ui),
            VaultCommand::Verify(args) => command::vault::verify::run(args, &open()?, ui),
            VaultCommand::Join(args) => command::vault::join::run(args, &mut open()?, ui),
            VaultCommand::Members(command) => members(command, &mut open()?, ui),
            VaultCommand::Access(args) => command::vault::access::run(args, &open()?, ui),
            VaultCommand::Exposure(args) => command::vault::exposure::run(args, &open()?, ui),
            VaultCommand::Submit(args) => command::vault::submit::run(args, open, ui),
            VaultCommand::Accept(args) => command::vault::accept::run(args, &mut open()?, ui),
            VaultCommand::Trust(args) => command::vault::trust::run(args, &open()?, ui),
        },
        Some(Command::Plan(args)) => command::plan::run(args, &open()?, ui),
        Some(Command::Apply(args)) => command::apply::run(args, &mut open()?, ui),
        Some(Command::Git(command)) => match command {
            GitCommand::Install(args) => command::git::install::run(args, environment, ui),
            GitCommand::Run(args) => command::git::run::run(args, environment, limits),
            GitCommand::Textconv(args) => {
                command::git::textconv::run(args, global, environment, ui)
            }
            GitCommand::MergeManifest(args) => command::git::merge_manifest::run(args, environment),
            GitCommand::MergeDriver(args) => {
                command::git::merge_driver::run(args, global, environment, ui)
            }
            GitCommand::Hooks(HooksCommand::Install(args)) => {
                command::git::hooks::run(args, environment, ui)
            }
        },
        Some(Command::Scan(args)) => command::scan::run(args, global, environment, ui),
        Some(Command::Doctor(args)) => command::doctor::run(args, global, environment, ui),
        Some(Command::Config(ConfigCommand::Check(args))) => {
            command::config::check::run(args, &open()?, ui)
        }
        Some(Command::Config(ConfigCommand::Show(args))) => {
            command::config::show::run(args, &open()?, ui)
        }
        Some(Command::Env(EnvCommand::Check(args))) => command::env::check::run(args, &open()?, ui),
        Some(Command::Env(EnvCommand::Get(args))) => command::env::get::run(args, &open()?, ui),
        Some(Command::Env(EnvCommand::List(args))) => command::env::list::run(args, &open()?, ui),
        Some(Command::Env(EnvCommand::Export(args))) => {
            command::env::export::run(args, &open()?, ui)
        }
        Some(Command::Env(EnvCommand::Exec(args)) | Command::Run(args)) => {
            let started =
                open().and_then(|workspace| command::env::exec::run(args, workspace, limits, ui));
            started.map_err(not_started)
        }
    }
}

fn members(
    command: &MembersCommand,
    workspace: &mut Workspace<'_>,
    ui: &Ui,
) -> Result<Exit, Failure> {
    use command::vault::members::{add, list, remove, replace_key, show};
    match command {
        MembersCommand::List(args) => list::run(args, workspace, ui),
        MembersCommand::Show(args) => show::run(args, workspace, ui),
        MembersCommand::Add(args) => add::run(args, workspace, ui),
        MembersCommand::Remove(args) => remove::run(args, workspace, ui),
        MembersCommand::ReplaceKey(args) => replace_key::run(args, workspace, ui),
    }
}

/// Help and the version go to stdout; what cannot be parsed is explained without repeating it.
fn answer_parser(error: &clap::Error) -> ExitCode {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // A script whose variable was empty must see that nothing was done.
        let _ = error.print();
        return Exit::Usage.into();
    }
    match usage::explain(error) {
        None => {
            // A closed stdout is no reason to fail.
            let _ = error.print();
            Exit::Done.into()
        }
        Some(failure) => {
            Ui::plain().fail(&failure);
            failure.exit.into()
        }
    }
}

/// A panic says where, never what: its message may hold a value.
fn hide_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        Ui::plain().fail(
            &Failure::new("hoziron has a fault", Exit::Error)
                .cause(format!("a check failed at {place}"))
                .hint("nothing was half-written; please report this place"),
        );
    }));
}
