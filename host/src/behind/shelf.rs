//! What the process behind has been given, by number, as the server remembers it.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

/// Things that are kept there at most: each takes memory that the server has taken once already.
const MOST: usize = 128;

/// Things of one kind, the one that was asked for last at the end.
#[derive(Debug)]
pub(super) struct Shelf<T> {
    kept: VecDeque<(u64, Weak<T>)>,
    /// The number of the next.
    next: u64,
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

    /// The number of this thing. Where a new one comes, those go that nobody has any more, or the one that was not asked
    /// for the longest.
    pub(super) fn number(&mut self, thing: &Arc<T>) -> Number {
        // What is not upgraded is never another's address: a weak pointer holds it.
        let place = self.kept.iter().position(|(_, kept)| kept.as_ptr() == Arc::as_ptr(thing));
        if let Some((number, kept)) = place.and_then(|place| self.kept.remove(place)) {
            self.kept.push_back((number, kept));
            return Number::Old(number);
        }
        let gone = |(number, kept): &(u64, Weak<T>)| (kept.strong_count() == 0).then_some(*number);
        let mut forgotten: Vec<u64> = self.kept.iter().filter_map(gone).collect();
        self.kept.retain(|(_, kept)| kept.strong_count() > 0);
        if self.kept.len() >= MOST {
            forgotten.extend(self.kept.pop_front().map(|(number, _)| number));
        }
        let number = self.next;
        self.next += 1;
        self.kept.push_back((number, Arc::downgrade(thing)));
        Number::New(number, forgotten)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(shelf: &mut Shelf<usize>, thing: &Arc<usize>) -> (u64, Option<Vec<u64>>) {
        match shelf.number(thing) {
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
}
