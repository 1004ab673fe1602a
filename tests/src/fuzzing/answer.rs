//! What a policy answers.

use berth::{
    contract::{Decision, InitialTwin},
    wire::Response,
};
use serde_json::Value;

/// Bytes and levels that DPS is taken to bear here: small, so that both are soon passed.
const MOST: usize = 4096;
const DEPTH: usize = 16;

/// Between the parts of an answer: no text has this byte.
const BETWEEN: u8 = 0xff;

/// An answer is refused, or DPS can read it: an object with the chosen hub, twin and payload objects that mean what the
/// policy wrote.
pub(super) fn holds(bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == BETWEEN).map(|part| String::from_utf8_lossy(part).into_owned());
    let hub = parts.next().unwrap_or_default();
    let payload = parts.next().filter(|part| !part.is_empty());
    let tags = parts.next().filter(|part| !part.is_empty());
    let desired_properties = parts.next().filter(|part| !part.is_empty());
    let twin = InitialTwin { tags, desired_properties };
    let initial_twin = (twin.tags.is_some() || twin.desired_properties.is_some()).then_some(twin);
    let decision = Decision { hub, initial_twin, payload, reasons: Vec::new() };
    let response = match Response::write(&decision.hub, &decision, DEPTH, MOST) {
        Ok(response) => response,
        Err(error) => return assert!(error.to_string().len() < 1000, "a fault is told in a line"),
    };
    assert!(response.as_bytes().len() <= MOST);
    let written: Value = serde_json::from_slice(response.as_bytes()).expect("DPS reads JSON");
    assert_eq!(written["iotHubHostName"], decision.hub.as_str());
    let twin = decision.initial_twin.as_ref();
    let (tags, desired) =
        (twin.and_then(|twin| twin.tags.as_ref()), twin.and_then(|twin| twin.desired_properties.as_ref()));
    let written_twin = &written["initialTwin"];
    for (part, text) in [
        (&written["payload"], decision.payload.as_ref()),
        (&written_twin["tags"], tags),
        (&written_twin["properties"]["desired"], desired),
    ] {
        match text {
            Some(text) => {
                assert!(part.is_object(), "{part}");
                assert_eq!(*part, serde_json::from_str::<Value>(text).expect("it was taken as JSON"));
            }
            None => assert!(part.is_null(), "{part}"),
        }
    }
}
