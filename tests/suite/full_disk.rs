//! A disk that is really full: a small file system in memory, with each amount of space that may be
//! left on it. Mounting one takes root; elsewhere the tests are skipped by name.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::house::House;
use crate::tree::Tree;

const PAGE: usize = 4096;

/// A file system over a repository; unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    /// Mounts it, or says why the test is skipped.
    fn over(place: PathBuf, options: &str, test: &str) -> Option<Self> {
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(&place)
            .stderr(Stdio::null())
            .status();
        if status.is_ok_and(|status| status.success()) {
            return Some(Self(place));
        }
        eprintln!("skipped {test}: this user may not mount a file system");
        None
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Leaves this many pages free.
fn fill_but(ballast: &PathBuf, pages: usize) {
    let mut file = File::create(ballast).unwrap();
    while file.write_all(&[0; PAGE]).is_ok() {}
    drop(file);
    let length = fs::metadata(ballast).unwrap().len();
    let kept = length - length % PAGE as u64;
    let file = File::options().write(true).open(ballast).unwrap();
    file.set_len(kept.checked_sub((pages * PAGE) as u64).unwrap())
        .unwrap();
}

/// Whatever space is left, a command does all of its work or none of it, and says why.
fn with_little_left(options: &str, test: &str, limits: std::ops::Range<usize>, limit: Limit) {
    const OLD: &[u8] = &[b'o'; 9_000];
    const NEW: &[u8] = &[b'n'; 9_000];
    let house = House::bare();
    let Some(_mount) = Mount::over(house.repo(), options, test) else {
        return;
    };
    house.git(["init", "-q", "-b", "main"]);
    house
        .run(["vault", "init", "--name", "alice", "--no-recovery"])
        .ok();
    let ballast = house.repo().join("ballast");
    let [mut done, mut refused] = [0, 0];
    for left in limits {
        for args in [
            &["vault", "set", "api/KEY"][..],
            &["vault", "set", "web/NEW"],
            &["vault", "rename", "api/KEY", "lib/KEY"],
            &["vault", "remove", "api/KEY", "--yes"],
        ] {
            house.seal("api/KEY", OLD);
            let home = || Tree::read(&house.home()).without(".state/lock");
            let old = home();
            limit.set(&ballast, left);
            let run = house.feed(args, NEW);
            let find = |name: &str| {
                let run = house.run(["vault", "get", name]);
                (run.code() == 0).then_some(run.stdout)
            };
            if run.code() == 0 {
                done += 1;
                match args[..] {
                    [_, "set", name] => assert!(find(name).unwrap() == NEW),
                    [_, "rename", from, to] => {
                        assert!(find(from).is_none() && find(to).unwrap() == OLD);
                    }
                    _ => assert!(find(args[2]).is_none()),
                }
            } else {
                refused += 1;
                assert_eq!(run.code(), 1);
                let reason = run.stderr.contains("No space left on device (os error 28)");
                assert!(reason, "{}", run.stderr);
                assert!(run.stderr.contains("/.hoziron/"), "{}", run.stderr);
                assert!(home() == old, "{args:?} with {left} left");
                assert!(find("api/KEY").unwrap() == OLD);
            }
            limit.lift(&ballast);
            for name in ["web/NEW", "lib/KEY"] {
                let _ = house.run(["vault", "remove", name, "--yes"]);
            }
        }
    }
    eprintln!("{test}: {done} commands done, {refused} refused");
    assert!(done > 10 && refused > 10);
}

#[derive(Clone, Copy)]
enum Limit {
    /// Bytes, counted in pages.
    Bytes,
    /// Files and folders.
    Files,
}

impl Limit {
    fn set(self, ballast: &PathBuf, left: usize) {
        match self {
            Self::Bytes => fill_but(ballast, left),
            Self::Files => {
                fs::create_dir(ballast).unwrap();
                let file = |n: usize| ballast.join(n.to_string());
                let count = (0..).find(|n| File::create(file(*n)).is_err()).unwrap();
                for n in count.saturating_sub(left)..count {
                    fs::remove_file(file(n)).unwrap();
                }
            }
        }
    }

    fn lift(self, ballast: &PathBuf) {
        match self {
            Self::Bytes => fs::remove_file(ballast).unwrap(),
            Self::Files => fs::remove_dir_all(ballast).unwrap(),
        }
    }
}

#[test]
fn a_full_disk_refuses_and_loses_nothing() {
    let test = "a_full_disk_refuses_and_loses_nothing";
    with_little_left("size=1m", test, 0..20, Limit::Bytes);
}

#[test]
fn a_disk_without_room_for_another_file_refuses_and_loses_nothing() {
    let test = "a_disk_without_room_for_another_file_refuses_and_loses_nothing";
    with_little_left("nr_inodes=200,size=8m", test, 0..10, Limit::Files);
}
