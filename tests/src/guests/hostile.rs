//! A guest of a few lines of WebAssembly text, made a real component of the world `policy`.

use std::fmt::Write as _;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use super::{Reply, rust::repository};

/// Where the answer is in memory. Address 0 stays zero, which is the answer "these settings are good".
const BASE: usize = 1024;

/// Refuses the request whose registration id has the length of the smoke decision's, with the answer at 512: a rejection
/// without a message.
const SMOKE_IS_REFUSED: &str = "(if (i32.eq (i32.load offset=4 (local.get $request)) (i32.const 7))
      (then (return (i32.const 512))))";

/// Bytes as a string of WebAssembly text.
fn literal(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b' ' | b'!' | b'#'..=b'[' | b']'..=b'~' => text.push(char::from(*byte)),
            _ => write!(text, "\\{byte:02x}").expect("a string takes everything"),
        }
    }
    text
}

/// Bytes of a page of memory.
const PAGE: usize = 65536;

/// A guest that does what its lines say and then gives its answer.
///
/// The lines find `$log` (`level`, `pointer`, `length`) and `$lookup` (table, key, pointer to the result) if the guest
/// imports them, `$answer` (where its answer is) and, as a function without parameters, whatever was added.
#[derive(Debug, Clone)]
pub struct Guest {
    reply: Reply,
    imports: String,
    functions: String,
    guard: &'static str,
    /// Pages of memory it begins with, if they are more than it needs.
    pages: usize,
    /// What it says of any settings; nothing if it accepts them.
    complaint: String,
    lines: String,
}

impl Guest {
    /// A guest that gives this answer to everything.
    #[must_use]
    pub fn answering(reply: Reply) -> Self {
        Self {
            reply,
            imports: String::new(),
            functions: String::new(),
            guard: "",
            pages: 0,
            complaint: String::new(),
            lines: String::new(),
        }
    }

    /// A guest that does this, and would then choose the first hub of [`bodies::first`](crate::bodies::first).
    #[must_use]
    pub fn doing(lines: &str) -> Self {
        Self::answering(Reply::hub(crate::bodies::TOASTERS)).first(lines)
    }

    /// With these lines before the answer.
    #[must_use]
    pub fn first(mut self, lines: &str) -> Self {
        self.lines.push_str(lines);
        self
    }

    /// Behaves while it is verified: the smoke decision, known by the seven bytes of its registration id, is refused
    /// before any of the lines.
    #[must_use]
    pub fn after_verification(mut self) -> Self {
        self.guard = SMOKE_IS_REFUSED;
        self
    }

    /// Begins with so many pages of memory.
    #[must_use]
    pub fn pages(mut self, pages: usize) -> Self {
        self.pages = pages;
        self
    }

    /// Answers its settings as the device's payload.
    #[must_use]
    pub fn answering_settings(mut self) -> Self {
        let import = r#"(import "berth:allocation/settings@1.0.0" "get" (func $settings (param i32)))"#;
        self.imports.push_str(import);
        self.first(
            "(call $settings (i32.const 32))
            (i32.store offset=44 (global.get $answer) (i32.load (i32.const 32)))
            (i32.store offset=48 (global.get $answer) (i32.load (i32.const 36)))",
        )
    }

    /// Refuses whatever settings it is given, with these words.
    #[must_use]
    pub fn refusing_settings(mut self, words: &str) -> Self {
        self.complaint = words.to_owned();
        self
    }

    /// With this imported: `(import "interface" "function" (func $name …))`.
    #[must_use]
    pub fn import(mut self, wat: &str) -> Self {
        self.imports.push_str(wat);
        self
    }

    /// The component of a world that has more than the contract's: its items, and the packages they are of.
    ///
    /// # Panics
    ///
    /// If the lines are not WebAssembly, or this is not WIT.
    #[must_use]
    pub fn in_world(&self, items: &str, packages: &str) -> Vec<u8> {
        component(self.core_module(), |resolve| {
            resolve.push_path(repository().join("wit")).expect("the contract");
            let world = format!("world larger {{ include berth:allocation/policy@1.0.0; {items} }}");
            resolve.push_str("larger.wit", &format!("package test:larger; {world} {packages}")).expect("a package")
        })
    }

    /// With `log.write` imported as `$log`.
    #[must_use]
    pub fn logging(mut self) -> Self {
        let import = r#"(import "berth:allocation/log@1.0.0" "write" (func $log (param i32 i32 i32)))"#;
        self.imports.push_str(import);
        self
    }

    /// With `tables.lookup` imported as `$lookup`.
    #[must_use]
    pub fn looking_up(mut self) -> Self {
        let import = r#"(import "berth:allocation/tables@1.0.0" "lookup" (func $lookup (param i32 i32 i32 i32 i32)))"#;
        self.imports.push_str(import);
        self
    }

    /// With one more function, `(func $name …)`.
    #[must_use]
    pub fn function(mut self, wat: &str) -> Self {
        self.functions.push_str(wat);
        self
    }

    /// The core module.
    ///
    /// # Panics
    ///
    /// If the lines are not WebAssembly.
    #[must_use]
    pub fn core_module(&self) -> Vec<u8> {
        let image = self.reply.image(BASE);
        let heap = BASE + image.len();
        let data = literal(&image);
        let pages = self.pages.max(heap / PAGE + 1);
        let Self { imports, functions, guard, complaint, lines, .. } = self;
        let (words, refused) = (complaint.len(), if complaint.is_empty() { 0 } else { 576 });
        let complaint = literal(complaint.as_bytes());
        let wat = format!(
            r#"(module
  {imports}
  (memory (export "memory") {pages})
  (global $heap (mut i32) (i32.const {heap}))
  (global $answer i32 (i32.const {BASE}))
  {functions}
  (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at
      (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
               (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (block $enough
      (loop $more
        (br_if $enough (i32.le_u (global.get $heap) (i32.mul (memory.size) (i32.const {PAGE}))))
        (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))
        (unreachable)))
    (local.get $at))
  (func (export "validate-settings") (param i32 i32) (result i32) (i32.const {refused}))
  (func $act (param $request i32) (result i32)
    {lines}
    (global.get $answer))
  (func (export "allocate") (param $request i32) (result i32)
    {guard}
    (call $act (local.get $request)))
  (data (i32.const 512) "\01")
  (data (i32.const 576) "\01\00\00\00\80\02\00\00\{words:02x}\00\00\00")
  (data (i32.const 640) "{complaint}")
  (data (i32.const {BASE}) "{data}"))"#
        );
        wat::parse_str(wat).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The component.
    ///
    /// # Panics
    ///
    /// If the lines are not WebAssembly.
    #[must_use]
    pub fn component(&self) -> Vec<u8> {
        policy_of(self.core_module())
    }

    /// The component with another one in it, which is instantiated beside it and has nothing to do with its answer.
    ///
    /// # Panics
    ///
    /// If the lines or the other component are not WebAssembly.
    #[must_use]
    pub fn beside(&self, other: &str) -> Vec<u8> {
        const COMPONENT: u8 = 4;
        const INSTANCE: u8 = 5;
        let mut whole = self.component();
        let other = wat::parse_str(other).unwrap_or_else(|error| panic!("{error}"));
        // One instance: of the first component, without arguments.
        whole.extend(section(COMPONENT, &other));
        whole.extend(section(INSTANCE, &[1, 0, 0, 0]));
        whole
    }
}

/// A section of a component or a module, byte for byte.
#[must_use]
pub fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut section = vec![kind];
    let mut length = content.len();
    while length >= 0x80 {
        section.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    section.push(length as u8);
    section.extend(content);
    section
}

/// A component of the contract's world, of a core module.
///
/// # Panics
///
/// If the module does not have what the world needs.
#[must_use]
pub fn policy_of(core_module: Vec<u8>) -> Vec<u8> {
    component(core_module, |resolve| {
        let (package, _) = resolve.push_path(repository().join("wit")).expect("the contract");
        package
    })
}

/// Makes a component of a core module of the only world in a package.
fn component(mut module: Vec<u8>, package: impl FnOnce(&mut Resolve) -> wit_parser::PackageId) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = package(&mut resolve);
    let world = resolve.select_world(&[package], None).expect("one world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("a world that can be embedded");
    let encoder = ComponentEncoder::default().validate(true).module(&module);
    encoder.and_then(|mut encoder| encoder.encode()).expect("a module of this world")
}

/// A component of another world: it exports `answer` and nothing of the contract.
///
/// # Panics
///
/// Never: its text is fixed.
#[must_use]
pub fn of_another_world() -> Vec<u8> {
    let module = wat::parse_str(r#"(module (func (export "answer") (result i32) (i32.const 42)))"#).expect("a module");
    component(module, |resolve| {
        let wit = "package other:place; world other { export answer: func() -> u32; }";
        resolve.push_str("other.wit", wit).expect("a package")
    })
}

/// A component that imports an interface of this name, which has nothing in it.
///
/// # Panics
///
/// If this is not the name of an interface.
#[must_use]
pub fn importing(interface: &str) -> Vec<u8> {
    let text = format!(r#"(component (import "{interface}" (instance)))"#);
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

impl From<Guest> for crate::Policy {
    fn from(guest: Guest) -> Self {
        Self::of(guest.component())
    }
}
