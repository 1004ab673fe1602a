//! Measures a policy's decisions about one body, and remembers what the build before it took.
//!
//! Each decision has a fresh instance, as on a server. Times are those of this machine at this moment; fuel and memory are
//! the same everywhere, so they tell two builds apart where times cannot.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::{Rig, rig};
use crate::{
    catalogue::{Release, source::PolicyFiles},
    contract::{Digest, Limits},
    decide::{Verdict, decide},
    wire::Body,
};

/// Decisions before those that are measured: the first ones find no memory ready.
const WARM_UP: u32 = 20;

/// What decisions of one build took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// The version: the digest of the component.
    pub version: String,
    /// How many decisions were measured.
    pub decisions: u32,
    /// Nanoseconds of the decision in the middle.
    pub p50_nanoseconds: u64,
    /// Nanoseconds that 99 of 100 decisions keep to.
    pub p99_nanoseconds: u64,
    /// Fuel of one decision: about one for each instruction.
    pub fuel: u64,
    /// Bytes of memory that a decision ends with.
    pub memory_bytes: u64,
    /// Bytes of the component.
    pub component_bytes: u64,
}

/// A measurement, and that of the build before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// What was measured now.
    pub now: Figures,
    /// What the last other build took for the same body, if it was measured here.
    pub before: Option<Figures>,
}

/// Measures so many decisions about a body.
///
/// # Errors
///
/// If the policy would not be served, or fails.
pub async fn measure(files: &PolicyFiles, body: &[u8], decisions: u32, limits: Limits) -> anyhow::Result<Figures> {
    let rig = Rig::new(limits)?;
    let release = rig.release(files).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
    let body = Body::parse(body, rig.json_depth())?;
    let mut times = Histogram::<u64>::new(3).context("failed to make a histogram")?;
    let mut memory = 0;
    for number in 0..WARM_UP + decisions {
        let (nanoseconds, bytes) = one(&release, &body).await?;
        if number >= WARM_UP {
            times.record(nanoseconds).context("failed to count a decision")?;
            memory = memory.max(bytes);
        }
    }
    Ok(Figures {
        version: release.version.to_string(),
        decisions,
        p50_nanoseconds: times.value_at_quantile(0.5),
        p99_nanoseconds: times.value_at_quantile(0.99),
        fuel: fuel(files, &body, limits).await?,
        memory_bytes: memory as u64,
        component_bytes: files.component.len() as u64,
    })
}

async fn one(release: &Release, body: &Body<'_>) -> anyhow::Result<(u64, usize)> {
    let decided = decide(release, &body.request()).await;
    if let Verdict::Faulted(fault) = decided.verdict {
        bail!("the policy failed, and what fails is not measured: {fault}");
    }
    let nanoseconds = u64::try_from(decided.trail.elapsed.as_nanos()).unwrap_or(u64::MAX);
    Ok((nanoseconds, decided.trail.memory))
}

/// The fuel of one decision, by an engine that counts it.
async fn fuel(files: &PolicyFiles, body: &Body<'_>, limits: Limits) -> anyhow::Result<u64> {
    let rig = Rig::metered(limits)?;
    let release = rig.release(files).await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
    // Counting takes time of its own.
    let decided = decide(&release.patient(), &body.request()).await;
    decided.trail.fuel.context("the engine counted no fuel")
}

/// What was measured of a policy, on disk.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// Of which body.
    body: String,
    now: Option<Figures>,
    before: Option<Figures>,
}

/// Sets a measurement of the policy at this path beside that of the build before it, and remembers it.
///
/// What is remembered is of no more use than this: without a place for it, or if it cannot be read, there is nothing to
/// compare with.
#[must_use]
pub fn compare(policy: &Path, body: &[u8], now: Figures) -> Compared {
    let Some(file) = file_of(policy) else {
        return Compared { now, before: None };
    };
    let body = Digest::of(body).to_string();
    let text = fs::read_to_string(&file).unwrap_or_default();
    let memory: Memory = serde_json::from_str(&text).unwrap_or_default();
    let memory = if memory.body == body { memory } else { Memory { body, ..Memory::default() } };
    let before = match memory.now {
        Some(last) if last.version != now.version => Some(last),
        _ => memory.before,
    };
    let remembered = Memory { body: memory.body, now: Some(now.clone()), before: before.clone() };
    if let (Some(folder), Ok(text)) = (file.parent(), serde_json::to_string(&remembered)) {
        // Not remembering it spoils nothing that was measured.
        let _ = fs::create_dir_all(folder).and_then(|()| fs::write(&file, text));
    }
    Compared { now, before }
}

/// Where measurements of the policy at this path are kept.
fn file_of(policy: &Path) -> Option<PathBuf> {
    let whole = policy.canonicalize().ok()?;
    let name = Digest::of(whole.as_os_str().as_encoded_bytes());
    Some(rig::cache()?.join("bench").join(format!("{name}.json")))
}
