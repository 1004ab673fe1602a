//! Unmodified official clients against the local DPS: each way a client has, with each proof it can show, in each way a
//! registration can end.
//!
//! Every test has a `berth dps serve` of its own on DPS's ports, because some clients cannot be told others. The webhook
//! is `berth serve` with the example policy `by-model`.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

mod device;
mod payloads;
mod plug_and_play;
mod service;
mod throttled;

use berth_tests::local_dps::clients::Client;

/// One module for each client and proof, one test for each end of a registration.
macro_rules! matrix {
    ($($name:ident: $client:expr, $proof:ident;)*) => {$(
        mod $name {
            use super::{Client, device::{self, Device}};

            fn device() -> Device {
                Device { client: $client, kind: device::Kind::$proof }
            }

            #[tokio::test]
            async fn is_assigned_and_hears_what_the_policy_says() {
                device().is_assigned().await;
            }

            #[tokio::test]
            async fn is_rejected_by_the_policy() {
                device().is_rejected().await;
            }

            #[tokio::test]
            async fn is_refused_if_its_enrollment_is_disabled() {
                device().is_disabled().await;
            }

            #[tokio::test]
            async fn is_refused_without_the_right_proof() {
                device().is_refused().await;
            }

            #[tokio::test]
            async fn waits_until_the_webhook_is_well_again() {
                device().waits().await;
            }

            #[tokio::test]
            async fn moves_when_it_registers_again() {
                device().moves().await;
            }
        }
    )*};
}

matrix! {
    node_http_key: Client::Node("http"), Key;
    node_http_group_key: Client::Node("http"), GroupKey;
    node_http_certificate: Client::Node("http"), Certificate;
    node_http_group_certificate: Client::Node("http"), GroupCertificate;
    node_http_tpm: Client::Node("http"), Tpm;
    node_mqtt_key: Client::Node("mqtt"), Key;
    node_mqtt_certificate: Client::Node("mqtt"), GroupCertificate;
    node_websocket_key: Client::Node("mqtt-ws"), GroupKey;
    node_websocket_certificate: Client::Node("mqtt-ws"), Certificate;
    python_mqtt_key: Client::Python("mqtt"), Key;
    python_mqtt_certificate: Client::Python("mqtt"), Certificate;
    python_websocket_key: Client::Python("mqtt-ws"), GroupKey;
    python_websocket_certificate: Client::Python("mqtt-ws"), GroupCertificate;
}
