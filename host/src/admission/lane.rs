//! Threads that give way, and the work that waits for them: tenants take turns, a tick each.
//!
//! Knows nothing of tenants but that they are not the same.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

/// Work that was begun or is to begin. Sends its result by itself.
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Threads of their own. They end when this is dropped, and what has not ended then ends without a result.
pub struct Lane(Arc<Queue>);

/// The work of a lane.
#[derive(Default)]
struct Queue {
    turns: Mutex<Turns>,
    more: Condvar,
}

#[derive(Default)]
struct Turns {
    /// Tenants with work to do, each once, the next one first.
    tenants: VecDeque<Tenant>,
    over: bool,
}

/// A tenant's work that no thread has at the moment, the next first.
struct Tenant {
    /// Only ever compared.
    name: u64,
    jobs: VecDeque<Job>,
}

impl Lane {
    /// Starts so many threads, each of which first does what makes it give way.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(name: &str, threads: usize, give_way: fn()) -> io::Result<Self> {
        let lane = Self(Arc::default());
        for _ in 0..threads {
            let queue = lane.0.clone();
            thread::Builder::new().name(name.into()).spawn(move || {
                give_way();
                queue.work();
            })?;
        }
        Ok(lane)
    }

    /// Does this when it is the turn of the tenant that has this name, which has to be no other's while this is done.
    ///
    /// The work must be ready to go on whenever it is polled, as the engine's is: it gives way, and waits for nothing.
    pub fn take(&self, tenant: u64, work: impl Future<Output = ()> + Send + 'static) {
        self.0.take(tenant, Box::pin(work));
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let mut turns = self.0.turns();
        turns.over = true;
        turns.tenants.clear();
        self.0.more.notify_all();
    }
}

impl Queue {
    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Nothing that can panic is done under the lock.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, name: u64, job: Job) {
        let mut turns = self.turns();
        if turns.over {
            return;
        }
        match turns.tenants.iter_mut().find(|tenant| tenant.name == name) {
            Some(tenant) => tenant.jobs.push_back(job),
            None => turns.tenants.push_back(Tenant { name, jobs: VecDeque::from([job]) }),
        }
        drop(turns);
        self.more.notify_one();
    }

    /// The next job of the tenant whose turn it is, who then comes last. `None` if it is all over.
    fn next(&self) -> Option<(u64, Job)> {
        let idle = |turns: &mut Turns| turns.tenants.is_empty() && !turns.over;
        let mut turns = self.more.wait_while(self.turns(), idle).unwrap_or_else(PoisonError::into_inner);
        let mut tenant = turns.tenants.pop_front()?;
        let job = tenant.jobs.pop_front()?;
        let name = tenant.name;
        if !tenant.jobs.is_empty() {
            turns.tenants.push_back(tenant);
        }
        Some((name, job))
    }

    fn work(&self) {
        while let Some((tenant, mut job)) = self.next() {
            // A panic ends the job; whoever waits for it learns that it has no result.
            let polled = catch_unwind(AssertUnwindSafe(|| job.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
            if matches!(polled, Ok(Poll::Pending)) {
                self.take(tenant, job);
            }
        }
    }
}
