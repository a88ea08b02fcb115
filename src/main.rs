//! The `spandrel` binary.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser};
use spandrel::cli;

/// One cloud over your VMware and KVM machines.
#[derive(Parser)]
#[command(name = "spandrel", version, about, after_help = cli::EXIT_CODES, arg_required_else_help = true)]
struct Spandrel {
    #[command(flatten)]
    globals: cli::Globals,
    #[command(subcommand)]
    command: cli::ClientCommand,
}

fn main() -> ExitCode {
    let arguments = Spandrel::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::from(cli::failure::EXIT_FAILED),
    };
    let code = runtime.block_on(cli::run(arguments.command, &arguments.globals, Spandrel::command));
    // A prompt that nobody answers must not keep the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}
