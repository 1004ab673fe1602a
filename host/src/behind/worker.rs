//! The process behind: makes the decisions that it is asked for, and ends with the server.
//!
//! It gives way as far as there is, and its memory is its own: whatever a guest does to it, the server's threads wait for
//! none of it. It knows neither catalogue nor files, and holds nothing but the programs and surroundings it was given.

use std::{
    collections::HashMap,
    fs,
    io::{self, BufReader, Read, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    task::Poll,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, setrlimit};

use super::frames::{HEAD, Order, Question, Report, frame, message};
use crate::{
    admission::{Lane, processors},
    contract::{Answer, FaultKind, Limits},
    decide,
    engine::{Engine, Program, Run, Surroundings, priority, processor_time},
    heap,
    wire::Body,
};

/// The hidden command that makes `berth` the process behind.
pub const COMMAND: &str = "decide-worker";

/// How far decisions give way that are longer than most, as those of many an honest policy are: they get a fifth or so of a
/// busy processor, where at the end of the scale they would get nothing in their time.
const NICENESS: i32 = 5;

/// Takes orders from standard input, which has to be a socket, and reports there, until its other end is gone.
///
/// # Errors
///
/// If the engine cannot be set up, or what comes is no order.
pub fn run() -> anyhow::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // Where memory is short, this process goes before the server, and one that compiles before this. That this cannot be said
    // is no reason not to start.
    let _ = fs::write("/proc/self/oom_score_adj", "900");
    outlive_signals()?;
    let socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut orders = BufReader::new(socket.try_clone()?);
    let reports = Arc::new(Reports { server: Mutex::new(socket), open: Mutex::default() });
    let first = read(&mut orders)?.context("nobody gives orders")?;
    let Some((Order::Begin(most), _)) = message(&first) else { bail!("the first order is not how to begin") };
    priority::keep_to_half();
    heap::give_back();
    // The clock of deadlines does not give way, or none would be kept.
    let engine = Engine::new(&most)?;
    reports.send(&Report::Ready);
    // Nor does this thread, which brings everybody's questions: only decisions wait for other work.
    let lanes = || -> io::Result<_> {
        let longer = Lane::start("berth-behind", processors(), || priority::nice(NICENESS))?;
        Ok((longer, Lane::start("berth-last", processors(), priority::idle)?))
    };
    let (longer, long) = lanes().context("failed to start the threads for decisions")?;
    let mut desk = Desk { most, engine, longer, long, reports, programs: HashMap::new(), surroundings: HashMap::new() };
    while let Some(frame) = read(&mut orders)? {
        let (order, bytes) = message(&frame).context("what came is no order")?;
        desk.obey(order, bytes);
    }
    Ok(())
}

/// What ends a server, from a keyboard or a service manager, is sent to this process too. It has to be there until the server
/// has drained: then its socket ends.
fn outlive_signals() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        // Once listened to, it does nothing else for as long as the process runs.
        drop(signal(kind)?);
    }
    Ok(())
}

/// The next frame. `None` if the server is gone.
fn read(orders: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut head = [0; HEAD];
    match orders.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let mut frame = vec![0; u32::from_le_bytes(head) as usize];
    orders.read_exact(&mut frame)?;
    Ok(Some(frame))
}

/// What the process has.
struct Desk {
    most: Limits,
    engine: Engine,
    /// For decisions that take longer than most.
    longer: Lane,
    /// For those that take all the time they get: they get what nobody else wants.
    long: Lane,
    reports: Arc<Reports>,
    programs: HashMap<u64, Arc<Given<Program>>>,
    surroundings: HashMap<u64, Arc<Given<Surroundings>>>,
}

impl Desk {
    fn obey(&mut self, order: Order, bytes: &[u8]) {
        match order {
            Order::Begin(_) => {}
            Order::Program(number) => drop(self.programs.insert(number, Given::new(bytes))),
            Order::Surroundings(number) => drop(self.surroundings.insert(number, Given::new(bytes))),
            Order::ForgetProgram(number) => drop(self.programs.remove(&number)),
            Order::ForgetSurroundings(number) => drop(self.surroundings.remove(&number)),
            Order::Decide(question) => self.decide(question, bytes.to_vec()),
            Order::Drop(number) => self.reports.give_up(number),
        }
    }

    fn decide(&self, question: Question, body: Vec<u8>) {
        let mut answer = Unanswered::new(question.number, &self.reports);
        let program = self.programs.get(&question.program).cloned();
        let surroundings = self.surroundings.get(&question.surroundings).cloned();
        let (Some(program), Some(surroundings)) = (program, surroundings) else {
            return answer.with(failed("the policy was not given to where long decisions are made"));
        };
        let (engine, depth) = (self.engine.clone(), self.most.json_depth);
        let mut work = Box::pin(async move {
            let code = program.of(|code| engine.load(code).map_err(|failure| failure.reason));
            let (program, surroundings) = match (code.await, surroundings.of(unpacked).await) {
                (Ok(program), Ok(surroundings)) => (program, surroundings),
                (Err(why), _) | (_, Err(why)) => return unloaded(&why),
            };
            match Body::parse(&body, depth) {
                Ok(body) => make(&program, &surroundings, &question.limits, &body).await,
                Err(error) => failed(&error.to_string()),
            }
        });
        let job = std::future::poll_fn(move |context| {
            if answer.is_dropped() {
                return Poll::Ready(());
            }
            let before = processor_time();
            let polled = work.as_mut().poll(context);
            answer.used += processor_time().saturating_sub(before);
            polled.map(|run| answer.with(run))
        });
        let lane = if question.long { &self.long } else { &self.longer };
        lane.take(question.tenant, job);
    }
}

/// What the process was given, as it came or as it is used. It is made ready in the turn of the tenant who asks for it first,
/// since it may be many megabytes.
struct Given<T>(Mutex<State<T>>);

enum State<T> {
    Bytes(Vec<u8>),
    Ready(Result<Arc<T>, String>),
}

impl<T> Given<T> {
    fn new(bytes: &[u8]) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State::Bytes(bytes.to_vec()))))
    }

    /// It, ready. Whoever comes while another makes it ready comes again at the next turn.
    async fn of(&self, make: impl Fn(&[u8]) -> Result<T, String>) -> Result<Arc<T>, String> {
        loop {
            match self.0.try_lock() {
                Ok(mut state) => {
                    if let State::Bytes(bytes) = &*state {
                        *state = State::Ready(make(bytes).map(Arc::new));
                    }
                    if let State::Ready(ready) = &*state {
                        return ready.clone();
                    }
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Poisoned(_)) => return Err("it panicked".to_owned()),
            }
            tokio::task::yield_now().await;
        }
    }
}

fn unpacked(bytes: &[u8]) -> Result<Surroundings, String> {
    let unpacked = postcard::from_bytes(bytes).map_err(|error| error.to_string());
    unpacked.map(|(settings, tables)| Surroundings { settings, tables })
}

/// Asks the policy. An answer that DPS could not take does not cross: it may be megabytes, and the server checks again.
async fn make(program: &Program, surroundings: &Arc<Surroundings>, limits: &Limits, body: &Body<'_>) -> Run<Answer> {
    let request = body.request();
    let mut run = program.allocate(&request, surroundings, limits, false).await;
    if let Ok(Answer::Decision(decision)) = &run.result
        && let Err(fault) = decide::response(limits, &request, decision)
    {
        run.result = Err(fault);
    }
    run
}

/// The server runs this code itself. If there is no memory for it here, whoever asks hears that.
fn unloaded(why: &str) -> Run<Answer> {
    failed(&format!("the policy could not be loaded where long decisions are made: {why}"))
}

/// What came of a decision that could not be made here.
fn failed(why: &str) -> Run<Answer> {
    Run::failed(FaultKind::Lost, why)
}

/// What the server hears, and still has to hear.
struct Reports {
    server: Mutex<UnixStream>,
    /// The questions without an answer, and of each whether nobody waits for it any more.
    open: Mutex<HashMap<u64, bool>>,
}

impl Reports {
    /// A report that cannot be sent has nobody to read it.
    fn send(&self, report: &Report) {
        if let Some(frame) = frame(report, &[]) {
            let _ = lock(&self.server).write_all(&frame);
        }
    }

    fn give_up(&self, number: u64) {
        if let Some(dropped) = lock(&self.open).get_mut(&number) {
            *dropped = true;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic is done under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A question that gets an answer, also if it is dropped or making the decision panics.
struct Unanswered {
    number: u64,
    /// The processor time that the decision took so far.
    used: Duration,
    reports: Arc<Reports>,
}

impl Unanswered {
    fn new(number: u64, reports: &Arc<Reports>) -> Self {
        lock(&reports.open).insert(number, false);
        Self { number, used: Duration::ZERO, reports: reports.clone() }
    }

    fn is_dropped(&self) -> bool {
        lock(&self.reports.open).get(&self.number) == Some(&true)
    }

    fn with(&mut self, run: Run<Answer>) {
        if lock(&self.reports.open).remove(&self.number).is_some() {
            self.reports.send(&Report::Ran(self.number, self.used, run.into()));
        }
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.with(failed("the decision was given up"));
    }
}
