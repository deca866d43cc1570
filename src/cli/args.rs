//! The command line, as clap reads it. Doc comments here are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::command::{env, vault};

/// Declarative secrets for git
///
/// One age file per secret, in a folder you commit. Programs get values when they start; nothing in
/// a repository is secret, and nothing in it can make hoziron run a program.
///
/// Without a command: where you are, who you are, and what to type next.
#[derive(Parser)]
#[command(name = "hoziron", version, max_term_width = 100)]
#[command(
    after_help = "Example:\n  hoziron vault init && hoziron vault set API_KEY && hoziron env exec -- ./serve"
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work in this home instead of the nearest one
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Use the private keys in this file (may be repeated)
    #[arg(long, global = true, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    /// Say only what was asked for, warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say how things were decided
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Colour what is said on the side
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = false
    )]
    pub color: ColorChoice,
    /// Never ask; fail where a question would be needed
    #[arg(long, global = true)]
    pub no_input: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ColorChoice {
    /// Always
    Always,
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Never
    Never,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Keep secrets: make a vault, put values in, take them out
    #[command(subcommand)]
    Vault(VaultCommand),
    /// Hand values to programs
    #[command(subcommand)]
    Env(EnvCommand),
    /// Start a program with its secrets in the environment (the same as `env exec`)
    Run(env::exec::Args),
}

/// Keep secrets.
#[derive(Subcommand)]
pub enum VaultCommand {
    /// Make a vault here
    Init(vault::init::Args),
    /// Seal a value under a name
    #[command(visible_alias = "insert")]
    Set(vault::set::Args),
    /// Print a value
    Get(vault::get::Args),
    /// Print the names, never the values
    #[command(visible_alias = "ls")]
    List(vault::list::Args),
    /// Remove a secret
    #[command(visible_alias = "rm")]
    Remove(vault::remove::Args),
    /// Give a secret another name
    #[command(visible_alias = "mv")]
    Rename(vault::rename::Args),
    /// Seal a new random value
    Generate(vault::generate::Args),
    /// Print what is known about a secret, never the value
    Show(vault::show::Args),
}

/// Hand values to programs.
#[derive(Subcommand)]
pub enum EnvCommand {
    /// Start a program with its secrets in the environment
    Exec(env::exec::Args),
    /// Print the variables in the syntax of a shell or a file
    Export(env::export::Args),
}

/// Which secrets.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Take what is in this folder first, then the vault's top [env: HOZIRON_PROFILE]
    #[arg(short = 'P', long, value_name = "FOLDER")]
    pub profile: Option<String>,
    /// Take these variables only, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
}

/// Prefix for names.
#[derive(Args, Clone, Debug, Default)]
pub struct Folder {
    /// Put this folder in front of the name
    #[arg(short = 'P', long, value_name = "FOLDER")]
    pub profile: Option<String>,
}
