//! Keeps asking the same question over several connections, and counts what is answered.

use std::time::Duration;

use anyhow::Context as _;
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{caller::Caller, workbench::Question};

/// Connections that ask at the same time.
pub(super) const CONNECTIONS: usize = 4;
/// How long anything that traffic waits for may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests in flow.
pub(super) struct Traffic {
    askers: JoinSet<()>,
    answers: mpsc::UnboundedReceiver<Heard>,
    stop: CancellationToken,
    count: Count,
}

/// How many answers there were of each kind.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Count {
    pub(super) old: u64,
    pub(super) new: u64,
    pub(super) failed: u64,
}

/// One answer.
enum Heard {
    Old,
    New(String),
    Failed,
}

impl Traffic {
    /// Starts to ask. Answers like `old` are old, other answers with status 200 are new.
    pub(super) fn start(caller: &Caller, question: &Question, old: &str) -> Self {
        let (tell, answers) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let mut askers = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let (caller, old, stop, tell) = (caller.clone(), old.to_owned(), stop.clone(), tell.clone());
            let question = question.clone();
            askers.spawn(async move {
                while !stop.is_cancelled() {
                    let heard = match caller.ask(&question).await {
                        Ok(answer) if answer.status == 200 && answer.body == old => Heard::Old,
                        Ok(answer) if answer.status == 200 => Heard::New(answer.body),
                        Ok(_) | Err(_) => Heard::Failed,
                    };
                    if tell.send(heard).is_err() {
                        return;
                    }
                }
            });
        }
        Self { askers, answers, stop, count: Count::default() }
    }

    /// Waits until so many more requests have been answered.
    pub(super) async fn flowing(&mut self, requests: u64) -> anyhow::Result<()> {
        let latest = Instant::now() + PATIENCE;
        for _ in 0..requests {
            self.next(latest).await.context("requests stopped flowing")?;
        }
        Ok(())
    }

    /// Waits for the first answer that is not the old one.
    pub(super) async fn changed(&mut self) -> anyhow::Result<String> {
        let latest = Instant::now() + PATIENCE;
        loop {
            if let Some(answer) = self.next(latest).await.context("the changed policy never answered")? {
                return Ok(answer);
            }
        }
    }

    /// Ends the traffic; every request that was sent is in the count.
    pub(super) async fn end(mut self) -> Count {
        self.stop.cancel();
        while let Some(asker) = self.askers.join_next().await {
            // An asker that panicked has lost a request, and that is a failure too.
            self.count.failed += u64::from(asker.is_err());
        }
        while let Ok(heard) = self.answers.try_recv() {
            self.note(heard);
        }
        self.count
    }

    /// The next answer, if it is a new one.
    async fn next(&mut self, latest: Instant) -> anyhow::Result<Option<String>> {
        let heard = timeout_at(latest, self.answers.recv()).await.context("it took too long")?;
        Ok(self.note(heard.context("nobody asks any more")?))
    }

    fn note(&mut self, heard: Heard) -> Option<String> {
        match heard {
            Heard::Old => self.count.old += 1,
            Heard::Failed => self.count.failed += 1,
            Heard::New(answer) => {
                self.count.new += 1;
                return Some(answer);
            }
        }
        None
    }
}
