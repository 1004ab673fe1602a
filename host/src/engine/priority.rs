//! How far a thread gives way to those that answer requests.
//!
//! Niceness alone makes a thread get less time, but not later: one that wakes to answer a request still waits until the
//! one that runs has used up its slice, which is milliseconds. So a thread that gives way also asks for the shortest
//! slices. The system's idle class gives way at once, and whoever looks for a free processor finds one that runs nothing
//! else. But with every processor busy such a thread gets nowhere, and what it holds, in the kernel too, it may hold for
//! seconds: it is for what has a process of its own, and may fail.

use rustix::{
    process,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// The shortest slice that Linux gives, in nanoseconds.
const SLICE: u64 = 100_000;

/// From now on this thread, and every thread and process that it starts, has at least this niceness, from 0 to 19: each
/// step gives it a fifth less of a busy processor's time. And it uses that in short slices, where the system knows such
/// (Linux since 6.12).
pub fn nice(niceness: i32) {
    // What started it may have a niceness already, and passes it on.
    let niceness = niceness.max(process::getpriority_process(None).unwrap_or_default());
    set(None, niceness);
}

/// From now on this thread, and every one that it starts, runs only where nothing else wants to.
pub fn idle() {
    set(Some(libc::SCHED_IDLE), 0);
}

/// From now on this thread, and every one that it starts, runs on half of the processors only, rounded up. For who wakes to
/// answer a request, the system looks for an idle processor, and one that runs anything is not idle, however nice that is.
pub fn keep_to_half() {
    let Ok(all) = sched_getaffinity(None) else { return };
    let mut half = CpuSet::new();
    members(&all).skip(all.count() as usize / 2).for_each(|processor| half.set(processor));
    // Cannot be refused: these are among those that it has.
    let _ = sched_setaffinity(None, &half);
}

/// The processors in this set.
pub fn members(set: &CpuSet) -> impl Iterator<Item = usize> {
    (0..CpuSet::MAX_CPU).filter(|processor| set.is_set(*processor))
}

#[expect(unsafe_code, reason = "neither the standard library nor rustix has this call")]
fn set(class: Option<libc::c_int>, niceness: i32) {
    let keep = if class.is_some() { 0 } else { libc::SCHED_FLAG_KEEP_POLICY };
    let attributes = libc::sched_attr {
        size: const { size_of::<libc::sched_attr>() as u32 },
        sched_policy: class.unwrap_or_default().unsigned_abs(),
        sched_flags: keep as u64,
        sched_nice: niceness,
        sched_priority: 0,
        sched_runtime: SLICE,
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the kernel reads as many bytes as `size` says, which is all of this structure, and writes none. 0 is the
    // calling thread, and the last argument has no flags. To be nicer cannot be refused, and changes nothing but when this
    // thread runs.
    let _ = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_leaves_half_of_the_processors_to_others() {
        let count = || sched_getaffinity(None).unwrap().count();
        let before = count();
        let after = std::thread::spawn(move || {
            keep_to_half();
            count()
        });
        assert_eq!(after.join().unwrap(), before.div_ceil(2));
        assert_eq!(count(), before);
    }

    /// Does this on a thread of its own and tells its niceness then, and its slice where the system tells it.
    fn after(give_way: fn()) -> (i32, Option<u64>) {
        let thread = std::thread::spawn(move || {
            give_way();
            let text = std::fs::read_to_string("/proc/thread-self/sched").unwrap_or_default();
            let slice = text.lines().find_map(|line| line.strip_prefix("se.slice")?.split(':').nth(1));
            (process::getpriority_process(None).unwrap(), slice.and_then(|slice| slice.trim().parse().ok()))
        });
        thread.join().unwrap()
    }

    #[test]
    fn a_thread_gives_way_and_never_less_than_before() {
        let twice = || {
            nice(19);
            nice(3);
        };
        assert_eq!(after(twice).0, 19);
    }

    #[test]
    fn a_thread_may_be_of_the_idle_class() {
        let class =
            || std::fs::read_to_string("/proc/thread-self/stat").unwrap().rsplit(' ').nth(11).map(str::to_owned);
        let after = std::thread::spawn(move || {
            idle();
            class()
        });
        let class_after = after.join().unwrap();
        assert_eq!((class().as_deref(), class_after.as_deref()), (Some("0"), Some("5")));
    }

    #[test]
    fn a_thread_that_gives_way_does_so_in_short_slices_where_there_are_such() {
        let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
        let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        let (_, slice) = after(|| nice(7));
        assert!(version < (6, 12) || slice.is_none_or(|slice| slice == SLICE), "{slice:?} ns");
    }
}
