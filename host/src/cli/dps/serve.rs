//! `berth dps serve`.

use std::{
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    app,
    cli::{USAGE, output::told},
    dps::{allocation::Hub, config::DpsConfig, file::EnrollmentsFile, server::Server},
    telemetry::{self, LogFormat},
};

/// The file read if none is named.
const DEFAULT_FILE: &str = "dps.toml";

#[derive(Debug, Args)]
pub(in crate::cli) struct Serve {
    /// The configuration file [default: dps.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Enrollments that are to be there from the start, in TOML, or JSON if the name ends so
    #[arg(long, value_name = "FILE")]
    enrollments: Option<PathBuf>,
    /// A linked hub, in place of `hubs`; may be given again. After an equals sign: milliseconds away, for `geoLatency`
    #[arg(long = "hub", value_name = "HOST[=MS]", value_parser = hub)]
    hubs: Vec<Hub>,
    /// The id scope, in place of `id_scope`
    #[arg(long, value_name = "SCOPE")]
    id_scope: Option<String>,
    /// The directory of the data file, in place of `data`
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where HTTPS listens, in place of `listen.https`
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where MQTT listens, in place of `listen.mqtt`
    #[arg(long, value_name = "ADDRESS:PORT")]
    mqtt_listen: Option<SocketAddr>,
    /// Where the control listener listens, in place of `listen.control`
    #[arg(long, value_name = "ADDRESS:PORT")]
    control_listen: Option<SocketAddr>,
    /// How many times faster than the real service it waits between retries, in place of `clock_speed`
    #[arg(long, value_name = "FACTOR")]
    clock_speed: Option<NonZeroU32>,
    /// Seconds after which a device is told to ask again, in place of `retry_after_seconds`
    #[arg(long, value_name = "SECONDS")]
    retry_after: Option<u32>,
    /// The certificate of a webhook's private authority, in place of `webhook.authority`
    #[arg(long, value_name = "FILE")]
    webhook_authority: Option<PathBuf>,
    /// The form of log lines
    #[arg(long, value_enum, default_value_t = LogFormat::Auto)]
    log_format: LogFormat,
}

/// `HOST` or `HOST=MS`.
fn hub(text: &str) -> Result<Hub, std::num::ParseIntError> {
    let (host_name, latency_ms) = match text.split_once('=') {
        Some((host, ms)) => (host, ms.parse()?),
        None => (text, 0),
    };
    Ok(Hub { host_name: host_name.to_owned(), latency_ms })
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let format = self.log_format;
        let read = self.config().and_then(|(config, file)| config.check().map(|()| (config, file)));
        let (config, enrollments) = match read {
            Ok(read) => read,
            Err(error) => {
                eprintln!("error: {}", told(&error));
                return Ok(ExitCode::from(USAGE));
            }
        };
        let _last_lines = telemetry::start(format, "info")?;
        let runtime = tokio::runtime::Runtime::new().context("failed to start the runtime")?;
        runtime.block_on(async {
            let signalled = app::signalled()?;
            Server::start(&config, enrollments).await?.run(signalled).await;
            Ok(ExitCode::SUCCESS)
        })
    }

    fn config(self) -> anyhow::Result<(DpsConfig, EnrollmentsFile)> {
        let default = Path::new(DEFAULT_FILE);
        let mut config = match &self.config {
            Some(path) => DpsConfig::read(path)?,
            None if default.exists() => DpsConfig::read(default)?,
            None => DpsConfig::default(),
        };
        if !self.hubs.is_empty() {
            config.hubs = self.hubs;
        }
        fn put<T>(place: &mut T, given: Option<T>) {
            if let Some(given) = given {
                *place = given;
            }
        }
        put(&mut config.id_scope, self.id_scope);
        put(&mut config.data, self.data);
        put(&mut config.listen.https, self.listen);
        put(&mut config.listen.mqtt, self.mqtt_listen);
        put(&mut config.listen.control, self.control_listen);
        put(&mut config.clock_speed, self.clock_speed);
        put(&mut config.retry_after_seconds, self.retry_after);
        config.webhook.authority = self.webhook_authority.or(config.webhook.authority);
        let enrollments = self.enrollments.as_deref().map(EnrollmentsFile::read).transpose()?;
        Ok((config, enrollments.unwrap_or_default()))
    }
}
