//! A device, what it shows, and the ends that its registration can come to.

use std::path::{Path, PathBuf};

use berth::dps::certificates::{Authority, Pem};
use berth_tests::local_dps::{
    CLIMATE, LocalDps, PHONES, Setup, Webhook, by_model,
    clients::{Client, Proof, endorsement_key, own_address},
    group, individual, keys,
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// The device of every test.
pub(crate) const ID: &str = "sensor-7";

/// A client, and what its device shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) kind: Kind,
}

/// What a device shows, and by which enrollment it comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A key, by an individual enrollment.
    Key,
    /// A key derived from its group's.
    GroupKey,
    /// A certificate, by an individual enrollment.
    Certificate,
    /// A certificate that an authority below its group's has signed.
    GroupCertificate,
    /// A TPM, by an individual enrollment.
    Tpm,
}

/// A device with its proof, somebody else's proof, and the local DPS that knows one of them.
pub(crate) struct World {
    pub(crate) dps: LocalDps,
    pub(crate) webhook: Webhook,
    pub(crate) proof: Proof,
    forged: Proof,
    _tpms: TempDir,
}

/// What an enrollment says, and the proofs with which a device does and does not come in by it.
struct Enrolled {
    enrollment: Value,
    proof: Proof,
    forged: Proof,
}

fn model(id: &str) -> Value {
    json!({ "modelId": id, "firmware": 1.5 })
}

pub(crate) fn thermostat() -> Value {
    model("dtmi:com:example:Thermostat;1")
}

fn x509(member: &str, certificate: &str) -> Value {
    json!({ "type": "x509", "x509": { member: { "primary": { "certificate": certificate } } } })
}

impl Kind {
    async fn enrolled(self, webhook: &str, tpms: &Path) -> Enrolled {
        let (key, other) = (keys::KEY, keys::OTHER_KEY);
        match self {
            Self::Key => Enrolled {
                enrollment: individual(ID, keys::attestation(key), webhook),
                proof: Proof::Key(key.to_owned()),
                forged: Proof::Key(other.to_owned()),
            },
            Self::GroupKey => Enrolled {
                enrollment: group("devices", keys::attestation(key), webhook),
                proof: Proof::Key(keys::derived(key, ID)),
                forged: Proof::Key(keys::derived(key, "sensor-8")),
            },
            Self::Certificate => {
                let [own, other] = [chain(), chain()];
                let leaf = own.1.chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap_or_default();
                let enrollment = individual(ID, x509("clientCertificates", leaf), webhook);
                Enrolled { enrollment, proof: Proof::Certificate(own.1), forged: Proof::Certificate(other.1) }
            }
            Self::GroupCertificate => {
                let [own, other] = [chain(), chain()];
                let enrollment = group("devices", x509("signingCertificates", &own.0), webhook);
                Enrolled { enrollment, proof: Proof::Certificate(own.1), forged: Proof::Certificate(other.1) }
            }
            Self::Tpm => {
                let [own, other] = ["own", "other"].map(|name| folder(tpms, name));
                let key = endorsement_key(own.clone()).await;
                let attestation = json!({ "type": "tpm", "tpm": { "endorsementKey": key } });
                let enrollment = individual(ID, attestation, webhook);
                Enrolled { enrollment, proof: Proof::Tpm(own), forged: Proof::Tpm(other) }
            }
        }
    }
}

fn folder(within: &Path, name: &str) -> PathBuf {
    let folder = within.join(name);
    std::fs::create_dir(&folder).expect("a folder");
    folder
}

/// A root, and a device's chain up to the authority below it.
fn chain() -> (String, Pem) {
    let root = Authority::root("root").expect("an authority");
    let below = root.intermediate("below").expect("an authority");
    let device = below.device(ID).expect("a certificate");
    (root.pem(), Pem { chain: device.chain + &below.pem(), key: device.key })
}

impl Device {
    /// A local DPS that knows the device by this change of its enrollment.
    pub(crate) async fn world(self, change: Value) -> World {
        let tpms = tempfile::tempdir().expect("a folder");
        let (address, path) = by_model();
        let webhook = Webhook::before(address, &path).await;
        let Enrolled { mut enrollment, proof, forged } = self.kind.enrolled(&webhook.url(), tpms.path()).await;
        for (member, value) in change.as_object().into_iter().flatten() {
            enrollment[member] = value.clone();
        }
        let dps = Setup::new().enrollment(enrollment).at_well_known_ports_of(own_address()).start().await;
        World { dps, webhook, proof, forged, _tpms: tpms }
    }

    pub(crate) async fn is_assigned(self) {
        let world = self.world(json!({})).await;
        let results = self.client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
        let expected = json!({
            "status": "assigned",
            "hub": CLIMATE,
            "deviceId": ID,
            "substatus": "initialAssignment",
            "payload": { "telemetryInterval": 60 },
        });
        assert_eq!(results, [expected]);
        let context = &world.webhook.asked()[0]["deviceRuntimeContext"];
        assert_eq!((&context["registrationId"], &context["payload"]), (&json!(ID), &thermostat()));
        let known = world.dps.device(ID).await;
        assert_eq!(known["assignment"]["twin"]["tags"], json!({ "deviceType": "thermostat" }));
    }

    pub(crate) async fn is_rejected(self) {
        let world = self.world(json!({})).await;
        let kettle = model("dtmi:com:example:Kettle;1");
        let results = self.client.registers(&world.dps, ID, &world.proof, &[kettle]).await;
        assert_eq!(results[0]["status"], "failed", "{results:?}");
        self.hears(&results[0], 400_207);
        let known = world.dps.device(ID).await;
        assert_eq!((&known["state"]["errorCode"], known.get("assignment")), (&json!(400_207), None));
    }

    pub(crate) async fn is_disabled(self) {
        let world = self.world(json!({ "provisioningStatus": "disabled" })).await;
        let results = self.client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
        assert_eq!(results[0]["status"], "disabled", "{results:?}");
        assert!(world.webhook.asked().is_empty());
    }

    pub(crate) async fn is_refused(self) {
        let world = self.world(json!({})).await;
        let results = self.client.registers(&world.dps, ID, &world.forged, &[thermostat()]).await;
        assert_eq!(results[0]["status"], "refused", "{results:?}");
        assert!(world.webhook.asked().is_empty());
        // Whoever has the proof comes in all the same.
        let results = self.client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
        assert_eq!(results[0]["status"], "assigned", "{results:?}");
    }

    pub(crate) async fn waits(self) {
        let world = self.world(json!({})).await;
        for _ in 0..2 {
            world.webhook.answers(500, json!({}));
        }
        let results = self.client.registers(&world.dps, ID, &world.proof, &[thermostat()]).await;
        assert_eq!(results[0]["status"], "assigned", "{results:?}");
        assert_eq!(results[0]["payload"], json!({ "telemetryInterval": 60 }));
        assert_eq!(world.webhook.asked().len(), 3);
    }

    pub(crate) async fn moves(self) {
        let world = self.world(json!({})).await;
        let phone = model("dtmi:azureiot:PhoneAsADevice;2");
        let results = self.client.registers(&world.dps, ID, &world.proof, &[thermostat(), phone]).await;
        let told = |at: usize| [&results[at]["hub"], &results[at]["substatus"], &results[at]["payload"]];
        let expected =
            |hub: &str, how: &str, interval: u32| [json!(hub), json!(how), json!({ "telemetryInterval": interval })];
        assert_eq!(told(0), expected(CLIMATE, "initialAssignment", 60).each_ref(), "{results:?}");
        assert_eq!(told(1), expected(PHONES, "deviceDataMigrated", 10).each_ref(), "{results:?}");
        assert_eq!(world.webhook.asked()[1]["deviceRuntimeContext"]["currentIotHubHostName"], CLIMATE);
    }

    /// The client for Python tells no code.
    fn hears(self, result: &Value, code: u32) {
        if matches!(self.client, Client::Node(_)) {
            assert_eq!(result["code"], code, "{result}");
        }
    }
}
