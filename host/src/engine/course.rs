//! The course of one run: when its phases began. For the few runs of which that is asked; the others have none.
//!
//! What the engine does within one call, handing the request over, running the guest and taking the answer, is told apart by
//! when the guest is entered and left: it is also entered before and after, for room for the request and to give up that of
//! the answer, but the longest stay is the run.

use std::time::Instant;

use wasmtime::{CallHook, StoreContextMut};

use super::guest::Guest;
use crate::metrics::Phase;

/// What is known of a run so far.
pub(super) struct Course {
    /// When each phase began, in order.
    pub(super) phases: Vec<(Phase, Instant)>,
    /// How often the guest has been entered and not been left: the host enters it again to bring the answer to an import.
    depth: u32,
    entered: Instant,
    /// The longest stay in the guest.
    stay: Option<[Instant; 2]>,
}

impl Course {
    /// Of a run whose instance is made from this moment on.
    pub(super) fn of(started: Instant) -> Self {
        Self { phases: vec![(Phase::Instantiate, started)], depth: 0, entered: started, stay: None }
    }

    /// A phase begins now.
    pub(super) fn begins(&mut self, phase: Phase) {
        self.phases.push((phase, Instant::now()));
    }

    /// Nothing is left but to discard the instance.
    pub(super) fn ends(&mut self) {
        if let Some([entered, left]) = self.stay {
            self.phases.extend([(Phase::Run, entered), (Phase::Lift, left)]);
        }
        self.begins(Phase::Discard);
    }

    fn passes(&mut self, border: CallHook) {
        match border {
            CallHook::CallingWasm => {
                if self.depth == 0 {
                    self.entered = Instant::now();
                }
                self.depth += 1;
            }
            CallHook::ReturningFromWasm => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    let now = Instant::now();
                    let longest = self.stay.map(|[entered, left]| left - entered);
                    if longest.is_none_or(|longest| now - self.entered > longest) {
                        self.stay = Some([self.entered, now]);
                    }
                }
            }
            // Imports are part of the run.
            CallHook::CallingHost | CallHook::ReturningFromHost => {}
        }
    }
}

/// Follows the guest of a run whose course is asked.
pub(super) fn hook(mut store: StoreContextMut<'_, Guest>, border: CallHook) -> wasmtime::Result<()> {
    if let Some(course) = &mut store.data_mut().course {
        course.passes(border);
    }
    Ok(())
}
