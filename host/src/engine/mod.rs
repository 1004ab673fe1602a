//! The engine: the only module that names wasmtime.
//!
//! It compiles a component, says what is wrong with it, and runs one decision in a fresh instance under limits. It knows
//! nothing of tenants, files, HTTP or fallbacks: a guest's fault leaves here as data.

mod bindings;
mod cache;
mod compiler;
mod convert;
mod guest;
mod inspect;
mod program;
mod ticker;
pub mod worker;

pub use compiler::Compiler;
pub use guest::{LogLevel, LogLine, LookupTable, Surroundings};
pub use inspect::Rejection;
pub use program::{Program, Run};

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, component::Linker};

use self::{guest::Guest, ticker::Ticker};
use crate::contract::Limits;

/// How often a running guest is made to look up: the granularity of its time limit, and the longest it keeps a thread
/// before others get their turn.
const TICK: Duration = Duration::from_millis(1);

/// Instances that may exist at the same moment. Each reserves address space (not memory) for its linear memories.
pub const MAX_INSTANCES: u32 = 512;

/// Linear memories of one component. A policy has one; composed components have two.
const MAX_MEMORIES: u32 = 2;

/// Core instances of one component: its modules plus the shims that a component with imports needs.
const MAX_CORE_INSTANCES: u32 = 24;

/// Function tables of one component.
const MAX_TABLES: u32 = 8;

/// Elements of one table. A large runtime (CPython) needs a few thousand.
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// Stack of the guest, in bytes. Well inside [`FIBER_STACK`], since running out of the latter aborts the process.
const GUEST_STACK: usize = 512 << 10;

/// Stack of the fiber that a guest and the host functions it calls run on, in bytes.
const FIBER_STACK: usize = 1 << 20;

/// Bytes of a linear memory that stay resident between instances if they were touched.
const KEEP_RESIDENT: usize = 2 << 20;

/// A configured engine. Cheap to clone; the last clone stops the clock that deadlines run by.
#[derive(Clone)]
pub struct Engine {
    wasmtime: wasmtime::Engine,
    linker: Arc<Linker<Guest>>,
    /// Ends with the last clone of the engine.
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// An engine whose instances may have at most as much memory as these limits say.
    ///
    /// # Errors
    ///
    /// If the machine cannot run it: too little address space, or an unsupported processor.
    pub fn new(most: &Limits) -> anyhow::Result<Self> {
        let wasmtime = wasmtime::Engine::new(&config(most))
            .map_err(anyhow::Error::from)
            .context("failed to set up the WebAssembly engine")?;
        let linker = guest::linker(&wasmtime)
            .map_err(anyhow::Error::from)
            .context("failed to define what policies may import")?;
        let ticker = Ticker::start(&wasmtime, TICK).context("failed to start the engine's clock")?;
        Ok(Self { wasmtime, linker: Arc::new(linker), _ticker: Arc::new(ticker) })
    }
}

/// The engine's configuration. Limits that wasmtime leaves open are all set here or on the store.
fn config(most: &Limits) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(MAX_INSTANCES)
        .total_core_instances(MAX_INSTANCES * MAX_CORE_INSTANCES)
        .total_memories(MAX_INSTANCES * MAX_MEMORIES)
        .total_tables(MAX_INSTANCES * MAX_TABLES)
        .total_stacks(MAX_INSTANCES)
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_memories_per_module(1)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(most.memory)
        .max_unused_warm_slots(MAX_INSTANCES)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(64 << 10)
        .pagemap_scan(if may_swap() { Enabled::No } else { Enabled::Auto });

    let mut config = compiling_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// As much of the engine's configuration as decides what code is made.
fn compiling_config() -> Config {
    let mut config = Config::new();
    config
        // No component-model async: a smaller store, and a large part of the engine's attack surface is off.
        .concurrency_support(false)
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        // Decisions must not depend on the machine they are made on.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false);
    config
}

/// Whether the kernel may write pages to a swap device. wasmtime 48's page-map scan does not see a dirty page that was
/// swapped out, so a later instance could read it.
fn may_swap() -> bool {
    // The first line is the header. Where the file cannot be read, nothing is known: assume the worse.
    std::fs::read_to_string("/proc/swaps").map_or(true, |text| text.lines().count() > 1)
}
