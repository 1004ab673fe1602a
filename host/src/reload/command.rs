//! What the owner of the catalogue can be asked to do, by those who do not do it with files.

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::{
    catalogue::source::PolicyFiles,
    contract::{Digest, Failure, PolicyId},
    store::StoreError,
};

/// A request to the owner of the catalogue.
pub(super) struct Command {
    pub(super) id: PolicyId,
    pub(super) act: Act,
    /// Who asks: a token's name.
    pub(super) by: String,
    pub(super) reply: Reply,
}

pub(super) type Reply = oneshot::Sender<Result<Changed, CommandError>>;

/// What is to be done.
pub(super) enum Act {
    /// Serve an earlier version, the one before the serving one if none is named.
    Rollback(Option<Digest>),
    /// Take a pin away: serve what the catalogue has.
    Unpin,
    /// Put these files into the catalogue and serve them.
    Push(PolicyFiles),
}

/// What an accepted change came to. It is durable and serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The version that serves now.
    pub version: Digest,
    /// The version that served before.
    pub previous: Option<Digest>,
    /// The generation in which it serves.
    pub generation: u64,
}

/// Why a change was not made. What served still serves.
#[derive(Debug, Error)]
pub enum CommandError {
    /// No such tenant or policy.
    #[error("there is no policy {0}")]
    UnknownPolicy(PolicyId),
    /// No such tenant.
    #[error("there is no tenant {0}: a tenant is made by its folder and tenant.toml in the catalogue")]
    UnknownTenant(String),
    /// The version never served, or its bytes are lost.
    #[error("{0} never served this version: `berth status {0}` shows those that did")]
    UnknownVersion(PolicyId),
    /// The version served once, but its bytes are not kept any more.
    #[error(
        "{0} served this version, but its bytes are not kept any more (data.keep_versions): push it again, or choose one \
         that `berth status {0}` does not call gone"
    )]
    VersionGone(PolicyId),
    /// There is nothing to roll back to.
    #[error("{0} has served no other version to go back to")]
    NoEarlierVersion(PolicyId),
    /// The policy is not pinned.
    #[error("{0} is not pinned")]
    NotPinned(PolicyId),
    /// It did not pass verification.
    #[error("refused at the stage {}", .0)]
    Refused(Failure),
    /// Another change of the policy came in between.
    #[error("another change of {0} came in between")]
    Superseded(PolicyId),
    /// The catalogue directory could not be written.
    #[error("failed to write the catalogue: {0}; what served before still serves, and its folder is as it was")]
    Catalogue(#[from] std::io::Error),
    /// Berth's own memory could not be written.
    #[error("the change cannot be remembered, so what served before still serves: {0}; see to space on its disk")]
    Store(#[from] StoreError),
    /// The server is ending.
    #[error("the server is ending")]
    Ending,
    /// The owner of the catalogue failed, or ended, before it answered.
    #[error("whether {0} was changed is not known: `berth status {0}` shows what serves")]
    Unknown(PolicyId),
}

/// A way to ask the owner of the catalogue for changes.
#[derive(Clone)]
pub struct Handle(pub(super) mpsc::Sender<Command>);

impl Handle {
    /// Serves an earlier version and pins it.
    ///
    /// # Errors
    ///
    /// Why it was not done.
    pub async fn rollback(&self, id: PolicyId, to: Option<Digest>, by: &str) -> Result<Changed, CommandError> {
        self.ask(id, Act::Rollback(to), by).await
    }

    /// Takes a policy's pin away.
    ///
    /// # Errors
    ///
    /// Why it was not done.
    pub async fn unpin(&self, id: PolicyId, by: &str) -> Result<Changed, CommandError> {
        self.ask(id, Act::Unpin, by).await
    }

    /// Puts files into the catalogue and serves them.
    ///
    /// # Errors
    ///
    /// Why it was not done.
    pub async fn push(&self, id: PolicyId, files: PolicyFiles, by: &str) -> Result<Changed, CommandError> {
        self.ask(id, Act::Push(files), by).await
    }

    async fn ask(&self, id: PolicyId, act: Act, by: &str) -> Result<Changed, CommandError> {
        let (reply, answer) = oneshot::channel();
        let command = Command { id: id.clone(), act, by: by.to_owned(), reply };
        self.0.send(command).await.map_err(|_| CommandError::Ending)?;
        answer.await.map_err(|_| CommandError::Unknown(id))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_change_without_an_answer_is_not_known() {
        let (commands, mut queue) = mpsc::channel(1);
        let asked = tokio::spawn(async move { Handle(commands).unpin("contoso/p".parse().unwrap(), "somebody").await });
        drop(queue.recv().await);
        let error = asked.await.unwrap().unwrap_err();
        assert!(matches!(&error, CommandError::Unknown(_)), "{error}");
        assert!(error.to_string().contains("`berth status contoso/p`"), "{error}");
    }
}
