//! `nsc`: asks and changes a name service, and calls the objects that it knows.

use std::process::ExitCode;

fn main() -> ExitCode {
    farcall_names::nsc::run(std::env::args_os())
}
