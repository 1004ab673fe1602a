//! What one life of the process behind is told: questions, and before them what it needs to answer and was not given yet.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::{io::AsyncWriteExt as _, net::unix::OwnedWriteHalf};

use super::{
    frames::{Order, Question, frame},
    shelf::{Number, Shelf},
};
use crate::engine::{Program, Surroundings};

/// What the process is told, and what it was given.
pub(super) struct Orders {
    to: OwnedWriteHalf,
    programs: Shelf<Program>,
    surroundings: Shelf<Surroundings>,
}

impl Orders {
    /// Orders to a process that was given nothing yet.
    pub(super) fn new(to: OwnedWriteHalf) -> Self {
        Self { to, programs: Shelf::new(), surroundings: Shelf::new() }
    }

    /// Asks a question about this body.
    pub(super) async fn ask(&mut self, question: Question, body: &[u8]) -> anyhow::Result<()> {
        let question = frame(&Order::Decide(question), body).context("too long a request")?;
        Ok(self.to.write_all(&question).await?)
    }

    /// The number of this program, which the process has then.
    pub(super) async fn program(&mut self, program: Arc<Program>, tenant: u64) -> anyhow::Result<u64> {
        let (number, forgotten) = match self.programs.number(&program, tenant) {
            Number::Old(number) => return Ok(number),
            Number::New(number, forgotten) => (number, forgotten),
        };
        self.each(&forgotten, Order::ForgetProgram).await?;
        self.to.write_all(&program_frame(number, program).await?).await?;
        Ok(number)
    }

    /// The number of these surroundings, which the process has then.
    pub(super) async fn surroundings(&mut self, around: Arc<Surroundings>, tenant: u64) -> anyhow::Result<u64> {
        let (number, forgotten) = match self.surroundings.number(&around, tenant) {
            Number::Old(number) => return Ok(number),
            Number::New(number, forgotten) => (number, forgotten),
        };
        self.each(&forgotten, Order::ForgetSurroundings).await?;
        self.to.write_all(&surroundings_frame(number, around).await?).await?;
        Ok(number)
    }

    /// Lets the process forget what nobody has any more: a version that was replaced is in use for a moment still when the
    /// next one comes, and a policy that was removed has none.
    pub(super) async fn sweep(&mut self) -> anyhow::Result<()> {
        let (programs, surroundings) = (self.programs.sweep(), self.surroundings.sweep());
        self.each(&programs, Order::ForgetProgram).await?;
        self.each(&surroundings, Order::ForgetSurroundings).await
    }

    /// Gives an order for each of these numbers.
    pub(super) async fn each(&mut self, numbers: &[u64], order: fn(u64) -> Order) -> anyhow::Result<()> {
        for number in numbers {
            self.to.write_all(&frame(&order(*number), &[]).context("no order")?).await?;
        }
        Ok(())
    }
}

/// Code may be tens of megabytes, and is not to be copied where requests are answered.
async fn program_frame(number: u64, program: Arc<Program>) -> anyhow::Result<Vec<u8>> {
    let made = move || frame(&Order::Program(number), &program.code()?);
    tokio::task::spawn_blocking(made).await?.context("no memory for a policy's code")
}

/// Nor are tables.
async fn surroundings_frame(number: u64, around: Arc<Surroundings>) -> anyhow::Result<Vec<u8>> {
    let made = move || {
        let around = postcard::to_stdvec(&(&around.settings, &around.tables)).ok()?;
        frame(&Order::Surroundings(number), &around)
    };
    tokio::task::spawn_blocking(made).await?.context("too large tables")
}
