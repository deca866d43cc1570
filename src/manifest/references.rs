//! What the parts of a manifest say of one another: groups of groups, profiles that inherit, values
//! put together from values, moves, key pairs. Nothing may lead back to itself, and what is named must
//! be there. All of it takes time that grows with the size of the file, whatever is in it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;

use crate::domain::{FolderName, GroupName, Member, SecretName};
use crate::manifest::Manifest;
use crate::manifest::declaration::{Declaration, Origin};
use crate::manifest::error::{Near, Problem, Problems};

/// How many values may be put together one from another: whoever reads them need not count.
pub const MAX_COMPOSED: usize = 32;

/// Checks all of it, and declares the public halves of key pairs.
pub(super) fn check(manifest: &mut Manifest, problems: &mut Problems) {
    add_companions(manifest, problems);
    check_groups(manifest, problems);
    check_inheritance(manifest, problems);
    check_composed(manifest, problems);
    check_requirements(manifest, problems);
    check_moves(manifest, problems);
}

/// Who points at whom; every node has an entry.
struct Graph<'a, N>(HashMap<&'a N, Vec<&'a N>>);

impl<'a, N: Eq + Hash + Ord> Graph<'a, N> {
    /// Returns, for each node, the length of the longest way on from it; a node from which a way
    /// leads round has none.
    fn depths(&self) -> HashMap<&'a N, usize> {
        let mut waiting: HashMap<&N, usize> = HashMap::new();
        let mut back: HashMap<&N, Vec<&'a N>> = HashMap::new();
        let mut depths: HashMap<&'a N, usize> = HashMap::new();
        let mut ready = Vec::new();
        for (node, targets) in &self.0 {
            let targets = targets
                .iter()
                .filter(|target| self.0.contains_key(**target));
            let mut count = 0;
            for target in targets {
                back.entry(*target).or_default().push(node);
                count += 1;
            }
            waiting.insert(node, count);
            if count == 0 {
                ready.push(*node);
            }
        }
        while let Some(node) = ready.pop() {
            let depth = *depths.entry(node).or_default();
            for before in back.remove(node).unwrap_or_default() {
                let known = depths.entry(before).or_default();
                *known = (*known).max(depth + 1);
                let count = waiting.get_mut(before).expect("every node waits");
                *count -= 1;
                if *count == 0 {
                    ready.push(before);
                }
            }
        }
        depths.retain(|node, _| waiting[node] == 0);
        depths
    }

    /// Returns the nodes that a way leads back to, of every round one: the smallest.
    fn rounds(&self) -> BTreeSet<&'a N> {
        let depths = self.depths();
        let mut left: BTreeSet<&N> = self.0.keys().copied().collect();
        left.retain(|node| !depths.contains_key(node));
        let mut rounds = BTreeSet::new();
        let mut seen: HashMap<&N, usize> = HashMap::new();
        for (walk, start) in left.iter().enumerate() {
            let mut path = vec![*start];
            let mut node = *start;
            // From a node that is left a way always leads on to one.
            while !seen.contains_key(node) {
                seen.insert(node, walk);
                let next = self.0[node].iter().find(|next| left.contains(**next));
                node = next.expect("what is left has a way on");
                path.push(node);
            }
            if seen[node] == walk {
                let from = path.iter().position(|on| *on == node);
                rounds.extend(path[from.unwrap_or_default()..].iter().min());
            }
        }
        rounds
    }
}

fn add_companions(manifest: &mut Manifest, problems: &mut Problems) {
    let mut pairs = Vec::new();
    for (name, declaration) in &manifest.declarations {
        if let Origin::Generate(generator) = &declaration.origin
            && let Some(public) = generator.companion(name)
        {
            pairs.push((name.clone(), public));
        }
    }
    if pairs.is_empty() {
        return;
    }
    let folded: HashMap<String, SecretName> = manifest
        .declarations
        .keys()
        .map(|name| (name.folded(), name.clone()))
        .collect();
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for (name, public) in pairs {
        let private = &manifest.declarations[&name];
        let line = private.line;
        let taken = |line| Problem::Taken {
            field: "public",
            line,
        };
        if let Some(first) = made.insert(public.folded(), line) {
            problems.on(line, || taken(first));
            continue;
        }
        match folded.get(&public.folded()) {
            None => {
                let companion = Declaration::companion(&name, private);
                manifest.declarations.insert(public, companion);
            }
            Some(declared) => {
                let declaration = manifest
                    .declarations
                    .get_mut(declared)
                    .expect("it was just found there");
                if *declared == public && declaration.origin == Origin::Ask {
                    declaration.origin = Origin::Companion(name);
                } else {
                    let first = declaration.line;
                    problems.on(line, || taken(first));
                }
            }
        }
    }
}

fn check_groups(manifest: &Manifest, problems: &mut Problems) {
    let groups = |members: &'_ Vec<Member>| -> Vec<GroupName> {
        let groups = members.iter().filter_map(|member| match member {
            Member::Group(group) => Some(group.clone()),
            Member::All | Member::Person(_) => None,
        });
        groups.collect()
    };
    let edges: BTreeMap<_, _> = manifest
        .groups
        .iter()
        .map(|(name, members)| (name, groups(members)))
        .collect();
    let graph = edges.iter().map(|(name, to)| (*name, to.iter().collect()));
    for name in Graph(graph.collect()).rounds() {
        let line = manifest.group_lines[name];
        problems.on(line, || Problem::Cycle("groups"));
    }
}

fn check_inheritance(manifest: &Manifest, problems: &mut Problems) {
    let graph = manifest.profiles.iter().map(|(name, profile)| {
        let to = profile.inherits.iter().flatten();
        (name, to.collect())
    });
    for name in Graph(graph.collect()).rounds() {
        let line = manifest.profiles[name].line;
        problems.on(line, || Problem::Cycle("inherits"));
    }
}

fn check_composed(manifest: &Manifest, problems: &mut Problems) {
    let mut visible: HashMap<FolderName, Vec<FolderName>> = HashMap::new();
    let mut edges: BTreeMap<&SecretName, Vec<&SecretName>> = BTreeMap::new();
    for (name, declaration) in &manifest.declarations {
        let Origin::Compose(template) = &declaration.origin else {
            continue;
        };
        let folders = visible
            .entry(name.folder())
            .or_insert_with_key(|folder| manifest.visible(Some(folder)));
        let mut to = Vec::new();
        for key in template.names() {
            match manifest.find(folders, key.as_str()) {
                Some((target, _)) => to.push(target),
                None => problems.on(declaration.line, || Problem::Unknown {
                    what: "a secret that is declared where `compose` looks for it",
                    near: Near::find(
                        key.as_str(),
                        manifest.declarations.keys().map(SecretName::key),
                    ),
                }),
            }
        }
        edges.insert(name, to);
    }
    let graph = Graph(edges.into_iter().collect());
    for name in graph.rounds() {
        let line = manifest.declarations[name].line;
        problems.on(line, || Problem::Cycle("compose"));
    }
    let depths: BTreeMap<_, _> = graph.depths().into_iter().collect();
    for (name, depth) in depths {
        if depth == MAX_COMPOSED {
            problems.on(manifest.declarations[name].line, || Problem::Wrong {
                field: "compose",
                must: "put together in 32 steps at most",
            });
        }
    }
}

fn check_requirements(manifest: &Manifest, problems: &mut Problems) {
    for requirement in &manifest.requirements {
        for folder in &requirement.profiles {
            let folders = manifest.visible(Some(folder));
            for key in &requirement.keys {
                if manifest.find(&folders, key).is_none() {
                    problems.on(requirement.line, || Problem::Unknown {
                        what: "a secret that is declared in each of these profiles",
                        near: Near::find(key, manifest.declarations.keys().map(SecretName::key)),
                    });
                }
            }
        }
    }
}

fn check_moves(manifest: &Manifest, problems: &mut Problems) {
    let mut from: HashMap<&SecretName, usize> = HashMap::new();
    let mut to: HashMap<&SecretName, usize> = HashMap::new();
    for moved in &manifest.moved {
        for (field, name, seen) in [("from", &moved.from, &mut from), ("to", &moved.to, &mut to)] {
            if let Some(line) = seen.insert(name, moved.line) {
                problems.on(moved.line, || Problem::Taken { field, line });
            }
        }
        // Like terraform: what has moved away is no longer declared.
        if let Some(declaration) = manifest.declarations.get(&moved.from) {
            let line = declaration.line;
            problems.on(moved.line, || Problem::Taken {
                field: "from",
                line,
            });
        }
    }
    let mut removed: HashMap<&SecretName, usize> = HashMap::new();
    for (name, line) in manifest.removed.iter().zip(&manifest.removed_lines) {
        let declared = manifest.declarations.get(name).map(|known| known.line);
        let taken = declared
            .or_else(|| removed.insert(name, *line))
            .or_else(|| from.get(name).copied());
        if let Some(first) = taken {
            problems.on(*line, || Problem::Taken {
                field: "removed",
                line: first,
            });
        }
    }
    let graph = manifest
        .moved
        .iter()
        .map(|moved| (&moved.from, vec![&moved.to]));
    for name in Graph(graph.collect()).rounds() {
        let line = from[name];
        problems.on(line, || Problem::Cycle("moved"));
    }
}
