//! Long decisions, in a process of their own.
//!
//! A guest that takes long or fails may do so with all its might: fill memory, grow it, trap. In the server's process each
//! of that would hold up everybody, since all threads of a process share what the kernel keeps of its memory, and a thread
//! of low priority may hold that for long. So such decisions are made in this program started again, where the same turns
//! are taken. What comes back is taken for what a policy may say: it is checked as any answer is. If the process ends,
//! what was in it is asked again once, in the next.

mod complaint;
mod frames;
mod keeper;
mod link;
mod orders;
mod shelf;
mod words;
pub mod worker;

use std::{
    any::Any,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::sync::{Notify, mpsc, oneshot};

use self::link::Link;
use crate::{
    admission::{Habit, PLACES, Share},
    catalogue::Release,
    contract::{Answer, FaultKind, Limits, Request},
    decide::Runs,
    engine::{Program, Run, Surroundings, itself},
    metrics::Metrics,
};

/// The process behind. When the last clone is dropped, it ends.
#[derive(Debug, Clone)]
pub struct Process {
    asks: mpsc::Sender<Ask>,
    /// Hears that somebody does not wait any more.
    left: Arc<Notify>,
}

/// Where the process's keeper hears from those who hold it.
struct Inbox {
    asks: mpsc::Receiver<Ask>,
    left: Arc<Notify>,
}

/// A decision that somebody waits for.
struct Ask {
    share: Arc<Share>,
    habit: Arc<Habit>,
    /// The processor time that was used up elsewhere.
    before: Duration,
    asked: Instant,
    program: Arc<Program>,
    surroundings: Arc<Surroundings>,
    limits: Limits,
    body: Arc<[u8]>,
    /// Dropped when the decision is over.
    _held: Held,
    /// Hears nothing if the process ended once more.
    reply: oneshot::Sender<Run<Answer>>,
    /// Whether the process ended before with this in it.
    again: bool,
}

/// What is held until a decision is over, whether or not anybody waits for it.
pub type Held = Arc<dyn Any + Send + Sync>;

impl Ask {
    /// Counts what the decision took, also if nobody waits for it any more, and hands it on.
    fn made(self, mut run: Run<Answer>, used: Duration) {
        // Whatever the process says, it had no more time than this.
        let most = self.asked.elapsed();
        let used = used.min(most);
        self.share.used(used);
        self.habit.ended(self.before + used);
        // What it waited for there is part of the run, for whoever looks at where time goes.
        run.elapsed = most;
        let _ = self.reply.send(run);
    }
}

impl Process {
    /// Starts the process, for decisions that may have at most so much, and from now on again whenever it ends.
    ///
    /// # Errors
    ///
    /// If it does not start now.
    pub async fn start(most: &Limits, metrics: Arc<Metrics>) -> anyhow::Result<Self> {
        let program = itself()?;
        let first = Link::start(&program, most).await?;
        // Whoever asks holds a place.
        let (sender, asks) = mpsc::channel(PLACES);
        let left = Arc::new(Notify::new());
        tokio::spawn(keeper::keep((program, *most), first, Inbox { asks, left: left.clone() }, metrics));
        Ok(Self { asks: sender, left })
    }
}

/// Runs releases' programs there, for one request.
#[derive(Debug)]
pub struct Behind {
    /// Where.
    pub process: Process,
    /// Of the tenant that asks.
    pub share: Arc<Share>,
    /// Of the policy that is asked.
    pub habit: Arc<Habit>,
    /// The request as DPS sent it.
    pub body: Arc<[u8]>,
    /// Kept until the decision is over, even if nobody waits for it any more.
    pub held: Held,
    /// The processor time that was used up before the decision turned out to be long.
    pub before: Duration,
}

impl Runs for Behind {
    async fn run(&self, release: &Release, _: &Request<'_>) -> Run<Answer> {
        let (reply, made) = oneshot::channel();
        let ask = Ask {
            share: self.share.clone(),
            habit: self.habit.clone(),
            before: self.before,
            asked: Instant::now(),
            program: release.program.clone(),
            surroundings: release.surroundings.clone(),
            limits: release.limits,
            body: self.body.clone(),
            _held: self.held.clone(),
            reply,
            again: false,
        };
        // If nobody takes it, nobody replies.
        let _ = self.process.asks.send(ask).await;
        let waiting = Waiting { made, left: &self.process.left, over: false };
        let lost = |_| Run::failed(FaultKind::Lost, "the process for long decisions ended before this one was made");
        waiting.await.unwrap_or_else(lost)
    }
}

/// Waits for a decision, and says so if it does not any more.
struct Waiting<'a> {
    made: oneshot::Receiver<Run<Answer>>,
    left: &'a Notify,
    over: bool,
}

impl Future for Waiting<'_> {
    type Output = Result<Run<Answer>, oneshot::error::RecvError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.made).poll(context);
        self.over = polled.is_ready();
        polled
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.made.close();
            self.left.notify_one();
        }
    }
}
