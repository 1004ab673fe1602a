//! Runs another program to its end, within a time, without letting it ask anything.
//!
//! Each program gets its own process group, so that what it started in turn dies with it. Not for programs that
//! Berth talks to while they run.

mod error;

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use error::ProcessError;

use super::environment::Environment;
use super::progress::{Event, Progress};

/// How often a running program is looked at between its lines.
const TICK: Duration = Duration::from_millis(50);

/// How long output is awaited after a program's end, when a process it left behind still holds the pipe open.
const GRACE: Duration = Duration::from_millis(500);

/// How many of the first lines of a failed program's output its error quotes: a compiler's first mistake makes the others.
const FIRST_LINES: usize = 20;

/// How many of the last lines it quotes: many programs end with what stopped them.
const LAST_LINES: usize = 12;

/// Variables that have a tool written in Rust print where in itself it was, at length, beside what it has to say.
const TALKATIVE: [&str; 2] = ["RUST_BACKTRACE", "RUST_LIB_BACKTRACE"];

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

/// Follows a program while it runs.
pub(super) trait Watch {
    /// It wrote a line; given without its end.
    fn line(&mut self, stream: Stream, line: &str);

    /// Some time has passed.
    fn tick(&mut self) {}
}

/// Collects standard output and standard error, and shows the latter.
struct Capture<'a> {
    progress: &'a dyn Progress,
    stdout: String,
    stderr: Vec<String>,
}

impl Watch for Capture<'_> {
    fn line(&mut self, stream: Stream, line: &str) {
        match stream {
            Stream::Stdout => {
                self.stdout.push_str(line);
                self.stdout.push('\n');
            }
            Stream::Stderr => {
                self.progress.report(Event::Detail(line));
                self.stderr.push(line.to_owned());
            }
        }
    }
}

/// The first and the last lines of a program's output, for an error message.
pub(super) fn excerpt(lines: &[String]) -> String {
    let Some((first, rest)) = lines.split_at_checked(FIRST_LINES) else { return lines.join("\n") };
    match rest.len().checked_sub(LAST_LINES) {
        None | Some(0) => lines.join("\n"),
        Some(left_out) => {
            let last = rest.get(left_out..).unwrap_or_default();
            format!("{}\n… {left_out} lines left out …\n{}", first.join("\n"), last.join("\n"))
        }
    }
}

/// A program that is about to be run.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) folder: PathBuf,
    pub(super) environment: Environment,
    /// The longest it may run.
    pub(super) limit: Duration,
}

impl Invocation {
    /// The command line, for messages.
    pub(super) fn command_line(&self) -> String {
        let mut line = self.program.to_string_lossy().into_owned();
        for argument in &self.arguments {
            line.push(' ');
            line.push_str(&argument.to_string_lossy());
        }
        line
    }

    /// Runs it and returns its standard output. A failing exit status is an error.
    pub(super) fn capture(&self, progress: &dyn Progress) -> Result<String, ProcessError> {
        let mut capture = Capture { progress, stdout: String::new(), stderr: Vec::new() };
        let status = self.run(progress, &mut capture)?;
        self.check(status, &capture.stderr)?;
        Ok(capture.stdout)
    }

    /// Makes an error of a failing exit status.
    pub(super) fn check(&self, status: ExitStatus, stderr: &[String]) -> Result<(), ProcessError> {
        if status.success() {
            return Ok(());
        }
        Err(ProcessError::Failed { command: self.command_line(), status, output: excerpt(stderr) })
    }

    /// Runs it to its end, however that turns out, with `watch` following.
    pub(super) fn run(&self, progress: &dyn Progress, watch: &mut dyn Watch) -> Result<ExitStatus, ProcessError> {
        let mut child = self.start()?;
        let lines = read_lines(&mut child);
        let mut running = Running { invocation: self, child, lines, started: Instant::now() };
        let outcome = running.follow(progress, watch);
        if outcome.is_err() {
            kill_group(&mut running.child);
        }
        outcome
    }

    fn start(&self) -> Result<Child, ProcessError> {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter());
        for variable in TALKATIVE {
            command.env_remove(variable);
        }
        command
            .args(&self.arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| match source.kind() {
                io::ErrorKind::NotFound if self.folder.is_dir() => {
                    ProcessError::Missing { program: self.program.to_string_lossy().into_owned() }
                }
                _ => self.run_error(source),
            })
    }

    fn run_error(&self, source: io::Error) -> ProcessError {
        ProcessError::Run { command: self.command_line(), source }
    }
}

/// A program at work.
struct Running<'a> {
    invocation: &'a Invocation,
    child: Child,
    lines: Receiver<(Stream, String)>,
    started: Instant,
}

impl Running<'_> {
    /// Follows it to its end, or to the point where it has to be killed.
    fn follow(&mut self, progress: &dyn Progress, watch: &mut dyn Watch) -> Result<ExitStatus, ProcessError> {
        let mut ended: Option<(ExitStatus, Instant)> = None;
        let mut next_look = self.started;
        loop {
            let all_read = self.read(watch);
            let now = Instant::now();
            if now < next_look && !all_read {
                continue;
            }
            next_look = now + TICK;
            watch.tick();
            if progress.cancelled() {
                return Err(ProcessError::Cancelled);
            }
            if ended.is_none() {
                let status = self.child.try_wait().map_err(|source| self.invocation.run_error(source))?;
                ended = status.map(|status| (status, now));
            }
            match ended {
                Some((status, at)) if all_read || now.duration_since(at) > GRACE => return Ok(status),
                None if now.duration_since(self.started) > self.invocation.limit => {
                    let command = self.invocation.command_line();
                    return Err(ProcessError::TimedOut { command, after: self.invocation.limit });
                }
                _ => {}
            }
        }
    }

    /// Waits for one line, for no longer than a tick. `true` once there will be no more.
    fn read(&self, watch: &mut dyn Watch) -> bool {
        match self.lines.recv_timeout(TICK) {
            Ok((stream, line)) => {
                watch.line(stream, &line);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                // Nothing is left to wait on but the end itself; not in a busy loop.
                thread::sleep(Duration::from_millis(2));
                true
            }
        }
    }
}

fn read_lines(child: &mut Child) -> Receiver<(Stream, String)> {
    let (sender, receiver) = channel();
    if let Some(stdout) = child.stdout.take() {
        forward(stdout, Stream::Stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        forward(stderr, Stream::Stderr, sender);
    }
    receiver
}

/// Reads on a thread of its own, which ends with the pipe. It is not joined: a process that outlives its parent may
/// hold the pipe open for as long as it likes.
fn forward(pipe: impl Read + Send + 'static, stream: Stream, sender: Sender<(Stream, String)>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.send((stream, line)).is_err() {
                return;
            }
        }
    });
}

fn kill_group(child: &mut Child) {
    // The child was made the leader of its group, so the group bears its id. Failures mean that it is gone already.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
