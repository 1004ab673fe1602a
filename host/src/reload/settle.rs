//! Lets events settle: files that arrive in pieces are looked at once, when no more pieces come.
//!
//! Each part of the catalogue settles by itself, so that nobody who writes without end has anybody else's files looked at
//! while they are half there.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::Scope;

/// Files that arrive in pieces are taken together if the pieces are no further apart than this.
const SETTLE: Duration = Duration::from_millis(25);
/// But nothing waits longer than this for the pieces to end.
const SETTLE_AT_MOST: Duration = Duration::from_secs(30);

/// What has changed and was not told yet.
#[derive(Default)]
pub(super) struct Unsettled(BTreeMap<Scope, Pieces>);

/// When the first piece came, and the last.
struct Pieces {
    first: Instant,
    last: Instant,
}

impl Pieces {
    fn due(&self) -> Instant {
        (self.last + SETTLE).min(self.first + SETTLE_AT_MOST)
    }
}

impl Unsettled {
    /// A piece of this part has come. What the part lies in is not settled either.
    pub(super) fn note(&mut self, scope: &Scope, now: Instant) {
        for (whole, pieces) in &mut self.0 {
            if whole.holds(scope) {
                pieces.last = now;
            }
        }
        self.0.entry(scope.clone()).or_insert(Pieces { first: now, last: now });
    }

    /// When the next part is to be looked at.
    pub(super) fn due(&self) -> Option<Instant> {
        self.0.values().map(Pieces::due).min()
    }

    /// Takes what is to be looked at by now.
    pub(super) fn take(&mut self, now: Instant) -> BTreeSet<Scope> {
        let due: BTreeSet<Scope> =
            self.0.iter().filter(|(_, pieces)| pieces.due() <= now).map(|(scope, _)| scope.clone()).collect();
        self.0.retain(|scope, _| !due.contains(scope));
        due
    }
}

impl Scope {
    /// Whether this is the other part, or the other lies in it.
    fn holds(&self, other: &Scope) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::Tenant(tenant), Self::Policy(id)) => *tenant == id.tenant,
            _ => self == other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(id: &str) -> Scope {
        Scope::Policy(id.parse().unwrap())
    }

    #[test]
    fn each_part_settles_by_itself() {
        let (mut unsettled, start) = (Unsettled::default(), Instant::now());
        let (busy, calm) = (policy("busy/p"), policy("calm/p"));
        let step = SETTLE / 2;
        for turn in 0..100 {
            unsettled.note(&busy, start + step * turn);
        }
        let now = start + step * 99;
        unsettled.note(&calm, now);
        assert!(unsettled.take(now + step).is_empty());
        // Somebody else's pieces do not have it wait, nor be cut short.
        unsettled.note(&busy, now + step);
        assert_eq!(unsettled.due(), Some(now + SETTLE));
        assert_eq!(unsettled.take(now + SETTLE), BTreeSet::from([calm]));
        assert_eq!(unsettled.take(now + step + SETTLE), BTreeSet::from([busy]));
        assert_eq!(unsettled.due(), None);
    }

    #[test]
    fn pieces_without_end_are_looked_at_all_the_same() {
        let (mut unsettled, start) = (Unsettled::default(), Instant::now());
        let (busy, mut now) = (policy("busy/p"), start);
        while now < start + SETTLE_AT_MOST {
            assert!(unsettled.take(now).is_empty());
            unsettled.note(&busy, now);
            now += SETTLE / 2;
        }
        assert_eq!(unsettled.take(start + SETTLE_AT_MOST), BTreeSet::from([busy]));
    }

    #[test]
    fn a_whole_is_settled_once_its_parts_are() {
        let (mut unsettled, start) = (Unsettled::default(), Instant::now());
        let tenant = Scope::Tenant("busy".parse().unwrap());
        unsettled.note(&tenant, start);
        unsettled.note(&policy("busy/p"), start + SETTLE / 2);
        unsettled.note(&policy("calm/p"), start + SETTLE / 2);
        assert!(unsettled.take(start + SETTLE).is_empty());
        let all = BTreeSet::from([tenant, policy("busy/p"), policy("calm/p")]);
        assert_eq!(unsettled.take(start + SETTLE / 2 + SETTLE), all);
    }
}
