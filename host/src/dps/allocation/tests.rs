//! The outcome table, the reprovisioning policies, the built-in policies and the body, without sockets.

use serde_json::{Value, json};

use super::*;
use crate::dps::enrollment::Enrollment;

const NORTH: &str = "north.azure-devices.net";
const SOUTH: &str = "South.azure-devices.net";

fn hubs() -> Vec<String> {
    vec![NORTH.into(), SOUTH.into()]
}

fn group(reprovision: Value) -> Enrollment {
    serde_json::from_value(json!({
        "enrollmentGroupId": "g", "attestation": {"type": "symmetricKey", "symmetricKey": {"primaryKey": "c2VjcmV0"}},
        "reprovisionPolicy": reprovision, "initialTwin": {"tags": {"from": "enrollment"}}, "allocationPolicy": "custom",
        "customAllocationDefinition": {"webhookUrl": "https://host/allocate?code=secret", "apiVersion": "2021-10-01"},
    }))
    .unwrap()
}

fn reads(status: u16, body: &str) -> Result<Choice, Failure> {
    Answer { status, body: body.into() }.choice(&hubs())
}

#[test]
fn answers_mean_what_dps_takes_them_for() {
    let choice =
        reads(200, r#"{"iotHubHostName":"SOUTH.azure-devices.net","linkedHubs":null,"payload":{"a":1}}"#).unwrap();
    assert_eq!((choice.hub.as_str(), choice.payload.unwrap().get()), (SOUTH, r#"{"a":1}"#));
    assert!(reads(200, r#"{"iotHubHostName":"north.azure-devices.net","payload":"text"}"#).unwrap().payload.is_none());
    for (status, body, code) in [
        (200, r#"{"iotHubHostName":""}"#, 400_208),
        (200, r#"{"iotHubHostName":null}"#, 400_208),
        (200, "{}", 400_208),
        (200, "not JSON", 400_207),
        (200, r#"["north.azure-devices.net",null,null]"#, 400_207),
        (200, r#"{"iotHubHostName":"elsewhere"}"#, 400_207),
        (200, r#"{"iotHubHostName":"north.azure-devices.net","initialTwin":[]}"#, 400_207),
        (401, "", 400_209),
        (403, "", 400_207),
        (302, "", 400_207),
        (201, r#"{"iotHubHostName":"north.azure-devices.net"}"#, 400_207),
    ] {
        assert_eq!(reads(status, body).unwrap_err().code, code, "{status} {body}");
    }
    assert_eq!(reads(400, "").unwrap_err().message, "Custom allocation failed with status code: 400");
    let retried = |status| Answer { status, body: Vec::new() }.is_to_be_retried();
    assert!(retried(429) && retried(500) && retried(503) && !retried(404) && !retried(428));
}

#[test]
fn a_twin_counts_on_the_first_assignment_and_on_a_reset() {
    let [migrate, reset, never] = [(true, true), (true, false), (false, true)]
        .map(|(update, migrate)| group(json!({"updateHubAssignment": update, "migrateDeviceData": migrate})));
    let [twin, old] = ["webhook", "before"].map(|from| serde_json::from_value(json!({"tags": {"from": from}})).ok());
    let choice = |hub: &str| Choice { hub: hub.into(), initial_twin: twin.clone(), ..Choice::default() };
    let current = Assignment { hub: NORTH.into(), device_id: "d".into(), twin: old.clone() };

    let (first, substatus) = assign(&migrate, "d", None, &choice(NORTH));
    assert_eq!((first.twin, substatus), (twin.clone(), Substatus::InitialAssignment));
    let (first, _) = assign(&migrate, "d", None, &Choice { hub: NORTH.into(), ..Choice::default() });
    assert_eq!(first.twin, migrate.initial_twin);

    let (moved, substatus) = assign(&migrate, "d", Some(&current), &choice(SOUTH));
    assert_eq!((moved.hub.as_str(), moved.twin, substatus), (SOUTH, old.clone(), Substatus::DeviceDataMigrated));
    let (moved, substatus) = assign(&reset, "d", Some(&current), &choice(SOUTH));
    assert_eq!((moved.twin, substatus), (twin.clone(), Substatus::DeviceDataReset));
    let (stays, substatus) = assign(&reset, "d", Some(&current), &choice(NORTH));
    assert_eq!((stays.twin, substatus), (old, Substatus::ReprovisionedToInitialAssignment));

    let [both, south] = [&[NORTH, SOUTH][..], &[SOUTH]]
        .map(|names| names.iter().map(|name| Hub { host_name: (*name).into(), latency_ms: 1 }).collect::<Vec<_>>());
    assert_eq!(candidates(&never, &both, Some(&current)), [NORTH]);
    assert_eq!(candidates(&migrate, &south, Some(&current)), [SOUTH]);
    // A hub whose link was taken away is nowhere to go to, nor to stay.
    assert_eq!(candidates(&never, &south, Some(&current)), [SOUTH]);
    let named = Enrollment { iot_hubs: Some(hubs()), ..migrate.clone() };
    assert_eq!(candidates(&named, &south, None), [SOUTH]);
    let one = Enrollment { iot_hub_host_name: Some(NORTH.into()), ..migrate };
    assert!(candidates(&one, &south, None).is_empty());
}

#[test]
fn built_in_policies_choose() {
    let linked: Vec<Hub> =
        hubs().into_iter().zip([9, 1]).map(|(host_name, latency_ms)| Hub { host_name, latency_ms }).collect();
    let choose = |policy, id: &str| built_in(policy, id, &hubs(), &linked).unwrap();
    assert_eq!(choose(AllocationPolicy::Static, "d"), NORTH);
    assert_eq!(choose(AllocationPolicy::GeoLatency, "d"), SOUTH);
    let north = (0..1000).filter(|n| choose(AllocationPolicy::Hashed, &n.to_string()) == NORTH).count();
    assert!((400..600).contains(&north), "{north} of 1000");
    assert_eq!(choose(AllocationPolicy::Hashed, "Dev"), choose(AllocationPolicy::Hashed, "dEV"));
}

#[test]
fn the_body_keeps_the_secrets() {
    let enrollment = group(json!(null));
    let payload = RawValue::from_string(r#"{"b":1.50,"a":[]}"#.into()).unwrap();
    let current = Assignment { hub: NORTH.into(), device_id: "dev".into(), twin: None };
    let context = Context {
        registration_id: "Dev",
        current: Some(&current),
        certificate: None,
        tpm: None,
        payload: Some(&payload),
    };
    let body = String::from_utf8(context.body(&enrollment, &hubs())).unwrap();
    assert_eq!(
        body,
        concat!(
            r#"{"enrollmentGroup":{"enrollmentGroupId":"g","attestation":{"type":"symmetricKey"},"#,
            r#""initialTwin":{"tags":{"from":"enrollment"}},"allocationPolicy":"custom","#,
            r#""customAllocationDefinition":{"webhookUrl":"https://host/allocate?****","apiVersion":"2021-10-01"}},"#,
            r#""deviceRuntimeContext":{"registrationId":"Dev","currentIotHubHostName":"north.azure-devices.net","#,
            r#""currentDeviceId":"dev","symmetricKey":{},"payload":{"b":1.50,"a":[]}},"#,
            r#""linkedHubs":["north.azure-devices.net","South.azure-devices.net"]}"#
        )
    );
}
