//! Writes DPS's allocation response, and refuses to write one that DPS could not take.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use thiserror::Error;

use crate::contract::{Decision, JsonFlaw, check_json};

/// Why a decision cannot be written as an allocation response.
#[derive(Debug, Error)]
pub enum ResponseError {
    /// A part of the decision is not JSON.
    #[error("{part} is not valid JSON: {source}")]
    NotJson {
        /// Which part.
        part: &'static str,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// A part is too deep or its strings are not Unicode.
    #[error("{part}: {source}")]
    Flaw {
        /// Which part.
        part: &'static str,
        /// What is wrong.
        source: JsonFlaw,
    },
    /// A part is JSON but not an object.
    #[error("{part} has to be a JSON object, but begins with `{begins}`")]
    NotObject {
        /// Which part.
        part: &'static str,
        /// Its first characters.
        begins: String,
    },
    /// All of it together is too large.
    #[error("the answer is {bytes} bytes long, and DPS takes {limit}")]
    TooLarge {
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// The allocation response, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response(Vec<u8>);

impl Response {
    /// Writes a decision for this hub, spelled as DPS spells it.
    ///
    /// # Errors
    ///
    /// If twin or payload are not JSON objects, are too deep, or the whole is larger than `limit` bytes.
    pub fn write<'a>(
        hub: &str,
        decision: &'a Decision,
        json_depth: usize,
        limit: usize,
    ) -> Result<Self, ResponseError> {
        let object =
            |part, text: &'a Option<String>| text.as_deref().map(|text| object(part, text, json_depth)).transpose();
        let payload = object("the payload", &decision.payload)?;
        let twin = decision.initial_twin.as_ref().map(|twin| {
            let tags = object("the initial twin's tags", &twin.tags)?;
            let desired = object("the initial twin's desired properties", &twin.desired_properties)?;
            Ok((tags, desired))
        });
        let bytes = written(hub, twin.transpose()?, payload);
        if bytes.len() > limit {
            return Err(ResponseError::TooLarge { bytes: bytes.len(), limit });
        }
        Ok(Self(bytes))
    }

    /// The body's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The body's bytes, to keep.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The text of a part that is a JSON object, without space around it.
fn object<'a>(part: &'static str, text: &'a str, json_depth: usize) -> Result<&'a str, ResponseError> {
    check_json(text, json_depth).map_err(|source| ResponseError::Flaw { part, source })?;
    serde_json::from_str::<Readable>(text).map_err(|source| ResponseError::NotJson { part, source })?;
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(ResponseError::NotObject { part, begins: text.chars().take(20).collect() })
    }
}

/// The response of parts that are JSON objects: put side by side, since they have just been read.
fn written(hub: &str, twin: Option<(Option<&str>, Option<&str>)>, payload: Option<&str>) -> Vec<u8> {
    let parts = [payload, twin.and_then(|twin| twin.0), twin.and_then(|twin| twin.1)];
    let room = hub.len() + parts.into_iter().flatten().map(str::len).sum::<usize>() + 100;
    let mut text = String::with_capacity(room);
    text.push_str(r#"{"iotHubHostName":"#);
    text.push_str(&Value::from(hub).to_string());
    if let Some((tags, desired)) = twin {
        text.push_str(r#","initialTwin":{"#);
        if let Some(tags) = tags {
            text.push_str(r#""tags":"#);
            text.push_str(tags);
        }
        if let Some(desired) = desired {
            text.push_str(if tags.is_some() { r#","properties":{"desired":"# } else { r#""properties":{"desired":"# });
            text.push_str(desired);
            text.push('}');
        }
        text.push('}');
    }
    if let Some(payload) = payload {
        text.push_str(r#","payload":"#);
        text.push_str(payload);
    }
    text.push('}');
    text.into_bytes()
}

/// JSON whose every value is looked at and none kept. Text that is only handed on may hold numbers like `1e999`, which the
/// syntax allows and no reader's double can hold.
struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Readable {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<Self, Self>()?.is_some() {}
        Ok(self)
    }
}
