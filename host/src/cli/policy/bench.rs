//! `berth policy bench`: what a decision takes.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use comfy_table::{CellAlignment, Table, presets::UTF8_BORDERS_ONLY};

use super::subject::{PolicyArgs, ReplacedArgs, block_on, read_body};
use crate::{
    author::bench::{Compared, Figures, compare, measure},
    cli::output::say,
    toolchain::Terminal,
};

/// Measure decisions about one body, each in a fresh instance, next to the build before this one.
///
/// Times are this machine's at this moment. Fuel, about one for each instruction, and memory are the same on every machine.
/// What was measured is kept in Berth's cache folder, by the policy's path.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 measured; 1 the policy cannot be built, would not be served, or failed; 2 wrong arguments."
)]
pub(in crate::cli) struct Bench {
    #[command(flatten)]
    policy: PolicyArgs,
    /// What DPS sends, or a check of it: a file, or `-` for standard input
    #[arg(short, long, value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    replaced: ReplacedArgs,
    /// How many decisions to measure
    #[arg(short = 'n', long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    decisions: u32,
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let place = self.policy.place()?;
        let subject = place.subject(&self.replaced.replaced(), &Terminal::new(super::interrupted()))?;
        let body = read_body(&self.request)?;
        let limits = self.policy.limits()?;
        let figures = block_on(measure(&subject.files, body.as_bytes(), self.decisions, limits))?;
        let compared = compare(place.path(), body.as_bytes(), figures);
        if self.policy.json {
            say!("{}", serde_json::to_string(&compared)?);
        } else {
            say!("{}", table(&compared));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a row is about, and how it is read from the figures.
type Row = (&'static str, fn(&Figures) -> f64, fn(f64) -> String);

const ROWS: [Row; 5] = [
    ("p50", |figures| figures.p50_nanoseconds as f64, microseconds),
    ("p99", |figures| figures.p99_nanoseconds as f64, microseconds),
    ("fuel", |figures| figures.fuel as f64, |fuel| format!("{fuel}")),
    ("memory", |figures| figures.memory_bytes as f64, bytes),
    ("component", |figures| figures.component_bytes as f64, bytes),
];

fn table(Compared { now, before }: &Compared) -> Table {
    let version = |figures: &Figures| figures.version.chars().take(12).collect::<String>();
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    let before_version = before.as_ref().map_or_else(|| "none yet".to_owned(), version);
    table.set_header([
        "".to_owned(),
        format!("before: {before_version}"),
        format!("now: {}", version(now)),
        "change".to_owned(),
    ]);
    for (name, figure, show) in ROWS {
        let earlier = before.as_ref().map(figure);
        let change = earlier.filter(|earlier| *earlier > 0.0).map(|earlier| (figure(now) / earlier - 1.0) * 100.0);
        table.add_row([
            name.to_owned(),
            earlier.map(show).unwrap_or_default(),
            show(figure(now)),
            change.map(|percent| format!("{percent:+.1} %")).unwrap_or_default(),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn microseconds(nanoseconds: f64) -> String {
    format!("{:.1} µs", nanoseconds / 1000.0)
}

fn bytes(bytes: f64) -> String {
    indicatif::HumanBytes(bytes as u64).to_string()
}
