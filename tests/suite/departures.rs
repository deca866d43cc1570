//! Random histories of a team, with the real git and the real `age`: what `vault exposure` and the plan
//! say somebody who left has seen is exactly what the old key opens in git's history and what was not
//! changed since; and nothing at HEAD opens with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use crate::house::{House, finish, has_judge, is_present};
use crate::stand::digest;

/// How many histories are played.
const HISTORIES: u64 = 200;

/// How many steps a history has.
const STEPS: usize = 10;

const NAMES: [&str; 5] = ["A", "B", "C", "dev/A", "dev/B"];

/// Random numbers that are the same in each run (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    /// A number below so many.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % sides as u64) as usize
    }
}

/// A team with a vault: alice, who keeps it, and bob and carol, who come and go.
struct Team {
    house: House,
    /// The value of each secret.
    values: BTreeMap<String, String>,
    made: usize,
}

impl Team {
    fn new() -> Self {
        let house = House::new();
        for person in ["bob", "carol"] {
            let key = age::x25519::Identity::generate();
            let text = age::secrecy::ExposeSecret::expose_secret(&key.to_string()).to_owned();
            let path = house.root().join(person);
            fs::write(&path, format!("{text}\n")).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
            let public = house.root().join(format!("{person}.pub"));
            fs::write(public, format!("{}\n", key.to_public())).unwrap();
        }
        house.commit("init");
        Self {
            house,
            values: BTreeMap::new(),
            made: 0,
        }
    }

    fn key(&self, person: &str) -> PathBuf {
        self.house.root().join(person)
    }

    fn recipient(&self, person: &str) -> PathBuf {
        self.house.home().join(format!("recipients/{person}.pub"))
    }

    /// A value that was never there before.
    fn value(&mut self) -> String {
        self.made += 1;
        format!("value-{:04}", self.made)
    }

    fn set(&mut self, name: &str) {
        let value = self.value();
        let set = self.house.feed(["vault", "set", name], value.as_bytes());
        set.ok();
        self.values.insert(name.to_owned(), value);
    }

    /// Makes the vault what recipients and manifest say.
    fn apply(&self, more: &[&str]) {
        let plan = self.house.run(["plan", "--json"]).ok();
        let plan: Value = serde_json::from_slice(&plan).unwrap();
        let mut words = vec!["apply", "--yes"];
        let digest = match &plan["recipients_digest"] {
            Value::Null => String::new(),
            _ => digest(&self.house),
        };
        if !digest.is_empty() {
            words.extend(["--accept-recipients", &digest]);
        }
        words.extend(more);
        self.house.run(words).ok();
    }

    fn some_name(&self, dice: &mut Dice) -> Option<String> {
        let count = self.values.len().max(1);
        self.values.keys().nth(dice.roll(count)).cloned()
    }

    /// One step of the team's life, committed.
    fn step(&mut self, dice: &mut Dice) {
        let person = ["bob", "carol"][dice.roll(2)];
        match dice.roll(10) {
            0 | 1 => {
                let public = self.house.root().join(format!("{person}.pub"));
                fs::copy(public, self.recipient(person)).unwrap();
                self.apply(&[]);
            }
            2 | 3 => {
                if self.recipient(person).exists() {
                    fs::remove_file(self.recipient(person)).unwrap();
                    self.apply(&[]);
                }
            }
            4 => self.rename(dice),
            5 => self.remove(dice),
            6 => self.rotate(dice),
            7 => self.branches(dice),
            _ => self.set(NAMES[dice.roll(NAMES.len())]),
        }
        self.house.git(["add", "-A"]);
        self.house
            .git(["commit", "-q", "--allow-empty", "-m", "step"]);
    }

    fn rename(&mut self, dice: &mut Dice) {
        let Some(from) = self.some_name(dice) else {
            return;
        };
        let free = NAMES.iter().find(|name| !self.values.contains_key(**name));
        if let Some(to) = free {
            self.house.run(["vault", "rename", &from, to]).ok();
            let value = self.values.remove(&from).unwrap();
            self.values.insert((*to).to_owned(), value);
        }
    }

    fn remove(&mut self, dice: &mut Dice) {
        if let Some(name) = self.some_name(dice) {
            self.house.run(["vault", "remove", &name, "--yes"]).ok();
            self.values.remove(&name);
        }
    }

    /// A new value through `apply`, as for a rotation.
    fn rotate(&mut self, dice: &mut Dice) {
        let Some(name) = self.some_name(dice) else {
            return;
        };
        let value = self.value();
        let key = name.rsplit('/').next().unwrap();
        let input = self.house.root().join("input.env");
        fs::write(&input, format!("{key}={value}\n")).unwrap();
        let input = input.to_str().unwrap();
        let profile: &[&str] = match name.rsplit_once('/') {
            Some((folder, _)) => &["-P", folder],
            None => &[],
        };
        self.apply(&[&["--input", input, "--rotate", &name], profile].concat());
        self.values.insert(name, value);
    }

    /// Two branches that touch different files, merged by git without a driver.
    fn branches(&mut self, dice: &mut Dice) {
        let git = |words: &[&str]| self.house.git(words);
        git(&["commit", "-q", "--allow-empty", "-m", "base"]);
        git(&["checkout", "-q", "-b", "side"]);
        let at = dice.roll(NAMES.len());
        let other = (at + 1 + dice.roll(NAMES.len() - 1)) % NAMES.len();
        self.set(NAMES[at]);
        self.house.commit("side");
        self.house.git(["checkout", "-q", "main"]);
        self.set(NAMES[other]);
        self.house.commit("main");
        self.house
            .git(["merge", "-q", "--no-edit", "-m", "merge", "side"]);
        self.house.git(["branch", "-q", "-D", "side"]);
    }

    /// What a key opens of the bytes of a sealed file.
    fn opens(&self, judge: &str, person: &str, file: &[u8]) -> Option<String> {
        let mut program = self.house.program(judge);
        let run = finish(program.arg("-d").arg("-i").arg(self.key(person)), file);
        let opened = run.status.success();
        opened.then(|| String::from_utf8(run.stdout).unwrap())
    }

    /// Every value that a key opens in any version of any file in git's history.
    fn seen(&self, person: &str) -> BTreeSet<String> {
        let listed = self.house.git(["rev-list", "--objects", "--all"]);
        let files = listed.lines().filter_map(|line| line.split_once(' '));
        let files = files.filter(|(_, path)| {
            path.starts_with(".hoziron/vault/")
                && path.ends_with(".age")
                && !path.contains("/.keys/")
        });
        let blobs: BTreeSet<&str> = files.map(|(blob, _)| blob).collect();
        let open = |blob: &&str| {
            let file = self.house.git(["cat-file", "blob", blob]);
            self.opens("age", person, file.as_bytes())
        };
        blobs.iter().filter_map(open).collect()
    }

    /// The names that the plan says this person has seen and may not any more.
    fn exposed(&self, person: &str) -> BTreeSet<String> {
        let plan = self.house.run(["plan", "--json"]).ok();
        let plan: Value = serde_json::from_slice(&plan).unwrap();
        let attention = plan["attention"].as_array().unwrap();
        let seen = attention.iter().filter(|one| {
            let reason = one["reason"].as_str().unwrap();
            one["action"] == "must-rotate" && reason.contains(person)
        });
        seen.map(|one| one["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The names that `vault exposure` lists, of somebody who was ever let in.
    fn listed(&self, person: &str, context: &str) -> BTreeSet<String> {
        let exposure = self.house.run(["vault", "exposure", person, "--json"]);
        if exposure.code() == 1 && exposure.stderr.contains("was ever let in") {
            return BTreeSet::new();
        }
        let exposure: Value = serde_json::from_slice(&exposure.ok()).unwrap();
        assert_eq!(exposure["name"], person, "{context}");
        assert_eq!(exposure["unclear"], serde_json::json!([]), "{context}");
        let exposed = exposure["exposed"].as_array().unwrap().iter();
        let names = exposed.map(|one| one["secret"].as_str().unwrap().to_owned());
        names.collect()
    }

    fn judge(&self, context: &str) {
        let list = String::from_utf8(self.house.run(["vault", "list"]).ok()).unwrap();
        assert!(list.lines().eq(self.values.keys()), "{context}: {list}");
        for person in ["bob", "carol"] {
            if self.recipient(person).exists() {
                assert_eq!(self.exposed(person), BTreeSet::new(), "{context}: {person}");
                let listed = self.listed(person, context);
                assert_eq!(listed, BTreeSet::new(), "{context}: {person}");
                continue;
            }
            let seen = self.seen(person);
            let still = self
                .values
                .iter()
                .filter(|(_, value)| seen.contains(*value))
                .map(|(name, _)| name.clone())
                .collect::<BTreeSet<_>>();
            assert_eq!(self.listed(person, context), still, "{context}: {person}");
            assert_eq!(self.exposed(person), still, "{context}: {person}");
            self.judge_head(person, context);
        }
    }

    /// Nothing at HEAD opens with a key that was removed: no value, and no folder key.
    fn judge_head(&self, person: &str, context: &str) {
        let listed = self.house.git(["ls-tree", "-r", "--name-only", "HEAD"]);
        for path in listed.lines().filter(|path| path.ends_with(".age")) {
            let file = fs::read(self.house.repo().join(path)).unwrap();
            for judge in ["age", "rage"]
                .into_iter()
                .filter(|judge| is_present(judge))
            {
                let opened = self.opens(judge, person, &file);
                assert_eq!(opened, None, "{context}: {judge} opens {path} for {person}");
            }
        }
    }
}

/// One history; `judged` after how many steps it is looked at, besides at its end.
fn play(seed: u64) {
    let mut dice = Dice(seed);
    let mut team = Team::new();
    team.set("A");
    team.house.commit("first");
    for step in 0..STEPS {
        team.step(&mut dice);
        if step == STEPS / 2 {
            team.judge(&format!("history {seed}, step {step}"));
        }
    }
    team.judge(&format!("history {seed}"));
}

#[test]
fn the_exposure_is_what_an_old_key_opens_in_the_history() {
    let test = "the_exposure_is_what_an_old_key_opens_in_the_history";
    if !has_judge("age", test) || !has_judge("git", test) {
        return;
    }
    std::thread::scope(|scope| {
        let half = |part: u64| {
            (0..HISTORIES)
                .filter(move |seed| seed % 2 == part)
                .for_each(play)
        };
        let other = scope.spawn(move || half(1));
        half(0);
        other.join().unwrap();
    });
}

/// Both newcomers read as soon as git has merged, and the plan reseals what the other branch had not.
#[test]
fn two_branches_that_each_let_somebody_in_merge_without_a_conflict() {
    let test = "two_branches_that_each_let_somebody_in_merge_without_a_conflict";
    if !has_judge("age", test) || !has_judge("git", test) {
        return;
    }
    let mut team = Team::new();
    team.set("A");
    team.house.commit("base");
    for (branch, person, name) in [("one", "bob", "B"), ("two", "carol", "C")] {
        team.house.git(["checkout", "-q", "-b", branch, "main"]);
        let public = team.house.root().join(format!("{person}.pub"));
        fs::copy(public, team.recipient(person)).unwrap();
        // What both branches reseal is the merge driver's; each reseals only what is its own.
        team.set(&format!("{branch}/{name}"));
        team.apply(&[]);
        team.house
            .git(["checkout", "-q", "main", "--", ".hoziron/vault/A.age"]);
        team.house.commit(branch);
    }
    team.house.git(["checkout", "-q", "one"]);
    team.house
        .git(["merge", "-q", "--no-edit", "-m", "merge", "two"]);

    let id = crate::forge::vault_id(&team.house);
    for person in ["bob", "carol"] {
        for (name, value) in &team.values {
            let key = team.key(person);
            let mut hoziron = team.house.hoziron(["vault", "get", name, "--pin", &id]);
            hoziron.arg("--identity").arg(key);
            let get = finish(hoziron.env("HOME", team.house.root().join("nobody")), b"");
            assert_eq!(String::from_utf8(get.ok()).unwrap(), *value, "{person}");
        }
    }
    let plan = String::from_utf8(team.house.run(["plan"]).ok()).unwrap();
    assert!(plan.contains("3 to reseal"), "{plan}");
    team.apply(&[]);
    for (name, value) in &team.values {
        let file = fs::read(team.house.vault(&format!("{name}.age"))).unwrap();
        for person in ["bob", "carol"] {
            assert_eq!(team.opens("age", person, &file).as_ref(), Some(value));
        }
    }
}

/// A removal on one branch and a new secret on the other: the plan after the merge seals it anew and
/// lists it as seen.
#[test]
fn a_secret_from_another_branch_is_exposed_to_who_left_meanwhile() {
    let test = "a_secret_from_another_branch_is_exposed_to_who_left_meanwhile";
    if !has_judge("age", test) || !has_judge("git", test) {
        return;
    }
    let mut team = Team::new();
    team.set("A");
    let public = team.house.root().join("bob.pub");
    fs::copy(public, team.recipient("bob")).unwrap();
    team.apply(&[]);
    team.house.commit("base");
    team.house.git(["checkout", "-q", "-b", "side"]);
    team.set("B");
    team.house.commit("side");
    team.house.git(["checkout", "-q", "main"]);
    fs::remove_file(team.recipient("bob")).unwrap();
    team.apply(&[]);
    team.house.commit("bob leaves");
    team.house
        .git(["merge", "-q", "--no-edit", "-m", "merge", "side"]);

    let exposed = team.exposed("bob");
    assert!(exposed.contains("A"), "{exposed:?}");
    team.apply(&["--accept-stale", "B"]);
    team.house.commit("sealed anew");
    team.judge("after the merge");
    assert_eq!(team.exposed("bob").len(), 2);
}
