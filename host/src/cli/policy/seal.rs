//! `berth policy seal`: a component that imports WASI, made one that imports the contract alone.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use indicatif::HumanBytes;
use serde_json::json;

use super::{build::replace, report::row, subject::block_on};
use crate::{
    author::{Rig, seal::seal},
    catalogue::source::read_component,
    cli::output::say,
    contract::{Digest, Limits},
};

/// Make a policy of a component that imports WASI 0.2, by answering WASI inside it.
///
/// What runs then has no files, no arguments and no environment. What it writes to standard output and error goes to the
/// policy's log, a line at a time, as `info` and `warn`. The wall clock stands at the beginning of 1970, the monotonic clock
/// counts how often it was asked, and random numbers are the same ones for every request, so that decisions depend on nothing
/// but the request. What cannot be answered faithfully, such as sockets and HTTP, is refused by name.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 sealed, and Berth would take the result; 1 not; 2 wrong arguments.")]
pub(in crate::cli) struct Seal {
    /// The component
    component: PathBuf,
    /// Where to put the sealed one
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Print a JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl Seal {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let sealed = seal(&read_component(&self.component)?)?;
        let rig = Rig::new(Limits::default())?;
        let judged = block_on(async { Ok(rig.judge(&sealed.component).await) })?;
        if let Err(failure) = judged {
            anyhow::bail!("sealed, Berth would refuse {} at the stage {failure}", self.component.display());
        }
        replace(&self.output, &sealed.component)?;
        let version = Digest::of(&sealed.component).to_string();
        if self.json {
            let bytes = sealed.component.len();
            say!(
                "{}",
                json!({"component": self.output, "version": version, "bytes": bytes, "sealed": sealed.interfaces})
            );
        } else {
            say!("{}", self.output.display());
            row("version", &version);
            row("size", &HumanBytes(sealed.component.len() as u64).to_string());
            sealed.interfaces.iter().for_each(|name| row("sealed", name));
        }
        Ok(ExitCode::SUCCESS)
    }
}
