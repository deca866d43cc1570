//! The `sops` block: who can open the file, which values are sealed, and the MAC over them. Fields
//! come in any order and any of the spellings that versions of sops have written; unknown ones do not
//! count. What would be a guess (two rules, a pattern that is none) is refused.

use crate::input::number::go_integer;
use crate::input::time::Time;
use crate::input::tree::{Child, Node, Scalar};
use crate::input::yaml::{Resolved, resolve};
use crate::sops::SopsError;
use crate::sops::pattern::Pattern;
use crate::sops::value::truth;

/// The most recipients a file may name; each costs a try with every key.
pub const MAX_RECIPIENTS: usize = 1000;

/// The most that the recipients may hold together, in bytes: a thousand usual ones hold less, and each
/// line of it can cost an operation with every key.
const MAX_SEALED: usize = 512 * 1024;

/// The lists of recipients, and the field by which a person knows one of each.
const LISTS: [(&str, &str); 7] = [
    ("age", "recipient"),
    ("pgp", "fp"),
    ("kms", "arn"),
    ("gcp_kms", "resource_id"),
    ("hckms", "key_id"),
    ("azure_kv", "name"),
    ("hc_vault", "key_name"),
];

/// The rule that a file without one has.
const USUAL_SUFFIX: &str = "_unencrypted";

/// The metadata of a file.
#[derive(Debug)]
pub struct Metadata {
    /// Each opens the whole key, or its share of it if there are more than one.
    pub groups: Vec<Group>,
    /// How many groups are needed; 0 if the file does not say.
    pub threshold: usize,
    /// What the MAC is bound to: the time of the last change.
    pub last_modified: String,
    /// The sealed MAC.
    pub mac: Option<String>,
    /// Which values are sealed.
    pub rule: Rule,
    /// Whether the MAC leaves out what is in the open.
    pub mac_only_encrypted: bool,
    /// The version of sops that wrote it, or who else did.
    pub version: String,
}

/// Recipients of which any one opens.
#[derive(Debug, Default)]
pub struct Group {
    /// The age recipients.
    pub age: Vec<AgeEntry>,
    /// All others, as their kind and name; nothing here opens those.
    pub others: Vec<String>,
}

/// One age recipient.
#[derive(Clone, Debug)]
pub struct AgeEntry {
    /// The recipient, as it was configured.
    pub recipient: String,
    /// An age file in armor with the key, or a share of it.
    pub sealed: String,
}

/// Which values of a file are sealed.
#[derive(Debug)]
pub enum Rule {
    /// Those below a key that ends so.
    EncryptedSuffix(String),
    /// All but those below a key that ends so.
    UnencryptedSuffix(String),
    /// Those below a key that matches.
    EncryptedRegex(Pattern),
    /// All but those below a key that matches.
    UnencryptedRegex(Pattern),
    /// Those within the scope of a comment that matches.
    EncryptedComment(Pattern),
    /// All but those within the scope of a comment that matches.
    UnencryptedComment(Pattern),
}

impl Metadata {
    /// Reads the block.
    pub fn read(block: &[Child]) -> Result<Self, SopsError> {
        let fields = Fields(block);
        let last_modified = fields.text("lastmodified")?.unwrap_or_default();
        let last_modified = Time::parse(last_modified.trim_end_matches('\r'))
            .ok_or(SopsError::Metadata("lastmodified"))?;
        Ok(Self {
            groups: groups(&fields)?,
            threshold: threshold(&fields)?,
            last_modified: last_modified.without_fraction().to_string(),
            mac: fields.text("mac")?.filter(|mac| !mac.is_empty()),
            rule: rule(&fields)?,
            mac_only_encrypted: mac_only_encrypted(&fields)?,
            version: fields.text("version")?.unwrap_or_default(),
        })
    }
}

/// The fields of a block, by name without regard to case.
struct Fields<'a>(&'a [Child]);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Node> {
        self.0.iter().find_map(|child| match child {
            Child::Node(key, node) if key.eq_ignore_ascii_case(name) => Some(node),
            _ => None,
        })
    }

    fn scalar(&self, name: &'static str) -> Result<Option<&'a Scalar>, SopsError> {
        match self.get(name) {
            None => Ok(None),
            Some(Node::Scalar(scalar)) => Ok(Some(scalar)),
            Some(_) => Err(SopsError::Metadata(name)),
        }
    }

    fn text(&self, name: &'static str) -> Result<Option<String>, SopsError> {
        let bytes = match self.scalar(name)? {
            None | Some(Scalar::Null) => return Ok(None),
            Some(Scalar::Bool(bool)) => return Ok(Some(bool.to_string())),
            Some(Scalar::Number(text) | Scalar::Plain(text) | Scalar::Text(text)) => text.reveal(),
        };
        let text = std::str::from_utf8(bytes).map_err(|_| SopsError::Metadata(name))?;
        let plain = matches!(self.scalar(name)?, Some(Scalar::Plain(_)));
        Ok((!plain || resolve(text) != Resolved::Null).then(|| text.to_owned()))
    }

    /// The items of a list, each a map; none if there is no list.
    fn list(&self, name: &'static str) -> Result<Vec<Fields<'a>>, SopsError> {
        let wrong = SopsError::Metadata(name);
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Node::Scalar(Scalar::Plain(_) | Scalar::Null)) => Ok(Vec::new()),
            Some(Node::List(items)) => {
                if items.len() > MAX_RECIPIENTS {
                    return Err(SopsError::TooManyRecipients);
                }
                items
                    .iter()
                    .filter_map(|item| match item {
                        Child::Comment(_) => None,
                        Child::Node(_, node) => Some(node.map().map(Fields)),
                    })
                    .collect::<Option<_>>()
                    .ok_or(wrong)
            }
            Some(_) => Err(wrong),
        }
    }
}

/// The lists at the top are one group; only without them the groups count.
fn groups(fields: &Fields<'_>) -> Result<Vec<Group>, SopsError> {
    let top = group(fields)?;
    let sealed = |group: &Group| {
        group
            .age
            .iter()
            .map(|entry| entry.sealed.len())
            .sum::<usize>()
    };
    if sealed(&top) > MAX_SEALED {
        return Err(SopsError::TooManyRecipients);
    }
    if !top.age.is_empty() || !top.others.is_empty() {
        return Ok(vec![top]);
    }
    let groups: Vec<_> = fields
        .list("key_groups")?
        .iter()
        .map(group)
        .collect::<Result<_, _>>()?;
    let all = groups
        .iter()
        .map(|group| group.age.len() + group.others.len());
    if all.sum::<usize>() > MAX_RECIPIENTS || groups.iter().map(sealed).sum::<usize>() > MAX_SEALED
    {
        return Err(SopsError::TooManyRecipients);
    }
    if groups.is_empty() {
        return Err(SopsError::NoRecipients);
    }
    Ok(groups)
}

fn group(fields: &Fields<'_>) -> Result<Group, SopsError> {
    let mut group = Group::default();
    for (list, name) in LISTS {
        for entry in fields.list(list)? {
            let known = entry.text(name)?.unwrap_or_default();
            match (list, entry.text("enc")?) {
                ("age", Some(sealed)) => group.age.push(AgeEntry {
                    recipient: known.trim().to_owned(),
                    sealed,
                }),
                _ => group.others.push(format!("{list} {known}")),
            }
        }
    }
    Ok(group)
}

fn threshold(fields: &Fields<'_>) -> Result<usize, SopsError> {
    let text = fields.text("shamir_threshold")?.unwrap_or_default();
    if text.is_empty() {
        return Ok(0);
    }
    go_integer(&text.replace('_', ""))
        .and_then(|number| usize::try_from(number).ok())
        .ok_or(SopsError::Metadata("shamir_threshold"))
}

/// Weakly typed, as sops reads it: a truth value, a number, or one of twelve words.
fn mac_only_encrypted(fields: &Fields<'_>) -> Result<bool, SopsError> {
    const NAME: &str = "mac_only_encrypted";
    let Some(text) = fields.text(NAME)? else {
        return Ok(false);
    };
    let number = match fields.scalar(NAME)? {
        Some(Scalar::Number(_) | Scalar::Plain(_)) => text.parse::<f64>().ok(),
        _ => None,
    };
    if text.is_empty() {
        return Ok(false);
    }
    let told = number.map(|number| number != 0.0).or(truth(&text));
    told.ok_or(SopsError::Metadata(NAME))
}

fn rule(fields: &Fields<'_>) -> Result<Rule, SopsError> {
    const NAMES: [&str; 6] = [
        "encrypted_suffix",
        "unencrypted_suffix",
        "encrypted_regex",
        "unencrypted_regex",
        "encrypted_comment_regex",
        "unencrypted_comment_regex",
    ];
    let mut found = None;
    for name in NAMES {
        if let Some(text) = fields.text(name)?.filter(|text| !text.is_empty())
            && found.replace((name, text)).is_some()
        {
            return Err(SopsError::TwoRules);
        }
    }
    let Some((name, text)) = found else {
        return Ok(Rule::UnencryptedSuffix(USUAL_SUFFIX.to_owned()));
    };
    let pattern = || Pattern::parse(&text).ok_or(SopsError::Pattern(name));
    Ok(match name {
        "encrypted_suffix" => Rule::EncryptedSuffix(text),
        "unencrypted_suffix" => Rule::UnencryptedSuffix(text),
        "encrypted_regex" => Rule::EncryptedRegex(pattern()?),
        "unencrypted_regex" => Rule::UnencryptedRegex(pattern()?),
        "encrypted_comment_regex" => Rule::EncryptedComment(pattern()?),
        _ => Rule::UnencryptedComment(pattern()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::json;

    fn read(fields: &str) -> Result<Metadata, SopsError> {
        let usual =
            r#""lastmodified": "2026-01-02T03:04:05Z", "age": [{"recipient": "r", "enc": "e"}]"#;
        let text = match fields {
            fields if fields.starts_with('!') => format!("{{{}}}", &fields[1..]),
            "" => format!("{{{usual}}}"),
            fields => format!("{{{usual}, {fields}}}"),
        };
        Metadata::read(json::parse(&text).unwrap().map().unwrap())
    }

    /// Checklist 11.
    #[test]
    fn without_a_rule_the_usual_suffix_is_one() {
        let rule = read("").unwrap().rule;
        assert!(matches!(rule, Rule::UnencryptedSuffix(suffix) if suffix == "_unencrypted"));
        let rule = read(r#""encrypted_regex": "", "encrypted_suffix": "_x""#)
            .unwrap()
            .rule;
        assert!(matches!(rule, Rule::EncryptedSuffix(suffix) if suffix == "_x"));
    }

    #[test]
    fn two_rules_and_a_pattern_that_is_none_are_refused() {
        let two = r#""encrypted_regex": "a", "unencrypted_suffix": "b""#;
        assert!(matches!(read(two), Err(SopsError::TwoRules)));
        for name in [
            "encrypted_regex",
            "unencrypted_regex",
            "encrypted_comment_regex",
        ] {
            let wrong = read(&format!(r#""{name}": "(""#));
            assert!(matches!(wrong, Err(SopsError::Pattern(found)) if found == name));
        }
    }

    /// Checklist 25 and 26.
    #[test]
    fn fields_are_weakly_typed() {
        for (spelt, only) in [
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("2.5", true),
            (r#""""#, false),
            (r#""false""#, false),
            (r#""T""#, true),
            ("null", false),
        ] {
            let found = read(&format!(r#""mac_only_encrypted": {spelt}"#)).unwrap();
            assert_eq!(found.mac_only_encrypted, only, "{spelt}");
        }
        assert!(read(r#""mac_only_encrypted": "yes""#).is_err());
        assert!(read(r#""mac": ["x"]"#).is_err());
        for (spelt, threshold) in [
            ("2", 2),
            (r#""0x10""#, 16),
            (r#""010""#, 8),
            (r#""""#, 0),
            (r#""1_0""#, 10),
        ] {
            let found = read(&format!(r#""shamir_threshold": {spelt}"#)).unwrap();
            assert_eq!(found.threshold, threshold, "{spelt}");
        }
        let found = read(r#""MAC": "x", "unknown": {}, "pgp": null, "kms": []"#).unwrap();
        assert_eq!(found.mac.as_deref(), Some("x"));
    }

    /// Checklist 15.
    #[test]
    fn the_last_change_is_spelt_anew_without_a_fraction() {
        let fields = r#"!"lastmodified": "2026-08-21T09:05:08.123+02:00", "age": [{"enc": ""}]"#;
        assert_eq!(
            read(fields).unwrap().last_modified,
            "2026-08-21T09:05:08+02:00"
        );
        assert!(read(r#"!"lastmodified": "yesterday""#).is_err());
    }

    /// Checklist 23: lists at the top are one group, whatever `key_groups` says.
    #[test]
    fn a_list_at_the_top_is_the_only_group() {
        let groups = r#""key_groups": [{"age": []}, {"pgp": [{"fp": "F", "enc": "x"}]}]"#;
        assert_eq!(read(groups).unwrap().groups.len(), 1);
        let fields = format!(r#"!"lastmodified": "2026-01-02T03:04:05Z", "age": [], {groups}"#);
        let found = read(&fields).unwrap().groups;
        assert_eq!(
            (found.len(), &found[1].others[..]),
            (2, &["pgp F".to_owned()][..])
        );
        let none = r#"!"lastmodified": "2026-01-02T03:04:05Z""#;
        assert!(matches!(read(none), Err(SopsError::NoRecipients)));
    }

    #[test]
    fn recipients_are_counted_before_anything_is_tried() {
        let many = r#"{"recipient": "r", "enc": "e"},"#.repeat(MAX_RECIPIENTS);
        let fields = format!(r#"!"lastmodified": "2026-01-02T03:04:05Z", "age": [{many} {{}}]"#);
        assert!(matches!(read(&fields), Err(SopsError::TooManyRecipients)));
    }
}
