//! `hoziron vault history`: what each commit did to a secret, and who could read it then. Opens what it
//! can to compare values, hands out none, and writes nothing; without a key it says what the files
//! say of themselves.

use clap::Args as ClapArgs;

use crate::cli::args::{Folder, Reading};
use crate::cli::failure::{Exit, Failure};
use crate::cli::past::{self, Sight};
use crate::cli::render;
use crate::cli::ui::Ui;
use crate::cli::workspace::{Workspace, name};
use crate::git::Versions;
use crate::sealed::MAX_FILE;
use crate::vault::Target;

/// Print what each commit did to a secret, never a value
///
/// A line a commit, the latest first: whether the value changed or was only sealed anew, a mark that
/// is the same for equal values, to you alone, how many could read it, the revision, and whom git
/// names as the author. Other branches count once they are merged.
///
/// Example: hoziron vault history prod/API_KEY
#[derive(ClapArgs)]
pub struct Args {
    /// The secret's name
    name: String,
    /// Look at this many commits at most; 0: at all of them
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 100)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: Folder,
}

/// Runs the command.
pub fn run(args: &Args, workspace: &Workspace<'_>, ui: &Ui) -> Result<Exit, Failure> {
    let name = name(&args.name, args.folder.profile.as_deref())?;
    let what = format!("cannot tell the history of `{name}`");
    let failed = |error| Failure::of(&what, &error);
    let (repository, home) = past::repository(workspace, &what)?;
    let none = || {
        Failure::new(&what, Exit::Error)
            .cause("git has no such secret")
            .hint("`hoziron vault list` shows the names")
    };
    let head = repository.head().map_err(failed)?.ok_or_else(none)?;
    let sight = Sight::find(workspace, &[name.folder()], Reading::default(), &what, ui)?;
    let eye = sight.eye(workspace);
    let most = (args.limit > 0).then_some(args.limit);
    let versions = Versions::find(&repository, &head, &home, &name, &eye, most).map_err(failed)?;
    if versions.deeds.is_empty() && !versions.more {
        return Err(none());
    }
    let marks = sight.has_marks();
    ui.out(&if args.json {
        render::history::json(&name, &versions, marks)
    } else {
        render::history::text(&versions, marks)
    })?;
    if versions.more {
        ui.note("there are older ones: `--limit 0` shows all");
    }
    if repository.is_shallow().map_err(failed)? {
        ui.note("this clone does not have all of the history");
    }
    let moved = workspace.manifest().moved.iter();
    if let Some(moved) = moved.rev().find(|moved| moved.to == name) {
        ui.note(&format!(
            "it was `{0}` before: `hoziron vault history {0}`",
            moved.from
        ));
    }
    let unproven = render::history::unproven(&versions);
    if unproven > 0 {
        ui.note(&format!(
            "no identity of yours opens {unproven} of these; what they are is what they say of themselves"
        ));
    }
    let place = home.join(Target::Sealed(name.clone()).path());
    let committed = repository.file_at(&head, &place, MAX_FILE as u64);
    let there = workspace.vault().read(&name);
    if committed.ok() != there.ok() {
        ui.note(&format!(
            "what is there now is not committed: `hoziron vault diff {name}`"
        ));
    }
    Ok(Exit::Done)
}
