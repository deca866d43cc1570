//! The command line, as clap reads it. Doc comments here are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::command::{apply, config, doctor, env, git, plan, scan, vault};

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

/// The heading under which the options of every command stand.
const COMMON: &str = "Options of every command";

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Work in this home instead of the nearest one
    #[arg(help_heading = COMMON, long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Use the private keys in this file (may be repeated)
    #[arg(help_heading = COMMON, long, global = true, value_name = "FILE")]
    pub identity: Vec<PathBuf>,
    /// Trust the vault with this id, `ID,prod>=3` if prod's key is number 3 at least (may be
    /// repeated) [env: HOZIRON_PIN]
    #[arg(help_heading = COMMON, long, global = true, value_name = "VAULT-ID")]
    pub pin: Vec<String>,
    /// Say only what was asked for, warnings and errors
    #[arg(help_heading = COMMON, short, long, global = true)]
    pub quiet: bool,
    /// Say how things were decided
    #[arg(help_heading = COMMON, short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Colour what is said on the side: auto, always or never
    #[arg(
        help_heading = COMMON,
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub color: ColorChoice,
    /// Never ask; fail where a question would be needed
    #[arg(help_heading = COMMON, long, global = true)]
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
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum Command {
    /// Keep secrets: make a vault, put values in, take them out
    #[command(subcommand)]
    Vault(VaultCommand),
    Plan(plan::Args),
    Apply(apply::Args),
    /// Hand values to programs
    #[command(subcommand)]
    Env(EnvCommand),
    /// Look at the application's own settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Have git work with sealed files
    #[command(subcommand)]
    Git(GitCommand),
    Scan(scan::Args),
    Doctor(doctor::Args),
    /// Start a program with its secrets in the environment (the same as `env exec`)
    ///
    /// hoziron becomes the program: same process, same terminal, its own exit code.
    ///
    /// Example: hoziron run -- ./serve --port 8080
    Run(env::exec::Args),
}

/// Keep secrets.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum VaultCommand {
    Init(vault::init::Args),
    #[command(visible_alias = "insert")]
    Set(vault::set::Args),
    Get(vault::get::Args),
    #[command(visible_alias = "ls")]
    List(vault::list::Args),
    #[command(visible_alias = "rm")]
    Remove(vault::remove::Args),
    #[command(visible_alias = "mv")]
    Rename(vault::rename::Args),
    #[command(visible_alias = "cp")]
    Copy(vault::copy::Args),
    Edit(vault::edit::Args),
    Resolve(vault::resolve::Args),
    Generate(vault::generate::Args),
    Import(vault::import::Args),
    Export(vault::export::Args),
    Show(vault::show::Args),
    History(vault::history::Args),
    Diff(vault::diff::Args),
    Restore(vault::restore::Args),
    Rekey(vault::rekey::Args),
    Verify(vault::verify::Args),
    Join(vault::join::Args),
    /// Say who is to read
    #[command(subcommand)]
    Members(MembersCommand),
    Access(vault::access::Args),
    Exposure(vault::exposure::Args),
    Submit(vault::submit::Args),
    Accept(vault::accept::Args),
    Trust(vault::trust::Args),
}

/// Say who is to read.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum MembersCommand {
    #[command(visible_alias = "ls")]
    List(vault::members::list::Args),
    Show(vault::members::show::Args),
    Add(vault::members::add::Args),
    #[command(visible_alias = "rm")]
    Remove(vault::members::remove::Args),
    ReplaceKey(vault::members::replace_key::Args),
}

/// Hand values to programs.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum EnvCommand {
    Check(env::check::Args),
    Exec(env::exec::Args),
    Export(env::export::Args),
    Get(env::get::Args),
    List(env::list::Args),
}

/// Look at the application's own settings.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum ConfigCommand {
    Check(config::check::Args),
    Show(config::show::Args),
}

/// Have git work with sealed files.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum GitCommand {
    Install(git::install::Args),
    Run(git::run::Args),
    Textconv(git::textconv::Args),
    MergeDriver(git::merge_driver::Args),
    MergeManifest(git::merge_manifest::Args),
    /// Have git look for leaks by itself
    #[command(subcommand)]
    Hooks(HooksCommand),
}

/// Have git look for leaks by itself.
#[derive(Subcommand)]
#[command(defer = true)]
#[expect(missing_docs, reason = "the help of a command stands on its `Args`")]
pub enum HooksCommand {
    Install(git::hooks::Args),
}

/// Which secrets.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Take what is in this folder first, then what it inherits [env: HOZIRON_PROFILE]
    #[arg(short = 'P', long, value_name = "FOLDER")]
    pub profile: Option<String>,
    /// Take these variables only, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Take what this provider or integration in config.toml refers to only (may be repeated)
    #[arg(long, value_name = "NAME")]
    pub provider: Vec<String>,
    /// Let the vault win over the process environment and .env
    #[arg(long, value_name = "SOURCE", value_parser = ["vault"])]
    pub prefer: Option<String>,
    /// How far values are trusted.
    #[command(flatten)]
    pub reading: Reading,
}

/// How far a command that hands out values trusts them.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Open also what somebody who has left may have made, as on an old branch [env:
    /// HOZIRON_ALLOW_STALE=1, but for protected profiles]
    #[arg(long)]
    pub allow_stale: bool,
}

/// Prefix for names.
#[derive(Args, Clone, Debug, Default)]
pub struct Folder {
    /// The secret is in this folder: `-P prod KEY` is `prod/KEY`
    #[arg(short = 'P', long, value_name = "FOLDER")]
    pub profile: Option<String>,
}
