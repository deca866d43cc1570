//! Secrets in files where they do not belong, and failures of the machine: whatever hoziron makes of
//! a file that it cannot use, it does not quote it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::house::{HOZIRON, House, finish, has_judge};
use crate::leaks::{CORE, Watch, house, private_key};

/// The first statement about the vault's key.
fn statement(house: &House) -> PathBuf {
    let keys = fs::read_dir(house.vault(".keys")).unwrap();
    keys.into_iter()
        .next()
        .unwrap()
        .unwrap()
        .path()
        .join("epoch.toml")
}

/// The record of the home in the owner's state folder.
fn record(house: &House) -> PathBuf {
    let homes = fs::read_dir(house.state().join("homes")).unwrap();
    homes.into_iter().next().unwrap().unwrap().path()
}

/// Does something while a file holds something else, and puts the file back.
fn with_file(path: &Path, bytes: &[u8], mut act: impl FnMut()) {
    let before = fs::read(path).ok();
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    act();
    match before {
        Some(before) => fs::write(path, before).unwrap(),
        None => drop(fs::remove_file(path)),
    }
}

/// `.env` lines, JSON, a bare value, a key: what ends up in a file by a wrong paste or a merge.
fn spilt() -> Vec<Vec<u8>> {
    [
        CORE.to_owned(),
        format!("KEY={CORE}\n"),
        format!("{{\"KEY\": \"{CORE}\"}}\n"),
        format!("<<<<<<< ours\n{CORE}\n=======\n"),
        format!("age-encryption.org/v1\n-> {CORE} {CORE}\n{CORE}\n--- {CORE}\n"),
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{CORE}\n-----END AGE ENCRYPTED FILE-----\n"),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([
        format!("\u{0}{CORE}\n").into_bytes(),
        [b"\xff\xfe", CORE.as_bytes()].concat(),
    ])
    .collect()
}

#[test]
fn a_file_that_is_not_what_it_should_be_is_not_quoted() {
    let (house, mut watch) = house();
    let statement = statement(&house);
    let grant = statement.with_file_name("alice.age");
    let places = [
        house.home().join("hoziron.toml"),
        house.vault("KEY.age"),
        house.vault("stray.txt"),
        house.home().join(".state/journal"),
        house.home().join("recipients/alice.pub"),
        statement,
        grant,
        record(&house),
        house.state().join("journal.key"),
    ];
    let spilt = spilt();
    for path in &places {
        for (index, bytes) in spilt.iter().enumerate() {
            // One spelling each but for the files that are parsed with the most care.
            if index > 1
                && path
                    .extension()
                    .is_none_or(|end| end != "toml" && end != "age")
            {
                continue;
            }
            with_file(path, bytes, || watch.run_all(&house));
        }
    }
    eprintln!("{} outputs searched", watch.searched);
    assert!(watch.searched > 3000, "{}", watch.searched);
    house.run(["vault", "get", "KEY"]).ok();
}

/// The parser of TOML quotes what it does not like; its words are not passed on.
#[test]
fn a_field_that_is_not_what_it_should_be_is_not_quoted() {
    let (house, mut watch) = house();
    for path in [house.home().join("hoziron.toml"), statement(&house)] {
        let good = fs::read_to_string(&path).unwrap();
        let fields = good.lines().filter_map(|line| line.split_once(" = "));
        let fields: Vec<_> = fields.map(|(name, _)| name.trim().to_owned()).collect();
        assert!(fields.len() > 1);
        for field in fields {
            for value in [
                format!("\"{CORE}\""),
                CORE.to_owned(),
                format!("[\"{CORE}\"]"),
                format!("{{ {CORE} = 1 }}"),
                format!("\"\"\"\n{CORE}\n\"\"\""),
                format!("\"{CORE}"),
            ] {
                let change = |line: &str| match line.split_once('=') {
                    Some((name, _)) if name.trim() == field => format!("{name}= {value}\n"),
                    _ => format!("{line}\n"),
                };
                let bad: String = good.lines().map(change).collect();
                assert_ne!(bad, good);
                with_file(&path, bad.as_bytes(), || watch.run_some(&house));
            }
        }
        for more in [
            format!("{CORE} = 1\n"),
            format!("x = \"{CORE}\"\n"),
            format!("[{CORE}]\n"),
        ] {
            with_file(&path, format!("{good}{more}").as_bytes(), || {
                watch.run_some(&house)
            });
            with_file(&path, format!("{more}{good}").as_bytes(), || {
                watch.run_some(&house)
            });
        }
    }
    eprintln!("{} outputs searched", watch.searched);
    assert!(watch.searched > 1500, "{}", watch.searched);
}

/// A private key with a typing error is still nearly a private key.
#[test]
fn an_identity_that_cannot_be_used_is_not_quoted() {
    let (house, mut watch) = house();
    let good = fs::read_to_string(house.identity()).unwrap();
    let key = private_key(&house);
    let bad = [
        good.replace(&key, &key[..key.len() - 1]),
        good.replace(&key, &format!("{key}A")),
        good.replace("AGE-SECRET-KEY-1", "AGE-SECRET-KEY-PQ-1"),
        good.replace("AGE-SECRET-KEY-1", "AGE-PLUGIN-YUBIKEY-1"),
        good.replace("AGE-SECRET-KEY-1", "age-secret-key-1"),
        good.replace("AGE-SECRET-KEY-1", "KEY = AGE-SECRET-KEY-1"),
        format!("{good}{CORE}\n"),
        format!("\u{0}{good}"),
        format!("-----BEGIN OPENSSH PRIVATE KEY-----\n{CORE}\n{key}\n"),
    ];
    let named = house.root().join("named.txt");
    for text in &bad {
        with_file(&house.identity(), text.as_bytes(), || watch.run_all(&house));
        fs::write(&named, text).unwrap();
        for mode in [0o600, 0o644] {
            fs::set_permissions(&named, fs::Permissions::from_mode(mode)).unwrap();
            let path = named.to_str().unwrap();
            watch.run(&house, &["--identity", path, "vault", "get", "KEY"], true);
        }
        for name in ["HOZIRON_IDENTITY", "SOPS_AGE_KEY"] {
            // A variable cannot hold a NUL.
            let text = text.replace('\0', "");
            let mut command = house.hoziron(["-v", "vault", "show", "KEY"]);
            let outcome = finish(command.env(name, text), b"");
            watch.silent(outcome.stderr.as_bytes(), name);
            watch.silent(&outcome.stdout, name);
        }
    }
    eprintln!("{} outputs searched", watch.searched);
}

/// What a format or an environment cannot carry is named, never shown.
#[test]
fn a_value_that_cannot_be_handed_out_is_not_shown() {
    let house = House::new();
    let mut watch = Watch::new();
    for (name, value) in [
        ("WITH_NUL", format!("{CORE}\0{CORE}").into_bytes()),
        (
            "NOT_TEXT",
            [CORE.as_bytes(), b"\xff", CORE.as_bytes()].concat(),
        ),
        (
            "NO_SPELLING",
            format!("'{CORE}'\\\"`$\n\r{CORE}").into_bytes(),
        ),
        ("TOO_LONG", CORE.repeat(10_000).into_bytes()),
        ("LD_PRELOAD", CORE.as_bytes().to_vec()),
    ] {
        house.seal(name, &value);
        let mut refusals = 0;
        for words in [
            &["run", "--only", name, "--", "true"][..],
            &["env", "export", "--format", "sh", "--only", name],
            &["env", "export", "--format", "bash", "--only", name],
            &["env", "export", "--format", "json", "--only", name],
            &["env", "export", "--format", "dotenv", "--only", name],
        ] {
            let codes = watch.run(&house, words, true);
            refusals += codes.iter().filter(|&&code| code != 0).count();
        }
        assert!(refusals > 0, "{name}");
    }
}

/// A value on its way in is not shown, whether it is sealed or not, with a key and without.
#[test]
fn a_value_on_its_way_in_is_not_shown() {
    let (house, mut watch) = house();
    let long = CORE.repeat((16 << 20) / CORE.len() + 1);
    for with_key in [true, false] {
        if !with_key {
            fs::remove_file(house.identity()).unwrap();
        }
        for (words, stdin, sealed) in [
            (&["vault", "set", "KEY"][..], CORE, true),
            (&["vault", "set", "../KEY"], CORE, false),
            (&["vault", "set", "key"], CORE, false),
            (&["vault", "set", "NEW", "--no-input"], CORE, true),
            (&["vault", "remove", "KEY"], CORE, false),
            (&["vault", "generate", "KEY"], CORE, false),
            (&["vault", "set", "LONG"], &long, false),
        ] {
            let outcome = house.feed(["-v"].iter().chain(words), stdin.as_bytes());
            watch.silent(outcome.stderr.as_bytes(), &words.join(" "));
            watch.silent(&outcome.stdout, &words.join(" "));
            assert_eq!(outcome.status.success(), sealed && with_key, "{words:?}");
        }
    }
    watch.search(house.root());
}

/// A full device, a closed stream, no memory: the value that could not be written is not said.
#[cfg(target_os = "linux")]
#[test]
fn a_machine_that_gives_up_says_nothing_of_a_value() {
    let (house, mut watch) = house();
    house.seal("BIG", CORE.repeat(500_000).as_bytes());
    let source = house.root().join("source");
    fs::write(&source, CORE.repeat(700_000)).unwrap();
    for script in [
        "\"$0\" -v vault get KEY >/dev/full",
        "\"$0\" -v vault get KEY >&-",
        "\"$0\" -v env export --format sh >/dev/full",
        "ulimit -v 12000; \"$0\" -v vault get BIG >/dev/null",
        "ulimit -v 20000; \"$0\" -v vault get BIG >/dev/null",
        "ulimit -v 30000; \"$0\" -v vault set BIG <../source",
        "ulimit -f 0; \"$0\" -v vault set BIG --from-file ../source",
        "ulimit -n 5; \"$0\" -v vault set BIG --from-file ../source",
    ] {
        let mut command = house.program("sh");
        command.args(["-c", &format!("ulimit -c 0; {script}"), HOZIRON]);
        let outcome = finish(command.env("RUST_BACKTRACE", "full"), b"");
        watch.silent(outcome.stderr.as_bytes(), script);
        watch.silent(&outcome.stdout, script);
    }
    fs::remove_file(source).unwrap();
    fs::remove_file(house.identity()).unwrap();
    watch.search(house.root());
}

/// Killed at any write, `set` has left nothing but sealed bytes.
#[test]
fn a_kill_leaves_no_value_on_the_disk() {
    if !has_judge("strace", "a_kill_leaves_no_value_on_the_disk") {
        return;
    }
    let (house, mut watch) = house();
    fs::rename(house.identity(), house.user().join("away")).unwrap();
    let key = fs::read_to_string(house.user().join("away")).unwrap();
    fs::remove_file(house.user().join("away")).unwrap();
    let mut killed = 0;
    for call in ["write", "fsync", "renameat2", "unlinkat"] {
        for nth in 1..20 {
            let mut command = house.program("strace");
            command.args(["-qq", "-f", "-o", "/dev/null", "-e"]);
            command.arg(format!("inject={call}:signal=KILL:when={nth}"));
            command.args([HOZIRON, "vault", "set", "KEY"]);
            let value = format!("{CORE} {call} {nth}");
            let outcome = finish(command.env("HOZIRON_IDENTITY", &key), value.as_bytes());
            watch.search(house.root());
            if outcome.code() != 137 {
                break;
            }
            watch.silent(outcome.stderr.as_bytes(), "vault set");
            killed += 1;
        }
    }
    eprintln!("{killed} kills");
    assert!(killed > 5, "{killed}");
}

/// A crash writes no memory to the disk, whatever the limits say.
#[cfg(target_os = "linux")]
#[test]
fn a_crash_dumps_no_core() {
    let (house, _) = house();
    let limits = "ulimit -S -c $(ulimit -H -c);";
    let crash = |script: &str, wait: bool| {
        let mut command = house.program("sh");
        command.args(["-c", &format!("{limits} exec {script}"), HOZIRON]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(CORE.as_bytes()).unwrap();
        if wait {
            // Until it waits for the rest of the value.
            let syscall = format!("/proc/{}/syscall", child.id());
            let command = format!("/proc/{}/comm", child.id());
            let waits = || {
                let is_ours = fs::read_to_string(&command).unwrap() == "hoziron\n";
                is_ours && fs::read_to_string(&syscall).is_ok_and(|call| call.starts_with("0 0x0 "))
            };
            let start = std::time::Instant::now();
            while !waits() {
                assert!(start.elapsed().as_secs() < 20, "it does not read its stdin");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        } else {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        let mut kill = house.program("sh");
        finish(
            kill.args(["-c", &format!("kill -ABRT {}", child.id())]),
            b"",
        )
        .ok();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(6));
        status.core_dumped()
    };
    if !crash("cat >/dev/null", false) {
        eprintln!("skipped a_crash_dumps_no_core: nothing dumps core on this machine");
        return;
    }
    assert!(!crash("\"$0\" vault set KEY", true));
}
