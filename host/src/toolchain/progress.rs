//! How a build tells what it is doing.
//!
//! The build knows nothing of terminals: it reports events, and whoever started it decides what people see.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Something worth telling while a build runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A step begins: "Downloading Debian's Rust".
    Step(&'a str),
    /// A line that the step's tool wrote.
    Detail(&'a str),
    /// How far the step's download is, in bytes.
    Bytes {
        /// Bytes that have arrived.
        done: u64,
        /// Bytes there are.
        total: u64,
    },
    /// A message of the compiler about the policy's code, several lines ready to be shown.
    Diagnostic(&'a str),
}

/// Hears what a build is doing, and may end it.
pub trait Progress: Sync {
    /// Takes one event. Called from the thread that builds; to be quick.
    fn report(&self, event: Event<'_>);

    /// Whether to give up. Asked several times a second; child processes are killed and the build ends with an error.
    ///
    /// Child processes have process groups of their own, so Ctrl-C on a terminal does not reach them: a program that
    /// can be interrupted answers `true` here once that happens.
    fn cancelled(&self) -> bool {
        false
    }
}

/// Says nothing and never gives up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _event: Event<'_>) {}
}

/// Tells people on standard error: a spinner with the newest line on a terminal, one line for each step elsewhere.
#[derive(Debug)]
pub struct Terminal {
    bar: Option<ProgressBar>,
    cancel: Arc<AtomicBool>,
}

impl Terminal {
    /// Tells people until it is dropped. Set `cancel` to make the build give up.
    #[must_use]
    pub fn new(cancel: Arc<AtomicBool>) -> Self {
        let bar = stderr().is_terminal().then(spinner);
        Self { bar, cancel }
    }
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    // The template is a constant; were it ever wrong, indicatif's own look would do.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

impl Progress for Terminal {
    fn report(&self, event: Event<'_>) {
        let Some(bar) = &self.bar else {
            match event {
                Event::Step(step) => eprintln!("{step}"),
                Event::Diagnostic(text) => eprintln!("{}", text.trim_end()),
                Event::Detail(_) | Event::Bytes { .. } => {}
            }
            return;
        };
        match event {
            Event::Step(step) => {
                bar.set_prefix(step.to_owned());
                bar.set_message("");
                bar.reset_elapsed();
            }
            Event::Detail(line) => bar.set_message(line.trim().to_owned()),
            Event::Bytes { done, total } => {
                bar.set_message(format!("{} of {}", HumanBytes(done), HumanBytes(total)));
            }
            Event::Diagnostic(text) => bar.suspend(|| eprintln!("{}", text.trim_end())),
        }
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
