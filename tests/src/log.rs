//! The server's log: JSON lines on its standard error, read as they come.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    sync::watch,
};

use crate::within_patience;

/// One line of the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry(Value);

impl Entry {
    /// What the line says.
    #[must_use]
    pub fn message(&self) -> &str {
        self.text("message")
    }

    /// A field as text; empty if the line has no such field.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field as it is; null if the line has no such field.
    #[must_use]
    pub fn field(&self, field: &str) -> &Value {
        &self.0[field]
    }

    /// Whether this is about the policy `tenant/policy`.
    #[must_use]
    pub fn is_about(&self, policy: &str) -> bool {
        self.text("policy") == policy
    }

    /// Whether the word or phrase is anywhere in the line.
    #[must_use]
    pub fn mentions(&self, phrase: &str) -> bool {
        match &self.0 {
            Value::Object(fields) => {
                fields.values().any(|field| field.as_str().is_some_and(|text| text.contains(phrase)))
            }
            _ => false,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What the server has logged so far, and what it will.
pub struct Log {
    lines: Arc<Mutex<Vec<Entry>>>,
    /// How many lines there are; closed once the server has closed its end.
    count: watch::Receiver<usize>,
    /// Where the next wait begins: after the line that the last one found.
    read: AtomicUsize,
}

impl Log {
    /// Reads a stream of lines to its end. Needs a running runtime.
    ///
    /// # Panics
    ///
    /// Once a line is read that is not JSON.
    #[must_use]
    pub fn of(stream: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (sender, count) = watch::channel(0);
        let kept = lines.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                // What is not JSON is a panic's text or an error before the log began: kept to be seen.
                let value = serde_json::from_str(&line).unwrap_or_else(|_| serde_json::json!({ "message": line }));
                let mut lines = kept.lock().expect("no reader panics");
                lines.push(Entry(value));
                sender.send_replace(lines.len());
            }
        });
        Self { lines, count, read: AtomicUsize::new(0) }
    }

    /// Waits for a line that is after the one the last wait found.
    ///
    /// # Panics
    ///
    /// If the log ends before, or nothing comes.
    pub async fn next(&self, what: &str, wanted: impl Fn(&Entry) -> bool) -> Entry {
        let (at, entry) = self.find(what, self.read.load(Ordering::Relaxed), wanted).await;
        self.read.store(at + 1, Ordering::Relaxed);
        entry
    }

    /// Waits for a line from this place on, and leaves the place of the next wait as it is.
    ///
    /// # Panics
    ///
    /// As [`next`](Self::next).
    pub async fn find(&self, what: &str, from: usize, wanted: impl Fn(&Entry) -> bool) -> (usize, Entry) {
        let mut count = self.count.clone();
        let search = async {
            let mut from = from;
            loop {
                count.borrow_and_update();
                let found = {
                    let lines = self.lines.lock().expect("no reader panics");
                    let rest = lines[from..].iter().enumerate();
                    let found = rest.map(|(at, line)| (from + at, line)).find(|(_, line)| wanted(line));
                    let found = found.map(|(at, line)| (at, line.clone()));
                    from = lines.len();
                    found
                };
                if let Some(found) = found {
                    return found;
                }
                assert!(count.changed().await.is_ok(), "the log ended without {what}:\n{self}");
            }
        };
        within_patience(&format!("{what} in the log"), search).await
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> usize {
        *self.count.borrow()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A part of the lines.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    #[must_use]
    pub fn lines(&self, range: std::ops::Range<usize>) -> Vec<Entry> {
        self.lines.lock().expect("no reader panics")[range].to_vec()
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines.lock().expect("no reader panics").iter() {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}
