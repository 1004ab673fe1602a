//! One decision for its author: what it came to, what it used, and what DPS would make of it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Outlook;
use crate::{
    catalogue::{Counts, Origin, Policy, Release, Serving},
    contract::{Limits, Name, PolicyId},
    decide::{Here, Ruling, rule},
    engine::processor_time,
    wire::Body,
};

/// What a decision used.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// From before the instance was made until the guest was done.
    pub time: Duration,
    /// Processor time of the thread that made the decision, Berth's part included.
    pub cpu: Duration,
    /// Bytes of linear memory, which never shrinks: what it ended with is the most it had.
    pub memory: usize,
}

/// One decision.
#[derive(Debug)]
pub struct Trial {
    /// What it came to.
    pub ruling: Ruling,
    /// What DPS makes of the answer.
    pub outlook: Outlook,
    /// What it used.
    pub used: Used,
    /// What it was allowed.
    pub limits: Limits,
}

impl Trial {
    /// Has a release decide about a body, with the fallback that the release has.
    ///
    /// Runs on this thread, whose processor time it reads: call it in a runtime of one thread.
    ///
    /// # Errors
    ///
    /// None but a mistake of Berth's own.
    pub async fn run(release: &Arc<Release>, body: &Body<'_>) -> anyhow::Result<Self> {
        let policy = serving(release)?;
        let request = body.request();
        let before = processor_time();
        let ruling = rule(&Here::default(), &policy, &request).await;
        let cpu = processor_time().saturating_sub(before);
        let trail = &ruling.decided.trail;
        let used = Used { time: trail.elapsed, cpu, memory: trail.memory };
        let outlook = Outlook::of(&request, &ruling, release.fallback);
        Ok(Self { ruling, outlook, used, limits: release.limits })
    }
}

/// A policy that serves nothing but this release, and never served another.
fn serving(release: &Arc<Release>) -> anyhow::Result<Policy> {
    let name: Name = "local".parse()?;
    Ok(Policy {
        id: PolicyId { tenant: name.clone(), policy: name },
        serving: Some(Serving { release: release.clone(), since: SystemTime::now(), origin: Origin::Catalogue }),
        previous: None,
        failure: None,
        fallback: release.fallback,
        counts: Arc::new(Counts::default()),
        habit: Arc::default(),
    })
}
