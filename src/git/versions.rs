//! The history of one secret: what each commit that touched its file did, and whether it changed the
//! value or only who reads it. Values are looked at and not kept; a commit of git is asked for with
//! all others at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::path::Path;

use crate::domain::SecretName;
use crate::git::look::{Eye, Look, Value};
use crate::repository::{Content, GitError, ObjectId, Repository, Step, Version};
use crate::sealed::MAX_FILE;
use crate::vault::Target;

/// What a commit did to a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// There was none before.
    Added,
    /// It has another value.
    Changed,
    /// It left both sides of a merge there.
    Conflict,
    /// It took the value of another branch.
    Merged,
    /// It took the file away.
    Removed,
    /// The same value was sealed anew.
    Resealed,
    /// Without a key it cannot be told whether the value changed.
    Unclear,
}

/// What one commit did.
#[derive(Debug)]
pub struct Deed {
    /// The commit.
    pub version: Version,
    /// What it did.
    pub change: Change,
    /// What is known of the file since; `None` if it was removed, or is no file of such a length.
    pub look: Option<Look>,
}

/// What the commits did, the latest first.
#[derive(Debug)]
pub struct Versions {
    /// Each of them.
    pub deeds: Vec<Deed>,
    /// Whether there are older ones.
    pub more: bool,
}

impl Versions {
    /// Looks at the versions of a secret among a commit and its ancestors, the latest `most` of them.
    pub fn find(
        repository: &Repository,
        head: &ObjectId,
        home: &Path,
        name: &SecretName,
        eye: &Eye<'_>,
        most: Option<usize>,
    ) -> Result<Self, GitError> {
        let path = home.join(Target::Sealed(name.clone()).path());
        // One more says whether there are more.
        let mut steps = repository.steps(head, &path, most.map(|most| most.saturating_add(1)))?;
        let more = most.is_some_and(|most| steps.len() > most);
        steps.truncate(most.unwrap_or(usize::MAX));
        let looks = looks(repository, home, name, eye, &steps)?;
        let deed = |step: Step| {
            // What a merge left as it was on this branch, it did not touch.
            let first = step.before.first();
            if first.is_some_and(|first| *first == step.version.blob) {
                return None;
            }
            let of = |blob: &Option<ObjectId>, commit: &ObjectId| {
                looks.get(&(commit.clone(), blob.clone()?))
            };
            let look = of(&step.version.blob, &step.version.commit);
            let parents = step.version.parents.iter().zip(&step.before);
            let before: Vec<_> = parents.map(|(parent, blob)| of(blob, parent)).collect();
            Some(Deed {
                change: change(&step, look, &before),
                look: look.cloned(),
                version: step.version,
            })
        };
        Ok(Self {
            deeds: steps.into_iter().filter_map(deed).collect(),
            more,
        })
    }
}

fn change(step: &Step, look: Option<&Look>, before: &[Option<&Look>]) -> Change {
    if step.version.blob.is_none() {
        return Change::Removed;
    }
    let Some(look) = look else {
        return Change::Unclear;
    };
    let of_another = |blob: &Option<ObjectId>| blob.is_some() && *blob == step.version.blob;
    if step.before.iter().skip(1).any(of_another) {
        return Change::Merged;
    }
    if look.is_conflict() {
        return Change::Conflict;
    }
    let values: Vec<_> = before.iter().flatten().map(|old| look.since(old)).collect();
    match (step.before.iter().flatten().count(), &values[..]) {
        (0, _) => Change::Added,
        (1, [Value::Same]) if step.before[0].is_some() => Change::Resealed,
        (_, values) if values.contains(&Value::Same) => Change::Merged,
        (_, []) => Change::Unclear,
        (_, values) if values.contains(&Value::Unclear) => Change::Unclear,
        _ => Change::Changed,
    }
}

/// What a file was at a commit.
type At = (ObjectId, ObjectId);

/// Looks at every file, each once, and at who could read it at each commit.
fn looks(
    repository: &Repository,
    home: &Path,
    name: &SecretName,
    eye: &Eye<'_>,
    steps: &[Step],
) -> Result<HashMap<At, Look>, GitError> {
    let mut wanted: Vec<At> = Vec::new();
    for step in steps {
        let version = &step.version;
        let parents = version.parents.iter().zip(&step.before);
        let places = parents.chain([(&version.commit, &version.blob)]);
        wanted.extend(places.filter_map(|(commit, blob)| Some((commit.clone(), blob.clone()?))));
    }
    let blobs: HashSet<_> = wanted.iter().map(|(_, blob)| blob.clone()).collect();
    let blobs: Vec<_> = blobs.into_iter().collect();
    let mut files: HashMap<&ObjectId, Look> = HashMap::new();
    repository.objects(&blobs, |index, content| {
        if let Content::There { size, bytes, .. } = content
            && size <= MAX_FILE as u64
        {
            let mut file = Vec::new();
            bytes.read_to_end(&mut file)?;
            files.insert(&blobs[index], eye.look(name, &file));
        }
        Ok::<(), io::Error>(())
    })?;
    // Who had joined by then is what each commit has.
    let mut questions = BTreeSet::new();
    for (commit, blob) in &wanted {
        let joined = files.get(blob).map(|look| look.joined.values());
        questions.extend(joined.into_iter().flatten().map(|place| (commit, place)));
    }
    let paths: Vec<_> = questions
        .iter()
        .map(|(commit, place)| (*commit, home.join(place)))
        .collect();
    let asked = paths.iter().map(|(commit, path)| (*commit, &**path));
    let answers = repository.blobs_of(&asked.collect::<Vec<_>>())?;
    let there: HashMap<_, _> = questions
        .into_iter()
        .zip(answers)
        .map(|(question, answer)| (question, answer.is_some()))
        .collect();
    let look = |at: &At| {
        let (commit, blob) = at;
        let look = files.get(blob)?.clone();
        let by_then = |place: &str| there.get(&(commit, &place.to_owned())) == Some(&true);
        Some((at.clone(), look.as_of(by_then)))
    };
    Ok(wanted.iter().filter_map(look).collect())
}
