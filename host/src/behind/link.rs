//! One life of the process behind, as the server sees it.

use std::{
    collections::HashMap,
    os::fd::OwnedFd,
    path::Path,
    process::Stdio,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    process::{Child, Command},
    time::{Interval, MissedTickBehavior},
};

use super::{
    Ask, Inbox,
    complaint::Complaint,
    frames::{HEAD, Order, Question, Report, frame, longest_report, message},
    orders::Orders,
    worker,
};
use crate::{contract::Limits, metrics::Level};

/// How long a start may take.
const START: Duration = Duration::from_secs(30);
/// How long a process may say nothing beyond the time that it has for a decision; then it is stuck.
const SILENCE: Duration = Duration::from_secs(10);
/// How often it is looked for what the process holds and nobody has any more.
const SWEEP: Duration = Duration::from_secs(1);

/// A running process.
pub(super) struct Link {
    child: Child,
    complaint: Complaint,
    orders: OwnedWriteHalf,
    reports: BufReader<OwnedReadHalf>,
    /// Most bytes of a report.
    longest: usize,
    /// How long it may say nothing while it is asked.
    silence: Duration,
}

/// What was asked and is not answered.
struct Open<'a> {
    asks: HashMap<u64, Ask>,
    /// How many these are, for others to see.
    count: &'a Level,
    /// When it said something, or when it was asked something while there was nothing to say.
    heard: Instant,
}

impl Link {
    /// Starts a process and waits until it takes orders.
    pub(super) async fn start(program: &Path, most: &Limits) -> anyhow::Result<Self> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().context("no socket")?;
        ours.set_nonblocking(true).context("no socket")?;
        // Nothing keeps their end open but the process: that it is closed tells that it ended.
        let mut command = Command::new(program);
        command
            .arg(worker::COMMAND)
            .env_clear()
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // Not on a thread that keeps to one processor, or the process would.
        let started = tokio::task::spawn_blocking(move || command.spawn()).await?;
        let mut child = started.context("failed to start the process for long decisions")?;
        let complaint = Complaint::of(child.stderr.take().context("no pipe from the process for long decisions")?);
        let (reports, mut orders) = UnixStream::from_std(ours).context("no socket")?.into_split();
        let mut reports = BufReader::new(reports);
        let longest = longest_report(most);
        let first = async {
            orders.write_all(&frame(&Order::Begin(*most), &[]).context("no order")?).await?;
            let report = read(&mut reports, longest).await?;
            matches!(message(&report), Some((Report::Ready, _)))
                .then_some(())
                .context("it does not say that it is ready")
        };
        let ready = tokio::time::timeout(START, first).await.context("it took too long").flatten();
        if let Err(error) = ready {
            let last_words = last_words(&mut child, complaint).await;
            bail!("the process for long decisions did not start: {error:#}; {last_words}");
        }
        Ok(Self { child, complaint, orders, reports, longest, silence: most.time + SILENCE })
    }

    /// The process's number, or 0 if it has ended.
    pub(super) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Has decisions made until the process ends, and says why. What is to be asked again is asked first, and what was
    /// asked for the first time and is not answered then is to be asked again. `None` if nobody can ask any more.
    pub(super) async fn serve(self, inbox: &mut Inbox, again: &mut Vec<Ask>, count: &Level) -> Option<String> {
        let Self { mut child, complaint, orders, reports, longest, silence } = self;
        let open = Mutex::new(Open { asks: HashMap::new(), count, heard: Instant::now() });
        let ended = tokio::select! {
            ended = tell(orders, inbox, again, &open) => ended,
            ended = hear(reports, longest, &open) => Err(ended),
            () = watch(silence, &open) => Err(anyhow::anyhow!("it said nothing for {} s", silence.as_secs())),
        };
        let error = match ended {
            Ok(()) => return None,
            Err(error) => error,
        };
        count.set(0);
        let open = open.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Whoever waits for the second time hears that there will be nothing.
        let first = open.asks.into_values().filter(|ask| !ask.again);
        again.extend(first.map(|ask| Ask { again: true, ..ask }));
        Some(format!("{error:#}; {}", last_words(&mut child, complaint).await))
    }
}

/// Passes on what is asked, until nobody can ask any more.
async fn tell(
    orders: OwnedWriteHalf,
    inbox: &mut Inbox,
    again: &mut Vec<Ask>,
    open: &Mutex<Open<'_>>,
) -> anyhow::Result<()> {
    let mut orders = Orders::new(orders);
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0.. {
        let next = match again.pop() {
            Some(ask) => Some(ask),
            None => next(inbox, &mut orders, &mut sweep, open).await?,
        };
        let Some(ask) = next else { break };
        if ask.reply.is_closed() {
            continue;
        }
        let (program, around) = (ask.program.clone(), ask.surroundings.clone());
        let (tenant, limits, body) = (ask.share.name(), ask.limits, ask.body.clone());
        let long = ask.habit.is_long();
        // Before anything else is done, so that it is not lost.
        lock(open).take(number, ask);
        let program = orders.program(program, tenant).await?;
        let surroundings = orders.surroundings(around, tenant).await?;
        let question = Question { number, tenant, long, program, surroundings, limits };
        orders.ask(question, &body).await?;
    }
    Ok(())
}

/// The next that is asked. Until it comes, what nobody waits for any more is given up, and what nobody has is forgotten.
async fn next(
    inbox: &mut Inbox,
    orders: &mut Orders,
    sweep: &mut Interval,
    open: &Mutex<Open<'_>>,
) -> anyhow::Result<Option<Ask>> {
    loop {
        tokio::select! {
            ask = inbox.asks.recv() => return Ok(ask),
            () = inbox.left.notified() => {
                let left = lock(open).left();
                orders.each(&left, Order::Drop).await?;
            }
            _ = sweep.tick() => orders.sweep().await?,
        }
    }
}

/// Hands on what the process reports. Ends with what is wrong with it.
async fn hear(mut reports: BufReader<OwnedReadHalf>, longest: usize, open: &Mutex<Open<'_>>) -> anyhow::Error {
    loop {
        let report = match read(&mut reports, longest).await {
            Ok(report) => report,
            Err(error) => return error,
        };
        let Some((Report::Ran(number, used, ran), [])) = message(&report) else {
            return anyhow::anyhow!("what it said is no report");
        };
        let Some(ask) = lock(open).answered(number) else {
            return anyhow::anyhow!("it answered what it was not asked");
        };
        ask.made(ran.into(), used);
    }
}

/// Ends when the process is stuck.
async fn watch(silence: Duration, open: &Mutex<Open<'_>>) {
    loop {
        let heard = lock(open).quiet_since();
        let quiet = heard.map_or(Duration::ZERO, |heard| heard.elapsed());
        if quiet >= silence {
            return;
        }
        tokio::time::sleep(silence - quiet).await;
    }
}

async fn read(reports: &mut (impl AsyncRead + Unpin), longest: usize) -> anyhow::Result<Vec<u8>> {
    let gone = || anyhow::anyhow!("it is gone");
    let mut head = [0; HEAD];
    reports.read_exact(&mut head).await.map_err(|_| gone())?;
    let length = u32::from_le_bytes(head) as usize;
    if length > longest {
        bail!("it wanted to say {length} bytes, where {longest} are the most there can be");
    }
    let mut report = vec![0; length];
    reports.read_exact(&mut report).await.map_err(|_| gone())?;
    Ok(report)
}

/// Ends a process, and tells how it ended and what it complained of.
async fn last_words(child: &mut Child, complaint: Complaint) -> String {
    let _ = child.start_kill();
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    format!("{status} {}", complaint.last().await.trim()).trim_end().to_owned()
}

fn lock<'a, 'b>(open: &'a Mutex<Open<'b>>) -> MutexGuard<'a, Open<'b>> {
    // Nothing that can panic is done under the lock.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Open<'_> {
    fn take(&mut self, number: u64, ask: Ask) {
        if self.asks.is_empty() {
            self.heard = Instant::now();
        }
        self.asks.insert(number, ask);
        self.count.set(self.asks.len() as u64);
    }

    fn answered(&mut self, number: u64) -> Option<Ask> {
        self.heard = Instant::now();
        let ask = self.asks.remove(&number);
        self.count.set(self.asks.len() as u64);
        ask
    }

    /// What nobody waits for any more. It is answered all the same, once it is given up.
    fn left(&self) -> Vec<u64> {
        self.asks.iter().filter(|(_, ask)| ask.reply.is_closed()).map(|(number, _)| *number).collect()
    }

    /// Since when nothing was heard although it is asked.
    fn quiet_since(&self) -> Option<Instant> {
        (!self.asks.is_empty()).then_some(self.heard)
    }
}
