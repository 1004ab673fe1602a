//! `/metrics`: gathers the numbers from those who hold them and writes them down.
//!
//! What is written of policies comes from one snapshot of the catalogue: what is not in it has no series.

use std::{borrow::Cow, fmt, sync::Arc, time::Instant};

use crate::{
    admission::Share,
    catalogue::{Catalogue, Current, Origin, Policy, Serving, Standing},
    contract::{Digest, FaultKind},
    engine::Engine,
    metrics::{Connections, Family, Gauge, LOG, Labels, Metrics, Sheet, Words, exposition, families},
};

use super::Readiness;

/// Those who hold the numbers.
#[derive(Clone)]
pub struct Sources {
    /// What this process counts.
    pub metrics: Arc<Metrics>,
    /// What serves.
    pub current: Arc<Current>,
    /// Whether requests are taken.
    pub readiness: Readiness,
    /// The engine, for its pool.
    pub engine: Engine,
}

impl Sources {
    /// The text of all metrics.
    pub(super) fn exposition(&self) -> Result<String, fmt::Error> {
        let sources = self.clone();
        exposition(move |sheet| {
            sources.server(sheet)?;
            sources.requests(sheet)?;
            let catalogue = sources.current.load();
            policies(sheet, &catalogue)?;
            shares(sheet, &catalogue)?;
            sources.reloads(sheet)?;
            sources.pool(sheet)?;
            sources.connections(sheet)?;
            // While there is none, its number is 0, of which the system tells nothing.
            let behind = sources.metrics.behind_process.get().to_string();
            process(sheet, &behind, &families::BEHIND_RESIDENT, &families::BEHIND_OPEN_FILES)?;
            process(sheet, "self", &families::RESIDENT, &families::OPEN_FILES)
        })
    }

    fn server(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        sheet.family(&families::BUILD, [([env!("CARGO_PKG_VERSION").into()], 1.0)])?;
        sheet.one(&families::READY, flag(self.readiness.get()))
    }

    fn requests(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let requests = &self.metrics.requests;
        sheet.family(&families::REQUESTS, counted(&requests.outcomes))?;
        sheet.one(&families::REQUESTS_IN_FLIGHT, requests.in_flight.get() as f64)?;
        sheet.one(&families::REQUEST_TIME, &requests.time)?;
        let phases = requests.phases().map(|(phase, times)| ([phase.as_str().into()], times));
        sheet.family(&families::PHASE_TIME, phases)
    }

    fn reloads(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        sheet.family(&families::RELOADS, counted(&self.metrics.reloads))?;
        sheet.family(&families::RELOAD_REFUSALS, counted(&self.metrics.reload_refusals))?;
        sheet.one(&families::CATALOGUE_DOWN, self.metrics.catalogue_down.get() as f64)?;
        sheet.one(&families::CATALOGUE_RESTARTS, self.metrics.catalogue_restarts.get())?;
        sheet.one(&families::LOG_DROPPED, LOG.dropped.get())?;
        sheet.one(&families::PANICS, LOG.panics.get())?;
        sheet.one(&families::MANIFEST_REFUSALS, self.metrics.manifest_refusals.get())
    }

    fn pool(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let pool = self.engine.pool();
        let lent = [("instances", pool.instances), ("memories", pool.memories), ("stacks", pool.stacks)];
        let lent = lent.map(|(resource, count)| ([resource.into()], count as f64));
        sheet.family(&families::ENGINE_IN_USE, lent)?;
        sheet.one(&families::ENGINE_INSTANCES, pool.instances_limit as f64)?;
        sheet.one(&families::ENGINE_RESIDENT, pool.resident_bytes as f64)?;
        sheet.one(&families::BEHIND, self.metrics.behind.get() as f64)?;
        sheet.one(&families::BEHIND_RESTARTS, self.metrics.behind_restarts.get())
    }

    fn connections(&self, sheet: &mut Sheet<'_>) -> fmt::Result {
        let listeners = [("webhook", &*self.metrics.webhook), ("admin", &*self.metrics.admin)];
        let counts = |count: fn(&Connections) -> u64| {
            listeners.map(move |(listener, connections)| ([Cow::from(listener)], count(connections)))
        };
        let open = counts(|connections| connections.open.get()).map(|(labels, open)| (labels, open as f64));
        sheet.family(&families::CONNECTIONS, open)?;
        sheet.family(&families::CONNECTIONS_ACCEPTED, counts(|connections| connections.accepted.get()))?;
        let failures = listeners.iter().flat_map(|(listener, of)| by_listener(listener, &of.failures));
        sheet.family(&families::CONNECTION_FAILURES, failures)?;
        let reloads = listeners.iter().flat_map(|(listener, of)| by_listener(listener, &of.certificates));
        sheet.family(&families::CERTIFICATES, reloads)?;
        let expires = counts(|connections| connections.certificate_expires.get());
        sheet.family(&families::CERTIFICATE_EXPIRES, expires.map(|(labels, when)| (labels, when as f64)))
    }
}

fn policies(sheet: &mut Sheet<'_>, catalogue: &Catalogue) -> fmt::Result {
    sheet.one(&families::GENERATION, catalogue.generation as f64)?;
    sheet.one(&families::CATALOGUE_LOST, flag(catalogue.lost.is_some()))?;
    let tenants = catalogue.names().map(|name| ([name.as_str().into()], flag(catalogue.refused.contains_key(name))));
    sheet.family(&families::TENANT_REFUSED, tenants)?;
    let policies = || catalogue.tenants.values().flat_map(|tenant| tenant.policies.values()).map(|policy| &**policy);
    sheet.family(&families::SERVING, policies().filter_map(serving))?;
    let refused = policies().map(|policy| (named(policy), flag(policy.failure.is_some())));
    sheet.family(&families::POLICY_REFUSED, refused)?;
    sheet.family(&families::DECISIONS, policies().flat_map(decisions))?;
    let faults = policies()
        .flat_map(|policy| policy.counts.faults().map(|(kind, count)| (with(policy, FaultKind::as_str(kind)), count)));
    sheet.family(&families::FAULTS, faults)?;
    let fallbacks = policies().map(|policy| (named(policy), policy.counts.fallbacks()));
    sheet.family(&families::FALLBACKS, fallbacks)?;
    let now = Instant::now();
    let trusted = |serving: &Serving| serving.release.breaker.standing(now) == Standing::Trusted;
    let set_aside = policies().filter_map(|policy| Some((named(policy), flag(!trusted(policy.serving.as_ref()?)))));
    sheet.family(&families::SET_ASIDE, set_aside)
}

fn shares(sheet: &mut Sheet<'_>, catalogue: &Catalogue) -> fmt::Result {
    let shares = || catalogue.tenants.iter().map(|(name, tenant)| (name.as_str(), &*tenant.share));
    let gauge = |read: fn(&Share) -> usize| shares().map(move |(name, share)| ([name.into()], read(share) as f64));
    sheet.family(&families::UNDER_WAY, gauge(Share::under_way))?;
    sheet.family(&families::WAITING, gauge(Share::waiting))?;
    let rejections = shares()
        .flat_map(|(name, share)| share.rejections().map(move |(why, count)| ([name.into(), why.into()], count)));
    sheet.family(&families::REJECTIONS, rejections)
}

fn serving(policy: &Policy) -> Option<(Labels<'_, 4>, f64)> {
    let serving = policy.serving.as_ref()?;
    let origin = match serving.origin {
        Origin::Catalogue => "catalogue",
        Origin::LastKnownGood => "last-known-good",
        Origin::Pinned { .. } => "pinned",
    };
    Some((version(policy, &serving.release.version, origin), 1.0))
}

fn decisions(policy: &Policy) -> Vec<(Labels<'_, 4>, u64)> {
    let Some(serving) = &policy.serving else { return Vec::new() };
    let release = &serving.release;
    let counted = ["allocated", "refused", "faulted"].into_iter().zip(release.counts.read());
    counted.map(|(outcome, count)| (version(policy, &release.version, outcome), count)).collect()
}

fn named(policy: &Policy) -> Labels<'_, 2> {
    [policy.id.tenant.as_str().into(), policy.id.policy.as_str().into()]
}

fn with<'a>(policy: &'a Policy, word: &'static str) -> Labels<'a, 3> {
    let [tenant, name] = named(policy);
    [tenant, name, word.into()]
}

fn version<'a>(policy: &'a Policy, version: &Digest, word: &'static str) -> Labels<'a, 4> {
    let [tenant, name] = named(policy);
    [tenant, name, version.to_string().into(), word.into()]
}

/// What the system knows of a process, if it tells.
fn process(
    sheet: &mut Sheet<'_>,
    process: &str,
    resident: &Family<Gauge, 0>,
    open_files: &Family<Gauge, 0>,
) -> fmt::Result {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kibibytes: Option<f64> =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    sheet.family(resident, kibibytes.map(|kibibytes| ([], kibibytes * 1024.0)))?;
    // Of this process without the handle that this very look takes.
    let looks = usize::from(process == "self");
    let open =
        std::fs::read_dir(format!("/proc/{process}/fd")).ok().map(|handles| handles.count().saturating_sub(looks));
    sheet.family(open_files, open.map(|open| ([], open as f64)))
}

fn by_listener<'a>(listener: &'static str, words: &'a Words) -> impl Iterator<Item = (Labels<'static, 2>, u64)> + 'a {
    words.read().map(move |(word, count)| ([listener.into(), word.into()], count))
}

fn counted(words: &Words) -> impl Iterator<Item = (Labels<'static, 1>, u64)> {
    words.read().map(|(word, count)| ([word.into()], count))
}

fn flag(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}
