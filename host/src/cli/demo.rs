//! `berth demo`.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;

use super::policy::interrupted;
use crate::{
    config::{AdminSection, WebhookSection},
    demo::{self, Options},
    dps::config::ListenSection,
    telemetry::{self, LogFormat},
    toolchain::Terminal,
};

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// End after the swap instead of serving on
    #[arg(long)]
    once: bool,
    /// The folder of the example policies [default: example-policies here or in a folder above]
    #[arg(long, value_name = "DIR")]
    examples: Option<PathBuf>,
    /// The folder to build and serve in; an earlier demo's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    folder: PathBuf,
    /// Where the webhook listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = WebhookSection::default().listen)]
    listen: SocketAddr,
    /// Where the admin listener listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = AdminSection::default().listen)]
    admin_listen: SocketAddr,
    /// Where the local DPS has HTTPS
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ListenSection::default().https)]
    dps_listen: SocketAddr,
    /// Where the local DPS has MQTT
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ListenSection::default().mqtt)]
    dps_mqtt_listen: SocketAddr,
    /// Where the local DPS has its control listener
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = ListenSection::default().control)]
    dps_control_listen: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let _last_lines = telemetry::start(LogFormat::Auto, "warn")?;
        let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
        let options = Options {
            examples: self.examples.unwrap_or_else(find_examples),
            folder: self.folder,
            listen: self.listen,
            admin_listen: self.admin_listen,
            dps: ListenSection { https: self.dps_listen, mqtt: self.dps_mqtt_listen, control: self.dps_control_listen },
            once: self.once,
        };
        let cancel = interrupted();
        runtime.block_on(demo::run(&options, || Box::new(Terminal::new(cancel.clone()))))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn find_examples() -> PathBuf {
    let name = Path::new("example-policies");
    let here = std::env::current_dir().unwrap_or_default();
    here.ancestors().map(|folder| folder.join(name)).find(|folder| folder.is_dir()).unwrap_or_else(|| name.to_owned())
}
