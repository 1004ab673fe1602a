//! Bodies of DPS's webhook calls become requests. Three were captured; the one with a certificate is built by the rules.

use berth_sdk::{
    Request,
    contract::{AllocationPolicy, Attestation, AttestationKind, ProvisioningStatus, ReprovisionPolicy},
    json, testing,
};

#[expect(clippy::expect_used, reason = "a body that cannot be read ends the test")]
fn read(body: &str) -> Request {
    testing::request_from_dps(body).expect("a body that DPS sends")
}

#[test]
fn a_first_registration_through_a_group() {
    let request = read(include_str!("bodies/group-symmetric-first.json"));
    assert_eq!(request.registration_id(), "breakroom499-contoso-tstrsd-007");
    assert_eq!(request.group(), Some("contoso-custom-allocated-devices"));
    assert!(request.is_first());
    assert_eq!(request.attestation(), &Attestation::SymmetricKey);
    assert_eq!(request.payload().text(), None);
    assert_eq!(request.linked_hubs().len(), 2);

    let enrollment = request.enrollment();
    assert_eq!(enrollment.attestation_kind, AttestationKind::SymmetricKey);
    assert_eq!(enrollment.iot_edge, Some(false));
    assert_eq!(enrollment.etag.as_deref(), Some("\"13003fea-0000-0300-0000-62d1d5e50000\""));
    assert_eq!(enrollment.provisioning_status, Some(ProvisioningStatus::Enabled));
    assert_eq!(
        enrollment.reprovision_policy,
        Some(ReprovisionPolicy { update_hub_assignment: true, migrate_device_data: true })
    );
    assert_eq!(enrollment.allocation_policy, Some(AllocationPolicy::Custom));
    assert_eq!(enrollment.iot_hubs, request.linked_hubs());
    assert!(enrollment.document.contains("\"createdDateTimeUtc\": \"2022-07-05T21:27:16.8123235Z\""));
}

#[test]
fn a_device_that_comes_again_with_a_payload() {
    let request = read(include_str!("bodies/group-symmetric-reregistration-payload.json"));
    assert!(!request.is_first() && !request.is_pinned());
    assert_eq!(request.keep_current_hub(), Some("contoso-toasters-hub-1098.azure-devices.net"));
    assert_eq!(request.payload().str("MyDeviceFirmwareVersion"), Ok("12.0.2.5"));
    assert!(request.runtime_context().contains("currentDeviceId"));
}

#[test]
fn an_older_body_leaves_members_out() {
    let request = read(include_str!("bodies/group-2019-03-31-pnp.json"));
    assert_eq!(request.model_id(), Ok("dtmi:azureiot:PhoneAsADevice;2"));
    assert_eq!(request.enrollment().iot_edge, None);
    assert_eq!(request.enrollment().reprovision_policy, None);
    assert!(request.enrollment().iot_hubs.is_empty());
    assert!(request.current().is_some() && !request.is_pinned(), "without a reprovision policy a device may move");
}

#[test]
fn an_enrollment_of_the_device_itself() {
    let request = read(include_str!("bodies/individual-x509-first.json"));
    let individual = request.individual().expect("an individual enrollment");
    assert_eq!(individual.registration_id, "press-17");
    assert_eq!(individual.device_id.as_deref(), Some("press-17-hall-2"));
    assert!(individual.optional_device_information.is_some());
    assert_eq!(request.payload().text(), None, "null is no payload");
    let Attestation::X509(x509) = request.attestation() else { panic!("a certificate was shown") };
    assert_eq!(x509.client_certificate.as_deref(), Some("MIIB"));
    let twin = request.enrollment().initial_twin.as_ref();
    assert_eq!(twin.and_then(|twin| twin.desired_properties.as_deref()), Some("{}"));
}

#[test]
fn a_body_that_dps_does_not_send_is_refused() {
    let enrollment = json!({"enrollmentGroupId": "g", "attestation": {"type": "symmetricKey"}});
    let context = json!({"registrationId": "a", "symmetricKey": {}});
    let hubs = json!(["hub-a.azure-devices.net"]);
    for (body, problem) in [
        (json!({}), "missing field `deviceRuntimeContext`"),
        (
            json!({"deviceRuntimeContext": context, "linkedHubs": hubs}),
            "wants one of individualEnrollment and enrollmentGroup",
        ),
        (
            json!({"individualEnrollment": enrollment, "deviceRuntimeContext": context, "linkedHubs": hubs}),
            "the individualEnrollment has no registrationId",
        ),
        (
            json!({"enrollmentGroup": enrollment, "deviceRuntimeContext": {"registrationId": "a"}, "linkedHubs": hubs}),
            "wants one of symmetricKey, x509 and tpm",
        ),
    ] {
        let error = testing::request_from_dps(&body.to_string()).expect_err(problem);
        assert!(error.starts_with(problem), "{error}");
    }
}
