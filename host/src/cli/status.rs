//! `berth status`.

use std::process::ExitCode;

use clap::Args;
use comfy_table::Table;
use jiff::{SpanRound, Timestamp, Unit};

use super::{
    output::{say, table},
    remote::{Remote, short},
};
use crate::{
    admin::body::{
        FailureOfChange, HistoryBody, LastFaultBody, OriginBody, OverrunBody, PolicyBody, StatusBody, TenantBody,
    },
    contract::PolicyId,
};

/// Show what serves: version, since when, why, the last failure, counts of decisions.
///
/// With a policy, also what happened to it: who did what, from which version to which.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// One policy, with its history
    policy: Option<PolicyId>,
    /// How many events of its history
    #[arg(long, default_value_t = 20, requires = "policy")]
    limit: usize,
    #[command(flatten)]
    remote: Remote,
}

impl Status {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match &self.policy {
            Some(policy) => self.one(policy).await,
            None => self.all().await,
        }
    }

    async fn all(&self) -> anyhow::Result<ExitCode> {
        let status: StatusBody = self.remote.get("/api/v1/status").await?;
        if self.remote.json {
            say!("{}", serde_json::to_string(&status)?);
            return Ok(ExitCode::SUCCESS);
        }
        say!("generation {}, {} policies", status.generation, status.policies.len());
        if let Some(why) = &status.catalogue_lost {
            say!("the catalogue is lost ({why}); what served before still serves");
        }
        for TenantBody { tenant, failure, policies, serving } in &status.tenants {
            if let Some(FailureOfChange { stage, reason, at }) = failure {
                say!("{tenant}: tenant.toml refused at {at}, stage {stage}: {reason}");
                say!("{tenant}: {serving} of its {policies} policies serve");
            }
        }
        say!("{}", policies(&status.policies));
        for policy in &status.policies {
            print_failure(policy);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn one(&self, id: &PolicyId) -> anyhow::Result<ExitCode> {
        let policy: PolicyBody = self.remote.get(&format!("/api/v1/policies/{id}")).await?;
        let path = format!("/api/v1/policies/{id}/history?limit={}", self.limit);
        let history: HistoryBody = self.remote.get(&path).await?;
        if self.remote.json {
            say!("{}", serde_json::json!({"policy": policy, "history": history.events}));
            return Ok(ExitCode::SUCCESS);
        }
        say!("{}", policies(std::slice::from_ref(&policy)));
        print_failure(&policy);
        if let Some(fault) = &policy.last_fault {
            print_details(fault);
        }
        let mut table = table(&["when", "what", "who", "from", "to", "generation", "stage"]);
        for event in &history.events {
            let version = |version: &Option<String>| version.as_deref().map(short).unwrap_or_default().to_owned();
            table.add_row([
                event.at.clone(),
                event.kind.as_str().to_owned(),
                event.by.clone(),
                version(&event.from),
                version(&event.to) + if event.gone { " (gone)" } else { "" },
                event.generation.to_string(),
                event.stage.clone().unwrap_or_default(),
            ]);
        }
        say!("{table}");
        Ok(ExitCode::SUCCESS)
    }
}

fn policies(policies: &[PolicyBody]) -> Table {
    let mut table = table(&["policy", "version", "serves since", "because", "allocated", "refused", "faulted"]);
    for policy in policies {
        let because = match policy.origin {
            OriginBody::Catalogue => "catalogue".to_owned(),
            OriginBody::LastKnownGood => "last-known-good".to_owned(),
            OriginBody::Pinned => format!("pinned by {}", policy.pinned_by.as_deref().unwrap_or("somebody")),
            OriginBody::Nothing => "nothing serves".to_owned(),
        };
        table.add_row([
            policy.policy.clone(),
            policy.version.as_deref().map(short).unwrap_or("-").to_owned(),
            policy.since.as_deref().map(since).unwrap_or_default(),
            because,
            policy.allocated.to_string(),
            policy.refused.to_string(),
            policy.faulted.to_string(),
        ]);
    }
    table
}

/// A moment, and how long ago it was.
fn since(moment: &str) -> String {
    let age = moment.parse::<Timestamp>().ok().and_then(|moment| {
        let age = Timestamp::now().since(moment).ok()?;
        age.round(SpanRound::new().smallest(Unit::Second).largest(Unit::Hour)).ok()
    });
    let moment = moment.split_once('.').map_or(moment, |(seconds, _)| seconds);
    age.map_or_else(|| moment.to_owned(), |age| format!("{moment} ({age:#})"))
}

fn print_failure(policy: &PolicyBody) {
    if let Some(failure) = &policy.failure {
        say!("{}: refused at {}, stage {}: {}", policy.policy, failure.at, failure.stage, failure.reason);
    }
    if let Some(fault) = &policy.last_fault {
        let LastFaultBody { at, kind, message, request_id, .. } = fault;
        println!("{}: last fault at {at}, {kind}: {message} (request {request_id})", policy.policy);
    }
}

/// What the line about a fault leaves out.
fn print_details(fault: &LastFaultBody) {
    if let Some(OverrunBody { key, unit, allowed, reached }) = &fault.limit {
        let reached = reached.map_or_else(|| format!("more than {allowed}"), |reached| reached.to_string());
        println!("  limit      {key}: {reached} {unit}, allowed are {allowed}");
    }
    if let Some(panic) = &fault.panic {
        println!("  panic      {panic}");
    }
    for function in &fault.backtrace {
        println!("  in         {function}");
    }
    for line in &fault.log {
        println!("  logged     {line}");
    }
}
