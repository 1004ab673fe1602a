//! Chooses the hub and the first twin by how the registration id ends: the rule of Microsoft's tutorial on custom
//! allocation.

use berth_sdk::{Decision, Refusal, Request, Twin};

berth_sdk::policy!(allocate);

fn allocate(request: &Request) -> Result<Decision, Refusal> {
    // DPS compares registration ids without regard to case, and so does this policy.
    let id = request.registration_id().to_ascii_lowercase();
    let (hub_word, twin) = if id.ends_with("-contoso-tstrsd-007") {
        let twin =
            Twin::new().tag("deviceType", "toaster").desired("state", "ready").desired("darknessSetting", "medium");
        ("toasters", twin)
    } else if id.ends_with("-contoso-hpsd-088") {
        let twin = Twin::new().tag("deviceType", "heatpump").desired("state", "on").desired("temperatureSetting", "65");
        ("heatpumps", twin)
    } else {
        return Err(Refusal::reject(format!(
            "`{}` ends like neither a toaster nor a heat pump",
            request.registration_id()
        )));
    };
    let hub = request.hubs().containing(hub_word).spread(&id)?;
    Ok(Decision::to(hub).twin(twin).because("suffix-known"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_sdk::testing;

    const HUBS: [&str; 2] =
        ["contoso-toasters-hub-1098.azure-devices.net", "contoso-heatpumps-hub-1098.azure-devices.net"];

    fn decide(id: &str) -> Result<Decision, Refusal> {
        allocate(&testing::request(id).hubs(HUBS).build())
    }

    #[test]
    fn toasters_go_to_the_toasters_hub() {
        let decision = decide("breakroom499-contoso-tstrsd-007").unwrap();
        assert_eq!(decision.hub(), HUBS[0]);
        let twin = decision.initial_twin().unwrap();
        assert_eq!(twin.tags()["deviceType"], "toaster");
        assert_eq!(twin.desired_properties()["darknessSetting"], "medium");
    }

    #[test]
    fn heat_pumps_go_to_the_heat_pumps_hub_in_any_case() {
        let decision = decide("MainBuilding167-Contoso-HPSD-088").unwrap();
        assert_eq!(decision.hub(), HUBS[1]);
        let twin = decision.initial_twin().unwrap();
        assert_eq!(twin.tags()["deviceType"], "heatpump");
        assert_eq!(twin.desired_properties()["temperatureSetting"], "65");
    }

    #[test]
    fn anything_else_is_rejected() {
        assert_eq!(decide("kettle-1"), Err(Refusal::reject("`kettle-1` ends like neither a toaster nor a heat pump")));
    }

    #[test]
    fn a_toaster_without_its_hub_is_rejected() {
        let request = testing::request("a-contoso-tstrsd-007").hubs([HUBS[1]]).build();
        let refusal = allocate(&request).unwrap_err();
        assert!(refusal.is_reject());
        assert!(refusal.message().contains("contains `toasters`"));
    }
}
