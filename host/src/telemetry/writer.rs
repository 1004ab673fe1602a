//! Writes the log without ever keeping anybody waiting.
//!
//! Whoever logs puts a line into a bounded queue; a thread of its own writes. If whoever reads the log is slower than it is
//! written, lines are dropped and counted, and no decision waits.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Duration,
};

use anyhow::Context as _;
use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::Tally;

/// Lines that may wait to be written.
const LINES: usize = 8192;

/// Bytes that may wait to be written. A policy's fault has a few thousand.
const BYTES: usize = 8 << 20;

/// Bytes that are written at once.
const BATCH: usize = 64 << 10;

/// How long the end of the program waits for the last lines.
const PATIENCE: Duration = Duration::from_secs(2);

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Where lines are put.
#[derive(Clone)]
pub(super) struct Queue {
    sender: SyncSender<Message>,
    waiting: Arc<AtomicUsize>,
    dropped: &'static Tally,
}

/// Has the last lines written when dropped.
#[must_use = "the last lines of the log are written when this is dropped"]
pub struct LastLines(SyncSender<Message>);

impl Queue {
    /// Starts the thread that writes to `sink`. Lines for which there is no room are counted as `dropped`.
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        dropped: &'static Tally,
    ) -> anyhow::Result<(Self, LastLines)> {
        let (sender, receiver) = sync_channel(LINES);
        let waiting = Arc::new(AtomicUsize::new(0));
        let written = waiting.clone();
        std::thread::Builder::new()
            .name("berth-log".into())
            .spawn(move || write(sink, &receiver, &written))
            .context("failed to start the log's thread")?;
        let last = LastLines(sender.clone());
        Ok((Self { sender, waiting, dropped }, last))
    }
}

fn write(mut sink: impl Write, receiver: &Receiver<Message>, waiting: &AtomicUsize) {
    let mut batch = Vec::new();
    while let Ok(first) = receiver.recv() {
        let mut next = Some(first);
        let mut flushed = None;
        while let Some(message) = next.take() {
            match message {
                Message::Line(line) => batch.extend_from_slice(&line),
                Message::Flush(done) => flushed = Some(done),
            }
            if batch.len() < BATCH && flushed.is_none() {
                next = receiver.try_recv().ok();
            }
        }
        // There is nowhere to say that the log cannot be written.
        let _ = sink.write_all(&batch).and_then(|()| sink.flush());
        waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        batch.clear();
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

impl Write for Queue {
    /// Takes a line, or drops it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.waiting.fetch_add(line.len(), Ordering::Relaxed) + line.len() > BYTES {
            self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.dropped.add();
            return Ok(line.len());
        }
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.dropped.add();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let (done, written) = sync_channel(1);
        let began = std::time::Instant::now();
        let mut flush = Message::Flush(done);
        // A full queue has no room for this either; nobody is kept waiting but the end.
        while let Err(TrySendError::Full(back)) = self.0.try_send(flush) {
            if began.elapsed() > PATIENCE {
                return;
            }
            flush = back;
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = written.recv_timeout(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};

    use super::*;

    /// A reader that reads nothing until it is let.
    #[derive(Clone, Default)]
    struct Stuck(Arc<(Mutex<Gate>, Condvar)>);

    /// Whether it is let, and what it read.
    type Gate = (bool, Vec<u8>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (state, changed) = &*self.0;
            let mut state = changed.wait_while(state.lock().unwrap(), |(open, _)| !*open).unwrap();
            state.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        static DROPPED: Tally = Tally::new();
        let stuck = Stuck::default();
        let (mut queue, last) = Queue::start(stuck.clone(), &DROPPED).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..20 {
            queue.write_all(&line).unwrap();
        }
        // Eight wait; what is being written counts as waiting.
        assert_eq!(DROPPED.get(), 12);
        let (state, changed) = &*stuck.0;
        state.lock().unwrap().0 = true;
        changed.notify_all();
        drop(last);
        assert_eq!(state.lock().unwrap().1.len(), 8 << 20);
    }

    #[test]
    fn many_short_lines_are_bounded_too() {
        static DROPPED: Tally = Tally::new();
        let stuck = Stuck::default();
        let (mut queue, _last) = Queue::start(stuck.clone(), &DROPPED).unwrap();
        for _ in 0..LINES * 2 + 10_000 {
            queue.write_all(b"x\n").unwrap();
        }
        assert!(DROPPED.get() > 0);
        let (state, changed) = &*stuck.0;
        state.lock().unwrap().0 = true;
        changed.notify_all();
    }
}
