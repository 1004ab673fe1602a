//! Writes DPS's allocation response, and refuses to write one that DPS could not take.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
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
            Ok(InitialTwin { tags, properties: desired.map(|desired| Properties { desired }) })
        });
        let response = AllocationResponse { iot_hub_host_name: hub, initial_twin: twin.transpose()?, payload };
        let bytes =
            serde_json::to_vec(&response).map_err(|source| ResponseError::NotJson { part: "the answer", source })?;
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

fn object<'a>(part: &'static str, text: &'a str, json_depth: usize) -> Result<&'a RawValue, ResponseError> {
    check_json(text, json_depth).map_err(|source| ResponseError::Flaw { part, source })?;
    let not_json = |source| ResponseError::NotJson { part, source };
    serde_json::from_str::<Readable>(text).map_err(not_json)?;
    let raw: &RawValue = serde_json::from_str(text).map_err(not_json)?;
    if raw.get().starts_with('{') {
        Ok(raw)
    } else {
        Err(ResponseError::NotObject { part, begins: raw.get().chars().take(20).collect() })
    }
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

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AllocationResponse<'a> {
    iot_hub_host_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_twin: Option<InitialTwin<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct InitialTwin<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties<'a>>,
}

#[derive(Serialize)]
struct Properties<'a> {
    desired: &'a RawValue,
}
