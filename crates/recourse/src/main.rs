//! `recourse`.

use std::process::ExitCode;

/// What one thread makes and another gives back is this program's daily work, and mimalloc is
/// quicker at it than the allocator of the C library. It serves SQLite too, and does without huge
/// pages, which cost more to clear than they save.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    recourse::run()
}
