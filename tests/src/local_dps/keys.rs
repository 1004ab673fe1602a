//! Symmetric keys of devices and groups, and what is signed with them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use berth::dps::attestation::sas::derived_key;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

/// A key of a device or a group, in base64.
pub const KEY: &str = "oiK77Oy7rBw8YB6IS6ukRChAw+Yq6GC61RMrPLSTiOOtdI+XDu0LmLuNm11p+qv2I+adqGUdZHm46zXAQdZoOA==";
/// Another.
pub const OTHER_KEY: &str = "OljPc7EYlYA2TLy88jIztGZEn737hOIsxxHqWHl2vXkJP7GsGsOoZZSPGWMN4RdB4emGaseQWAc/lthKzQOgBg==";
/// The end of the year 2096, in seconds.
pub const LATE: i64 = 4_007_000_000;

/// How an enrollment holds it.
#[must_use]
pub fn attestation(key: &str) -> Value {
    json!({ "type": "symmetricKey", "symmetricKey": { "primaryKey": key, "secondaryKey": key } })
}

/// The key that a device of a group has, in base64.
///
/// # Panics
///
/// If the group's key is not base64.
#[must_use]
pub fn derived(group_key: &str, registration_id: &str) -> String {
    let key = STANDARD.decode(group_key).expect("a key");
    STANDARD.encode(derived_key(&key, registration_id).expect("a key"))
}

/// The signature of a resource and an expiry, in base64. The resource is signed as it is written in the signature.
///
/// # Panics
///
/// If the key is not base64.
#[must_use]
pub fn signature(key: &str, resource: &str, expiry: impl std::fmt::Display) -> String {
    let key = STANDARD.decode(key).expect("a key");
    let mac = <Hmac<Sha256> as hmac::Mac>::new_from_slice(&key).expect("a key");
    STANDARD.encode(mac.chain_update(format!("{resource}\n{expiry}")).finalize().into_bytes())
}

/// Base64 as it has to be in a signature, with hexadecimal digits in capitals.
#[must_use]
pub fn percent_encoded(base64: &str) -> String {
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

/// The signature that a device of this id shows.
#[must_use]
pub fn sas(key: &str, id_scope: &str, registration_id: &str, expiry: i64) -> String {
    let resource = format!("{id_scope}%2Fregistrations%2F{registration_id}");
    let signature = percent_encoded(&signature(key, &resource, expiry));
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn=registration")
}
