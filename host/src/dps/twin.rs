//! The twin a device begins with: its tags and its desired properties.
//!
//! DPS knows its members in small letters and no others. An enrollment that has others is refused; what a webhook sends is
//! passed over, as DPS does, and told to whoever looks at the trace.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A twin to begin with. What is not set is absent, never null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InitialTwin {
    /// What services know the device by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Map<String, Value>>,
    /// What the device is to be like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub properties: Option<Properties>,
}

/// The properties a twin begins with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Properties {
    /// What the device is to be like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<Map<String, Value>>,
}

impl InitialTwin {
    /// Reads a webhook's `initialTwin`, and what it has beside the members of a twin. The path of a member is what fails,
    /// if it is not an object.
    pub(super) fn of_webhook(twin: Value) -> Result<(Option<Self>, Vec<String>), String> {
        let Some(mut twin) = object("initialTwin", twin)? else { return Ok((None, Vec::new())) };
        let take =
            |of: &mut Map<String, Value>, name: &str, path: &str| object(path, of.remove(name).unwrap_or_default());
        let tags = take(&mut twin, "tags", "initialTwin.tags")?;
        let properties = take(&mut twin, "properties", "initialTwin.properties")?;
        let mut others: Vec<String> = twin.keys().map(|name| format!("initialTwin.{name}")).collect();
        let properties = properties.map(|mut properties| {
            let desired = take(&mut properties, "desired", "initialTwin.properties.desired")?;
            others.extend(properties.keys().map(|name| format!("initialTwin.properties.{name}")));
            Ok::<_, String>(Properties { desired })
        });
        Ok((Some(Self { tags, properties: properties.transpose()? }), others))
    }
}

fn object(path: &str, value: Value) -> Result<Option<Map<String, Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(members) => Ok(Some(members)),
        _ => Err(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(twin: Value) -> Result<(Value, Vec<String>), String> {
        InitialTwin::of_webhook(twin).map(|(twin, others)| (json!(twin), others))
    }

    #[test]
    fn members_in_other_letters_are_told_and_are_not_the_twins() {
        let twin =
            json!({"tags": {"a": 1}, "Properties": {}, "properties": {"desired": {"B": 2}, "Desired": {"c": 3}}});
        let others = ["initialTwin.Properties", "initialTwin.properties.Desired"].map(str::to_owned).to_vec();
        assert_eq!(read(twin).unwrap(), (json!({"tags": {"a": 1}, "properties": {"desired": {"B": 2}}}), others));
        assert_eq!(read(Value::Null).unwrap(), (Value::Null, Vec::new()));
        assert_eq!(read(json!({"tags": null, "properties": {"desired": null}})).unwrap().0, json!({"properties": {}}));
    }

    #[test]
    fn a_part_that_is_no_object_is_named() {
        for (twin, path) in [
            (json!([]), "initialTwin"),
            (json!({"tags": []}), "initialTwin.tags"),
            (json!({"properties": 7}), "initialTwin.properties"),
            (json!({"properties": {"desired": "x"}}), "initialTwin.properties.desired"),
        ] {
            assert_eq!(read(twin).unwrap_err(), path);
        }
    }
}
