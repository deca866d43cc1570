//! The shapes of well-known credentials, by which one is recognised where none should be. A shape is
//! a prefix that its issuer gives to nothing else, and the least length of what follows. Recognising
//! proves nothing: a text without a known shape may be a credential too.

/// A prefix that an issuer gives to its credentials, and the fewest characters that follow it.
const PREFIXES: [(&str, usize, &str); 34] = [
    ("AGE-SECRET-KEY-1", 50, "an age private key"),
    ("AGE-PLUGIN-", 20, "an age plugin identity"),
    ("AIza", 35, "a Google API key"),
    ("AKIA", 16, "an AWS access key id"),
    ("ASIA", 16, "an AWS temporary access key id"),
    ("GOCSPX-", 20, "a Google OAuth client secret"),
    ("SG.", 40, "a SendGrid API key"),
    ("dckr_pat_", 20, "a Docker access token"),
    ("dop_v1_", 40, "a DigitalOcean token"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghr_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("ghu_", 30, "a GitHub token"),
    ("github_pat_", 30, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("hf_", 30, "a Hugging Face token"),
    ("hvs.", 20, "a HashiCorp Vault token"),
    ("lin_api_", 30, "a Linear API key"),
    ("npm_", 30, "an npm token"),
    ("pypi-", 50, "a PyPI token"),
    ("rk_live_", 16, "a Stripe key"),
    ("rk_test_", 16, "a Stripe key"),
    ("shpat_", 30, "a Shopify token"),
    ("sk-", 20, "an API key (OpenAI, Anthropic and others)"),
    ("sk_live_", 16, "a Stripe key"),
    ("sk_test_", 16, "a Stripe key"),
    ("sq0csp-", 40, "a Square secret"),
    ("whsec_", 20, "a webhook signing secret"),
    ("xapp-", 30, "a Slack token"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
    ("ya29.", 20, "a Google OAuth token"),
    ("https://hooks.slack.com/services/", 20, "a Slack webhook"),
];

/// Names the kind of credential that a text has the shape of.
pub fn known_token(text: &str) -> Option<&'static str> {
    let text = text.trim();
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if has_password(text) {
        return Some("a URL with a password");
    }
    if is_web_token(text) {
        return Some("a JSON web token");
    }
    PREFIXES.iter().find_map(|(prefix, least, kind)| {
        let rest = text.strip_prefix(prefix)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+=".contains(&byte);
        (rest.len() >= *least && rest.bytes().all(plain)).then_some(*kind)
    })
}

/// `scheme://user:password@host`, the password not a placeholder such as `${PASSWORD}`.
fn has_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else {
        return false;
    };
    let password = user.split_once(':').map_or("", |(_, password)| password);
    let placeholder = ['$', '{', '<', '%']
        .iter()
        .any(|mark| password.starts_with(*mark))
        && !password.starts_with("%2")
        || password.bytes().all(|byte| byte == b'*');
    !scheme.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !placeholder
}

/// Three parts of base64url joined by dots, the first two JSON objects (RFC 7519).
fn is_web_token(text: &str) -> bool {
    let parts: Vec<_> = text.split('.').collect();
    let plain = |part: &&str| {
        part.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    parts.len() == 3
        && parts[..2]
            .iter()
            .all(|part| part.starts_with("eyJ") && part.len() > 8)
        && parts.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_recognised_by_their_shape() {
        for text in [
            "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
            "AKIAIOSFODNN7EXAMPLE",
            "postgres://app:hunter2@db/app",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "-----BEGIN EC PRIVATE KEY-----\nMHc",
        ] {
            assert!(known_token(text).is_some(), "{text}");
        }
    }

    #[test]
    fn settings_are_not() {
        for text in [
            "",
            "sk-",
            "sk-learn",
            "task-list-of-the-day",
            "https://example.org/a@b",
            "postgres://db/app",
            "postgres://app@db/app",
            "postgres://app:${PASSWORD}@db/app",
            "1.2.3",
            "eyJ.a.b",
            "ghp_short",
        ] {
            assert_eq!(known_token(text), None, "{text}");
        }
    }
}
