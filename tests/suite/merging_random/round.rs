//! A vault on which several people work at several machines: a random base, and a random branch's work,
//! done by the real binary and noted in the model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hoziron::sealed::read_facts;
use serde_json::{Map, Value};

use super::model::{Branch, Epoch, Held};
use crate::departures::Dice;
use crate::forge::vault_id;
use crate::gits::Git;
use crate::house::{House, Outcome, finish, is_present};

/// So many of them by one merge of git's.
pub const SECRETS: usize = 50;

const FOLDERS: [&str; 4] = ["", "prod/", "dev/", "dev/eu/"];

/// Those who are in from the start or not, the one who joins on our branch, and on theirs.
pub const PEOPLE: [&str; 4] = ["bob", "carol", "dave", "erin"];

/// Some text for a number, unlike any other.
pub fn text(number: usize) -> String {
    let mark = mark(number);
    match number % 4 {
        0 => mark,
        1 => format!("{mark}\n\"two\\lines\"\u{e9} 'x'"),
        2 => format!("{mark}{}", "long ".repeat(200)),
        _ => format!("{{\"key\": \"{mark}\", \"more\": [1, 2]}}"),
    }
}

/// What is in the text and is written like this however it is quoted.
pub fn mark(number: usize) -> String {
    format!("value-{number:06}-ends")
}

/// Who does something: with a state of one's own, as on another machine.
#[derive(Clone, Copy, Debug)]
pub struct Actor {
    pub who: &'static str,
    pub state: &'static str,
}

/// A vault and the machines of those who work on it.
pub struct Round {
    pub house: House,
    git: Git,
    pub dice: Dice,
    pub context: String,
    id: String,
    made: usize,
    keys: usize,
    /// `prod` has keys of its own, which only alice has.
    own_prod: bool,
}

impl Round {
    pub fn new(git: &Git, seed: u64) -> Self {
        let house = House::new();
        for person in PEOPLE {
            let key = age::x25519::Identity::generate();
            let secret = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
            let path = house.root().join(person);
            fs::write(&path, format!("{secret}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            let public = house.root().join(format!("{person}.pub"));
            fs::write(public, format!("{}\n", key.to_public())).unwrap();
        }
        house.run(["git", "install"]).ok();
        let id = vault_id(&house);
        let mut dice = Dice(seed);
        let own_prod = dice.roll(2) == 0;
        Self {
            house,
            git: git.clone(),
            dice,
            context: format!("round {seed}, {}", git.version),
            id,
            made: 0,
            keys: 0,
            own_prod,
        }
    }

    fn as_one(&self, mut command: Command, actor: Actor) -> Command {
        let state = self.house.root().join("states").join(actor.state);
        command
            .env("PATH", self.git.path())
            .env("XDG_STATE_HOME", state);
        command
    }

    pub fn run(&self, actor: Actor, words: &[&str]) -> Outcome {
        let mut command = self.as_one(self.house.hoziron(words), actor);
        if actor.who != "alice" {
            command
                .env("HOME", self.house.root().join("nobody"))
                .arg("--identity")
                .arg(self.house.root().join(actor.who))
                .args(["--pin", &self.id]);
        }
        finish(&mut command, b"")
    }

    #[track_caller]
    pub fn done(&self, actor: Actor, words: &[&str]) -> String {
        let outcome = self.run(actor, words);
        let context = &self.context;
        assert_eq!(
            outcome.code(),
            0,
            "{context}: {words:?}: {}",
            outcome.stderr
        );
        String::from_utf8(outcome.stdout).unwrap()
    }

    pub fn git(&self, actor: Actor, words: &[&str], input: &[u8]) -> Outcome {
        let mut command = self.as_one(self.house.program("git"), actor);
        command.args(words);
        finish(&mut command, input)
    }

    #[track_caller]
    pub fn asked(&self, actor: Actor, words: &[&str], input: &str) -> String {
        let outcome = self.git(actor, words, input.as_bytes());
        let context = &self.context;
        assert_eq!(
            outcome.code(),
            0,
            "{context}: {words:?}: {}",
            outcome.stderr
        );
        String::from_utf8(outcome.stdout).unwrap()
    }

    /// Makes the vault what recipients and manifest say.
    pub fn apply(&self, actor: Actor, more: &[&str]) {
        let words = [&["apply", "--yes"], more].concat();
        let refused = self.run(actor, &words);
        if refused.code() == 0 {
            return;
        }
        let context = &self.context;
        let Some((_, digest)) = refused.stderr.split_once("--accept-recipients ") else {
            panic!("{context}: {words:?}: {}", refused.stderr);
        };
        let digest = digest.split(['`', ' ', '\n']).next().unwrap();
        self.done(
            actor,
            &[&words[..], &["--accept-recipients", digest]].concat(),
        );
    }

    pub fn commit(&self, actor: Actor, message: &str) {
        self.asked(actor, &["add", "-A"], "");
        let words = ["commit", "-q", "--allow-empty", "-m", message];
        self.asked(actor, &words, "");
    }

    pub fn chain(&self, name: &str) -> usize {
        usize::from(self.own_prod && name.starts_with("prod/"))
    }

    /// How many keys a chain has.
    fn count(&self, chain: usize) -> usize {
        let folder = self.house.vault(["", "prod"][chain]).join(".keys");
        fs::read_dir(folder).map_or(0, Iterator::count)
    }

    pub fn recipient(&self, person: &str) -> PathBuf {
        self.house.home().join(format!("recipients/{person}.pub"))
    }

    fn let_in(&self, person: &str) {
        let public = self.house.root().join(format!("{person}.pub"));
        fs::copy(public, self.recipient(person)).unwrap();
    }

    pub fn fresh(&mut self) -> usize {
        self.made += 1;
        self.made
    }

    /// Seals values, whatever there was.
    fn seal(&self, actor: Actor, values: &BTreeMap<String, usize>) {
        if values.is_empty() {
            return;
        }
        let mut top = Map::new();
        for (name, number) in values {
            let mut parts: Vec<_> = name.split('/').collect();
            let last = parts.pop().unwrap();
            let mut table = &mut top;
            for part in parts {
                let entry = table.entry(part).or_insert_with(|| Map::new().into());
                table = entry.as_object_mut().unwrap();
            }
            table.insert(last.to_owned(), text(*number).into());
        }
        let file = self.house.root().join("values.json");
        fs::write(&file, Value::Object(top).to_string()).unwrap();
        let words = ["vault", "import", "--yes", file.to_str().unwrap()];
        self.done(actor, &words);
    }

    /// A vault with random secrets and readers, committed.
    pub fn base(&mut self, actor: Actor) -> Branch {
        let mut members = BTreeSet::from(["alice"]);
        for person in ["bob", "carol"] {
            if self.dice.roll(3) > 0 {
                members.insert(person);
                self.let_in(person);
            }
        }
        let mut values = BTreeMap::new();
        for index in 0..SECRETS {
            let name = format!("{}S{index}", FOLDERS[self.dice.roll(4)]);
            // The rest may be added later.
            if self.dice.roll(6) > 0 {
                values.insert(name, self.fresh());
            }
        }
        values.insert("prod/FIRST".to_owned(), self.fresh());
        self.seal(actor, &values);
        if self.own_prod {
            let path = self.house.home().join("hoziron.toml");
            let manifest = fs::read_to_string(&path).unwrap();
            fs::write(path, format!("{manifest}\n[access]\nprod = [\"alice\"]\n")).unwrap();
        }
        self.apply(actor, &[]);
        self.commit(actor, "base");
        self.keys = 2;
        let epoch = |chain, readers: &BTreeSet<_>| Epoch {
            chain,
            readers: readers.clone(),
            parent: None,
        };
        let held = |(name, value): (String, usize)| {
            let epoch = self.chain(&name);
            (name, Held { value, epoch })
        };
        Branch {
            held: values.into_iter().map(held).collect(),
            epochs: BTreeMap::from([
                (0, epoch(0, &members)),
                (1, epoch(1, &BTreeSet::from(["alice"]))),
            ]),
            heads: [Some(0), Some(1)],
            members,
        }
    }

    /// Random work on values: by one who reads them.
    fn work(&mut self, branch: &mut Branch, actor: Actor, shared: &BTreeMap<String, usize>) {
        let rotated = self.rotate(branch, actor);
        let (mut values, mut between) = (BTreeMap::new(), BTreeMap::new());
        for name in shared.keys().filter(|name| Some(*name) != rotated.as_ref()) {
            let name = name.clone();
            if actor.who != "alice" && self.chain(&name) == 1 {
                continue;
            }
            let epoch = branch.heads[self.chain(&name)].unwrap();
            let there = branch.held.get(&name).cloned();
            match (self.dice.roll(12), there) {
                (0 | 1, _) => {
                    values.insert(name, self.fresh());
                }
                (2, _) => {
                    values.insert(name.clone(), shared[&name]);
                }
                // Sealed anew, with the same value: it was another one meanwhile.
                (3, Some(held)) => {
                    between.insert(name.clone(), self.fresh());
                    values.insert(name, held.value);
                }
                (4, Some(_)) if self.dice.roll(2) == 0 => {
                    self.done(actor, &["vault", "remove", &name, "--yes"]);
                    branch.held.remove(&name);
                }
                (5, Some(held)) if self.dice.roll(3) == 0 => {
                    let to = format!("{name}_RENAMED");
                    if !branch.held.contains_key(&to) {
                        self.done(actor, &["vault", "rename", &name, &to]);
                        branch.held.remove(&name);
                        let value = held.value;
                        branch.held.insert(to, Held { value, epoch });
                    }
                }
                _ => {}
            }
        }
        self.seal(actor, &between);
        self.seal(actor, &values);
        for (name, value) in values {
            let epoch = branch.heads[self.chain(&name)].unwrap();
            branch.held.insert(name, Held { value, epoch });
        }
    }

    /// A value is set by a plan, which seals everything for its readers. Says whose.
    fn rotate(&mut self, branch: &mut Branch, actor: Actor) -> Option<String> {
        if actor.who != "alice" || self.dice.roll(2) == 0 {
            return None;
        }
        let names = branch.held.keys().filter(|name| !name.contains('/'));
        let names: Vec<_> = names.cloned().collect();
        let name = names.get(self.dice.roll(names.len().max(1)))?.clone();
        // One that a line of `.env` can say.
        let value = self.fresh().next_multiple_of(4);
        self.made = value;
        let input = self.house.root().join("input.env");
        fs::write(&input, format!("{name}={}\n", text(value))).unwrap();
        let input = input.to_str().unwrap();
        self.apply(actor, &["--input", input, "--rotate", &name]);
        branch.held.insert(name.clone(), Held { value, epoch: 0 });
        for (name, held) in &mut branch.held {
            held.epoch = branch.heads[self.chain(name)].unwrap();
        }
        Some(name)
    }

    /// Somebody joins or leaves, the key is made anew, or nothing of it.
    fn event(&mut self, branch: &mut Branch, actor: Actor, joiner: &'static str) {
        let before = [self.count(0), self.count(1)];
        let kind = self.dice.roll(6);
        let leaver = ["bob", "carol"][self.dice.roll(2)];
        match kind {
            0 => {
                self.let_in(joiner);
                self.apply(actor, &[]);
                branch.members.insert(joiner);
            }
            1 => {
                self.let_in(joiner);
                self.apply(actor, &["--new-key"]);
                branch.members.insert(joiner);
            }
            2 | 3 if branch.members.contains(leaver) => {
                fs::remove_file(self.recipient(leaver)).unwrap();
                self.apply(actor, &[]);
                branch.members.remove(leaver);
            }
            4 => drop(self.done(actor, &["vault", "rekey", "--yes"])),
            _ => return,
        }
        for (chain, before) in before.into_iter().enumerate() {
            let old = branch.heads[chain].unwrap();
            let readers = match chain {
                0 => branch.members.clone(),
                _ => BTreeSet::from(["alice"]),
            };
            if self.count(chain) == before {
                branch.epochs.get_mut(&old).unwrap().readers = readers;
                continue;
            }
            let parent = Some(old);
            branch.heads[chain] = Some(self.keys);
            let epoch = Epoch {
                chain,
                readers,
                parent,
            };
            branch.epochs.insert(self.keys, epoch);
            self.keys += 1;
        }
        let old = branch.held.clone();
        for (name, held) in &mut branch.held {
            held.epoch = branch.heads[self.chain(name)].unwrap();
        }
        // Not everything is sealed anew on this branch, as if it came from a third one.
        if kind < 2 || kind == 4 {
            let tree = self.asked(actor, &["ls-files", "-s"], "");
            for line in tree.lines() {
                let Some(name) = secret(line.split_once('\t').unwrap().1) else {
                    continue;
                };
                let Some(was) = old.get(name) else { continue };
                if self.dice.roll(3) == 0 && self.is_committed(name, was) {
                    let path = format!(".hoziron/vault/{name}.age");
                    self.asked(actor, &["checkout", "-q", "HEAD", "--", &path], "");
                    branch.held.insert(name.to_owned(), was.clone());
                }
            }
        }
    }

    /// Says whether what is held was committed like this: not if it was set since.
    fn is_committed(&self, name: &str, held: &Held) -> bool {
        let path = format!(".hoziron/vault/{name}.age");
        let file = self.git(ALICE, &["show", &format!("HEAD:{path}")], b"");
        file.status.success() && self.opens("alice", &file.stdout) == Some(text(held.value))
    }

    /// One branch's work.
    pub fn branch(
        &mut self,
        base: &Branch,
        side: Side,
        shared: &BTreeMap<String, usize>,
    ) -> Branch {
        let alice = Actor {
            who: "alice",
            state: side.branch,
        };
        self.asked(alice, &["checkout", "-q", side.branch], "");
        let mut branch = base.clone();
        for part in 0..2 {
            let mut readers = branch.members.iter().filter(|who| **who != "alice");
            let writer = match (side.branch, readers.next(), self.dice.roll(3)) {
                ("side", Some(who), 1..) => Actor { who, state: "else" },
                _ => alice,
            };
            self.work(&mut branch, writer, shared);
            if part == 0 {
                // Elsewhere, for what is put back afterwards was never seen here.
                let elsewhere = Actor {
                    who: "alice",
                    state: side.joiner,
                };
                self.event(&mut branch, elsewhere, side.joiner);
            }
        }
        self.commit(alice, side.branch);
        branch
    }

    /// What a person's key opens.
    pub fn opens(&self, person: &str, file: &[u8]) -> Option<String> {
        let path = match person {
            "alice" => self.house.identity(),
            _ => self.house.root().join(person),
        };
        let identity = fs::read_to_string(path).unwrap();
        let mut lines = identity.lines();
        let line = lines.find(|line| line.starts_with("AGE-SECRET-KEY-1"));
        let identity: age::x25519::Identity = line.unwrap().parse().unwrap();
        let value = age::decrypt(&identity, file).ok()?;
        Some(String::from_utf8(value).unwrap())
    }

    /// What stock programs open it to.
    pub fn judged(&self, file: &[u8], name: &str) -> String {
        let judges = ["age", "rage"].into_iter();
        let mut said = judges.filter(|judge| is_present(judge)).map(|judge| {
            let mut program = self.house.program(judge);
            let run = finish(program.arg("-d").arg("-i").arg(self.house.identity()), file);
            let context = &self.context;
            assert_eq!(run.code(), 0, "{context}: {judge} {name}: {}", run.stderr);
            String::from_utf8(run.stdout).unwrap()
        });
        let first = said.next().unwrap();
        assert!(said.all(|other| other == first));
        first
    }

    /// The blob of each secret of a commit.
    pub fn tree(&self, commit: &str) -> BTreeMap<String, String> {
        let listed = self.asked(ALICE, &["ls-tree", "-r", commit], "");
        let blob = |line: &str| {
            let (facts, path) = line.split_once('\t')?;
            let blob = facts.rsplit(' ').next()?;
            Some((secret(path)?.to_owned(), blob.to_owned()))
        };
        listed.lines().filter_map(blob).collect()
    }

    /// Waits until the clock has passed every revision. Who makes a secret anew that another has removed
    /// knows nothing of that one's revision but that it lies in the past.
    pub fn let_the_clock_pass(&self) {
        let tree = self.tree("HEAD");
        let files = tree.keys().filter_map(|name| self.file(name));
        let revisions = files.map(|file| read_facts(&file).unwrap().revision);
        let last = UNIX_EPOCH + Duration::from_secs(revisions.max().unwrap_or_default() + 1);
        thread::sleep(last.duration_since(SystemTime::now()).unwrap_or_default());
    }

    pub fn file(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.house.vault(&format!("{name}.age"))).ok()
    }
}

/// Who looks at the repository and does nothing.
const ALICE: Actor = Actor {
    who: "alice",
    state: "looks",
};

/// A branch, and who joins on it.
#[derive(Clone, Copy)]
pub struct Side {
    pub branch: &'static str,
    pub joiner: &'static str,
}

/// The name of a sealed file's secret.
pub fn secret(path: &str) -> Option<&str> {
    let inside = path.strip_prefix(".hoziron/vault/")?;
    let name = inside.strip_suffix(".age")?;
    (!name.contains(".keys/")).then_some(name)
}
