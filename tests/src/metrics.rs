//! The metrics of a running server, read as a collector reads them.

use std::collections::BTreeMap;

use crate::{Berth, within_patience};

/// One reading of `/metrics`.
#[derive(Debug)]
pub struct Reading(String);

impl Berth {
    /// Reads the metrics.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub async fn metrics(&self) -> Reading {
        let answer = self.admin("/metrics").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Reading(answer.text().to_owned())
    }

    /// Reads the metrics until they are as wanted.
    ///
    /// # Panics
    ///
    /// If they never are.
    pub async fn metrics_once(&self, what: &str, wanted: impl Fn(&Reading) -> bool) -> Reading {
        let search = async {
            loop {
                let reading = self.metrics().await;
                if wanted(&reading) {
                    return reading;
                }
            }
        };
        within_patience(what, search).await
    }
}

impl Reading {
    /// The families: name to kind, as their headings have them.
    #[must_use]
    pub fn families(&self) -> BTreeMap<&str, &str> {
        self.0.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
    }

    /// The members of a family that have all of these labels, as they stand in the text: `outcome="decision"`.
    #[must_use]
    pub fn members(&self, name: &str, labels: &[&str]) -> Vec<(&str, f64)> {
        let members = self.0.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
            let (member, value) = line.rsplit_once(' ')?;
            let (found, given) = member.split_once('{').unwrap_or((member, ""));
            let wanted = found == name && labels.iter().all(|label| given.contains(label));
            wanted.then(|| (member, value.parse().expect("a number")))
        });
        members.collect()
    }

    /// The sum of these members.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        self.members(name, labels).iter().map(|(_, value)| value).sum()
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}
