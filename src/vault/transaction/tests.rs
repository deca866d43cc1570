//! Transactions as their callers see them: whole or not at all, whatever happens in between. A kill
//! is played by leaving a transaction at one of its steps with everything as it is.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use tempfile::TempDir;
use zeroize::Zeroizing;

use super::*;

const NOW: Duration = Duration::ZERO;

struct House {
    place: TempDir,
    home: Dir,
}

impl House {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let home = Dir::open(place.path()).unwrap();
        Self { place, home }
    }

    fn with(files: &[(&str, &str)]) -> Self {
        let house = Self::new();
        house.commit(|transaction| {
            for (path, text) in files {
                put(transaction, path, text);
            }
        });
        house
    }

    fn begin(&self) -> Transaction {
        Transaction::begin_within(&self.home, &key(), NOW)
            .unwrap()
            .0
    }

    fn commit(&self, stage: impl FnOnce(&mut Transaction)) {
        let mut transaction = self.begin();
        stage(&mut transaction);
        transaction.commit().unwrap();
    }

    fn settle(&self) -> Settled {
        recover::settle_within(&self.home, || Ok::<_, TransactionError>(Some(key())), NOW).unwrap()
    }

    /// Every file below the home and what is in it; an empty folder ends in `/`.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        list(self.place.path(), "", &mut files);
        files.retain(|path, _| path != ".state/lock");
        files
    }

    #[track_caller]
    fn assert_files(&self, expected: &[(&str, &str)]) {
        let expected = expected
            .iter()
            .map(|(path, text)| (path.to_string(), text.to_string()));
        assert_eq!(self.files(), expected.collect());
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a file that somebody else has planted"
    )]
    fn plant(&self, path: &str, bytes: &[u8]) {
        let path = self.place.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a link that somebody else has planted"
    )]
    fn plant_link(&self, path: &str, to: &Path) {
        std::os::unix::fs::symlink(to, self.place.path().join(path)).unwrap();
    }

    #[expect(clippy::disallowed_methods, reason = "somebody else's hand")]
    fn lose(&self, path: &str) {
        fs::remove_file(self.place.path().join(path)).unwrap();
    }
}

fn list(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    let entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    if entries.is_empty() && !prefix.is_empty() {
        files.insert(prefix.to_owned(), String::new());
    }
    for entry in entries {
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
}

fn key() -> JournalKey {
    JournalKey::new(Zeroizing::new([7; 32]))
}

fn target(path: &str) -> Target {
    Target::parse(path).unwrap()
}

fn put(transaction: &mut Transaction, path: &str, text: &str) {
    transaction.put(target(path), text.into()).unwrap();
}

fn remove(transaction: &mut Transaction, path: &str) {
    transaction.remove(target(path)).unwrap();
}

/// How far a transaction came before it was killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Killed {
    Staged,
    JournalWritten,
    JournalPublished,
    /// So many operations were carried out.
    Carried(usize),
    CarriedAndClosed,
}

fn kill(mut transaction: Transaction, when: Killed) {
    transaction.leave = Leave::Stage;
    transaction.lock.fresh = false;
    let changes = transaction.keep_old().unwrap();
    if when == Killed::Staged {
        return;
    }
    transaction.write_journal(&changes).unwrap();
    if when == Killed::JournalWritten {
        return;
    }
    stage::publish_journal(&transaction.lock.state).unwrap();
    let count = match when {
        Killed::Carried(count) => count,
        Killed::CarriedAndClosed => changes.len(),
        _ => 0,
    };
    let some: Vec<_> = changes[..count]
        .iter()
        .map(|change| &change.operation)
        .collect();
    let stage = transaction.stage.as_ref();
    carry::forward(
        &transaction.home,
        stage,
        &some,
        Pass::First,
        &mut Vec::new(),
    )
    .unwrap();
    if when == Killed::CarriedAndClosed {
        stage::remove_journal(&transaction.lock.state).unwrap();
    }
}

const OLD: [(&str, &str); 4] = [
    ("hoziron.toml", "m1"),
    ("vault/A.age", "a1"),
    ("vault/p/q/B.age", "b1"),
    ("vault/p/C.age", "c1"),
];
const NEW: [(&str, &str); 4] = [
    ("hoziron.toml", "m2"),
    ("vault/A.age", "a2"),
    ("vault/n/D.age", "d2"),
    ("vault/p/C.age", "c1"),
];

fn from_old_to_new(transaction: &mut Transaction) {
    put(transaction, "hoziron.toml", "m2");
    put(transaction, "vault/A.age", "a2");
    put(transaction, "vault/n/D.age", "d2");
    remove(transaction, "vault/p/q/B.age");
}

#[test]
fn all_of_it_happens_and_nothing_is_left_over() {
    let house = House::with(&OLD);
    house.assert_files(&OLD);
    house.commit(from_old_to_new);
    house.assert_files(&NEW);
}

#[test]
fn nothing_happens_without_a_commit() {
    let house = House::with(&OLD);
    let mut transaction = house.begin();
    from_old_to_new(&mut transaction);
    drop(transaction);
    house.assert_files(&OLD);
}

#[test]
fn the_last_word_on_a_place_counts() {
    let house = House::with(&[("vault/A.age", "1"), ("vault/B.age", "1")]);
    house.commit(|transaction| {
        put(transaction, "vault/A.age", "2");
        put(transaction, "vault/A.age", "3");
        put(transaction, "vault/B.age", "2");
        remove(transaction, "vault/B.age");
    });
    house.assert_files(&[("vault/A.age", "3")]);
}

/// The vault's top stays, however empty, and so does a folder that has keys.
#[test]
fn only_empty_folders_of_the_vault_are_removed() {
    let epoch = "vault/k/.keys/0001-AAAAAAAAAAAAAAAAAAAA/epoch.toml";
    let house = House::with(&[
        (epoch, "e"),
        ("recipients/bob.pub", "r"),
        ("vault/a/b/X.age", "x"),
        ("vault/k/Y.age", "y"),
    ]);
    house.commit(|transaction| {
        for path in ["recipients/bob.pub", "vault/a/b/X.age", "vault/k/Y.age"] {
            remove(transaction, path);
        }
    });
    house.assert_files(&[("recipients/", ""), (epoch, "e")]);
    house.commit(|transaction| remove(transaction, epoch));
    house.assert_files(&[("recipients/", ""), ("vault/", "")]);
}

#[test]
fn a_home_where_nothing_came_of_it_is_as_it_was() {
    let house = House::new();
    let mut transaction = house.begin();
    put(&mut transaction, "vault/A.age", "a");
    drop(transaction);
    house.commit(|_| {});
    house.commit(|transaction| remove(transaction, "vault/A.age"));
    assert_eq!(fs::read_dir(house.place.path()).unwrap().count(), 0);
}

/// Before the journal is published a kill means the old state, after it the new one, and the next
/// to come, writer or reader, leaves nothing behind.
#[test]
fn a_kill_ends_in_the_old_state_or_the_new_one() {
    use Killed::*;
    let kills = [Staged, JournalWritten, JournalPublished, CarriedAndClosed];
    for when in kills.into_iter().chain((1..=4).map(Carried)) {
        let house = House::with(&OLD);
        let mut transaction = house.begin();
        from_old_to_new(&mut transaction);
        kill(transaction, when);

        let recorded = matches!(when, JournalPublished | Carried(_));
        let expected = if recorded {
            Recovered::Finished
        } else {
            Recovered::Nothing
        };
        if recorded {
            assert_eq!(house.settle().recovered, expected, "{when:?}");
        } else {
            let (_, recovered) = Transaction::begin_within(&house.home, &key(), NOW).unwrap();
            assert_eq!(recovered, expected, "{when:?}");
        }
        house.assert_files(if recorded || when == CarriedAndClosed {
            &NEW
        } else {
            &OLD
        });
    }
}

/// What is staged was lost to another hand: the error comes past the commit point.
#[test]
fn an_error_past_the_commit_point_is_taken_back() {
    for lost in 0..3 {
        let house = House::with(&OLD);
        let mut transaction = house.begin();
        from_old_to_new(&mut transaction);
        house.lose(&format!(".state/stage/{lost}"));
        let error = transaction.commit().unwrap_err();
        assert!(
            matches!(&error, TransactionError::Disk(error) if error.is(ErrorKind::NotFound)),
            "{error}"
        );
        house.assert_files(&OLD);
    }
}

#[test]
fn a_place_that_is_not_a_file_is_left_alone() {
    let house = House::new();
    house.plant("vault/A.age/x", b"");
    house.plant("vault/b", b"");
    house.plant_link("vault/L.age", &house.place.path().join("vault/b"));
    for path in ["vault/A.age", "vault/L.age", "vault/b/C.age"] {
        let mut transaction = house.begin();
        put(&mut transaction, "hoziron.toml", "m");
        put(&mut transaction, path, "x");
        transaction.commit().unwrap_err();
    }
    house.assert_files(&[("vault/A.age/x", ""), ("vault/L.age", ""), ("vault/b", "")]);
}

/// A repository can bring a journal along, but not our key.
#[test]
fn a_foreign_journal_is_never_followed() {
    let house = House::with(&OLD);
    let mut transaction = house.begin();
    from_old_to_new(&mut transaction);
    kill(transaction, Killed::JournalPublished);
    let before = house.files();
    let stranger = || JournalKey::new(Zeroizing::new([8; 32]));

    let error = Transaction::begin_within(&house.home, &stranger(), NOW)
        .map(drop)
        .unwrap_err();
    assert!(matches!(error, TransactionError::ForeignJournal { .. }));
    for key in [Some(stranger as fn() -> JournalKey), None] {
        let key = || Ok::<_, TransactionError>(key.map(|key| key()));
        let settled = recover::settle_within(&house.home, key, NOW).unwrap();
        assert!(matches!(settled.recovered, Recovered::Foreign { .. }));
    }
    assert_eq!(house.files(), before);
}

#[test]
fn a_planted_journal_or_state_is_no_way_in() {
    let house = House::new();
    house.plant(".state/journal", b"");
    assert!(matches!(
        house.settle().recovered,
        Recovered::Foreign { .. }
    ));
    house.assert_files(&[(".state/journal", "")]);

    let outside = House::with(&OLD);
    for planted in [".state", ".state/stage", ".state/journal", ".state/lock"] {
        let house = House::new();
        if planted != ".state" {
            house.plant(".state/x", b"");
        }
        house.plant_link(planted, outside.place.path());
        let begun = Transaction::begin_within(&house.home, &key(), NOW);
        assert!(begun.is_err(), "{planted}");
        outside.assert_files(&OLD);
    }
}

/// Another hand was at work while a change was recorded: the new content is nowhere, and guessing
/// would lose one thing or the other.
#[test]
fn a_change_whose_content_is_gone_is_not_half_finished() {
    for (carried, planted) in [(2, "vault/A.age"), (0, ".state/stage/1")] {
        let house = House::with(&OLD);
        let mut transaction = house.begin();
        from_old_to_new(&mut transaction);
        kill(transaction, Killed::Carried(carried));
        house.plant(planted, b"a1");
        let before = house.files();
        let error = Transaction::begin_within(&house.home, &key(), NOW)
            .map(drop)
            .unwrap_err();
        let TransactionError::Unfinishable { target, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(target.path(), "vault/A.age");
        assert_eq!(house.files(), before);
    }
}

/// Who waits for the lock of a home whose `.state` is then removed gets the lock of the next one.
#[test]
fn waiting_for_a_lock_outlives_its_removal() {
    let house = House::new();
    let first = house.begin();
    std::thread::scope(|scope| {
        let second = scope.spawn(|| Transaction::begin(&house.home, &key()).unwrap().0);
        std::thread::sleep(Duration::from_millis(50));
        drop(first);
        let mut second = second.join().unwrap();
        assert!(Transaction::begin_within(&house.home, &key(), NOW).is_err());
        put(&mut second, "vault/A.age", "a");
        second.commit().unwrap();
    });
    house.assert_files(&[("vault/A.age", "a")]);
}

#[test]
fn readers_make_nothing_and_share() {
    let house = House::new();
    assert!(house.settle().lock.is_none());
    house.assert_files(&[]);
    let house = House::with(&OLD);
    let (one, two) = (house.settle(), house.settle());
    assert!(one.lock.is_some() && two.lock.is_some());
    assert!(matches!(
        Transaction::begin_within(&house.home, &key(), NOW).map(drop),
        Err(TransactionError::Busy { pid: None })
    ));
}

#[test]
fn a_writer_is_alone_and_named() {
    let house = House::with(&OLD);
    let _held = house.begin();
    let error = Transaction::begin_within(&house.home, &key(), NOW)
        .map(drop)
        .unwrap_err();
    let me = std::process::id();
    assert!(
        matches!(error, TransactionError::Busy { pid: Some(pid) } if pid == me),
        "{error}"
    );
    let key = || Ok::<_, TransactionError>(None);
    assert!(matches!(
        recover::settle_within(&house.home, key, NOW),
        Err(TransactionError::Busy { .. })
    ));
}

/// Each writer adds a line to what it has read; some find no `.state`, and some leave none.
#[test]
fn no_update_of_parallel_writers_is_lost() {
    let house = House::new();
    std::thread::scope(|scope| {
        for writer in 0..20 {
            let house = &house;
            scope.spawn(move || {
                for round in 0..5 {
                    drop(Transaction::begin(&house.home, &key()).unwrap());
                    let (mut transaction, _) = Transaction::begin(&house.home, &key()).unwrap();
                    let mut text = house
                        .home
                        .read("hoziron.toml", 1 << 20)
                        .unwrap()
                        .unwrap_or_default();
                    text.extend_from_slice(format!("{writer} {round}\n").as_bytes());
                    transaction.put(Target::Manifest, text).unwrap();
                    transaction.commit().unwrap();
                }
            });
        }
    });
    let text = house.files().remove("hoziron.toml").unwrap();
    assert_eq!(
        text.lines()
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        100
    );
    assert_eq!(text.lines().count(), 100);
}
