//! Which hub a device joins.

use berth_sdk::{Decision, Refusal, Request, Twin, json};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    let model = request.model_id()?;
    let hub = match request.keep_current_hub() {
        Some(hub) => hub,
        None => request.hubs().spread(request.registration_id())?,
    };
    Ok(Decision::to(hub)
        .twin(Twin::new().tag("model", model))
        .payload(json!({"reportEverySeconds": 60}))
        .because("model-known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_sdk::testing;

    #[test]
    fn a_device_keeps_its_hub() {
        let request = testing::request("sensor-7")
            .payload(json!({"modelId": "dtmi:com:example:Thermostat;1"}))
            .currently_at("hub-b.azure-devices.net")
            .build();
        assert_eq!(allocate(&request).unwrap().hub(), "hub-b.azure-devices.net");
    }

    #[test]
    fn a_device_without_a_model_is_rejected() {
        let request = testing::request("sensor-7").payload(json!({})).build();
        assert_eq!(allocate(&request), Err(Refusal::reject("the payload has no `modelId`")));
    }
}
