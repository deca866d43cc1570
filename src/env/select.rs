//! Which variables a profile has, decided from names alone: what is sealed in its folder and below, then
//! what it inherits, then the manifest's defaults. What must be there and is not is named; what was
//! sealed and is gone is never replaced by something else. Nothing is opened.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use crate::domain::{FolderName, SecretName, VarName};
use crate::env::sources::{SelectError, Source};
use crate::manifest::{MAX_COMPOSED, Manifest, Origin, Template};
use crate::vault::Inventory;
use crate::vault::trust::Seen;

/// The variables of a profile.
#[derive(Debug, Default)]
pub struct Chosen {
    /// Where each comes from.
    pub sources: BTreeMap<VarName, Source>,
    /// How each value is put together that is not stored, and each it needs for that.
    pub recipes: BTreeMap<SecretName, Recipe>,
    /// The values that stand in the manifest.
    pub defaults: BTreeMap<SecretName, String>,
    /// What has no value although it is declared, sorted by name.
    pub missing: Vec<Missing>,
}

/// How a value is put together.
#[derive(Debug)]
pub struct Recipe {
    /// The text around the parts.
    pub template: Template,
    /// The secret that each name means.
    pub parts: BTreeMap<VarName, SecretName>,
}

/// A declared secret without a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The secret.
    pub name: SecretName,
    /// Whether it must be there.
    pub required: bool,
    /// Why there is no value.
    pub why: Absence,
}

/// Why there is no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It was sealed, as this revision at least, and its file is gone.
    Gone(u64),
    /// It was never sealed, as far as this user knows.
    NotSealed,
    /// It is put together from this secret, which has none.
    Part(SecretName),
    /// It is put together in more steps than a manifest may have.
    TooDeep,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.why {
            Absence::Gone(revision) => {
                write!(f, "`{name}` was sealed as revision {revision} and is gone")
            }
            Absence::NotSealed => write!(f, "`{name}` is required and has no value"),
            Absence::Part(part) => {
                write!(
                    f,
                    "`{name}` is put together from `{part}`, which has no value"
                )
            }
            Absence::TooDeep => write!(f, "`{name}` is put together in too many steps"),
        }
    }
}

/// Chooses the variables of a profile. References in a composed value are looked for in the folder
/// that declares it, then in what that inherits.
pub fn select(
    manifest: &Manifest,
    inventory: &Inventory,
    profile: Option<&FolderName>,
    seen: Option<&Seen>,
) -> Result<Chosen, SelectError> {
    let strays = inventory.strays.iter();
    let strays = strays.filter_map(|stray| stray.name.as_ref());
    let mut names: Vec<&SecretName> = inventory.names.iter().chain(strays).collect();
    let moved = manifest.moved.iter().map(|moved| &moved.from);
    let mut chooser = Chooser {
        manifest,
        sealed: names.iter().copied().collect(),
        given: Vec::with_capacity(inventory.names.len()),
        seen,
        agreed: manifest.removed.iter().chain(moved).collect(),
        broken: BTreeMap::new(),
        chosen: Chosen::default(),
    };
    let declared = manifest.declarations.keys();
    let marked = seen.into_iter().flat_map(Seen::names);
    let rest = declared.chain(marked);
    names.extend(rest.filter(|name| !chooser.sealed.contains(name)));
    names.sort_by(|one, other| one.cmp_by_folder(other));
    names.dedup();
    let folders = names.chunk_by(|one, other| one.is_beside(other));
    let folders: Vec<_> = folders.map(|beside| (beside[0].folder(), beside)).collect();
    if let Some(profile) = profile.filter(|profile| !profile.is_top()) {
        chooser.check_profile(profile, folders.iter().map(|(folder, _)| folder))?;
    }
    let visible = manifest.visible(profile);
    let mut candidates: Vec<(usize, &SecretName)> = Vec::with_capacity(names.len());
    for (of, beside) in &folders {
        let takes = |folder: &FolderName| folder == of || (!folder.is_top() && folder.holds(of));
        if let Some(place) = visible.iter().position(takes) {
            candidates.extend(beside.iter().map(|&name| (place, name)));
        }
    }
    candidates.sort_by(|one, other| one.1.key().cmp(other.1.key()).then_with(|| one.cmp(other)));
    for names in candidates.chunk_by(|one, other| one.1.key() == other.1.key()) {
        chooser.choose(VarName::of(names[0].1), names)?;
    }
    let mut chosen = chooser.chosen;
    chosen.sources = chooser.given.into_iter().collect();
    chosen
        .missing
        .sort_by(|one, other| one.name.cmp(&other.name));
    Ok(chosen)
}

/// What becomes of a variable.
enum Choice<'a> {
    Given(Source),
    Required(&'a SecretName),
}

struct Chooser<'a> {
    manifest: &'a Manifest,
    // Also what stands in a sealed file's place: opening it says what it is.
    sealed: HashSet<&'a SecretName>,
    // Where each variable comes from, in their order.
    given: Vec<(VarName, Source)>,
    seen: Option<&'a Seen>,
    // Names that the manifest lets go.
    agreed: BTreeSet<&'a SecretName>,
    broken: BTreeMap<SecretName, Absence>,
    chosen: Chosen,
}

impl<'a> Chooser<'a> {
    fn check_profile<'f>(
        &'f self,
        profile: &FolderName,
        folders: impl Iterator<Item = &'f FolderName>,
    ) -> Result<(), SelectError> {
        let folders = folders.chain(self.manifest.profiles.keys());
        let folders: BTreeSet<_> = folders.filter(|folder| !folder.is_top()).collect();
        if folders.iter().any(|folder| profile.holds(folder)) {
            return Ok(());
        }
        Err(SelectError::NoProfile {
            profile: profile.clone(),
            folders: folders.into_iter().cloned().collect(),
        })
    }

    fn choose(
        &mut self,
        variable: VarName,
        names: &[(usize, &'a SecretName)],
    ) -> Result<(), SelectError> {
        let missing = match self.decide(&variable, names)? {
            None => return Ok(()),
            Some(Choice::Required(name)) => Missing {
                name: name.clone(),
                required: true,
                why: self.mark(name).map_or(Absence::NotSealed, Absence::Gone),
            },
            Some(Choice::Given(source)) => match self.prepare(&source, 0)? {
                None => {
                    self.given.push((variable, source));
                    return Ok(());
                }
                Some((name, why)) => {
                    let declaration = self.manifest.declarations.get(&name);
                    Missing {
                        required: declaration.is_some_and(|declaration| declaration.required),
                        name,
                        why,
                    }
                }
            },
        };
        self.chosen.missing.push(missing);
        Ok(())
    }

    /// Decides between the secrets of one key, in the order in which they count; those of one folder
    /// are of the same rank.
    fn decide(
        &self,
        variable: &VarName,
        names: &[(usize, &'a SecretName)],
    ) -> Result<Option<Choice<'a>>, SelectError> {
        let mut gone: Option<(&SecretName, u64)> = None;
        let mut default: Option<Source> = None;
        for group in names.chunk_by(|one, other| one.0 == other.0) {
            let names = || group.iter().map(|(_, name)| *name);
            let stored = one(variable, names().filter_map(|name| self.stored(name)))?;
            // Only what is sealed can stand in for something that was sealed in the same folder.
            let is_sealed = matches!(stored, Some(Source::Vault(_)));
            let lost = names().find_map(|name| Some((name, self.mark(name)?)));
            if !is_sealed {
                gone = gone.or(lost);
            }
            if let Some(source) = stored {
                return instead_of(gone, source).map(Choice::Given).map(Some);
            }
            let own = one(variable, names().filter_map(|name| self.default(name)))?;
            default = default.or(own);
            if default.is_none()
                && let Some(name) = names().find(|name| self.is_required(name))
            {
                return Ok(Some(Choice::Required(name)));
            }
        }
        match default {
            Some(source) => instead_of(gone, source).map(Choice::Given).map(Some),
            None => Ok(None),
        }
    }

    fn origin(&self, name: &SecretName) -> Option<&'a Origin> {
        let declaration = self.manifest.declarations.get(name);
        declaration.map(|declaration| &declaration.origin)
    }

    fn stored(&self, name: &SecretName) -> Option<Source> {
        if self.sealed.contains(name) {
            return Some(Source::Vault(name.clone()));
        }
        let composed = matches!(self.origin(name), Some(Origin::Compose(_)));
        composed.then(|| Source::Composed(name.clone()))
    }

    fn default(&self, name: &SecretName) -> Option<Source> {
        let default = matches!(self.origin(name), Some(Origin::Default(_)));
        default.then(|| Source::Default(name.clone()))
    }

    fn is_required(&self, name: &SecretName) -> bool {
        let declaration = self.manifest.declarations.get(name);
        declaration.is_some_and(|declaration| declaration.required)
    }

    /// The revision that this user has seen of a name that is gone, if nobody agreed to that.
    fn mark(&self, name: &SecretName) -> Option<u64> {
        if self.sealed.contains(name) || self.agreed.contains(name) {
            return None;
        }
        self.seen.and_then(|seen| seen.revision(name))
    }

    /// Gathers what a source needs besides sealed files; says what has no value, and why.
    fn prepare(
        &mut self,
        source: &Source,
        depth: usize,
    ) -> Result<Option<(SecretName, Absence)>, SelectError> {
        let name = match source {
            Source::Composed(name) => name,
            Source::Default(name) => {
                if let Some(Origin::Default(text)) = self.origin(name) {
                    self.chosen.defaults.insert(name.clone(), text.clone());
                }
                return Ok(None);
            }
            Source::DotEnv { .. } | Source::Process | Source::Vault(_) => return Ok(None),
        };
        let Some(Origin::Compose(template)) = self.origin(name) else {
            return Ok(None);
        };
        if self.chosen.recipes.contains_key(name) {
            return Ok(None);
        }
        if let Some(why) = self.broken.get(name) {
            return Ok(Some((name.clone(), why.clone())));
        }
        let why = if depth > MAX_COMPOSED {
            Absence::TooDeep
        } else {
            match self.parts(name, template, depth)? {
                Ok(parts) => {
                    let template = template.clone();
                    let recipe = Recipe { template, parts };
                    self.chosen.recipes.insert(name.clone(), recipe);
                    return Ok(None);
                }
                Err(why) => why,
            }
        };
        self.broken.insert(name.clone(), why.clone());
        Ok(Some((name.clone(), why)))
    }

    fn parts(
        &mut self,
        name: &SecretName,
        template: &Template,
        depth: usize,
    ) -> Result<Result<BTreeMap<VarName, SecretName>, Absence>, SelectError> {
        let manifest = self.manifest;
        let visible = manifest.visible(Some(&name.folder()));
        let mut parts = BTreeMap::new();
        for variable in template.names() {
            // As the manifest is checked: a folder's own secrets, not those below it.
            let names = visible
                .iter()
                .enumerate()
                .filter_map(|(at, folder)| Some((at, self.known(folder, variable)?)));
            let names: Vec<_> = names.collect();
            let part = match self.decide(variable, &names)? {
                Some(Choice::Given(source)) => match self.prepare(&source, depth + 1)? {
                    None => source.secret().cloned(),
                    Some((_, why)) => return Ok(Err(why)),
                },
                Some(Choice::Required(part)) => return Ok(Err(Absence::Part(part.clone()))),
                None => None,
            };
            let Some(part) = part else {
                let declared = manifest.find(&visible, variable.as_str());
                let part = declared.map_or(name, |(part, _)| part);
                return Ok(Err(Absence::Part(part.clone())));
            };
            parts.insert(variable.clone(), part);
        }
        Ok(Ok(parts))
    }

    /// Finds a name of a folder that is sealed or declared.
    fn known(&self, folder: &FolderName, key: &VarName) -> Option<&'a SecretName> {
        let name = SecretName::within(folder, key.as_str()).ok()?;
        let declared = self.manifest.declarations.get_key_value(&name);
        let sealed = self.sealed.get(&name).copied();
        declared.map(|(name, _)| name).or(sealed)
    }
}

/// The one source of a folder; two of them are an error.
fn one(
    variable: &VarName,
    mut sources: impl Iterator<Item = Source>,
) -> Result<Option<Source>, SelectError> {
    let first = sources.next();
    match (first.as_ref().and_then(Source::secret), sources.next()) {
        (Some(name), Some(second)) => Err(SelectError::Ambiguous {
            variable: variable.clone(),
            first: name.clone(),
            second: second.secret().unwrap_or(name).clone(),
        }),
        _ => Ok(first),
    }
}

/// Refuses what would take the place of something that is gone.
fn instead_of(gone: Option<(&SecretName, u64)>, instead: Source) -> Result<Source, SelectError> {
    match gone {
        None => Ok(instead),
        Some((name, revision)) => Err(SelectError::Gone {
            name: name.clone(),
            revision,
            instead,
        }),
    }
}

#[cfg(test)]
mod tests;
