//! JSON objects read as objects.
//!
//! A struct is also read from an array of its members' values, which nobody means and the service does not take.

use serde::{
    Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Error, Value, value::RawValue};

/// Reads a struct from an object. What is nested in it is the struct's own matter.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    match body.trim_ascii_start().first() {
        Some(b'[') => Err(Error::custom("there is an array instead of a JSON object")),
        _ => serde_json::from_slice(body),
    }
}

/// Reads a struct in which objects are objects at every depth: as it is itself when it is written.
pub(super) fn whole<T: DeserializeOwned + Serialize>(body: &[u8]) -> Result<T, Error> {
    let value: T = read(body)?;
    if is_alike(&serde_json::from_slice(body)?, &serde_json::to_value(&value)?) {
        return Ok(value);
    }
    Err(Error::custom("there is an array where an object belongs"))
}

/// Whether nothing that is written as an object was given as an array.
fn is_alike(given: &Value, written: &Value) -> bool {
    match (given, written) {
        (Value::Array(_), Value::Object(_)) => false,
        (Value::Array(given), Value::Array(written)) => given.iter().zip(written).all(|(a, b)| is_alike(a, b)),
        (Value::Object(given), Value::Object(written)) => {
            given.iter().all(|(name, given)| written.get(name).is_none_or(|written| is_alike(given, written)))
        }
        _ => true,
    }
}

/// Reads a struct from a member that is an object.
pub(super) fn member<T: DeserializeOwned>(raw: &RawValue) -> Result<T, String> {
    if raw.get().starts_with('[') {
        return Err("it is an array instead of an object".into());
    }
    serde_json::from_str(raw.get()).map_err(|error| error.to_string())
}
