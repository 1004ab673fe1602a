//! The load: one thread, a few connections, and as little work as can be for each request, so that what is measured is the
//! server. It shares the processors with it, which a client on another machine would not.
//!
//! Closed: each connection asks as soon as it is answered. Open: requests are sent at a constant rate whether answers
//! come or not, and a time counts from when its request was to be sent.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{ErrorKind, Read as _, Write as _},
    net::SocketAddr,
    os::fd::{AsRawFd as _, OwnedFd},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use mio::{Events, Interest, Poll, Token, net::TcpStream, unix::SourceFd};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::exchange::{OK, extent};

/// Connections of every load.
pub const CONNECTIONS: usize = 16;

/// What the timer's events carry in place of a connection's number.
const TIMER: Token = Token(usize::MAX);
/// After so long without any answer the server counts as stuck.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The longest time that a histogram can hold, in nanoseconds.
const LONGEST: u64 = 120_000_000_000;

/// Nanoseconds from when requests were to be sent until they were answered.
pub type Times = Histogram<u64>;

/// No times yet.
///
/// # Panics
///
/// Never: the bounds are constants.
#[must_use]
pub fn times() -> Times {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("proper bounds")
}

/// The load of one server: the requests that are made in turn.
pub struct Driver {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    failed: Cell<u64>,
}

/// A load that is on, with connections of its own: a server may close those that were idle between two turns.
struct Load<'a> {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
    lines: Vec<Line>,
    requests: std::iter::Cycle<std::slice::Iter<'a, Vec<u8>>>,
    failed: &'a Cell<u64>,
}

/// One connection.
struct Line {
    stream: TcpStream,
    bytes: Vec<u8>,
    filled: usize,
    /// When the request that is not answered yet was to be sent.
    due: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Success,
    Failure,
}

impl Driver {
    /// Of the server at this address.
    #[must_use]
    pub fn new(address: SocketAddr, requests: Vec<Vec<u8>>) -> Self {
        Self { address, requests, failed: Cell::new(0) }
    }

    /// How many answers were not 200 so far. They count as no answers in a throughput, and as any in latencies.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed.get()
    }

    /// Answers per second if each connection asks as soon as it is answered.
    ///
    /// # Panics
    ///
    /// If the server accepts no connection, or does not answer.
    #[must_use]
    pub fn saturate(&self, time: Duration) -> f64 {
        let mut load = Load::begin(self);
        let begun = Instant::now();
        let until = begun + time;
        for number in 0..load.lines.len() {
            load.send(number, begun);
        }
        let failed = self.failed();
        let mut answers = 0_u64;
        let mut last = begun;
        while load.is_waiting() {
            for (number, _) in load.answered() {
                last = Instant::now();
                answers += 1;
                if last < until {
                    load.send(number, last);
                }
            }
        }
        (answers - (self.failed() - failed)) as f64 / (last - begun).as_secs_f64()
    }

    /// Sends requests at this rate per second. What has not been sent when twice the time is over counts with the time
    /// that it has waited by then.
    ///
    /// # Panics
    ///
    /// If the server accepts no connection, or does not answer.
    #[must_use]
    pub fn at_rate(&self, rate: f64, time: Duration) -> Times {
        let gap = Duration::from_secs_f64(1.0 / rate.max(1.0));
        let count = (time.as_secs_f64() * rate) as u32;
        let mut load = Load::begin(self);
        let (mut idle, mut sent, mut times) = ((0..load.lines.len()).collect::<VecDeque<_>>(), 0, times());
        let begun = Instant::now();
        load.tick(gap);
        while sent < count || load.is_waiting() {
            let now = Instant::now();
            if now > begun + 2 * time {
                break;
            }
            while sent < count && begun + gap * sent <= now {
                let Some(number) = idle.pop_front() else { break };
                load.send(number, begun + gap * sent);
                sent += 1;
            }
            for (number, took) in load.answered() {
                times.saturating_record(took.as_nanos() as u64);
                idle.push_back(number);
            }
        }
        load.tick(Duration::ZERO);
        for late in sent..count {
            times.saturating_record((begun + gap * late).elapsed().as_nanos() as u64);
        }
        while load.is_waiting() {
            for (_, took) in load.answered() {
                times.saturating_record(took.as_nanos() as u64);
            }
        }
        times
    }
}

impl<'a> Load<'a> {
    fn begin(driver: &'a Driver) -> Self {
        let poll = Poll::new().expect("a poll");
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).expect("a timer");
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE).expect("a timer");
        let lines = (0..CONNECTIONS).map(|number| Line::new(driver.address, &poll, number)).collect();
        let events = Events::with_capacity(2 * CONNECTIONS);
        Self { poll, events, timer, lines, requests: driver.requests.iter().cycle(), failed: &driver.failed }
    }

    /// Whether a request is not answered yet.
    fn is_waiting(&self) -> bool {
        self.lines.iter().any(|line| line.due.is_some())
    }

    /// Wakes whoever waits for events every so often; not at all if that is zero.
    fn tick(&self, every: Duration) {
        let every = Timespec { tv_sec: every.as_secs() as i64, tv_nsec: i64::from(every.subsec_nanos()) };
        let times = Itimerspec { it_interval: every, it_value: every };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times).expect("a timer that is set");
    }

    /// Sends the next request on an idle connection.
    fn send(&mut self, number: usize, due: Instant) {
        let request = self.requests.next().expect("a load has requests");
        let line = &mut self.lines[number];
        line.due = Some(due);
        line.stream.write_all(request).expect("an idle connection takes a whole request");
    }

    /// Waits for events, and returns the connections that were answered, and how long that took.
    fn answered(&mut self) -> Vec<(usize, Duration)> {
        match self.poll.poll(&mut self.events, Some(PATIENCE)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Vec::new(),
            polled => polled.expect("events"),
        }
        assert!(!self.events.is_empty(), "no answer within {} s", PATIENCE.as_secs());
        let mut answered = Vec::new();
        for event in &self.events {
            if event.token() == TIMER {
                // It goes on only when it has been read, and may have been stopped since.
                let _ = rustix::io::read(&self.timer, &mut [0; 8]);
                continue;
            }
            let number = event.token().0;
            let line = &mut self.lines[number];
            if let Some(answer) = line.answer()
                && let Some(due) = line.due.take()
            {
                self.failed.update(|failed| failed + u64::from(answer == Answer::Failure));
                answered.push((number, due.elapsed()));
            }
        }
        answered
    }
}

impl Line {
    fn new(address: SocketAddr, poll: &Poll, number: usize) -> Self {
        // Blocking until it is connected: a request may be written at once.
        let stream = std::net::TcpStream::connect(address).expect("the server accepts connections");
        stream.set_nodelay(true).expect("an option of the socket");
        stream.set_nonblocking(true).expect("an option of the socket");
        let mut stream = TcpStream::from_std(stream);
        poll.registry().register(&mut stream, Token(number), Interest::READABLE).expect("a connection to wait for");
        Self { stream, bytes: vec![0; 64 << 10], filled: 0, due: None }
    }

    /// Reads what there is, and says what the answer is if that was the rest of it.
    fn answer(&mut self) -> Option<Answer> {
        loop {
            match self.stream.read(&mut self.bytes[self.filled..]) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("a connection broke: {error}"),
            }
        }
        let bytes = &self.bytes[..self.filled];
        extent(bytes).filter(|(head, body)| head + body <= bytes.len())?;
        self.filled = 0;
        Some(if bytes.starts_with(OK) { Answer::Success } else { Answer::Failure })
    }
}
