//! `cargo xtask profile`: a flame graph of the server under load, and a table of where a decision's microseconds go, which is
//! in `berth_tests::compare::profile`.

mod flame;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use berth_tests::{
    compare::profile::{Profile, Subject},
    pages::repository,
};
use clap::Parser;

use self::flame::Recording;

/// Shows where the time of a decision goes.
#[derive(Parser)]
#[command(name = "cargo xtask profile", bin_name = "cargo xtask profile")]
struct Arguments {
    /// The policy that is asked: a folder of example-policies.
    #[arg(long, default_value = "by-model")]
    policy: String,
    /// Seconds of load for the table, and as many for the flame graph.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Where both are written [default: target/profile]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match profile(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn profile(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.output.clone().unwrap_or_else(|| repository().join("target/profile"));
    fs::create_dir_all(&folder).with_context(|| format!("failed to make {}", folder.display()))?;
    let subject = Subject::start(&arguments.policy)?;
    let time = Duration::try_from_secs_f64(arguments.seconds).context("--seconds needs a number of seconds")?;
    // Not at once: whoever looks at a program some thousand times a second slows it.
    let profile = subject.measure(time)?;
    let page = page(&arguments.policy, &profile);
    println!("{page}");
    write(&folder.join("phases.md"), &page)?;
    let mut recording = Recording::start(subject.process(), arguments.seconds, &folder)?;
    while recording.goes_on()? {
        subject.load(Duration::from_millis(200));
    }
    write(&folder.join("flame.svg"), &recording.drawn(&arguments.policy)?)
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("failed to write {}", file.display()))?;
    println!("wrote {}", file.display());
    Ok(())
}

fn page(policy: &str, profile: &Profile) -> String {
    let failed = match profile.failed {
        0 => String::new(),
        failed => format!(" {failed} answers were failures."),
    };
    let Profile { rate, .. } = profile;
    let table = profile.table();
    format!(
        "# Where a decision's time goes\n\n\
         The policy `{policy}` under full load: {rate:.0} answers a second.{failed} Phases are those of \
         `berth_request_phase_duration_seconds`, which docs/metrics.md explains; *every request* has those outside of its sample \
         too, which are not slowed by being timed. Times are by the clock on the wall: where \
         the load has the processors too, means have what a phase had to wait for them, and medians have not. The processor \
         time is what the server used for each request in all: beyond the phases, it is for connections, HTTP and the \
         system.\n\n{table}"
    )
}
