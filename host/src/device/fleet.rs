//! Many devices register, a bounded number at a time.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::Serialize;
use tokio::task::JoinSet;

use super::{Assigned, Device, Dps, Failure, Habits, Patience, Registration, Step};

/// A fleet that is to register.
#[derive(Debug)]
pub struct Fleet {
    /// The DPS.
    pub dps: Dps,
    /// How its devices write their requests.
    pub habits: Habits,
    /// How long each of them tries.
    pub patience: Patience,
    /// How many devices there are.
    pub count: u64,
    /// How many of them register at a time.
    pub parallel: usize,
}

/// How the registration of one device ended.
#[derive(Debug)]
pub struct Ended {
    /// The device's number, from 1.
    pub number: u64,
    /// Its registration id.
    pub registration_id: String,
    /// What came of it.
    pub result: Result<Assigned, Failure>,
}

/// Where the devices of a fleet went.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Devices whose registration has ended.
    pub devices: u64,
    /// Those that have a hub.
    pub assigned: u64,
    /// Those that the DPS or its webhook turned away.
    pub rejected: u64,
    /// Those whose registration failed otherwise.
    pub failed: u64,
    /// How often something was tried again.
    pub retries: u64,
    /// How long it took.
    pub seconds: f64,
    /// Devices by hub.
    pub hubs: BTreeMap<String, u64>,
    /// Why devices have none, most devices first.
    pub reasons: Vec<Reason>,
}

/// Why some devices have no hub.
#[derive(Debug, Clone, Serialize)]
pub struct Reason {
    /// What happened.
    pub reason: String,
    /// What to do next.
    pub advice: &'static str,
    /// To how many devices.
    pub devices: u64,
    /// One of them, the first that was heard of.
    pub example: String,
}

impl Summary {
    fn add(&mut self, ended: &Ended) {
        self.devices += 1;
        let failure = match &ended.result {
            Ok(assigned) => {
                self.assigned += 1;
                *self.hubs.entry(assigned.assigned_hub.clone()).or_default() += 1;
                return;
            }
            Err(failure) => failure,
        };
        let counter = if failure.is_rejection() { &mut self.rejected } else { &mut self.failed };
        *counter += 1;
        let reason = failure.to_string();
        match self.reasons.iter_mut().find(|known| known.reason == reason) {
            Some(known) => known.devices += 1,
            None => {
                let (advice, example) = (failure.advice(), ended.registration_id.clone());
                self.reasons.push(Reason { reason, advice, devices: 1, example });
            }
        }
    }
}

/// Hears how a fleet gets on. Called from the task that counts; to be quick.
pub trait Watch: Send + Sync + 'static {
    /// One device is done, and how all stand.
    fn ended(&self, ended: &Ended, so_far: &Summary);

    /// Something did not work and is tried again.
    fn again(&self, registration_id: &str, why: &str);
}

impl Fleet {
    /// Registers all devices; `device` makes the one with a number, from 1. Where they went.
    pub async fn run<M, W>(self, device: M, watch: Arc<W>) -> Summary
    where
        M: Fn(u64) -> Result<Device, (String, Failure)> + Send + Sync + 'static,
        W: Watch,
    {
        let began = Instant::now();
        let (fleet, device, retries) = (Arc::new(self), Arc::new(device), Arc::new(AtomicU64::new(0)));
        let (mut summary, mut running, mut numbers) = (Summary::default(), JoinSet::new(), 1..=fleet.count);
        loop {
            while running.len() < fleet.parallel.max(1)
                && let Some(number) = numbers.next()
            {
                let (fleet, device, retries, watch) = (fleet.clone(), device.clone(), retries.clone(), watch.clone());
                running.spawn(async move { fleet.one(number, &*device, &retries, &*watch).await });
            }
            match running.join_next().await {
                Some(Ok(ended)) => {
                    summary.add(&ended);
                    watch.ended(&ended, &summary);
                }
                // A task that panicked: its device is the one missing in the count.
                Some(Err(_)) => {}
                None => break,
            }
        }
        summary.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.devices));
        summary.retries = retries.load(Ordering::Relaxed);
        summary.seconds = began.elapsed().as_secs_f64();
        summary
    }

    async fn one<M, W>(&self, number: u64, device: &M, retries: &AtomicU64, watch: &W) -> Ended
    where
        M: Fn(u64) -> Result<Device, (String, Failure)>,
        W: Watch,
    {
        let device = match device(number) {
            Ok(device) => device,
            Err((registration_id, failure)) => return Ended { number, registration_id, result: Err(failure) },
        };
        let hear = |step: Step<'_>| {
            if let Step::Again { why, .. } = step {
                retries.fetch_add(1, Ordering::Relaxed);
                watch.again(&device.registration_id, why);
            }
        };
        let registration = Registration {
            dps: &self.dps,
            device: &device,
            habits: &self.habits,
            patience: self.patience,
            watch: &hear,
        };
        let result = registration.run().await;
        Ended { number, registration_id: device.registration_id, result }
    }
}
