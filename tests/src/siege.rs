//! Servers that are attacked again and again, and have to be after each attack as they were before it.
//!
//! ```no_run
//! use berth_tests::{Catalogue, Siege, bodies};
//!
//! static SERVERS: Siege = Siege::of("", Catalogue::new);
//!
//! SERVERS.withstands(async |berth| {
//!     berth.posts("/allocate").with(bodies::first()).await.is_error(404, "not-found");
//! });
//! ```
//!
//! Beside what the attack wants there is a healthy tenant. After each attack it is answered correctly, whatever was brought
//! into the catalogue is taken out again, and the server's memory and open file handles return to where they were. A server
//! outlives its attack and takes the next, so that many tests cost few servers, and a leak too small to be seen once adds up.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use tokio::{
    process::{Child, Command},
    runtime::{Builder, Runtime},
};

use crate::{
    Berth, Catalogue, bodies,
    guests::{Guest, Reply},
    waiting::PATIENCE,
};

/// The tenant that has nothing to do with any attack.
const HEALTHY: &str = "healthy";
/// Its policy.
const POLICY: &str = "healthy/calm";

/// Bytes of memory that may stay after all attacks together.
///
/// Not a leak, and bounded: the C library keeps freed blocks for the next, and the engine's pool keeps the first MiB of an
/// instance's memory in each place that was used. What leaks at every attack adds up over the attacks on a server and
/// passes this.
const KEPT: u64 = 64 << 20;

/// File handles that may stay after all attacks together: what a process opens once, when it first has something to do.
const OPENED: usize = 8;

/// Requests of the healthy tenant before memory is first looked at: each thread of the server has then had some.
const WARM_UP: usize = 64;

/// Servers of one configuration and catalogue, each attacked by one test at a time.
pub struct Siege {
    toml: &'static str,
    catalogue: fn() -> Catalogue,
    free: Mutex<Vec<Fort>>,
}

/// One server with the runtime that its log is read on, which have to outlive the test that started them.
struct Fort {
    runtime: Runtime,
    berth: Berth,
    calm: Holding,
    /// The folders of tenants and policies that belong there.
    folders: BTreeSet<PathBuf>,
    _warden: Child,
}

/// What a server holds at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Holding {
    /// Resident bytes, of the server and the processes it started.
    pub memory: u64,
    /// Their open file handles.
    pub handles: usize,
    /// Policies in the catalogue.
    pub policies: usize,
}

impl Siege {
    /// Servers with these lines in their `berth.toml`, and this catalogue beside the healthy tenant.
    #[must_use]
    pub const fn of(toml: &'static str, catalogue: fn() -> Catalogue) -> Self {
        Self { toml, catalogue, free: Mutex::new(Vec::new()) }
    }

    /// Makes an attack, and holds the server to being afterwards as it was before.
    ///
    /// # Panics
    ///
    /// If the attack finds what it did not expect, the healthy tenant is not answered, or something is left behind.
    pub fn withstands(&self, attack: impl AsyncFnOnce(&Berth)) {
        let free = || self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let held = free().pop();
        let fort = held.unwrap_or_else(|| Fort::new(self.toml, (self.catalogue)()));
        fort.runtime.block_on(async {
            // What was logged before is written by now, and no part of what is logged about the attack.
            fort.berth.mark().await;
            attack(&fort.berth).await;
            fort.is_as_before().await;
        });
        // A server that failed its test is not given to another: it ends here.
        free().push(fort);
    }
}

impl Fort {
    fn new(toml: &str, catalogue: Catalogue) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let (berth, calm, warden) = runtime.block_on(async {
            let healthy = Guest::answering(Reply::hub(bodies::TOASTERS));
            let berth = Berth::configured(toml, catalogue.tenant(HEALTHY).policy("calm", healthy)).await;
            let warden = warden(&berth);
            for _ in 0..WARM_UP / 8 {
                let ask = || async { berth.asks(POLICY).with(bodies::first()).await.is_hub(bodies::TOASTERS) };
                tokio::join!(ask(), ask(), ask(), ask(), ask(), ask(), ask(), ask());
            }
            let mut calm = berth.holds().await;
            // The lowest of several looks: connections of the warm-up may still be open at the first.
            for _ in 0..WARM_UP {
                calm.handles = calm.handles.min(berth.holds().await.handles);
            }
            (berth, calm, warden)
        });
        let folders = folders(berth.files("").path());
        Self { runtime, berth, calm, folders, _warden: warden }
    }

    async fn is_as_before(&self) {
        let Self { berth, calm, folders: known, .. } = self;
        berth.asks(POLICY).with(bodies::first()).await.is_hub(bodies::TOASTERS);
        assert_eq!(berth.admin("/readyz").await.status, 200);
        for folder in folders(berth.files("").path()).difference(known) {
            // The folder of a policy may have gone with its tenant's.
            let _ = if folder.is_symlink() { fs::remove_file(folder) } else { fs::remove_dir_all(folder) };
        }
        let started = Instant::now();
        loop {
            let now = berth.holds().await;
            let memory = now.memory <= calm.memory + KEPT;
            if memory && now.handles <= calm.handles + OPENED && now.policies == calm.policies {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "the server was {calm:?} before, and stays {now:?}");
        }
    }
}

/// The folders of tenants and policies in a catalogue, and links to such.
fn folders(catalogue: &Path) -> BTreeSet<PathBuf> {
    let within = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).filter(|path| path.is_dir() || path.is_symlink()).collect::<Vec<_>>()
    };
    let tenants = within(catalogue);
    let policies = tenants.iter().filter(|tenant| !tenant.is_symlink()).flat_map(|tenant| within(tenant));
    policies.chain(tenants.iter().cloned()).collect()
}

impl Berth {
    /// What the server and its processes hold, while it answers.
    ///
    /// # Panics
    ///
    /// If it has ended.
    pub async fn holds(&self) -> Holding {
        let policies = self.status().await["policies"].as_array().map_or(0, Vec::len);
        let (mut memory, mut handles) = of_process(self.process()).expect("the server runs");
        // One that has just ended holds nothing.
        for (more, others) in children(self.process()).into_iter().filter_map(of_process) {
            memory += more;
            handles += others;
        }
        Holding { memory, handles, policies }
    }
}

/// Resident bytes of a process, and its open file handles.
fn of_process(process: u32) -> Option<(u64, usize)> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some((kibibytes << 10, fs::read_dir(format!("/proc/{process}/fd")).ok()?.count()))
}

/// The processes that a process started: that for long decisions, and those that compile.
fn children(process: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent = |number: &u32| {
        // After the name, which may hold anything: the state, and the parent.
        let stat = fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    numbers.filter(|number| parent(number) == Some(process)).collect()
}

/// Ends the server and removes its folder once this process has ended: what is in a static is never dropped.
pub(crate) fn warden(berth: &Berth) -> Child {
    let script = r#"cat >/dev/null; kill -9 "$0"; rm -rf -- "$1""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, &berth.process().to_string()]).arg(berth.folder());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a shell")
}
