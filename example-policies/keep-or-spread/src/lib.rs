//! Keeps a device on its hub while that hub is linked, and spreads the others over the linked hubs by weight.

use std::collections::BTreeMap;

use berth_sdk::{Decision, Refusal, Request, hub_matches, settings};
use serde::Deserialize;

berth_sdk::policy!(allocate, validate_settings);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Settings {
    /// Shares of new devices, by the hub's name or whole host name. Zero drains a hub: it gets no new devices.
    #[serde(default)]
    weights: BTreeMap<String, f64>,
    /// The share of a hub that is not among the weights.
    #[serde(default = "one")]
    default_weight: f64,
}

fn one() -> f64 {
    1.0
}

impl Settings {
    fn weight(&self, hub: &str) -> f64 {
        self.weights.iter().find(|(name, _)| hub_matches(hub, name)).map_or(self.default_weight, |(_, weight)| *weight)
    }
}

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    if let Some(hub) = request.keep_current_hub() {
        return Ok(Decision::to(hub).because("kept-hub"));
    }
    let settings: Settings = settings()?;
    // With every hub drained, a device should come again rather than give up.
    let hub = request
        .hubs()
        .spread_weighted(request.registration_id(), |hub| settings.weight(hub))
        .map_err(|error| Refusal::retry_later(error.to_string()))?;
    let reason = if request.is_first() { "new-device" } else { "hub-gone" };
    Ok(Decision::to(hub).because(reason))
}

fn validate_settings(settings: &Settings) -> Result<(), String> {
    let mut highest = settings.default_weight;
    if highest < 0.0 {
        return Err(format!("`defaultWeight` is {highest}, below zero"));
    }
    for (hub, &weight) in &settings.weights {
        if weight < 0.0 {
            return Err(format!("the weight of `{hub}` is {weight}, below zero"));
        }
        highest = highest.max(weight);
    }
    if highest == 0.0 {
        return Err("all weights are zero: no device would get a hub".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_sdk::{Value, json, testing};

    fn validate(settings: Value) -> Result<(), String> {
        validate_settings(&serde_json::from_value(settings).map_err(|error| error.to_string())?)
    }

    #[test]
    fn a_device_stays_while_its_hub_is_linked() {
        let host = testing::Host::new().settings(json!({"weights": {"hub-a": 0}}));
        let request = testing::request("sensor-7").currently_at("HUB-A.azure-devices.net").build();
        let decision = host.run(|| allocate(&request)).unwrap();
        assert_eq!(decision.hub(), "hub-a.azure-devices.net");
        assert_eq!(decision.reasons(), ["kept-hub"]);
    }

    #[test]
    fn a_device_whose_hub_is_gone_gets_another() {
        let request = testing::request("sensor-7").currently_at("hub-z.azure-devices.net").build();
        let decision = allocate(&request).unwrap();
        assert_eq!(decision.reasons(), ["hub-gone"]);
        assert!(request.hubs().named(decision.hub()).is_ok());
    }

    #[test]
    fn a_drained_hub_gets_no_new_devices() {
        let host = testing::Host::new().settings(json!({"weights": {"Hub-A": 0}}));
        for n in 0..100 {
            let request = testing::request(&format!("sensor-{n}")).build();
            let decision = host.run(|| allocate(&request)).unwrap();
            assert_eq!(decision.hub(), "hub-b.azure-devices.net");
        }
    }

    #[test]
    fn new_devices_follow_the_weights() {
        let host = testing::Host::new().settings(json!({"weights": {"hub-a": 3}}));
        let at_a = (0..1000)
            .filter(|n| {
                let request = testing::request(&format!("sensor-{n}")).build();
                let decision = host.run(|| allocate(&request)).unwrap();
                decision.hub() == "hub-a.azure-devices.net"
            })
            .count();
        assert!((700..800).contains(&at_a), "{at_a} of 1000");
    }

    #[test]
    fn with_every_hub_drained_devices_come_again() {
        let host = testing::Host::new().settings(json!({"weights": {"hub-a": 0, "hub-b": 0}}));
        let refusal = host.run(|| allocate(&testing::request("sensor-7").build())).unwrap_err();
        assert!(!refusal.is_reject());
    }

    #[test]
    fn settings_without_sense_are_refused() {
        for good in [
            json!({}),
            json!({"weights": {"a": 3, "b": 0.5, "c": 0}}),
            json!({"weights": {"a": 1}, "defaultWeight": 0}),
        ] {
            assert_eq!(validate(good), Ok(()));
        }
        for (bad, problem) in [
            (json!({"weights": {"a": -1}}), "the weight of `a` is -1, below zero"),
            (json!({"weights": {"a": 0}, "defaultWeight": 0}), "all weights are zero: no device would get a hub"),
            (json!({"defaultWeight": -2}), "`defaultWeight` is -2, below zero"),
            (json!({"weights": {"a": "3"}}), "invalid type: string \"3\", expected f64"),
            (json!({"weight": {}}), "unknown field `weight`, expected `weights` or `defaultWeight`"),
        ] {
            assert_eq!(validate(bad), Err(problem.to_owned()));
        }
    }
}
