//! What the process behind says on its standard error, which is the mistakes of Berth's own code. Read all the time, so that it
//! never waits for a reader.

use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::ChildStderr,
    task::JoinHandle,
};
use tracing::error;

/// Bytes at the end that are quoted.
const QUOTED: usize = 2000;

/// The end of what a process said.
pub(super) struct Complaint(JoinHandle<Vec<u8>>);

impl Complaint {
    /// Reads what a process says until its end. That it says anything is logged once.
    pub(super) fn of(stderr: ChildStderr) -> Self {
        Self(tokio::spawn(listen(stderr)))
    }

    /// The end of what it said, once it has ended.
    pub(super) async fn last(self) -> String {
        String::from_utf8_lossy(&self.0.await.unwrap_or_default()).into_owned()
    }
}

async fn listen(mut stderr: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut said, mut piece) = (Vec::new(), [0; QUOTED]);
    while let Ok(more @ 1..) = stderr.read(&mut piece).await {
        let piece = piece.get(..more).unwrap_or_default();
        if said.is_empty() {
            let said = String::from_utf8_lossy(piece);
            error!(%said, "the process for long decisions complains; what it says last is told when it ends");
        }
        said.extend_from_slice(piece);
        said.drain(..said.len().saturating_sub(QUOTED));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_is_read_and_the_end_is_kept() {
        let said = [[b'a'; QUOTED], [b'b'; QUOTED]].concat();
        assert_eq!(listen(&said[..]).await, [b'b'; QUOTED]);
        assert_eq!(listen(&b""[..]).await, b"");
    }
}
