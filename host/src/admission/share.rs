//! What a tenant may have at once, and what of it is taken. Not whose turn it is: see [`super::lane`].

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    OverQuota, Quotas, READING,
    pace::{Pace, Suspicion},
};
use crate::metrics::Words;

/// One tenant's part of the server.
#[derive(Debug)]
pub struct Share {
    quotas: Quotas,
    rate: Option<(NonZeroU32, Arc<DefaultDirectRateLimiter>)>,
    pub(super) books: Arc<Books>,
}

/// What a tenant has of its share, of whatever size that is.
#[derive(Debug)]
pub(super) struct Books {
    /// How many places there are to be.
    size: AtomicUsize,
    places: Arc<Semaphore>,
    /// Places that are held and were taken away meanwhile: they do not come back.
    owed: AtomicUsize,
    waiting: AtomicUsize,
    reading: AtomicUsize,
    pub(super) pace: Pace,
    pub(super) suspicion: Suspicion,
    rejections: Words,
}

/// A place for a decision, for as long as it is held.
#[derive(Debug)]
pub struct Place {
    permit: Option<OwnedSemaphorePermit>,
    books: Arc<Books>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let one_less = |owed: usize| owed.checked_sub(1);
        let is_owed = self.books.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok();
        if let Some(permit) = self.permit.take_if(|_| is_owed) {
            permit.forget();
        }
    }
}

impl Books {
    fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            size: AtomicUsize::new(places),
            places: Arc::new(Semaphore::new(places)),
            owed: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
            pace: Pace::default(),
            suspicion: Suspicion::default(),
            rejections: Words::new(OverQuota::WORDS),
        })
    }

    /// Has so many places from now on. Those that are held and too many go when they come free; one that comes free at this
    /// very moment is another's first, and the next goes in its place.
    fn resize(&self, now: usize) {
        let before = self.size.swap(now, Ordering::Relaxed);
        let fewer = before.saturating_sub(now);
        self.owed.fetch_add(fewer - self.places.forget_permits(fewer), Ordering::Relaxed);
        let mut more = now.saturating_sub(before);
        let pay = |owed: usize| Some(owed.saturating_sub(more));
        let owed = self.owed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).unwrap_or_default();
        more -= more.min(owed);
        self.places.add_permits(more);
    }
}

impl Share {
    /// A share of this size, of which nothing is taken.
    #[must_use]
    pub fn new(quotas: Quotas) -> Self {
        let rate = quotas.rate.map(|rate| (rate, Arc::new(RateLimiter::direct(Quota::per_second(rate)))));
        Self { quotas, rate, books: Books::new(quotas.concurrency) }
    }

    /// The share of the same tenant in another size, which replaces this one: what it has under way and what it used is not
    /// forgotten, and a rate in place of another begins without a burst, so that nobody gains by changing sizes.
    #[must_use]
    pub fn resized(&self, quotas: Quotas) -> Self {
        self.books.resize(quotas.concurrency);
        let rate = match (&self.rate, quotas.rate) {
            (Some((before, limiter)), Some(rate)) if *before == rate => Some((rate, limiter.clone())),
            (before, _) => {
                let new = Self::new(quotas).rate;
                if let (Some(_), Some((rate, limiter))) = (before, &new) {
                    let _ = limiter.check_n(*rate);
                }
                new
            }
        };
        Self { quotas, rate, books: self.books.clone() }
    }

    /// Its size.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        self.quotas
    }

    /// What the tenant is called where turns are taken: nothing else is called so for as long as it has a share.
    #[must_use]
    pub fn name(&self) -> u64 {
        Arc::as_ptr(&self.books).addr() as u64
    }

    /// Counts processor time that the tenant used.
    pub fn used(&self, time: Duration) {
        self.books.pace.count(time);
    }

    /// How many of its decisions are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        let places = self.books.size.load(Ordering::Relaxed) + self.books.owed.load(Ordering::Relaxed);
        places.saturating_sub(self.books.places.available_permits())
    }

    /// How many of its requests wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.books.waiting.load(Ordering::Relaxed)
    }

    /// How many of its requests were turned away, by reason.
    pub fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.books.rejections.read()
    }

    /// Counts a request against the tenant's rate.
    ///
    /// # Errors
    ///
    /// If there were too many.
    pub fn request(&self) -> Result<(), OverQuota> {
        match &self.rate {
            Some((rate, limiter)) if limiter.check().is_err() => Err(self.reject(OverQuota::Rate(*rate))),
            _ => Ok(()),
        }
    }

    fn reject(&self, why: OverQuota) -> OverQuota {
        self.books.rejections.add(why.as_str());
        why
    }

    /// Counts a request whose body arrives, until what is returned is dropped.
    ///
    /// # Errors
    ///
    /// If there are too many.
    pub fn reading(&self) -> Result<Counted<'_>, OverQuota> {
        Counted::among(&self.books.reading, READING).ok_or_else(|| self.reject(OverQuota::Reading))
    }

    /// Waits for a place, in the order of asking, for as long as the tenant's requests may.
    ///
    /// # Errors
    ///
    /// If too many wait, or it took too long.
    pub async fn place(&self) -> Result<Place, OverQuota> {
        let Quotas { concurrency, queue, queue_time: waited, .. } = self.quotas;
        let books = &self.books;
        let held = |permit| Place { permit: Some(permit), books: books.clone() };
        if let Ok(permit) = books.places.clone().try_acquire_owned() {
            return Ok(held(permit));
        }
        let Some(_waiting) = Counted::among(&books.waiting, queue) else {
            return Err(self.reject(OverQuota::Queue { concurrency, queue }));
        };
        match tokio::time::timeout(waited, books.places.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(held(permit)),
            _ => Err(self.reject(OverQuota::Waited { concurrency, waited })),
        }
    }
}

/// One of those who wait, or arrive: counted until this is dropped.
#[derive(Debug)]
pub struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn among(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let one_more = |waiting| (waiting < most).then_some(waiting + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn of(concurrency: usize) -> Quotas {
        Quotas { concurrency, queue: 0, ..Quotas::default() }
    }

    #[tokio::test]
    async fn changing_its_size_gives_a_tenant_no_more_places() {
        let mut share = Share::new(of(4));
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(share.place().await.unwrap());
        }
        for concurrency in [3, 4, 1, 3, 2] {
            share = share.resized(of(concurrency));
            share.place().await.unwrap_err();
            assert_eq!(share.under_way(), 4);
        }
        // Two are owed, which do not come back.
        for left in [3, 2, 1] {
            drop(held.pop());
            assert_eq!((share.under_way(), share.place().await.is_ok()), (left, left < 2));
        }
        drop(held);
        assert_eq!(share.under_way(), 0);
        let places = [share.place().await, share.place().await, share.place().await];
        assert_eq!(places.map(|place| place.is_ok()), [true, true, false]);
        share = share.resized(of(5));
        assert_eq!(share.under_way(), 0);
        assert_eq!(share.name(), share.resized(of(1)).name());
    }

    #[tokio::test]
    async fn who_waits_gets_what_comes_free_in_any_size() {
        let share = Share::new(Quotas { queue: 1, ..of(2) });
        let (one, other) = (share.place().await.unwrap(), share.place().await.unwrap());
        let smaller = share.resized(Quotas { queue: 1, ..of(1) });
        let mut waits = pin!(smaller.place());
        assert!(poll(waits.as_mut()).is_pending());
        drop(one);
        assert!(poll(waits.as_mut()).is_pending(), "it was one too many");
        drop(other);
        let Poll::Ready(Ok(_held)) = poll(waits.as_mut()) else { panic!("it waits on") };
        let mut waits = pin!(smaller.place());
        assert!(poll(waits.as_mut()).is_pending());
        let _larger = smaller.resized(of(2));
        assert!(matches!(poll(waits.as_mut()), Poll::Ready(Ok(_))));
    }

    #[test]
    fn changing_its_rate_gives_a_tenant_no_new_burst() {
        let rate = |rate| Quotas { rate: NonZeroU32::new(rate), ..Quotas::default() };
        let share = Share::new(rate(2));
        assert_eq!([(); 3].map(|()| share.request().is_ok()), [true, true, false]);
        share.resized(rate(1)).request().unwrap_err();
        Share::new(Quotas::default()).resized(rate(1)).request().unwrap();
    }
}
