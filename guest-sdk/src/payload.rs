//! What the device sent along with its registration.
//!
//! Not for what a device hears back: that is [`Decision::payload`](crate::Decision::payload).

use std::cell::OnceCell;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// Members that are named where another one is missing.
const MOST_NAMES: usize = 10;

/// A device's payload, seen in three ways.
///
/// - [`text`](Self::text): the JSON text, byte for byte as DPS sent it.
/// - [`as_sent`](Self::as_sent): that text, parsed.
/// - [`value`](Self::value): the same, but opened if the device sent a *string that holds* a JSON object or array.
///   The Java device SDK, the `az` command line and many IoT Central devices do that. All typed getters look here.
///
/// # Paths
///
/// A getter takes a dotted path: `firmware.version` is the member `version` of the member `firmware`, and `sensors.0`
/// the first element of the array `sensors`. The empty path is the payload itself. A `null` counts as missing. A
/// member whose name has a dot is out of a path's reach; take it from [`value`](Self::value).
///
/// ```
/// use berth_sdk::{json, testing};
///
/// let request = testing::request("sensor-7")
///     .payload(json!(r#"{"modelId": "dtmi:com:example:Thermostat;1", "firmware": {"major": 12}}"#))
///     .build();
/// let payload = request.payload();
/// assert_eq!(payload.str("modelId"), Ok("dtmi:com:example:Thermostat;1"));
/// assert_eq!(payload.i64("firmware.major"), Ok(12));
/// assert_eq!(
///     payload.str("firmware.major").unwrap_err().to_string(),
///     "`firmware.major` in the payload is a number, not a string",
/// );
/// assert!(payload.as_sent()?.is_string());
/// # Ok::<_, berth_sdk::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    text: Option<&'a str>,
    parsed: &'a ParsedOnce,
}

/// The parsed payload, made when it is first asked for.
pub(crate) type ParsedOnce = OnceCell<Result<Parsed, String>>;

/// A payload in both parsed views.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    as_sent: Value,
    opened: Option<Value>,
}

impl<'a> Payload<'a> {
    pub(crate) fn new(text: Option<&'a str>, parsed: &'a ParsedOnce) -> Self {
        Self { text, parsed }
    }

    /// The JSON text, byte for byte as DPS sent it. `None` if the device sent nothing or `null`.
    #[must_use]
    pub fn text(self) -> Option<&'a str> {
        self.text
    }

    /// The payload as the device sent it.
    ///
    /// # Errors
    ///
    /// [`Error::NoPayload`] or [`Error::PayloadNotJson`].
    pub fn as_sent(self) -> Result<&'a Value, Error> {
        self.parse().map(|parsed| &parsed.as_sent)
    }

    /// The payload, opened if it is a string that holds a JSON object or array.
    ///
    /// # Errors
    ///
    /// [`Error::NoPayload`] or [`Error::PayloadNotJson`].
    pub fn value(self) -> Result<&'a Value, Error> {
        self.parse().map(|parsed| parsed.opened.as_ref().unwrap_or(&parsed.as_sent))
    }

    /// What is at a path. `None` if there is nothing, `null`, or no payload that could have it.
    #[must_use]
    pub fn find(self, path: &str) -> Option<&'a Value> {
        walk(self.value().ok()?, path).filter(|value| !value.is_null())
    }

    /// The string at a path.
    ///
    /// # Errors
    ///
    /// Names the path that is missing or holds something else. So do the getters below.
    pub fn str(self, path: &str) -> Result<&'a str, Error> {
        let value = self.require(path)?;
        value.as_str().ok_or_else(|| wrong_type(path, value, "a string"))
    }

    /// The whole number at a path.
    ///
    /// # Errors
    ///
    /// As for [`str`](Self::str).
    pub fn i64(self, path: &str) -> Result<i64, Error> {
        let value = self.require(path)?;
        value.as_i64().ok_or_else(|| wrong_type(path, value, "a whole number of 64 bits"))
    }

    /// The number at a path.
    ///
    /// # Errors
    ///
    /// As for [`str`](Self::str).
    pub fn f64(self, path: &str) -> Result<f64, Error> {
        let value = self.require(path)?;
        value.as_f64().ok_or_else(|| wrong_type(path, value, "a number"))
    }

    /// The boolean at a path.
    ///
    /// # Errors
    ///
    /// As for [`str`](Self::str).
    pub fn bool(self, path: &str) -> Result<bool, Error> {
        let value = self.require(path)?;
        value.as_bool().ok_or_else(|| wrong_type(path, value, "a boolean"))
    }

    /// What is at a path, as a type of the policy's own. With the empty path, the payload as a whole.
    ///
    /// # Errors
    ///
    /// As for [`str`](Self::str).
    pub fn get<T: DeserializeOwned>(self, path: &str) -> Result<T, Error> {
        T::deserialize(self.require(path)?)
            .map_err(|error| Error::WrongType { path: path.to_owned(), problem: format!("does not fit: {error}") })
    }

    fn parse(self) -> Result<&'a Parsed, Error> {
        let text = self.text.ok_or(Error::NoPayload)?;
        let parsed = self.parsed.get_or_init(|| parse(text).map_err(|error| error.to_string()));
        match parsed {
            Ok(parsed) if parsed.as_sent.is_null() => Err(Error::NoPayload),
            Ok(parsed) => Ok(parsed),
            Err(problem) => Err(Error::PayloadNotJson { problem: problem.clone() }),
        }
    }

    fn require(self, path: &str) -> Result<&'a Value, Error> {
        let root = self.value()?;
        if !(path.is_empty() || root.is_object() || root.is_array()) {
            return Err(wrong_type("", root, "an object"));
        }
        self.find(path).ok_or_else(|| Error::MissingField { path: path.to_owned(), instead: self.instead_of(path) })
    }

    /// What there is where a path leads to nothing: a misspelt member is found by those that are there.
    fn instead_of(self, path: &str) -> String {
        let above = path.match_indices('.').filter_map(|(end, _)| path.get(..end));
        let reached = above.map_while(|above| Some((format!("`{above}`"), self.find(above)?))).last();
        let Some((what, found)) = reached.or_else(|| Some(("it".to_owned(), self.value().ok()?))) else {
            return String::new();
        };
        match found {
            Value::Object(members) => {
                let names = members.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| format!("`{name}`"));
                let names: Vec<String> = names.collect();
                let more = if names.len() > MOST_NAMES { ", …" } else { "" };
                match names.get(..MOST_NAMES.min(names.len())) {
                    None | Some([]) => String::new(),
                    Some(names) => format!("; {what} has {}{more}", names.join(", ")),
                }
            }
            Value::Array(elements) => format!("; {what} is an array of {}", elements.len()),
            other => format!("; {what} is {}", describe(other)),
        }
    }
}

fn parse(text: &str) -> serde_json::Result<Parsed> {
    let as_sent: Value = serde_json::from_str(text)?;
    // Only objects and arrays are opened: a device that sends the string "12" means a string.
    let opened = as_sent
        .as_str()
        .filter(|inner| inner.trim_start().starts_with(['{', '[']))
        .and_then(|inner| serde_json::from_str(inner).ok());
    Ok(Parsed { as_sent, opened })
}

fn walk<'a>(root: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(root);
    }
    path.split('.').try_fold(root, |value, segment| match value {
        Value::Array(elements) => elements.get(segment.parse::<usize>().ok()?),
        _ => value.get(segment),
    })
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn wrong_type(path: &str, found: &Value, wanted: &str) -> Error {
    Error::WrongType { path: path.to_owned(), problem: format!("is {}, not {wanted}", describe(found)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn with<R>(text: Option<&str>, test: impl FnOnce(Payload<'_>) -> R) -> R {
        test(Payload::new(text, &ParsedOnce::new()))
    }

    #[test]
    fn the_text_is_as_received() {
        let text = "{ \"b\":1,\n\"a\" : 2.50 }";
        with(Some(text), |payload| {
            assert_eq!(payload.text(), Some(text));
            assert_eq!(payload.as_sent(), Ok(&json!({"a": 2.5, "b": 1})));
        });
    }

    #[test]
    fn a_string_that_holds_an_object_is_opened_and_others_are_not() {
        with(Some(r#""{\"modelId\":\"m\"}""#), |payload| {
            assert_eq!(payload.as_sent(), Ok(&json!(r#"{"modelId":"m"}"#)));
            assert_eq!(payload.value(), Ok(&json!({"modelId": "m"})));
            assert_eq!(payload.str("modelId"), Ok("m"));
        });
        for text in [r#""12""#, r#""{broken""#, r#""null""#] {
            with(Some(text), |payload| {
                assert_eq!(payload.value(), payload.as_sent());
                assert!(payload.value().is_ok_and(Value::is_string));
            });
        }
    }

    #[test]
    fn nothing_and_null_are_no_payload() {
        for text in [None, Some("null")] {
            with(text, |payload| {
                assert_eq!(payload.value(), Err(Error::NoPayload));
                assert_eq!(payload.str("a"), Err(Error::NoPayload));
                assert_eq!(payload.find("a"), None);
            });
        }
    }

    #[test]
    fn paths_walk_objects_and_arrays() {
        let text = r#"{"a": {"b": [10, {"c": true}]}, "n": null, "x": 1.5}"#;
        with(Some(text), |payload| {
            assert_eq!(payload.i64("a.b.0"), Ok(10));
            assert_eq!(payload.bool("a.b.1.c"), Ok(true));
            assert_eq!(payload.f64("x"), Ok(1.5));
            assert_eq!(payload.get::<Vec<Value>>("a.b").map(|b| b.len()), Ok(2));
            assert!(payload.get::<Value>("").is_ok());
            assert_eq!(payload.find("n"), None);
            assert_eq!(payload.find("a.b.2"), None);
            assert_eq!(payload.find("a.b.first"), None);
        });
    }

    #[test]
    fn errors_name_the_path() {
        let message =
            |text: &str, get: fn(Payload<'_>) -> Option<Error>| with(Some(text), get).expect("an error").to_string();
        let missing = |text: &str| message(text, |p| p.str("a.b").err());
        assert_eq!(missing(r#"{"b": null}"#), "the payload has no `a.b`");
        assert_eq!(missing(r#"{"b": 1, "A": {}}"#), "the payload has no `a.b`; it has `A`, `b`");
        assert_eq!(missing(r#"{"a": {"c": 1}, "d": 1}"#), "the payload has no `a.b`; `a` has `c`");
        assert_eq!(missing(r#"{"a": [1, 2]}"#), "the payload has no `a.b`; `a` is an array of 2");
        assert_eq!(missing(r#"{"a": 7}"#), "the payload has no `a.b`; `a` is a number");
        assert_eq!(missing("[]"), "the payload has no `a.b`; it is an array of 0");
        let many: String = (10..21).map(|n| format!(r#""{n}":1,"#)).collect();
        let told = missing(&format!("{{{}}}", many.trim_end_matches(',')));
        assert!(told.ends_with("; it has `10`, `11`, `12`, `13`, `14`, `15`, `16`, `17`, `18`, `19`, …"), "{told}");
        assert_eq!(message(r#"{"a": {}}"#, |p| p.str("a").err()), "`a` in the payload is an object, not a string");
        assert_eq!(
            message(r#"{"a": 1.5}"#, |p| p.i64("a").err()),
            "`a` in the payload is a number, not a whole number of 64 bits"
        );
        assert_eq!(
            message(r#"{"a": "1"}"#, |p| p.get::<u8>("a").err()),
            "`a` in the payload does not fit: invalid type: string \"1\", expected u8"
        );
        assert_eq!(message("7", |p| p.str("a").err()), "the payload is a number, not an object");
        assert!(message("{", |p| p.str("a").err()).starts_with("the payload is not JSON:"));
    }
}
