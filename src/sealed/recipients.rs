//! The stanzas of those a file is sealed to, for plain `age`: one wrap a key, all with the same labels,
//! and no more than a header takes. A plugin is run only if the keys go together as far as that is known
//! without it.

use age_core::format::FileKey;

use crate::domain::{Addressee, Labels, Mixed, Plugins, Recipient, WrappedFor};
use crate::sealed::SealedError;
use crate::sealed::header::{MAX_HEADER, render_stanzas};

/// Wraps a file key for every recipient; all must have the same labels (age.md, "Labels"), those whose
/// stanzas are there already included.
pub(super) fn wrap_for<'r>(
    file_key: &FileKey,
    to: impl IntoIterator<Item = impl Into<Addressee<'r>>>,
    kept: &[Addressee<'_>],
    plugins: &Plugins,
) -> Result<Vec<u8>, SealedError> {
    let to: Vec<Addressee<'r>> = to.into_iter().map(Into::into).collect();
    let kept: Vec<_> = kept.iter().map(known).collect();
    // No plugin is run in vain.
    agree(kept.iter().cloned().chain(to.iter().map(known)))?;
    let wrapped = Recipient::wrap(&to, file_key, plugins).map_err(|(addressee, source)| {
        let whose = addressee.whose();
        SealedError::Recipient {
            whose,
            source: Box::new(source),
        }
    })?;
    let mut labels = kept;
    let mut stanzas = Vec::new();
    for WrappedFor { of, wrapped } in wrapped {
        let (more, found) = wrapped;
        let found = Labels::from(found);
        labels.extend(of.into_iter().map(|one| (one, Some(found.clone()))));
        stanzas.extend(more);
    }
    agree(labels)?;
    let stanzas = render_stanzas(&stanzas);
    fits(&stanzas)?;
    Ok(stanzas)
}

fn known<'r>(addressee: &Addressee<'r>) -> (Addressee<'r>, Option<Labels>) {
    (*addressee, addressee.recipient.labels())
}

fn agree<'r>(
    labels: impl IntoIterator<Item = (Addressee<'r>, Option<Labels>)>,
) -> Result<(), SealedError> {
    Mixed::among(labels).map_or(Ok(()), |mixed| Err(SealedError::MixedRecipients(mixed)))
}

/// Refuses stanzas that no reader would take; a kilobyte is for the rest of the header.
pub(super) fn fits(stanzas: &[u8]) -> Result<(), SealedError> {
    if stanzas.len() > MAX_HEADER - 1024 {
        return Err(SealedError::Recipients);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FolderName, Identity, SecretName, SecretValue, VaultId};
    use crate::sealed::{Content, Facts, FolderKey, Others, Trail, open, reseal, seal};

    const POST_QUANTUM: &str = include_str!("../../fixtures/recipients/age1tagpq.txt");

    /// Sealing one value under one key.
    struct Sealer {
        key: FolderKey,
        name: SecretName,
        facts: Facts,
    }

    impl Sealer {
        fn new() -> Self {
            let vault = VaultId::parse("abcdefghijklmnopqrstuvwxyz234567").unwrap();
            let key = FolderKey::generate(&vault, &FolderName::top());
            Self {
                name: SecretName::parse("KEY").unwrap(),
                facts: Facts {
                    trail: Trail::start(key.id()),
                    revision: 7,
                    value_time: 7,
                    content: Content::Value,
                },
                key,
            }
        }

        fn seal(&self, to: &[&Recipient]) -> Result<Vec<u8>, SealedError> {
            let value = SecretValue::new(b"value".to_vec());
            let (to, none) = (to.iter().copied(), Plugins::default());
            seal(&value, &self.name, &self.facts, &self.key, to, &none)
        }

        fn reseal(
            &self,
            file: &[u8],
            kept: &Recipient,
            more: &Recipient,
        ) -> Result<Vec<u8>, SealedError> {
            let (kept, none) = ([kept.into()], Plugins::default());
            let others = Others::Kept(&kept);
            reseal(
                file,
                &self.name,
                &self.facts,
                &self.key,
                others,
                [more],
                &none,
            )
        }

        #[track_caller]
        fn opens(&self, file: &[u8]) {
            let opened = open(file, &self.name, |_| Some(&self.key));
            assert_eq!(opened.unwrap().0.get().reveal(), b"value");
        }
    }

    fn classic() -> Recipient {
        Recipient::parse(Identity::generate("a test").public()).unwrap()
    }

    fn strong() -> Recipient {
        Recipient::parse(POST_QUANTUM.trim()).unwrap()
    }

    /// All at once, or one after the other: a file for post-quantum keys is not at the mercy of others.
    #[test]
    fn post_quantum_and_classic_keys_share_no_file() {
        let sealer = Sealer::new();
        let (alice, bob, strong) = (classic(), classic(), strong());
        let mixed = |refused: Result<Vec<u8>, SealedError>| {
            assert!(matches!(refused, Err(SealedError::MixedRecipients(_))));
        };
        let for_alice = sealer.seal(&[&alice]).unwrap();
        let for_strong = sealer.seal(&[&strong]).unwrap();
        sealer.opens(&for_strong);
        mixed(sealer.seal(&[&alice, &strong]));
        mixed(sealer.reseal(&for_alice, &alice, &strong));
        mixed(sealer.reseal(&for_strong, &strong, &alice));
        sealer.opens(&sealer.reseal(&for_alice, &alice, &bob).unwrap());
    }

    /// What would be sealed would open nowhere.
    #[test]
    fn a_header_is_not_made_longer_than_it_may_be() {
        let sealer = Sealer::new();
        let strong = strong();
        let seal = |count| sealer.seal(&vec![&strong; count]);
        let most = (1..).find(|count| seal(*count).is_err()).unwrap() - 1;
        assert!(most > 30);
        sealer.opens(&seal(most).unwrap());
        assert_eq!(seal(most + 1), Err(SealedError::Recipients));
    }
}
