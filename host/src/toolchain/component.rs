//! From a compiled module to a component, and what a component says about itself.
//!
//! Whether it is a policy that Berth would serve is not judged here, only that it is a valid component.

use std::fmt;

use sha2::{Digest, Sha256};
use wit_component::{ComponentEncoder, DecodedWasm};

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
            if names.is_empty() {
                "nothing".to_owned()
            } else {
                names.join(", ")
            }
        };
        writeln!(formatter, "size     {} bytes", self.size)?;
        writeln!(formatter, "digest   sha256:{}", self.digest)?;
        writeln!(formatter, "imports  {}", names(&self.imports))?;
        write!(formatter, "exports  {}", names(&self.exports))
    }
}

/// Makes a component of a module that carries a description of its world, as `wit-bindgen` leaves it there.
pub(super) fn encode(core_module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let component = ComponentEncoder::default()
        .validate(true)
        .module(core_module)
        .and_then(|mut encoder| encoder.encode());
    component.map_err(|error| ComponentError::Encode {
        reason: format!("{error:#}"),
    })
}

/// Describes a component.
///
/// # Errors
/// [`ComponentError::Inspect`] if the bytes are something else.
pub fn inspect(component: &[u8]) -> Result<Summary, ComponentError> {
    let failed = |reason: String| ComponentError::Inspect { reason };
    let decoded = wit_component::decode(component).map_err(|error| failed(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        return Err(failed("it is a WIT package".to_owned()));
    };
    let world = resolve
        .worlds
        .get(world)
        .ok_or_else(|| failed("it has no world".to_owned()))?;
    let names = |keys: &mut dyn Iterator<Item = &wit_parser::WorldKey>| {
        let mut names: Vec<String> = keys.map(|key| resolve.name_world_key(key)).collect();
        names.sort();
        names
    };
    Ok(Summary {
        size: component.len(),
        digest: hex::encode(Sha256::digest(component)),
        imports: names(&mut world.imports.keys()),
        exports: names(&mut world.exports.keys()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_says_so() {
        for bytes in [&b""[..], b"\0asm\x01\0\0\0", b"text"] {
            assert!(matches!(
                inspect(bytes),
                Err(ComponentError::Inspect { .. })
            ));
        }
        assert!(matches!(
            encode(b"text"),
            Err(ComponentError::Encode { .. })
        ));
    }

    #[test]
    fn the_empty_component_imports_and_exports_nothing() {
        let summary = inspect(b"\0asm\x0d\0\x01\0").unwrap();
        assert_eq!(
            (summary.size, summary.imports.len(), summary.exports.len()),
            (8, 0, 0)
        );
        assert!(summary.digest.starts_with("bd4e"), "{}", summary.digest);
        assert!(summary.to_string().ends_with("exports  nothing"));
    }
}
