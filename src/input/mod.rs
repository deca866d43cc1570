//! Floor 2, beside the vault: files of names and values that somebody else wrote, such as `.env`.
//! Each format becomes names and values, or a list of the lines that cannot be read. No error here
//! holds any text of a file, and nothing here reads the environment.

pub mod dotenv;
