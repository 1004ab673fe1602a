//! Gets a component compiled where that hurts nobody, and loads its code.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    sync::Semaphore,
};
use tracing::{debug, warn};
use wasmtime::component::Component;

use super::{Engine, Program, cache::Cache, inspect, worker};
use crate::contract::{Digest, Failure, Stage};

/// How long a compiling process may take in all.
const PATIENCE: Duration = Duration::from_secs(300);
/// Most bytes of code that are taken from one; CPython's component has 50 MB.
pub(super) const MAX_CODE: u64 = 512 << 20;
/// Threads of a compiling process. With more, who compiles alone would be done sooner, and who comes when all processors
/// compile would have less than half of one.
const MOST_THREADS: usize = 2;
/// Bytes of its own complaint that are quoted.
const MAX_COMPLAINT: u64 = 2000;

/// This program's own file: the one that runs, even if another has taken its name since, or it has none any more.
///
/// # Errors
///
/// If it cannot be found.
pub fn itself() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    match running.exists() {
        true => Ok(running.to_owned()),
        false => std::env::current_exe().context("failed to find this program's own file"),
    }
}

/// Compiles components in processes of their own, as many at the same time as there are processors. One that has a place
/// free beside it when it begins uses that processor too.
pub struct Compiler {
    engine: Engine,
    program: PathBuf,
    cache: Cache,
    places: Semaphore,
}

impl Compiler {
    /// A compiler for this engine that keeps code in `folder`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written, or this program's own file cannot be found.
    pub fn new(engine: Engine, folder: &Path) -> anyhow::Result<Self> {
        Self::run_by(itself()?, engine, folder)
    }

    /// A compiler whose processes are of the program in this file, which has to be `berth`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written.
    pub fn run_by(program: PathBuf, engine: Engine, folder: &Path) -> anyhow::Result<Self> {
        let cache = Cache::open(folder, &engine)
            .with_context(|| format!("failed to open the cache of compiled code in {}", folder.display()))?;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
        Ok(Self { engine, program, cache, places: Semaphore::new(processors) })
    }

    /// The program of a component that was compiled before, if its code was kept and can be used.
    pub fn cached(&self, version: &Digest) -> Option<Arc<Program>> {
        match self.engine.load(&self.cache.get(version)?) {
            Ok(program) => Some(Arc::new(program)),
            Err(failure) => {
                warn!(%version, reason = failure.reason, "cached code cannot be used; compiling again");
                None
            }
        }
    }

    /// The program of a component, compiled.
    ///
    /// # Errors
    ///
    /// Why the component cannot serve.
    pub async fn program(&self, version: &Digest, component: &[u8]) -> Result<Arc<Program>, Failure> {
        inspect::header(component).map_err(|rejection| Failure::new(rejection.stage(), &rejection))?;
        let code = self.compile(component).await?;
        debug!(%version, bytes = component.len(), "component compiled");
        // What cannot be loaded is not worth keeping.
        let program = self.engine.load(&code)?;
        if let Err(error) = self.cache.put(version, &code) {
            warn!(%version, %error, "compiled code cannot be kept; it will be compiled again");
        }
        Ok(Arc::new(program))
    }

    /// Removes the code of this component, if there is any.
    pub fn forget(&self, version: &Digest) {
        self.cache.remove(version);
    }

    /// Removes all code but that of the components that are wanted.
    pub fn sweep(&self, wanted: &dyn Fn(&Digest) -> bool) {
        self.cache.sweep(wanted);
    }

    async fn compile(&self, component: &[u8]) -> Result<Vec<u8>, Failure> {
        let failed = |why: String| Failure::new(Stage::Compile, why);
        let _place = self.places.acquire().await.map_err(|error| failed(error.to_string()))?;
        // Who comes next has its place all the same, so that nobody waits for one who compiles for minutes.
        let threads = (1 + self.places.available_permits()).min(MOST_THREADS);
        match tokio::time::timeout(PATIENCE, self.child(component, threads)).await {
            Ok(Ok(compiled)) => compiled,
            Ok(Err(error)) => Err(failed(format!("{error:#}"))),
            Err(_) => Err(failed(format!("compiling took longer than {} s and was given up", PATIENCE.as_secs()))),
        }
    }

    async fn child(&self, component: &[u8], threads: usize) -> anyhow::Result<Result<Vec<u8>, Failure>> {
        let mut child = Command::new(&self.program)
            .arg(worker::COMMAND)
            .args(self.engine.metered.then_some(worker::METERED))
            .env_clear()
            .env(worker::THREADS, threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("failed to start a compiling process")?;
        let mut input = child.stdin.take().context("no pipe to the compiling process")?;
        let output = child.stdout.take().context("no pipe from the compiling process")?;
        let complaint = child.stderr.take().context("no pipe from the compiling process")?;
        let write = async {
            // A process that gave up has closed its end; what it wrote says why.
            let _ = input.write_all(component).await;
            drop(input);
        };
        let (mut code, mut text) = (Vec::new(), Vec::new());
        let (mut output, mut complaint) = (output.take(MAX_CODE), complaint.take(MAX_COMPLAINT));
        let ((), read, _) = tokio::join!(write, output.read_to_end(&mut code), complaint.read_to_end(&mut text));
        read.context("failed to read from the compiling process")?;
        let status = child.wait().await.context("failed to wait for the compiling process")?;
        if status.success()
            && let Some(compiled) = worker::read(code)
        {
            return Ok(compiled);
        }
        let text = String::from_utf8_lossy(&text);
        Ok(Err(Failure::new(
            Stage::Compile,
            format!("compiling took more memory or processor time than it may ({status}) {}", text.trim()),
        )))
    }
}

impl Engine {
    /// The program of this code: what [`Program::code`] gave, perhaps in the process that started this one.
    ///
    /// # Errors
    ///
    /// If it is another engine's code.
    #[expect(unsafe_code, reason = "loading compiled code trusts it")]
    pub fn load(&self, code: &[u8]) -> Result<Program, Failure> {
        let failed = |why: String| Failure::new(Stage::Compile, why);
        // SAFETY: `deserialize` trusts that these bytes are what `Component::serialize` wrote. They come from one of three
        // places: straight from the pipe of a child process that is this very program; from the cache, which returned
        // them only after checking a MAC under a key that no one but this program's user can read; or from the process
        // that started this one to make decisions, which is this very program too and loaded them before. Code of another
        // version or configuration of wasmtime is refused by wasmtime itself.
        let component = unsafe { Component::deserialize(&self.wasmtime, code) };
        let component = component.map_err(|error| failed(format!("the compiled code cannot be loaded: {error:#}")))?;
        Program::new(self, &component).map_err(|rejection| Failure::new(rejection.stage(), &rejection))
    }
}
