//! Where a device goes, with what first twin, and what it hears.
//!
//! Not for choosing the hub: that is [`Hubs`](crate::Hubs).

use serde_json::{Map, Value};

use crate::bindings::berth::allocation::types as wit;

/// A policy's answer for one device.
///
/// ```
/// use berth_sdk::{Decision, Twin, json};
///
/// let decision = Decision::to("north.azure-devices.net")
///     .twin(Twin::new().tag("site", "Oslo").desired("interval", 60))
///     .payload(json!({"interval": 60}))
///     .because("model-known");
/// assert_eq!(decision.hub(), "north.azure-devices.net");
/// assert_eq!(decision.reasons(), ["model-known"]);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a decision has no effect until the policy returns it"]
pub struct Decision {
    hub: String,
    twin: Option<Twin>,
    payload: Option<Map<String, Value>>,
    reasons: Vec<String>,
}

impl Decision {
    /// Sends the device to this hub: one of the request's linked hubs, in any case.
    pub fn to(hub: impl Into<String>) -> Self {
        Self { hub: hub.into(), twin: None, payload: None, reasons: Vec::new() }
    }

    /// Gives the device this first twin in place of the enrollment's.
    ///
    /// DPS uses it on a first assignment, and on a move under a reprovision policy that resets the device's data.
    pub fn twin(mut self, twin: Twin) -> Self {
        self.twin = Some(twin);
        self
    }

    /// Lets the device hear this. DPS hands it over in every case.
    ///
    /// # Panics
    ///
    /// If the value is not a JSON object: nothing else reaches a device.
    #[track_caller]
    pub fn payload(mut self, payload: Value) -> Self {
        assert!(payload.is_object(), "the payload of a decision must be a JSON object, not {payload}");
        if let Value::Object(members) = payload {
            self.payload = Some(members);
        }
        self
    }

    /// Notes why, in one short machine-readable word such as `model-known`. May be called again for another reason.
    ///
    /// Reasons are for Berth's log. They never reach the device.
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reasons.push(reason.into());
        self
    }

    /// The hub's host name, as it was given.
    #[must_use]
    pub fn hub(&self) -> &str {
        &self.hub
    }

    /// The first twin, if the decision has one.
    #[must_use]
    pub fn initial_twin(&self) -> Option<&Twin> {
        self.twin.as_ref()
    }

    /// What the device hears, if anything.
    #[must_use]
    pub fn reply(&self) -> Option<&Map<String, Value>> {
        self.payload.as_ref()
    }

    /// Why, in the order the reasons were noted.
    #[must_use]
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

/// A device's first twin: its tags and its desired properties.
///
/// ```
/// use berth_sdk::{Twin, json};
///
/// let twin = Twin::new().tag("site", json!({"city": "Oslo"})).desired("interval", 60);
/// assert_eq!(twin.tags()["site"]["city"], "Oslo");
/// assert_eq!(twin.desired_properties()["interval"], 60);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a twin has no effect until a decision carries it"]
pub struct Twin {
    tags: Map<String, Value>,
    desired: Map<String, Value>,
}

impl Twin {
    /// A twin with neither tags nor desired properties.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets one tag. A device never sees its tags.
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.tags.insert(name.into(), value.into());
        self
    }

    /// Sets one desired property.
    pub fn desired(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.desired.insert(name.into(), value.into());
        self
    }

    /// Sets every member as a tag, over tags of the same names.
    pub fn with_tags(mut self, members: Map<String, Value>) -> Self {
        self.tags.extend(members);
        self
    }

    /// Sets every member as a desired property, over properties of the same names.
    pub fn with_desired(mut self, members: Map<String, Value>) -> Self {
        self.desired.extend(members);
        self
    }

    /// The tags.
    #[must_use]
    pub fn tags(&self) -> &Map<String, Value> {
        &self.tags
    }

    /// The desired properties.
    #[must_use]
    pub fn desired_properties(&self) -> &Map<String, Value> {
        &self.desired
    }
}

impl From<Decision> for wit::Decision {
    fn from(decision: Decision) -> Self {
        Self {
            hub: decision.hub,
            initial_twin: decision.twin.map(|twin| wit::InitialTwin {
                tags: text_of_members(twin.tags),
                desired_properties: text_of_members(twin.desired),
            }),
            payload: decision.payload.map(|members| Value::Object(members).to_string()),
            reasons: decision.reasons,
        }
    }
}

/// The text of an object with members; an object without any is left out, as DPS leaves it out.
fn text_of_members(members: Map<String, Value>) -> Option<String> {
    (!members.is_empty()).then(|| Value::Object(members).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn the_contract_gets_all_of_it() {
        let decision = Decision::to("north")
            .twin(Twin::new().tag("site", "Oslo").desired("interval", 60))
            .payload(json!({"b": 1, "a": [true]}))
            .because("one")
            .because("two");
        assert_eq!(
            wit::Decision::from(decision),
            wit::Decision {
                hub: "north".to_owned(),
                initial_twin: Some(wit::InitialTwin {
                    tags: Some(r#"{"site":"Oslo"}"#.to_owned()),
                    desired_properties: Some(r#"{"interval":60}"#.to_owned()),
                }),
                payload: Some(r#"{"a":[true],"b":1}"#.to_owned()),
                reasons: vec!["one".to_owned(), "two".to_owned()],
            }
        );
    }

    #[test]
    fn what_was_not_said_is_not_sent() {
        let bare = wit::Decision::from(Decision::to("north"));
        assert_eq!(bare.initial_twin, None);
        assert_eq!(bare.payload, None);
        let tags_only = wit::Decision::from(Decision::to("north").twin(Twin::new().tag("site", "Oslo")));
        let twin = tags_only.initial_twin.expect("a twin");
        assert_eq!(twin.desired_properties, None);
    }

    #[test]
    fn members_of_a_table_row_join_what_is_there() {
        let Value::Object(row) = json!({"b": 2, "c": 3}) else { unreachable!() };
        let twin = Twin::new().tag("a", 1).tag("b", 1).with_tags(row.clone()).with_desired(row);
        assert_eq!(Value::from(twin.tags().clone()), json!({"a": 1, "b": 2, "c": 3}));
        assert_eq!(Value::from(twin.desired_properties().clone()), json!({"b": 2, "c": 3}));
    }

    #[test]
    #[should_panic(expected = "must be a JSON object, not [1]")]
    fn a_payload_that_is_no_object_is_a_mistake() {
        let _ = Decision::to("north").payload(json!([1]));
    }
}
