//! A reader who has the `berth` that is tested, and whose servers take ports that are free.

use std::path::Path;

use super::Walk;
use crate::berth::binary;

/// Where the webhook listens by default, and so on every page. A walk's own server has another port.
const WEBHOOK: &str = "127.0.0.1:7071";

/// How a page's server is started: a busy machine may take its time until policies serve.
const PATIENT: &str = "printf '[catalogue]\\nstart_timeout_ms = 300000\\n' > berth.toml; berth serve";

/// Where the local DPS has HTTPS by default, as URLs on pages have it.
const DPS: &str = "localhost:8443";

impl Walk {
    /// A walk on which `berth` is the one that is tested, and its servers take ports that are free. `curl` stands in for curl
    /// on machines that have none.
    ///
    /// # Errors
    ///
    /// If its folder cannot be made.
    pub fn of_reader(curl: &Path) -> anyhow::Result<Self> {
        let log = "--log-format human";
        let any = "127.0.0.1:0";
        Ok(Self::new()?
            .programs_in(binary().parent().unwrap_or(Path::new(".")))
            .stand_in("curl", curl)?
            .replace("berth serve", &format!("{PATIENT} {log} --listen {any} --admin-listen {any}"))
            .replace(
                "berth dps serve",
                &format!("berth dps serve {log} --listen {any} --mqtt-listen {any} --control-listen {any}"),
            )
            .learn(learn))
    }
}

/// Where a server that is ready listens, and so what its clients on the page have to be told.
fn learn(ready: &str) -> Vec<(String, String)> {
    let field = |name: &str| ready.split_whitespace().find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let mut learnt = Vec::new();
    if let Some(webhook) = field("webhook") {
        learnt.push((WEBHOOK.to_owned(), webhook.to_owned()));
    }
    if let (Some(https), Some(control)) = (field("https"), field("control")) {
        let here = https.replace("127.0.0.1", "localhost");
        let with = |variable: &str, command: &str| (command.to_owned(), format!("{variable} {command}"));
        learnt.push(with(&format!("BERTH_DPS=https://{here}"), "berth device register"));
        learnt.push(with(&format!("BERTH_DPS_CONTROL=http://{control}"), "berth dps "));
        learnt.push((DPS.to_owned(), here));
    }
    learnt
}
