//! Says what is wrong with a component before it serves, in words its author can act on.
//!
//! Looks at bytes and types only; nothing of the component runs here.

use std::marker::PhantomData;

use thiserror::Error;
use wasmtime::{
    AsContextMut,
    component::{
        Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc,
        types::{self, ComponentItem},
    },
};

use super::bindings::types as wit;
use crate::contract::Stage;

/// What every name of the contract begins with.
pub const PACKAGE: &str = "berth:allocation/";
/// The version of the contract this Berth speaks.
pub const VERSION: &str = "1.0.0";
/// What a policy may import, `types` being there for its types only.
const IMPORTS: [&str; 4] = ["types", "log", "settings", "tables"];
/// The export that decides.
const ALLOCATE: &str = "allocate";
/// The optional export that judges settings.
const VALIDATE_SETTINGS: &str = "validate-settings";

/// The types of `allocate`.
pub(super) type AllocateParams<'a> = (wit::Request<'a>,);
pub(super) type AllocateResults = (Result<wit::Decision, wit::Refusal>,);
/// The types of `validate-settings`.
pub(super) type ValidateParams<'a> = (&'a str,);
pub(super) type ValidateResults = (Result<(), String>,);

/// A component's exports that are the contract's.
#[derive(Clone, Copy)]
pub(super) struct Exports {
    pub(super) allocate: Export<AllocateParams<'static>, AllocateResults>,
    pub(super) validate_settings: Option<Export<ValidateParams<'static>, ValidateResults>>,
}

/// An exported function of these types. There is none whose types were not compared.
pub(super) struct Export<Params, Results> {
    index: ComponentExportIndex,
    types: PhantomData<(Params, Results)>,
}

impl<Params, Results> Clone for Export<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for Export<Params, Results> {}

impl<Params, Results> Export<Params, Results>
where
    Params: ComponentNamedList + Lower,
    Results: ComponentNamedList + Lift,
{
    /// The function of an instance of the component.
    #[expect(unsafe_code, reason = "comparing the types again would be a fifth of what a decision costs")]
    pub(super) fn of(&self, instance: &Instance, store: impl AsContextMut) -> Option<TypedFunc<Params, Results>> {
        let function = instance.get_func(store, self.index)?;
        // SAFETY: an export is made by `export` only, which compares these very types with those of the component that
        // the index belongs to, and an index finds nothing in an instance of another component.
        Some(unsafe { TypedFunc::new_unchecked(function) })
    }
}

/// Why a component cannot serve as a policy.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// There is nothing in it.
    #[error("the component is empty (0 bytes)")]
    Empty,
    /// The bytes are not WebAssembly.
    #[error("this is not a WebAssembly component: it does not begin with the WebAssembly magic number")]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it with `berth policy build`, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    /// It does not compile.
    #[error("the component is damaged or uses features Berth does not offer: {0}")]
    Compile(String),
    /// It imports what a policy may not.
    #[error(
        "the component imports {}, which Berth does not offer: a policy may import only log, settings and tables of \
         berth:allocation@1.0.0. Rebuild it without them{}", list(.names), hint(.names)
    )]
    ForeignImports {
        /// The imports, by full name.
        names: Vec<String>,
    },
    /// It was built for another version of the contract.
    #[error(
        "the component imports {}, which Berth does not offer: it was built for another version of the contract, and this \
         Berth speaks {VERSION}. Build it again with this Berth's SDK: `berth policy new NAME` lays it out, in `sdk/`, and that takes \
         the place of the policy's own; or with bindings made from its `wit/allocation.wit`",
        list(.names)
    )]
    OtherVersion {
        /// The imports of that version, by full name.
        names: Vec<String>,
    },
    /// An import has the contract's name but not its type.
    #[error("an import does not match berth:allocation@1.0.0: {0}")]
    ImportType(String),
    /// It does not export `allocate`.
    #[error(
        "the component exports no function `allocate`, so it is no policy of berth:allocation@1.0.0 (it exports {}): \
         in Rust, `berth_sdk::policy!(allocate);` exports it", list(.0)
    )]
    NoAllocate(Vec<String>),
    /// An export has the contract's name but not its type.
    #[error("the export `{export}` is not the one of berth:allocation@1.0.0: {mismatch}")]
    ExportType {
        /// Which export.
        export: &'static str,
        /// How the types differ.
        mismatch: String,
    },
}

impl Rejection {
    /// The stage of verification it belongs to.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Empty | Self::NotWasm | Self::CoreModule | Self::Compile(_) => Stage::Compile,
            Self::ForeignImports { .. } | Self::OtherVersion { .. } | Self::ImportType(_) => Stage::Imports,
            Self::NoAllocate(_) | Self::ExportType { .. } => Stage::World,
        }
    }
}

/// How to build without WASI, for each language that links it of its own accord.
const WITHOUT_WASI: &str = ", or have WASI answered inside it (`berth policy seal`): Rust for wasm32-unknown-unknown \
                            (`berth policy build`), JavaScript with `jco componentize --disable all` or \
                            `componentize-qjs --stub-wasi`, Python with `componentize-py --stub-wasi`, C and C++ \
                            without stdio, Go and whatever else speaks WASI preview 1 with an adapter that answers it \
                            inside the component (`wasm-tools component new --adapt`)";

fn hint(names: &[String]) -> &'static str {
    if names.iter().any(|name| name.starts_with("wasi:")) { WITHOUT_WASI } else { "" }
}

/// Names that a stranger chose: each of bearable length, control characters made visible.
fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let name = |name: &String| name.chars().take(100).flat_map(char::escape_debug).collect::<String>();
    names.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Tells from the first bytes what this is.
pub(super) fn header(bytes: &[u8]) -> Result<(), Rejection> {
    match (bytes.get(..4), bytes.get(4..8)) {
        (None, _) if bytes.is_empty() => Err(Rejection::Empty),
        (Some(b"\0asm"), Some([1, 0, 0, 0])) => Err(Rejection::CoreModule),
        (Some(b"\0asm"), _) => Ok(()),
        _ => Err(Rejection::NotWasm),
    }
}

/// Holds a compiled component's world against the contract.
pub(super) fn world(engine: &wasmtime::Engine, component: &Component) -> Result<Exports, Rejection> {
    let world = component.component_type();
    let foreign: Vec<String> =
        world.imports(engine).map(|(name, _)| name.to_owned()).filter(|name| !is_offered(name)).collect();
    let other_version = |name: &String| offer(name) == Offer::OtherVersion;
    if !foreign.is_empty() && foreign.iter().all(other_version) {
        return Err(Rejection::OtherVersion { names: foreign });
    }
    if !foreign.is_empty() {
        return Err(Rejection::ForeignImports { names: foreign });
    }
    let missing = || Rejection::NoAllocate(world.exports(engine).map(|(name, _)| name.to_owned()).collect());
    Ok(Exports {
        allocate: export(ALLOCATE, component, &world)?.ok_or_else(missing)?,
        validate_settings: export(VALIDATE_SETTINGS, component, &world)?,
    })
}

fn is_offered(import: &str) -> bool {
    offer(import) == Offer::Granted
}

/// What Berth says to an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    /// A policy gets it.
    Granted,
    /// It is an interface of the contract, in another version than Berth's.
    OtherVersion,
    /// It is of the contract's package, which has no such interface.
    Unknown,
    /// It is WASI's, which `berth policy seal` may answer inside the component.
    Wasi,
    /// It is nothing Berth knows.
    Foreign,
}

/// What Berth says to an import of this name.
#[must_use]
pub fn offer(import: &str) -> Offer {
    match import.strip_prefix(PACKAGE) {
        None if import.starts_with("wasi:") => Offer::Wasi,
        None => Offer::Foreign,
        Some(rest) => match rest.split_once('@') {
            Some((interface, version)) if IMPORTS.contains(&interface) && version == VERSION => Offer::Granted,
            Some((interface, _)) if IMPORTS.contains(&interface) => Offer::OtherVersion,
            None if IMPORTS.contains(&rest) => Offer::OtherVersion,
            _ => Offer::Unknown,
        },
    }
}

/// The export of this name, if there is one.
fn export<Params, Results>(
    name: &'static str,
    component: &Component,
    world: &types::Component,
) -> Result<Option<Export<Params, Results>>, Rejection>
where
    Params: ComponentNamedList + Lower,
    Results: ComponentNamedList + Lift,
{
    let Some((item, index)) = component.get_export(None, name) else { return Ok(None) };
    let mismatch = match item {
        ComponentItem::ComponentFunc(function) if function.async_() => Some("it is an async function".to_owned()),
        ComponentItem::ComponentFunc(function) => {
            function.typecheck::<Params, Results>(&world.instance_type()).err().map(|error| format!("{error:#}"))
        }
        _ => Some("it is not a function".to_owned()),
    };
    match mismatch {
        Some(mismatch) => Err(Rejection::ExportType { export: name, mismatch }),
        None => Ok(Some(Export { index, types: PhantomData })),
    }
}
