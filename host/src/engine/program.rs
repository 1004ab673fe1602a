//! A compiled component, and one run of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{
    Store, UpdateDeadline,
    component::{Component, ComponentNamedList, InstancePre, Lift, Lower},
    error::Context as _,
};

use super::{
    Engine, convert,
    course::{self, Course},
    fault::fault,
    guest::{Guest, LogLine, Surroundings},
    inspect::{self, Export, Exports, Rejection},
};
use crate::{
    contract::{Answer, Fault, FaultKind, Limits, Request},
    metrics::Phase,
};

/// More fuel than any decision can use within its time.
const FUEL: u64 = u64::MAX;

/// A component that is a policy: compiled, held against the contract, ready to be instantiated.
#[derive(Clone)]
pub struct Program {
    engine: wasmtime::Engine,
    metered: bool,
    instance: InstancePre<Guest>,
    exports: Exports,
}

/// What one run of a guest came to.
#[derive(Debug)]
pub struct Run<T> {
    /// The guest's answer, or how it failed.
    pub result: Result<T, Fault>,
    /// What the guest logged, in order.
    pub log: Vec<LogLine>,
    /// How many lines did not fit into the log.
    pub log_dropped: usize,
    /// From before the instance was made until the guest was done.
    pub elapsed: Duration,
    /// Bytes of linear memory the instance ended with.
    pub memory: usize,
    /// Bytes of it that were not there when the instance was made.
    pub grown: usize,
    /// Fuel the guest used, if the engine counts it.
    pub fuel: Option<u64>,
    /// When its phases began, if that was asked; the last ended with it.
    pub phases: Vec<(Phase, Instant)>,
}

impl Program {
    pub(super) fn new(engine: &Engine, component: &Component) -> Result<Self, Rejection> {
        let exports = inspect::world(&engine.wasmtime, component)?;
        let instance =
            engine.linker.instantiate_pre(component).map_err(|error| Rejection::ImportType(format!("{error:#}")))?;
        Ok(Self { engine: engine.wasmtime.clone(), metered: engine.metered, exports, instance })
    }

    /// Its compiled code, as [`Engine::load`] takes it. `None` if there is no memory for it.
    #[must_use]
    pub fn code(&self) -> Option<Vec<u8>> {
        self.instance.component().serialize().ok()
    }

    /// Asks the policy where a device goes, in an instance of its own. Times the phases if that is asked, which takes longer.
    pub async fn allocate(
        &self,
        request: &Request<'_>,
        surroundings: &Arc<Surroundings>,
        limits: &Limits,
        timed: bool,
    ) -> Run<Answer> {
        let names = convert::alternative_names(request);
        let params = (convert::request(request, &names),);
        let run = self.run(self.exports.allocate, params, surroundings, limits, timed).await;
        run.map(|(result,)| convert::answer(result))
    }

    /// Asks the policy whether it can work with these surroundings' settings. A policy that exports no validation can
    /// work with any. The inner error is the policy's own explanation.
    pub async fn validate_settings(
        &self,
        surroundings: &Arc<Surroundings>,
        limits: &Limits,
    ) -> Option<Run<Result<(), String>>> {
        let export = self.exports.validate_settings?;
        let params = (surroundings.settings.as_str(),);
        let run = self.run(export, params, surroundings, limits, false).await;
        Some(run.map(|(result,)| result))
    }

    /// Calls an export in a fresh instance, which ends with the call.
    async fn run<Params, Results>(
        &self,
        export: Export<Params, Results>,
        params: Params,
        surroundings: &Arc<Surroundings>,
        limits: &Limits,
        timed: bool,
    ) -> Run<Results>
    where
        Params: ComponentNamedList + Lower + Send + Sync,
        Results: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let started = Instant::now();
        let mut store = self.store(surroundings, limits, started);
        if timed {
            store.data_mut().course = Some(Box::new(Course::of(started)));
        }
        let result = self.call(&mut store, export, params).await;
        if let Some(course) = &mut store.data_mut().course {
            course.ends();
        }
        let left = if self.metered { store.get_fuel().ok() } else { None };
        let mut guest = store.into_data();
        let phases = guest.course.take().map(|course| course.phases).unwrap_or_default();
        Run {
            result: result.map_err(|error| fault(&error, &guest)),
            log: guest.log,
            log_dropped: guest.log_dropped,
            elapsed: started.elapsed(),
            memory: guest.memory,
            grown: guest.grown,
            fuel: left.map(|left| FUEL.saturating_sub(left)),
            phases,
        }
    }

    fn store(&self, surroundings: &Arc<Surroundings>, limits: &Limits, started: Instant) -> Store<Guest> {
        let mut store = Store::new(&self.engine, Guest::new(surroundings.clone(), *limits, started));
        store.limiter(|guest| guest);
        if self.metered {
            // Never fails where fuel is counted.
            let _ = store.set_fuel(FUEL);
        }
        // For each call by itself, and for the answer; the guest's state counts all calls together.
        store.set_hostcall_fuel(limits.host_calls);
        // The contract has no resources, so this only bounds the component's own.
        store.set_max_component_handles(limits.handles);
        // A guest that is still running at a tick gives way to others, or ends if its time is up.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut guest| {
            let guest = guest.data_mut();
            if guest.is_overdue() {
                return Ok(UpdateDeadline::Interrupt);
            }
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(guest.cpu.give_way())))
        });
        store
    }

    async fn call<Params, Results>(
        &self,
        store: &mut Store<Guest>,
        export: Export<Params, Results>,
        params: Params,
    ) -> wasmtime::Result<Results>
    where
        Params: ComponentNamedList + Lower + Send + Sync,
        Results: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let instance = self.instance.instantiate_async(&mut *store).await?;
        if let Some(course) = &mut store.data_mut().course {
            course.begins(Phase::Lower);
            store.call_hook(course::hook);
        }
        let function = export.of(&instance, &mut *store).context("an instance lacks an export of its component")?;
        function.call_async(store, params).await
    }
}

impl<T> Run<T> {
    /// A run that did not come about.
    pub fn failed(kind: FaultKind, why: impl Into<String>) -> Self {
        Self {
            result: Err(Fault::new(kind, why)),
            log: Vec::new(),
            log_dropped: 0,
            elapsed: Duration::ZERO,
            memory: 0,
            grown: 0,
            fuel: None,
            phases: Vec::new(),
        }
    }

    fn map<U>(self, f: impl FnOnce(T) -> U) -> Run<U> {
        Run {
            result: self.result.map(f),
            log: self.log,
            log_dropped: self.log_dropped,
            elapsed: self.elapsed,
            memory: self.memory,
            grown: self.grown,
            fuel: self.fuel,
            phases: self.phases,
        }
    }
}
