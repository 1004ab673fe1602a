//! `[quotas]` in `berth.toml` and `tenant.toml`.

use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::admission::{PLACES, Quotas};

/// How much of the server one tenant may have. What is not set here keeps the default; the tighter of server and tenant
/// wins. What is over it is turned away at once, with status 429.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuotasSection {
    /// Decisions at the same time, of all the server's 480. By default twice as many as there are processors, but at least
    /// 4 and at most 60: a policy waits for nothing but a processor, so more would only take memory.
    #[schemars(range(min = 1, max = PLACES))]
    concurrency: Option<NonZeroU16>,
    /// Requests that wait for one of these decisions to end.
    #[schemars(extend("default" = Quotas::default().queue))]
    queue: Option<u16>,
    /// How long each waits at most. Together with the decision it should stay within what DPS waits, which is not
    /// documented, but known to be more than 4 seconds.
    #[schemars(extend("default" = Quotas::default().queue_time.as_millis() as u64))]
    queue_ms: Option<NonZeroU32>,
    /// Requests a second, and as many at once after a pause. Not limited by default: DPS itself lets about a thousand
    /// devices a minute register, and a tenant that asks for more than there is only waits for itself.
    requests_per_second: Option<NonZeroU32>,
}

impl QuotasSection {
    /// These quotas, where they are set, in place of those. Nobody gets more places than there are.
    #[must_use]
    pub fn over(&self, base: Quotas) -> Quotas {
        Quotas {
            concurrency: self.concurrency.map_or(base.concurrency, |most| usize::from(most.get()).min(PLACES)),
            queue: self.queue.map_or(base.queue, usize::from),
            queue_time: self.queue_ms.map_or(base.queue_time, |ms| Duration::from_millis(ms.get().into())),
            rate: self.requests_per_second.or(base.rate),
        }
    }

    /// These quotas, where they are set and tighter than those.
    #[must_use]
    pub fn within(&self, outer: Quotas) -> Quotas {
        let wanted = self.over(outer);
        Quotas {
            concurrency: wanted.concurrency.min(outer.concurrency),
            queue: wanted.queue.min(outer.queue),
            queue_time: wanted.queue_time.min(outer.queue_time),
            rate: [wanted.rate, outer.rate].into_iter().flatten().min(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_can_only_tighten() {
        let outer = Quotas { rate: NonZeroU32::new(10), ..Quotas::default() };
        let section = |text: &str| toml::from_str::<QuotasSection>(text).unwrap();
        assert_eq!(section("").within(outer), outer);
        let loose = section("concurrency = 65535\nqueue = 65535\nqueue_ms = 999999\nrequests_per_second = 99");
        assert_eq!(loose.within(outer), outer);
        let tight = section("concurrency = 1\nqueue = 0\nqueue_ms = 1\nrequests_per_second = 1").within(outer);
        assert_eq!((tight.concurrency, tight.queue, tight.queue_time), (1, 0, Duration::from_millis(1)));
        assert_eq!(tight.rate, NonZeroU32::new(1));
    }
}
