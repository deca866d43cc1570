//! Values that come from files and editors: `vault import`, `vault edit` and `vault copy`. All of a file
//! or nothing; an edited text is in memory only, arrives exactly, and is never lost.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::house::{HOZIRON, House, Outcome, finish, has_judge};
use crate::strace::has_strace;

const CANARY: &str = "canary-93ac";

#[track_caller]
fn silent(outcome: &Outcome) {
    let printed = String::from_utf8_lossy(&outcome.stdout);
    assert!(!printed.contains(CANARY), "a value on stdout");
    assert!(!outcome.stderr.contains(CANARY), "a value on stderr");
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Puts a file beside the repository and returns its path.
fn file(house: &House, bytes: &[u8]) -> String {
    let path = house.root().join("import.env");
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A dry run shows names and writes nothing; then everything is sealed; then nothing is to be done.
#[test]
fn an_import_shows_first_and_is_repeatable() {
    let house = House::new();
    house.seal("CHANGED", b"old");
    house.seal("SAME", b"same");
    let lines = format!("NEW={CANARY}\nCHANGED={CANARY}\nSAME=same\nexport PRICE='pa$$word'\n");
    let path = file(&house, lines.as_bytes());
    let before = house.snapshot();
    let plan = "  ~ CHANGED\n  + NEW\n  + PRICE\n";

    let dry = house.run(["vault", "import", &path, "--dry-run"]);
    silent(&dry);
    assert!(
        dry.stderr.contains("3 to seal, 1 unchanged"),
        "{}",
        dry.stderr
    );
    assert_eq!(text(dry.ok()), plan);
    // Nobody is there to say yes.
    let asked = house.run(["vault", "import", &path]);
    assert_eq!(asked.code(), 1);
    assert!(asked.stderr.contains("--yes"), "{}", asked.stderr);
    assert!(house.snapshot() == before, "something was written");

    let yes = house.run(["vault", "import", &path, "--yes"]);
    silent(&yes);
    assert!(
        yes.stderr.contains("still holds the values"),
        "{}",
        yes.stderr
    );
    assert_eq!(text(yes.ok()), plan);
    for (name, value) in [
        ("NEW", CANARY),
        ("CHANGED", CANARY),
        ("SAME", "same"),
        ("PRICE", "pa$$word"),
    ] {
        assert!(
            house.run(["vault", "get", name]).ok() == value.as_bytes(),
            "{name}"
        );
    }
    let sealed = house.snapshot();
    let again = house.run(["vault", "import", &path, "--yes"]);
    assert!(
        again.stderr.contains("0 to seal, 4 unchanged"),
        "{}",
        again.stderr
    );
    assert_eq!(text(again.ok()), "");
    assert!(house.snapshot() == sealed, "something was written");

    house
        .feed(
            ["vault", "import", "-", "--yes", "-P", "prod"],
            b"A='x y'\n",
        )
        .ok();
    assert_eq!(house.run(["vault", "get", "prod/A"]).ok(), b"x y");
}

/// One line that cannot be, or a name that is taken, anywhere, and nothing of the file is sealed.
#[test]
fn an_import_is_all_or_nothing() {
    let house = House::new();
    house.seal("TAKEN", b"kept");
    let before = house.snapshot();
    for (bad, part) in [
        (format!("{CANARY} no assignment"), "line 2 "),
        (format!("1BAD={CANARY}"), "line 2 "),
        (format!("OPEN='{CANARY}"), "line 2 "),
        // A name that only differs in case from one that is there.
        (format!("Taken={CANARY}"), "`TAKEN`"),
    ] {
        let path = file(
            &house,
            format!("A={CANARY}\n{bad}\nZ={CANARY}\n").as_bytes(),
        );
        for flag in ["--yes", "--dry-run"] {
            let run = house.run(["vault", "import", &path, flag]);
            silent(&run);
            // Twins are seen when the writer's lock is held.
            if flag == "--yes" || part.starts_with("line") {
                assert_ne!(run.code(), 0, "{part}");
                assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
            }
        }
        assert!(house.snapshot() == before, "something was sealed: {part}");
    }
    // A name that no file system of Windows has is listed, and left out.
    let path = file(&house, b"A=1\nAUX=2\n");
    let shown = house.run(["vault", "import", &path, "--dry-run"]).ok();
    assert!(shown.starts_with(b"  + A\n  ! AUX  not a name"));
    let path = file(&house, &vec![b'#'; 5 << 20]);
    let said = house.run(["vault", "import", &path, "--yes"]).fails(1);
    assert!(said.contains("4 MiB"), "{said}");
    house.run(["vault", "import", "/nowhere", "--yes"]).fails(1);
    // A damaged file is not compared with, and nothing is sealed beside it.
    fs::write(house.vault("TAKEN.age"), CANARY).unwrap();
    let before = house.snapshot();
    let path = file(&house, b"A=1\nTAKEN=2\n");
    house.run(["vault", "import", &path, "--yes"]).fails(6);
    assert!(house.snapshot() == before);
}

/// What would surprise later is said now, by line and name.
#[test]
fn an_import_warns_of_surprises() {
    let house = House::new();
    let lines = format!("TWICE={CANARY}1\nTWICE=x\nPATH={CANARY}\nPRICE=\"a$HOME{CANARY}\"\n");
    let path = file(&house, lines.as_bytes());
    let run = house.run(["vault", "import", &path, "--dry-run"]);
    silent(&run);
    for part in [
        "`TWICE` stands on lines 1, 2",
        "`env exec` never sets `PATH`",
        "line 4: ",
    ] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    run.ok();
}

/// An editor: a shell script that gets the file as its last argument.
fn editor(house: &House, script: &str) -> String {
    let path = house.root().join("editor");
    fs::write(
        &path,
        format!("#!/bin/sh\nfor file; do :; done\n{script}\n"),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

fn edit(house: &House, name: &str, visual: &str) -> Outcome {
    let mut command = house.hoziron(["vault", "edit", name]);
    let run = finish(command.env("VISUAL", visual).env("EDITOR", "false"), b"");
    silent(&run);
    run
}

/// The folders of ours in memory that hold this name.
fn in_memory(name: &str) -> BTreeSet<PathBuf> {
    let Ok(entries) = fs::read_dir("/dev/shm") else {
        return BTreeSet::new();
    };
    let folders = entries.map(|entry| entry.unwrap().path());
    folders
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("hoziron-")
        })
        .filter(|path| path.join(name).exists())
        .collect()
}

/// $VISUAL may have options; the file is the user's alone; what the editor leaves beside it goes.
#[test]
fn an_edited_value_is_sealed_and_nothing_is_left() {
    let house = House::new();
    let name = "EDIT_SEALED";
    house.seal(name, CANARY.as_bytes());
    let report = house.root().join("report");
    let script = format!(
        "echo \"$1 $2\" > {report}\nstat -c %a \"$file\" \"$(dirname \"$file\")\" >> {report}\n\
         stat -f -c %T \"$file\" >> {report}\nenv | grep -c SOPS_AGE >> {report}\n\
         cp \"$file\" \"$file~\"\nprintf 'new {CANARY}\\n' > \"$file\"",
        report = report.display()
    );
    let visual = format!("{} --wait 'two words'", editor(&house, &script));
    let mut command = house.hoziron(["vault", "edit", name]);
    command
        .env("VISUAL", &visual)
        .env("SOPS_AGE_KEY_FILE", house.identity());
    let run = finish(&mut command, b"");
    silent(&run);
    run.ok();
    let report = fs::read_to_string(report).unwrap();
    assert_eq!(report, "--wait two words\n600\n700\ntmpfs\n0\n");
    let value = house.run(["vault", "get", name]).ok();
    assert!(value == format!("new {CANARY}").as_bytes());
    assert_eq!(in_memory(name), BTreeSet::new());
    // Without either variable vi is started; EDITOR is asked after VISUAL.
    let mut command = house.hoziron(["vault", "edit", name]);
    let said = finish(command.env("EDITOR", "false"), b"").fails(1);
    assert!(said.contains("`false`"), "{said}");
}

/// An editor that changed nothing, or only ended the last line, writes nothing.
#[test]
fn an_unchanged_value_is_not_written() {
    let house = House::new();
    house.seal("EDIT_SAME", CANARY.as_bytes());
    let before = house.snapshot();
    for script in ["true", "touch \"$file\"", "echo >> \"$file\""] {
        let run = edit(&house, "EDIT_SAME", &editor(&house, script));
        assert!(run.stderr.contains("was not changed"), "{}", run.stderr);
        run.ok();
        assert!(house.snapshot() == before, "{script}");
    }
}

/// Whatever the text: what the editor leaves is sealed to the byte, but for an added last line end.
#[test]
fn texts_survive_an_editor_exactly() {
    let house = House::new();
    let pem = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----\n";
    for (index, (before, after, sealed)) in [
        (
            &b"{\"a\":1}"[..],
            &b"{\"a\": \"b\\n$c\"}\n"[..],
            &b"{\"a\": \"b\\n$c\"}"[..],
        ),
        (b"x\n", pem.as_bytes(), pem.as_bytes()),
        (b"x\n", b"no line end", b"no line end"),
        (b"x\n", b"two\n\n", b"two\n\n"),
        (b"x", b"two\n\n", b"two\n"),
        (b"x", b"a\r\nb\r\n", b"a\r\nb\r"),
        (b"", b"new\n", b"new"),
        (b"x", b"", b""),
        (b"x", b"\xc3\xa9 \xff\0\n", b"\xc3\xa9 \xff\0"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("EDIT_EXACT_{index}");
        if !before.is_empty() {
            house.seal(&name, before);
        }
        let text = house.root().join("text");
        fs::write(&text, after).unwrap();
        let script = editor(&house, &format!("cat {} > \"$file\"", text.display()));
        edit(&house, &name, &script).ok();
        assert!(house.run(["vault", "get", &name]).ok() == sealed, "{index}");
    }
    house.seal("BINARY", b"\xff\0");
    let said = edit(&house, "BINARY", "true").fails(1);
    assert!(
        said.contains("not text") && said.contains("--from-file"),
        "{said}"
    );
}

/// An editor that fails changes nothing in the vault; a text that it wrote is kept and named.
#[test]
fn a_failing_editor_costs_no_text() {
    let house = House::new();
    let name = "EDIT_FAILS";
    house.seal(name, CANARY.as_bytes());
    let before = house.snapshot();
    for script in [
        "exit 3",
        "rm \"$file\"",
        "rm \"$file\"; exit 3",
        "kill -9 $$",
    ] {
        edit(&house, name, &editor(&house, script)).fails(1);
        assert!(house.snapshot() == before, "{script}");
        assert_eq!(in_memory(name), BTreeSet::new(), "{script}");
    }
    edit(&house, name, "/nowhere/editor").fails(1);

    let script = editor(&house, "printf worked > \"$file\"; exit 3");
    let said = edit(&house, name, &script).fails(1);
    assert!(house.snapshot() == before);
    let kept = in_memory(name);
    let kept = kept.first().expect("the text is kept");
    assert!(said.contains(kept.to_str().unwrap()), "{said}");
    assert_eq!(fs::read(kept.join(name)).unwrap(), b"worked");
    // The next run sweeps what nobody was told of, and this was told.
    edit(&house, name, "true").ok();
    assert!(kept.join(name).exists());
    fs::remove_dir_all(kept).unwrap();

    // A text that cannot be sealed, because a folder has come in its place, is kept as well.
    let sealed = house.vault(&format!("{name}.age"));
    let script = format!(
        "printf again > \"$file\"; rm {0}; mkdir {0}",
        sealed.display()
    );
    let run = edit(&house, name, &editor(&house, &script));
    assert_ne!(run.code(), 0);
    let kept = in_memory(name);
    let kept = kept.first().expect("the text is kept");
    assert!(
        run.stderr.contains(kept.to_str().unwrap()),
        "{}",
        run.stderr
    );
    assert_eq!(fs::read(kept.join(name)).unwrap(), b"again");
    fs::remove_dir_all(kept).unwrap();
}

/// Ctrl-C in an editor reaches everybody in the foreground; the text is the editor's to keep.
#[test]
fn an_interrupt_while_editing_costs_no_text() {
    let house = House::new();
    house.seal("API_KEY", b"old");
    let script = "trap '' INT\n\
                  over=$PPID\n\
                  [ \"$(cat /proc/$over/comm)\" = hoziron ] || over=$(cut -d' ' -f4 /proc/$over/stat)\n\
                  kill -INT $over; sleep 0.2\n\
                  printf new > \"$1\"\n";
    edit(&house, "API_KEY", &editor(&house, script)).ok();
    assert_eq!(house.run(["vault", "get", "API_KEY"]).ok(), b"new");
}

/// A teammate's value that arrived meanwhile is not overwritten unseen.
#[test]
fn a_value_that_changed_while_it_was_edited_is_not_replaced() {
    let house = House::new();
    house.seal("API_KEY", b"one");
    let old = fs::read(house.vault("API_KEY.age")).unwrap();
    house.seal("API_KEY", b"two");
    // Older than what is committed is the user's own doing.
    house.commit("two");
    let newer = house.root().join("newer.age");
    fs::copy(house.vault("API_KEY.age"), &newer).unwrap();
    fs::write(house.vault("API_KEY.age"), old).unwrap();
    let sealed = house.vault("API_KEY.age");
    let script = format!(
        "printf mine > \"$1\"\ncp '{}' '{}'\n",
        newer.display(),
        sealed.display()
    );
    let refused = edit(&house, "API_KEY", &editor(&house, &script));
    let stderr = refused.fails(1);
    assert!(
        stderr.contains("changed while the editor was open"),
        "{stderr}"
    );
    assert_eq!(house.run(["vault", "get", "API_KEY"]).ok(), b"two");
    forget_kept(&stderr);
}

/// What cannot be read back is kept, too.
#[test]
fn a_text_that_is_too_long_is_kept() {
    let house = House::new();
    house.seal("API_KEY", b"old");
    let script = "head -c 17000000 /dev/zero > \"$1\"\n";
    let stderr = edit(&house, "API_KEY", &editor(&house, script)).fails(1);
    let kept = forget_kept(&stderr);
    assert_eq!(kept, 17_000_000);
    assert_eq!(house.run(["vault", "get", "API_KEY"]).ok(), b"old");
}

/// Removes the folder that an error says a text is kept in; returns how many bytes were kept.
fn forget_kept(stderr: &str) -> u64 {
    let folder = stderr
        .split("in memory, in `")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    let kept = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    fs::remove_dir_all(folder).unwrap();
    kept
}

/// A text that a killed run has left is swept by the next one.
#[test]
fn what_a_killed_run_left_is_swept() {
    let house = House::new();
    let name = "EDIT_KILLED";
    house.seal(name, CANARY.as_bytes());
    let ready = house.root().join("ready");
    let script = format!(
        "echo $$ > {0}.new; mv {0}.new {0}; exec sleep 60",
        ready.display()
    );
    let mut command = house.hoziron(["vault", "edit", name]);
    command.env("VISUAL", editor(&house, &script));
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !ready.exists() {
        assert!(started.elapsed() < Duration::from_secs(20), "no editor");
        std::thread::sleep(Duration::from_millis(5));
    }
    let left = in_memory(name);
    assert_eq!(left.len(), 1);
    // In use: another run does not take it away.
    edit(&house, name, "true").ok();
    assert_eq!(in_memory(name), left);
    child.kill().unwrap();
    child.wait().unwrap();
    let editor = fs::read_to_string(&ready).unwrap();
    finish(house.program("kill").args(["-9", editor.trim()]), b"").ok();
    assert_eq!(in_memory(name), left, "a killed program cleans up nothing");
    edit(&house, name, "true").ok();
    assert_eq!(in_memory(name), BTreeSet::new());
}

/// Every file that is made while a text is edited is in memory, or is a sealed one.
#[test]
fn an_edited_text_reaches_no_disk() {
    if !has_strace("an_edited_text_reaches_no_disk") {
        return;
    }
    let house = House::new();
    let name = "EDIT_TRACED";
    house.seal(name, CANARY.as_bytes());
    let vim = has_judge("vim", "an_edited_text_reaches_no_disk with vim");
    fs::write(
        house.user().join(".vimrc"),
        format!(
            "set backup undofile backupdir={0} undodir={0}\n",
            house.root().display()
        ),
    )
    .unwrap();
    let script = editor(&house, "printf 'more' >> \"$file\"");
    let with_vim = "vim -es -c 'normal Amore' -c wq";
    for visual in [&*script, with_vim].into_iter().take(1 + usize::from(vim)) {
        let log = house.root().join("log");
        let mut strace = house.program("strace");
        strace.args([
            "-f",
            "-y",
            "-qq",
            "-s",
            "4096",
            "-e",
            "trace=openat,open,creat,write",
            "-o",
        ]);
        strace
            .arg(&log)
            .args([HOZIRON, "vault", "edit", name])
            .env("VISUAL", visual);
        let run = finish(&mut strace, b"");
        silent(&run);
        // `vim -es` ends with 1 when it has complained about what is not there.
        run.ok();
        let log = fs::read_to_string(&log).unwrap();
        let mut made = 0;
        for line in log.lines() {
            let holds = line.contains(" write(") && line.contains(CANARY);
            let creates = line.contains("O_CREAT");
            made += usize::from(holds);
            assert!(
                !holds || line.contains("</dev/shm/hoziron-edit-"),
                "a value was written"
            );
            let harmless = [
                "</dev/shm/",
                "/dev/shm/hoziron-edit-",
                "/.hoziron/",
                "/dev/null",
                "/dev/tty",
                "/.local/state/hoziron",
            ];
            assert!(
                !creates || harmless.iter().any(|place| line.contains(place)),
                "{line}"
            );
        }
        assert!(made >= 1, "no write of the value was seen");
        let mut value = house.run(["vault", "get", name]).ok();
        assert!(value.ends_with(b"more"));
        value.clear();
        assert_eq!(in_memory(name), BTreeSet::new());
        let strays = |folder: &Path| -> BTreeSet<_> {
            let entries = fs::read_dir(folder).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        let beside: Vec<_> = strays(house.root())
            .into_iter()
            .filter(|name| name.contains('%'))
            .collect();
        assert!(beside.is_empty(), "{beside:?}");
        assert!(!house.user().join(".viminfo").exists());
    }
}

/// Without a place in memory nothing is edited, and the way around it is named.
#[test]
fn a_disk_is_no_place_to_edit() {
    let house = House::new();
    house.seal("EDIT_MEMORY", CANARY.as_bytes());
    if !has_judge("unshare", "a_disk_is_no_place_to_edit") {
        return;
    }
    let mut command = house.program("unshare");
    let line = format!("umount -l /dev/shm && exec {HOZIRON} vault edit EDIT_MEMORY");
    command
        .args(["-m", "sh", "-c", &line])
        .env("VISUAL", "true");
    let run = finish(&mut command, b"");
    if !run.stderr.contains("hoziron") && !run.stderr.contains("memory") {
        eprintln!("skipped a_disk_is_no_place_to_edit: no mounts of one's own here");
        return;
    }
    let said = run.fails(1);
    assert!(
        said.contains("no folder in memory") && said.contains("vault set NAME"),
        "{said}"
    );
}

/// A copy has the value and its age; a name that is taken is left alone, and both live on their own.
#[test]
fn a_copy_is_the_same_value_under_a_second_name() {
    let house = House::new();
    house.seal("staging/A", CANARY.as_bytes());
    let run = house.run(["vault", "copy", "staging/A", "prod/A"]);
    silent(&run);
    run.ok();
    let get = |name: &str| house.run(["vault", "get", name]).ok();
    assert!(get("prod/A") == CANARY.as_bytes());
    let changed = |name: &str| {
        let shown = text(house.run(["vault", "show", name]).ok());
        let line = shown.lines().find(|line| line.starts_with("changed"));
        line.unwrap().to_owned()
    };
    assert_eq!(changed("prod/A"), changed("staging/A"));
    house.seal("prod/A", b"other");
    assert!(get("staging/A") == CANARY.as_bytes());

    let before = house.snapshot();
    let said = house.run(["vault", "copy", "staging/A", "prod/A"]).fails(1);
    assert!(said.contains("`prod/A` is there already"), "{said}");
    house
        .run(["vault", "copy", "staging/A", "staging/A"])
        .fails(1);
    house.run(["vault", "copy", "NOBODY", "B"]).fails(1);
    house
        .run(["vault", "copy", "staging/A", "staging/a"])
        .fails(1);
    house.run(["vault", "copy", "staging/A", "../A"]).fails(64);
    assert!(house.snapshot() == before);
    // A file that was put in the source's place is not copied.
    fs::copy(house.vault("prod/A.age"), house.vault("staging/A.age")).unwrap();
    house.run(["vault", "copy", "staging/A", "C"]).fails(6);
    assert!(!house.vault("C.age").exists());
}
