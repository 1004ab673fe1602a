//! Three lanes for decisions: at once on the thread that took the request, on threads that give way, or elsewhere.
//!
//! Most decisions are over in less time than it takes to hand them to another thread, so they are made where they are. A
//! tenant that has used up its part of the processors while others' brief decisions are asked for goes aside, to threads
//! that give way to the first.
//! What is still running after a tick or two goes behind, and so does, from its first instruction, whatever is asked of a
//! policy whose decisions are long or fail. Where that is, and how it gives way, is not known here: not in this process,
//! whose memory is one thing that the others would have to wait for.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    Habit, Lane, Share,
    pace::{BRIEF, Crowd},
    processors,
};
use crate::engine::{TICK, priority, processor_time};

/// The lanes. When dropped, what is aside and has not ended ends without a result.
pub struct Lanes {
    aside: Lane,
    crowd: Crowd,
}

impl Lanes {
    /// Starts the threads aside: as many as there are processors.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start() -> io::Result<Self> {
        let aside = Lane::start("berth-aside", processors(), || priority::nice(5))?;
        Ok(Self { aside, crowd: Crowd::default() })
    }

    /// Has a tenant's decision made, of the policy with this habit. `None` if the server is ending.
    ///
    /// It is begun `here` if it is likely to be brief. That must be ready to go on whenever it is polled, as the engine's
    /// work is. It ends if nobody waits for its result any more, and if it turns out to be long: then, and if that was to
    /// be expected, the decision is made `behind`, from its beginning. It depends on nothing but what is asked, so nobody
    /// can tell. `behind` is told what processor time was used before.
    pub async fn run<T, Behind>(
        &self,
        share: &Arc<Share>,
        habit: &Arc<Habit>,
        here: impl Future<Output = T> + Send + 'static,
        behind: impl FnOnce(Duration) -> Behind,
    ) -> Option<T>
    where
        T: Send + 'static,
        Behind: Future<Output = T>,
    {
        let mut used = Duration::ZERO;
        if habit.is_brief() {
            let goes_first = self.crowd.is_alone(share) || share.books.pace.is_kept();
            let mut begun = Begun::new(here, share, habit);
            let ended = if goes_first { begun.at_once() } else { self.aside(begun).await? };
            match ended {
                Ok(result) => return Some(result),
                Err(TooLong(so_far)) => used = so_far,
            }
        }
        // Apart, so that no brief decision carries room for it.
        Some(Box::pin(behind(used)).await)
    }

    async fn aside<T: Send + 'static>(
        &self,
        mut begun: Begun<impl Future<Output = T> + Send + 'static>,
    ) -> Option<Result<T, TooLong>> {
        let tenant = begun.share.name();
        let (sender, ended) = oneshot::channel();
        let mut sender = Some(sender);
        let job = std::future::poll_fn(move |context| {
            if sender.as_ref().is_none_or(oneshot::Sender::is_closed) {
                return Poll::Ready(());
            }
            Pin::new(&mut begun).poll(context).map(|ended| {
                // Whoever waited may have gone this very moment.
                let _ = sender.take().map(|sender| sender.send(ended));
            })
        });
        self.aside.take(tenant, job);
        ended.await.ok()
    }
}

/// The processor time after which a decision was given up: it is not brief.
struct TooLong(Duration);

/// A decision that is likely to be brief, and ends where it is not.
struct Begun<Work> {
    work: Pin<Box<Work>>,
    share: Arc<Share>,
    habit: Arc<Habit>,
    used: Duration,
}

impl<T, Work: Future<Output = T>> Begun<Work> {
    fn new(work: Work, share: &Arc<Share>, habit: &Arc<Habit>) -> Self {
        Self { work: Box::pin(work), share: share.clone(), habit: habit.clone(), used: Duration::ZERO }
    }

    /// Goes on for a while, and says what processor time that took.
    ///
    /// Nearly always the first time is the last, and over in much less than a tick. The thread's own clock, which only the
    /// system knows, is not asked for it then. Where that took longer, the thread had to wait, or the guest did much where it
    /// meets no tick: the tenant's next decisions will tell.
    fn measured(&mut self, context: &mut Context<'_>) -> (Poll<T>, Duration) {
        let first = self.used.is_zero();
        if first && !self.share.books.suspicion.is_there() {
            let began = Instant::now();
            let polled = self.work.as_mut().poll(context);
            let elapsed = began.elapsed();
            if elapsed > TICK {
                self.share.books.suspicion.arises();
            }
            return (polled, elapsed.min(TICK));
        }
        let before = processor_time();
        let polled = self.work.as_mut().poll(context);
        let used = processor_time().saturating_sub(before);
        if first && used < TICK {
            self.share.books.suspicion.fades();
        } else if first {
            self.share.books.suspicion.arises();
        }
        (polled, used)
    }

    /// Makes the decision on this thread.
    fn at_once(&mut self) -> Result<T, TooLong> {
        loop {
            if let Poll::Ready(ended) = Pin::new(&mut *self).poll(&mut Context::from_waker(Waker::noop())) {
                return ended;
            }
        }
    }
}

impl<T, Work: Future<Output = T>> Future for Begun<Work> {
    type Output = Result<T, TooLong>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (polled, used) = self.measured(context);
        self.used += used;
        self.share.used(used);
        match polled {
            Poll::Ready(result) => {
                self.habit.ended(self.used);
                Poll::Ready(Ok(result))
            }
            // Many a brief decision meets a tick: that it is still running says little until it has had some time.
            Poll::Pending if self.used < BRIEF => Poll::Pending,
            Poll::Pending => Poll::Ready(Err(TooLong(self.used))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;
    use crate::admission::Quotas;

    struct Tenant {
        share: Arc<Share>,
        habit: Arc<Habit>,
    }

    impl Tenant {
        fn new() -> Self {
            Self { share: Arc::new(Share::new(Quotas::default())), habit: Arc::default() }
        }

        /// Where its decision was made, if not behind.
        async fn decides(&self, lanes: &Lanes) -> Option<ThreadId> {
            let here = async { Some(thread::current().id()) };
            lanes.run(&self.share, &self.habit, here, |_| async { None }).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_tenant_gives_way_to_the_brief_decisions_of_others_only() {
        let (lanes, here) = (Lanes::start().unwrap(), Some(thread::current().id()));
        let [busy, other] = [(); 2].map(|()| Tenant::new());
        while !lanes.crowd.is_alone(&busy.share) {}
        let too_much = || busy.share.used(Duration::from_secs(3600));
        too_much();
        assert_eq!(busy.decides(&lanes).await, here);

        other.habit.failed();
        assert_eq!(other.decides(&lanes).await, None, "a long decision is made behind");
        too_much();
        assert_eq!(busy.decides(&lanes).await, here);

        let brief = Tenant { share: other.share, habit: Arc::default() };
        let beside_a_brief_one = async || {
            assert_eq!(brief.decides(&lanes).await, here);
            too_much();
            busy.decides(&lanes).await
        };
        // Once, unless the system lets this thread wait for as long as it takes to be forgiven.
        while beside_a_brief_one().await == here {}
    }
}
