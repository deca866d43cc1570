//! Reading the tables of a TOML document field by field. What is unknown, missing or of the wrong
//! type is noted with its line, and reading goes on, so that a person sees all of it at once. Serde
//! would stop at the first, and would not say where.

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use crate::manifest::error::{Near, Problem, Problems};

/// A value and where it starts.
pub(super) struct At<T> {
    /// The offset.
    pub(super) at: usize,
    /// The value.
    pub(super) value: T,
}

/// A table whose fields are known.
pub(super) struct Fields<'t, 'i> {
    table: &'t DeTable<'i>,
    /// Where the table starts.
    pub(super) at: usize,
}

impl<'t, 'i> Fields<'t, 'i> {
    /// Takes a table, and notes what is not among its fields.
    pub(super) fn new(
        value: &'t Spanned<DeValue<'i>>,
        name: &'static str,
        what: &'static str,
        known: &[&'static str],
        problems: &mut Problems,
    ) -> Option<Self> {
        let at = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            problems.at(at, || Problem::Wrong {
                field: name,
                must: "a table",
            });
            return None;
        };
        let fields = Self { table, at };
        fields.refuse_unknown(what, known, problems);
        Some(fields)
    }

    /// Takes the document itself.
    pub(super) fn top(
        table: &'t DeTable<'i>,
        what: &'static str,
        known: &[&'static str],
        problems: &mut Problems,
    ) -> Self {
        let fields = Self { table, at: 0 };
        fields.refuse_unknown(what, known, problems);
        fields
    }

    fn refuse_unknown(&self, what: &'static str, known: &[&'static str], problems: &mut Problems) {
        for key in self.table.keys() {
            if !known.contains(&&**key.get_ref()) {
                problems.at(key.span().start, || Problem::Unknown {
                    what,
                    near: Near::find(key.get_ref(), known.iter().copied()),
                });
            }
        }
    }

    /// Returns a field as it is.
    pub(super) fn raw(&self, field: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.table.get(field)
    }

    /// Says whether a field is there.
    pub(super) fn has(&self, field: &'static str) -> bool {
        self.raw(field).is_some()
    }

    /// Returns a text.
    pub(super) fn text(&self, field: &'static str, problems: &mut Problems) -> Option<At<&'t str>> {
        text(self.raw(field)?, field, problems)
    }

    /// Returns a text that must be there.
    pub(super) fn needed(
        &self,
        field: &'static str,
        problems: &mut Problems,
    ) -> Option<At<&'t str>> {
        if !self.has(field) {
            problems.at(self.at, || Problem::Missing(field));
        }
        self.text(field, problems)
    }

    /// Returns `true` or `false`.
    pub(super) fn flag(&self, field: &'static str, problems: &mut Problems) -> Option<bool> {
        let value = self.raw(field)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            wrong(value, field, "true or false", problems);
        }
        flag
    }

    /// Returns a whole number that is not negative.
    pub(super) fn number(&self, field: &'static str, problems: &mut Problems) -> Option<At<u64>> {
        let value = self.raw(field)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        if number.is_none() {
            wrong(value, field, "a whole number, not negative", problems);
        }
        let at = value.span().start;
        number.map(|value| At { at, value })
    }

    /// Returns the items of a list, if it is one.
    pub(super) fn items(
        &self,
        field: &'static str,
        problems: &mut Problems,
    ) -> Option<&'t DeArray<'i>> {
        let value = self.raw(field)?;
        let items = value.get_ref().as_array();
        if items.is_none() {
            wrong(value, field, "a list", problems);
        }
        items
    }

    /// Returns the texts of a list, if it is one.
    pub(super) fn texts(
        &self,
        field: &'static str,
        problems: &mut Problems,
    ) -> Option<Vec<At<&'t str>>> {
        let items = self.items(field, problems)?;
        Some(texts(items, field, problems))
    }

    /// Returns the keys and values of a table of names, if it is one.
    pub(super) fn entries(
        &self,
        field: &'static str,
        problems: &mut Problems,
    ) -> impl Iterator<Item = (At<&'t str>, &'t Spanned<DeValue<'i>>)> {
        let value = self.raw(field);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            wrong(value, field, "a table", problems);
        }
        table.into_iter().flatten().map(|(key, value)| {
            let at = key.span().start;
            let name: &'t str = key.get_ref();
            (At { at, value: name }, value)
        })
    }
}

/// Returns the texts of a list.
pub(super) fn texts<'t>(
    items: &'t DeArray<'_>,
    field: &'static str,
    problems: &mut Problems,
) -> Vec<At<&'t str>> {
    items
        .iter()
        .filter_map(|item| text(item, field, problems))
        .collect()
}

/// Notes that a value is not what it must be.
pub(super) fn wrong(
    value: &Spanned<DeValue<'_>>,
    field: &'static str,
    must: &'static str,
    problems: &mut Problems,
) {
    problems.at(value.span().start, || Problem::Wrong { field, must });
}

fn text<'t>(
    value: &'t Spanned<DeValue<'_>>,
    field: &'static str,
    problems: &mut Problems,
) -> Option<At<&'t str>> {
    let text = value.get_ref().as_str();
    if text.is_none() {
        wrong(value, field, "a text in quotes", problems);
    }
    let at = value.span().start;
    text.map(|value| At { at, value })
}
