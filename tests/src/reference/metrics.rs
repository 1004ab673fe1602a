//! `docs/metrics.md`: every family of metrics, from the definitions the server writes them by.

use berth::metrics::families;

use super::markdown::{code, table};

/// The reference of the metrics.
pub(super) fn reference() -> String {
    let rows = families::every().into_iter().map(|family| {
        let labels: Vec<String> = family.labels.iter().map(|label| code(label)).collect();
        vec![code(family.name), family.kind, labels.join(", "), family.help.to_owned()]
    });
    format!(
        "{notice}\
# Metrics

`GET /metrics` on the admin listener answers in the OpenMetrics text format, which Prometheus and its relatives read. Who
may see them is who may use the API as the platform: whoever reaches the listener if there are no `admin.tokens`, else the
holder of one of these, as `authorization: bearer TOKEN`. A tenant's token does not do, since the metrics name every tenant.

```yaml
scrape_configs:
  - job_name: berth
    authorization: {{ credentials_file: /etc/prometheus/berth-token }}
    static_configs: [{{ targets: [\"berth.internal:7072\"] }}]
```

Times are in seconds, in buckets from 100 nanoseconds to 10 seconds. Counters begin anew with the process.

Labels have values from closed lists and names from the catalogue, never anything from a request. What is removed from the
catalogue is removed from the metrics, and a version has series as long as it serves, so they do not pile up. A decision
that ends after its version has gone is counted in `berth_requests_total` only, as is every request: each once, whatever
became of it.

{families}",
        notice = super::notice("`host/src/metrics/families.rs`"),
        families = table(&["metric", "kind", "labels", "what it tells"], rows),
    )
    .trim_end()
    .to_owned()
        + "\n"
}
