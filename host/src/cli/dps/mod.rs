//! `berth dps`: the local DPS, and what a running one is asked.

mod certificates;
mod enrollment;
mod fault;
mod inspect;
mod remote;
mod serve;

use std::process::ExitCode;

use clap::Subcommand;

use super::ask;

#[derive(Debug, Subcommand)]
pub(super) enum Dps {
    /// Serve a local DPS: devices register, enrollments and webhooks say where they go.
    Serve(serve::Serve),
    /// Manage the enrollments of a running local DPS.
    #[command(subcommand)]
    Enrollment(enrollment::Enrollment),
    /// Show the devices that have registered: hub, twin, payload, history.
    Devices(inspect::Devices),
    /// Show a device's last registration step by step.
    Trace(inspect::Trace),
    /// Switch faults on and off: a webhook that fails, throttling, a hub without a link.
    #[command(subcommand)]
    Fault(fault::Fault),
    /// Make certificates for tests: a root, an authority below it, devices and a server.
    Certificates(certificates::Certificates),
}

impl Dps {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Serve(serve) => serve.run(),
            Self::Enrollment(enrollment) => ask(enrollment.run()),
            Self::Devices(devices) => ask(devices.run()),
            Self::Trace(trace) => ask(trace.run()),
            Self::Fault(fault) => ask(fault.run()),
            Self::Certificates(certificates) => certificates.run(),
        }
    }
}
