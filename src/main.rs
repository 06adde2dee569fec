//! The `lifeboat` command.

use std::process::ExitCode;

/// A million points stay for months while responses and rows come and go by the thousand. This allocator groups objects
/// by size, so that freed memory leaves no gaps between what stays. `.cargo/config.toml` has its settings.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    lifeboat::cli::main()
}
