//! The files people write.

use berth::{
    catalogue::{LimitsSection, MAX_TABLE_MEMORY, PolicyManifest, TenantManifest, parse_table},
    config::Config,
    contract::Limits,
    decide::Check,
};

/// A file is taken or refused in words, whatever it is read as. The first byte says as what.
pub(super) fn holds(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    match kind {
        b'b' => config(&text),
        b't' => tenant(&text),
        b'p' => policy(&text),
        b'c' => table("t.csv", bytes),
        b'j' => table("t.json", bytes),
        b'k' => drop(Check::parse(&text).map_err(|error| is_told(&error.to_string()))),
        _ => {}
    }
}

fn config(text: &str) {
    match Config::parse(text) {
        Ok(config) => {
            // The folders of the machine are none of these bytes' business: only that this ends.
            let _ = config.check();
            tightens(&config.limits);
        }
        Err(error) => is_told(&format!("{error:#}")),
    }
}

fn tenant(text: &str) {
    match TenantManifest::parse(text) {
        Ok(manifest) => {
            assert!(!berth::catalogue::Keys::from(manifest.keys).admit(""), "nobody comes in with nothing");
            tightens(&manifest.limits);
        }
        Err(error) => is_told(&error.to_string()),
    }
}

fn policy(text: &str) {
    match PolicyManifest::parse(text) {
        Ok(manifest) => {
            tightens(&manifest.limits);
            if let Ok(settings) = manifest.settings_json() {
                assert!(settings.starts_with('{'), "{settings}");
                let again: serde_json::Value = serde_json::from_str(&settings).expect("settings are JSON");
                assert_eq!(again.to_string(), settings, "equal settings are equal text");
            }
        }
        Err(error) => is_told(&error.to_string()),
    }
}

fn table(name: &str, bytes: &[u8]) {
    match parse_table(name, bytes, &mut MAX_TABLE_MEMORY.clone()) {
        Ok(table) => {
            for row in table.values() {
                serde_json::from_str::<&serde_json::value::RawValue>(row).expect("a row is JSON");
            }
        }
        Err(error) => is_told(&error.to_string()),
    }
}

/// Whatever is written, no limit becomes wider than the server's.
fn tightens(section: &LimitsSection) {
    let server = Limits::default();
    let limits = section.within(server);
    assert_eq!(limits.tightest(server), limits, "a limit is wider than the server's");
}

fn is_told(message: &str) {
    assert!(!message.trim().is_empty(), "a refusal says why");
}
