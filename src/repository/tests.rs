//! With the real git, in throw-away repositories, the user's own configuration set aside.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::*;

struct Place {
    dir: TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Place {
    #[expect(clippy::disallowed_methods, reason = "a test looks for git")]
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("user")).unwrap();
        fs::create_dir(dir.path().join("repo")).unwrap();
        let user = dir.path().join("user").into_os_string();
        let place = Self {
            dir,
            variables: vec![
                ("PATH".into(), std::env::var_os("PATH").unwrap()),
                ("HOME".into(), user),
                ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            ],
        };
        place.git(&["init", "-q", "-b", "main"]);
        place.git(&["config", "user.name", "Alice Example"]);
        place.git(&["config", "user.email", "alice@example.org"]);
        place
    }

    fn repo(&self) -> PathBuf {
        self.dir.path().join("repo")
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git")
            .args(words)
            .current_dir(self.repo())
            .env_clear()
            .envs(self.variables.iter().cloned())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test arranges files as it likes"
    )]
    fn write(&self, path: &str, text: &str) {
        let path = self.repo().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, path: &str, text: &str) -> ObjectId {
        self.write(path, text);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", path]);
        ObjectId::parse(&self.git(&["rev-parse", "HEAD"])).unwrap()
    }

    fn open(&self) -> Repository {
        self.around(Around::Folder).unwrap().unwrap()
    }

    fn around(&self, around: Around) -> Result<Option<Repository>, GitError> {
        Repository::discover(&self.repo(), around, &self.variables)
    }
}

fn paths(entries: &[Entry]) -> Vec<&str> {
    let paths = entries.iter().map(|entry| entry.path.to_str().unwrap());
    paths.collect()
}

#[test]
fn outside_of_a_repository_there_is_none() {
    let place = Place::new();
    let user = place.dir.path().join("user");
    let found = Repository::discover(&user, Around::Folder, &place.variables);
    assert!(found.unwrap().is_none());
    assert_eq!(tracked(&user, "x", &place.variables), Tracked::No);
}

#[test]
fn a_path_is_found_from_the_top() {
    let place = Place::new();
    place.write("a/b", "");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test arranges files as it likes"
    )]
    symlink(place.repo().join("a"), place.dir.path().join("link")).unwrap();
    let repository = place.open();
    let relative = |path: &Path| repository.relative(path);
    assert_eq!(relative(&place.repo().join("a/b")), Some("a/b".into()));
    assert_eq!(
        relative(&place.dir.path().join("link/new")),
        Some("a/new".into())
    );
    assert_eq!(relative(&place.repo()), Some("".into()));
    assert_eq!(relative(&place.dir.path().join("user")), None);
}

#[test]
fn what_is_tracked_is_told_from_what_is_not() {
    let place = Place::new();
    place.write("odd \"name\"\n*", "x");
    place.git(&["add", "-A"]);
    let tracked = |file| tracked(&place.repo(), file, &place.variables);
    assert_eq!(tracked("odd \"name\"\n*"), Tracked::Yes);
    assert_eq!(tracked("odd*"), Tracked::No);
    place.git(&["config", "core.repositoryFormatVersion", "99"]);
    assert_eq!(tracked("odd*"), Tracked::Unknown);
}

#[test]
fn what_is_staged_is_listed_before_the_first_commit_and_after() {
    let place = Place::new();
    let repository = place.open();
    assert_eq!(repository.head().unwrap(), None);
    place.write("a\nb", "1");
    place.git(&["add", "-A"]);
    let staged = repository.staged().unwrap();
    assert_eq!(paths(&staged), ["a\nb"]);
    assert_eq!(repository.blob(&staged[0].id, 10).unwrap().unwrap(), b"1");
    let head = place.commit("c", "2");
    place.git(&["rm", "-q", "c"]);
    place.write("d", "3");
    place.git(&["add", "-A"]);
    assert_eq!(paths(&repository.staged().unwrap()), ["d"]);
    assert_eq!(paths(&repository.entries().unwrap()), ["a\nb", "d"]);
    assert_eq!(paths(&repository.tree(&head, None).unwrap()), ["a\nb", "c"]);
    let one = repository.tree(&head, Some(Path::new("c"))).unwrap();
    assert_eq!((paths(&one), one[0].kind), (vec!["c"], Kind::File));
}

#[test]
fn every_version_of_a_path_is_told_with_its_author() {
    let place = Place::new();
    let first = place.commit("k", "1");
    place.commit("other", "x");
    let second = place.commit("k", "2");
    place.git(&["rm", "-q", "k"]);
    place.git(&["commit", "-q", "-m", "gone"]);
    let repository = place.open();
    let head = repository.head().unwrap().unwrap();
    let path = Path::new("k");
    let versions = repository
        .versions(&head, path, Order::NewestFirst)
        .unwrap();
    let commits: Vec<_> = versions.iter().map(|version| &version.commit).collect();
    assert_eq!(commits, [&head, &second, &first]);
    assert_eq!(versions[0].blob, None);
    assert_eq!(versions[2].author, "Alice Example");
    assert_eq!(versions[2].email, "alice@example.org");
    assert!(versions[2].time > 1_600_000_000);
    let oldest = repository
        .versions(&head, path, Order::OldestFirst)
        .unwrap();
    assert_eq!(oldest[0], versions[2]);
    assert_eq!(
        repository.file_at(&second, path, 10).unwrap().unwrap(),
        b"2"
    );
    assert_eq!(repository.file_at(&head, path, 10).unwrap(), None);
}

/// What a branch had before it was reset is found; what another branch has was never its own.
#[test]
fn what_a_branch_has_lost_is_known_from_its_own_log() {
    let place = Place::new();
    let first = place.commit("k", "1");
    place.git(&["branch", "side"]);
    let second = place.commit("k", "2");
    place.commit("other", "x");
    let repository = place.open();
    let path = Path::new("k");
    let lost = |head: &ObjectId, text: &[u8]| {
        let holds = |bytes: &[u8]| bytes == text;
        repository.lost(head, path, 10, holds).unwrap()
    };
    let head = repository.head().unwrap().unwrap();
    assert_eq!(lost(&head, b"2"), None);
    place.git(&["reset", "-q", "--hard", first.as_str()]);
    assert_eq!(lost(&first, b"2"), Some(second));
    assert_eq!(lost(&first, b"1"), None);
    place.git(&["checkout", "-q", "side"]);
    assert_eq!(lost(&first, b"2"), None);
    place.git(&["checkout", "-q", "--detach", "main"]);
    assert_eq!(repository.branch().unwrap(), None);
    assert_eq!(lost(&first, b"2"), None);
}

/// A value that only a side branch ever held is found, and so is the commit that took it away.
#[test]
fn what_once_held_is_found_on_side_branches_too() {
    let place = Place::new();
    place.commit("k", "1");
    place.git(&["checkout", "-q", "-b", "side"]);
    let high = place.commit("k", "9");
    let low = place.commit("k", "2");
    place.git(&["checkout", "-q", "main"]);
    place.commit("other", "x");
    place.git(&["merge", "-q", "--no-edit", "side"]);
    let repository = place.open();
    let head = repository.head().unwrap().unwrap();
    let ever = |text: &'static [u8]| {
        repository
            .ever(&head, Path::new("k"), 10, |bytes| bytes == text)
            .unwrap()
    };
    let found = ever(b"9").unwrap();
    assert_eq!(found.version.commit, high);
    assert_eq!(found.ended.unwrap().commit, low);
    assert_eq!(ever(b"7"), None);
}

#[test]
fn the_paths_that_differ_are_listed_with_both_sides() {
    let place = Place::new();
    let before = place.commit("a", "1");
    place.write("b", "2");
    place.git(&["rm", "-q", "a"]);
    let after = place.commit("c", "3");
    let changes = place.open().changed(&before, &after).unwrap();
    let told: Vec<_> = changes
        .iter()
        .map(|change| {
            let path = change.path.to_str().unwrap();
            (path, change.before.is_some(), change.after.is_some())
        })
        .collect();
    assert_eq!(
        told,
        [("a", true, false), ("b", false, true), ("c", false, true)]
    );
}

#[test]
fn many_objects_come_from_one_process_and_a_missing_one_is_said() {
    let place = Place::new();
    let mut ids = Vec::new();
    for number in 0..300 {
        place.write(&format!("f{number}"), &"x".repeat(number * 100));
    }
    place.git(&["add", "-A"]);
    let repository = place.open();
    let entries = repository.entries().unwrap();
    ids.extend(entries.iter().map(|entry| entry.id.clone()));
    ids.insert(7, ObjectId::parse(&"1".repeat(40)).unwrap());
    let mut seen = Vec::new();
    repository
        .objects(&ids, |index, content| {
            match content {
                Content::Missing => seen.push((index, None)),
                Content::There { size, bytes, .. } => {
                    let mut head = [0; 3];
                    let read = bytes.read(&mut head)?;
                    assert!(read > 0 || size == 0);
                    seen.push((index, Some(size)));
                }
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.len(), 301);
    assert_eq!(seen[7], (7, None));
    let total: u64 = seen.iter().filter_map(|(_, size)| *size).sum();
    assert_eq!(total, (0..300).sum::<u64>() * 100);
}

#[test]
fn objects_that_nothing_leads_to_are_listed_too() {
    let place = Place::new();
    let first = place.commit("a", "1");
    let second = place.commit("a", "2");
    place.git(&["reset", "-q", "--hard", first.as_str()]);
    place.git(&["reflog", "expire", "--expire=now", "--all"]);
    let repository = place.open();
    let all = repository.everything().unwrap();
    let kind = |wanted| {
        all.iter()
            .filter(|object| object.kind == Some(wanted))
            .count()
    };
    assert_eq!(kind(ObjectKind::Commit), 2);
    assert_eq!(kind(ObjectKind::Blob), 2);
    let lost = all.iter().find(|object| object.id == second).unwrap();
    assert_eq!(lost.path, None);
    let between = repository.reached(&[second], &[first]).unwrap();
    let blobs: Vec<_> = between
        .iter()
        .filter(|object| object.kind == Some(ObjectKind::Blob))
        .filter_map(|object| object.path.as_deref())
        .collect();
    assert_eq!(blobs, [Path::new("a")]);
}

#[test]
fn attributes_and_settings_are_told() {
    let place = Place::new();
    place.write(".gitattributes", "*.age diff=hoziron -text\n");
    let repository = place.open();
    let paths = ["x.age".into(), "y".into()];
    let found = repository.attributes(&paths, &["diff", "text"]).unwrap();
    let values: Vec<_> = found.iter().map(|found| found.value.as_str()).collect();
    assert_eq!(values, ["hoziron", "unset", "unspecified", "unspecified"]);

    let git = repository.git();
    let top = repository.top();
    assert_eq!(git.setting(top, "merge.x.driver").unwrap(), None);
    git.set(top, Scope::Global, "merge.x.driver", "a \"b\"\nc")
        .unwrap();
    git.set(top, Scope::Local, "merge.x.driver", "local")
        .unwrap();
    assert_eq!(
        git.setting(top, "merge.x.driver").unwrap().unwrap(),
        "local"
    );
    git.unset(top, Scope::Local, "merge.x.driver").unwrap();
    git.unset(top, Scope::Local, "merge.x.driver").unwrap();
    let setting = git.settings(top).unwrap();
    let setting = setting.iter().find(|one| one.key == "merge.x.driver");
    let setting = setting.unwrap();
    assert_eq!(
        (setting.scope.as_str(), setting.value.as_str()),
        ("global", "a \"b\"\nc")
    );
    assert_eq!(
        author(&place.repo(), &place.variables).unwrap(),
        "Alice Example"
    );
    assert!(repository.hooks().unwrap().ends_with("repo/.git/hooks"));
    git.set(top, Scope::Local, "core.hooksPath", "mine")
        .unwrap();
    assert_eq!(repository.hooks().unwrap(), top.join("mine"));
}

/// Every setting of a repository that names a program, each of which would leave a file behind.
#[test]
fn a_repository_cannot_have_a_program_run() {
    let place = Place::new();
    let first = place.commit("a", "1");
    let second = place.commit("a", "2");
    let trap = place.dir.path().join("trap");
    let sprung = place.dir.path().join("sprung");
    let script = format!("#!/bin/sh\necho \"$0 $@\" >> {}\n", sprung.display());
    #[expect(
        clippy::disallowed_methods,
        reason = "a test arranges files as it likes"
    )]
    {
        fs::write(&trap, &script).unwrap();
        fs::set_permissions(&trap, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(place.repo().join("bin")).unwrap();
        fs::copy(&trap, place.repo().join("bin/git")).unwrap();
        fs::create_dir_all(place.repo().join(".git/hooks")).unwrap();
        for hook in ["post-index-change", "reference-transaction", "pre-commit"] {
            fs::copy(&trap, place.repo().join(".git/hooks").join(hook)).unwrap();
        }
    }
    let trap = trap.to_str().unwrap();
    place.write(".gitattributes", "* diff=trap filter=trap merge=trap\n");
    for key in [
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.gitProxy",
        "core.alternateRefsCommand",
        "credential.helper",
        "diff.external",
        "diff.trap.textconv",
        "diff.trap.command",
        "filter.trap.clean",
        "filter.trap.smudge",
        "filter.trap.process",
        "gpg.program",
        "merge.trap.driver",
        "pager.log",
        "pager.config",
        "sequence.editor",
        "alias.ls-files",
    ] {
        place.git(&["config", key, trap]);
    }
    for (key, value) in [
        ("log.showSignature", "true"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.vcs", "ext"),
        ("protocol.ext.allow", "always"),
    ] {
        place.git(&["config", key, value]);
    }
    place.git(&["config", "remote.origin.url", &format!("ext::{trap}")]);
    let mut variables = place.variables.clone();
    let path = variables[0].1.clone();
    variables[0].1 = format!(
        "bin::{}:{}",
        place.repo().join("bin").display(),
        path.display()
    )
    .into();

    let repository = Repository::discover(&place.repo(), Around::Inherited, &variables);
    let repository = repository.unwrap().unwrap();
    let path = Path::new("a");
    assert_eq!(tracked(&place.repo(), "a", &variables), Tracked::Yes);
    author(&place.repo(), &variables).unwrap();
    repository.staged().unwrap();
    repository.entries().unwrap();
    repository.tree(&second, None).unwrap();
    repository
        .versions(&second, path, Order::NewestFirst)
        .unwrap();
    repository.ever(&second, path, 10, |_| false).unwrap();
    repository.lost(&first, path, 10, |_| false).unwrap();
    repository.changed(&first, &second).unwrap();
    repository.attributes(&["a".into()], &["diff"]).unwrap();
    repository.everything().unwrap();
    repository.reached(&[second], &[first]).unwrap();
    repository.git().settings(repository.top()).unwrap();
    repository.hooks().unwrap();
    let absent = ObjectId::parse(&"2".repeat(40)).unwrap();
    // A partial clone would fetch it; a refusal is fine.
    let _ = repository.blob(&absent, 10);
    let said = fs::read_to_string(&sprung).unwrap_or_default();
    assert_eq!(said, "");
}

/// The index that git hands to a hook is the one that counts there, and nowhere else.
#[test]
fn a_hook_sees_the_index_that_git_names() {
    let mut place = Place::new();
    place.commit("a", "1");
    #[expect(
        clippy::disallowed_methods,
        reason = "a test arranges files as it likes"
    )]
    fs::copy(
        place.repo().join(".git/index"),
        place.repo().join(".git/other"),
    )
    .unwrap();
    place.write("b", "2");
    place.git(&["add", "-A"]);
    place
        .variables
        .push(("GIT_INDEX_FILE".into(), ".git/other".into()));
    let staged = |around| {
        let repository = place.around(around).unwrap().unwrap();
        repository.staged().unwrap().len()
    };
    assert_eq!(staged(Around::Inherited), 0);
    assert_eq!(staged(Around::Folder), 1);
}

#[test]
fn a_longer_answer_than_wanted_and_a_refusal_are_errors() {
    let place = Place::new();
    place.commit("a", "12345678901");
    let repository = place.open();
    let entries = repository.entries().unwrap();
    let long = repository.blob(&entries[0].id, 10);
    assert!(matches!(long, Err(GitError::TooMuch { limit: 10, .. })));
    let none = ObjectId::parse(&"3".repeat(40)).unwrap();
    let refused = repository.tree(&none, None);
    assert!(
        matches!(refused, Err(GitError::Failed { .. })),
        "{refused:?}"
    );
    assert_eq!(repository.commit("--all").unwrap(), None);
    let newline = repository.versions(&none, Path::new("a\nb"), Order::NewestFirst);
    assert!(matches!(newline, Err(GitError::Path(_))));
    let missing = Git::find(
        &place.repo(),
        Around::Folder,
        &[("PATH".into(), "/none".into())],
    );
    assert!(matches!(missing, Err(GitError::Missing)));
}
