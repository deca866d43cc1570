//! The shape of the source: which module may use which, what is at home where, and what a file must
//! and must not hold. An offender is named by file and line. Nothing is run; clippy and the compiler
//! see what a text cannot show.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod homes;
mod source;

use source::{Source, closing, is_word, sources};

/// The floors of the house. Modules of one floor do not see one another.
const FLOORS: &[(u32, &[&str])] = &[
    (0, &["domain"]),
    (1, &["disk", "sealed"]),
    (2, &["home", "input", "repository", "vault"]),
    (3, &["config", "manifest", "people"]),
    (4, &["plan", "workspace"]),
    (5, &["apply"]),
    (6, &["env", "export", "git", "scan", "sops"]),
    (7, &["cli"]),
];

/// Lines of a file, its module of tests not counted; and of a file that is nothing but tests.
const MAX_LINES: usize = 400;
const MAX_TEST_LINES: usize = 500;

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

#[track_caller]
fn none(offenders: &[String], rule: &str) {
    assert!(offenders.is_empty(), "{rule}:\n{}", offenders.join("\n"));
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
        for word in ["::*", "crate as", "#[path"] {
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
