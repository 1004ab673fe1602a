//! `berth serve`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;

use super::{USAGE, output::told};
use crate::{
    app::{self, App},
    config::Config,
    runtime,
    telemetry::{self, LogFormat},
};

/// The file read if none is named.
const DEFAULT_FILE: &str = "berth.toml";

#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The configuration file [default: berth.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The catalogue directory, in place of `catalogue.directory`
    #[arg(long, value_name = "DIR")]
    catalogue: Option<PathBuf>,
    /// Where the webhook listens, in place of `webhook.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where the admin listener listens, in place of `admin.listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<SocketAddr>,
    /// The form of log lines, in place of `log.format`
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = match self.config().and_then(|config| config.check().map(|()| config)) {
            Ok(config) => config,
            Err(error) => {
                eprintln!("error: {}", told(&error));
                return Ok(ExitCode::from(USAGE));
            }
        };
        let _last_lines = telemetry::start(config.log.format, &config.log.filter)?;
        let runtime = runtime::runtime().context("failed to start the runtime")?;
        runtime.block_on(async {
            let mut signalled = std::pin::pin!(app::signalled()?);
            tokio::select! {
                app = App::start(&config) => app?.run(signalled).await,
                () = &mut signalled => {}
            }
            Ok(ExitCode::SUCCESS)
        })
    }

    fn config(self) -> anyhow::Result<Config> {
        let mut config = match self.config {
            Some(path) => Config::read(&path)?,
            None if std::path::Path::new(DEFAULT_FILE).exists() => Config::read(DEFAULT_FILE.as_ref())?,
            None => Config::default(),
        };
        if let Some(directory) = self.catalogue {
            config.catalogue.directory = directory;
        }
        if let Some(address) = self.listen {
            config.webhook.listen = address;
        }
        if let Some(address) = self.admin_listen {
            config.admin.listen = address;
        }
        if let Some(format) = self.log_format {
            config.log.format = format;
        }
        Ok(config)
    }
}
