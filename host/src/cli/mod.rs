//! The command line. Thin: each command reads its arguments, calls the library and prints.

mod demo;
mod policy;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::engine::worker;

/// Exit code where the arguments or the configuration are wrong and nothing was begun.
const USAGE: u8 = 2;

/// Runs Azure DPS custom-allocation rules as sandboxed WebAssembly.
#[derive(Debug, Parser)]
#[command(
    name = "berth",
    version,
    propagate_version = true,
    after_help = "Exit codes: 0 success; 1 failure; 2 wrong arguments or configuration."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the webhook for a catalogue of policies.
    Serve(serve::Serve),
    /// Build the example policies, serve them, and swap one while requests flow.
    Demo(demo::Demo),
    /// Write, build and try policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// Compile a component from standard input: what the server runs in a process of its own.
    #[command(name = worker::COMMAND, hide = true)]
    CompileWorker,
}

/// Runs the command given on the command line and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Policy(policy) => policy.run(),
        Command::CompileWorker => worker::run(worker::Allowance::default()).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
