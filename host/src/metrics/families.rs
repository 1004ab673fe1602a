//! The families: every metric Berth has, by name. `docs/metrics.md` is made of these.
//!
//! Labels only ever have values from closed lists, from the catalogue, or of versions that serve, so that no caller can
//! make a new series. Times are in seconds, as the ecosystem has it, in buckets from 100 nanoseconds up.

use super::{Counter, Description, Family, Gauge, Histogram};

/// Defines families, and what lists them all.
macro_rules! families {
    ($($const:ident: Family<$kind:ty, $count:literal> = $name:literal, [$($label:literal),*], $help:literal;)*) => {
        $(
            #[doc = $help]
            pub const $const: Family<$kind, $count> = Family::new($name, [$($label),*], $help);
        )*

        /// Every family, in the order of the exposition.
        #[must_use]
        pub fn every() -> Vec<Description> {
            vec![$($const.describe()),*]
        }
    };
}

families! {
    BUILD: Family<Gauge, 1> = "berth_build_info", ["version"],
        "Always 1. The label is the version of Berth.";
    READY: Family<Gauge, 0> = "berth_ready", [],
        "1 while allocation requests are taken, else 0.";
    REQUESTS: Family<Counter, 1> = "berth_requests_total", ["outcome"],
        "Requests to the webhook, each once: decision, caller-left if the caller was gone before it was answered, or the code of the error it was answered with.";
    REQUESTS_IN_FLIGHT: Family<Gauge, 0> = "berth_requests_in_flight", [],
        "Requests to the webhook that are not answered yet.";
    REQUEST_TIME: Family<Histogram, 0> = "berth_request_duration_seconds", [],
        "Time from a request's head to its answer.";
    PHASE_TIME: Family<Histogram, 1> = "berth_request_phase_duration_seconds", ["phase"],
        "Time of the phases of one request in 61, which add up to all of its time: read (key and body), queue (waiting for a place and a thread), parse, instantiate, lower (the request into the instance), run (the guest, with what the host does for it), lift (the answer out of it), discard (of the instance), check (of the answer, and what a fallback takes), or in place of these from parse on behind (all of a decision that the process for long ones makes), then log, write (the answer, which is sent afterwards). Lower and lift hold what reading the clock takes each time the guest is entered or left, one or two microseconds together.";
    DECISIONS: Family<Counter, 4> = "berth_decisions_total", ["tenant", "policy", "version", "outcome"],
        "Decisions of the versions that serve: allocated, refused or faulted. A version that serves no more is not shown.";
    FAULTS: Family<Counter, 3> = "berth_faults_total", ["tenant", "policy", "kind"],
        "Faults of a policy, over all of its versions, by kind.";
    FALLBACKS: Family<Counter, 2> = "berth_fallbacks_total", ["tenant", "policy"],
        "Faults of a policy that its fallback answered, over all of its versions.";
    SET_ASIDE: Family<Gauge, 2> = "berth_policy_set_aside", ["tenant", "policy"],
        "1 while the version that serves is set aside, or on trial, after too many faults in a row, else 0.";
    UNDER_WAY: Family<Gauge, 1> = "berth_tenant_decisions_in_flight", ["tenant"],
        "The tenant's decisions under way: at most `quotas.concurrency`.";
    WAITING: Family<Gauge, 1> = "berth_tenant_requests_waiting", ["tenant"],
        "The tenant's requests that wait for one of its decisions to end: at most `quotas.queue`.";
    REJECTIONS: Family<Counter, 2> = "berth_tenant_rejections_total", ["tenant", "reason"],
        "The tenant's requests turned away with status 429: more than its rate, reading for more than may arrive at the same time, more than may wait, or queue-time for one that waited as long as it may. Begins anew when the tenant's quotas change.";
    SERVING: Family<Gauge, 4> = "berth_policy_serving", ["tenant", "policy", "version", "origin"],
        "Always 1 for the version that serves: because it is what the catalogue has, because of a pin, or as last-known-good. A policy of which nothing serves is not shown.";
    POLICY_REFUSED: Family<Gauge, 2> = "berth_policy_change_refused", ["tenant", "policy"],
        "1 if the policy's files as they are now may not serve, else 0.";
    TENANT_REFUSED: Family<Gauge, 1> = "berth_tenant_change_refused", ["tenant"],
        "1 if the tenant's tenant.toml as it is now may not serve, else 0.";
    GENERATION: Family<Gauge, 0> = "berth_catalogue_generation", [],
        "The generation of the catalogue that serves.";
    CATALOGUE_LOST: Family<Gauge, 0> = "berth_catalogue_lost", [],
        "1 if the catalogue directory is lost and what served before serves on, else 0.";
    RELOADS: Family<Counter, 1> = "berth_reloads_total", ["result"],
        "Verified changes of policies: served, refused, or superseded by another before they were done.";
    RELOAD_REFUSALS: Family<Counter, 1> = "berth_reload_refusals_total", ["stage"],
        "Refused changes of policies, by the stage of verification they failed at.";
    MANIFEST_REFUSALS: Family<Counter, 0> = "berth_manifest_refusals_total", [],
        "Changes of a tenant.toml that were refused.";
    ENGINE_IN_USE: Family<Gauge, 1> = "berth_engine_in_use", ["resource"],
        "What the engine's pool has lent out: instances, memories, stacks. Not counted are those of the process for long decisions.";
    ENGINE_INSTANCES: Family<Gauge, 0> = "berth_engine_instances_limit", [],
        "Instances that may exist at the same moment.";
    ENGINE_RESIDENT: Family<Gauge, 0> = "berth_engine_resident_bytes", [],
        "Bytes of memories that the engine keeps for the next instances.";
    BEHIND: Family<Gauge, 0> = "berth_decisions_behind", [],
        "Decisions that the process for long decisions is making.";
    BEHIND_RESTARTS: Family<Counter, 0> = "berth_behind_restarts_total", [],
        "How often the process for long decisions ended and was started again.";
    BEHIND_RESIDENT: Family<Gauge, 0> = "berth_behind_resident_memory_bytes", [],
        "Memory of the process for long decisions that is resident.";
    BEHIND_OPEN_FILES: Family<Gauge, 0> = "berth_behind_open_fds", [],
        "File handles the process for long decisions has open.";
    CONNECTIONS: Family<Gauge, 1> = "berth_connections", ["listener"],
        "Open connections.";
    CONNECTIONS_ACCEPTED: Family<Counter, 1> = "berth_connections_accepted_total", ["listener"],
        "Connections accepted.";
    CONNECTION_FAILURES: Family<Counter, 2> = "berth_connection_failures_total", ["listener", "reason"],
        "Connections that came to nothing: too-many-of-peer, idle-when-full (idle for longest when another needed its place), tls-handshake, not-http (or more of a head than is taken), slow-reader, broken (cut, or a head that took too long).";
    CERTIFICATES: Family<Counter, 2> = "berth_tls_reloads_total", ["listener", "result"],
        "New certificates: served or refused. One that is refused keeps the one before.";
    CERTIFICATE_EXPIRES: Family<Gauge, 1> = "berth_tls_certificate_expiry_timestamp_seconds", ["listener"],
        "When the certificate that serves stops to be valid, in seconds since 1970. 0 without TLS.";
    CATALOGUE_DOWN: Family<Gauge, 0> = "berth_catalogue_down", [],
        "1 while changes of the catalogue are not seen as they happen, since its owner failed and has not started again or a part of it cannot be watched, else 0.";
    CATALOGUE_RESTARTS: Family<Counter, 0> = "berth_catalogue_restarts_total", [],
        "How often the owner of the catalogue failed and was started again; see `/readyz`.";
    LOG_DROPPED: Family<Counter, 0> = "berth_log_lines_dropped_total", [],
        "Lines of the log that were dropped, since whoever reads the log is too slow.";
    PANICS: Family<Counter, 0> = "berth_panics_total", [],
        "Panics of Berth's own code. Any is a mistake of Berth's.";
    RESIDENT: Family<Gauge, 0> = "process_resident_memory_bytes", [],
        "Memory of the process that is resident.";
    OPEN_FILES: Family<Gauge, 0> = "process_open_fds", [],
        "File handles the process has open.";
}
