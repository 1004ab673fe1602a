//! A configuration file for cargo, written by Berth for one run.
//!
//! It is handed to cargo by `--config`, which puts it above the files an author keeps.

use toml::{Table, Value};

/// Settings for one run of cargo.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CargoConfig {
    root: Table,
}

impl CargoConfig {
    /// Sets the value of the key with these parts: `["profile", "release", "lto"]`.
    pub(super) fn set(&mut self, key: &[&str], value: impl Into<Value>) {
        insert(&mut self.root, key, value.into());
    }
}

impl std::fmt::Display for CargoConfig {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root.fmt(formatter)
    }
}

fn insert(table: &mut Table, key: &[&str], value: Value) {
    match key {
        [] => {}
        [last] => {
            table.insert((*last).to_owned(), value);
        }
        [first, rest @ ..] => {
            let below = table.entry(*first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                insert(below, rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_tables_and_odd_text_survives() {
        let mut config = CargoConfig::default();
        config.set(&["profile", "a", "lto"], true);
        config.set(&["profile", "a", "flags"], vec!["with \"quotes\" and \\"]);
        let read: Table = config.to_string().parse().unwrap();
        assert_eq!(read, config.root);
        assert_eq!(read["profile"]["a"]["flags"][0].as_str(), Some("with \"quotes\" and \\"));
    }
}
