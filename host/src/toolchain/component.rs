//! From a compiled module to a component, and what a component says about itself.
//!
//! Whether it is a policy that Berth would serve is not judged here, only that it is a valid component.

use std::fmt;

use sha2::{Digest, Sha256};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldItem, WorldKey};

use crate::engine;

/// The adapter that is made of `stubs.wat`: what answers WASI inside a component.
const STUBS: &[u8] = include_bytes!("stubs.wasm");

/// What the adapter imports itself.
const STUBS_WORLD: &str = "package berth:stubs;\nworld stubs {\n  import berth:allocation/log@1.0.0;\n}\n";

/// How every component begins: WebAssembly's mark, the format's version, the layer.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// Why a compiled module is no policy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// No component can be made of the module.
    #[error(
        "the compiled code cannot be made a component: {reason}; \
         a policy implements the world `policy` of berth:allocation and imports nothing that world does not have"
    )]
    Encode {
        /// What is in the way.
        reason: String,
    },
    /// The bytes are no component.
    #[error("not a component: {reason}")]
    Inspect {
        /// What is in the way.
        reason: String,
    },
}

/// What a component is, in short. Its `Display` is a few lines for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the component.
    pub size: usize,
    /// SHA-256 over the bytes, lower-case hexadecimal. It names the version.
    pub digest: String,
    /// What it imports: `berth:allocation/log@1.0.0`, or the name of a function. Sorted.
    pub imports: Vec<String>,
    /// What it exports, likewise.
    pub exports: Vec<String>,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: &[String]| {
            if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
        };
        writeln!(formatter, "size     {} bytes", self.size)?;
        writeln!(formatter, "digest   sha256:{}", self.digest)?;
        writeln!(formatter, "imports  {}", names(&self.imports))?;
        write!(formatter, "exports  {}", names(&self.exports))
    }
}

/// Makes a component of a module that carries a description of its world, as `wit-bindgen` leaves it there.
pub(super) fn encode(core_module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoded = ComponentEncoder::default().validate(true).module(core_module);
    encoded.and_then(|mut encoder| encoder.encode()).map_err(unencodable)
}

/// Makes a component of a module that knows nothing of its world, which is the world `policy` of this contract. What the
/// module asks of WASI is answered inside.
pub(super) fn encode_for(core_module: Vec<u8>, contract: &str) -> Result<Vec<u8>, ComponentError> {
    encode_with(core_module, STUBS.to_vec(), contract)
}

/// As [`encode_for`], of a module that has started already. If it cannot, it starts in each decision, and `why` hears why.
pub(super) fn encode_started(
    core_module: Vec<u8>,
    contract: &str,
    why: impl FnOnce(anyhow::Error),
) -> Result<Vec<u8>, ComponentError> {
    match engine::start(&core_module, STUBS) {
        Ok(started) => encode_with(started.module, started.adapter, contract),
        Err(error) => {
            why(error);
            encode_for(core_module, contract)
        }
    }
}

fn encode_with(mut core_module: Vec<u8>, mut stubs: Vec<u8>, contract: &str) -> Result<Vec<u8>, ComponentError> {
    embed(&mut core_module, &[contract], "policy").map_err(unencodable)?;
    embed(&mut stubs, &[contract, STUBS_WORLD], "stubs").map_err(unencodable)?;
    let encoder = ComponentEncoder::default().validate(true).module(&core_module);
    let adapted = encoder.and_then(|encoder| encoder.adapter("wasi_snapshot_preview1", &stubs));
    adapted.and_then(|mut encoder| encoder.encode()).map_err(unencodable)
}

/// Puts a description of its world, which is in the last of these packages, into a module.
fn embed(module: &mut Vec<u8>, packages: &[&str], world: &str) -> anyhow::Result<()> {
    let mut resolve = Resolve::default();
    let mut last = Vec::new();
    for package in packages {
        last = vec![resolve.push_str("world.wit", package)?];
    }
    let world = resolve.select_world(&last, Some(world))?;
    embed_component_metadata(module, &resolve, world, StringEncoding::UTF8)
}

fn unencodable(error: anyhow::Error) -> ComponentError {
    ComponentError::Encode { reason: format!("{error:#}") }
}

/// Describes a component.
///
/// # Errors
/// [`ComponentError::Inspect`] if the bytes are something else.
pub fn inspect(component: &[u8]) -> Result<Summary, ComponentError> {
    let failed = |reason: String| ComponentError::Inspect { reason };
    // The decoder takes other things than components too.
    if !component.starts_with(COMPONENT) {
        return Err(failed("it does not begin like one".to_owned()));
    }
    let decoded = wit_component::decode(component).map_err(|error| failed(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(failed("it is a WIT package".to_owned()));
    };
    let world = resolve.worlds.get(world).ok_or_else(|| failed("it has no world".to_owned()))?;
    let names = |items: &mut dyn Iterator<Item = (&WorldKey, &WorldItem)>| {
        // Types that the world borrows from an interface are listed as imports as well; nothing is linked for them.
        let linked = items.filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
        let mut names: Vec<String> = linked.map(|(key, _)| resolve.name_world_key(key)).collect();
        names.sort();
        names
    };
    Ok(Summary {
        size: component.len(),
        digest: hex::encode(Sha256::digest(component)),
        imports: names(&mut world.imports.iter()),
        exports: names(&mut world.exports.iter()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_says_so() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"text"] {
            assert!(matches!(inspect(bytes), Err(ComponentError::Inspect { .. })));
        }
        assert!(matches!(encode(b"text"), Err(ComponentError::Encode { .. })));
    }

    #[test]
    fn the_empty_component_imports_and_exports_nothing() {
        let summary = inspect(COMPONENT).unwrap();
        assert_eq!((summary.size, summary.imports.len(), summary.exports.len()), (8, 0, 0));
        assert!(summary.digest.starts_with("24eaf343"), "{}", summary.digest);
        assert!(summary.to_string().ends_with("exports  nothing"));
    }
}
