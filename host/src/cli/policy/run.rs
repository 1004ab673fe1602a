//! `berth policy run`: one decision, explained.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::Args;

use super::{
    report,
    subject::{PolicyArgs, ReplacedArgs, block_on, read_body},
};
use crate::{
    author::{Place, Rig, Subject, Trial, Watch},
    cli::output::{say, told},
    contract::Digest,
    decide::Verdict,
    toolchain::Terminal,
    wire::Body,
};

/// Exit code if the policy refused the device.
const REFUSED: u8 = 3;
/// Exit code if the policy failed, whatever its fallback answered.
const FAULTED: u8 = 4;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 a decision; 1 the policy cannot be built or would not be served, or the body is not one; \
                        2 wrong arguments; 3 the policy refused the device; 4 the policy failed, whatever its fallback \
                        answered."
)]
pub(in crate::cli) struct Run {
    #[command(flatten)]
    policy: PolicyArgs,
    /// What DPS sends, or a check of it: a file, or `-` for standard input
    #[arg(short, long, value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    replaced: ReplacedArgs,
    /// Run again whenever a file of the policy or the body changes
    #[arg(short, long)]
    watch: bool,
}

impl Run {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.policy.place()?;
        let rig = self.policy.rig()?;
        let cancelled = super::interrupted();
        let once = || {
            let subject = place.subject(&self.replaced.replaced(), &Terminal::new(cancelled.clone()))?;
            block_on(self.once(&rig, &subject))
        };
        if !self.watch {
            return once();
        }
        anyhow::ensure!(
            self.request.as_os_str() != "-",
            "standard input cannot be watched: name a file with --request"
        );
        let mut watch = Watch::start(self.watched(&place))?;
        loop {
            if let Err(error) = once() {
                say!("error: {}", told(&error));
            }
            eprintln!("waiting for a change of {} or {}", place.path().display(), self.request.display());
            if !watch.changed(&cancelled) {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }

    fn watched(&self, place: &Place) -> Vec<PathBuf> {
        // A component in a folder of source is watched for itself: of such a folder, what tools make does not count.
        let named = self.policy.policy.is_file().then(|| self.policy.policy.clone());
        let own = [named, Some(self.request.clone()), Some(place.path().to_owned())];
        let replaced = [self.replaced.settings.clone(), self.replaced.tables.clone()];
        own.into_iter().chain(replaced).flatten().collect()
    }

    async fn once(&self, rig: &Rig, subject: &Subject) -> anyhow::Result<ExitCode> {
        let body = read_body(&self.request)?;
        let body =
            Body::parse(body.as_bytes(), rig.json_depth()).with_context(|| self.request.display().to_string())?;
        let release = rig.release(&subject.files).await;
        let release =
            Arc::new(release.map_err(|failure| anyhow::anyhow!("a server would refuse it at the stage {failure}"))?);
        let trial = Trial::run(&release, &body).await?;
        let version = Digest::of(&subject.files.component);
        if self.policy.json {
            say!("{}", report::json(&subject.name, &version, &trial));
        } else {
            report::print(&subject.name, &version, &trial);
        }
        Ok(match (&trial.ruling.fell_back, &trial.ruling.decided.verdict) {
            (Some(_), _) | (None, Verdict::Faulted(_)) => ExitCode::from(FAULTED),
            (None, Verdict::Refused(_)) => ExitCode::from(REFUSED),
            (None, Verdict::Allocated { .. }) => ExitCode::SUCCESS,
        })
    }
}
