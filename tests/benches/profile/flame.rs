//! The flame graph: `perf` looks at the server many times a second, and inferno draws what it saw.

use std::{
    io::{self, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use inferno::{
    collapse::{
        Collapse as _,
        perf::{Folder, Options as FolderOptions},
    },
    flamegraph::{self, Options},
};

/// How often it looks, in hertz: not in step with anything that happens every millisecond.
const RATE: &str = "499";

/// How perf finds out about a stack: by what the compiler says of each function, since the program is the one that is
/// shipped, which has no frame pointers. For that it keeps so many bytes of a stack.
const STACKS: &str = "dwarf,32768";

/// What is said if there is no perf.
const NO_PERF: &str = "the flame graph needs `perf`, which is not there: install it (apt-get install linux-perf, or \
                       linux-tools-common with linux-tools-$(uname -r); dnf install perf)";

/// Where the stack of a connection begins. What the runtime does before says nothing, and not all of a deep stack is kept.
const CONNECTION: &str = "berth::http::Listener::serve";

/// What perf has for the rest of a stack that it did not keep.
const LOST: &str = "[unknown]";

/// What stands for a policy in the graph: perf knows no names in code that was compiled while the program ran.
const GUEST: &str = "[guest]";

/// A recording, which ends by itself.
pub(crate) struct Recording {
    perf: Child,
    file: PathBuf,
}

impl Recording {
    /// Starts to look at a process, for so many seconds.
    pub(crate) fn start(process: u32, seconds: f64, folder: &Path) -> anyhow::Result<Self> {
        let file = folder.join("perf.data");
        let mut command = Command::new("perf");
        // By the clock, which any machine has, also one that is no real one.
        command.args(["record", "--event", "cpu-clock", "--freq", RATE, "--call-graph", STACKS]);
        // Room for a second or so, lest samples are lost where perf does not get a processor at once.
        command.args(["--mmap-pages", "4096", "--pid"]).arg(process.to_string()).arg("--output").arg(&file);
        command.args(["--", "sleep"]).arg(seconds.to_string()).stdout(Stdio::null()).stderr(Stdio::piped());
        match command.spawn() {
            Ok(perf) => Ok(Self { perf, file }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!(NO_PERF),
            Err(error) => Err(error).context("failed to run perf"),
        }
    }

    /// Whether it still goes on.
    pub(crate) fn goes_on(&mut self) -> anyhow::Result<bool> {
        Ok(self.perf.try_wait().context("failed to wait for perf")?.is_none())
    }

    /// What was seen, drawn once it has ended.
    pub(crate) fn drawn(mut self, policy: &str) -> anyhow::Result<String> {
        let mut words = String::new();
        if let Some(mut stderr) = self.perf.stderr.take() {
            stderr.read_to_string(&mut words).context("failed to read what perf says")?;
        }
        let ended = self.perf.wait().context("failed to wait for perf")?;
        ensure!(ended.success(), "perf recorded nothing: {}", words.trim());
        let stacks: String = self.stacks()?.lines().map(named).collect();
        draw(&stacks, policy)
    }

    /// Each stack that was seen, from its root on, with how often.
    fn stacks(&self) -> anyhow::Result<String> {
        let mut script = Command::new("perf");
        script.args(["script", "--no-inline", "--input"]).arg(&self.file);
        let mut perf = script.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("failed to run perf")?;
        let output = BufReader::new(perf.stdout.take().context("perf has no output")?);
        let mut options = FolderOptions::default();
        options.nthreads = 1;
        let mut folded = Vec::new();
        Folder::from(options).collapse(output, &mut folded).context("failed to read what perf recorded")?;
        ensure!(perf.wait().context("failed to wait for perf")?.success(), "perf cannot read what it recorded");
        String::from_utf8(folded).context("perf names something that is no text")
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.perf.kill();
        let _ = self.perf.wait();
        // Tens of megabytes, of no use without the very program that it is of.
        let _ = std::fs::remove_file(&self.file);
    }
}

/// A line of a stack and its weight, with the guest's frames as one and without those that say nothing.
fn named(line: &str) -> String {
    let (stack, weight) = line.rsplit_once(' ').unwrap_or((line, "0"));
    let (thread, stack) = stack.split_once(';').unwrap_or((stack, ""));
    let from = stack.find(CONNECTION).unwrap_or_default();
    // Where perf looks for the names of code that is in no file.
    let name = |frame| if str::starts_with(frame, "[perf-") { GUEST } else { frame };
    let mut frames = vec![thread];
    frames.extend(stack[from..].split(';').map(name).filter(|frame| !frame.is_empty() && *frame != LOST));
    frames.dedup_by(|next, last| *next == GUEST && *last == GUEST);
    format!("{} {weight}\n", frames.join(";"))
}

fn draw(stacks: &str, policy: &str) -> anyhow::Result<String> {
    let mut options = Options::default();
    options.title = format!("berth serve, {policy}, under full load");
    options.count_name = "ns".to_owned();
    options.deterministic = true;
    let mut picture = Vec::new();
    flamegraph::from_lines(&mut options, stacks.lines(), &mut picture).context("failed to draw the flame graph")?;
    String::from_utf8(picture).context("the flame graph is no text")
}
