//! The repository in `examples/shop`, as somebody tries it who has copied it: init, plan, apply, exec, and
//! the commands of its CI file, read from that file.

use std::fs;
use std::path::{Path, PathBuf};

use crate::house::{House, finish, has_judge};

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop")
}

/// A house around a copy of the example, with the readers alice and ci, as its README has it.
fn shop() -> (House, PathBuf) {
    let house = House::bare();
    let mut copy = house.program("cp");
    finish(
        copy.arg("-r").arg(example().join(".")).arg(house.repo()),
        b"",
    )
    .ok();
    house
        .run(["vault", "init", "--name", "alice", "--no-recovery"])
        .ok();
    let manifest = house.home().join("hoziron.toml");
    let more = fs::read_to_string(house.repo().join("manifest.toml")).unwrap();
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(manifest, format!("{text}{more}")).unwrap();
    let key = house.repo().join("ci.key");
    finish(house.program("age-keygen").arg("-o").arg(&key), b"").ok();
    let public = finish(house.program("age-keygen").arg("-y").arg(&key), b"").ok();
    fs::write(house.home().join("recipients/ci.pub"), public).unwrap();
    (house, key)
}

/// The command lines of a workflow that are ours.
fn workflow() -> Vec<Vec<String>> {
    let text = fs::read_to_string(example().join(".github/workflows/secrets.yml")).unwrap();
    let lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- run: hoziron "));
    let lines: Vec<Vec<String>> = lines
        .map(|line| line.split(' ').map(str::to_owned).collect())
        .collect();
    assert_eq!(lines.len(), 3);
    lines
}

#[test]
fn a_copy_of_the_example_becomes_a_running_shop() {
    if !has_judge("age-keygen", "a_copy_of_the_example_becomes_a_running_shop") {
        return;
    }
    let (house, key) = shop();
    let plan = house.run(["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code(), 3, "{}", plan.stderr);
    let plan = String::from_utf8(plan.stdout).unwrap();
    for name in ["DB_PASSWORD", "prod/SESSION_SECRET", "prod/STRIPE_API_KEY"] {
        assert!(plan.contains(name), "{name}: {plan}");
    }
    let said = house.run(["run", "--", "./serve.sh"]).fails(125);
    assert!(said.contains("`STRIPE_API_KEY` is required"), "{said}");

    for (name, value) in [
        ("STRIPE_API_KEY", "sk_test_1"),
        ("prod/STRIPE_API_KEY", "sk_live_1"),
    ] {
        house.feed(["vault", "set", name], value.as_bytes()).ok();
    }
    let json = String::from_utf8(house.run(["plan", "--json"]).ok()).unwrap();
    let (_, digest) = json.split_once("\"recipients_digest\": \"").unwrap();
    let (digest, _) = digest.split_once('"').unwrap();
    house
        .run(["apply", "--yes", "--accept-recipients", digest])
        .ok();
    let plan = String::from_utf8(house.run(["plan", "--detailed-exitcode"]).ok()).unwrap();
    assert!(plan.contains("No changes."), "{plan}");

    for words in [&["run"][..], &["run", "-P", "prod"]] {
        let served = house.run(words.iter().chain(&["--", "./serve.sh"])).ok();
        let served = String::from_utf8(served).unwrap();
        let ready = "ready, with the database localhost/shop and 64 characters to sign with\n";
        assert_eq!(served, ready);
    }
    let top = house.run(["env", "get", "DATABASE_URL"]).ok();
    let prod = house.run(["env", "get", "DATABASE_URL", "-P", "prod"]).ok();
    assert!(top.starts_with(b"postgres://shop:") && top != prod);
    house.commit("the shop and its secrets");
    assert!(!house.git(["ls-files"]).contains("ci.key"));

    // In CI: another user, who has a key and nothing else, or not even that.
    let pin = house.git(["show", "HEAD:.hoziron/hoziron.toml"]);
    let pin = pin
        .lines()
        .find_map(|line| line.strip_prefix("id     = "))
        .unwrap();
    let ci = house.root().join("ci");
    fs::create_dir(&ci).unwrap();
    for words in workflow() {
        let mut command = house.hoziron(&words);
        command.env("HOME", &ci);
        if !words.contains(&"--no-identity".to_owned()) {
            let key = fs::read_to_string(&key).unwrap();
            command.env("HOZIRON_IDENTITY", key);
            command.env("HOZIRON_PIN", pin.trim_matches('"'));
        }
        finish(&mut command, b"").ok();
    }
    // And it notices when something is missing.
    fs::remove_file(house.vault("prod/STRIPE_API_KEY.age")).unwrap();
    for words in workflow() {
        let mut command = house.hoziron(&words);
        command.env("HOME", &ci);
        let key = fs::read_to_string(&key).unwrap();
        command.env("HOZIRON_IDENTITY", key);
        command.env("HOZIRON_PIN", pin.trim_matches('"'));
        assert_ne!(finish(&mut command, b"").code(), 0, "{words:?}");
    }
}
