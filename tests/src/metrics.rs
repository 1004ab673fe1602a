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
        Reading::of(answer.text().to_owned())
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
    /// One that has been had otherwise.
    #[must_use]
    pub fn of(text: String) -> Self {
        Self(text)
    }

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

    /// The times of one member of a family of histograms.
    #[must_use]
    pub fn times(&self, name: &str, labels: &[&str]) -> Times {
        let bucket = |(member, count): (&str, f64)| {
            let (_, bound) = member.rsplit_once("le=\"")?;
            Some((bound.split('"').next()?.parse().ok()?, count as u64))
        };
        let buckets = self.members(&format!("{name}_bucket"), labels).into_iter().filter_map(bucket).collect();
        Times { buckets, sum: self.sum(&format!("{name}_sum"), labels) }
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Times as a histogram has them, in seconds.
#[derive(Debug, Clone)]
pub struct Times {
    /// Upper bounds, each with how many times are not above it.
    buckets: Vec<(f64, u64)>,
    sum: f64,
}

impl Times {
    /// Those that came in after an earlier reading.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&earlier.buckets);
        Self {
            buckets: buckets.map(|((bound, now), (_, before))| (*bound, now - before)).collect(),
            sum: self.sum - earlier.sum,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.last().map_or(0, |(_, count)| *count)
    }

    /// Their mean, if there are any.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.sum / self.count() as f64)
    }

    /// The one in the middle, as if they were spread evenly within its bucket.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let middle = self.count() as f64 / 2.0;
        let mut below = (0.0, 0.0);
        for (bound, count) in &self.buckets {
            let count = *count as f64;
            if count > 0.0 && count >= middle {
                let share = (middle - below.1) / (count - below.1);
                return Some(if bound.is_finite() { below.0 + share * (bound - below.0) } else { below.0 });
            }
            below = (*bound, count);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_where_half_of_the_times_are_below() {
        let reading = Reading::of(
            "t_sum{a=\"b\"} 9\nt_bucket{a=\"b\",le=\"1\"} 1\nt_bucket{a=\"b\",le=\"3\"} 5\nt_bucket{a=\"b\",le=\"+Inf\"} 6\n"
                .to_owned(),
        );
        let times = reading.times("t", &["a=\"b\""]);
        assert_eq!((times.count(), times.mean(), times.median()), (6, Some(1.5), Some(2.0)));
        assert_eq!(times.since(&times).median(), None);
    }
}
