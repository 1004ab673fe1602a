//! How a registration or a fleet gets on, for people: on standard error, a bar on a terminal and few lines elsewhere.

use std::{
    fs::File,
    io::{BufWriter, IsTerminal as _, Write as _, stderr},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use super::report;
use crate::{
    device::{
        Step,
        fleet::{Ended, Summary, Watch},
    },
    telemetry::visible,
};

/// One device.
pub(super) struct Single {
    registration_id: String,
    bar: Option<ProgressBar>,
}

impl Single {
    pub(super) fn new(registration_id: &str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_message("registering");
            // The template is a constant; were it ever wrong, indicatif's own look would do.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar.with_prefix(visible(registration_id))
        });
        Self { registration_id: registration_id.to_owned(), bar }
    }

    pub(super) fn hear(&self, step: Step<'_>) {
        let text = match step {
            Step::Activated => "the TPM has opened the challenge".to_owned(),
            Step::Assigning => "a hub is being chosen".to_owned(),
            Step::Again { why, after } => format!("{}; again in {:.1} s", visible(why), after.as_secs_f32()),
        };
        match (&self.bar, step) {
            (Some(bar), _) => bar.set_message(text),
            (None, Step::Again { .. }) => eprintln!("{}: {text}", visible(&self.registration_id)),
            (None, _) => {}
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// A fleet.
pub(super) struct Crowd {
    count: u64,
    bar: Option<ProgressBar>,
    /// Whether it was told that something does not work; until something works again.
    told: AtomicBool,
    results: Option<Mutex<BufWriter<File>>>,
}

impl Crowd {
    /// `results` is the file for a line a device.
    pub(super) fn new(count: u64, results: Option<&Path>) -> anyhow::Result<Self> {
        let file =
            |path: &Path| File::create(path).with_context(|| format!("failed to make {} (--results)", path.display()));
        let results = results.map(file).transpose()?.map(|file| Mutex::new(BufWriter::new(file)));
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(count);
            let template = "{bar:30} {human_pos} of {human_len} [{elapsed}, {eta} left] {wide_msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Ok(Self { count, bar, told: AtomicBool::new(false), results })
    }

    /// Writes what is left to be written.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let Some(results) = &self.results else { return Ok(()) };
        results.lock().unwrap_or_else(PoisonError::into_inner).flush().context("failed to write --results")
    }
}

impl Watch for Crowd {
    fn ended(&self, ended: &Ended, so_far: &Summary) {
        self.told.store(false, Ordering::Relaxed);
        if let Some(results) = &self.results {
            let line = report::line(&ended.registration_id, &ended.result);
            // A disk that is full shows in the end, when all is written.
            let _ = writeln!(results.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
        }
        let Summary { devices, assigned, rejected, failed, .. } = so_far;
        let text = format!("{assigned} assigned, {rejected} rejected, {failed} failed");
        match &self.bar {
            Some(bar) => {
                // The message is what draws, so what it is to be drawn with goes before it.
                bar.set_position(*devices);
                bar.set_message(text);
            }
            // Every tenth of the way.
            None if devices * 10 / self.count > (devices - 1) * 10 / self.count => {
                eprintln!("{devices} of {}: {text}", self.count);
            }
            None => {}
        }
    }

    fn again(&self, registration_id: &str, why: &str) {
        let text = visible(why);
        match &self.bar {
            Some(bar) => bar.set_message(format!("{text}; trying on")),
            None if !self.told.swap(true, Ordering::Relaxed) => {
                eprintln!("{}: {text}; trying on", visible(registration_id));
            }
            None => {}
        }
    }
}
