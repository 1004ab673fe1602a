//! How far a thread gives way to those that answer requests.
//!
//! A nicer thread gets less time but not later: one that wakes to answer a request still waits until the one that runs
//! has used up its slice, which is milliseconds. Only for a thread of the system's idle class does it not wait. But what
//! such a thread holds, in the kernel too, it may hold for seconds: it is for processes that share nothing with requests.

use rustix::process;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

/// From now on this thread, and every thread and process that it starts, runs only while a processor has nothing else to
/// do, and gives it up at once. With every processor busy for long that is next to never. There is no way back.
pub fn idle() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // Lower is always allowed. What may be refused is to change the niceness as well, which means nothing in this class.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
}

/// From now on this thread, and every thread and process that it starts, has at least this niceness, from 0 to 19: each
/// step gives it a fifth less of a busy processor's time.
pub fn nice(niceness: i32) {
    // What started it may have this priority already, and passes it on.
    let more = niceness - process::getpriority_process(None).unwrap_or_default();
    if more > 0 {
        // Cannot be refused: lower is always allowed.
        let _ = process::nice(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_gives_way() {
        let class = |give_way: fn()| {
            let given = move || {
                give_way();
                (thread_priority::thread_schedule_policy().unwrap(), process::getpriority_process(None).unwrap())
            };
            std::thread::spawn(given).join().unwrap()
        };
        let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
        assert_eq!(class(super::idle).0, idle);
        let nice = || {
            super::nice(19);
            super::nice(3);
        };
        assert_eq!(class(nice).1, 19);
    }
}
