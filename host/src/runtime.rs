//! The threads that answer requests: one for each processor, which keeps to it.
//!
//! Left alone, Linux puts a thread that wakes where it ran before or where it was woken from. Two threads that wake each other's
//! callers can so share one processor for seconds, with nothing to make them part: the other is busy, were it only with a
//! policy that gives way to everything. Knows nothing of what the threads do.

use std::{
    io,
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::runtime::{Builder, Runtime};

use crate::{admission::processors, engine::priority::members};

/// A runtime with as many threads as there are processors. Each keeps to one of them, unless this process may use less than
/// all of their time: then others count on the same ones, and the system knows best.
///
/// What a thread starts, a process too, keeps to the same processors. So nothing is to be started but by the runtime itself,
/// whose further threads, for what blocks, may use them all.
///
/// # Errors
///
/// If the system gives no thread.
pub fn runtime() -> io::Result<Runtime> {
    let all = sched_getaffinity(None)?;
    let each: Vec<CpuSet> = members(&all).map(only).collect();
    let threads = processors();
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().worker_threads(threads);
    if each.len() != threads {
        return builder.build();
    }
    let (started, next) = (Arc::new(Barrier::new(threads + 1)), AtomicUsize::new(0));
    let all_started = started.clone();
    builder.on_thread_start(move || match each.get(next.fetch_add(1, Ordering::Relaxed)) {
        Some(own) => {
            // Cannot be refused: it is one of those that there are.
            let _ = sched_setaffinity(None, own);
            started.wait();
        }
        None => {
            let _ = sched_setaffinity(None, &all);
        }
    });
    let runtime = builder.build()?;
    // Before anything can start a thread for what blocks, which would be taken for one of them.
    all_started.wait();
    Ok(runtime)
}

fn only(processor: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(processor);
    set
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The processors that the thread which asks may use.
    fn own() -> Vec<usize> {
        members(&sched_getaffinity(None).unwrap()).collect()
    }

    #[test]
    fn each_thread_has_a_processor_and_what_blocks_has_them_all() {
        let all = own();
        let runtime = runtime().unwrap();
        // All at once, so that none of them does it for another.
        let together = Arc::new(Barrier::new(processors()));
        let tasks = (0..processors()).map(|_| {
            let together = together.clone();
            runtime.spawn(async move {
                together.wait();
                own()
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let found: HashSet<_> = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).collect();
        if all.len() == processors() {
            assert_eq!(found, all.iter().map(|processor| vec![*processor]).collect());
        } else {
            assert_eq!(found, HashSet::from([all.clone()]));
        }
        assert_eq!(runtime.block_on(runtime.spawn_blocking(own)).unwrap(), all);
    }
}
