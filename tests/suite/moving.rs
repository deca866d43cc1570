//! What `[[moved]]` does, alone and together with whatever else is to become of the same secret: one
//! `apply` does all of it, and the plan after it has nothing to do.

use std::fs;

use crate::applying::manifest;
use crate::house::House;
use crate::stand::digest;

/// A reader whose private key nobody needs here.
const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg\n";

/// `[[moved]]`, so often.
fn moves(pairs: &[(&str, &str)]) -> String {
    let block =
        |(from, to): &(&str, &str)| format!("[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
    pairs.iter().map(block).collect()
}

/// A house with sealed secrets, each of which has its own name as its value, and more of a manifest.
fn house(names: &[&str], more: &str) -> House {
    let house = House::new();
    for name in names {
        house.seal(name, name.as_bytes());
    }
    manifest(&house, more);
    house
}

/// Applies what is wished for, and what is asked for this once; says what was done, and finds nothing
/// more to do.
#[track_caller]
fn applied(house: &House, wish: &[&str], once: &[&str]) -> String {
    let done = house.run([&["apply", "--yes"], wish, once].concat()).ok();
    let plan = house.run([&["plan", "--detailed-exitcode"], wish].concat());
    let plan = String::from_utf8(plan.ok()).unwrap();
    assert!(plan.contains("No changes."), "{plan}");
    String::from_utf8(done).unwrap()
}

/// Plans and applies in vain; returns what is in the way.
#[track_caller]
fn blocked(house: &House, more: &[&str]) -> String {
    let before = house.snapshot();
    let plan = house.run([&["plan", "--detailed-exitcode"], more].concat());
    assert_eq!(plan.code(), 3, "{}", plan.stderr);
    let said = house.run([&["apply", "--yes"], more].concat()).fails(3);
    assert!(house.snapshot() == before, "something was written");
    String::from_utf8(plan.stdout).unwrap() + &said
}

fn list(house: &House) -> String {
    String::from_utf8(house.run(["vault", "list"]).ok()).unwrap()
}

fn value(house: &House, name: &str) -> String {
    String::from_utf8(house.run(["vault", "get", name]).ok()).unwrap()
}

#[test]
fn a_secret_goes_to_the_end_of_a_chain_of_moves() {
    for at in ["A", "dev/B", "prod/C"] {
        let chain = [("A", "dev/B"), ("dev/B", "prod/C"), ("prod/C", "D")];
        let house = house(&[at], &moves(&chain));
        applied(&house, &[], &[]);
        assert_eq!(list(&house), "D\n");
        assert_eq!(value(&house, "D"), at);
    }
}

#[test]
fn moves_that_lead_round_are_refused_and_their_line_is_named() {
    let house = house(&["A"], &moves(&[("A", "B"), ("B", "C"), ("C", "A")]));
    let text = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
    let line = 1 + text.lines().position(|line| line == "[[moved]]").unwrap();
    for words in [&["plan"][..], &["apply", "--yes"]] {
        let said = house.run(words).fails(1);
        let cause = format!("line {line}: `moved` leads back to itself");
        assert!(said.contains(&cause), "{said}");
    }
    assert_eq!(value_after(&house, ""), "A");
}

/// The value of `A` once the manifest is what it was, and these lines.
fn value_after(house: &House, more: &str) -> String {
    let path = house.home().join("hoziron.toml");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find("[[moved]]").unwrap();
    fs::write(&path, format!("{}{more}", &text[..start])).unwrap();
    value(house, "A")
}

#[test]
fn two_moves_from_or_to_one_name_are_refused_with_both_lines() {
    for (field, pairs) in [
        ("from", [("A", "B"), ("A", "C")]),
        ("to", [("A", "C"), ("B", "C")]),
    ] {
        let house = house(&["A"], &moves(&pairs));
        let text = fs::read_to_string(house.home().join("hoziron.toml")).unwrap();
        let lines = text.lines().zip(1..);
        let mut lines = lines.filter(|(line, _)| *line == "[[moved]]");
        let (first, second) = (lines.next().unwrap().1, lines.next().unwrap().1);
        let said = house.run(["apply", "--yes"]).fails(1);
        let cause = format!("line {second}: `{field}`: line {first} says the same");
        assert!(said.contains(&cause), "{said}");
    }
}

#[test]
fn two_files_that_get_one_name_are_both_named_and_both_stay() {
    for names in [["A", "B"], ["A", "C"], ["B", "C"]] {
        let house = house(&names, &moves(&[("A", "B"), ("B", "C")]));
        let said = blocked(&house, &[]);
        let [one, other] = names;
        let both = format!("gives this name to each of `{one}`, `{other}`");
        assert!(said.contains(&both), "{said}");
        assert_eq!(list(&house), format!("{one}\n{other}\n"));
        house.run(["vault", "remove", one, "--yes"]).ok();
        applied(&house, &[], &[]);
        assert_eq!(value(&house, "C"), other);
        assert_eq!(list(&house), "C\n");
    }
}

#[test]
fn a_name_that_is_declared_gets_the_moved_value_and_nobody_is_asked() {
    for origin in [
        "required = true",
        "generate = { kind = \"password\", length = 20 }",
    ] {
        let more = moves(&[("OLD", "NEW")]) + &format!("[secrets.NEW]\n{origin}\n");
        let house = house(&["OLD"], &more);
        let done = applied(&house, &[], &[]);
        assert!(done.contains("> NEW  moved"), "{done}");
        assert_eq!(value(&house, "NEW"), "OLD");
    }
}

#[test]
fn a_value_that_does_not_fit_its_new_declaration_is_not_moved() {
    let more = moves(&[("OLD", "NEW")]) + "[secrets.NEW]\nmin_length = 20\n";
    let house = house(&["OLD"], &more);
    let said = blocked(&house, &[]);
    assert!(said.contains("shorter than 20 characters"), "{said}");
    assert_eq!(value(&house, "OLD"), "OLD");
}

#[test]
fn a_moved_value_that_somebody_who_left_has_seen_is_made_anew_in_the_same_step() {
    let house = house(&["api/OLD"], "");
    let readers = house.home().join("recipients/bob.pub");
    fs::write(&readers, BOB).unwrap();
    let digest = digest(&house);
    applied(&house, &[], &["--accept-recipients", &digest]);
    fs::remove_file(readers).unwrap();
    let generate = "generate = { kind = \"password\", length = 20 }";
    let more = moves(&[("api/OLD", "web/NEW")]) + &format!("[secrets.\"web/NEW\"]\n{generate}\n");
    manifest(&house, &more);
    let done = applied(&house, &[], &[]);
    assert!(done.contains("- api/OLD  removed"), "{done}");
    assert!(done.contains("@ web/NEW  rotated"), "{done}");
    assert_eq!(list(&house), "web/NEW\n");
    assert_eq!(value(&house, "web/NEW").len(), 20);
}

#[test]
fn whatever_else_becomes_of_a_moved_secret_becomes_of_it_in_the_same_step() {
    let generate = "[secrets.NEW]\ngenerate = { kind = \"password\", length = 20 }\n";
    let input = |house: &House, line: &str| {
        let path = house.root().join("input.env");
        fs::write(&path, line).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let moved = moves(&[("OLD", "NEW")]);

    let pruned = house(&["OLD"], &moved);
    applied(&pruned, &["--prune"], &[]);
    assert_eq!(list(&pruned), "");

    let removed = house(&["OLD"], &(moved.clone() + "[[removed]]\nname = \"NEW\"\n"));
    applied(&removed, &[], &[]);
    assert_eq!(list(&removed), "");

    let adopted = house(&["OLD"], &moved);
    applied(&adopted, &["--adopt"], &[]);
    assert_eq!(value(&adopted, "NEW"), "OLD");
    let text = fs::read_to_string(adopted.home().join("hoziron.toml")).unwrap();
    assert!(text.contains("[secrets.NEW]"), "{text}");

    let rotated = house(&["OLD"], &(moved.clone() + generate));
    applied(&rotated, &[], &["--rotate", "NEW"]);
    assert_eq!(value(&rotated, "NEW").len(), 20);
    assert_eq!(list(&rotated), "NEW\n");

    let given = house(&["OLD"], &moved);
    let path = input(&given, "NEW=given\n");
    applied(&given, &["--input", &path], &[]);
    assert_eq!(value(&given, "NEW"), "given");
    assert_eq!(list(&given), "NEW\n");

    let same = house(&["OLD"], &moved);
    let path = input(&same, "NEW=OLD\n");
    applied(&same, &["--input", &path], &[]);
    assert_eq!(value(&same, "NEW"), "OLD");
}

#[test]
fn a_value_for_a_name_that_is_no_more_is_refused() {
    let more = moves(&[("OLD", "NEW")]) + "[[removed]]\nname = \"GONE\"\n";
    for names in [&["OLD"][..], &[]] {
        let house = house(names, &more);
        let path = house.root().join("input.env");
        fs::write(&path, "OLD=given\nGONE=given\n").unwrap();
        let said = blocked(&house, &["--input", path.to_str().unwrap()]);
        assert!(said.contains("give the value as `NEW`"), "{said}");
        assert!(said.contains("! GONE  blocked"), "{said}");
    }
}

#[test]
fn a_name_that_differs_from_another_one_only_in_case_is_not_made() {
    for more in [
        moves(&[("OLD", "api/token")]),
        "[secrets.\"api/token\"]\n".to_owned(),
        "[secrets.\"api/token\"]\ngenerate = { kind = \"password\", length = 20 }\n".to_owned(),
    ] {
        let house = house(&["OLD", "api/TOKEN"], &more);
        let said = blocked(&house, &[]);
        assert!(said.contains("`api/TOKEN` differs only in case"), "{said}");
    }
    let alone = house(&["api/TOKEN"], &moves(&[("api/TOKEN", "api/token")]));
    applied(&alone, &[], &[]);
    assert_eq!(value(&alone, "api/token"), "api/TOKEN");
}

/// The halves of a pair are of one pair, whatever becomes of them at once.
#[test]
fn a_pair_is_made_together_or_not_at_all() {
    let pair = "[secrets.KEY]\ngenerate = { kind = \"age\", public = \"KEY_PUB\" }\n";
    let house = house(&[], pair);
    applied(&house, &[], &[]);
    let halves = |house: &House| {
        let private: age::x25519::Identity = value(house, "KEY").parse().unwrap();
        (private.to_public().to_string(), value(house, "KEY_PUB"))
    };
    let (derived, first) = halves(&house);
    assert_eq!(derived, first);
    // Everything is sealed anew for bob, and the pair is made anew.
    fs::write(house.home().join("recipients/bob.pub"), BOB).unwrap();
    let digest = digest(&house);
    applied(
        &house,
        &[],
        &["--rotate", "KEY", "--accept-recipients", &digest],
    );
    let (derived, second) = halves(&house);
    assert_eq!(derived, second);
    assert_ne!(first, second);

    let path = house.root().join("input.env");
    fs::write(&path, "KEY_PUB=another\n").unwrap();
    let path = path.to_str().unwrap();
    let said = blocked(&house, &["--rotate", "KEY", "--input", path]);
    assert!(said.contains("made together with `KEY`"), "{said}");
    fs::write(path, format!("KEY_PUB={second}\nKEY=another\n")).unwrap();
    applied(&house, &["--input", path], &[]);
    let said = blocked(&house, &["--input", path, "--rotate", "KEY"]);
    assert!(said.contains("is the one that is there"), "{said}");
}
