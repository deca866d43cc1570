//! Declarative secrets for git.
//!
//! Floors, from the ground up; a module uses lower floors only, never a neighbour:
//!
//! | floor | module | what lives there |
//! |---|---|---|
//! | 0 | [`domain`] | the words of the trade: names, values, recipients, identities |

#![forbid(unsafe_code)]

pub mod domain;
pub mod sealed;
