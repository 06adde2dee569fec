//! The `lifeboat` command.

use std::process::ExitCode;

/// A million points stay for months while answers and rows come and go by the thousand. This allocator keeps what is of a
/// size together, so that what goes leaves no gaps between what stays. `.cargo/config.toml` has its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    lifeboat::cli::main()
}
