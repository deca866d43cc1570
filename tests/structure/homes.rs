//! What has a home: writing, outside crates, and the places where a value is looked at. The lists are
//! the rule; whoever adds to one shows a reviewer what is new.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::source::{PACKAGE, is_word};
use crate::{none, shipped};

/// What changes files. Flags, because to open for reading needs the type as well.
const WRITING: &str = "File::create File::create_new File::options OFlags::APPEND OFlags::CREATE \
    OFlags::RDWR OFlags::TRUNC OFlags::WRONLY OpenOptions chmodat chownat copy_file_range \
    create_dir create_dir_all fallocate fchmod fchown fs::chmod fs::copy fs::link fs::mkdir \
    fs::rename fs::rmdir fs::symlink fs::unlink fs::write ftruncate hard_link linkat mkdirat \
    mknodat remove_dir remove_dir_all remove_file renameat renameat_with set_len set_permissions \
    symlinkat unlinkat utimensat";

/// Where that is at home. The terminal is opened for writing, and is no file.
const WRITERS: &[&str] = &["cli/terminal.rs", "disk/"];

/// What changes files through [`WRITERS`].
const CHANGING: &str =
    ".create_new( .link( .mkdir( .rename( .rename_new( .rmdir( .sub_or_make( .unlink(";

/// Where that is at home: whole or not at all, in the vault and outside of it.
const CHANGERS: &[&str] = &[
    "disk/",
    "git/borrowed.rs",
    "git/driver.rs",
    "git/hooks.rs",
    "home/private.rs",
    "home/scratch.rs",
    "vault/transaction/",
];

/// Where each outside crate is at home, so that replacing one costs little. `""` is everywhere.
const HOMES: &[(&str, &[&str])] = &[
    ("aes-gcm", &["sops/value.rs"]),
    ("age", &["domain/", "sealed/"]),
    ("age-core", &["domain/", "sealed/"]),
    (
        "base64",
        &[
            "domain/",
            "git/",
            "input/yaml.rs",
            "manifest/",
            "people/",
            "sealed/",
            "sops/value.rs",
        ],
    ),
    ("bech32", &["domain/identity.rs"]),
    ("chacha20poly1305", &["sealed/"]),
    (
        "clap",
        &[
            "cli/args.rs",
            "cli/command/",
            "cli/mod.rs",
            "cli/planning.rs",
            "cli/usage.rs",
        ],
    ),
    ("dotenvy", &["input/dotenv/others"]),
    ("ed25519-dalek", &["domain/signing.rs"]),
    ("granit-parser", &["input/yaml.rs"]),
    ("hkdf", &["domain/signing.rs", "sealed/"]),
    ("hmac", &["git/tag.rs", "sealed/", "vault/transaction/"]),
    ("jiff", &["cli/", "manifest/", "plan/build/"]),
    (
        "rand_core",
        &[
            "domain/signing.rs",
            "git/borrowed.rs",
            "home/",
            "manifest/",
            "people/",
            "sealed/",
            "sops/value.rs",
        ],
    ),
    (
        "rustix",
        &[
            "cli/start_over.rs",
            "cli/terminal.rs",
            "cli/ui.rs",
            "disk/",
            "env/",
            "home/",
        ],
    ),
    (
        "serde",
        &[
            "cli/render/",
            "home/user_config.rs",
            "manifest/",
            "people/admission.rs",
            "people/signed.rs",
            "people/statement.rs",
            "plan/saved.rs",
        ],
    ),
    ("regex-lite", &["manifest/shape.rs", "sops/pattern.rs"]),
    (
        "serde_json",
        &[
            "cli/render/",
            "env/format/",
            "manifest/shape.rs",
            "plan/saved.rs",
        ],
    ),
    (
        "sha2",
        &[
            "cli/command/git/textconv.rs",
            "cli/render/",
            "domain/",
            "git/tag.rs",
            "people/signed.rs",
            "sealed/",
            "sops/mac.rs",
            "vault/",
        ],
    ),
    ("signal-hook", &["cli/terminal.rs"]),
    ("similar", &["cli/render/values.rs"]),
    (
        "ssh-key",
        &["domain/locked.rs", "manifest/generate/keys.rs"],
    ),
    ("strsim", &["manifest/error.rs"]),
    ("subtle", &["domain/value.rs"]),
    ("thiserror", &[""]),
    (
        "toml",
        &[
            "config/",
            "git/conflict.rs",
            "home/user_config.rs",
            "input/mod.rs",
            "manifest/",
            "people/signed.rs",
            "people/statement.rs",
        ],
    ),
    ("walkdir", &["scan/subject.rs", "vault/inventory.rs"]),
    ("zeroize", &[""]),
];

/// Where a value is looked at, and how often. A new door is a line here, for a reviewer to see.
const REVEALS: &[(&str, usize)] = &[
    ("cli/command/git/textconv.rs", 1),
    ("cli/command/vault/edit.rs", 1),
    ("cli/command/vault/get.rs", 1),
    ("cli/command/vault/outgoing.rs", 2),
    ("cli/editing.rs", 2),
    ("cli/own_key.rs", 1),
    ("cli/render/values.rs", 3),
    ("cli/trusting.rs", 2),
    ("cli/ui.rs", 2),
    ("domain/forms.rs", 1),
    ("domain/identity.rs", 1),
    ("domain/identity_text.rs", 1),
    ("domain/locked.rs", 7),
    ("domain/plugin.rs", 2),
    ("domain/signing.rs", 1),
    ("env/exec.rs", 2),
    ("env/format/bash.rs", 1),
    ("env/format/dotenv.rs", 2),
    ("env/format/json.rs", 1),
    ("env/format/mod.rs", 1),
    ("env/format/sh.rs", 1),
    ("env/resolve.rs", 1),
    ("export/text.rs", 1),
    ("git/conflict.rs", 3),
    ("git/markers.rs", 2),
    ("git/tag.rs", 1),
    ("home/journal_key.rs", 1),
    ("home/scratch.rs", 1),
    ("home/signing_key.rs", 1),
    ("input/dotenv/others.rs", 2),
    ("input/dotenv/others/dotenvy.rs", 2),
    ("input/json.rs", 1),
    ("input/mod.rs", 1),
    ("manifest/shape.rs", 1),
    ("manifest/template.rs", 1),
    ("sealed/folder_key.rs", 1),
    ("sealed/payload.rs", 1),
    ("sops/config.rs", 1),
    ("sops/document.rs", 1),
    ("sops/keys.rs", 1),
    ("sops/mac.rs", 1),
    ("sops/metadata.rs", 1),
    ("sops/open.rs", 1),
    ("sops/shamir.rs", 1),
    ("sops/value.rs", 2),
    ("sops/walk.rs", 7),
    ("sops/write.rs", 1),
];

/// Packages in the lock file.
const MAX_PACKAGES: usize = 240;

#[test]
fn writing_has_one_floor() {
    none(
        &strays(WRITING, WRITERS),
        "files are changed in `disk` only",
    );
}

#[test]
fn changes_go_through_a_transaction_or_the_private_door() {
    none(
        &strays(CHANGING, CHANGERS),
        "the vault is changed by a transaction, other files by `home::private`",
    );
}

#[test]
fn every_outside_crate_is_at_home() {
    let sources = shipped();
    let mut offenders = Vec::new();
    for (name, above) in dependencies("dependencies") {
        if !above.starts_with("# ") {
            offenders.push(format!("Cargo.toml: `{name}` has no reason above it"));
        }
        let Some((_, homes)) = HOMES.iter().find(|(known, _)| *known == name) else {
            offenders.push(format!("Cargo.toml: `{name}` has no home"));
            continue;
        };
        let path = format!("{}::", name.replace('-', "_"));
        let mut used = false;
        for source in &sources {
            for at in source.places(&path) {
                // `x::age::y` is somebody's module; `::age::y` is the crate.
                let before = source.code[..at].strip_suffix("::");
                if before.is_some_and(|before| before.ends_with(is_word)) {
                    continue;
                }
                used = true;
                if !source.is_in(homes) {
                    offenders.push(format!("{}: `{name}`", source.at(at)));
                }
            }
        }
        if !used {
            offenders.push(format!("Cargo.toml: `{name}` is not used"));
        }
    }
    none(
        &offenders,
        "each outside crate has a reason, a home and a use",
    );
}

#[test]
fn every_development_crate_has_a_reason() {
    let dependencies = dependencies("dev-dependencies");
    assert!(!dependencies.is_empty());
    for (name, above) in dependencies {
        assert!(above.starts_with("# "), "`{name}` has no reason above it");
    }
}

#[test]
fn the_lock_file_has_a_ceiling() {
    let packages = file("Cargo.lock").matches("\n[[package]]\n").count();
    eprintln!("{packages} packages");
    assert!(packages > HOMES.len() && packages <= MAX_PACKAGES);
}

/// Building runs no program of ours.
#[test]
fn there_is_no_build_script() {
    assert!(!Path::new(PACKAGE).join("build.rs").exists());
    assert!(!file("Cargo.toml").contains("\nbuild ="));
    assert!(!file("Cargo.toml").contains("build-dependencies"));
}

/// An audit of where values go: read these places.
#[test]
fn a_value_is_looked_at_in_known_places_only() {
    let mut found = BTreeMap::new();
    for source in shipped() {
        let places: Vec<_> = source.places(".reveal()").collect();
        for at in &places {
            eprintln!("{}", source.at(*at));
        }
        if !places.is_empty() {
            found.insert(source.path.clone(), places.len());
        }
        // A path to the function would be a door without a call.
        assert_eq!(source.places("::reveal").count(), 0, "{}", source.path);
    }
    let known = REVEALS
        .iter()
        .map(|(path, count)| ((*path).to_owned(), *count));
    assert_eq!(found, known.collect());
}

/// Every word of a list that stands where it has no home.
fn strays(words: &str, homes: &[&str]) -> Vec<String> {
    let mut offenders = Vec::new();
    let mut at_home = 0;
    for source in shipped() {
        for word in words.split_whitespace() {
            let count = source.places(word).count();
            if source.is_in(homes) {
                at_home += count;
            } else {
                offenders.extend(
                    source
                        .places(word)
                        .map(|at| format!("{}: {word}", source.at(at))),
                );
            }
        }
    }
    assert!(at_home > 0, "nothing was found where it is at home");
    offenders
}

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(PACKAGE).join(name)).unwrap()
}

/// The names of a section of `Cargo.toml`, each with the line above it.
fn dependencies(section: &str) -> Vec<(String, String)> {
    let text = file("Cargo.toml");
    let body = text.split(&format!("\n[{section}]\n")).nth(1).unwrap();
    let body = body.split("\n[").next().unwrap();
    let lines: Vec<_> = [""].into_iter().chain(body.lines()).collect();
    let pairs = lines.windows(2);
    let pairs = pairs.filter(|pair| !pair[1].starts_with('#') && pair[1].contains(" = "));
    let named = pairs.map(|pair| (pair[1].split(" = ").next().unwrap(), pair[0]));
    named
        .map(|(name, above)| (name.to_owned(), above.to_owned()))
        .collect()
}
