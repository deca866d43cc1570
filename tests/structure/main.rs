//! The shape of the source: which module may use which, where writing, outside crates and values
//! are at home, and what a file must and must not hold. An offender is named by file and line.
//! Nothing is run; clippy and the compiler see what a text cannot show.

mod source;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use source::{PACKAGE, Source, closing, is_word, sources};

/// The floors of the house. Modules of one floor do not see one another.
const FLOORS: &[(u32, &[&str])] = &[
    (0, &["domain"]),
    (1, &["disk", "sealed"]),
    (2, &["home", "input", "vault"]),
    (3, &["manifest", "people"]),
    (4, &["plan"]),
    (5, &["apply"]),
    (6, &["config", "env", "git", "scan", "sops"]),
    (7, &["cli"]),
];

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
const CHANGERS: &[&str] = &["disk/", "home/private.rs", "vault/transaction/"];

/// Where each outside crate is at home, so that replacing one costs little. `""` is everywhere.
const HOMES: &[(&str, &[&str])] = &[
    ("age", &["domain/", "sealed/"]),
    ("age-core", &["domain/", "sealed/"]),
    ("base64", &["domain/", "manifest/", "people/", "sealed/"]),
    ("bech32", &["domain/identity.rs"]),
    ("chacha20poly1305", &["sealed/"]),
    (
        "clap",
        &["cli/args.rs", "cli/command/", "cli/mod.rs", "cli/usage.rs"],
    ),
    ("ed25519-dalek", &["domain/signing.rs"]),
    ("hkdf", &["domain/signing.rs", "sealed/"]),
    ("hmac", &["sealed/", "vault/transaction/"]),
    ("jiff", &["cli/"]),
    ("rand_core", &["home/", "manifest/", "people/", "sealed/"]),
    ("rpassword", &["cli/prompt.rs"]),
    (
        "rustix",
        &["cli/terminal.rs", "cli/ui.rs", "disk/", "env/", "home/"],
    ),
    (
        "serde",
        &["cli/render/json.rs", "manifest/", "people/statement.rs"],
    ),
    ("serde_json", &["cli/render/json.rs", "env/format/"]),
    ("sha2", &["cli/render/", "domain/", "sealed/", "vault/"]),
    ("signal-hook", &["cli/terminal.rs"]),
    ("subtle", &["domain/value.rs"]),
    ("thiserror", &[""]),
    ("toml", &["manifest/", "people/statement.rs"]),
    ("walkdir", &["vault/inventory.rs"]),
    ("zeroize", &[""]),
];

/// Where a value is looked at, and how often. A new door is a line here, for a reviewer to see.
const REVEALS: &[(&str, usize)] = &[
    ("cli/command/vault/get.rs", 1),
    ("cli/command/vault/init.rs", 1),
    ("cli/ui.rs", 1),
    ("domain/identity.rs", 1),
    ("env/exec.rs", 2),
    ("env/format/bash.rs", 1),
    ("env/format/dotenv.rs", 2),
    ("env/format/json.rs", 1),
    ("env/format/mod.rs", 1),
    ("env/format/sh.rs", 1),
    ("env/variables.rs", 1),
    ("home/journal_key.rs", 1),
    ("sealed/folder_key.rs", 1),
    ("sealed/payload.rs", 1),
];

/// Lines of a file, its module of tests not counted; and of a file that is nothing but tests.
const MAX_LINES: usize = 400;
const MAX_TEST_LINES: usize = 500;

/// Packages in the lock file.
const MAX_PACKAGES: usize = 240;

fn floor(module: &str) -> Option<u32> {
    let here = FLOORS.iter().find(|(_, modules)| modules.contains(&module));
    here.map(|(floor, _)| *floor)
}

/// The names a path starts with: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn firsts(path: &str) -> Vec<&str> {
    if !path.starts_with('{') {
        return path.split(|c| !is_word(c)).take(1).collect();
    }
    let mut depth = 0;
    let inside = &path[1..closing(path, 0) - 1];
    let parts = inside.split(|character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        depth == 0 && character == ','
    });
    let names = parts.map(|part| part.trim().split(|c| !is_word(c)).next().unwrap());
    names.filter(|name| !name.is_empty()).collect()
}

/// Every module of ours that a file names, with the place. `super` is followed to the top.
fn uses(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for at in source.places("crate::") {
        let names = firsts(&source.code[at + "crate::".len()..]);
        found.extend(names.into_iter().map(|name| (at, name)));
    }
    for at in source.places("super::") {
        let mut path = &source.code[at..];
        let mut up = 0;
        while let Some(rest) = path.strip_prefix("super::") {
            path = rest;
            up += 1;
        }
        let before = source.code[..at].ends_with("super::");
        if !before && up >= source.module().len() {
            found.extend(firsts(path).into_iter().map(|name| (at, name)));
        }
    }
    found
}

fn shipped() -> Vec<Source> {
    let all = sources().into_iter();
    all.filter(|source| !source.is_test).collect()
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

#[track_caller]
fn none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
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

#[test]
fn every_import_points_down() {
    let mut offenders = Vec::new();
    let mut count = 0;
    for source in shipped() {
        let module = source.module();
        let Some(top) = module.first() else {
            continue;
        };
        let own = floor(top).unwrap_or_else(|| panic!("`{top}` is on no floor"));
        for (at, name) in uses(&source) {
            count += 1;
            if name != *top && floor(name).is_none_or(|floor| floor >= own) {
                offenders.push(format!("{}: `{top}` uses `{name}`", source.at(at)));
            }
        }
    }
    eprintln!("{count} uses of our own modules");
    assert!(count > 200, "only {count} uses were found");
    none(
        &offenders,
        "a module uses lower floors only, never a neighbour",
    );
}

/// The binary is a doorway to the library's top floor.
#[test]
fn the_binary_is_a_doorway() {
    let sources = shipped();
    let main = sources
        .iter()
        .find(|source| source.path == "main.rs")
        .unwrap();
    let named: Vec<_> = main
        .places("hoziron::")
        .flat_map(|at| firsts(&main.code[at + "hoziron::".len()..]))
        .collect();
    assert_eq!(named, ["cli"]);
    assert!(main.code_lines() <= 20);
}

/// The map at the top of the library says where the modules are.
#[test]
fn the_map_of_the_library_is_true() {
    let sources = shipped();
    let lib = sources
        .iter()
        .find(|source| source.path == "lib.rs")
        .unwrap();
    let mut map: Vec<_> = lib
        .raw
        .lines()
        .filter_map(|line| {
            let (floor, rest) = line.strip_prefix("//! | ")?.split_once(" | [`")?;
            Some((rest.split('`').next()?, floor.parse().ok()))
        })
        .collect();
    map.sort();
    let modules = lib.code.split("mod ").skip(1);
    let modules = modules.map(|rest| rest.split(';').next().unwrap());
    let mut declared: Vec<_> = modules.map(|name| (name, floor(name))).collect();
    declared.sort();
    assert_eq!(map, declared);
}

/// What this text reader cannot resolve must not be there.
#[test]
fn modules_are_files_and_imports_are_named() {
    let mut offenders = Vec::new();
    for source in shipped() {
        for at in source.places("mod") {
            let rest = &source.code[at..];
            let brace = rest.find('{').unwrap_or(rest.len());
            if rest.find(';').is_none_or(|semicolon| brace < semicolon) {
                offenders.push(format!("{}: a module inside a file", source.at(at)));
            }
        }
        for word in ["::*", "crate as", "path ="] {
            offenders.extend(
                source
                    .places(word)
                    .map(|at| format!("{}: {word}", source.at(at))),
            );
        }
    }
    none(
        &offenders,
        "modules have files of their own, and imports are named",
    );
}

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
                // `x::age::y` is somebody's module.
                if source.code[..at].ends_with("::") {
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

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut offenders = Vec::new();
    for source in sources() {
        if !source.raw.starts_with("//! ") {
            offenders.push(format!("src/{} has no header", source.path));
        }
        let (lines, most) = if source.is_test {
            (source.raw.lines().count(), MAX_TEST_LINES)
        } else {
            (source.code_lines(), MAX_LINES)
        };
        if lines > most {
            offenders.push(format!(
                "src/{} has {lines} lines, {most} is the most",
                source.path
            ));
        }
    }
    none(&offenders, "a file has a header, and one can read it");
}

#[test]
fn nothing_is_left_open() {
    let words = ".unwrap() dbg! eprint! eprintln! print! println! todo! unimplemented! unsafe";
    let mut offenders = Vec::new();
    for source in shipped() {
        for word in words.split(' ') {
            offenders.extend(
                source
                    .places(word)
                    .map(|at| format!("{}: {word}", source.at(at))),
            );
        }
    }
    // The lint that forbids it names it.
    offenders.retain(|offender| !offender.ends_with("unsafe_code"));
    none(&offenders, "outside of tests these are not used");
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
