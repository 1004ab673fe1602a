//! The engine: the only module that names wasmtime.
//!
//! It compiles a component, says what is wrong with it, and runs one decision in a fresh instance under limits. It knows
//! nothing of tenants, files, HTTP or fallbacks: a guest's fault leaves here as data.

mod bindings;
mod cache;
mod compiler;
mod convert;
mod course;
mod cpu;
mod fault;
mod guest;
mod inspect;
pub mod priority;
mod program;
mod started;
mod ticker;
pub mod worker;

pub use cache::{Cache, KEY as CODE_KEY};
pub use compiler::{Compiler, itself};
pub use cpu::processor_time;
pub use guest::{LogLevel, LogLine, LookupTable, Surroundings};
pub use inspect::{Offer, PACKAGE as CONTRACT, Rejection, VERSION as CONTRACT_VERSION, offer};
pub use program::{Program, Run};
pub use started::{Started, start};

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails, component::Linker,
};

use self::{guest::Guest, ticker::Ticker};
use crate::contract::Limits;

/// How often a running guest is made to look up: the granularity of its time limit, and the longest it keeps a thread
/// before others get their turn.
pub const TICK: Duration = Duration::from_millis(1);

/// Instances that may exist at the same moment. Each reserves address space (not memory) for its linear memories.
pub const MAX_INSTANCES: u32 = 512;

/// Stack of the host functions that a guest calls, in bytes: what its fiber has beyond the guest's own. Running out of it
/// aborts the process.
const HOST_STACK: usize = 512 << 10;

/// Linear memories that stay ready for the program that had them last. A thread takes its own first, so this is one for each
/// of a thousand policies on each of two threads: who has to take another's pays for mapping its image, and for a page fault
/// at each page that it touches, which is more than the decision itself. Most have touched less than 64 KiB; if each has
/// touched all that stays resident, they hold 2 GiB.
const READY: u32 = 2048;

/// Bytes of a linear memory that stay resident between instances if they were touched.
const KEEP_RESIDENT: usize = 1 << 20;

/// A configured engine. Cheap to clone; the last clone stops the clock that deadlines run by.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    /// Whether it counts fuel.
    metered: bool,
    linker: Arc<Linker<Guest>>,
    /// Ends with the last clone of the engine.
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// An engine whose instances may have at most as much memory, tables and so on as these limits say.
    ///
    /// # Errors
    ///
    /// If the machine cannot run it: too little address space, or an unsupported processor.
    pub fn new(most: &Limits) -> anyhow::Result<Self> {
        Self::of(most, false)
    }

    /// An engine that counts the fuel of each decision, which is the same on every machine and about one for each
    /// instruction. Its guests are slower: for an author who measures, not for a server.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn metered(most: &Limits) -> anyhow::Result<Self> {
        Self::of(most, true)
    }

    fn of(most: &Limits, metered: bool) -> anyhow::Result<Self> {
        let wasmtime = wasmtime::Engine::new(&config(most, metered))
            .map_err(anyhow::Error::from)
            .context("failed to set up the WebAssembly engine")?;
        let linker = guest::linker(&wasmtime)
            .map_err(anyhow::Error::from)
            .context("failed to define what policies may import")?;
        let ticker = Ticker::start(&wasmtime, TICK).context("failed to start the engine's clock")?;
        Ok(Self { wasmtime, metered, linker: Arc::new(linker), _ticker: Arc::new(ticker) })
    }

    /// What the pool has lent out at this moment.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let metrics = self.wasmtime.pooling_allocator_metrics();
        metrics.map_or_else(Pool::default, |metrics| Pool {
            instances: metrics.component_instances(),
            instances_limit: MAX_INSTANCES.into(),
            memories: metrics.memories() as u64,
            stacks: metrics.stacks() as u64,
            resident_bytes: metrics.unused_memory_bytes_resident() as u64,
        })
    }
}

/// What the engine's pool has lent out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pool {
    /// Instances of components.
    pub instances: u64,
    /// Instances that may exist at the same moment.
    pub instances_limit: u64,
    /// Linear memories.
    pub memories: u64,
    /// Stacks that guests run on.
    pub stacks: u64,
    /// Bytes of memories not lent out that stay resident for the next instances.
    pub resident_bytes: u64,
}

/// The engine's configuration. Limits that wasmtime leaves open are all set here or on the store.
fn config(most: &Limits, metered: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let of_all = |each: usize| MAX_INSTANCES.saturating_mul(count(each));
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(of_all(most.instances))
        .total_memories(of_all(most.memories).max(READY))
        .total_tables(of_all(most.tables))
        .total_stacks(MAX_INSTANCES)
        .max_core_instances_per_component(count(most.instances))
        .max_memories_per_component(count(most.memories))
        .max_tables_per_component(count(most.tables))
        .max_tables_per_module(count(most.tables))
        .max_memories_per_module(1)
        .table_elements(most.table_elements)
        .max_memory_size(most.memory)
        .max_unused_warm_slots(READY)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .pagemap_scan(if may_swap() { Enabled::No } else { Enabled::Auto });

    let mut config = compiling_config(metered);
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .max_wasm_stack(most.stack)
        .async_stack_size(most.stack + HOST_STACK)
        // A component's debug information is a stranger's, and nothing that is to be parsed while others wait.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    config
}

/// As much of the engine's configuration as decides what code is made.
fn compiling_config(metered: bool) -> Config {
    let mut config = Config::new();
    config
        // No component-model async: a smaller store, and a large part of the engine's attack surface is off.
        .concurrency_support(false)
        .epoch_interruption(true)
        .consume_fuel(metered)
        // Where in a function a trap was is told to nobody, and no Rust panic passes through a guest's frames: a host
        // function's ends at the border.
        .generate_address_map(false)
        .native_unwind_info(false)
        // Decisions must not depend on the machine they are made on.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        // A module still has no more than one memory of its own (`max_memories_per_module`). What the engine puts between two
        // components that are one policy, as those of JavaScript and Python are, copies from one's memory to the other's.
        .wasm_multi_memory(true);
    config
}

/// Whether the kernel may write pages to a swap device. wasmtime 48's page-map scan does not see a dirty page that was
/// swapped out, so a later instance could read it.
fn may_swap() -> bool {
    // The first line is the header. Where the file cannot be read, nothing is known: assume the worse.
    std::fs::read_to_string("/proc/swaps").map_or(true, |text| text.lines().count() > 1)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use wasmtime::{Instance, Module, Store};

    use super::*;

    #[test]
    fn a_panic_of_the_host_passes_through_a_guest_and_leaves_the_engine_whole() {
        let engine = Engine::new(&Limits::default()).unwrap().wasmtime;
        let guest = r#"(module (import "host" "call" (func $call)) (func (export "run") (call $call)))"#;
        let module = Module::new(&engine, wat::parse_str(guest).unwrap()).unwrap();
        let run = |panics: bool| {
            let mut store = Store::new(&engine, ());
            store.set_epoch_deadline(1_000_000);
            let call = wasmtime::Func::wrap(&mut store, move || assert!(!panics, "a mistake of Berth's"));
            let instance = Instance::new(&mut store, &module, &[call.into()]).unwrap();
            instance.get_typed_func::<(), ()>(&mut store, "run").unwrap().call(&mut store, ()).is_ok()
        };
        assert!(catch_unwind(AssertUnwindSafe(|| run(true))).is_err());
        assert!(run(false));
    }
}
