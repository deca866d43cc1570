//! The variables that are handed out: one value a name, sorted by name. What is in here has been
//! opened and is about to leave, to a child's environment or as an export. It is read nowhere else.

use std::collections::BTreeMap;

use crate::domain::{SecretValue, VarName};

/// Values by the name of the variable that carries them.
#[derive(Debug, Default)]
pub struct Variables(BTreeMap<VarName, SecretValue>);

impl FromIterator<(VarName, SecretValue)> for Variables {
    fn from_iter<I: IntoIterator<Item = (VarName, SecretValue)>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl Variables {
    /// Sets a variable, in place of one of the same name.
    pub fn insert(&mut self, name: VarName, value: SecretValue) {
        self.0.insert(name, value);
    }

    /// Returns the variables, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&VarName, &SecretValue)> {
        self.0.iter()
    }

    /// Returns the values, sorted by the names of their variables.
    pub fn into_values(self) -> impl Iterator<Item = SecretValue> {
        self.0.into_values()
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the names of those that would steer a program; none of them may leave.
    pub fn steering(&self) -> Vec<VarName> {
        self.0
            .keys()
            .filter(|name| name.steers())
            .cloned()
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_holds_one_value_and_the_order_is_the_names() {
        let mut variables = Variables::default();
        for (name, value) in [
            ("B", "1"),
            ("PATH", ""),
            ("A", ""),
            ("LD_PRELOAD", ""),
            ("B", "2"),
        ] {
            let value = SecretValue::new(value.as_bytes().to_vec());
            variables.insert(VarName::parse(name).unwrap(), value);
        }
        let all: Vec<_> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.reveal()))
            .collect();
        assert_eq!(
            all,
            [
                ("A", &b""[..]),
                ("B", b"2"),
                ("LD_PRELOAD", b""),
                ("PATH", b"")
            ]
        );
        let steering: Vec<_> = variables
            .steering()
            .iter()
            .map(VarName::to_string)
            .collect();
        assert_eq!(steering, ["LD_PRELOAD", "PATH"]);
    }
}
