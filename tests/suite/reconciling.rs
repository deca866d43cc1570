//! Random lives of a vault, through the library: manifests, readers and wishes come and go, each plan is
//! carried out, and the plan after it has nothing to do. What is blocked changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use hoziron::apply::{Job, Survey, carry_out};
use hoziron::domain::{
    Glob, Identity, Keyring, Plugins, ReaderName, Recipient, SecretName, SecretValue, SigningKey,
    VaultId,
};
use hoziron::home::Environment;
use hoziron::manifest::declare;
use hoziron::people::{Access, Directory, FolderKeys, Stale};
use hoziron::people::{Founder, found};
use hoziron::plan::{Approval, ApprovalError, NewKey, Plan, Row, Step, Wanted, build};
use hoziron::workspace::OpenHome;
use tempfile::TempDir;

/// How many vaults live, and how long.
const LIVES: u64 = 120;
const ROUNDS: u64 = 18;

const NAMES: [&str; 8] = [
    "A",
    "B",
    "C",
    "dev/A",
    "dev/D",
    "prod/A",
    "prod/B",
    "prod/eu/A",
];

/// Random numbers that are the same in each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) % sides as u64) as usize
    }

    /// Once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == 0
    }
}

/// A vault of alice's, who always reads; bob and carol come and go, and come back with another key.
struct Life {
    dir: TempDir,
    environment: Environment,
    id: VaultId,
    text: SecretValue,
    alice: String,
    dice: Dice,
    now: u64,
}

/// What a plan was made from, and the plan.
struct Planned {
    open: OpenHome,
    keys: FolderKeys,
    plan: Plan,
}

type Values = BTreeMap<SecretName, SecretValue>;

impl Life {
    fn new(seed: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let variables = vec![("HOME".into(), dir.path().join("user").into())];
        let environment = Environment::of(variables, dir.path().to_owned());
        let now = 1_764_000_000;
        let identity = Identity::generate("alice");
        let signing: SigningKey = identity.signing_key().unwrap();
        let founder = Founder {
            name: ReaderName::parse("alice").unwrap(),
            recipients: vec![Recipient::parse(identity.public()).unwrap()],
            signing: &signing,
        };
        let founded = found(&founder, Vec::new(), &Plugins::default(), now).unwrap();
        let home = dir.path().join("home");
        for (target, bytes) in &founded.files {
            let path = home.join(target.path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let alice = fs::read_to_string(home.join("recipients/alice.pub")).unwrap();
        Self {
            dir,
            environment,
            id: founded.id,
            text: identity.file_text(&[]).unwrap(),
            alice,
            dice: Dice(seed),
            now,
        }
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// What should be, made anew.
    fn change(&mut self) {
        let dice = &mut self.dice;
        let mut text = format!("[vault]\nformat = 1\nid = \"{}\"\n", self.id);
        let people = self.dir.path().join("home/recipients");
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
        text.push_str("[access]\n");
        for folder in ["prod", "dev", "\"prod/eu\""] {
            if dice.once_in(3) {
                let count = 1 + dice.roll(names.len());
                text.push_str(&format!("{folder} = {:?}\n", &names[..count]));
            }
        }
        let mut free: Vec<&str> = Vec::new();
        for name in NAMES {
            let origin = match dice.roll(7) {
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
            text.push_str(&format!("[secrets.\"{name}\"]\n{origin}\n"));
        }
        for from in free {
            let to = NAMES[dice.roll(NAMES.len())];
            let is_free = !text.contains(&format!("\"{to}\"\n[")) && to != from;
            if dice.once_in(4) && is_free {
                text.push_str(&format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n"));
            } else if dice.once_in(4) {
                text.push_str(&format!("[[removed]]\nname = \"{from}\"\n"));
            }
        }
        fs::write(self.dir.path().join("home/hoziron.toml"), text).unwrap();
    }

    fn wish(&mut self) -> Wanted {
        let dice = &mut self.dice;
        let mut wanted = Wanted::default();
        match dice.roll(5) {
            0 => wanted.prune = true,
            1 => wanted.adopt = true,
            _ => {}
        }
        if dice.once_in(4) {
            let globs = ["*", "A", "prod/*"];
            wanted.rotate.push(Glob::new(globs[dice.roll(globs.len())]));
        }
        if dice.once_in(6) {
            wanted.keys.push(Glob::new("prod/*"));
        }
        if dice.once_in(6) {
            wanted.new_key = NewKey::WithEveryChange;
        }
        wanted.accept_stale.push(Glob::new("*"));
        wanted
    }

    /// `None` if the manifest contradicts itself.
    fn plan(&self, wanted: &Wanted, given: &Values) -> Option<Planned> {
        let open = OpenHome::at(self.home(), &self.environment).ok()?;
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
        let survey = Survey::new(&open.vault, &open.manifest, None);
        let actual = survey.actual(keys.chains()).unwrap();
        let findings = survey.findings(&actual, &keys, given);
        let plan = build(
            &open.manifest,
            &desired,
            &actual,
            &findings,
            wanted,
            self.now,
        );
        Some(Planned { open, keys, plan })
    }

    fn files(&self) -> BTreeSet<(PathBuf, Vec<u8>)> {
        let vault = crate::tree::Tree::read(&self.home().join("vault"));
        let files = vault.files();
        let file = |path: &std::path::Path| {
            let bytes = fs::read(self.home().join("vault").join(path)).unwrap();
            (path.to_owned(), bytes)
        };
        files.map(file).collect()
    }

    /// One round; says how many rows were carried out.
    fn round(&mut self, context: &str) -> Option<usize> {
        self.now += 40_000;
        self.change();
        let mut wanted = self.wish();
        let mut given = Values::new();
        let asks = self.plan(&wanted, &given)?.plan;
        for name in asks.asks_for() {
            let value = format!("given-{}", self.now).into_bytes();
            given.insert(name.clone(), SecretValue::new(value));
        }
        let (rows, moves) = self.apply(&wanted, &given, context)?;
        wanted.rotate.clear();
        // What was moved is looked at under its new name, and what was resealed is adopted, by the
        // next plan; that is the one which has to be empty then.
        if moves || wanted.adopt {
            self.apply(&wanted, &given, context)?;
        }
        let after = self.plan(&wanted, &given).unwrap().plan;
        assert!(after.folders.is_empty(), "{context}: {:?}", after.folders);
        assert!(after.rows.is_empty(), "{context}: {:?}", after.rows);
        assert!(!after.is_blocked(), "{context}: {:?}", after.attention);
        let again = self.plan(&wanted, &given).unwrap().plan;
        assert!(again == after, "{context}: planned twice");
        Some(rows)
    }

    /// Plans and carries it out; says how many rows there were, and whether one was a move.
    fn apply(&self, wanted: &Wanted, given: &Values, context: &str) -> Option<(usize, bool)> {
        let before = self.files();
        let Planned {
            mut open,
            keys,
            plan,
        } = self.plan(wanted, given)?;
        let approval = Approval {
            recipients: plan.recipients_digest(),
            supplied: given.keys().cloned().collect(),
        };
        let is_move = |row: &Row| matches!(row.step, Step::Move { .. });
        let counts = (plan.rows.len(), plan.rows.iter().any(is_move));
        let approved = match plan.approve(&approval) {
            Ok(approved) => approved,
            Err(ApprovalError::Blocked(_)) => {
                assert!(
                    self.files() == before,
                    "{context}: a plan changed something"
                );
                return None;
            }
            Err(error) => panic!("{context}: {error}"),
        };
        self.carry_out(&mut open, &approved, &keys, given, context);
        Some(counts)
    }

    fn carry_out(
        &self,
        open: &mut OpenHome,
        approved: &hoziron::plan::ApprovedPlan,
        keys: &FolderKeys,
        given: &Values,
        context: &str,
    ) {
        let rows = approved.plan().rows.iter();
        let adopted = rows.filter(|row| row.step == Step::Adopt);
        let adopted: Vec<_> = adopted.map(|row| row.name.clone()).collect();
        let text = fs::read_to_string(self.home().join("hoziron.toml")).unwrap();
        let edited = (!adopted.is_empty()).then(|| declare(&text, &adopted).unwrap());
        let manifest = open.manifest.clone();
        let (locked, _) = open.lock(&self.environment).unwrap();
        let survey = Survey::new(locked.vault(), &manifest, None);
        let actual = survey.actual(keys.chains()).unwrap();
        let job = Job {
            approved,
            actual: &actual,
            keys,
            values: given,
            seen: None,
            manifest: &manifest,
            edited,
            now: self.now,
            progress: &|_, _| {},
        };
        if let Err(error) = carry_out(&job, locked) {
            panic!("{context}: {error}");
        }
    }
}

#[test]
fn the_plan_after_an_apply_is_empty() {
    let play = |seed: u64| {
        let mut life = Life::new(seed);
        let mut done = (0, 0);
        for round in 0..ROUNDS {
            if let Some(rows) = life.round(&format!("life {seed}, round {round}")) {
                done = (done.0 + 1, done.1 + rows);
            }
        }
        done
    };
    let half = |part: u64| {
        let seeds = (0..LIVES).filter(move |seed| seed % 2 == part);
        seeds
            .map(play)
            .fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    };
    let (one, other) = std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        (half(0), other.join().unwrap())
    });
    let (applies, rows) = (one.0 + other.0, one.1 + other.1);
    eprintln!("{applies} plans with {rows} rows were carried out");
    assert!(applies as u64 > LIVES * ROUNDS / 2, "only {applies}");
    assert!(rows > 2 * applies, "only {rows} rows");
}
