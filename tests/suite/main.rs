//! The real binary, as a user meets it.

mod house;

mod values;
