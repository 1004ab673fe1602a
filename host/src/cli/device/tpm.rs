//! `berth device tpm`.

use std::{path::PathBuf, process::ExitCode};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Args;
use serde_json::json;

use crate::{cli::output::say, telemetry::visible, tpm::SoftwareTpm};

#[derive(Debug, Args)]
pub(in crate::cli) struct Tpm {
    /// The file that keeps the TPM; only its owner may read it
    file: PathBuf,
    /// Print JSON: the member `tpm` of an enrollment's attestation
    #[arg(long)]
    json: bool,
}

impl Tpm {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (tpm, is_new) = SoftwareTpm::open_or_make(&self.file)?;
        if is_new {
            eprintln!("made a software TPM in {}", visible(&self.file.to_string_lossy()));
        }
        let [endorsement, storage_root] =
            [tpm.endorsement_key(), tpm.storage_root_key()].map(|key| STANDARD.encode(key.to_bytes()));
        if self.json {
            say!("{}", json!({"endorsementKey": endorsement, "storageRootKey": storage_root}));
        } else {
            say!("endorsementKey  {endorsement}");
            say!("storageRootKey  {storage_root}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
