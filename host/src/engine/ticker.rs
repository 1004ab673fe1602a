//! The clock that guests' deadlines run by.
//!
//! An OS thread and not a timer of the async runtime: with every worker inside a guest, no such timer would fire.

use std::{io, thread, time::Duration};

/// Advances an engine's epoch for as long as it lives.
pub(super) struct Ticker {
    /// Dropping the sender wakes and ends the thread.
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ticker {
    /// Starts to advance the epoch of this engine once per `tick`. A late tick is skipped, not made up for.
    pub(super) fn start(engine: &wasmtime::Engine, tick: Duration) -> io::Result<Self> {
        let engine = engine.weak();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = thread::Builder::new().name("berth-epoch".into()).spawn(move || {
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = stopped.recv_timeout(tick) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic; if it did, there is nothing left to do about it here.
            let _ = thread.join();
        }
    }
}
