//! Choosing among the linked hubs.
//!
//! Not for the decision itself: every choice here ends in a host name, spelled as DPS spells it.

use crate::{Error, rendezvous};

/// Whether a host name is the hub meant by `wanted`, without regard to case.
///
/// `wanted` is a whole host name, or without any dot just its first label, which is the name the hub has in Azure.
///
/// ```
/// use berth_sdk::hub_matches;
///
/// assert!(hub_matches("North.azure-devices.net", "north"));
/// assert!(hub_matches("North.azure-devices.net", "north.azure-devices.net"));
/// assert!(!hub_matches("north.azure-devices.net", "nor"));
/// ```
#[must_use]
pub fn hub_matches(host_name: &str, wanted: &str) -> bool {
    comparable(host_name, wanted).eq_ignore_ascii_case(wanted)
}

/// Linked hubs, as many of them as passed the conditions so far.
///
/// [`Request::hubs`](crate::Request::hubs) starts with all of them. The methods that return `Hubs` narrow the choice;
/// the others make it. Conditions look at the first label of the host name, or at all of it if what they look for has
/// a dot. None of them regards case.
///
/// ```
/// use berth_sdk::testing;
///
/// let request = testing::request("toaster-7")
///     .hubs(["toasters-EU.azure-devices.net", "toasters-US.azure-devices.net"])
///     .build();
/// assert_eq!(
///     request.hubs().containing("toasters").ending_with("-us").first(),
///     Ok("toasters-US.azure-devices.net"),
/// );
/// assert_eq!(
///     request.hubs().named("heatpumps").unwrap_err().to_string(),
///     "no linked hub named `heatpumps`; \
///      linked: toasters-EU.azure-devices.net, toasters-US.azure-devices.net",
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Hubs<'a> {
    linked: &'a [String],
    left: Vec<&'a str>,
    conditions: Vec<String>,
}

impl<'a> Hubs<'a> {
    pub(crate) fn new(linked: &'a [String]) -> Self {
        Self { linked, left: linked.iter().map(String::as_str).collect(), conditions: Vec::new() }
    }

    /// Those whose name starts with a prefix.
    #[must_use]
    pub fn starting_with(self, prefix: &str) -> Self {
        self.narrow("starts with", prefix, |name, prefix| name.starts_with(prefix))
    }

    /// Those whose name ends with a suffix.
    #[must_use]
    pub fn ending_with(self, suffix: &str) -> Self {
        self.narrow("ends with", suffix, |name, suffix| name.ends_with(suffix))
    }

    /// Those whose name contains a word.
    #[must_use]
    pub fn containing(self, word: &str) -> Self {
        self.narrow("contains", word, |name, word| name.contains(word))
    }

    /// The hub of this name: a whole host name, or just its first label (see [`hub_matches`]).
    ///
    /// # Errors
    ///
    /// [`Error::NoHub`] if no hub left has the name.
    pub fn named(&self, name: &str) -> Result<&'a str, Error> {
        self.iter()
            .find(|host_name| hub_matches(host_name, name))
            .ok_or_else(|| self.nothing_left(&format!("named `{name}`")))
    }

    /// The first hub left, in DPS's order.
    ///
    /// # Errors
    ///
    /// [`Error::NoHub`] if none is left.
    pub fn first(&self) -> Result<&'a str, Error> {
        self.iter().next().ok_or_else(|| self.nothing_left(""))
    }

    /// The hub that a key prefers, by rendezvous hash (see [`hub_score`](crate::hub_score)): always the same one while it is
    /// there, and evenly spread over many keys.
    ///
    /// The key is usually the registration id; take what a group of devices has in common to keep the group together.
    ///
    /// # Errors
    ///
    /// [`Error::NoHub`] if none is left.
    pub fn spread(&self, key: &str) -> Result<&'a str, Error> {
        rendezvous::best(key, self.iter(), |_| 1.0).ok_or_else(|| self.nothing_left(""))
    }

    /// The hub that a key prefers, each hub getting a share in proportion to its weight.
    ///
    /// `weight` is asked with a host name as DPS spells it. A hub whose weight is not above zero gets nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NoHub`] if no hub left has a weight above zero.
    pub fn spread_weighted(&self, key: &str, weight: impl Fn(&str) -> f64) -> Result<&'a str, Error> {
        rendezvous::best(key, self.iter(), weight).ok_or_else(|| self.nothing_left("with a weight above zero"))
    }

    /// The host names left, in DPS's order and spelling.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.left.iter().copied()
    }

    /// How many hubs are left.
    #[must_use]
    pub fn len(&self) -> usize {
        self.left.len()
    }

    /// Whether none is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    fn narrow(mut self, verb: &str, wanted: &str, test: impl Fn(&str, &str) -> bool) -> Self {
        let lower = wanted.to_ascii_lowercase();
        self.left.retain(|host_name| test(&comparable(host_name, wanted).to_ascii_lowercase(), &lower));
        self.conditions.push(format!("{verb} `{wanted}`"));
        self
    }

    /// The error of a choice among nothing. `wish` is what this choice asked for on top of the conditions.
    fn nothing_left(&self, wish: &str) -> Error {
        let mut wanted = "hub".to_owned();
        if !self.conditions.is_empty() {
            wanted += " whose name ";
            wanted += &self.conditions.join(" and ");
        }
        if !wish.is_empty() {
            wanted += " ";
            wanted += wish;
        }
        Error::NoHub { wanted, linked: self.linked.to_vec() }
    }
}

/// The part of a host name to hold against `wanted`: all of it if `wanted` has a dot, else its first label.
fn comparable<'a>(host_name: &'a str, wanted: &str) -> &'a str {
    if wanted.contains('.') {
        return host_name;
    }
    host_name.split_once('.').map_or(host_name, |(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked() -> Vec<String> {
        ["Toasters-EU", "toasters-us", "heatpumps-eu"].map(|name| format!("{name}.azure-devices.net")).to_vec()
    }

    #[test]
    fn a_name_finds_its_hub_in_the_spelling_of_dps() {
        let linked = linked();
        let hubs = Hubs::new(&linked);
        for name in ["toasters-eu", "TOASTERS-EU.AZURE-DEVICES.NET"] {
            assert_eq!(hubs.named(name), Ok("Toasters-EU.azure-devices.net"));
        }
        assert!(hubs.named("toasters").is_err());
        assert!(hubs.named("toasters-eu.azure-devices.cn").is_err());
    }

    #[test]
    fn conditions_narrow_and_are_told_when_nothing_is_left() {
        let linked = linked();
        let hubs = Hubs::new(&linked);
        assert_eq!(hubs.clone().ending_with("-EU").len(), 2);
        assert_eq!(hubs.clone().starting_with("heat").len(), 1);
        assert_eq!(hubs.clone().containing("pump").len(), 1);
        assert_eq!(hubs.clone().containing("azure").len(), 0);
        assert_eq!(hubs.clone().ending_with(".net").len(), 3);
        let nothing = hubs.starting_with("heat").ending_with("-us");
        assert!(nothing.is_empty());
        assert_eq!(
            nothing.first().unwrap_err().to_string(),
            format!("no linked hub whose name starts with `heat` and ends with `-us`; linked: {}", linked.join(", "))
        );
    }

    #[test]
    fn spreading_respects_conditions_and_weights() {
        let linked = linked();
        let hubs = Hubs::new(&linked);
        assert_eq!(hubs.spread("a"), hubs.spread_weighted("a", |_| 7.0));
        assert_eq!(hubs.clone().containing("pumps").spread("a"), Ok("heatpumps-eu.azure-devices.net"));
        let error = hubs.spread_weighted("a", |_| 0.0).unwrap_err();
        assert!(error.to_string().starts_with("no linked hub with a weight above zero;"), "{error}");
    }
}
