//! What is read from a `.env`, and what is refused.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> Vec<(String, Vec<u8>, usize)> {
    let file = DotEnv::parse(text.as_bytes()).unwrap();
    let entries = file.entries().iter();
    entries
        .map(|entry| {
            let value = entry.value.reveal().to_vec();
            (entry.name.to_string(), value, entry.line)
        })
        .collect()
}

fn value_of(text: &[u8]) -> Result<Vec<u8>, DotEnvError> {
    let name = VarName::parse("A").unwrap();
    DotEnv::parse(text).map(|file| file.get(&name).unwrap().reveal().to_vec())
}

fn problems(text: &[u8]) -> Vec<(usize, ProblemKind)> {
    let Err(DotEnvError::Problems(problems)) = DotEnv::parse(text) else {
        panic!("no problems");
    };
    problems
        .iter()
        .map(|problem| (problem.line, problem.kind))
        .collect()
}

/// What other readers alter comes out as it stands.
#[test]
fn a_value_is_what_stands_there() {
    let cases: &[(&str, &str)] = &[
        ("A=pa$$word", "pa$$word"),
        (
            "A=$2a$10$N9qo8uLOickgx2ZMRZoMye",
            "$2a$10$N9qo8uLOickgx2ZMRZoMye",
        ),
        ("A=${HOME}`id`$(id)", "${HOME}`id`$(id)"),
        (r#"A={"a":"b\nc","d": [1]}"#, r#"{"a":"b\nc","d": [1]}"#),
        (r#"A='{"a":"b\nc","d": "$x"}'"#, r#"{"a":"b\nc","d": "$x"}"#),
        ("A=a#b", "a#b"),
        ("A=#b", "#b"),
        ("A=a #b", "a"),
        ("A=a\t#b", "a"),
        ("A= #b", ""),
        ("A=", ""),
        ("A=''", ""),
        ("  A \t=  a  b  ", "a  b"),
        ("export A=a", "a"),
        ("export\t A='a'", "a"),
        ("export =b\nA=a", "a"),
        ("A=it's \"so\"", "it's \"so\""),
        ("A=a\\nb\\", "a\\nb\\"),
        ("A='a\\' # it's", "a\\"),
        ("A=' a#b '\t", " a#b "),
        (r#"A="a\n\r\t\\\"\$\`\x\'" # "c""#, "a\n\r\t\\\"$`\\x\\'"),
        (r#"A="a\\n""#, "a\\n"),
        ("A=`it's \"so\" \\`", "it's \"so\" \\"),
        (
            "A='-----BEGIN\nMIGH=\n-----END\n'\n",
            "-----BEGIN\nMIGH=\n-----END\n",
        ),
        ("A=\"a\n\n#b\"\n", "a\n\n#b"),
        ("A=\u{a0}a\u{2028}", "\u{a0}a\u{2028}"),
        ("A=a=b==", "a=b=="),
        ("\u{feff}A=a", "a"),
    ];
    for (text, value) in cases {
        let expected = Ok(value.as_bytes().to_vec());
        assert_eq!(value_of(text.as_bytes()), expected, "{text}");
    }
    assert_eq!(value_of(b"A=\xff\xfe"), Ok(b"\xff\xfe".to_vec()));
    assert_eq!(value_of(b"A='\x80\x01'"), Ok(b"\x80\x01".to_vec()));
}

#[test]
fn entries_come_in_the_order_of_the_file_with_their_lines() {
    let text = "# a\n\nB=1\nexport A=\"x\ny\" # c\n\t# d\n_9='z'\nexport=2\nB=3";
    let expected = [
        ("B", "1", 3),
        ("A", "x\ny", 4),
        ("_9", "z", 7),
        ("export", "2", 8),
        ("B", "3", 9),
    ];
    let expected = expected.map(|(name, value, line)| (name.to_owned(), value.into(), line));
    assert_eq!(parsed(text), expected);
    assert!(parsed("").is_empty() && parsed("\u{feff}\n# a\n \n").is_empty());
}

/// A line end is a newline, within quotes too. Any other carriage return is kept within quotes and
/// refused outside of them, where it may be the line end of an old file.
#[test]
fn carriage_returns_are_line_ends_or_quoted() {
    let text = "A=a\r\n\r\n# b\r\nB='x\r\ny\rz'\r\nC=\"p\\\r\nq\\r\"\r\n";
    let found = parsed(text);
    assert_eq!(found[0], ("A".to_owned(), b"a".to_vec(), 1));
    assert_eq!(found[1], ("B".to_owned(), b"x\ny\rz".to_vec(), 4));
    assert_eq!(found[2], ("C".to_owned(), b"p\\\nq\r".to_vec(), 6));

    let text = b"A=a\rB=b\n#\r#\nC=c\r\r\nD='d' \r\r\nE=e\r";
    let kind = ProblemKind::CarriageReturn;
    assert_eq!(problems(text), [1, 2, 3, 4, 5].map(|line| (line, kind)));
}

/// Every bad line is reported at once, by its number, and nothing of its text.
#[test]
fn bad_lines_are_reported_together_and_not_shown() {
    let text = concat!(
        "A=fine\nhunter2\nhunter-2=x\n9A=hunter2\nexport 9=hunter2\nB='hunter2'hunter2\n",
        "C=\"hunter2\n\" hunter2\nD='hunter2'#\nE=`hun`ter2\nhunter.2='\n\n'\n=hunter2\n",
        "F=hun\0ter2\nG='\n\0'\nH H=hunter2\n",
    );
    let trailing = |opened| ProblemKind::Trailing { opened };
    let expected = [
        (2, ProblemKind::NotAssignment),
        (3, ProblemKind::Name),
        (4, ProblemKind::Name),
        (5, ProblemKind::Name),
        (6, trailing(6)),
        (8, trailing(7)),
        (9, trailing(9)),
        (10, trailing(10)),
        (11, ProblemKind::Name),
        (14, ProblemKind::Name),
        (15, ProblemKind::Nul),
        (17, ProblemKind::Nul),
        (18, ProblemKind::Name),
    ];
    assert_eq!(problems(text.as_bytes()), expected);
    let error = DotEnv::parse(text.as_bytes()).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hun"));
    let told = "line 2 is not of the form `KEY=value`; line 3 has a name that";
    assert!(error.to_string().starts_with(told), "{error}");
    assert!(
        error
            .to_string()
            .contains("line 8 goes on after the closing quote of line 7; ")
    );
    assert!(error.to_string().ends_with("; and 3 more"), "{error}");
}

/// Whatever stands below an open quote may belong to it, so it is not judged.
#[test]
fn an_open_quote_is_reported_where_it_starts() {
    for quote in ["'", "\"", "`"] {
        let text = format!("x\nA={quote}a\nnothing\n\nB=b\n");
        let expected = [
            (1, ProblemKind::NotAssignment),
            (2, ProblemKind::Unterminated),
        ];
        assert_eq!(problems(text.as_bytes()), expected);
    }
    assert_eq!(problems(b"A=\"a\\\""), [(1, ProblemKind::Unterminated)]);
}

#[test]
fn the_last_of_a_name_wins_and_all_its_lines_are_told() {
    let file = DotEnv::parse(b"B=1\nA=1\nC=1\nA='\n'\nB=2\nA=3\n").unwrap();
    let name = |text| VarName::parse(text).unwrap();
    assert_eq!(file.get(&name("A")).unwrap().reveal(), b"3");
    assert_eq!(file.get(&name("B")).unwrap().reveal(), b"2");
    assert!(file.get(&name("D")).is_none());
    let duplicate = |text, lines: &[usize]| Duplicate {
        name: name(text),
        lines: lines.to_vec(),
    };
    let expected = [duplicate("A", &[2, 4, 7]), duplicate("B", &[1, 6])];
    assert_eq!(file.duplicates(), expected);
}

#[test]
fn four_mebibytes_are_read_and_one_byte_more_is_not() {
    let mut text = b"A=".to_vec();
    text.resize(MAX_FILE, b'x');
    assert_eq!(value_of(&text).unwrap().len(), MAX_FILE - 2);
    text.push(b'x');
    assert_eq!(value_of(&text), Err(DotEnvError::TooLarge));
}

/// Who reads what differently, a spelling a reader; the real ones are asked in `tests/suite`.
#[test]
fn a_disagreement_names_the_line_and_the_readers() {
    use Reader::{Bash, Dotenvy, Node, PythonDotenv};
    let cases: &[(&str, &[Reader])] = &[
        ("A=a", &[]),
        ("A='a b'", &[]),
        ("A=a#b", &[Node]),
        ("A= a", &[Bash]),
        ("A=pa$$word", &[Bash, Dotenvy]),
        ("A='a${b}'", &[PythonDotenv]),
        ("A='a\\\\b'", &[PythonDotenv]),
        ("A=\"a\\nb\"", &[Bash]),
        ("A=`a`", &[Bash, Dotenvy, PythonDotenv]),
        ("A=\u{feff}", &[]),
        ("\u{feff}A=a", &[Bash, Node, PythonDotenv]),
        ("A=a\nA=b", &[Dotenvy]),
    ];
    for (text, readers) in cases {
        let text = format!("Z=z\n{text}\n");
        let found = DotEnv::parse(text.trim_start_matches("Z=z\n").as_bytes()).unwrap();
        let found = found.disagreements();
        let found: Vec<_> = found.iter().map(|one| (one.line, &*one.readers)).collect();
        let line = text.lines().count() - 1;
        let expected: &[(usize, &[Reader])] = &[(line, readers)];
        assert_eq!(
            found,
            &expected[usize::from(readers.is_empty())..],
            "{text}"
        );
    }
}

/// Quadratic work on files of this size would take minutes, not seconds.
#[test]
fn the_time_to_read_is_linear() {
    let patterns = [
        "A='\n",
        "A=\"\\\"\n",
        "A=a #\n",
        " ",
        "\r\n",
        "\\",
        "A=$A$A\n",
        "A='${:'\n",
        "A=a;",
        "=",
    ];
    for pattern in patterns {
        for start in ["", "A=", "A='", "A=\""] {
            let text = |size: usize| -> Vec<u8> {
                let body = pattern.bytes().cycle().take(size - 8);
                start
                    .bytes()
                    .chain(body)
                    .chain(start.bytes().skip(2))
                    .collect()
            };
            let begun = Instant::now();
            drop(DotEnv::parse(&text(MAX_FILE)));
            if let Ok(file) = DotEnv::parse(&text(MAX_FILE / 8)) {
                file.disagreements();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{start}{pattern}"
            );
        }
    }
}

/// Pieces that mean something to one reader or another.
fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "A=", "B=", "export ", "=", "'", "\"", "`", "\\", "$", "${A}", "$(", ")", "#", " ", "\t",
        "\n", "\r\n", "\r", "a", "é", ";", "&", "|", "<", ">", "(", "{", "}", ",", "~", ":", "[",
        "\0", "\u{feff}", "\u{a0}", "if", "!",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(file) = DotEnv::parse(&text) {
            file.disagreements();
        }
    }

    /// What is accepted has no bad line and what is refused names one that is there.
    #[test]
    fn any_pieces_are_read_or_refused(pieces in prop::collection::vec(piece(), 0..40)) {
        let text = pieces.concat();
        let lines = text.split('\n').count();
        match DotEnv::parse(text.as_bytes()) {
            Ok(file) => {
                prop_assert!(file.disagreements().len() <= file.entries().len());
                prop_assert!(file.entries().iter().all(|entry| entry.line <= lines));
            }
            Err(DotEnvError::Problems(problems)) => {
                prop_assert!(!problems.is_empty());
                prop_assert!(problems.is_sorted_by(|a, b| a.line < b.line));
                prop_assert!(problems.iter().all(|problem| (1..=lines).contains(&problem.line)));
            }
            Err(DotEnvError::TooLarge) => prop_assert!(false),
        }
    }

    /// Double quotes can carry every value that an environment can.
    #[test]
    fn double_quotes_carry_anything(value in prop::collection::vec(1_u8.., 0..60)) {
        let mut text = b"A=\"".to_vec();
        for &byte in &value {
            match byte {
                b'\n' => text.extend(b"\\n"),
                b'\r' => text.extend(b"\\r"),
                b'"' | b'\\' | b'$' | b'`' => text.extend([b'\\', byte]),
                _ => text.push(byte),
            }
        }
        text.extend(b"\" # c\nB=b");
        prop_assert_eq!(value_of(&text), Ok(value));
    }
}
