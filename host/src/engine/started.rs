//! Runs what a guest does at its start once, while it is built, and keeps what it came to.
//!
//! Go's runtime makes itself ready in every fresh instance, which costs more than the decision. Here it does so a single
//! time, and the module is written anew with the memory and the globals it has then. That is the same guest: nothing of
//! the machine it is built on gets into it, and a start that asks Berth for anything is left for each decision.
//!
//! Not for components of strangers: what runs here is the author's own, on the author's machine.

mod rewrite;

use std::borrow::Cow;

use wasmtime::{
    Caller, Engine, Error, ExternType, Func, Instance, Linker, Module, OptLevel, Result, Store, StoreLimits,
    StoreLimitsBuilder, Val, error::Context as _,
};

use self::rewrite::{Found, MEMORY, State, open, started};

/// The function by which a module of WASI that is no program starts.
const START: &str = "_initialize";
/// The module of imports that an adapter answers.
const WASI: &str = "wasi_snapshot_preview1";
/// Far more than a runtime's start needs; without an end, it is left for the decision and its limits.
const FUEL: u64 = 200_000_000;
/// Bytes that a module may have when it has started: what it has then is part of the component.
const MOST_MEMORY: usize = 32 << 20;

/// A module and the adapter that answers WASI for it, both as they are after the module's start.
#[derive(Debug)]
pub struct Started {
    /// The module, which needs no start any more.
    pub module: Vec<u8>,
    /// The adapter.
    pub adapter: Vec<u8>,
}

struct Starting {
    adapter: Option<Instance>,
    limits: StoreLimits,
}

/// Starts a module together with its adapter, whose one memory is the module's.
///
/// # Errors
///
/// If the start fails, or does what cannot be kept.
pub fn start(module: &[u8], adapter: &[u8]) -> anyhow::Result<Started> {
    start_both(module, adapter).map_err(anyhow::Error::from)
}

fn start_both(module: &[u8], adapter: &[u8]) -> Result<Started> {
    let (module_found, adapter_found) = (Found::of(module)?, Found::of(adapter)?);
    let engine = engine()?;
    let mut store = store(&engine)?;
    let compiled = Module::new(&engine, open(module, &module_found)?)?;
    let instance = linker(&engine, &compiled)?.instantiate(&mut store, &compiled)?;
    let memory = instance.get_memory(&mut store, MEMORY).context("it exports no memory")?;

    let compiled = Module::new(&engine, open(adapter, &adapter_found)?)?;
    let mut adapters = linker(&engine, &compiled)?;
    adapters.define(&store, "env", MEMORY, memory)?;
    let answers = adapters.instantiate(&mut store, &compiled)?;
    store.data_mut().adapter = Some(answers);

    let function = instance.get_typed_func::<(), ()>(&mut store, START)?;
    function.call(&mut store, ()).context("its start failed")?;
    let globals = globals(&mut store, &instance, &module_found)?;
    let adapter_state = State { globals: self::globals(&mut store, &answers, &adapter_found)?, memory: None };
    let state = State { globals, memory: Some(Cow::Borrowed(memory.data(&store))) };
    Ok(Started { module: started(module, START, &state)?, adapter: started(adapter, START, &adapter_state)? })
}

fn engine() -> Result<Engine> {
    let mut config = super::compiling_config(true);
    // It runs once.
    config.cranelift_opt_level(OptLevel::None);
    Engine::new(&config)
}

fn store(engine: &Engine) -> Result<Store<Starting>> {
    let limits = StoreLimitsBuilder::new().memory_size(MOST_MEMORY).build();
    let mut store = Store::new(engine, Starting { adapter: None, limits });
    store.limiter(|starting| &mut starting.limits);
    store.set_fuel(FUEL)?;
    // No clock moves the epoch here.
    store.set_epoch_deadline(1);
    Ok(store)
}

/// WASI is answered by the adapter, and Berth not at all.
fn linker(engine: &Engine, module: &Module) -> Result<Linker<Starting>> {
    let mut linker = Linker::new(engine);
    // Go imports some functions twice.
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ExternType::Func(ty) = import.ty() else { continue };
        let name = import.name().to_owned();
        if import.module() == WASI {
            linker.func_new(import.module(), &name.clone(), ty, move |caller, params, results| {
                forward(caller, &name, params, results)
            })?;
        } else {
            let module = import.module().to_owned();
            linker.func_new(&module.clone(), &name.clone(), ty, move |_, _, _| {
                Err(Error::msg(format!("it calls {name} of {module} while it starts")))
            })?;
        }
    }
    Ok(linker)
}

fn forward(mut caller: Caller<'_, Starting>, name: &str, params: &[Val], results: &mut [Val]) -> Result<()> {
    let adapter = caller.data().adapter.context("it calls its adapter before there is one")?;
    let function: Func = adapter.get_func(&mut caller, name).with_context(|| format!("no adapter has {name}"))?;
    function.call(caller, params, results)
}

fn globals(store: &mut Store<Starting>, instance: &Instance, found: &Found) -> Result<Vec<Option<Val>>> {
    let value = |name: &Option<String>| match name {
        None => Ok(None),
        Some(name) => {
            let global = instance.get_global(&mut *store, name).context("a global that was exported is not there")?;
            Ok(Some(global.get(&mut *store)))
        }
    };
    found.globals.iter().map(value).collect()
}

#[cfg(test)]
mod tests;
