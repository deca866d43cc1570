//! What this user has seen on a branch whose history was rewritten since: keys and revisions that are in
//! none of its commits any more. Found without a private key; forgotten only when a person says so.
//! What a commit took back, and what is on another branch, is not among it.

use crate::cli::failure::Failure;
use crate::cli::trusting;
use crate::cli::ui::Ui;
use crate::cli::workspace::Workspace;
use crate::domain::{FolderName, SecretName};
use crate::people::{Judge, Setback};
use crate::sealed::read_facts;
use crate::vault::heads::Heads;
use crate::vault::{KeyFile, Target};
use crate::workspace::GitJudge;

const WHAT: &str = "cannot tell what was lost";

/// What was seen, and is lost.
#[derive(Default)]
pub struct Lost {
    folders: Vec<FolderName>,
    // With the revision that is here, if there is one.
    names: Vec<(SecretName, Option<u64>)>,
    lines: Vec<String>,
}

impl Lost {
    /// Looks for it.
    pub fn find(workspace: &Workspace<'_>) -> Result<Self, Failure> {
        let variables = workspace.environment().variables().to_vec();
        let everywhere = vec![FolderName::top()];
        let tell = Box::new(|_: &str| {});
        let judge = GitJudge::new(workspace.home().to_owned(), variables, everywhere, tell);
        let mut lost = Self::default();
        lost.keys(workspace, &judge)?;
        lost.secrets(workspace, &judge)?;
        Ok(lost)
    }

    fn keys(&mut self, workspace: &Workspace<'_>, judge: &GitJudge) -> Result<(), Failure> {
        let Some(state) = workspace.environment().state() else {
            return Ok(());
        };
        let heads =
            Heads::load(&state, workspace.id()).map_err(|error| Failure::of(WHAT, &error))?;
        let chains = workspace
            .chains()
            .map_err(|error| Failure::of(WHAT, &error))?;
        for folder in heads.folders() {
            let Some(known) = heads.of(folder) else {
                continue;
            };
            let place = Target::Key {
                folder: folder.clone(),
                dir: known.dir(),
                file: KeyFile::Epoch,
            };
            let there = workspace.vault().read_target(&place, 1 << 20);
            if there.is_ok_and(|there| there.is_some()) {
                continue;
            }
            let Some(Setback::Rewritten { commit }) = judge.removed(&place.path()) else {
                continue;
            };
            let chain = chains.of(workspace.vault(), folder).ok();
            let again = chain.and_then(|chain| {
                let head = chain.leaves().next()?;
                let left = chain.left(head.statement.key);
                let names: Vec<_> = left.iter().map(|name| name.as_str()).collect();
                (!names.is_empty()).then(|| format!("; {} reads again then", names.join(", ")))
            });
            self.lines.push(format!(
                "the key of `{folder}` number {}, in commit {commit}{}",
                known.epoch,
                again.unwrap_or_default()
            ));
            self.folders.push(folder.clone());
        }
        Ok(())
    }

    fn secrets(&mut self, workspace: &Workspace<'_>, judge: &GitJudge) -> Result<(), Failure> {
        let seen = workspace
            .seen()
            .map_err(|error| Failure::of(WHAT, &error))?;
        for name in seen.iter().flat_map(|seen| seen.names()) {
            let mark = seen.as_ref().and_then(|seen| seen.revision(name));
            let Some(mark) = mark else { continue };
            let file = workspace.vault().read(name);
            let Some(file) = file.map_err(|error| Failure::of(WHAT, &error))? else {
                let place = Target::Sealed(name.clone()).path();
                if let Some(Setback::Rewritten { commit }) = judge.removed(&place) {
                    self.lines
                        .push(format!("`{name}`, revision {mark}, in commit {commit}"));
                    self.names.push((name.clone(), None));
                }
                continue;
            };
            let Ok(facts) = read_facts(&file) else {
                continue;
            };
            if facts.revision >= mark {
                continue;
            }
            let how = judge.lowered(name, &file, facts.revision, mark);
            if let Some(Setback::Rewritten { commit }) = how {
                self.lines.push(format!(
                    "revision {mark} of `{name}`, in commit {commit}; here is {}",
                    facts.revision
                ));
                self.names.push((name.clone(), Some(facts.revision)));
            }
        }
        Ok(())
    }

    /// Says whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns each as a clause.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// Forgets it, and accepts the keys that are there instead.
    pub fn forget(&self, workspace: &Workspace<'_>, ui: &Ui) -> Result<(), Failure> {
        workspace.forget_heads(&self.folders, ui);
        workspace.see(
            |seen| {
                let each = self.names.iter();
                each.fold(false, |any, (name, revision)| {
                    let forgot = seen.remove(name, None);
                    let lowered = revision.is_some_and(|revision| seen.raise(name, revision));
                    forgot | lowered | any
                })
            },
            ui,
        );
        let chains = workspace
            .chains()
            .map_err(|error| Failure::of(WHAT, &error))?;
        trusting::remember(workspace, &chains, ui);
        Ok(())
    }
}
