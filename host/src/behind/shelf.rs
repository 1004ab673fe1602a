//! What the process behind has been given, by number, as the server remembers it.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

/// Things that are kept there at most: each takes memory that the server has taken once already.
const MOST: usize = 128;
/// Of one tenant at most, so that none has others' sent again and again.
const MOST_OF_TENANT: usize = MOST / 4;

/// Things of one kind, the one that was asked for last at the end.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    kept: VecDeque<Kept<T>>,
    /// The number of the next.
    next: u64,
}

#[derive(Debug)]
struct Kept<T> {
    number: u64,
    /// Who asked for it first.
    tenant: u64,
    thing: Weak<T>,
}

/// A thing's number.
pub(super) enum Number {
    /// It is there.
    Old(u64),
    /// It has to be given this number first, after these were forgotten.
    New(u64, Vec<u64>),
}

impl<T> Shelf<T> {
    /// A shelf with nothing on it.
    pub(super) fn new() -> Self {
        Self { kept: VecDeque::new(), next: 0 }
    }

    /// The number of this thing, for which this tenant asks. Where a new one comes, those go that nobody has any more; and of
    /// the tenant's, or of all, the one that was not asked for the longest.
    pub(super) fn number(&mut self, thing: &Arc<T>, tenant: u64) -> Number {
        // What is not upgraded is never another's address: a weak pointer holds it.
        let place = self.kept.iter().position(|kept| kept.thing.as_ptr() == Arc::as_ptr(thing));
        if let Some(kept) = place.and_then(|place| self.kept.remove(place)) {
            let number = kept.number;
            self.kept.push_back(kept);
            return Number::Old(number);
        }
        let mut forgotten = self.sweep();
        let own = |kept: &Kept<T>| kept.tenant == tenant;
        let too_many = self.kept.iter().filter(|kept| own(kept)).count() >= MOST_OF_TENANT;
        let oldest = if too_many { self.kept.iter().position(own) } else { (self.kept.len() >= MOST).then_some(0) };
        forgotten.extend(oldest.and_then(|place| self.kept.remove(place)).map(|kept| kept.number));
        let number = self.next;
        self.next += 1;
        self.kept.push_back(Kept { number, tenant, thing: Arc::downgrade(thing) });
        Number::New(number, forgotten)
    }

    /// Takes down what nobody has any more, and gives the numbers of it.
    pub(super) fn sweep(&mut self) -> Vec<u64> {
        let gone = |kept: &&Kept<T>| kept.thing.strong_count() == 0;
        let forgotten = self.kept.iter().filter(gone).map(|kept| kept.number).collect();
        self.kept.retain(|kept| kept.thing.strong_count() > 0);
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every thing is another tenant's.
    fn number(shelf: &mut Shelf<usize>, thing: &Arc<usize>) -> (u64, Option<Vec<u64>>) {
        match shelf.number(thing, **thing as u64) {
            Number::Old(number) => (number, None),
            Number::New(number, forgotten) => (number, Some(forgotten)),
        }
    }

    #[test]
    fn a_thing_keeps_its_number_until_nobody_has_it() {
        let mut shelf = Shelf::new();
        let (one, other) = (Arc::new(1), Arc::new(2));
        assert_eq!(number(&mut shelf, &one), (0, Some(vec![])));
        assert_eq!(number(&mut shelf, &other), (1, Some(vec![])));
        assert_eq!(number(&mut shelf, &one), (0, None));
        drop(one);
        assert_eq!(number(&mut shelf, &Arc::new(3)), (2, Some(vec![0])));
        assert_eq!(number(&mut shelf, &other), (1, None));
        drop(other);
        assert_eq!((shelf.sweep(), shelf.sweep()), (vec![2, 1], vec![]));
    }

    #[test]
    fn the_one_that_was_not_asked_for_the_longest_goes() {
        let mut shelf = Shelf::new();
        let things: Vec<_> = (0..=MOST).map(Arc::new).collect();
        for thing in &things[..MOST] {
            assert_eq!(number(&mut shelf, thing).1, Some(vec![]));
        }
        assert_eq!(number(&mut shelf, &things[0]), (0, None));
        assert_eq!(number(&mut shelf, &things[MOST]), (MOST as u64, Some(vec![1])));
        assert_eq!(number(&mut shelf, &things[0]), (0, None));
    }

    #[test]
    fn a_tenant_with_many_things_makes_room_for_its_own() {
        let mut shelf = Shelf::new();
        let others = Arc::new(1);
        assert_eq!(number(&mut shelf, &others), (0, Some(vec![])));
        let things: Vec<_> = (0..MOST).map(Arc::new).collect();
        for (asked, thing) in things.iter().enumerate() {
            let Number::New(_, forgotten) = shelf.number(thing, u64::MAX) else { panic!("it is new") };
            assert_eq!(forgotten.len(), usize::from(asked >= MOST_OF_TENANT));
        }
        assert_eq!(number(&mut shelf, &others), (0, None));
    }
}
