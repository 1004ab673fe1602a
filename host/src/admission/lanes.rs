//! Three lanes for decisions: at once on the thread that took the request, or on threads that give way.
//!
//! Most decisions are over in less time than it takes to hand them to another thread, so they are made where they are. A
//! tenant that has used up its part of the processors while others ask goes aside, to threads that give way to the first.
//! What is still running after a tick or two goes behind, and so does, from its first instruction, whatever is asked of a
//! policy whose decisions are long or fail. The threads behind have the lowest priority: they get all the time that
//! nobody else wants, of half of the processors. Within a lane tenants take turns, a tick
//! each; but a guest may spend many ticks in one instruction, which is why those aside need not wait for those behind.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    Habit, Share,
    pace::{BRIEF, Crowd},
    processors,
};
use crate::engine::{priority, processor_time};

/// Work that was begun or is to begin.
struct Job {
    /// Sends its result by itself.
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What its policy's decisions are like.
    habit: Arc<Habit>,
    /// The processor time it has had.
    used: Duration,
}

/// The lanes. When dropped, what has not ended ends without a result.
pub struct Lanes {
    aside: Lane,
    behind: Lane,
    crowd: Crowd,
}

/// Threads of their own. They end when this is dropped.
struct Lane(Arc<Queue>);

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
    share: Arc<Share>,
    jobs: VecDeque<Job>,
}

impl Lanes {
    /// Starts the threads of the two lanes that give way: as many as there are processors aside, and half as many behind.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let aside = Lane::start("berth-aside", processors(), || priority::nice(5))?;
        let behind = Lane::start("berth-behind", processors().div_ceil(2), || {
            priority::nice(19);
            priority::keep_to_half();
        })?;
        Ok(Self { aside, behind, crowd: Crowd::default() })
    }

    /// Does a tenant's work, which is one decision of the policy with this habit. `None` if the server is ending.
    ///
    /// The work must be ready to go on whenever it is polled, as the engine's is: it gives way, and waits for nothing. It
    /// ends if nobody waits for its result any more.
    pub async fn run<T: Send + 'static>(
        &self,
        share: &Arc<Share>,
        habit: &Arc<Habit>,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let mut work = Box::pin(work);
        let mut used = Duration::ZERO;
        let mut lane = if habit.is_brief() { &self.aside } else { &self.behind };
        let alone = self.crowd.is_alone(share);
        if habit.is_brief() && (alone || share.pace.is_kept()) {
            let before = processor_time();
            let mut polled = Poll::Pending;
            // Many a brief decision meets a tick: that it is still running says little until it has had some time.
            while polled.is_pending() && used < BRIEF / 2 {
                polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                used = processor_time().saturating_sub(before);
            }
            share.pace.count(used);
            if let Poll::Ready(result) = polled {
                habit.ended(used);
                return Some(result);
            }
            lane = &self.behind;
        }
        let (sender, result) = oneshot::channel();
        let mut sender = Some(sender);
        let job = std::future::poll_fn(move |context| {
            if sender.as_ref().is_none_or(oneshot::Sender::is_closed) {
                return Poll::Ready(());
            }
            work.as_mut().poll(context).map(|result| {
                // Whoever waited may have gone this very moment.
                let _ = sender.take().map(|sender| sender.send(result));
            })
        });
        lane.0.take(share.clone(), Job { work: Box::pin(job), habit: habit.clone(), used });
        result.await.ok()
    }
}

impl Lane {
    fn start(name: &str, threads: usize, give_way: fn()) -> io::Result<Self> {
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

    fn take(&self, share: Arc<Share>, job: Job) {
        let mut turns = self.turns();
        if turns.over {
            return;
        }
        match turns.tenants.iter_mut().find(|tenant| Arc::ptr_eq(&tenant.share, &share)) {
            Some(tenant) => tenant.jobs.push_back(job),
            None => turns.tenants.push_back(Tenant { share, jobs: VecDeque::from([job]) }),
        }
        drop(turns);
        self.more.notify_one();
    }

    /// The next job of the tenant whose turn it is, who then comes last. `None` if it is all over.
    fn next(&self) -> Option<(Arc<Share>, Job)> {
        let idle = |turns: &mut Turns| turns.tenants.is_empty() && !turns.over;
        let mut turns = self.more.wait_while(self.turns(), idle).unwrap_or_else(PoisonError::into_inner);
        let mut tenant = turns.tenants.pop_front()?;
        let job = tenant.jobs.pop_front()?;
        let share = tenant.share.clone();
        if !tenant.jobs.is_empty() {
            turns.tenants.push_back(tenant);
        }
        Some((share, job))
    }

    fn work(&self) {
        while let Some((share, mut job)) = self.next() {
            let before = processor_time();
            // A panic ends the job; whoever waits for it learns that it has no result.
            let polled =
                catch_unwind(AssertUnwindSafe(|| job.work.as_mut().poll(&mut Context::from_waker(Waker::noop()))));
            let used = processor_time().saturating_sub(before);
            job.used += used;
            share.pace.count(used);
            match polled {
                Ok(Poll::Pending) => self.take(share, job),
                _ => job.habit.ended(job.used),
            }
        }
    }
}
