//! How a family of metrics is named, and how its numbers are written down.
//!
//! The kind and the number of labels are in a family's type: a gauge cannot be written as a counter, nor with a label too
//! few. The text itself is [`prometheus_client`]'s.

use std::{borrow::Cow, fmt, marker::PhantomData};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, text},
    metrics::MetricType,
    registry::Registry,
};

use super::Histogram;

/// A family of metrics: one name, one kind, and the labels that tell its members apart.
#[derive(Debug)]
pub struct Family<K, const N: usize> {
    /// The name, with its unit. A counter's ends in `_total`.
    pub name: &'static str,
    /// The names of the labels.
    pub labels: [&'static str; N],
    /// What it tells, in a sentence.
    pub help: &'static str,
    kind: PhantomData<K>,
}

impl<K, const N: usize> Family<K, N> {
    pub(super) const fn new(name: &'static str, labels: [&'static str; N], help: &'static str) -> Self {
        Self { name, labels, help, kind: PhantomData }
    }
}

/// The values of a family's labels.
pub type Labels<'a, const N: usize> = [Cow<'a, str>; N];

/// A kind of metric.
pub trait Kind {
    /// What the format calls it.
    const TYPE: MetricType;
    /// What a member of such a family is.
    type Value<'a>;
    /// Writes one member.
    ///
    /// # Errors
    ///
    /// If there is no writing.
    fn write(encoder: MetricEncoder<'_>, value: Self::Value<'_>) -> fmt::Result;
}

/// A number that goes up, and begins anew with the process.
#[derive(Debug)]
pub enum Counter {}

/// A number that goes up and down.
#[derive(Debug)]
pub enum Gauge {}

impl Kind for Counter {
    const TYPE: MetricType = MetricType::Counter;
    type Value<'a> = u64;

    fn write(mut encoder: MetricEncoder<'_>, value: u64) -> fmt::Result {
        encoder.encode_counter::<[(&str, &str); 0], _, f64>(&value, None)
    }
}

impl Kind for Gauge {
    const TYPE: MetricType = MetricType::Gauge;
    type Value<'a> = f64;

    fn write(mut encoder: MetricEncoder<'_>, value: f64) -> fmt::Result {
        encoder.encode_gauge(&value)
    }
}

impl Kind for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
    type Value<'a> = &'a Histogram;

    fn write(mut encoder: MetricEncoder<'_>, value: &Histogram) -> fmt::Result {
        let buckets = value.buckets();
        let count = buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<[(&str, &str); 0]>(value.sum(), count, &buckets, None)
    }
}

/// A sheet on which families are written down, one after the other.
pub struct Sheet<'a>(DescriptorEncoder<'a>);

impl Sheet<'_> {
    /// Writes a family with its members. A family is written once; one without members still has its heading.
    ///
    /// # Errors
    ///
    /// If there is no writing.
    pub fn family<'a, K: Kind, const N: usize>(
        &mut self,
        family: &Family<K, N>,
        members: impl IntoIterator<Item = (Labels<'a, N>, K::Value<'a>)>,
    ) -> fmt::Result {
        // The format's own ending, which the encoder adds to a counter.
        let name = family.name.strip_suffix("_total").unwrap_or(family.name);
        let mut encoder = self.0.encode_descriptor(name, family.help, None, K::TYPE)?;
        for (values, value) in members {
            let mut names = family.labels.into_iter();
            let labels: [(&str, Cow<'_, str>); N] = values.map(|value| (names.next().unwrap_or_default(), value));
            K::write(encoder.encode_family(&labels)?, value)?;
        }
        Ok(())
    }

    /// Writes a family that has a single member without labels.
    ///
    /// # Errors
    ///
    /// If there is no writing.
    pub fn one<'a, K: Kind>(&mut self, family: &Family<K, 0>, value: K::Value<'a>) -> fmt::Result {
        self.family(family, [([], value)])
    }
}

/// The text of everything that `write` writes on a sheet, in the OpenMetrics format.
///
/// # Errors
///
/// Those of `write`.
pub fn exposition<W>(write: W) -> Result<String, fmt::Error>
where
    W: Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static,
{
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Written(write)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

struct Written<W>(W);

impl<W> fmt::Debug for Written<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Written")
    }
}

impl<W: Fn(&mut Sheet<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Written<W> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Sheet(encoder))
    }
}

/// A family as the reference shows it.
#[derive(Debug, Clone)]
pub struct Description {
    /// The name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// The names of the labels.
    pub labels: Vec<&'static str>,
    /// What it tells.
    pub help: &'static str,
}

impl<K: Kind, const N: usize> Family<K, N> {
    pub(super) fn describe(&self) -> Description {
        let kind = K::TYPE.as_str().to_owned();
        Description { name: self.name, kind, labels: self.labels.to_vec(), help: self.help }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Family<Counter, 1> = Family::new("seen_total", ["what"], "What was seen.");

    #[test]
    fn a_label_cannot_forge_a_line() {
        let text = exposition(|sheet| sheet.family(&SEEN, [(["a\"} 7\nforged 1".into()], 3)])).unwrap();
        let expected =
            "# HELP seen What was seen.\n# TYPE seen counter\nseen_total{what=\"a\\\"} 7\\nforged 1\"} 3\n# EOF\n";
        assert_eq!(text, expected);
    }
}
