//! The rules of every format, on values that other tools alter.

use super::*;

fn variables(pairs: &[(&str, &[u8])]) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in pairs {
        let name = VarName::parse(name).unwrap();
        variables.insert(name, SecretValue::new(value.to_vec()));
    }
    variables
}

fn rendered(format: Format, pairs: &[(&str, &[u8])]) -> String {
    let text = render(format, &variables(pairs)).unwrap();
    String::from_utf8(text.reveal().to_vec()).unwrap()
}

fn refused(format: Format, pairs: &[(&str, &[u8])]) -> FormatError {
    render(format, &variables(pairs)).unwrap_err()
}

#[test]
fn a_format_is_known_by_its_name() {
    for format in Format::ALL {
        assert_eq!(Format::parse(format.name()), Ok(format));
    }
    for text in ["", "SH", "yaml", "sh "] {
        assert_eq!(Format::parse(text), Err(UnknownFormat), "{text:?}");
    }
}

#[test]
fn shells_get_one_assignment_a_line_sorted_by_name() {
    let pairs: &[(&str, &[u8])] = &[("B", b"it's\n$x"), ("A", b""), ("C", b"a=1,b")];
    assert_eq!(
        rendered(Format::Sh, pairs),
        "export A=''\nexport B='it'\\''s\n$x'\nexport C='a=1,b'\n"
    );
    assert_eq!(
        rendered(Format::Bash, pairs),
        "export A=$'';\nexport B=$'it\\047s\\012\\044x';\nexport C=$'a=1,b';\n"
    );
}

/// A digit after an escape stays what it is, because an escape always has three digits.
#[test]
fn bytes_are_three_octal_digits() {
    assert_eq!(
        rendered(Format::Bash, &[("A", b"\x011\xff7")]),
        "export A=$'\\0011\\3777';\n"
    );
}

/// What stands for itself means nothing to a shell, wherever in a word it is.
#[test]
fn bash_escapes_every_byte_that_could_mean_something() {
    for byte in 1..=255_u8 {
        let text = rendered(Format::Bash, &[("A", &[byte])]);
        let plain = byte.is_ascii_alphanumeric() || b"_=;.,/:+-".contains(&byte);
        let spelling = match plain {
            true => char::from(byte).to_string(),
            false => format!("\\{byte:03o}"),
        };
        assert_eq!(text, format!("export A=$'{spelling}';\n"));
    }
}

#[test]
fn json_is_one_object_of_strings_in_ascii() {
    let text = "\u{0}\u{1f}\u{7f}\"\\/\n\r\té\u{2028}😀".as_bytes();
    assert_eq!(
        rendered(Format::Json, &[("B", text), ("A", b"true")]),
        concat!(
            "{\n  \"A\": \"true\",\n",
            "  \"B\": \"\\u0000\\u001f\\u007f\\\"\\\\/\\n\\r\\t\\u00e9\\u2028\\ud83d\\ude00\"\n}\n",
        )
    );
}

#[test]
fn nothing_to_export_is_an_empty_text_or_object() {
    for format in Format::ALL {
        let expected = if format == Format::Json { "{}\n" } else { "" };
        assert_eq!(rendered(format, &[]), expected, "{format}");
    }
}

#[test]
fn dotenv_is_bare_then_single_then_double() {
    let cases: &[(&[u8], &str)] = &[
        (b"aZ09_./:@%+=,-", "A=aZ09_./:@%+=,-\n"),
        (b"", "A=''\n"),
        (b"a b#\"`$x!\\n\ny", "A='a b#\"`$x!\\n\ny'\n"),
        ("é😀".as_bytes(), "A='é😀'\n"),
        (b"it's # fine", "A=\"it's # fine\"\n"),
    ];
    for (value, expected) in cases {
        assert_eq!(rendered(Format::Dotenv, &[("A", value)]), *expected);
    }
}

/// Each of these is read differently by one of the five parsers, whatever the quotes.
#[test]
fn dotenv_refuses_what_its_readers_disagree_on() {
    let cases: &[&[u8]] = &[
        b"a\rb",
        b"a${b}",
        b"a\\",
        b"a\\\\b",
        b"it's \"both\"",
        b"it's $5",
        b"it's \\ here",
        b"it's `x`",
        b"it's\ntwo lines",
        b"it's\r",
    ];
    for value in cases {
        let FormatError::Refused {
            refusals,
            alternatives,
            ..
        } = refused(Format::Dotenv, &[("A", value)])
        else {
            panic!("{value:?}");
        };
        assert_eq!(refusals[0].obstacle, Obstacle::NoSpelling, "{value:?}");
        assert_eq!(
            alternatives,
            [Format::Bash, Format::Json, Format::Sh],
            "{value:?}"
        );
    }
}

/// What a format cannot carry is named, all of it at once, with a format that could.
#[test]
fn a_refusal_names_every_variable_and_what_could_carry_it() {
    let pairs: &[(&str, &[u8])] = &[
        ("C_NUL", b"hunter2\0"),
        ("A_FINE", b"hunter2"),
        ("B_BYTES", b"hunter2\xff"),
    ];
    let refusal = |name: &str, obstacle, carried_by: &[Format]| Refusal {
        name: VarName::parse(name).unwrap(),
        obstacle,
        carried_by: carried_by.to_vec(),
    };
    let bytes = refusal("B_BYTES", Obstacle::NotUtf8, &[Format::Bash, Format::Sh]);
    let nul = refusal("C_NUL", Obstacle::Nul, &[Format::Json]);
    let expected = [
        (Format::Bash, vec![nul.clone()]),
        (Format::Dotenv, vec![bytes.clone(), nul.clone()]),
        (Format::Json, vec![bytes]),
        (Format::Sh, vec![nul]),
    ];
    for (format, refusals) in expected {
        let error = refused(format, pairs);
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(
            error,
            FormatError::Refused {
                format,
                refusals,
                alternatives: Vec::new()
            }
        );
    }
}

#[test]
fn the_alternatives_carry_all_variables() {
    let error = refused(Format::Sh, &[("A", b"1"), ("B", b"2\0")]);
    assert_eq!(error.to_string(), "sh cannot carry `B` (has a NUL byte)");
    let FormatError::Refused { alternatives, .. } = error else {
        panic!()
    };
    assert_eq!(alternatives, [Format::Json]);
}

#[test]
fn a_variable_of_the_shell_is_refused_where_a_shell_reads() {
    for format in [Format::Bash, Format::Dotenv, Format::Sh] {
        let error = refused(format, &[("RANDOM", b"hunter2")]);
        let told = format!("{format} cannot carry `RANDOM` (a variable of the shell itself)");
        assert_eq!(error.to_string(), told);
    }
    assert_eq!(
        rendered(Format::Json, &[("RANDOM", b"4")]),
        "{\n  \"RANDOM\": \"4\"\n}\n"
    );
}

#[test]
fn what_steers_a_program_is_in_no_export() {
    for format in Format::ALL {
        let error = refused(
            format,
            &[("PATH", b"/tmp"), ("A", b"1"), ("LD_PRELOAD", b"x.so")],
        );
        let names = ["LD_PRELOAD", "PATH"].map(|name| VarName::parse(name).unwrap());
        assert_eq!(error, FormatError::Steering(names.to_vec()));
    }
}

/// The buffer is made at its final size, so that no half of it is left behind unwiped.
#[test]
fn the_text_fills_its_first_buffer() {
    let value: Vec<u8> = (1..=127)
        .cycle()
        .take(5000)
        .filter(|&byte| byte != b'\\')
        .collect();
    let fitting: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !b"'\r".contains(byte))
        .collect();
    let all = variables(&[("A", &fitting), ("B", b""), ("C", "é".as_bytes())]);
    for format in Format::ALL {
        let text = text(format, &all);
        assert_eq!(text.len(), text.capacity(), "{format}");
        assert!(text.len() > fitting.len());
    }
}
