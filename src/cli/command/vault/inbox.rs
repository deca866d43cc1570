//! What `accept` has to know of an inbox: which of what waits is meant by what was typed, and who claims
//! to have committed it. Opens nothing and writes nothing; what git says of a committer anybody can
//! have made up.

use jiff::Timestamp;

use crate::cli::failure::{Exit, Failure};
use crate::cli::workspace::{Workspace, name};
use crate::repository::{Around, GitError, Order, Repository, Version};
use crate::vault::{Inbox, Submitted, Target};

/// Picks what is meant by the names that were typed, in their order; without any, all that waits.
/// If nobody is asked, a name must mean one submission only.
pub fn choose(
    typed: &[String],
    profile: Option<&str>,
    unasked: bool,
    inbox: &Inbox,
) -> Result<Vec<Submitted>, Failure> {
    let mut chosen: Vec<Submitted> = Vec::new();
    if typed.is_empty() {
        return Ok(inbox.waiting.clone());
    }
    for text in typed {
        let (secret, single) = match text.split_once('~') {
            Some((secret, mark)) => (secret, Some(mark)),
            None => (&**text, None),
        };
        let secret = name(secret, profile)?;
        let wanted = single.map(|mark| Submitted::new(secret.clone(), mark));
        let meant = |one: &&Submitted| match &wanted {
            Some(wanted) => wanted.as_ref() == Some(*one),
            None => true,
        };
        let found: Vec<_> = inbox.of(&secret).filter(meant).collect();
        let what = || format!("cannot choose what waits for `{secret}`");
        if found.is_empty() {
            return Err(Failure::new(what(), Exit::Error)
                .cause("there is nothing of this name in the inbox")
                .hint("`hoziron plan` shows what waits"));
        }
        if unasked && found.len() > 1 {
            let names: Vec<_> = found.iter().map(|one| format!("`{one}`")).collect();
            return Err(Failure::new(what(), Exit::Error)
                .cause(format!("there are {}: {}", found.len(), names.join(", ")))
                .hint("name the one that is meant"));
        }
        for one in found {
            if !chosen.contains(one) {
                chosen.push(one.clone());
            }
        }
    }
    Ok(chosen)
}

/// Says who brought a submission in, as git's log has it.
pub fn claim(submitted: &Submitted, workspace: &Workspace<'_>) -> String {
    match committed(submitted, workspace) {
        Ok(Some(version)) => {
            let time = i64::try_from(version.time).unwrap_or(i64::MAX);
            let day = Timestamp::from_second(time)
                .map(|time| format!(", {}", time.strftime("%Y-%m-%d")))
                .unwrap_or_default();
            let commit: String = version.commit.as_str().chars().take(12).collect();
            format!(
                "{} <{}> (commit {commit}{day}), which nobody has verified",
                version.author, version.email
            )
        }
        Ok(None) => "none, it is not committed".to_owned(),
        Err(error) => format!("not known: {error}"),
    }
}

fn committed(
    submitted: &Submitted,
    workspace: &Workspace<'_>,
) -> Result<Option<Version>, GitError> {
    let variables = workspace.environment().variables();
    let place = Target::Inbox(submitted.clone()).path();
    let Some(repository) = Repository::discover(workspace.home(), Around::Folder, variables)?
    else {
        return Ok(None);
    };
    let path = repository.relative(&workspace.home().join(place));
    let (Some(path), Some(head)) = (path, repository.head()?) else {
        return Ok(None);
    };
    let versions = repository.versions(&head, &path, Order::NewestFirst)?;
    Ok(versions.into_iter().find(|version| version.blob.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox() -> Inbox {
        let waiting = ["KEY~aaaaaaaa", "KEY~bbbbbbbb", "prod/KEY~cccccccc"];
        let waiting = waiting.map(|text| Submitted::parse(text).unwrap());
        Inbox {
            waiting: waiting.into(),
            ..Inbox::default()
        }
    }

    fn chosen(typed: &[&str], profile: Option<&str>, unasked: bool) -> Result<String, Failure> {
        let typed: Vec<_> = typed.iter().map(|&text| text.to_owned()).collect();
        let chosen = choose(&typed, profile, unasked, &inbox())?;
        let names: Vec<_> = chosen.iter().map(Submitted::to_string).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn a_name_means_all_of_its_values_and_a_mark_one() {
        let all = "KEY~aaaaaaaa KEY~bbbbbbbb prod/KEY~cccccccc";
        assert_eq!(chosen(&[], None, false).unwrap(), all);
        let both = "KEY~aaaaaaaa KEY~bbbbbbbb";
        assert_eq!(chosen(&["KEY"], None, false).unwrap(), both);
        assert_eq!(chosen(&["KEY", "KEY~aaaaaaaa"], None, false).unwrap(), both);
        assert_eq!(
            chosen(&["KEY~bbbbbbbb"], None, true).unwrap(),
            "KEY~bbbbbbbb"
        );
        let prod = "prod/KEY~cccccccc";
        assert_eq!(chosen(&["KEY"], Some("prod"), true).unwrap(), prod);
    }

    #[test]
    fn what_is_not_one_that_waits_is_refused() {
        for (typed, unasked, code) in [
            ("OTHER", false, Exit::Error),
            ("KEY~zzzzzzzz", false, Exit::Error),
            ("KEY~../../x", false, Exit::Error),
            ("KEY", true, Exit::Error),
            ("KEY=hunter2", false, Exit::Usage),
        ] {
            let failure = chosen(&[typed], None, unasked).unwrap_err();
            assert_eq!(failure.exit, code, "{typed}");
            assert!(!format!("{failure:?}").contains("hunter2"));
        }
    }
}
