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

/// The beginning of a PEM file.
const PEM: &[u8] = b"-----BEGIN ";

/// How far a token is followed, in bytes.
const MAX_TOKEN: usize = 2048;

/// How much base64 has to follow the header of a private key, in bytes.
const SHORTEST_BODY: usize = 24;

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

/// The first three bytes of everything that [`token_at`] knows.
pub fn token_starts() -> impl Iterator<Item = [u8; 3]> {
    let fixed = [PEM, b"eyJ", b"://"];
    let all = PREFIXES.iter().map(|(prefix, ..)| prefix.as_bytes());
    all.chain(fixed).map(|start| [start[0], start[1], start[2]])
}

/// Names the kind of credential that stands at this place of a text, if it looks like a real one:
/// no placeholder, no word of a language, not the middle of something longer.
pub fn token_at(text: &[u8], at: usize) -> Option<&'static str> {
    let (before, rest) = text.split_at(at);
    if rest.starts_with(b"://") {
        return password_around(before, rest).then_some("a URL with a password");
    }
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    // The `n` of an escaped line end is no part of a token.
    if before.last().is_some_and(is_part)
        && before
            .len()
            .checked_sub(2)
            .is_none_or(|at| before[at] != b'\\')
    {
        return None;
    }
    if rest.starts_with(PEM) {
        return is_private_pem(rest).then_some("a private key");
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+=".contains(byte);
    let end = rest.iter().take(MAX_TOKEN).position(|byte| !plain(byte));
    let run = std::str::from_utf8(&rest[..end.unwrap_or(rest.len().min(MAX_TOKEN))]).ok()?;
    if run.starts_with("eyJ") {
        return is_web_token(run).then_some("a JSON web token");
    }
    PREFIXES.iter().find_map(|(prefix, least, kind)| {
        let body = run.strip_prefix(prefix)?;
        // `sk-ssh-ed25519@openssh.com` is a kind of key, and there are words that start so.
        let telling = *prefix != "sk-"
            || body
                .split(['-', '_', '.'])
                .any(|part| part.len() >= 16 && is_random(part));
        (body.len() >= *least && is_random(body) && telling).then_some(*kind)
    })
}

/// Both letters and digits, and not the same few over and over.
fn is_random(body: &str) -> bool {
    let mut seen = [false; 128];
    for byte in body.bytes() {
        seen[usize::from(byte & 127)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    body.bytes().any(|byte| byte.is_ascii_digit())
        && body.bytes().any(|byte| byte.is_ascii_alphabetic())
        && distinct >= 8
        && !body.contains("EXAMPLE")
}

/// A PEM header of a private key with something behind it that may be the key.
fn is_private_pem(text: &[u8]) -> bool {
    let text = &text[PEM.len()..text.len().min(MAX_TOKEN)];
    let Some(end) = text.windows(5).position(|five| five == b"-----") else {
        return false;
    };
    let label = &text[..end];
    if end > 40 || !label.windows(11).any(|word| word == b"PRIVATE KEY") {
        return false;
    }
    let mut body = &text[end + 5..];
    loop {
        body = match body {
            [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            [
                b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b'+' | b',' | b'\\' | b'#' | b'|',
                rest @ ..,
            ] => rest,
            _ => break,
        };
    }
    let headers = [&b"Proc-Type:"[..], b"Version:", b"Comment:"];
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    headers.iter().any(|header| body.starts_with(header))
        || body.len() >= SHORTEST_BODY && body[..SHORTEST_BODY].iter().all(is_digit)
}

/// Whether the URL whose `://` stands between these has a password that looks like one.
fn password_around(before: &[u8], rest: &[u8]) -> bool {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let scheme = before
        .iter()
        .rev()
        .take(20)
        .take_while(|byte| part(byte))
        .count();
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b"\"'`<>\\,;)]}/?#".contains(byte);
    let authority = &rest[3..rest.len().min(MAX_TOKEN)];
    let end = authority.iter().position(ends).unwrap_or(authority.len());
    let url = [&before[before.len() - scheme..], &rest[..3 + end]].concat();
    let Ok(url) = String::from_utf8(url) else {
        return false;
    };
    let password = url
        .rsplit_once('@')
        .and_then(|(user, _)| Some(user.rsplit_once(':')?.1));
    has_password(&url)
        && password.is_some_and(|password| password.len() >= 8 && is_random(password))
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

    fn found(text: &str) -> Option<&'static str> {
        let starts: Vec<_> = token_starts().collect();
        (0..text.len().saturating_sub(2))
            .filter(|at| {
                starts
                    .iter()
                    .any(|start| text.as_bytes()[*at..].starts_with(start))
            })
            .find_map(|at| token_at(text.as_bytes(), at))
    }

    #[test]
    fn a_credential_is_found_in_the_middle_of_a_text() {
        for text in [
            "key=sk_live_4eC39HqLyjWDarjtT1zdp7dc;",
            "\"a\\nghp_16C7e42F292c6912E7710c838347Ae178B4a\"",
            "db: postgres://app:h4nter2-and-more@db.internal/app",
            "sk-ant-api03-aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f-gH",
            "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
            "\"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0BAQEF\"",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
        ] {
            assert!(found(text).is_some(), "{text}");
        }
    }

    #[test]
    fn placeholders_and_parts_of_words_are_not() {
        for text in [
            "AKIAIOSFODNN7EXAMPLE",
            "sk_test_xxxxxxxxxxxxxxxxxxxxxxxx",
            "class=\"sk-circle-fade-dot-wrapper-in\"",
            "task-0123456789abcdefghijkl",
            "if text.contains(\"-----BEGIN PRIVATE KEY-----\") { return",
            "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF",
            "postgres://user:password@localhost/db",
            "https://example.org/a:b@c",
            "ghp_",
            "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
        ] {
            assert_eq!(found(text), None, "{text}");
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
