//! Runs the real binary under `strace`, and makes one chosen system call of it fail or be the last.
//! Every run proves that the fault hit the call it was meant for, because an injection that misses
//! would make every test behind it green.
//!
//! Three traps of `strace -e inject` shape this file: `when=` counts each call name for itself and
//! each thread for itself, so a run injects into one name, and more than one process is refused; a
//! signal arrives before the call is made; and with `--seccomp-bpf` no signal arrives at all.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::house::{HOZIRON, House, Outcome, finish, has_judge};
use crate::tree::plain;

/// Every call that changes a file system. What a machine does not have is ignored by `strace`.
const MUTATING: &str = "?open,openat,?openat2,?creat,?mkdir,mkdirat,write,pwrite64,?writev,\
    ?pwritev,?pwritev2,?sendfile,?copy_file_range,?splice,fsync,fdatasync,?sync_file_range,?syncfs,\
    ?rename,?renameat,renameat2,?link,linkat,?symlink,symlinkat,?unlink,unlinkat,?rmdir,truncate,\
    ftruncate,?fallocate,?chmod,fchmod,fchmodat,?chown,fchown,fchownat,?utimensat,?mknod,mknodat,\
    flock";

/// One system call of a run: the `nth` of its name.
#[derive(Clone, Debug)]
pub struct Point {
    pub call: String,
    pub nth: usize,
    /// The call and what it is about, without what differs from one run to the next.
    pub label: String,
    /// The files and folders that the call has in hand.
    pub paths: Vec<String>,
    /// What it returned, as `strace` says it.
    result: String,
}

/// What to do to a call.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The call is not made and returns this error.
    Error(&'static str),
    /// The process is killed instead.
    Kill,
    /// The call is made half a second later.
    Late,
}

/// Says whether calls can be injected into; otherwise the test is skipped by name.
pub fn has_strace(test: &str) -> bool {
    if !has_judge("strace", test) {
        return false;
    }
    let works = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !works {
        assert!(std::env::var_os("CI").is_none(), "strace may not trace");
        eprintln!("skipped {test}: strace may not trace on this machine");
    }
    works
}

/// Runs the binary to its end, and lists the calls that changed something below the house.
#[track_caller]
pub fn trace(house: &House, args: &[&str], stdin: &[u8]) -> (Outcome, Vec<Point>) {
    let (outcome, calls) = run(house, args, stdin, &["-e", &format!("trace={MUTATING}")]);
    let here = format!("<{}", house.root().display());
    let changes = |point: &Point| match point.call.as_str() {
        "open" | "openat" | "openat2" => point.label.contains("O_CREAT"),
        _ => true,
    };
    let below = |point: &Point| point.paths.iter().any(|path| path.starts_with(&here[1..]));
    let points = calls.into_iter().filter(changes).filter(below).collect();
    (outcome, points)
}

/// Runs the binary with a fault at one call, and returns that call as well.
#[track_caller]
pub fn inject(
    house: &House,
    args: &[&str],
    stdin: &[u8],
    at: &Point,
    fault: Fault,
) -> (Outcome, Point) {
    let Point { call, nth, .. } = at;
    let what = match fault {
        Fault::Error(name) => format!("error={name}"),
        Fault::Kill => "signal=KILL".to_owned(),
        Fault::Late => "delay_enter=500000".to_owned(),
    };
    let inject = format!("inject={call}:{what}:when={nth}");
    let only = format!("trace={call}");
    let (outcome, calls) = run(house, args, stdin, &["-e", &only, "-e", &inject]);
    let hit = calls.get(nth - 1).expect("the call was not reached");
    assert_eq!(hit.label, at.label, "the fault hit another call");
    match fault {
        Fault::Error(_) => assert!(hit.result.ends_with("(INJECTED)"), "{}", hit.result),
        Fault::Kill => {
            assert_eq!(outcome.code(), 137, "not killed at {}", at.label);
            assert_eq!(calls.len(), *nth, "it went on after {}", at.label);
        }
        Fault::Late => assert!(hit.result.ends_with("(DELAYED)"), "{}", hit.result),
    }
    (outcome, hit.clone())
}

fn run(house: &House, args: &[&str], stdin: &[u8], options: &[&str]) -> (Outcome, Vec<Point>) {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut command = house.program("strace");
    command
        .args(["-f", "-qq", "-y", "-e", "signal=none", "-o"])
        .arg(log.path())
        .args(options)
        .arg(HOZIRON)
        .args(args);
    let outcome = finish(&mut command, stdin);
    let calls = parse(house.root(), &fs::read_to_string(log.path()).unwrap());
    (outcome, calls)
}

/// Reads a log of lines like `4711 fsync(6</tmp/.state>) = 0`.
fn parse(root: &Path, log: &str) -> Vec<Point> {
    let root = root.to_str().unwrap();
    let mut pid = None;
    let mut calls: Vec<Point> = Vec::new();
    for line in log.lines() {
        let (process, line) = line.split_once(' ').unwrap();
        assert_eq!(
            *pid.get_or_insert(process),
            process,
            "more than one thread or process: {line}"
        );
        let line = line.trim_start();
        if line.starts_with("+++") {
            continue;
        }
        let (call, rest) = line.split_once('(').unwrap();
        let end = rest.rfind(" = ").unwrap();
        let mut about = rest[..end].trim_end();
        if ["write", "pwrite64"].contains(&call) {
            about = about.split_once(", ").unwrap().0;
        }
        let paths = paths(about);
        calls.push(Point {
            call: call.to_owned(),
            nth: 1 + calls.iter().filter(|point| point.call == call).count(),
            label: plain(&format!("{call}({}", about.replace(root, ""))),
            paths,
            result: rest[end + 3..].to_owned(),
        });
    }
    calls
}

/// The paths in `5</a/b>, "name"`: of descriptors, and of names that are paths.
fn paths(about: &str) -> Vec<String> {
    let descriptors = about.split('<').skip(1);
    let names = about.split('"').skip(1).step_by(2);
    descriptors
        .filter_map(|rest| rest.split_once('>').map(|(path, _)| path))
        .chain(names)
        .filter(|path| path.starts_with('/'))
        .map(str::to_owned)
        .collect()
}
