//! The time that waiting takes. A test has no seven minutes for a schedule of retries.

use std::time::Duration;

use jiff::Timestamp;

/// A clock whose waits are shorter by a factor. What it says the time is stays true.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    speed: u32,
}

impl Clock {
    /// Waits `speed` times faster; 0 counts as 1.
    #[must_use]
    pub fn new(speed: u32) -> Self {
        Self { speed: speed.max(1) }
    }

    /// How long a wait of this time really takes.
    #[must_use]
    pub fn shortened(self, time: Duration) -> Duration {
        time / self.speed.max(1)
    }

    pub(super) async fn wait(self, time: Duration) {
        tokio::time::sleep(self.shortened(time)).await;
    }

    /// The time, in the form of the service's JSON.
    #[must_use]
    pub fn now(self) -> String {
        format!("{:.7}", Timestamp::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_shorter_by_the_factor() {
        let second = Duration::from_secs(1);
        assert_eq!(Clock::new(1).shortened(second), second);
        assert_eq!(Clock::new(1000).shortened(82 * second), Duration::from_millis(82));
        assert_eq!(Clock::new(0).shortened(second), second);
    }
}
