//! The `patchwave` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(patchwave::cli::main(std::env::args_os(), patchwave::cli::World::real()))
}
