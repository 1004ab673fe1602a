//! `berth device …`: simulated devices.

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
