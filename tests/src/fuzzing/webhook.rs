//! The body of an allocation request.

use berth::{contract::Attestation, wire::Body};
use serde_json::{Value, value::RawValue};

/// Levels of JSON that are taken.
const DEPTH: usize = 64;

/// A body is taken or refused; what a policy is shown of one that is taken makes sense, and is what the sender sent.
pub(super) fn holds(bytes: &[u8]) {
    let body = match Body::parse(bytes, DEPTH) {
        Ok(body) => body,
        Err(error) => return assert!(!error.to_string().is_empty(), "a refusal says why"),
    };
    let request = body.request();
    assert!(!request.registration_id.is_empty(), "a device has an id");
    assert!(!request.linked_hubs.is_empty() && request.linked_hubs.iter().all(|hub| !hub.is_empty()));
    for hub in &request.linked_hubs {
        assert!(request.linked_hub(&hub.to_ascii_uppercase()).is_some(), "a hub is found in any case");
    }
    // What is handed on as text is JSON still, no deeper than the whole.
    let texts = [Some(request.enrollment.document), Some(request.runtime_context), request.payload];
    for text in texts.into_iter().flatten() {
        serde_json::from_str::<&RawValue>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        berth::contract::check_json(text, DEPTH).unwrap_or_else(|flaw| panic!("{flaw}: {text}"));
    }
    let whole: Value = serde_json::from_slice(bytes).unwrap_or(Value::Null);
    if let Value::Object(whole) = &whole {
        assert_eq!(whole["deviceRuntimeContext"]["registrationId"], request.registration_id);
        assert_eq!(whole["linkedHubs"].as_array().map(Vec::len), Some(request.linked_hubs.len()));
    }
    if let Attestation::X509 { facts: Some(facts), .. } = &request.attestation {
        assert_eq!((facts.sha1_thumbprint.len(), facts.sha256_thumbprint.len()), (40, 64));
    }
}
