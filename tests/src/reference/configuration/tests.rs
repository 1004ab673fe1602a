//! The examples hold every key, and the programs read them.

use super::*;
use berth::{contract::Limits, decide::Check};

/// The keys of a TOML table, as dotted paths. Arrays of values and empty tables count as one key.
fn paths(table: &toml::Table) -> Vec<String> {
    let below = |(name, value): (&String, &toml::Value)| match value {
        toml::Value::Table(inner) if !inner.is_empty() => {
            paths(inner).iter().map(|path| format!("{name}.{path}")).collect()
        }
        toml::Value::Array(tables) if tables.first().is_some_and(toml::Value::is_table) => {
            let first = tables.first().and_then(toml::Value::as_table).unwrap();
            paths(first).iter().map(|path| format!("{name}.{path}")).collect()
        }
        _ => vec![name.clone()],
    };
    table.iter().flat_map(below).collect()
}

fn examples() -> BTreeMap<&'static str, (File, String)> {
    let examples = kinds().into_iter().map(|kind| {
        let file = File::of(&kind.schema).unwrap();
        let text = example(&kind, &file).unwrap();
        (kind.name, (file, text))
    });
    examples.collect()
}

#[test]
fn examples_hold_every_key() {
    for (name, (file, text)) in examples() {
        let found = paths(&text.parse().unwrap());
        for section in &file.sections {
            for key in &section.keys {
                let path = path(section, &key.name);
                let inside = format!("{path}.");
                let there = found.iter().any(|found| *found == path || found.starts_with(&inside));
                assert!(there, "{path} is not in the example of {name}");
            }
            assert!(
                found.iter().any(|path| path.starts_with(&section.name)),
                "[{}] is not in the example of {name}",
                section.name
            );
        }
    }
}

#[test]
fn examples_are_read_by_the_server() {
    let examples = examples();
    let defaults = Config::parse("").unwrap();
    let mut config = Config::parse(&examples["berth.toml"].1).unwrap();
    assert_eq!(config.limits.over(Limits::default()), Limits::default());
    config.limits = defaults.limits;
    config.quotas = defaults.quotas;
    // Samples, since there is no default.
    assert!(config.webhook.tls.take().is_some() && config.admin.tls.take().is_some());
    assert_eq!(format!("{config:?}"), format!("{defaults:?}"), "the schema's defaults are the server's");
    TenantManifest::parse(&examples[TENANT_FILE].1).unwrap();
    let policy = PolicyManifest::parse(&examples[POLICY_FILE].1).unwrap();
    assert_eq!(policy.settings_json().unwrap(), r#"{"unknownModel":"reject","weights":{"north":2,"south":1}}"#);
}

#[test]
fn the_local_dps_reads_its_example() {
    let mut config = DpsConfig::parse(&examples()[DPS_FILE].1).unwrap();
    config.check().unwrap();
    // Samples, since there is no default.
    let [hub] = std::mem::take(&mut config.hubs).try_into().unwrap();
    assert_eq!((hub.host_name.as_str(), hub.latency_ms), ("north.azure-devices.net", 0));
    assert_eq!(std::mem::take(&mut config.policies).len(), 1);
    assert!(config.tls.certificate.take().is_some() && config.tls.private_key.take().is_some());
    assert!(config.webhook.authority.take().is_some());
    assert_eq!(format!("{config:?}"), format!("{:?}", DpsConfig::default()));
}

#[test]
fn checks_are_read_by_the_server() {
    let block = |info: &str| {
        let (_, rest) = CHECKS.split_once(&format!("```json {info}\n")).unwrap();
        rest.split_once("```").unwrap().0
    };
    Check::parse(block("check")).unwrap();
    for refusal in [block("expect").to_owned(), block("expect").replace("\"reject\"", "\"retryLater\"")] {
        Check::parse(&format!("{{\"request\": {{}}, \"expect\": {refusal}}}")).unwrap();
    }
}
