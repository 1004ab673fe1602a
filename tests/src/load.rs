//! Load for benchmarks: threads that block, each with one connection, so that making the load costs next to nothing
//! beside what is measured.
//!
//! Not for tests of behaviour, which ask with [`Ask`](crate::Ask).

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::key;

/// One connection, on which one request at a time is made.
pub struct Caller {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    line: String,
    body: Vec<u8>,
}

/// What a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The status.
    pub status: u16,
    /// Seconds after which to try again, if the answer says so.
    pub retry_after: Option<u64>,
}

impl Caller {
    /// A connection that asks this policy with this body.
    ///
    /// # Panics
    ///
    /// If the server accepts no connection.
    #[must_use]
    pub fn of(address: SocketAddr, policy: &str, body: &str) -> Self {
        let key = key(policy.split('/').next().unwrap_or_default());
        let request = format!(
            "POST /allocate/{policy}?code={key} HTTP/1.1\r\nhost: berth\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let stream = TcpStream::connect(address).expect("the server accepts connections");
        stream.set_nodelay(true).expect("an option of the socket");
        let (line, body) = (String::new(), Vec::new());
        Self { stream: BufReader::new(stream), request: request.into_bytes(), line, body }
    }

    /// Asks once and reads the whole answer.
    ///
    /// # Errors
    ///
    /// If the server closed the connection.
    pub fn ask(&mut self) -> std::io::Result<Outcome> {
        self.stream.get_mut().write_all(&self.request)?;
        let status = self.next_line()?.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let (mut length, mut retry_after) = (0, None);
        loop {
            let line = self.next_line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            match name {
                "content-length" => length = value.parse().unwrap_or_default(),
                "retry-after" => retry_after = value.parse().ok(),
                _ => {}
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(Outcome { status, retry_after })
    }

    fn next_line(&mut self) -> std::io::Result<&str> {
        self.line.clear();
        if self.stream.read_line(&mut self.line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.line.trim_end())
    }
}

/// Times from when a request was to be sent until its answer was there.
#[derive(Debug, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// The time within which this share of the answers came, such as 0.99.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn within(&mut self, share: f64) -> Duration {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1).expect("there are answers");
        self.0[(last as f64 * share).round() as usize]
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Answers per second that these callers get if each asks as soon as it is answered.
///
/// # Panics
///
/// If an answer is no decision.
#[must_use]
pub fn saturate(callers: &mut [Caller], time: Duration) -> f64 {
    let until = Instant::now() + time;
    let answers: u32 = thread::scope(|scope| {
        let work = |caller| scope.spawn(move || closed(caller, until));
        let threads: Vec<_> = callers.iter_mut().map(work).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread panics")).sum()
    });
    f64::from(answers) / time.as_secs_f64()
}

fn closed(caller: &mut Caller, until: Instant) -> u32 {
    let mut answers = 0;
    while Instant::now() < until {
        assert_eq!(caller.ask().expect("an answer").status, 200);
        answers += 1;
    }
    answers
}

/// Asks at this rate per second whether answers come or not. A request that finds its caller still waiting is sent late,
/// but its time is counted from when it was to be sent.
///
/// # Panics
///
/// If an answer is no decision.
#[must_use]
pub fn at_rate(callers: &mut [Caller], rate: f64, time: Duration) -> Latencies {
    let start = Instant::now() + Duration::from_millis(10);
    let gap = Duration::from_secs_f64(1.0 / rate);
    let (count, every) = ((time.as_secs_f64() * rate) as u32, callers.len() as u32);
    let patience = start + 2 * time;
    let all = thread::scope(|scope| {
        let work = |(first, caller): (u32, _)| {
            let due = (first..count).step_by(every as usize).map(move |number| start + gap * number);
            scope.spawn(move || open(caller, due, patience))
        };
        let threads: Vec<_> = (0..).zip(callers.iter_mut()).map(work).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no thread panics")).collect()
    });
    Latencies(all)
}

/// What is not sent when patience ends counts with the time it has waited by then.
fn open(caller: &mut Caller, due: impl Iterator<Item = Instant>, patience: Instant) -> Vec<Duration> {
    due.map(|due| {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if Instant::now() > patience {
            return due.elapsed();
        }
        assert_eq!(caller.ask().expect("an answer").status, 200);
        due.elapsed()
    })
    .collect()
}

/// Asks as soon as it is answered, until told to stop; hands each outcome to `seen`. A rejection with 429 is heeded as DPS
/// heeds it, by waiting, in which whoever stops it has to unpark its thread.
pub fn hammer(mut caller: Caller, stop: &AtomicBool, mut seen: impl FnMut(Outcome)) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(outcome) = caller.ask() else { return };
        seen(outcome);
        if outcome.status == 429 {
            let again = Instant::now() + Duration::from_secs(outcome.retry_after.unwrap_or(1));
            while !stop.load(Ordering::Relaxed) && Instant::now() < again {
                thread::park_timeout(again - Instant::now());
            }
        }
    }
}
