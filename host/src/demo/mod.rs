//! `berth demo`: the main job on one machine, with nothing set up before.
//!
//! Builds the example policies, serves them, sends them what DPS would send, has devices register with a local DPS that
//! asks one of them, and swaps another while requests flow. Everything goes through the public doors: components are built
//! from source, requests go through the webhook, devices through TLS, and the swap is a change of files.

mod caller;
mod devices;
mod report;
mod traffic;
mod workbench;

use std::{net::SocketAddr, path::PathBuf, time::Instant};

use anyhow::Context as _;

use self::{caller::Caller, devices::LocalDps, traffic::Traffic, workbench::Workbench};
use crate::{
    app::{self, App},
    config::Config,
    dps::config::ListenSection,
    toolchain::Progress,
};

/// The tenant of the demo.
const TENANT: &str = "contoso";
/// The key of the demo's webhook, which listens on a loopback address only.
const KEY: &str = "demo-key";

/// Requests answered before the swap, and again after it.
const REQUESTS: u64 = 2000;

/// What a demo may be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of the example policies.
    pub examples: PathBuf,
    /// The folder to build and serve in; what an earlier demo left there is replaced.
    pub folder: PathBuf,
    /// Where the webhook listens.
    pub listen: SocketAddr,
    /// Where the admin listener listens.
    pub admin_listen: SocketAddr,
    /// Where the local DPS listens.
    pub dps: ListenSection,
    /// Whether to end after the swap instead of serving on.
    pub once: bool,
}

/// Runs the demo.
///
/// # Errors
///
/// If a step fails; the text says which. Also if a request failed during the swap.
pub async fn run(options: &Options, progress: impl Fn() -> Box<dyn Progress + Send>) -> anyhow::Result<()> {
    let signalled = app::signalled()?;
    println!(
        "Berth runs the allocation rules of Azure DPS as sandboxed WebAssembly. This is all of it on one machine.\n"
    );

    println!("1. Building the example policies from source");
    let workbench = Workbench::prepare(options)?;
    let policies = {
        let (workbench, progress) = (workbench.clone(), progress());
        blocking(move || workbench.build_examples(progress.as_ref())).await?
    };
    for (name, built) in &policies {
        println!("   {}", report::built(name, built));
    }

    let mut config = Config::default();
    config.catalogue.directory = workbench.catalogue();
    config.data.directory = workbench.data();
    config.webhook.listen = options.listen;
    config.admin.listen = options.admin_listen;
    let app = App::start(&config).await?;
    println!("\n2. Serving them from {} at http://{}\n", workbench.catalogue().display(), app.webhook);

    println!("3. What DPS asks, and where each device goes: one fresh sandbox a row");
    let caller = Caller::new(app.webhook);
    let mut rows = Vec::new();
    for question in workbench.questions()? {
        let answer = caller.ask(&question).await?;
        rows.push((question, answer));
    }
    println!("{}\n", report::table(&rows));

    let dps = register(options, &workbench, app.webhook).await?;

    println!("5. Swapping {TENANT}/{} for a changed version while requests flow", workbench::CHANGED);
    let swapped = swap(&workbench, &caller, progress()).await?;
    println!("{}", report::swapped(&swapped));
    anyhow::ensure!(swapped.traffic.failed == 0, "{} requests failed during the swap", swapped.traffic.failed);

    if options.once {
        app.run(std::future::ready(())).await;
    } else {
        println!("{}", report::try_next(&workbench, app.webhook, &dps));
        app.run(signalled).await;
    }
    dps.end().await;
    Ok(())
}

/// Has a device of each kind register with a local DPS that asks a policy.
async fn register(options: &Options, workbench: &Workbench, webhook: SocketAddr) -> anyhow::Result<LocalDps> {
    let (devices, enrollments) = devices::plan(&workbench.devices(), webhook).await?;
    let dps = LocalDps::start(options, workbench.dps(), enrollments).await?;
    let policy = devices::POLICY;
    println!("4. Devices that register with a local DPS at {}, which asks {TENANT}/{policy}", dps.url());
    println!("{}\n", report::registered(&dps.register(devices).await?));
    Ok(dps)
}

/// What a swap came to.
struct Swapped {
    before: String,
    after: String,
    traffic: traffic::Count,
    /// From the moment the files changed to the first answer of the new version.
    took: std::time::Duration,
}

async fn swap(workbench: &Workbench, caller: &Caller, progress: Box<dyn Progress + Send>) -> anyhow::Result<Swapped> {
    let changed = {
        let workbench = workbench.clone();
        blocking(move || workbench.build_changed(progress.as_ref())).await?
    };
    let question = workbench.changing_question()?;
    let before = caller.ask(&question).await?.body;
    let mut traffic = Traffic::start(caller, &question, &before);
    traffic.flowing(REQUESTS).await?;
    let started = Instant::now();
    workbench.deploy(&changed)?;
    let after = traffic.changed().await?;
    let took = started.elapsed();
    traffic.flowing(REQUESTS).await?;
    Ok(Swapped { before, after, traffic: traffic.end().await, took })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("a step of the demo panicked")?
}
