//! `berth policy check`: whether a server would take the policy, and whether its checks hold.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use serde_json::{Value, json};

use super::{
    report,
    subject::{PolicyArgs, block_on, read_body},
};
use crate::{
    author::{
        Rig, Subject,
        checks::{self, CheckResult, Problem},
    },
    cli::output::say,
    contract::Failure,
    reload::verify::smoke,
};

/// Do what a server does before a policy serves, and run all of the policy's checks.
///
/// A check is a file in the policy's folder `checks`: `{"request": BODY, "expect": {"decision": ANSWER}}`, or
/// `{"refusal": {"kind": "reject"}}` (or `retryLater`) as what is expected. A decision may name `reasons`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 a server would take the policy; 1 it would not, a check fails, or nothing could be recorded; \
                        2 wrong arguments."
)]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    policy: PolicyArgs,
    /// Write a new check of this body (or of another check's request) and what the policy decides about it now; `-` reads
    /// standard input
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What the new check is called [default: the device's registration id]
    #[arg(long, requires = "record")]
    name: Option<String>,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let rig = self.policy.rig()?;
        let subject = self.policy.subject()?;
        block_on(async {
            match &self.record {
                Some(body) => self.record(&rig, &subject, &read_body(body)?).await,
                None => {
                    let checked = Checked::of(&rig, &subject).await;
                    if self.policy.json {
                        say!("{}", checked.json());
                    } else {
                        checked.print();
                        say!("{}: {}", subject.name, checked.summary());
                    }
                    Ok(checked.code())
                }
            }
        })
    }

    async fn record(&self, rig: &Rig, subject: &Subject, body: &str) -> anyhow::Result<ExitCode> {
        let place = self.policy.place()?;
        let Some(folder) = place.folder() else {
            anyhow::bail!("a check belongs to a policy's folder, and {} is a component alone", place.path().display());
        };
        let release = rig.release(&subject.files).await;
        let release =
            Arc::new(release.map_err(|failure| anyhow::anyhow!("a server would refuse it at the stage {failure}"))?);
        let path = checks::record(folder, self.name.as_deref(), &release, body, rig.json_depth()).await?;
        if self.policy.json {
            say!("{}", json!({"recorded": path}));
        } else {
            say!("recorded {}: read it before you keep it", path.display());
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// How a policy was checked.
pub(super) struct Checked {
    name: String,
    /// What its checks came to. None have run if the policy was refused before.
    results: Option<Vec<CheckResult>>,
    /// Why a server would refuse the policy, checks aside.
    failure: Option<Failure>,
}

impl Checked {
    pub(super) async fn of(rig: &Rig, subject: &Subject) -> Self {
        let (results, failure) = match rig.release(&subject.files).await {
            Ok(release) => {
                let release = release.patient();
                let results = checks::run(&release, &subject.files.checks, rig.json_depth()).await;
                (Some(results), smoke(&release).await.err())
            }
            Err(failure) => (None, Some(failure)),
        };
        Self { name: subject.name.clone(), results, failure }
    }

    fn failed(&self) -> usize {
        self.results().iter().filter(|result| result.problem.is_some()).count()
    }

    fn results(&self) -> &[CheckResult] {
        self.results.as_deref().unwrap_or_default()
    }

    pub(super) fn code(&self) -> ExitCode {
        if self.failed() == 0 && self.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    pub(super) fn json(&self) -> Value {
        let checks: Vec<_> = self.results().iter().map(result_json).collect();
        let refused =
            self.failure.as_ref().map(|failure| json!({"stage": failure.stage.as_str(), "reason": failure.reason}));
        json!({"policy": self.name, "checks": checks, "failed": self.failed(), "refused": refused})
    }

    pub(super) fn print(&self) {
        self.results().iter().for_each(print);
        if let Some(failure) = &self.failure {
            say!("a server would refuse {} at the stage {failure}", self.name);
        }
    }

    pub(super) fn summary(&self) -> String {
        match self.results.as_deref() {
            None => "the checks did not run".to_owned(),
            Some([]) => "there are no checks; `berth policy check --record BODY` makes one".to_owned(),
            Some(results) => format!("{} of {} checks passed", results.len() - self.failed(), results.len()),
        }
    }
}

fn result_json(result: &CheckResult) -> Value {
    let problem = result.problem.as_ref().map(|problem| match problem {
        Problem::Unreadable(why) => json!({"message": why}),
        Problem::Mismatch(mismatch) => {
            json!({"expected": mismatch.expected.expectation(), "found": mismatch.found.expectation()})
        }
    });
    json!({"file": result.file, "passed": result.problem.is_none(), "problem": problem})
}

fn print(result: &CheckResult) {
    match &result.problem {
        None => say!("ok      checks/{}", result.file),
        Some(Problem::Unreadable(why)) => say!("broken  checks/{}: {why}", result.file),
        Some(Problem::Mismatch(mismatch)) => {
            say!("failed  checks/{} (- expected, + got)", result.file);
            checks::diff(mismatch).lines().for_each(|line| say!("    {line}"));
            result.log.iter().for_each(report::print_line);
        }
    }
}
