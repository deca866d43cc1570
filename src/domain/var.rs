//! Names of environment variables, and the ones a secret may not set: those that make a loader, a
//! shell, an interpreter or git run something else. Refusing them keeps whoever can write to the
//! repository from steering a program that is started with its secrets.

use std::fmt;

use crate::domain::{NameError, SecretName};

/// The name of an environment variable, `[A-Za-z_][A-Za-z0-9_]*`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VarName(String);

impl VarName {
    /// Parses the name of a variable.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let first = text.bytes().next().ok_or(NameError::Empty)?;
        let plain = text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if first.is_ascii_digit() || !plain {
            return Err(NameError::BadKey);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the variable that a secret is handed out as: its key.
    pub fn of(name: &SecretName) -> Self {
        Self(name.key().to_owned())
    }

    /// Says whether setting this variable changes what a program runs or trusts.
    pub fn steers(&self) -> bool {
        let starts = |prefix: &str| {
            let start = self.0.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        STEERING
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&self.0))
            || STEERING_PREFIXES.iter().any(|prefix| starts(prefix))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VarName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Prefixes of steering variables: dynamic loaders, exported shell functions, git, cargo, npm,
/// and hoziron itself.
const STEERING_PREFIXES: [&str; 9] = [
    "LD_",
    "DYLD_",
    "BASH_FUNC_",
    "GIT_",
    "HOZIRON_",
    "NPM_CONFIG_",
    "CARGO_",
    "RUSTC",
    "PIP_",
];

/// Variables that pick a program, a start-up file, a search path or a trust root.
const STEERING: [&str; 62] = [
    "ALL_PROXY",
    "BASHOPTS",
    "BASH_ENV",
    "BROWSER",
    "BUNDLE_GEMFILE",
    "CDPATH",
    "CLASSPATH",
    "COMSPEC",
    "CORECLR_PROFILER",
    "CURL_CA_BUNDLE",
    "DOTNET_STARTUP_HOOKS",
    "EDITOR",
    "ENV",
    "FPATH",
    "GCONV_PATH",
    "GEM_HOME",
    "GEM_PATH",
    "GLIBC_TUNABLES",
    "GOFLAGS",
    "GOPROXY",
    "HOME",
    "HOSTALIASES",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "IFS",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "LESSOPEN",
    "LESSCLOSE",
    "LOCPATH",
    "LOGNAME",
    "LUA_INIT",
    "LUA_PATH",
    "LUA_CPATH",
    "MALLOC_TRACE",
    "NLSPATH",
    "NODE_EXTRA_CA_CERTS",
    "NODE_OPTIONS",
    "NODE_PATH",
    "PAGER",
    "PATH",
    "PERL5DB",
    "PERL5LIB",
    "PERL5OPT",
    "PHPRC",
    "PROMPT_COMMAND",
    "PS4",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "RESOLV_HOST_CONF",
    "RUBYLIB",
    "RUBYOPT",
    "SHELL",
    "SHELLOPTS",
    "SSH_ASKPASS",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SUDO_ASKPASS",
    "USER",
    "VISUAL",
    "ZDOTDIR",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_shells_and_interpreters_are_not_ours_to_steer() {
        for name in [
            "LD_PRELOAD",
            "ld_preload",
            "PATH",
            "BASH_ENV",
            "NODE_OPTIONS",
            "GIT_SSH_COMMAND",
        ] {
            assert!(VarName::parse(name).unwrap().steers(), "{name}");
        }
        for name in [
            "STRIPE_API_KEY",
            "DATABASE_URL",
            "GITHUB_TOKEN",
            "PGPASSWORD",
            "LDAP_PASSWORD",
        ] {
            assert!(!VarName::parse(name).unwrap().steers(), "{name}");
        }
    }
}
