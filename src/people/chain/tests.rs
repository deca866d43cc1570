//! Which statements count: small histories of a vault's top, written to a folder and followed.

#![expect(
    clippy::disallowed_methods,
    reason = "a test arranges files as it likes"
)]

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::domain::{Founding, Identity, Recipient, SigningKey};
use crate::people::statement::Carved;

/// A person with a native key.
struct Person {
    identity: Identity,
    name: &'static str,
}

impl Person {
    fn new(name: &'static str) -> Self {
        let identity = Identity::generate(name);
        Self { identity, name }
    }

    fn signing(&self) -> SigningKey {
        self.identity.signing_key().unwrap()
    }

    fn reader(&self) -> Reader {
        Reader {
            name: ReaderName::parse(self.name).unwrap(),
            recipients: vec![Recipient::parse(self.identity.public()).unwrap()],
            signing: Some(self.signing().public()),
        }
    }
}

/// A vault whose statements are written by hand.
struct Statements {
    home: TempDir,
    id: VaultId,
    founding: Founding,
}

impl Statements {
    fn founded_by(founder: &Person, others: &[&Person]) -> Self {
        let founding = Founding {
            founder: founder.signing().public(),
            nonce: [3; 16],
        };
        let this = Self {
            home: tempfile::tempdir().unwrap(),
            id: founding.id(),
            founding,
        };
        let mut readers = vec![founder];
        readers.extend(others);
        this.epoch(1, 'a', &[], founder, &readers);
        this
    }

    fn key(letter: char) -> KeyId {
        KeyId::parse(&letter.to_string().repeat(20)).unwrap()
    }

    fn dir(&self, folder: &FolderName, epoch: u32, letter: char) -> std::path::PathBuf {
        let dir = KeyDir::new(epoch, Self::key(letter).as_str()).unwrap();
        self.home.path().join(dir.place(folder))
    }

    fn statement(&self, epoch: u32, letter: char, parents: &[char], by: &Person) -> Statement {
        Statement {
            vault: self.id.clone(),
            folder: FolderName::top(),
            epoch,
            key: Self::key(letter),
            parents: parents.iter().map(|letter| Self::key(*letter)).collect(),
            carved: Vec::new(),
            made: 1_764_000_000,
            founding: None,
            signer: by.signing().public(),
            readers: Readers::build([by.reader()]).unwrap(),
        }
    }

    fn write(&self, statement: &Statement, letter: char, by: &Person) -> Digest {
        let folder = self.dir(&statement.folder, statement.epoch, letter);
        fs::create_dir_all(&folder).unwrap();
        let bytes = statement.sign(&by.signing());
        fs::write(folder.join("epoch.toml"), &bytes).unwrap();
        Digest::of(&bytes)
    }

    fn epoch(&self, epoch: u32, letter: char, parents: &[char], by: &Person, readers: &[&Person]) {
        let mut statement = self.statement(epoch, letter, parents, by);
        statement.readers = Readers::build(readers.iter().map(|one| one.reader())).unwrap();
        if epoch == 1 {
            statement.founding = Some(self.founding.clone());
        }
        self.write(&statement, letter, by);
    }

    fn admit(&self, epoch: u32, letter: char, by: &Person, whom: &Person) {
        let admission = Admission {
            vault: self.id.clone(),
            folder: FolderName::top(),
            key: Self::key(letter),
            made: 1_764_000_000,
            signer: by.signing().public(),
            reader: whom.reader(),
        };
        let folder = self.dir(&FolderName::top(), epoch, letter);
        let bytes = admission.sign(&by.signing());
        fs::write(folder.join(format!("{}.toml", whom.name)), bytes).unwrap();
    }

    fn follow(&self, known: Option<&KnownHead>) -> Chain {
        self.try_follow(known).unwrap()
    }

    fn try_follow(&self, known: Option<&KnownHead>) -> Result<Chain, KeysError> {
        let vault = Vault::open(self.home.path()).unwrap();
        let top = FolderName::top();
        Chain::verify(&vault, &self.id, &top, &Root::Founding, known)
    }
}

fn head(chain: &Chain) -> String {
    chain.head().map_or_else(
        |_| "in question".to_owned(),
        |head| head.statement.key.as_str()[..1].to_owned(),
    )
}

fn accepted(letter: char, epoch: u32, readers: &[&Person]) -> KnownHead {
    let keys: Vec<_> = readers.iter().map(|one| one.identity.public()).collect();
    KnownHead::new(epoch, Statements::key(letter), keys.into_iter())
}

#[test]
fn whoever_joined_may_let_others_in() {
    let (alice, bob, carol) = (
        Person::new("alice"),
        Person::new("bob"),
        Person::new("carol"),
    );
    let vault = Statements::founded_by(&alice, &[]);
    vault.admit(1, 'a', &bob, &carol);
    let chain = vault.follow(None);
    assert_eq!(chain.head().unwrap().readers.names(), "alice");
    assert_eq!(chain.refused().len(), 1);

    vault.admit(1, 'a', &alice, &bob);
    let chain = vault.follow(None);
    assert_eq!(chain.head().unwrap().readers.names(), "alice, bob, carol");
    assert_eq!(chain.refused(), []);
}

#[test]
fn a_statement_counts_if_a_signer_of_the_one_before_made_it() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let mallory = Person::new("mallory");
    let vault = Statements::founded_by(&alice, &[&bob]);
    vault.epoch(2, 'b', &['a'], &bob, &[&alice, &bob]);
    vault.epoch(3, 'c', &['b'], &mallory, &[&mallory]);
    vault.epoch(3, 'd', &['x'], &alice, &[&alice]);
    vault.epoch(4, 'e', &['b'], &alice, &[&alice]);
    let chain = vault.follow(None);
    assert_eq!(head(&chain), "b");
    let refused: Vec<_> = chain.refused().iter().map(|one| one.why).collect();
    assert_eq!(
        refused,
        [
            "whoever signed it could not change who reads",
            "a statement it follows is missing or does not count",
            "its number does not follow",
        ]
    );
}

/// Also when the removed one's statement is a sibling of the one that removed him.
#[test]
fn a_removed_member_s_statement_does_not_count() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let vault = Statements::founded_by(&alice, &[&bob]);
    vault.epoch(2, 'b', &['a'], &alice, &[&alice]);
    vault.epoch(2, 'c', &['a'], &bob, &[&alice, &bob]);
    vault.epoch(3, 'd', &['c'], &bob, &[&bob]);
    let chain = vault.follow(None);
    assert_eq!(head(&chain), "b");
    assert_eq!(chain.refused().len(), 2);
    assert_eq!(chain.left(Statements::key('a')).len(), 1);
    assert_eq!(chain.left(Statements::key('b')), []);
}

#[test]
fn of_two_who_remove_each_other_only_what_was_accepted_before_decides() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let vault = Statements::founded_by(&alice, &[&bob]);
    vault.epoch(2, 'b', &['a'], &alice, &[&alice]);
    vault.epoch(2, 'c', &['a'], &bob, &[&bob]);
    assert_eq!(head(&vault.follow(None)), "in question");
    assert_eq!(head(&vault.follow(Some(&accepted('b', 2, &[&alice])))), "b");
    assert_eq!(head(&vault.follow(Some(&accepted('c', 2, &[&bob])))), "c");
}

#[test]
fn of_two_branches_the_one_with_fewer_readers_counts() {
    let (alice, bob, carol) = (
        Person::new("alice"),
        Person::new("bob"),
        Person::new("carol"),
    );
    let vault = Statements::founded_by(&alice, &[&bob, &carol]);
    vault.epoch(2, 'b', &['a'], &alice, &[&alice, &bob]);
    vault.epoch(2, 'c', &['a'], &alice, &[&alice]);
    let chain = vault.follow(None);
    assert_eq!(head(&chain), "c");
    assert_eq!(chain.left(Statements::key('b')).len(), 1);

    // Neither has fewer: a signer of both joins them.
    vault.epoch(3, 'd', &['c'], &alice, &[&alice, &carol]);
    assert_eq!(head(&vault.follow(None)), "in question");
    vault.epoch(4, 'e', &['b', 'd'], &alice, &[&alice]);
    assert_eq!(head(&vault.follow(None)), "e");
}

#[test]
fn a_head_that_was_accepted_and_is_not_here_is_told() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let vault = Statements::founded_by(&alice, &[&bob]);
    let chain = vault.follow(Some(&accepted('b', 2, &[&alice])));
    assert!(chain.behind().is_some());
    let left: Vec<_> = chain.left(Statements::key('a'));
    assert_eq!(left, [ReaderName::parse("bob").unwrap()]);
    assert_eq!(chain.known(), None);
}

/// Without it an older key would look like the newest.
#[test]
fn a_malformed_statement_stops_everything() {
    let alice = Person::new("alice");
    let vault = Statements::founded_by(&alice, &[]);
    vault.epoch(2, 'b', &['a'], &alice, &[&alice]);
    let file = vault.dir(&FolderName::top(), 2, 'b').join("epoch.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("made = 1", "made = 2")).unwrap();
    assert!(matches!(
        vault.try_follow(None),
        Err(KeysError::Statement { .. })
    ));
}

#[test]
fn a_folder_below_is_certified_by_the_statement_that_names_it() {
    let (alice, bob) = (Person::new("alice"), Person::new("bob"));
    let vault = Statements::founded_by(&alice, &[&bob]);
    let prod = FolderName::parse("prod").unwrap();
    let mut first = vault.statement(1, 'p', &[], &alice);
    first.folder = prod.clone();
    let digest = vault.write(&first, 'p', &alice);
    let mut second = vault.statement(2, 'b', &['a'], &alice);
    second.carved = vec![Carved {
        folder: prod.clone(),
        first: digest,
    }];
    vault.write(&second, 'b', &alice);

    let top = vault.follow(None);
    let pins = top.pins();
    let open = Vault::open(vault.home.path()).unwrap();
    let follow =
        |root: &Root<'_>| Chain::verify(&open, &vault.id, &prod, root, None).map(|one| head(&one));
    assert_eq!(follow(&Root::Pins(&pins[&prod])).unwrap(), "p");

    // The same key under another statement, by somebody who was a signer when it was named.
    let mut other = vault.statement(1, 'p', &[], &bob);
    other.folder = prod.clone();
    vault.write(&other, 'p', &bob);
    assert!(matches!(
        follow(&Root::Pins(&pins[&prod])),
        Err(KeysError::Wrong {
            field: "first statement",
            ..
        })
    ));
}
