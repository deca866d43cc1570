//! Bare `hoziron`: where am I, who am I, how many secrets, what to type next. Opens no sealed file
//! and writes nothing.

use crate::cli::args::Global;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::home::Environment;
use crate::home::FindError;

/// Runs the command.
pub fn run(global: &Global, environment: &Environment, ui: &Ui) -> Result<Exit, Failure> {
    if let Err(FindError::Missing(_) | FindError::NoPlace) =
        environment.search(global.home.clone()).find()
    {
        ui.out("There is no vault here yet.\n")?;
        ui.out("next: hoziron vault init      make one\n      hoziron --help          see all commands")?;
        return Ok(Exit::Done);
    }
    let workspace = Workspace::open(global, environment, ui)?;
    let what = "cannot look at the vault";
    let chains = workspace
        .chains()
        .map_err(|error| Failure::of(what, &error))?;
    let inventory = workspace
        .vault()
        .inventory()
        .map_err(|error| Failure::of(what, &error))?;
    let (keyring, _) = workspace.keyring(ui)?;

    let me = keyring.identities().iter().find_map(|identity| {
        let mut folders = chains.all(workspace.vault()).into_iter();
        let reader = folders.find_map(|(_, chain)| {
            let chain = chain.ok()?;
            let mut leaves = chain.leaves();
            leaves.find_map(|leaf| leaf.readers.holder_of(identity.public()).cloned())
        })?;
        Some(format!(
            "{}, with the key from {}",
            reader.name,
            identity.origin()
        ))
    });
    let count = inventory.names.len();
    ui.out(&format!("home     {}", workspace.home().display()))?;
    ui.out(&format!("vault    {}", workspace.id()))?;
    ui.out(&format!(
        "you      {}",
        me.as_deref()
            .unwrap_or("not a reader: none of your keys opens it")
    ))?;
    let mut leaves = chains.top().leaves();
    let readers = leaves.next().map(|leaf| leaf.readers.names());
    ui.out(&format!("readers  {}", readers.unwrap_or_default()))?;
    ui.out(&format!("secrets  {count}\n"))?;
    ui.out(match (me, count) {
        (None, _) => "next: name your private key with --identity FILE",
        (Some(_), 0) => "next: hoziron vault set API_KEY        seal the first value",
        (Some(_), _) => {
            "next: hoziron vault list               see the names\n      hoziron env exec -- COMMAND      start a program with the values"
        }
    })?;
    Ok(Exit::Done)
}
