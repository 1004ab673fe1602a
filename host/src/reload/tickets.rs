//! Which verification of a policy counts: the newest. What an older one finds is out of date.

use std::collections::HashMap;

use crate::contract::PolicyId;

/// The verifications under way, the newest of each policy.
#[derive(Default)]
pub(super) struct Tickets {
    running: HashMap<PolicyId, Ticket>,
    /// Counts verifications, and never begins anew.
    last: u64,
}

struct Ticket {
    number: u64,
    /// Whether files of the catalogue wait for its end: its own, or those of a verification that it overtook.
    catalogue: bool,
}

/// What the end of a verification means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It was the newest. If it was not about the catalogue's files and changes nothing, `overtook` says that those have
    /// to be looked at again.
    Newest { overtook: bool },
    /// Another began since.
    Outdated,
}

impl Tickets {
    /// Begins a verification; `catalogue` says whether it is one of the catalogue's files.
    pub(super) fn begin(&mut self, id: &PolicyId, catalogue: bool) -> u64 {
        self.last += 1;
        let catalogue = catalogue || self.running.get(id).is_some_and(|overtaken| overtaken.catalogue);
        self.running.insert(id.clone(), Ticket { number: self.last, catalogue });
        self.last
    }

    /// Ends a verification.
    pub(super) fn end(&mut self, id: &PolicyId, number: u64) -> Ending {
        match self.running.get(id) {
            Some(ticket) if ticket.number == number => {
                let overtook = ticket.catalogue;
                self.running.remove(id);
                Ending::Newest { overtook }
            }
            _ => Ending::Outdated,
        }
    }

    /// The policies that are being verified.
    pub(super) fn under_way(&self) -> Vec<PolicyId> {
        self.running.keys().cloned().collect()
    }

    /// Whatever is being verified of this policy is out of date.
    pub(super) fn void(&mut self, id: &PolicyId) {
        self.running.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts_and_knows_what_it_overtook() {
        let id: PolicyId = "contoso/p".parse().unwrap();
        let mut tickets = Tickets::default();
        let (files, push) = (tickets.begin(&id, true), tickets.begin(&id, false));
        assert_eq!(tickets.end(&id, files), Ending::Outdated);
        assert_eq!(tickets.end(&id, push), Ending::Newest { overtook: true });
        let push = tickets.begin(&id, false);
        assert_eq!(tickets.end(&id, push), Ending::Newest { overtook: false });
        let files = tickets.begin(&id, true);
        tickets.void(&id);
        assert_eq!(tickets.end(&id, files), Ending::Outdated);
    }
}
