//! Berth with more and more policies: all of them the example by-model, but each as another component as far as time allows,
//! and ten to a tenant. All are asked in turn, so that none is warmer than another.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;

use super::{
    berth,
    contender::request,
    driver::Driver,
    reload::Swap,
    report::{Effort, Growth, rounded},
    server::Server,
};
use crate::{
    Catalogue, Policy, bodies,
    guests::{example, section},
};

/// Policies of one tenant.
const TENANT: usize = 10;
/// Different components at most: each takes a fifth of a second to compile. Of more policies, several have the same.
const COMPONENTS: usize = 1000;

/// Measures with each of these numbers of policies. All servers run at once, so that their turns can be compared.
///
/// # Errors
///
/// If a server does not start.
pub(super) fn measure(numbers: &[usize], effort: Effort, tell: &dyn Fn(&str)) -> anyhow::Result<Vec<Growth>> {
    let mut running: Vec<(Server, Driver, Growth)> = Vec::new();
    for policies in numbers {
        let fewer = running.last().filter(|(_, _, fewer)| fewer.components == COMPONENTS).map(|(server, ..)| server);
        let (server, growth) = start(*policies, fewer)?;
        tell(&format!("{policies} policies: cold start {:.0?} ms, warm {:.0} ms", growth.cold_ms, growth.warm_ms));
        let requests = (0..*policies).map(|number| {
            let (tenant, policy) = names(number);
            request(&berth::path(&tenant, &policy), bodies::phone())
        });
        let driver = Driver::new(server.address, requests.collect());
        // Once around at least, so that all that is made at a first decision is made.
        let warm = Duration::from_secs_f64(effort.seconds / 2.0);
        let _ = driver.saturate(warm.max(Duration::from_micros(500) * *policies as u32));
        running.push((server, driver, growth));
    }
    for _ in 0..effort.rounds {
        for (_, driver, growth) in &mut running {
            growth.throughput.push(rounded(driver.saturate(Duration::from_secs_f64(effort.seconds))));
        }
    }
    let mut all = Vec::new();
    for (server, driver, mut growth) in running {
        growth.memory = server.memory()?;
        growth.failed = driver.failed();
        let (tenant, policy) = names(0);
        let mut swap = Swap::of(&server, &tenant, &policy, bodies::phone())?;
        for number in 0..effort.swaps as usize {
            // Numbers that no policy has.
            let new = distinct(&example("by-model"), growth.components + number);
            let (new, back) = swap.there_and_back(new.component())?;
            growth.new_ms.push(new);
            growth.back_ms.push(back);
        }
        tell(&format!("{} policies: swapped {} times", growth.policies, effort.swaps));
        all.push(growth);
    }
    Ok(all)
}

/// Starts a server with so many policies: once to have all compiled, unless a server with the same components has that, and
/// once more.
fn start(policies: usize, compiled: Option<&Server>) -> anyhow::Result<(Server, Growth)> {
    let folder = berth::folder_of(&Catalogue::new())?;
    let policy = example("by-model");
    let components = policies.min(COMPONENTS);
    for first in (0..policies).step_by(TENANT) {
        let (tenant, _) = names(first);
        let of_tenant = (first..policies.min(first + TENANT)).fold(Catalogue::new().tenant(&tenant), |all, number| {
            all.policy(&names(number).1, distinct(&policy, number % components))
        });
        of_tenant.write(&folder.path().join("policies"));
    }
    let mut cold_ms = None;
    match compiled {
        Some(server) => link(&cache(server.folder()?), &cache(folder.path()))?,
        None => {
            let cold = berth::start(folder.path())?;
            cold_ms = Some(rounded(cold.start.as_secs_f64() * 1000.0));
            cold.stop()?;
        }
    }
    let server = berth::start(folder.path())?;
    let growth = Growth {
        policies,
        components,
        cold_ms,
        warm_ms: rounded(server.start.as_secs_f64() * 1000.0),
        idle_memory: server.memory()?,
        memory: 0,
        component: policy.component().len() as u64,
        code: code(folder.path())?,
        failed: 0,
        throughput: Vec::new(),
        new_ms: Vec::new(),
        back_ms: Vec::new(),
    };
    Ok((server.keeping(folder), growth))
}

/// A policy's tenant and its name.
fn names(number: usize) -> (String, String) {
    (format!("tenant-{}", number / TENANT), format!("policy-{number}"))
}

/// The same policy as another component: with its number in a section that nobody reads.
pub(super) fn distinct(policy: &Policy, number: usize) -> Policy {
    let mut component = policy.component().to_vec();
    let content = [b"\x06number".as_slice(), number.to_string().as_bytes()].concat();
    component.extend(section(0, &content));
    policy.clone().file("policy.wasm", component)
}

/// Where a server keeps compiled code.
fn cache(folder: &Path) -> PathBuf {
    folder.join("berth-data/cache")
}

/// Gives one folder all files of another. Neither is written in place.
fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).context("failed to make a folder")?;
    for entry in fs::read_dir(from).context("failed to read compiled code")? {
        let entry = entry.context("failed to read compiled code")?;
        fs::hard_link(entry.path(), to.join(entry.file_name())).context("failed to link compiled code")?;
    }
    Ok(())
}

/// Bytes of a policy's compiled code.
fn code(folder: &Path) -> anyhow::Result<u64> {
    let mut largest = 0;
    for entry in fs::read_dir(cache(folder)).context("failed to read compiled code")? {
        largest = largest.max(entry.and_then(|entry| entry.metadata()).context("failed to read compiled code")?.len());
    }
    Ok(largest)
}
