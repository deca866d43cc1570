//! The manifest of a new vault: its id, and examples of what one may add. What is commented out is
//! true: it can be read as it stands once the `#` is gone. No value is in it.

use crate::domain::VaultId;
use crate::manifest::{FORMAT, Manifest};

impl Manifest {
    /// Writes the manifest of a new vault.
    pub fn starter(id: &VaultId) -> String {
        format!(
            r#"# What this vault should hold and who may read it. No values here; commit this file.

[vault]
format = {FORMAT}
id     = "{id}"

# A secret without a declaration: "ignore" (as it is now), "warn" or "error".
#unmanaged = "warn"

# Who may read which folder. A folder without a line has the readers of the one above it.
#[access]
#"."  = ["@all"]
#prod = ["@deploy"]

# The names are those of the files in recipients/.
#[groups]
#deploy = ["{PERSON}"]

# With `-P prod`, secrets come from prod/ and then from the top, unless:
#[profiles.prod]
#inherits = []

# Made by `hoziron apply`, and made anew every 90 days.
#[secrets.DB_PASSWORD]
#profiles = ["dev", "prod"]
#generate = {{ kind = "password", length = 32 }}
#rotate   = {{ every = "90d" }}
# Put together when it is read, from the one above.
#[secrets.DATABASE_URL]
#profiles = ["dev", "prod"]
#compose  = "postgres://app:${{DB_PASSWORD|url}}@localhost/app"

# Asked for.
#[secrets.STRIPE_API_KEY]
#description = "Stripe secret key"
#pattern     = "sk_(live|test)_.*"
"#
        )
    }
}

/// Who stands in the examples.
const PERSON: &str = "alice";
