//! A counter for each word of a closed list.

use super::Tally;

/// Counters by word. The words are fixed when it is made, so that no caller can make it grow.
#[derive(Debug)]
pub struct Words(Vec<(&'static str, Tally)>);

impl Words {
    /// All counters at zero. A word given twice counts once.
    #[must_use]
    pub fn new(words: impl IntoIterator<Item = &'static str>) -> Self {
        let mut counters: Vec<(&'static str, Tally)> = Vec::new();
        for word in words {
            if !counters.iter().any(|(known, _)| *known == word) {
                counters.push((word, Tally::default()));
            }
        }
        Self(counters)
    }

    /// Counts one for this word. A word that is not in the list is a mistake of this program and counts nowhere; the tests
    /// of those who count see to it that there is none.
    pub fn add(&self, word: &str) {
        if let Some((_, counter)) = self.0.iter().find(|(known, _)| *known == word) {
            counter.add();
        }
    }

    /// Words and counts, in the order of the list.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.iter().map(|(word, counter)| (*word, counter.get()))
    }
}
