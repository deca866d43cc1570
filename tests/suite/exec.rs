//! The command takes hoziron's place: same process, same streams, same words, same end. Where a
//! system says so, the command is compared with itself, started without hoziron.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use crate::house::{HOZIRON, House, Outcome, finish};

/// A house with one secret, so that keys are read and files are opened before the hand-over.
fn house() -> House {
    let house = House::new();
    house.seal("API_KEY", b"k-123");
    house
}

/// Runs a shell script in which `$0` is hoziron.
fn script(house: &House, script: &str) -> Outcome {
    finish(house.program("sh").args(["-c", script, HOZIRON]), b"")
}

/// What a command prints when a shell starts it, without hoziron and with it; `before` is done in
/// the shell first.
#[track_caller]
fn without_and_with(house: &House, before: &str, command: &str) -> [String; 2] {
    ["", "\"$0\" env exec -- "].map(|with| {
        let outcome = script(house, &format!("{before}\nexec {with}{command}"));
        String::from_utf8(outcome.ok()).unwrap()
    })
}

/// Says whether `/proc/PID/status` lists a signal as ignored.
#[cfg(target_os = "linux")]
fn ignores(status: &str, signal: u32) -> bool {
    let mut lines = status.lines();
    let mask = lines
        .find_map(|line| line.strip_prefix("SigIgn:\t"))
        .unwrap();
    u64::from_str_radix(mask, 16).unwrap() >> (signal - 1) & 1 == 1
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// No process of ours is left: a signal sent to the pid reaches the command, and its parent is
/// whoever started hoziron.
#[test]
fn the_command_has_the_pid_and_the_parent_of_hoziron() {
    let house = house();
    let mut command = house.hoziron(["env", "exec", "--", "sh", "-c", "echo $$ $PPID"]);
    let child = command.stdout(Stdio::piped()).spawn().unwrap();
    let expected = format!("{} {}\n", child.id(), std::process::id());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

/// All 256, by both names of the command.
#[test]
fn every_exit_code_is_the_commands_own() {
    let house = house();
    let mut tried = 0;
    for code in 0..=255 {
        let exit = format!("exit {code}");
        let words: &[&str] = if code % 2 == 0 {
            &["env", "exec"]
        } else {
            &["run"]
        };
        let outcome = house.run(words.iter().copied().chain(["--", "sh", "-c", &exit]));
        assert_eq!(outcome.code(), code);
        assert_eq!((outcome.stdout, &*outcome.stderr), (vec![], ""));
        tried += 1;
    }
    eprintln!("{tried} exit codes");
    assert_eq!(tried, 256);
}

/// Whoever waits sees the signal itself; a shell makes 128 + n of it.
#[test]
fn a_command_that_a_signal_ends_looks_so_to_a_shell() {
    let house = house();
    for (name, number) in [
        ("ABRT", 6),
        ("KILL", 9),
        ("USR1", 10),
        ("SEGV", 11),
        ("PIPE", 13),
        ("ALRM", 14),
        ("TERM", 15),
    ] {
        let kill = format!("ulimit -c 0; kill -{name} $$; sleep 60");
        let outcome = house.run(["env", "exec", "--", "sh", "-c", &kill]);
        assert_eq!(outcome.status.signal(), Some(number), "{name}");

        let shell = format!("\"$0\" run -- sh -c 'ulimit -c 0; kill -{name} $$'; echo $?");
        let said = String::from_utf8(script(&house, &shell).ok()).unwrap();
        assert_eq!(said, format!("{}\n", 128 + number), "{name}");
    }
}

/// Every byte of stdin is the command's, and nothing but the command writes to its streams.
#[test]
fn the_three_streams_are_the_commands() {
    let house = house();
    let bytes: Vec<u8> = (0..1 << 20).map(|at: u32| (at * 7 % 251) as u8).collect();
    let outcome = house.feed(["env", "exec", "--", "cat"], &bytes);
    assert_eq!(outcome.stderr, "");
    assert!(outcome.ok() == bytes);

    let outcome = house.run(["run", "--", "sh", "-c", "printf out; printf err >&2"]);
    assert_eq!(outcome.stderr, "err");
    assert_eq!(outcome.ok(), b"out");
}

/// The three streams are the same open files, and none of ours come along; a descriptor that the
/// caller passes on does.
#[cfg(target_os = "linux")]
#[test]
fn the_command_has_the_callers_descriptors_and_none_of_ours() {
    let house = house();
    let before = "exec 7<.hoziron/hoziron.toml >&1 2>&1";
    let [without, with] = without_and_with(&house, before, "ls /proc/self/fd");
    assert_eq!(with, without);
    assert!(with.contains("\n7\n"), "{with}");

    let before = "exec 7<.hoziron/hoziron.toml 2>/dev/null </dev/zero >out";
    for file in ["0", "1", "2", "7"] {
        let command = format!("readlink /proc/self/fd/{file}");
        let [without, with] = ["", "\"$0\" env exec -- "].map(|with| {
            script(&house, &format!("{before}\nexec {with}{command}")).ok();
            fs::read_to_string(house.repo().join("out")).unwrap()
        });
        assert_eq!(with, without);
    }
}

/// hoziron ignores `SIGPIPE` and lowers the limit on core dumps for itself alone. What the caller
/// ignores stays ignored, as `nohup` needs it.
#[cfg(target_os = "linux")]
#[test]
fn signals_and_limits_are_the_callers() {
    let house = house();
    let signals = "grep -E '^Sig(Blk|Cgt|Ign)' /proc/self/status";
    for before in [":", "trap '' HUP INT"] {
        let [without, with] = without_and_with(&house, before, signals);
        assert_eq!(with, without);
        assert!(with.contains("SigBlk:\t0000000000000000\n"), "{with}");
    }
    // Somebody who ignores `SIGPIPE` gets a command that does not: a pipe ends it, as it should.
    let [without, with] = without_and_with(&house, "trap '' PIPE", signals);
    assert_eq!(
        [&without, &with].map(|status| ignores(status, 13)),
        [true, false]
    );

    let before = "ulimit -S -c $(ulimit -H -c); umask 027; cd .hoziron";
    for command in ["cat /proc/self/limits", "sh -c 'umask; pwd; ulimit -S -c'"] {
        let [without, with] = without_and_with(&house, before, command);
        assert_eq!(with, without);
    }
}

/// What hoziron itself understands is the command's once the command has begun, with `--` before it
/// or without; bytes that are no text are passed on.
#[test]
fn every_argument_arrives_as_it_is() {
    let house = house();
    let arguments = [
        OsStr::new(""),
        OsStr::new("--"),
        OsStr::new("--home"),
        OsStr::new("--help"),
        OsStr::new("-vqP"),
        OsStr::new("--only=NOTHING"),
        OsStr::new("a b\n\t'\"\\$API_KEY*"),
        OsStr::new("API_KEY=x"),
        OsStr::from_bytes(b"\xff\xfe\x80"),
        OsStr::new(" "),
        OsStr::new(""),
    ];
    let mut expected = b"sh\0".to_vec();
    for argument in arguments {
        expected.extend(argument.as_bytes());
        expected.push(0);
    }
    for start in [&["run", "--"][..], &["run"], &["env", "exec", "--"]] {
        let words = start
            .iter()
            .chain(&["sh", "-c", r#"printf '%s\0' "$0" "$@""#, "sh"])
            .map(OsStr::new);
        let outcome = house.run(words.chain(arguments));
        assert!(outcome.ok() == expected, "{start:?}");
    }
}

/// A program's own name is what was typed, and a program that is no text can be started.
#[cfg(target_os = "linux")]
#[test]
fn the_first_word_is_the_command_as_it_was_typed() {
    let house = house();
    let words = ["cat", "/proc/self/cmdline"];
    let outcome = house.run(["run", "--"].iter().chain(&words));
    assert_eq!(outcome.ok(), b"cat\0/proc/self/cmdline\0");

    let program = OsString::from_vec(b"./\xffprogram".to_vec());
    executable(&house.repo().join(&program), "#!/bin/sh\necho started\n");
    let outcome = house.run([OsStr::new("run"), OsStr::new("--"), &program]);
    assert_eq!(outcome.ok(), b"started\n");
}

/// 126: it is there. 127: it is not. As every shell has it.
#[test]
fn a_command_that_cannot_be_started_is_named() {
    let house = house();
    let repo = house.repo();
    fs::write(repo.join("plain"), "#!/bin/sh\n").unwrap();
    fs::create_dir(repo.join("folder")).unwrap();
    std::os::unix::fs::symlink("loop", repo.join("loop")).unwrap();
    executable(&repo.join("orphan"), "#!/nowhere/interpreter\n");
    for (command, code) in [
        ("no-such-command-anywhere", 127),
        ("./no-such-file", 127),
        ("/nowhere/program", 127),
        ("", 127),
        ("./orphan", 127),
        ("./folder", 126),
        ("/", 126),
        ("./plain", 126),
        ("./loop", 126),
        ("./plain/below", 126),
        (&format!("./{}", "n".repeat(300)), 126),
    ] {
        let said = house.run(["env", "exec", "--", command]).fails(code);
        let named = format!("error: cannot start `{command}`\n");
        assert!(said.starts_with(&named), "{said}");
    }
}

/// A script without `#!` is left to the C library's execvp(3): of glibc and most others a shell
/// runs it, of musl nobody does.
#[test]
fn a_script_without_an_interpreter_is_what_execvp_makes_of_it() {
    let house = house();
    executable(
        &house.repo().join("script"),
        "printf %s \"$API_KEY\"\nexit 3\n",
    );
    let outcome = house.run(["run", "--", "./script"]);
    if cfg!(target_env = "musl") {
        assert!(outcome.fails(126).contains("./script"));
    } else {
        assert_eq!((outcome.code(), &outcome.stdout[..]), (3, &b"k-123"[..]));
    }
}

/// The command is looked up along the caller's `PATH`, in order.
#[test]
fn the_command_is_found_along_the_path() {
    let house = house();
    for folder in ["one", "two"] {
        fs::create_dir(house.root().join(folder)).unwrap();
        let text = format!("#!/bin/sh\necho {folder}\n");
        executable(&house.root().join(folder).join("program"), &text);
    }
    let path = format!("{0}/none:{0}/two:{0}/one", house.root().display());
    let mut command = house.hoziron(["run", "--", "program"]);
    assert_eq!(finish(command.env("PATH", path), b"").ok(), b"two\n");
}

/// A word that looks like an option and stands before the command is a typing error, not the
/// command: with `--onyl A -- serve`, a program could otherwise be started with every secret.
#[test]
fn a_misspelt_option_is_not_taken_for_the_command() {
    let house = house();
    let folder = house.root().join("bin");
    fs::create_dir(&folder).unwrap();
    for option in ["--onyl", "--clena", "-X"] {
        executable(&folder.join(option), "#!/bin/sh\necho started\n");
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
        let mut command = house.hoziron(["env", "exec", option, "A", "--", "true"]);
        finish(command.env("PATH", path), b"").fails(64);
    }
}

/// The command's code cannot be told from ours if nothing was to be started; 64 is the exception.
#[test]
fn no_command_is_a_usage_error() {
    let house = house();
    for words in [
        &["env", "exec"][..],
        &["run"],
        &["run", "--"],
        &["env", "exec", "--clean"],
    ] {
        house.run(words).fails(64);
    }
}

/// A hand-over only reads, whether it succeeds or not.
#[test]
fn nothing_is_left_on_the_disk_by_a_hand_over() {
    let house = house();
    let before = house.snapshot();
    house.run(["env", "exec", "--", "true"]).ok();
    let missing = "no-such-command-anywhere";
    house.run(["env", "exec", "--", missing]).fails(127);
    assert!(house.snapshot() == before);
}
