//! Shares of a key: the constant term of a polynomial over GF(2^8), byte by byte, as sops splits the
//! key of a file with several key groups. A share is the values at one point, and the point as its
//! last byte. Shares that do not belong together give a key that opens nothing, not an error.

use zeroize::Zeroizing;

use crate::domain::SecretValue;
use crate::sops::value::KEY;

/// Puts shares together; `None` if one has another length, or two are of one point.
pub fn combine(shares: &[SecretValue]) -> Option<Zeroizing<[u8; KEY]>> {
    let shares: Vec<(u8, &[u8])> = shares
        .iter()
        .map(|share| {
            let (point, values) = share.reveal().split_last()?;
            (values.len() == KEY && *point != 0).then_some((*point, values))
        })
        .collect::<Option<_>>()?;
    let twice = |(at, share): (usize, &(u8, _))| shares[..at].iter().any(|(x, _)| *x == share.0);
    if shares.is_empty() || shares.iter().enumerate().any(twice) {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY]);
    for (point, values) in &shares {
        // Lagrange at 0; to subtract is to add.
        let weight = shares
            .iter()
            .filter(|(other, _)| other != point)
            .fold(1, |weight, (other, _)| {
                multiply(weight, multiply(*other, invert(other ^ point)))
            });
        for (sum, value) in key.iter_mut().zip(*values) {
            *sum ^= multiply(weight, *value);
        }
    }
    Some(key)
}

/// Modulo x^8 + x^4 + x^3 + x + 1, in the same time for all factors.
fn multiply(mut one: u8, other: u8) -> u8 {
    let mut product = 0;
    for bit in 0..8 {
        product ^= one & 0_u8.wrapping_sub(other >> bit & 1);
        one = (one << 1) ^ (0x1b & 0_u8.wrapping_sub(one >> 7));
    }
    product
}

/// The 254th power.
fn invert(value: u8) -> u8 {
    (0..253).fold(value, |power, _| multiply(power, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(secret: &[u8; KEY], coefficient: u8, points: &[u8]) -> Vec<SecretValue> {
        let share = |point: &u8| {
            let values = secret
                .iter()
                .map(|byte| byte ^ multiply(coefficient, *point));
            SecretValue::new(values.chain([*point]).collect())
        };
        points.iter().map(share).collect()
    }

    #[test]
    fn any_two_of_three_shares_are_enough_and_three_agree() {
        let secret = std::array::from_fn(|at| u8::try_from(at * 7).unwrap());
        for points in [&[1, 2][..], &[1, 3], &[3, 2], &[1, 2, 3]] {
            let key = combine(&split(&secret, 0x53, points)).unwrap();
            assert_eq!(*key, secret);
        }
        assert_ne!(*combine(&split(&secret, 0x53, &[1])).unwrap(), secret);
    }

    #[test]
    fn shares_of_one_point_or_another_length_are_refused() {
        let secret = [1; KEY];
        assert!(combine(&split(&secret, 9, &[2, 2])).is_none());
        assert!(combine(&split(&secret, 9, &[0, 2])).is_none());
        assert!(combine(&[SecretValue::new(vec![1; KEY])]).is_none());
        assert!(combine(&[]).is_none());
    }

    #[test]
    fn the_field_is_the_one_of_aes() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert!((1..=255).all(|value| multiply(value, invert(value)) == 1));
    }
}
