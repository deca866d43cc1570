//! Random lives of vaults: manifests, readers and wishes come and go, each plan is carried out once,
//! and the plan after it has nothing to do. What is blocked changes nothing, what does not change keeps
//! its value, and an apply that is killed leaves all of the plan to be done or nothing.
//! `HOZIRON_LIVES` says how many vaults live.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use hoziron::domain::SecretName;
use hoziron::plan::{Approval, ApprovalError, Plan, Step, Supply, Wanted};

use crate::life::{Life, PRIVATE, PUBLIC, Planned, Values};
use crate::strace::{Fault, has_strace, inject, trace};
use crate::tree::Tree;

/// How long a vault lives.
const ROUNDS: u64 = 18;

/// How many live at once; they wait for processes, and for the disk if memory is none.
const AT_ONCE: u64 = 4;

/// In so many rounds one apply is killed, so often.
const KILLED: usize = 16;
const KILLS: usize = 3;

/// What has happened.
#[derive(Clone, Copy, Default)]
struct Tally {
    applies: usize,
    rows: usize,
    /// Kills that left the old plan, and such that left nothing to do.
    old: usize,
    new: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.applies += other.applies;
        self.rows += other.rows;
        self.old += other.old;
        self.new += other.new;
    }
}

/// One round; `None` if nothing could be done in it.
fn round(life: &mut Life, may_kill: bool, context: &str) -> Option<Tally> {
    life.go_on();
    let (wanted, given) = life.wish()?;
    let mut tally = Tally::default();
    if may_kill && life.dice.once_in(KILLED) {
        tally += killed(life, &wanted, &given, context);
    }
    let planned = life.plan(&wanted, &given)?;
    let plan = planned.plan.clone();
    let approval = Approval {
        recipients: plan.recipients_digest(),
        supplied: given.keys().cloned().collect(),
    };
    let before = life.values(&planned);
    let approved = match plan.clone().approve(&approval) {
        Ok(approved) => approved,
        Err(ApprovalError::Blocked(_)) => return Some(tally),
        Err(error) => panic!("{context}: {error}"),
    };
    life.carry_out(planned, &approved, &given);
    let after = nothing_to_do(life, &wanted, &given, context);
    assert_values(&plan, &before, &life.values(&after), &given, context);
    tally.applies += 1;
    tally.rows += plan.rows.len();
    Some(tally)
}

/// The same wish again, but for new values, has come true.
fn nothing_to_do(life: &Life, wanted: &Wanted, given: &Values, context: &str) -> Planned {
    let wanted = Wanted {
        rotate: Vec::new(),
        ..wanted.clone()
    };
    let after = life.plan(&wanted, given).expect("the manifest made sense");
    let plan = &after.plan;
    assert!(plan.folders.is_empty(), "{context}: {:?}", plan.folders);
    assert!(plan.rows.is_empty(), "{context}: {:?}", plan.rows);
    assert!(!plan.is_blocked(), "{context}: {:?}", plan.attention);
    let again = life.plan(&wanted, given).unwrap().plan;
    assert!(again == *plan, "{context}: planned twice");
    after
}

/// Every value is where the plan says, and it is the one that it says.
fn assert_values(
    plan: &Plan,
    before: &BTreeMap<SecretName, Vec<u8>>,
    after: &BTreeMap<SecretName, Vec<u8>>,
    given: &Values,
    context: &str,
) {
    let mut expected = before.clone();
    let fresh = |name: &SecretName| {
        let value = after.get(name);
        assert!(value.is_some(), "{context}: nothing was made for {name}");
        assert!(value != before.get(name), "{context}: {name} is the same");
        value.unwrap().clone()
    };
    for row in &plan.rows {
        let name = &row.name;
        match &row.step {
            Step::Adopt | Step::Reseal(_) => {}
            Step::Create(Supply::Given) | Step::Rotate(Supply::Given) | Step::Update => {
                expected.insert(name.clone(), given[name].reveal().to_vec());
            }
            Step::Create(Supply::Generated(how)) | Step::Rotate(Supply::Generated(how)) => {
                expected.insert(name.clone(), fresh(name));
                if let Some(public) = how.companion(name) {
                    expected.insert(public.clone(), fresh(&public));
                    assert_pair(after, context);
                }
            }
            Step::Move { from } => {
                let value = expected.remove(from).expect("what is moved was there");
                expected.insert(name.clone(), value);
            }
            Step::Remove => drop(expected.remove(name)),
        }
    }
    let names = |values: &BTreeMap<SecretName, Vec<u8>>| values.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&expected), names(after), "{context}: {:?}", plan.rows);
    for (name, value) in &expected {
        assert!(
            value == &after[name],
            "{context}: {name} has another value: {:?}",
            plan.rows
        );
    }
}

fn assert_pair(values: &BTreeMap<SecretName, Vec<u8>>, context: &str) {
    let text = |name: &str| {
        let name = SecretName::parse(name).unwrap();
        String::from_utf8(values[&name].clone()).unwrap()
    };
    let private: age::x25519::Identity = text(PRIVATE).parse().unwrap();
    assert!(
        private.to_public().to_string() == text(PUBLIC),
        "{context}: the halves are of two pairs"
    );
}

/// Has the real binary carry out a plan that is killed at one of the calls that change something.
/// What is left is the old plan, or nothing to do.
fn killed(life: &mut Life, wanted: &Wanted, given: &Values, context: &str) -> Tally {
    let mut tally = Tally::default();
    let Some(planned) = life.plan(wanted, given) else {
        return tally;
    };
    let old = planned.plan.clone();
    let blocks = |one: &hoziron::plan::Attention| one.sign() == hoziron::plan::Sign::Blocked;
    if (old.rows.is_empty() && old.folders.is_empty()) || old.attention.iter().any(blocks) {
        return tally;
    }
    let words = life.save(&planned, wanted, given);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // It keeps writers out.
    drop(planned);
    let root = life.house.root().to_owned();
    let ready = Tree::read(&root);
    let (outcome, points) = trace(&life.house, &words, b"");
    assert_eq!(outcome.code(), 0, "{context}: {}", outcome.stderr);
    nothing_to_do(life, wanted, given, context);
    for _ in 0..KILLS {
        ready.restore(&root);
        let point = &points[life.dice.roll(points.len())];
        let context = format!("{context}, killed at {}", point.label);
        // Asserts that it was killed, and there.
        inject(&life.house, &words, b"", point, Fault::Kill);
        let left = life.plan(wanted, given).expect("the manifest made sense");
        if left.plan == old {
            tally.old += 1;
        } else {
            nothing_to_do(life, wanted, given, &context);
            tally.new += 1;
        }
        life.forget_gone(&left);
    }
    tally
}

#[test]
fn the_plan_after_an_apply_is_empty() {
    let may_kill = has_strace("the_plan_after_an_apply_is_empty");
    let told = std::env::var("HOZIRON_LIVES").ok();
    let lives: u64 = told.and_then(|text| text.parse().ok()).unwrap_or(200);
    let play = |part: u64| {
        let mut all = Tally::default();
        for seed in (0..lives).filter(|seed| seed % AT_ONCE == part) {
            let mut life = Life::new(seed);
            for number in 0..ROUNDS {
                let context = format!("life {seed}, round {number}");
                all += round(&mut life, may_kill, &context).unwrap_or_default();
            }
        }
        all
    };
    let mut all = Tally::default();
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..AT_ONCE)
            .map(|part| scope.spawn(move || play(part)))
            .collect();
        for part in parts {
            all += part.join().unwrap();
        }
    });
    let Tally {
        applies,
        rows,
        old,
        new,
    } = all;
    eprintln!(
        "{applies} plans with {rows} rows were carried out; {} were killed: {old} had done nothing, \
         {new} had done all",
        old + new
    );
    assert!(applies as u64 > lives * ROUNDS / 3, "only {applies}");
    assert!(rows > 2 * applies, "only {rows} rows");
    assert!(!may_kill || (old > 0 && new > 0), "{old} and {new} kills");
}
