//! Floor 6, values to programs: which variables there are, their values, and the two ways out, an
//! export and becoming a command. Nothing here asks, prints or reads hoziron's own environment.

pub mod check;
pub mod credentials;
pub mod exec;
pub mod format;
pub mod hygiene;
pub mod local;
pub mod resolve;
pub mod select;
pub mod sources;
mod variables;

pub use local::Local;
pub use variables::Variables;
