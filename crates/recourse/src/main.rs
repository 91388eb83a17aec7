//! `recourse`.

use std::process::ExitCode;

fn main() -> ExitCode {
    recourse::run()
}
