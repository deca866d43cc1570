//! Key pairs: an OpenSSH key, a native age key. The private half is the value and the public half its
//! companion. Neither has a comment: it would say where it was made.

use ssh_key::LineEnding;
use ssh_key::private::{Ed25519Keypair, PrivateKey};
use zeroize::Zeroizing;

use crate::domain::{Identity, SecretValue};
use crate::manifest::generate::Made;

/// Makes a native age key.
pub(super) fn age() -> Made {
    let identity = Identity::generate("generated");
    let public = identity.public().as_bytes().to_vec();
    Made {
        value: identity.key_text().expect("it was made here"),
        companion: Some(SecretValue::new(public)),
    }
}

/// Makes an OpenSSH key of a seed.
pub(super) fn ssh_ed25519(seed: &[u8; 32]) -> Made {
    let key = PrivateKey::from(Ed25519Keypair::from_seed(seed));
    let mut text: Zeroizing<String> = key
        .to_openssh(LineEnding::LF)
        .expect("an ed25519 key has a form in OpenSSH's format");
    let public = key.public_key().to_openssh();
    let public = public.expect("its public half has one too");
    Made {
        value: SecretValue::new(std::mem::take(&mut *text).into_bytes()),
        companion: Some(SecretValue::new(public.into_bytes())),
    }
}
