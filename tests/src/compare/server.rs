//! A server under measurement: a process of its own, whatever it is written in.

use std::{
    fs,
    io::{self, BufRead as _, BufReader},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::driver::PATIENCE;

/// A running server, killed when dropped.
pub struct Server {
    child: Child,
    /// Where it takes requests.
    pub address: SocketAddr,
    /// How long it took to be ready.
    pub start: Duration,
    /// What it serves, if that was made for it.
    folder: Option<TempDir>,
}

impl Server {
    /// Starts it and waits for the line that says where it listens. What it prints from then on is thrown away.
    ///
    /// # Errors
    ///
    /// If it cannot be run, or ends before it listens.
    pub fn start(mut command: Command, ready: impl Fn(&str) -> Option<SocketAddr>) -> anyhow::Result<Self> {
        let (reader, writer) = io::pipe().context("failed to make a pipe")?;
        command.stdout(writer.try_clone().context("failed to make a pipe")?).stderr(writer);
        let name = command.get_program().to_string_lossy().into_owned();
        let begun = Instant::now();
        let mut child = command.spawn().with_context(|| format!("failed to run {name}"))?;
        // Else the pipe would not end with the server.
        drop(command);
        let (mut output, mut said) = (BufReader::new(reader), String::new());
        let address = loop {
            let before = said.len();
            if output.read_line(&mut said).with_context(|| format!("failed to read what {name} prints"))? == 0 {
                let _ = child.wait();
                bail!("{name} ended before it listened: {said}");
            }
            if let Some(address) = ready(&said[before..]) {
                break address;
            }
        };
        let start = begun.elapsed();
        thread::spawn(move || io::copy(&mut output, &mut io::sink()));
        Ok(Self { child, address, start, folder: None })
    }

    /// Starts one that does not say when it listens, and waits until it does.
    ///
    /// # Errors
    ///
    /// If it cannot be run, or ends before it listens, or never does.
    pub(super) fn start_at(mut command: Command, address: SocketAddr) -> anyhow::Result<Self> {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let name = command.get_program().to_string_lossy().into_owned();
        let begun = Instant::now();
        let child = command.spawn().with_context(|| format!("failed to run {name}"))?;
        let mut server = Self { child, address, start: Duration::ZERO, folder: None };
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().with_context(|| format!("failed to wait for {name}"))?;
            ensure!(ended.is_none() && begun.elapsed() < PATIENCE, "{name} does not listen on {address}");
            thread::sleep(Duration::from_millis(10));
        }
        server.start = begun.elapsed();
        Ok(server)
    }

    /// With the folder that it serves, which ends with it.
    #[must_use]
    pub fn keeping(mut self, folder: TempDir) -> Self {
        self.folder = Some(folder);
        self
    }

    /// That folder.
    ///
    /// # Errors
    ///
    /// If it has none.
    pub fn folder(&self) -> anyhow::Result<&Path> {
        self.folder.as_ref().map(TempDir::path).context("nothing was made for this server to serve")
    }

    /// Tells it to end, waits until it has, and returns what it served.
    ///
    /// # Errors
    ///
    /// If it does not end.
    pub fn stop(mut self) -> anyhow::Result<Option<TempDir>> {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::TERM).context("failed to stop a server")?;
        self.child.wait().context("failed to wait for a server's end")?;
        Ok(self.folder.take())
    }

    /// Its process's number.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Bytes of its memory that are resident.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn memory(&self) -> anyhow::Result<u64> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.child.id())).context("failed to read memory")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(kib.context("the system says nothing of the server's memory")? << 10)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in such a line as `listening on 127.0.0.1:80`.
#[must_use]
pub fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port = rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()?;
    Some(SocketAddr::from(([127, 0, 0, 1], port)))
}
