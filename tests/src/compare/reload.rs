//! From the rename of a new component to its first decision. The header of an answer names the version that made it.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};

use super::{
    berth,
    contender::request,
    exchange::Exchange,
    growth::distinct,
    report::{Reload, rounded},
    server::Server,
};
use crate::{bodies, guests::example};

/// Between two looks at who answers: often enough to tell, seldom enough to leave the processors to the server.
const LOOK: Duration = Duration::from_millis(1);
/// No swap takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Swaps the only policy of a server so often: by-suffix, whose component is small.
pub(super) fn measure(swaps: u32) -> anyhow::Result<Reload> {
    const NAME: &str = "by-suffix";
    let policy = example(NAME);
    let server = berth::serving(NAME, &policy)?;
    let mut swap = Swap::of(&server, berth::TENANT, NAME, bodies::first())?;
    let (mut new_ms, mut back_ms) = (Vec::new(), Vec::new());
    for number in 0..swaps as usize {
        let (new, back) = swap.there_and_back(distinct(&policy, number).component())?;
        new_ms.push(new);
        back_ms.push(back);
    }
    server.stop()?;
    Ok(Reload { component: policy.component().len() as u64, new_ms, back_ms })
}

/// A policy's component on disk, and a connection to ask for it.
pub(super) struct Swap {
    exchange: Exchange,
    request: Vec<u8>,
    component: PathBuf,
    /// Where a new component is written before it is renamed: in no folder that is watched.
    new: PathBuf,
}

impl Swap {
    /// Of a policy that serves and decides about this body.
    pub(super) fn of(server: &Server, tenant: &str, policy: &str, body: &str) -> anyhow::Result<Self> {
        let folder = server.folder()?;
        Ok(Self {
            exchange: Exchange::with(server.address)?,
            request: request(&berth::path(tenant, policy), body),
            component: folder.join("policies").join(tenant).join(policy).join("policy.wasm"),
            new: folder.join("new.wasm"),
        })
    }

    /// Swaps to this component and back to the one before. How many milliseconds each took.
    pub(super) fn there_and_back(&mut self, component: &[u8]) -> anyhow::Result<(f64, f64)> {
        let before = fs::read(&self.component).context("failed to read a component")?;
        Ok((self.to(component)?, self.to(&before)?))
    }

    fn to(&mut self, component: &[u8]) -> anyhow::Result<f64> {
        let before = self.version()?;
        fs::write(&self.new, component).context("failed to write a component")?;
        let begun = Instant::now();
        fs::rename(&self.new, &self.component).context("failed to rename a component")?;
        while self.version()? == before {
            ensure!(begun.elapsed() < PATIENCE, "a new version does not serve within {} s", PATIENCE.as_secs());
            thread::sleep(LOOK);
        }
        Ok(rounded(begun.elapsed().as_secs_f64() * 1000.0))
    }

    /// The version that answers.
    fn version(&mut self) -> anyhow::Result<String> {
        let answer = self.exchange.ask(&self.request)?;
        answer.header("x-berth-version").map(str::to_owned).context("an answer names no version")
    }
}
