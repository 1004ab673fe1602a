//! One request and its answer on a connection that waits: for what is asked outside any load.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Context as _, ensure};

use super::driver::PATIENCE;

/// How an answer begins that counts.
pub(super) const OK: &[u8] = b"HTTP/1.1 200";

/// A connection.
pub(super) struct Exchange {
    stream: TcpStream,
}

/// An answer.
pub(super) struct Answer {
    /// From the status line to the empty line.
    pub(super) head: String,
    /// What follows.
    pub(super) body: Vec<u8>,
}

impl Exchange {
    /// Connects.
    ///
    /// # Errors
    ///
    /// If the server accepts no connection.
    pub(super) fn with(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("the server accepts no connection")?;
        stream.set_nodelay(true).context("failed to set an option of a socket")?;
        stream.set_read_timeout(Some(PATIENCE)).context("failed to set an option of a socket")?;
        Ok(Self { stream })
    }

    /// Asks once.
    ///
    /// # Errors
    ///
    /// If the answer is not 200, or none comes.
    pub(super) fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).context("a connection broke")?;
        let mut answer = Vec::new();
        loop {
            let mut more = [0; 4096];
            let read = self.stream.read(&mut more).context("no answer came")?;
            ensure!(read > 0, "the server closed a connection");
            answer.extend(&more[..read]);
            if let Some((head, body)) = extent(&answer).filter(|(head, body)| head + body <= answer.len()) {
                ensure!(answer.starts_with(OK), "the answer is {}", String::from_utf8_lossy(&answer));
                let body = answer[head..head + body].to_vec();
                return Ok(Answer { head: String::from_utf8_lossy(&answer[..head]).into_owned(), body });
            }
        }
    }
}

impl Answer {
    /// The value of a header.
    #[must_use]
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(this, _)| this.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// How long head and body are of the answer that begins like this, as soon as its head is there.
///
/// # Panics
///
/// If the answer does not tell its length: nobody here sends pieces.
#[must_use]
pub(super) fn extent(answer: &[u8]) -> Option<(usize, usize)> {
    let head = memchr::memmem::find(answer, b"\r\n\r\n")? + 4;
    let named = |line: &&[u8]| line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case(b"content-length:"));
    let line = answer[..head].split(|byte| *byte == b'\n').find(named);
    let value = line.and_then(|line| std::str::from_utf8(&line[15..]).ok()).map(str::trim);
    let body = value.and_then(|value| value.parse().ok()).unwrap_or_else(|| {
        panic!("an answer without a length: {}", String::from_utf8_lossy(&answer[..head]));
    });
    Some((head, body))
}
