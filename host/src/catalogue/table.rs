//! Reads a policy's tables: `NAME.csv` keyed by the first column, or `NAME.json` keyed by member name.

use std::collections::hash_map::Entry;

use serde_json::value::RawValue;
use thiserror::Error;

use crate::engine::LookupTable;

/// Bytes of memory that all tables of a policy may take: those of their largest file several times over. A row of CSV
/// repeats the names of its columns, so a small file may want any amount.
pub const MAX_TABLE_MEMORY: usize = 64 << 20;

/// Bytes that an entry takes beside its texts.
const ENTRY: usize = 64;

/// A table file that is not a table.
#[derive(Debug, Error)]
pub enum TableError {
    /// Not CSV, or rows of different lengths.
    #[error("not a CSV table: {0}")]
    Csv(#[from] csv::Error),
    /// Not a JSON object.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// Two rows have the same key.
    #[error("the key `{0}` stands in more than one row")]
    DuplicateKey(String),
    /// In memory it is larger than a policy's tables may be.
    #[error(
        "the policy's tables take more than {MAX_TABLE_MEMORY} bytes of memory; each row of a CSV has the names of all its columns"
    )]
    TooLarge,
    /// Neither kind of file.
    #[error("a table is a .csv or a .json file")]
    Kind,
}

/// Reads the bytes of a table file whose name ends in `.csv` or `.json`, and takes what it needs of the `memory` that is left.
///
/// # Errors
///
/// If the bytes are no such table, a key occurs twice, or there is too little memory.
pub fn parse_table(file_name: &str, bytes: &[u8], memory: &mut usize) -> Result<LookupTable, TableError> {
    match file_name.rsplit_once('.') {
        Some((_, "csv")) => csv_table(bytes, memory),
        Some((_, "json")) => json_table(bytes, memory),
        _ => Err(TableError::Kind),
    }
}

/// Each row becomes an object of strings; a byte order mark, which spreadsheets like to write, is passed over.
fn csv_table(bytes: &[u8], memory: &mut usize) -> Result<LookupTable, TableError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let columns = reader.headers()?.clone();
    let mut table = LookupTable::default();
    for record in reader.records() {
        let record = record?;
        let row: serde_json::Map<String, serde_json::Value> =
            columns.iter().zip(record.iter()).map(|(column, cell)| (column.to_owned(), cell.into())).collect();
        let key = record.get(0).unwrap_or_default();
        insert(&mut table, key, serde_json::Value::Object(row).to_string(), memory)?;
    }
    Ok(table)
}

fn json_table(bytes: &[u8], memory: &mut usize) -> Result<LookupTable, TableError> {
    let members: Vec<(String, Box<RawValue>)> = serde_json::from_slice::<Members>(bytes)?.0;
    let mut table = LookupTable::with_capacity(members.len());
    for (key, value) in members {
        insert(&mut table, &key, value.get().to_owned(), memory)?;
    }
    Ok(table)
}

fn insert(table: &mut LookupTable, key: &str, value: String, memory: &mut usize) -> Result<(), TableError> {
    *memory = memory.checked_sub(key.len() + value.len() + ENTRY).ok_or(TableError::TooLarge)?;
    match table.entry(key.into()) {
        Entry::Occupied(_) => Err(TableError::DuplicateKey(key.to_owned())),
        Entry::Vacant(place) => {
            place.insert(value.into_boxed_str());
            Ok(())
        }
    }
}

/// An object's members in order, so that a key that occurs twice is seen.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> serde::Deserialize<'de> for Members {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_table(file_name: &str, bytes: &[u8]) -> Result<LookupTable, TableError> {
        super::parse_table(file_name, bytes, &mut MAX_TABLE_MEMORY.clone())
    }

    #[test]
    fn csv_rows_are_objects_of_strings() {
        let table = parse_table("models.csv", b"\xef\xbb\xbfmodel,hub\nm1, a \n\"m,2\",b\n").unwrap();
        assert_eq!(&*table["m1"], r#"{"hub":"a","model":"m1"}"#);
        assert_eq!(&*table["m,2"], r#"{"hub":"b","model":"m,2"}"#);
    }

    #[test]
    fn json_members_are_kept_as_written() {
        let table = parse_table("models.json", br#"{"m1": {"hub": "a",  "n": 1.0}}"#).unwrap();
        assert_eq!(&*table["m1"], r#"{"hub": "a",  "n": 1.0}"#);
    }

    #[test]
    fn bad_tables_say_why() {
        let error = |name, bytes: &[u8]| parse_table(name, bytes).unwrap_err().to_string();
        assert_eq!(error("t.csv", b"k,v\na,1\na,2\n"), "the key `a` stands in more than one row");
        assert_eq!(error("t.json", br#"{"a":1,"a":2}"#), "the key `a` stands in more than one row");
        assert!(error("t.csv", b"k,v\na\n").starts_with("not a CSV table"));
        assert!(error("t.json", b"[1]").starts_with("not a JSON object"));
        assert_eq!(error("t.txt", b""), "a table is a .csv or a .json file");
    }
}
