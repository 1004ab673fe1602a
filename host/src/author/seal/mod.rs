//! Seals a component off from the system that it was built for.
//!
//! Many tools make components that import WASI 0.2, and Berth grants none of it. Here such a component is put into a larger
//! one together with a small one of ours, which answers WASI from inside: there are no files, no arguments and no
//! environment; what is written to standard output and error goes to the policy's log; clocks and randomness are the same
//! for every request. What comes out imports `berth:allocation` alone.
//!
//! What cannot be answered faithfully, such as sockets, is refused by name here rather than failing in a decision. The
//! component itself is not changed, and nothing of it runs.

mod answers;
mod contract;
mod module;

use anyhow::Context as _;
use thiserror::Error;
use wasm_encoder::{
    Alias, ComponentAliasSection, ComponentExportKind, ComponentExportSection, ComponentInstanceSection,
    ComponentSection, ComponentTypeRef, RawSection,
};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId, WorldItem};

use crate::{
    engine::{CONTRACT, CONTRACT_VERSION, Offer, offer},
    toolchain,
};

/// Why a component cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// It imports nothing of WASI.
    #[error("the component imports nothing of WASI, so there is nothing to seal: it can be served as it is")]
    Nothing,
    /// It imports what cannot be answered.
    #[error(
        "{} cannot be sealed: a policy can have nothing like it. Build the component without it; `berth policy inspect` \
         lists all imports", .0.join(", ")
    )]
    Interfaces(Vec<String>),
    /// It is no policy, whatever it imports.
    #[error("the component exports no function `allocate`, so it is no policy (it exports {})", .0.join(", "))]
    NoAllocate(Vec<String>),
    /// Something else is in the way.
    #[error("the component cannot be sealed")]
    Other(#[from] anyhow::Error),
}

/// What of WASI a component was sealed off from, and what came out.
#[derive(Debug)]
pub struct Sealed {
    /// The new component.
    pub component: Vec<u8>,
    /// The interfaces that are answered inside, by full name.
    pub interfaces: Vec<String>,
}

/// Seals a component.
///
/// # Errors
///
/// If there is nothing to seal, or something that cannot be.
pub fn seal(component: &[u8]) -> Result<Sealed, SealError> {
    let summary = toolchain::inspect(component).map_err(anyhow::Error::from)?;
    let (wasi, rest): (Vec<String>, Vec<String>) =
        summary.imports.into_iter().partition(|name| offer(name) == Offer::Wasi);
    let mut refused: Vec<String> = rest.iter().filter(|name| offer(name) != Offer::Granted).cloned().collect();
    refused.extend(wasi.iter().filter(|name| !answers::knows(name)).cloned());
    if !refused.is_empty() {
        return Err(SealError::Interfaces(refused));
    }
    if wasi.is_empty() {
        return Err(SealError::Nothing);
    }
    if !summary.exports.iter().any(|name| name == "allocate") {
        return Err(SealError::NoAllocate(summary.exports));
    }
    let mut resolve = contract::resolve()?;
    let DecodedWasm::Component(decoded, world) = wit_component::decode(component)? else {
        return Err(anyhow::anyhow!("it is a WIT package").into());
    };
    let types = types_imported(&decoded, world);
    resolve.merge(decoded).context("its interfaces do not fit the contract's")?;
    let judges_settings = summary.exports.iter().any(|name| name == "validate-settings");
    let inner = inner(&mut resolve, &wasi)?;
    let component = join(&inner, &Policy { component, wasi: &wasi, granted: &rest, types: &types, judges_settings })?;
    Ok(Sealed { component, interfaces: wasi })
}

/// The component that answers these interfaces.
fn inner(resolve: &mut Resolve, wasi: &[String]) -> Result<Vec<u8>, SealError> {
    let exports: String = wasi.iter().map(|name| format!("  export {name};\n")).collect();
    let text = format!("package berth:seal;\nworld seal {{\n  import {};\n{exports}}}\n", of_contract("log"));
    let package = resolve.push_source("seal.wit", &text).context("failed to describe the seal")?;
    let world = resolve.select_world(&[package], Some("seal")).context("failed to describe the seal")?;
    let text = module::text(resolve, wasi).map_err(SealError::Interfaces)?;
    let mut module = wat::parse_str(&text).context("failed to make the seal's code")?;
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8)?;
    let encoder = ComponentEncoder::default().validate(true).module(&module)?;
    Ok({ encoder }.encode().context("failed to make the seal")?)
}

/// The full name of an interface of the contract.
fn of_contract(interface: &str) -> String {
    format!("{CONTRACT}{interface}@{CONTRACT_VERSION}")
}

/// The section of a component that holds another component.
const COMPONENT: u8 = 4;

/// The component that is sealed, and what is known of it.
struct Policy<'a> {
    component: &'a [u8],
    /// What it imports of WASI.
    wasi: &'a [String],
    /// What it imports of the contract.
    granted: &'a [String],
    /// Types of the contract that it imports by themselves.
    types: &'a [String],
    judges_settings: bool,
}

/// The types that a world uses of an interface, which a component imports by their names alone.
fn types_imported(resolve: &Resolve, world: WorldId) -> Vec<String> {
    let imports = resolve.worlds.get(world).into_iter().flat_map(|world| &world.imports);
    let types = imports.filter(|(_, item)| matches!(item, WorldItem::Type { .. }));
    types.map(|(key, _)| resolve.name_world_key(key)).collect()
}

/// One component that imports the contract, and has the seal and the sealed component in it.
fn join(seal: &[u8], policy: &Policy<'_>) -> Result<Vec<u8>, SealError> {
    let Policy { component, wasi, granted, types, judges_settings } = *policy;
    let outer = contract::Outer::new()?;
    let mut bytes = outer.bytes.clone();
    for inside in [seal, component] {
        RawSection { id: COMPONENT, data: inside }.append_to_component(&mut bytes);
    }
    let (seal, policy) = (0, 1);
    let log = of_contract("log");
    let instance = |name: &str| {
        let place = contract::INTERFACES.iter().position(|interface| of_contract(interface) == name);
        place.and_then(|place| u32::try_from(place).ok()).with_context(|| format!("the contract has no {name}"))
    };
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(seal, [(log.as_str(), ComponentExportKind::Instance, instance(&log)?)]);
    instances.append_to_component(&mut bytes);

    // Instances are counted in order: those imported, the seal's, one for each interface it answers, the policy's.
    let sealed = u32::try_from(contract::INTERFACES.len()).context("too many interfaces")?;
    let mut answered = ComponentAliasSection::new();
    let mut arguments = Vec::new();
    for (name, number) in wasi.iter().zip(sealed + 1..) {
        answered.alias(Alias::InstanceExport { instance: sealed, kind: ComponentExportKind::Instance, name });
        arguments.push((name.as_str(), ComponentExportKind::Instance, number));
    }
    answered.append_to_component(&mut bytes);
    for name in granted {
        arguments.push((name.as_str(), ComponentExportKind::Instance, instance(name)?));
    }
    for (name, number) in outer.types.iter().filter(|(name, _)| types.contains(name)) {
        arguments.push((name.as_str(), ComponentExportKind::Type, *number));
    }
    let inside = sealed + 1 + u32::try_from(wasi.len()).context("too many interfaces")?;
    let mut instances = ComponentInstanceSection::new();
    instances.instantiate(policy, arguments);
    instances.append_to_component(&mut bytes);

    let mut functions = ComponentAliasSection::new();
    let mut exports = ComponentExportSection::new();
    let validate = judges_settings.then_some(("validate-settings", outer.validate_settings));
    for ((name, kind), number) in [("allocate", outer.allocate)].into_iter().chain(validate).zip(0..) {
        functions.alias(Alias::InstanceExport { instance: inside, kind: ComponentExportKind::Func, name });
        exports.export(name, ComponentExportKind::Func, number, Some(ComponentTypeRef::Func(kind)));
    }
    functions.append_to_component(&mut bytes);
    exports.append_to_component(&mut bytes);
    Ok(bytes)
}
