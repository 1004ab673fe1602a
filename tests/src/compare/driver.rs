//! The load: one thread, a few connections, and as little work as can be for each request, so that what is measured is the
//! server. It shares the processors with it, which a client on another machine would not.
//!
//! Closed: each connection asks as soon as it is answered. Open: requests are sent at a constant rate whether answers
//! come or not, and a time counts from when its request was to be sent.

use std::{
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

/// Connections to one server, and the requests that are made on them in turn.
pub struct Driver {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
    lines: Vec<Line>,
    requests: Vec<Vec<u8>>,
    next: usize,
}

/// One connection.
struct Line {
    stream: TcpStream,
    answer: Vec<u8>,
    filled: usize,
    /// When the request that is not answered yet was to be sent.
    due: Option<Instant>,
}

impl Driver {
    /// Connects.
    ///
    /// # Panics
    ///
    /// If the server accepts no connection.
    #[must_use]
    pub fn new(address: SocketAddr, requests: Vec<Vec<u8>>) -> Self {
        let poll = Poll::new().expect("a poll");
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).expect("a timer");
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE).expect("a timer");
        let lines = (0..CONNECTIONS).map(|number| Line::new(address, &poll, number)).collect();
        Self { poll, events: Events::with_capacity(2 * CONNECTIONS), timer, lines, requests, next: 0 }
    }

    /// Answers per second if each connection asks as soon as it is answered.
    ///
    /// # Panics
    ///
    /// If an answer is not 200, or none comes.
    pub fn saturate(&mut self, time: Duration) -> f64 {
        let begun = Instant::now();
        let until = begun + time;
        for number in 0..self.lines.len() {
            self.send(number, begun);
        }
        let mut answers = 0_u32;
        let mut last = begun;
        while self.lines.iter().any(|line| line.due.is_some()) {
            for (number, _) in self.answered() {
                last = Instant::now();
                answers += 1;
                if last < until {
                    self.send(number, last);
                }
            }
        }
        f64::from(answers) / (last - begun).as_secs_f64()
    }

    /// Sends requests at this rate per second. What has not been sent when twice the time is over counts with the time
    /// that it has waited by then.
    ///
    /// # Panics
    ///
    /// If an answer is not 200, or none comes.
    pub fn at_rate(&mut self, rate: f64, time: Duration) -> Times {
        let gap = Duration::from_secs_f64(1.0 / rate);
        let count = (time.as_secs_f64() * rate) as u32;
        let begun = Instant::now();
        self.tick(gap);
        let (mut idle, mut sent, mut times) = ((0..self.lines.len()).collect::<VecDeque<_>>(), 0, times());
        while sent < count || idle.len() < self.lines.len() {
            let now = Instant::now();
            if now > begun + 2 * time {
                break;
            }
            while sent < count && begun + gap * sent <= now {
                let Some(number) = idle.pop_front() else { break };
                self.send(number, begun + gap * sent);
                sent += 1;
            }
            for (number, took) in self.answered() {
                times.saturating_record(took.as_nanos() as u64);
                idle.push_back(number);
            }
        }
        self.tick(Duration::ZERO);
        for late in sent..count {
            times.saturating_record((begun + gap * late).elapsed().as_nanos() as u64);
        }
        while self.lines.iter().any(|line| line.due.is_some()) {
            for (_, took) in self.answered() {
                times.saturating_record(took.as_nanos() as u64);
            }
        }
        times
    }

    /// Wakes whoever waits for events every so often; not at all if that is zero.
    fn tick(&self, every: Duration) {
        let every = Timespec { tv_sec: every.as_secs() as i64, tv_nsec: i64::from(every.subsec_nanos()) };
        let times = Itimerspec { it_interval: every, it_value: every };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times).expect("a timer that is set");
    }

    /// Sends the next request on an idle connection.
    fn send(&mut self, number: usize, due: Instant) {
        let request = &self.requests[self.next];
        self.next = (self.next + 1) % self.requests.len();
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
            if line.is_answered()
                && let Some(due) = line.due.take()
            {
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
        Self { stream, answer: vec![0; 64 << 10], filled: 0, due: None }
    }

    /// Reads what there is. Whether that was the rest of an answer.
    fn is_answered(&mut self) -> bool {
        loop {
            match self.stream.read(&mut self.answer[self.filled..]) {
                Ok(0) => panic!("the server closed a connection"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("a connection broke: {error}"),
            }
        }
        let whole = extent(&self.answer[..self.filled]).is_some_and(|(head, body)| head + body <= self.filled);
        if whole {
            let answer = &self.answer[..self.filled];
            assert!(answer.starts_with(OK), "{}", String::from_utf8_lossy(answer));
            self.filled = 0;
        }
        whole
    }
}
