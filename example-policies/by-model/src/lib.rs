//! Chooses hub, first twin and settings by the IoT Plug and Play model a device announces in its payload.
//!
//! What each model gets is in `tables/models.json`, so that a new model needs no new code.

use berth_sdk::{Decision, Map, Refusal, Request, Twin, Value, log, settings, tables};
use serde::Deserialize;

berth_sdk::policy!(allocate, validate_settings);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// What happens to a device whose model is not in the table.
    #[serde(default)]
    unknown_model: UnknownModel,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum UnknownModel {
    /// It is rejected.
    #[default]
    Reject,
    /// It goes to any linked hub, without twin and settings.
    Spread,
}

/// A row of the table `models`, keyed by the model's id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Model {
    /// How the names of the hubs for this model start.
    hub: String,
    /// Tags of the first twin.
    tags: Map<String, Value>,
    /// Desired properties of the first twin.
    desired: Map<String, Value>,
    /// What the device hears back.
    settings: Map<String, Value>,
}

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    let id = request.registration_id();
    let model_id = request.model_id()?;
    if let Some(model) = tables::lookup::<Model>("models", model_id)? {
        let hub = request.hubs().starting_with(&model.hub).spread(id)?;
        let twin = Twin::new().with_tags(model.tags).with_desired(model.desired);
        return Ok(Decision::to(hub).twin(twin).payload(Value::Object(model.settings)).because("model-known"));
    }
    match settings::<Settings>()?.unknown_model {
        UnknownModel::Reject => Err(Refusal::reject(format!("unknown model `{model_id}`"))),
        UnknownModel::Spread => {
            log::warn(format_args!("{id} has the unknown model {model_id}"));
            Ok(Decision::to(request.hubs().spread(id)?).because("model-unknown"))
        }
    }
}

/// The type says it all: settings that can be read are good ones.
fn validate_settings(_: &Settings) -> Result<(), String> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_sdk::{json, testing};

    fn host() -> testing::Host {
        testing::Host::new().json_table("models", include_str!("../tables/models.json"))
    }

    fn device(payload: Value) -> Request {
        testing::request("sensor-7")
            .hubs(["contoso-climate-1.azure-devices.net", "contoso-other.azure-devices.net"])
            .payload(payload)
            .build()
    }

    #[test]
    fn a_known_model_gets_its_hub_twin_and_settings() {
        let request = device(json!({"modelId": "dtmi:com:example:Thermostat;1"}));
        let decision = host().run(|| allocate(&request)).unwrap();
        assert_eq!(decision.hub(), "contoso-climate-1.azure-devices.net");
        let twin = decision.initial_twin().unwrap();
        assert_eq!(twin.tags()["deviceType"], "thermostat");
        assert_eq!(twin.desired_properties()["targetTemperature"], 21);
        assert_eq!(decision.reply().unwrap()["telemetryInterval"], 60);
    }

    #[test]
    fn the_older_member_and_text_in_a_string_will_do() {
        let request = device(json!(r#"{"iotcModelId": "dtmi:com:example:TemperatureController;2"}"#));
        let decision = host().run(|| allocate(&request)).unwrap();
        let twin = decision.initial_twin().unwrap();
        assert_eq!(twin.tags()["deviceType"], "temperatureController");
    }

    #[test]
    fn every_row_of_the_table_can_be_read() {
        let rows: Map<String, Value> = serde_json::from_str(include_str!("../tables/models.json")).unwrap();
        for model in rows.keys() {
            let row = host().run(|| tables::lookup::<Model>("models", model));
            assert!(row.is_ok_and(|row| row.is_some()), "{model}");
        }
    }

    #[test]
    fn an_unknown_model_is_rejected_unless_the_settings_spread_it() {
        let request = device(json!({"modelId": "dtmi:com:example:Kettle;1"}));
        assert_eq!(
            host().run(|| allocate(&request)),
            Err(Refusal::reject("unknown model `dtmi:com:example:Kettle;1`"))
        );

        let host = host().settings(json!({"unknownModel": "spread"}));
        let decision = host.run(|| allocate(&request)).unwrap();
        assert_eq!(decision.reasons(), ["model-unknown"]);
        assert_eq!(decision.initial_twin(), None);
        assert_eq!(host.log().len(), 1);
    }

    #[test]
    fn a_device_that_tells_no_model_is_rejected() {
        let refusal = |request: Request| host().run(|| allocate(&request)).unwrap_err();
        assert_eq!(refusal(testing::request("sensor-7").build()), Refusal::reject("the device sent no payload"));
        assert_eq!(
            refusal(device(json!({"firmware": "1.0"}))),
            Refusal::reject("the payload has no `modelId`; it has `firmware`")
        );
    }

    #[test]
    fn settings_are_exact() {
        let read = |settings: Value| serde_json::from_value::<Settings>(settings).map(|_| ());
        assert!(read(json!({})).is_ok());
        assert!(read(json!({"unknownModel": "spread"})).is_ok());
        assert!(read(json!({"unknownModel": "ignore"})).is_err());
        assert!(read(json!({"unknown_model": "spread"})).is_err());
    }
}
