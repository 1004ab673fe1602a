//! What a local DPS of the tests is started with.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr},
};

use berth::dps::certificates::Authority;
use serde_json::{Value, json};

use super::{CLIMATE, ID_SCOPE, LocalDps, PHONES};

/// What a local DPS is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    enrollments: Vec<Value>,
    groups: Vec<Value>,
    certificates: Vec<(&'static str, String)>,
    hubs: Vec<&'static str>,
    address: IpAddr,
    ports: [u16; 2],
    speed: u32,
    retry_after: u32,
    webhook_timeout_ms: u32,
}

impl Default for Setup {
    fn default() -> Self {
        let address = Ipv4Addr::LOCALHOST.into();
        Self {
            enrollments: Vec::new(),
            groups: Vec::new(),
            certificates: Vec::new(),
            hubs: vec![CLIMATE, PHONES],
            address,
            ports: [0, 0],
            speed: 100_000,
            retry_after: 0,
            webhook_timeout_ms: 30_000,
        }
    }
}

impl Setup {
    /// A local DPS without enrollments, on ports that are free, which waits for next to no time.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more enrollment: of a group, if it has the id of one.
    #[must_use]
    pub fn enrollment(mut self, enrollment: Value) -> Self {
        match enrollment.get("enrollmentGroupId") {
            Some(_) => self.groups.push(enrollment),
            None => self.enrollments.push(enrollment),
        }
        self
    }

    /// With one more certificate, in PEM, in its certificate store.
    #[must_use]
    pub fn certificate(mut self, name: &'static str, pem: &str) -> Self {
        self.certificates.push((name, pem.to_owned()));
        self
    }

    /// With one more linked hub.
    #[must_use]
    pub fn hub(mut self, host_name: &'static str) -> Self {
        self.hubs.push(host_name);
        self
    }

    /// With so little time for a webhook to answer.
    #[must_use]
    pub fn webhook_timeout_ms(mut self, timeout: u32) -> Self {
        self.webhook_timeout_ms = timeout;
        self
    }

    /// At this address of the machine and the ports that DPS has, since some clients cannot be told others; and with
    /// times that clients expect.
    #[must_use]
    pub fn at_well_known_ports_of(mut self, address: Ipv4Addr) -> Self {
        (self.address, self.ports) = (address.into(), [443, 8883]);
        (self.speed, self.retry_after) = (4, 2);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not become ready.
    pub async fn start(self) -> LocalDps {
        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::root("Authority of a test").expect("an authority");
        let server = authority.server(&["localhost".to_owned(), self.address.to_string()]).expect("a certificate");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
        write("server.pem", &server.chain);
        write("server.key", &server.key);
        write("authority.pem", &authority.pem());
        write("dps.toml", &self.toml());
        let certificates = self.certificates.iter().map(|(name, pem)| {
            write(&format!("{name}.pem"), pem);
            json!({ "name": name, "file": format!("{name}.pem") })
        });
        let certificates: Vec<Value> = certificates.collect();
        let (enrollments, groups) = (&self.enrollments, &self.groups);
        let file = json!({ "enrollments": enrollments, "enrollmentGroups": groups, "certificates": certificates });
        write("enrollments.json", &file.to_string());
        LocalDps::serving(folder, "authority.pem", &["--config", "dps.toml", "--enrollments", "enrollments.json"]).await
    }

    fn toml(&self) -> String {
        let Self { hubs, address, ports: [https, mqtt], speed, retry_after, webhook_timeout_ms, .. } = self;
        let hubs: Vec<String> = hubs.iter().map(|hub| format!("{{ host_name = \"{hub}\" }}")).collect();
        format!(
            "id_scope = \"{ID_SCOPE}\"\nclock_speed = {speed}\nretry_after_seconds = {retry_after}\n\
             hubs = [{}]\n\
             [listen]\nhttps = \"{address}:{https}\"\nmqtt = \"{address}:{mqtt}\"\ncontrol = \"127.0.0.1:0\"\n\
             [tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n\
             [webhook]\ntimeout_ms = {webhook_timeout_ms}\n",
            hubs.join(", ")
        )
    }
}
