//! The contract as Rust types, generated from `wit/`.

// The documentation of these items is in wit/allocation.wit. The generated `unsafe impl`s of wasmtime's Lift and Lower are
// sound because their layout comes from the same WIT that `inspect` holds every component against.
wasmtime::component::bindgen!({
    path: "../wit",
    world: "policy",
    imports: { default: trappable },
    ownership: Borrowing { duplicate_if_necessary: true },
});

pub(super) use self::berth::allocation::{log, settings, tables, types};
