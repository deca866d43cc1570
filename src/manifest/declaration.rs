//! One declared secret: whether it must be there, where its value comes from, when it must be made
//! anew and what it must look like. A value comes from one place at most; with none, it is asked for.

use crate::domain::{SecretName, SecretValue};
use crate::manifest::error::{Near, Problem, Problems};
use crate::manifest::fields::{Fields, wrong};
use crate::manifest::generate::Generator;
use crate::manifest::rotation::Rotation;
use crate::manifest::shape::{Patterns, Shape, Type};
use crate::manifest::template::Template;

/// The fields of a secret.
const FIELDS: [&str; 12] = [
    "compose",
    "default",
    "description",
    "generate",
    "max_length",
    "min_length",
    "pattern",
    "profiles",
    "required",
    "rotate",
    "sensitive",
    "type",
];

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A person is asked.
    Ask,
    /// It is made together with another secret, whose public half it is.
    Companion(SecretName),
    /// It is put together from others when it is read, and never stored.
    Compose(Template),
    /// It stands in the manifest, for all to read.
    Default(String),
    /// It is made by the machine.
    Generate(Generator),
}

/// A secret that should be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What it is, for a person.
    pub description: Option<String>,
    /// Whether it must be there.
    pub required: bool,
    /// Whether its value is hidden where values are masked.
    pub sensitive: bool,
    /// Where its value comes from.
    pub origin: Origin,
    /// When it must be made anew.
    pub rotate: Rotation,
    /// What it must look like.
    pub shape: Shape,
    /// Where it is declared, counted from 1.
    pub line: usize,
}

/// What `[defaults]` says.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    /// Whether a secret must be there.
    pub(super) required: bool,
    /// When it must be made anew.
    pub(super) rotate: Rotation,
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            required: true,
            rotate: Rotation::default(),
        }
    }
}

impl Declaration {
    /// Reads the table of a secret.
    pub(super) fn read<'t>(
        fields: &Fields<'t, '_>,
        line: usize,
        defaults: &Defaults,
        patterns: &mut Patterns<'t>,
        problems: &mut Problems,
    ) -> Self {
        let shape = shape(fields, patterns, problems);
        let origin = origin(fields, &shape, problems);
        let stored = !matches!(origin, Origin::Compose(_) | Origin::Default(_));
        if !stored && fields.has("rotate") {
            problems.on(line, || Problem::Conflict {
                field: "rotate",
                with: if fields.has("compose") {
                    "compose"
                } else {
                    "default"
                },
            });
        }
        Self {
            description: fields
                .text("description", problems)
                .map(|text| text.value.to_owned()),
            required: fields
                .flag("required", problems)
                .unwrap_or(defaults.required),
            sensitive: fields.flag("sensitive", problems).unwrap_or(true),
            origin,
            rotate: Rotation::read(fields, &defaults.rotate, problems),
            shape,
            line,
        }
    }

    /// Declares the public half of a key pair that nothing else declares.
    pub(super) fn companion(of: &SecretName, private: &Self) -> Self {
        Self {
            description: None,
            required: private.required,
            sensitive: false,
            origin: Origin::Companion(of.clone()),
            rotate: Rotation::default(),
            shape: Shape::default(),
            line: private.line,
        }
    }

    /// Returns the fields a secret can have.
    pub(super) fn fields() -> &'static [&'static str] {
        &FIELDS
    }
}

fn origin(fields: &Fields<'_, '_>, shape: &Shape, problems: &mut Problems) -> Origin {
    let said = ["compose", "default", "generate"].map(|field| (field, fields.has(field)));
    let mut said = said.iter().filter(|(_, has)| *has).map(|(field, _)| *field);
    let (first, second) = (said.next(), said.next());
    if let (Some(with), Some(field)) = (first, second) {
        problems.at(fields.at, || Problem::Conflict { field, with });
    }
    if let Some(text) = fields.text("compose", problems) {
        match Template::parse(text.value) {
            Ok(template) => return Origin::Compose(template),
            Err(error) => problems.at(text.at, || error.into()),
        }
    }
    if let Some(text) = fields.text("default", problems) {
        let value = SecretValue::new(text.value.as_bytes().to_vec());
        if let Err(source) = shape.check(&value) {
            let field = "default";
            problems.at(text.at, || Problem::Shape { field, source });
        }
        return Origin::Default(text.value.to_owned());
    }
    if let Some(generator) = Generator::read(fields, problems) {
        if let (Some(source), Some(at)) = (misfit(&generator, shape), fields.raw("generate")) {
            let field = "generate";
            problems.at(at.span().start, || Problem::Shape { field, source });
        }
        return Origin::Generate(generator);
    }
    Origin::Ask
}

fn misfit(generator: &Generator, shape: &Shape) -> Option<crate::manifest::shape::ShapeError> {
    if *shape == Shape::default() {
        return None;
    }
    generator.misfit(shape)
}

fn shape<'t>(
    fields: &Fields<'t, '_>,
    patterns: &mut Patterns<'t>,
    problems: &mut Problems,
) -> Shape {
    let kind = fields.text("type", problems).and_then(|text| {
        let found = Type::WORDS.iter().find(|(word, _)| *word == text.value);
        if found.is_none() {
            problems.at(text.at, || Problem::Unknown {
                what: "a type",
                near: Near::find(text.value, Type::WORDS.map(|(word, _)| word)),
            });
        }
        found.map(|(_, kind)| *kind)
    });
    let pattern = fields.text("pattern", problems).and_then(|text| {
        let pattern = patterns.parse(text.value);
        if pattern.is_none() {
            problems.at(text.at, || Problem::Wrong {
                field: "pattern",
                must: "a regular expression, and a small one",
            });
        }
        pattern
    });
    let mut length = |field: &'static str| {
        let number = fields.number(field, problems)?;
        Some(usize::try_from(number.value).unwrap_or(usize::MAX))
    };
    let (min_length, max_length) = (length("min_length"), length("max_length"));
    if let (Some(least), Some(most), Some(value)) =
        (min_length, max_length, fields.raw("max_length"))
        && least > most
    {
        wrong(value, "max_length", "at least `min_length`", problems);
    }
    Shape {
        kind,
        pattern,
        min_length,
        max_length,
    }
}
