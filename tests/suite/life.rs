//! The random life of a vault: manifest, readers and wishes come and go, and are the same in each run.
//! Plans are made and carried out through the library, or saved for the real binary; both remember
//! what was sealed in the same place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use hoziron::apply::{Job, Survey, carry_out};
use hoziron::domain::{FolderName, Glob, Keyring, SecretName, SecretValue};
use hoziron::home::Environment;
use hoziron::home::private::{Overwrite, Written, write_private};
use hoziron::manifest::{Manifest, declare};
use hoziron::people::{Access, Digest, Directory, FolderKeys, Stale};
use hoziron::plan::{ApprovedPlan, NewKey, Plan, SavedPlan, Step, Wanted, build};
use hoziron::vault::Target;
use hoziron::vault::trust::Seen;
use hoziron::workspace::OpenHome;

use crate::house::House;

pub const PRIVATE: &str = "prod/KEY";
pub const PUBLIC: &str = "prod/KEY_PUB";

const NAMES: [&str; 10] = [
    "A",
    "B",
    "C",
    "dev/A",
    "dev/D",
    "prod/A",
    "prod/B",
    "prod/eu/A",
    PRIVATE,
    PUBLIC,
];

/// Random numbers that are the same in each run (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % sides as u64) as usize
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.roll(of.len())]
    }
}

/// A vault of alice's, who always reads; bob and carol come and go, and come back with another key.
pub struct Life {
    pub house: House,
    pub dice: Dice,
    environment: Environment,
    text: SecretValue,
    alice: String,
    head: String,
    now: u64,
}

/// What a plan was made from, and the plan.
pub struct Planned {
    pub plan: Plan,
    open: OpenHome,
    keys: FolderKeys,
    seen: Option<Seen>,
}

pub type Values = BTreeMap<SecretName, SecretValue>;

impl Life {
    pub fn new(seed: u64) -> Self {
        let house = House::in_memory();
        let variables = vec![("HOME".into(), house.user().into())];
        let environment = Environment::of(variables, house.repo());
        let manifest = Manifest::parse(&fs::read(house.home().join("hoziron.toml")).unwrap());
        let id = manifest.unwrap().id;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Self {
            dice: Dice(seed),
            environment,
            text: SecretValue::new(fs::read(house.identity()).unwrap()),
            alice: fs::read_to_string(house.home().join("recipients/alice.pub")).unwrap(),
            head: format!("[vault]\nformat = 1\nid = \"{id}\"\n"),
            now: now.as_secs(),
            house,
        }
    }

    /// Time goes by, and there should be something else.
    pub fn go_on(&mut self) {
        self.now += 40_000;
        let mut text = self.head.clone();
        text.push_str(self.dice.one(&[
            "",
            "",
            "",
            "",
            "unmanaged = \"warn\"\n",
            "unmanaged = \"error\"\n",
        ]));
        text.push_str(&self.access());
        if self.dice.once_in(10) {
            text.push_str("[profiles.prod]\nprotect = true\n");
        }
        text.push_str(&self.secrets());
        fs::write(self.house.home().join("hoziron.toml"), text).unwrap();
    }

    /// Who is there, and who reads what.
    fn access(&mut self) -> String {
        let dice = &mut self.dice;
        let people = self.house.home().join("recipients");
        let mut names = vec!["alice"];
        fs::write(people.join("alice.pub"), &self.alice).unwrap();
        for person in ["bob", "carol"] {
            let path = people.join(format!("{person}.pub"));
            if !path.exists() && dice.once_in(3) {
                let key = age::x25519::Identity::generate().to_public();
                fs::write(&path, format!("{key}\n")).unwrap();
            } else if path.exists() && dice.once_in(4) {
                fs::remove_file(&path).unwrap();
            }
            if path.exists() {
                names.push(person);
            }
        }
        let mut text = "[access]\n".to_owned();
        for folder in ["prod", "dev", "\"prod/eu\""] {
            if dice.once_in(3) {
                let count = 1 + dice.roll(names.len());
                text.push_str(&format!("{folder} = {:?}\n", &names[..count]));
            }
        }
        text
    }

    fn secrets(&mut self) -> String {
        let dice = &mut self.dice;
        let mut text = String::new();
        let mut free: Vec<&str> = Vec::new();
        let mut declared: Vec<&str> = Vec::new();
        let pair = dice.once_in(3);
        for name in NAMES {
            let origin = match dice.roll(7) {
                _ if pair && name == PUBLIC => continue,
                _ if pair && name == PRIVATE => {
                    "generate = { kind = \"age\", public = \"KEY_PUB\" }"
                }
                0 => "generate = { kind = \"password\", length = 16 }",
                1 => "generate = { kind = \"hex\", bytes = 16 }\nrotate = { every = \"1d\" }",
                2 => "required = true",
                3 => "required = false",
                4 => "default = \"x\"",
                _ => {
                    free.push(name);
                    continue;
                }
            };
            declared.push(name);
            text.push_str(&format!("[secrets.\"{name}\"]\n{origin}\n"));
        }
        declared.retain(|name| !name.contains('/'));
        if let [one, other, ..] = declared[..]
            && dice.once_in(6)
        {
            let rule = dice.one(&["all_or_none", "at_least_one", "exactly_one"]);
            text.push_str(&format!("[[require]]\n{rule} = {:?}\n", [one, other]));
        }
        let mut moves: BTreeMap<&str, &str> = BTreeMap::new();
        for from in free {
            let to = dice.one(&NAMES);
            let mut end = to;
            while let Some(further) = moves.get(end) {
                end = further;
            }
            let possible = end != from && moves.values().all(|taken| *taken != to);
            if dice.once_in(3) && possible {
                moves.insert(from, to);
                text.push_str(&format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n"));
            } else if dice.once_in(4) {
                text.push_str(&format!("[[removed]]\nname = \"{from}\"\n"));
            }
        }
        text
    }

    /// What somebody asks of the next plan, and the values that it needs.
    pub fn wish(&mut self) -> Option<(Wanted, Values)> {
        let dice = &mut self.dice;
        let mut wanted = Wanted::default();
        match dice.roll(5) {
            0 => wanted.prune = true,
            1 => wanted.adopt = true,
            _ => {}
        }
        if dice.once_in(4) {
            let glob = dice.one(&["*", "A", "prod/*", PRIVATE]);
            wanted.rotate.push(Glob::new(glob));
        }
        match dice.roll(12) {
            0 => wanted.keys.push(Glob::new("prod/*")),
            1 => wanted.keys.push(Glob::new("*A")),
            2 => wanted.profile = Some(FolderName::parse("prod").unwrap()),
            _ => {}
        }
        if dice.once_in(6) {
            wanted.new_key = NewKey::WithEveryChange;
        }
        wanted.accept_stale.push(Glob::new("*"));
        let mut given = Values::new();
        while dice.once_in(4) {
            let name = SecretName::parse(dice.one(&NAMES)).unwrap();
            let value = dice.one(&["given-one", "given-two"]);
            given.insert(name, SecretValue::new(value.into()));
        }
        for name in self.plan(&wanted, &given)?.plan.asks_for() {
            let value = format!("given-{}", self.now);
            given.insert(name.clone(), SecretValue::new(value.into()));
        }
        Some((wanted, given))
    }

    /// `None` if the manifest contradicts itself.
    pub fn plan(&self, wanted: &Wanted, given: &Values) -> Option<Planned> {
        let open = OpenHome::at(self.house.home(), &self.environment).ok()?;
        let directory = Directory::load(&open.vault).unwrap();
        let access = Access {
            groups: &open.manifest.groups,
            folders: &open.manifest.access,
        };
        let desired = directory.desired(access).unwrap();
        let mut keyring = Keyring::default();
        keyring.read("alice", &self.text).unwrap();
        let chains = open.chains(&self.environment, &[]).unwrap();
        let keys = FolderKeys::open(&open.vault, chains, keyring, &[], Stale::Refuse);
        let keys = keys.unwrap_or_else(|refused| panic!("{}", refused.error));
        let seen = self.seen(&open);
        let survey = Survey::new(&open.vault, &open.manifest, seen.as_ref());
        let actual = survey.actual(keys.chains()).unwrap();
        let findings = survey.findings(&actual, &keys, given);
        let (manifest, now) = (&open.manifest, self.now);
        let plan = build(manifest, &desired, &actual, &findings, wanted, now);
        Some(Planned {
            plan,
            open,
            keys,
            seen,
        })
    }

    fn seen(&self, open: &OpenHome) -> Option<Seen> {
        let state = self.environment.state().unwrap();
        Some(Seen::load(&state, &open.manifest.id).unwrap())
    }

    /// Makes an approved plan happen, as the binary does.
    pub fn carry_out(&self, planned: Planned, approved: &ApprovedPlan, given: &Values) {
        let rows = approved.plan().rows.iter();
        let adopted = rows.filter(|row| row.step == Step::Adopt);
        let adopted: Vec<_> = adopted.map(|row| &row.name).collect();
        let Planned {
            mut open,
            keys,
            seen,
            ..
        } = planned;
        let manifest = open.manifest.clone();
        let (mut locked, _) = open.lock(&self.environment).unwrap();
        if !adopted.is_empty() {
            let text = fs::read_to_string(self.house.home().join("hoziron.toml")).unwrap();
            let text = declare(&text, adopted).unwrap();
            locked.put(Target::Manifest, text.into_bytes()).unwrap();
        }
        let survey = Survey::new(locked.vault(), &manifest, seen.as_ref());
        let actual = survey.actual(keys.chains()).unwrap();
        let job = Job {
            approved,
            actual: &actual,
            keys: &keys,
            values: given,
            seen: seen.as_ref(),
            manifest: &manifest,
            now: self.now,
            progress: &|_, _| {},
        };
        let done = carry_out(&job, locked).unwrap_or_else(|error| panic!("{error}"));
        let marks = done.marks;
        self.remember(&open, |seen| {
            for (name, last) in &marks.gone {
                seen.remove(name, *last);
            }
            for (name, revision, file) in &marks.sealed {
                seen.seal(name, *revision, file);
            }
        });
    }

    /// What was removed by a run that was killed before it could remember that, is forgotten, as
    /// `vault remove` does it.
    pub fn forget_gone(&self, planned: &Planned) {
        let there = planned.plan.basis.files.keys().collect::<BTreeSet<_>>();
        self.remember(&planned.open, |seen| {
            let names: Vec<_> = seen.names().cloned().collect();
            for name in names.iter().filter(|name| !there.contains(name)) {
                seen.remove(name, None);
            }
        });
    }

    fn remember(&self, open: &OpenHome, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen(open).unwrap();
        change(&mut seen);
        let (path, text) = seen.text();
        let written = write_private(path, text.as_bytes(), Overwrite::Replace);
        assert_eq!(written.unwrap(), Written::Done);
    }

    /// What is in the vault.
    pub fn values(&self, planned: &Planned) -> BTreeMap<SecretName, Vec<u8>> {
        let vault = &planned.open.vault;
        let mut opener = planned.keys.opener_of(vault, Stale::Allow);
        let names = planned.plan.basis.files.keys();
        names
            .filter_map(|name| {
                let (value, _) = opener.open(name).ok()??;
                Some((name.clone(), value.get().reveal().to_vec()))
            })
            .collect()
    }

    /// Saves a plan, and returns what the binary takes to carry it out.
    pub fn save(&self, planned: &Planned, wanted: &Wanted, given: &Values) -> Vec<String> {
        let plan = &planned.plan;
        let mut files = BTreeMap::new();
        let people = planned.open.vault.people().unwrap();
        let people = people.into_iter().map(Target::Recipient);
        for target in people.chain([Target::Manifest]) {
            let bytes = fs::read(self.house.home().join(target.path())).unwrap();
            files.insert(target.path(), Digest::of(&bytes));
        }
        let saved = SavedPlan {
            vault: planned.open.manifest.id.clone(),
            made: self.now,
            wanted: wanted.clone(),
            basis: plan.basis.clone(),
            files,
            lines: SavedPlan::lines_of(plan),
        };
        let line = |(name, value): (&SecretName, &SecretValue)| {
            let value = std::str::from_utf8(value.reveal()).unwrap();
            format!("{:?} = {value:?}\n", name.as_str())
        };
        let input: String = given.iter().map(line).collect();
        let path = |file: &str| -> PathBuf { self.house.root().join(file) };
        fs::write(path("plan.json"), saved.text()).unwrap();
        fs::write(path("input.toml"), input).unwrap();
        let mut words = vec!["apply".to_owned(), path("plan.json").display().to_string()];
        words.extend(["--yes".to_owned(), "--input".to_owned()]);
        words.push(path("input.toml").display().to_string());
        if let Some(digest) = plan.recipients_digest() {
            words.extend(["--accept-recipients".to_owned(), digest.to_string()]);
        }
        words
    }
}
