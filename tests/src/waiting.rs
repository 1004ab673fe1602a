//! The one limit on waiting.

use std::{future::Future, time::Duration};

/// Longer than anything takes on a machine that is busy with everything else. A test that meets it has failed.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Awaits something that has to happen, and fails with `what` if it does not.
///
/// # Panics
///
/// If it does not happen.
pub async fn within_patience<T>(what: &str, event: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, event).await {
        Ok(value) => value,
        Err(_) => panic!("waited {} s for {what}", PATIENCE.as_secs()),
    }
}
