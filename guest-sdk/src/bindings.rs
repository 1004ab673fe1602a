//! The contract as Rust: code generated from `wit/allocation.wit`.
//!
//! Not for authors: [`crate::contract`] names the types they may meet.

wit_bindgen::generate!({
    world: "policy",
    path: "../wit",
    additional_derives: [PartialEq, Eq],
    default_bindings_module: "berth_sdk::__private::bindings",
    runtime_path: "berth_sdk::__private::wit_bindgen::rt",
    pub_export_macro: true,
});
