//! The local DPS of these tests: two hubs for climate and one for phones, as the policy `by-model` has them.

use berth_tests::local_dps;
use serde_json::Value;

pub(crate) use berth_tests::local_dps::{
    Ended, LocalDps, PHONES, by_model_url, custom,
    keys::{KEY as GROUP_KEY, attestation as by_key},
};

/// The hubs for the climate models.
pub(crate) const CLIMATE: [&str; 2] = [local_dps::CLIMATE, "contoso-climate-2.azure-devices.net"];
/// The key of a device of its own enrollment.
pub(crate) const DEVICE_KEY: &str = "b3duLWtleS1vZi1hLWRldmljZS0x";

/// A group of this name whose devices sign with keys of the group's, decided for by this webhook.
pub(crate) fn group(name: &str, webhook: &str) -> Value {
    local_dps::group(name, by_key(GROUP_KEY), webhook)
}

/// A local DPS with these enrollments.
pub(crate) async fn serving(enrollments: impl IntoIterator<Item = Value>) -> LocalDps {
    let setup = local_dps::Setup::new().hub(CLIMATE[1]);
    enrollments.into_iter().fold(setup, local_dps::Setup::enrollment).start().await
}
