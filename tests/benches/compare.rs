//! `cargo xtask bench`: Berth beside a native handler, other hosts of WebAssembly, Node and OPA. What is measured, and how,
//! is in `berth_tests::compare`.

use std::{fs, path::PathBuf, process::ExitCode, time::Instant};

use anyhow::{Context as _, ensure};
use berth_tests::{
    compare::{
        Plan,
        contender::{languages, own},
        page::{FIGURES, documents},
        peers::peers,
        report::Report,
        run,
    },
    is_shipped,
    pages::repository,
};
use clap::Parser;

/// Compares Berth with what one would use in its place, and writes docs/benchmarks.md.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Arguments {
    /// Seconds in all, for a look: Berth in Rust and the native handler, two policies at most. Nothing is written.
    #[arg(long)]
    quick: bool,
    /// Only contenders whose id begins with one of these, such as `native,berth-by`. Nothing is written.
    #[arg(long, value_delimiter = ',', value_name = "ID")]
    only: Vec<String>,
    /// Numbers of policies that Berth grows to.
    #[arg(long, value_delimiter = ',', value_name = "NUMBER")]
    policies: Option<Vec<usize>>,
    /// Rounds of throughput.
    #[arg(long)]
    rounds: Option<u32>,
    /// Seconds of a contender's turn in each.
    #[arg(long)]
    seconds: Option<f64>,
    /// The repository to write into, also what would not be written [default: this one]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match compare(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> anyhow::Result<()> {
    let begun = Instant::now();
    let report = run(arguments.plan(), &|line| println!("{:>4} s  {line}", begun.elapsed().as_secs()))?;
    let whole = !arguments.quick && arguments.only.is_empty();
    ensure!(!whole || is_shipped(), "run it by `cargo xtask bench`, which builds Berth as for production");
    if let Some(folder) = arguments.output.clone().or_else(|| whole.then(repository)) {
        write(&report, &folder)?;
    }
    for document in documents(&report).iter().filter(|document| document.path.ends_with(".md")) {
        println!("\n{}", document.text);
    }
    Ok(())
}

impl Arguments {
    fn plan(&self) -> Plan {
        let mut plan = if self.quick { Plan::quick() } else { Plan::whole() };
        if !self.quick {
            plan.contenders = [own(), languages(), peers()].into_iter().flatten().collect();
        }
        if !self.only.is_empty() {
            plan.contenders.retain(|one| self.only.iter().any(|start| one.id.starts_with(start.as_str())));
            plan.policies.clear();
        }
        plan.policies = self.policies.clone().unwrap_or(plan.policies);
        plan.effort.rounds = self.rounds.unwrap_or(plan.effort.rounds);
        plan.effort.seconds = self.seconds.unwrap_or(plan.effort.seconds);
        plan
    }
}

/// Writes the figures and the page made of them.
fn write(report: &Report, folder: &std::path::Path) -> anyhow::Result<()> {
    let figures = format!("{}\n", serde_json::to_string_pretty(report).context("failed to write the figures")?);
    let mut files = vec![(FIGURES, figures)];
    files.extend(documents(report).into_iter().map(|document| (document.path, document.text)));
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).context("failed to make a folder")?;
        fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(())
}
