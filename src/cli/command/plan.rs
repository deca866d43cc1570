//! `hoziron plan`: shows the difference between manifest and vault. Writes nothing to the vault; with
//! `--no-identity` no private key is looked for.

use std::io::Write;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use crate::cli::failure::{Exit, Failure};
use crate::cli::given;
use crate::cli::planning::{Identities, Planned, Selection, public_files};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::home::private::{Overwrite, write_private};
use crate::plan::SavedPlan;

/// Show what differs from the manifest
///
/// Compares hoziron.toml and recipients/ with the vault: what is missing, who would read what, what
/// is due, what somebody who left has seen. Values are never shown. Nothing is changed.
///
/// Example: hoziron plan --detailed-exitcode
#[derive(ClapArgs)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,
    /// Save the plan in this file, for `hoziron apply FILE`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Look for no private key: what single files hold is not verified then
    #[arg(long)]
    no_identity: bool,
    /// Exit with 2 if anything differs, with 3 if something stands in the way
    #[arg(long)]
    detailed_exitcode: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let wanted = args.selection.wanted()?;
    let given = given::read(&args.selection, workspace)?;
    let identities = if args.no_identity {
        Identities::Leave
    } else {
        Identities::Read
    };
    let planned = Planned::make(workspace, wanted, given, identities, None, ui)?;
    let plan = &planned.plan;
    ui.out(&if args.json {
        render::plan::json(plan)
    } else {
        render::plan::text(plan)
    })?;
    planned.remember(workspace, ui);
    if let Some(path) = &args.out {
        let saved = SavedPlan {
            vault: workspace.id().clone(),
            made: planned.now,
            wanted: planned.wanted.clone(),
            basis: plan.basis.clone(),
            files: public_files(workspace)?,
            lines: SavedPlan::lines_of(plan),
        };
        save(path, &saved)?;
        ui.note(&format!(
            "saved; carry it out with `hoziron apply {}`",
            path.display()
        ));
    } else if !plan.is_empty() && !args.json {
        ui.note("nothing was written; `hoziron apply` carries this out");
    }
    Ok(match () {
        () if !args.detailed_exitcode => Exit::Done,
        () if plan.is_blocked() => Exit::Blocked,
        () if plan.differs() => Exit::Differs,
        () => Exit::Done,
    })
}

fn save(path: &std::path::Path, saved: &SavedPlan) -> Result<(), Failure> {
    let text = saved.text();
    if path == std::path::Path::new("-") {
        let written = std::io::stdout().write_all(text.as_bytes());
        return written.map_err(|error| {
            Failure::new("cannot write to stdout", Exit::Error).cause(error.to_string())
        });
    }
    write_private(path, text.as_bytes(), Overwrite::Replace)
        .map(drop)
        .map_err(|error| {
            Failure::of(
                format!("cannot save the plan in `{}`", path.display()),
                &error,
            )
        })
}
