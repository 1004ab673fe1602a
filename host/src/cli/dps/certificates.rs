//! `berth dps certificates`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{cli::output::say, dps::certificates::write_set};

#[derive(Debug, Args)]
pub(in crate::cli) struct Certificates {
    /// The folder to write to
    folder: PathBuf,
    /// A device's registration id, which is its certificate's common name; may be given again
    #[arg(long = "device", value_name = "REGISTRATION_ID", default_value = "device1")]
    devices: Vec<String>,
    /// A DNS name or an address of the server's certificate; may be given again
    #[arg(long = "server", value_name = "NAME", default_values = ["localhost", "127.0.0.1"])]
    names: Vec<String>,
}

impl Certificates {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        for file in write_set(&self.folder, &self.devices, &self.names)? {
            say!("{}", file.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}
