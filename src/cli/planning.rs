//! What `plan` and `apply` share: from a selection on the command line to a plan, with everything it
//! was made from. Private keys are read unless `--no-identity` says not to; nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use crate::apply::Survey;
use crate::cli::command::vault::now;
use crate::cli::failure::{Exit, Failure};
use crate::cli::ui::Ui;
use crate::cli::workspace::{self, Workspace};
use crate::domain::{FolderName, Glob, GroupName, Readers, SecretName, SecretValue};
use crate::env::credentials::load_config;
use crate::manifest::Manifest;
use crate::people::{Access, Digest, Directory, FolderKeys};
use crate::plan::{self, Actual, Findings, NewKey, Plan, Wanted};
use crate::vault::{Target, Vault};

/// What part of the difference between manifest and vault.
#[derive(Args, Clone, Debug, Default)]
pub struct Selection {
    /// Only what is in this folder
    #[arg(short = 'P', long, value_name = "FOLDER")]
    pub profile: Option<String>,
    /// Only the secrets that this pattern means, such as `prod/*`; who reads is left as it is
    #[arg(long, value_name = "GLOB")]
    pub key: Vec<String>,
    /// Remove the secrets that are not declared
    #[arg(long, conflicts_with = "adopt")]
    pub prune: bool,
    /// Declare the secrets that are not declared
    #[arg(long)]
    pub adopt: bool,
    /// Give the secrets that this pattern means new values
    #[arg(long, value_name = "GLOB")]
    pub rotate: Vec<String>,
    /// Take the values in this file, or - for stdin
    #[arg(long, value_name = "FILE")]
    pub input: Option<String>,
    /// Seal anew what this pattern means, although somebody who has left may have made it
    #[arg(long, value_name = "GLOB")]
    pub accept_stale: Vec<String>,
    /// Make a new key where anybody joins, so that history stays closed to him
    #[arg(long)]
    pub new_key: bool,
}

impl Selection {
    /// Reads the selection.
    pub fn wanted(&self) -> Result<Wanted, Failure> {
        let globs = |globs: &[String]| globs.iter().map(|glob| Glob::new(glob)).collect();
        let profile = self.profile.as_deref().map(workspace::folder).transpose()?;
        Ok(Wanted {
            keys: globs(&self.key),
            profile,
            prune: self.prune,
            adopt: self.adopt,
            rotate: globs(&self.rotate),
            accept_stale: globs(&self.accept_stale),
            new_key: if self.new_key {
                NewKey::WithEveryChange
            } else {
                NewKey::WhereNeeded
            },
        })
    }
}

/// Whether private keys are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identities {
    /// None is looked for.
    Leave,
    /// All are looked for.
    Read,
}

/// A plan and what it was made from.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What stands in the vault.
    pub actual: Actual,
    /// The keys, if private keys were read.
    pub keys: Option<FolderKeys>,
    /// What was asked for.
    pub wanted: Wanted,
    /// The values that were given.
    pub given: BTreeMap<SecretName, SecretValue>,
    /// When, in Unix seconds.
    pub now: u64,
    findings: Findings,
    desired: BTreeMap<FolderName, Readers>,
}

impl Planned {
    /// Makes a plan.
    pub fn make(
        workspace: &Workspace<'_>,
        wanted: Wanted,
        given: BTreeMap<SecretName, SecretValue>,
        identities: Identities,
        made: Option<u64>,
        ui: &Ui,
    ) -> Result<Self, Failure> {
        let what = "cannot make a plan";
        let manifest = workspace.manifest();
        let (_, desired) = desired(workspace.vault(), manifest)?;
        let keys = match identities {
            Identities::Leave => None,
            Identities::Read => Some(workspace.keys(&[], ui)?),
        };
        let seen = workspace.seen();
        let seen = seen.map_err(|error| Failure::of(what, &error))?;
        let survey = Survey::new(workspace.vault(), manifest, seen.as_deref());
        let actual = match &keys {
            Some(keys) => survey.actual(keys.chains()),
            None => {
                let chains = workspace.public_chains();
                survey.actual(&chains.map_err(|error| Failure::of(what, &error))?)
            }
        };
        let mut actual = actual.map_err(|error| Failure::of(what, &error))?;
        actual.references = references(workspace)?;
        let findings = match &keys {
            Some(keys) => survey.findings(&actual, keys, &given),
            None => survey.without_a_key(&actual, given.keys().cloned().collect()),
        };
        let now = made.unwrap_or_else(now);
        let plan = plan::build(manifest, &desired, &actual, &findings, &wanted, now);
        Ok(Self {
            plan,
            actual,
            keys,
            wanted,
            given,
            now,
            findings,
            desired,
        })
    }

    /// Makes the plan again, with values that were asked for meanwhile.
    pub fn with(
        mut self,
        values: BTreeMap<SecretName, SecretValue>,
        workspace: &Workspace<'_>,
    ) -> Self {
        self.findings.given.extend(values.keys().cloned());
        self.given.extend(values);
        self.plan = plan::build(
            workspace.manifest(),
            &self.desired,
            &self.actual,
            &self.findings,
            &self.wanted,
            self.now,
        );
        self
    }

    /// Remembers what was seen: revisions rise, and heads that were verified are accepted.
    pub fn remember(&self, workspace: &Workspace<'_>, ui: &Ui) {
        if !self.findings.identity {
            return;
        }
        let opened = self.actual.files.iter().filter_map(|(name, claim)| {
            let found = self.findings.files.get(name)?;
            let (facts, _) = claim.facts.as_ref().ok()?;
            matches!(found, plan::Finding::Opened { .. }).then_some((name, facts.revision))
        });
        workspace.see(
            |seen| opened.fold(false, |rose, (name, at)| seen.raise(name, at) | rose),
            ui,
        );
        workspace.accept_heads(
            self.actual
                .folders
                .values()
                .filter_map(|chain| chain.known()),
            ui,
        );
    }
}

/// Who should read each folder, as manifest and recipient files have it.
pub fn desired(
    vault: &Vault,
    manifest: &Manifest,
) -> Result<(Directory, BTreeMap<FolderName, Readers>), Failure> {
    let what = "cannot tell who should read";
    let all = |errors: Vec<String>| {
        let failure = Failure::new(what, Exit::Error);
        errors.into_iter().fold(failure, Failure::cause)
    };
    let directory = Directory::load(vault)
        .map_err(|errors| all(errors.iter().map(ToString::to_string).collect()))?;
    let people = directory.iter().map(|(name, _)| name.clone()).collect();
    let groups: BTreeSet<GroupName> = directory
        .iter()
        .flat_map(|(_, file)| file.groups.iter().cloned())
        .collect();
    let unknown = manifest.check_people(&people, &groups);
    if !unknown.is_empty() {
        let sentences = unknown
            .iter()
            .map(|error| format!("`hoziron.toml`: {error}"));
        return Err(all(sentences.collect()));
    }
    let access = Access {
        groups: &manifest.groups,
        folders: &manifest.access,
    };
    let desired = directory
        .desired(access)
        .map_err(|errors| all(errors.iter().map(ToString::to_string).collect()))?;
    Ok((directory, desired))
}

/// The variables that `config.toml` refers to, and where.
fn references(workspace: &Workspace<'_>) -> Result<BTreeMap<String, Vec<String>>, Failure> {
    let config = load_config(workspace.vault().home());
    let config = config.map_err(|error| Failure::of("cannot make a plan", &error))?;
    let mut references: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for reference in config.iter().flat_map(|config| config.references()) {
        let paths = references
            .entry(reference.variable.to_string())
            .or_default();
        paths.push(reference.path.clone());
    }
    Ok(references)
}

/// The digests of what a plan was made from besides sealed files and statements.
pub fn public_files(workspace: &Workspace<'_>) -> Result<BTreeMap<String, Digest>, Failure> {
    let what = "cannot read what the plan is made from";
    let people = workspace.vault().people();
    let people = people.map_err(|error| Failure::of(what, &error))?;
    let targets = people
        .into_iter()
        .map(Target::Recipient)
        .chain([Target::Manifest]);
    let mut files = BTreeMap::new();
    for target in targets {
        let bytes = workspace.vault().read_target(&target, 1 << 20);
        let bytes = bytes.map_err(|error| Failure::of(what, &error))?;
        files.extend(bytes.map(|bytes| (target.path(), Digest::of(&bytes))));
    }
    Ok(files)
}
