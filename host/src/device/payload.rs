//! What devices say of themselves: the same for all, or made for each from a template.

use serde_json::value::RawValue;
use thiserror::Error;

/// Where a device's number stands in a template.
pub const NUMBER: &str = "{n}";
/// Where its registration id stands.
pub const ID: &str = "{id}";

/// No payload can be made.
#[derive(Debug, Error)]
pub enum PayloadError {
    /// Not JSON.
    #[error("the payload is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// A template that is not JSON once the placeholders are filled in.
    #[error("the payload template is not JSON once {{n}} and {{id}} are filled in")]
    NotJsonFilledIn(#[source] serde_json::Error),
    /// An empty array of templates.
    #[error("the payload template is an array of nothing: put a payload in it")]
    Empty,
    /// There is no place for a model.
    #[error("a model id can only be put into an object that has no modelId yet")]
    NoPlaceForModel,
}

/// What devices say of themselves.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    text: Option<Text>,
    /// Their IoT Plug and Play model, put into the payload as its first member.
    model_id: Option<String>,
}

#[derive(Debug, Clone)]
enum Text {
    /// As it is.
    Fixed(Box<RawValue>),
    /// With placeholders. An array: devices take its elements in turn.
    Template(String),
}

impl Payloads {
    /// The same for all: JSON, sent as it is.
    ///
    /// # Errors
    ///
    /// If it is not JSON.
    pub fn fixed(json: &str) -> Result<Self, PayloadError> {
        let payload = serde_json::from_str(json.trim()).map_err(PayloadError::NotJson)?;
        Ok(Self { text: Some(Text::Fixed(payload)), model_id: None })
    }

    /// One for each: `{n}` stands for the device's number, `{id}` for its registration id. Of an array, devices take the
    /// elements in turn.
    #[must_use]
    pub fn template(text: &str) -> Self {
        Self { text: Some(Text::Template(text.to_owned())), model_id: None }
    }

    /// With this IoT Plug and Play model.
    #[must_use]
    pub fn with_model(mut self, model_id: Option<String>) -> Self {
        self.model_id = model_id;
        self
    }

    /// The payload of the device with this number, counted from 1.
    ///
    /// # Errors
    ///
    /// If none can be made.
    pub fn of(&self, number: u64, registration_id: &str) -> Result<Option<Box<RawValue>>, PayloadError> {
        let payload = match &self.text {
            None => None,
            Some(Text::Fixed(payload)) => Some(payload.clone()),
            Some(Text::Template(text)) => Some(filled_in(text, number, registration_id)?),
        };
        match &self.model_id {
            None => Ok(payload),
            Some(model_id) => with_model(payload.as_deref(), model_id).map(Some),
        }
    }
}

/// A template's text with the placeholders filled in.
#[must_use]
pub fn fill_in(text: &str, number: u64, registration_id: &str) -> String {
    text.replace(NUMBER, &number.to_string()).replace(ID, registration_id)
}

fn filled_in(text: &str, number: u64, registration_id: &str) -> Result<Box<RawValue>, PayloadError> {
    let text = fill_in(text.trim(), number, registration_id);
    if !text.starts_with('[') {
        return serde_json::from_str(&text).map_err(PayloadError::NotJsonFilledIn);
    }
    let mut all: Vec<Box<RawValue>> = serde_json::from_str(&text).map_err(PayloadError::NotJsonFilledIn)?;
    let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
    let turn = number.wrapping_sub(1).checked_rem(count).ok_or(PayloadError::Empty)?;
    Ok(all.swap_remove(usize::try_from(turn).unwrap_or_default()))
}

/// The payload with a model as its first member; its other bytes stay as they are.
fn with_model(payload: Option<&RawValue>, model_id: &str) -> Result<Box<RawValue>, PayloadError> {
    let text = payload.map_or("{}", RawValue::get);
    let members: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| PayloadError::NoPlaceForModel)?;
    if members.contains_key("modelId") {
        return Err(PayloadError::NoPlaceForModel);
    }
    let rest = text.trim_start_matches('{');
    let comma = if members.is_empty() { "" } else { "," };
    let text = format!("{{\"modelId\":{}{comma}{rest}", serde_json::Value::from(model_id));
    RawValue::from_string(text).map_err(PayloadError::NotJson)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(payloads: &Payloads, number: u64) -> String {
        let id = format!("dev-{number}");
        payloads.of(number, &id).unwrap().map_or(String::new(), |payload| payload.get().to_owned())
    }

    #[test]
    fn a_payload_is_sent_as_it_is() {
        let payloads = Payloads::fixed("{ \"b\": 1.0, \"a\": 12345678901234567890123 }\n").unwrap();
        assert_eq!(text(&payloads, 1), "{ \"b\": 1.0, \"a\": 12345678901234567890123 }");
        assert_eq!(text(&Payloads::default(), 1), "");
        assert!(matches!(Payloads::fixed("{"), Err(PayloadError::NotJson(_))));
    }

    #[test]
    fn a_template_makes_one_for_each() {
        let payloads = Payloads::template(r#"{"number": {n}, "name": "the {id}"}"#);
        assert_eq!(text(&payloads, 7), r#"{"number": 7, "name": "the dev-7"}"#);
        let in_turn = Payloads::template(r#"[{"a": {n}}, {"b": 0}]"#);
        assert_eq!([1, 2, 3].map(|number| text(&in_turn, number)), [r#"{"a": 1}"#, r#"{"b": 0}"#, r#"{"a": 3}"#]);
        assert!(matches!(Payloads::template("[]").of(1, ""), Err(PayloadError::Empty)));
        assert!(matches!(Payloads::template("{id}").of(1, "x"), Err(PayloadError::NotJsonFilledIn(_))));
    }

    #[test]
    fn a_model_comes_first() {
        let model = Some("dtmi:com:example:Thermostat;1".to_owned());
        let with = |payloads: Payloads| text(&payloads.with_model(model.clone()), 1);
        assert_eq!(with(Payloads::default()), r#"{"modelId":"dtmi:com:example:Thermostat;1"}"#);
        assert_eq!(
            with(Payloads::fixed(r#"{"a": {"b": 1}}"#).unwrap()),
            r#"{"modelId":"dtmi:com:example:Thermostat;1","a": {"b": 1}}"#
        );
        for wrong in [r#"{"modelId": "x"}"#, r#""text""#] {
            let payloads = Payloads::fixed(wrong).unwrap().with_model(model.clone());
            assert!(matches!(payloads.of(1, ""), Err(PayloadError::NoPlaceForModel)));
        }
    }
}
