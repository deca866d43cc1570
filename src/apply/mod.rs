//! Floor 5: reading what a plan is made from, and carrying one out. What was approved is compared with
//! what is there under the lock; then everything is staged, and it happens whole or not at all.

mod carry_out;
mod survey;
mod writer;

pub use carry_out::{ApplyError, Done, Job, Marks, carry_out};
pub use survey::Survey;
