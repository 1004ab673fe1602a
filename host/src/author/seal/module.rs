//! The core module of the seal: a function for each that the sealed component imports of WASI.

use std::fmt::Write as _;

use wit_parser::{
    Resolve,
    abi::{AbiVariant, WasmType},
};

use super::answers::{Answer, answer};

/// What the functions share.
const SHARED: &str = include_str!("shared.wat");

/// Resources that the seal makes handles of, and the interface each is of.
const RESOURCES: [(&str, &str); 3] =
    [("wasi:io/streams", "input-stream"), ("wasi:io/streams", "output-stream"), ("wasi:io/poll", "pollable")];

/// The text of the module.
///
/// # Errors
///
/// The functions that have no answer.
pub(super) fn text(resolve: &Resolve, wasi: &[String]) -> Result<String, Vec<String>> {
    let mut imports = String::new();
    for (interface, resource) in RESOURCES {
        let full = wasi.iter().find(|name| name.split_once('@').is_some_and(|(name, _)| name == interface));
        let function = format!("(func $new-{resource} (param i32) (result i32)");
        // Writing to a string cannot fail, here and below.
        let _ = match full {
            Some(full) => writeln!(imports, "(import \"[export]{full}\" \"[resource-new]{resource}\" {function}))"),
            // Nothing that is imported can ask for it.
            None => Ok(()),
        };
    }
    let (functions, unknown) = functions(resolve, wasi);
    if !unknown.is_empty() {
        return Err(unknown);
    }
    Ok(format!("(module\n{imports}{SHARED}\n{functions})"))
}

/// The functions, and the names of those that have no answer.
fn functions(resolve: &Resolve, wasi: &[String]) -> (String, Vec<String>) {
    let (mut out, mut unknown) = (String::new(), Vec::new());
    for (id, interface) in resolve.interfaces.iter() {
        let Some(full) = resolve.id_of(id).filter(|name| wasi.contains(name)) else { continue };
        let plain = full.split_once('@').map_or(full.as_str(), |(name, _)| name);
        for function in interface.functions.values() {
            let Some(answer) = answer(plain, &function.name) else {
                unknown.push(format!("{full} {}", function.name));
                continue;
            };
            let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
            let parameters: String = signature.params.iter().map(|ty| format!(" {}", core(*ty))).collect();
            let results: String = signature.results.iter().map(|ty| format!(" (result {})", core(*ty))).collect();
            let lines = match (answer, signature.results.first()) {
                (Answer::Lines(lines), _) => lines,
                (Answer::Zeros, None) => "",
                // Where there is nothing but zeros.
                (Answer::Zeros, Some(_)) if signature.retptr => "(i32.const 64)",
                (Answer::Zeros, Some(WasmType::I64)) => "(i64.const 0)",
                (Answer::Zeros, Some(_)) => "(i32.const 0)",
            };
            let _ = writeln!(
                out,
                "(func (export \"{full}#{}\") (param{parameters}){results}\n  {lines}\n  (call $forget))",
                function.name
            );
        }
    }
    (out, unknown)
}

fn core(ty: WasmType) -> &'static str {
    match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    }
}
