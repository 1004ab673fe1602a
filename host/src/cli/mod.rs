//! The command line. Thin: each command reads its arguments, calls the library and prints.

mod change;
mod demo;
mod device;
mod dps;
mod output;
mod policy;
mod remote;
mod serve;
mod status;
mod transport;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use self::output::told;
use crate::{behind, engine::worker};

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
    /// Show what serves.
    Status(status::Status),
    /// Serve an earlier version of a policy, and pin it.
    Rollback(change::Rollback),
    /// Upload a policy to a running server.
    Push(change::Push),
    /// Write, build and try policies.
    #[command(subcommand)]
    Policy(policy::Policy),
    /// A local DPS: devices register, and a webhook decides.
    #[command(subcommand)]
    Dps(dps::Dps),
    /// Simulated devices, which register with a DPS.
    #[command(subcommand)]
    Device(device::Device),
    /// Compile a component from standard input: what the server runs in a process of its own.
    #[command(name = worker::COMMAND, hide = true)]
    CompileWorker {
        /// Compile for an engine that counts fuel.
        #[arg(long)]
        metered: bool,
    },
    /// Make long decisions for a server, which gives its orders on standard input: what it runs in a process of its own.
    #[command(name = behind::worker::COMMAND, hide = true)]
    DecideWorker,
}

/// Runs the command given on the command line and says how it went.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Policy(policy) => policy.run(),
        Command::Dps(dps) => dps.run(),
        Command::Device(device) => device.run(),
        Command::Status(status) => ask(status.run()),
        Command::Rollback(rollback) => ask(rollback.run()),
        Command::Push(push) => ask(push.run()),
        Command::CompileWorker { metered } => {
            worker::run(worker::Allowance::default(), metered).map(|()| ExitCode::SUCCESS)
        }
        Command::DecideWorker => behind::worker::run().map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs a command that only asks a server: one thread is enough.
fn ask(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?
        .block_on(command)
}
