//! `berth device …`: simulated devices.

/// The placeholder of a device's number, for texts of help. Clap takes `{n}` for the end of a line unless something is
/// in it; here it is what makes a terminal show it in bold.
macro_rules! number {
    () => {
        "\u{1b}[1m{\u{1b}[1mn}\u{1b}[0m"
    };
}

mod credential;
mod progress;
mod register;
mod report;
mod tpm;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(super) enum Device {
    /// Register with a DPS: one device, or a fleet.
    ///
    /// Prints the hub that the device is assigned to and the payload that it hears back. Exit code 1 if a device has no
    /// hub in the end.
    Register(Box<register::Register>),
    /// Show the public keys of a software TPM, which an enrollment names. Makes one if the file is not there.
    Tpm(tpm::Tpm),
}

impl Device {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Register(register) => register.run(),
            Self::Tpm(tpm) => tpm.run(),
        }
    }
}
