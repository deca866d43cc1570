//! The doorway: hands the process over to [`hoziron::cli`].

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    hoziron::cli::main()
}
