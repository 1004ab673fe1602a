//! Read-only reference data beside the policy.
//!
//! A table is a file `tables/NAME.csv` or `tables/NAME.json` in the policy's folder. It can be replaced without
//! touching the policy's code. Tables are for look-ups by key only: they cannot be listed.

use serde::de::DeserializeOwned;

use crate::{Error, imports};

/// Looks up a key in a table and reads the row as `T`. `None` if the table has no such key.
///
/// A row of a CSV file is an object whose values are all strings, keyed by the row's first column. A row of a JSON
/// file is the member of that name, of whatever shape it has there. Use [`Value`](crate::Value) for `T` to take any
/// row.
///
/// # Errors
///
/// [`Error::Table`] if the policy has no such table, if the decision has used up its look-ups, or if the row does not
/// fit `T`.
///
/// ```
/// use berth_sdk::{json, tables, testing::Host};
///
/// #[derive(serde::Deserialize)]
/// struct Row {
///     hub: String,
/// }
///
/// let host = Host::new().table("models", [("thermostat", json!({"hub": "north"}))]);
/// host.run(|| {
///     let row: Option<Row> = tables::lookup("models", "thermostat")?;
///     assert_eq!(row.map(|row| row.hub).as_deref(), Some("north"));
///     Ok::<_, berth_sdk::Error>(())
/// })
/// # .unwrap();
/// ```
pub fn lookup<T: DeserializeOwned>(table: &str, key: &str) -> Result<Option<T>, Error> {
    let failed = |problem: String| Error::Table { table: table.to_owned(), problem };
    let row = imports::look_up(table, key).map_err(|failure| {
        failed(match failure {
            imports::LookupFailure::NoSuchTable => {
                format!("the policy has no such table: put it at tables/{table}.csv or tables/{table}.json")
            }
            imports::LookupFailure::TooManyLookups => "the decision has used up its look-ups".to_owned(),
        })
    })?;
    row.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| failed(format!("the row of `{key}` does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Value, json, testing::Host};

    fn host() -> Host {
        Host::new().table("models", [("a", json!({"hub": "north"}))])
    }

    #[test]
    fn a_row_is_read_and_a_missing_key_is_none() {
        host().run(|| {
            assert_eq!(lookup::<Value>("models", "a"), Ok(Some(json!({"hub": "north"}))));
            assert_eq!(lookup::<Value>("models", "b"), Ok(None));
        });
    }

    #[test]
    fn an_unknown_table_is_named() {
        let error = host().run(|| lookup::<Value>("modles", "a")).unwrap_err();
        let told = "table `modles`: the policy has no such table: put it at tables/modles.csv or tables/modles.json";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn a_row_of_another_shape_names_its_key() {
        let error = host().run(|| lookup::<u32>("models", "a")).unwrap_err();
        assert!(error.to_string().starts_with("table `models`: the row of `a` does not fit:"), "{error}");
    }

    #[test]
    fn look_ups_run_out() {
        let error = host()
            .max_lookups(1)
            .run(|| {
                lookup::<Value>("models", "a")?;
                lookup::<Value>("models", "a")
            })
            .unwrap_err();
        assert_eq!(error.to_string(), "table `models`: the decision has used up its look-ups");
    }
}
