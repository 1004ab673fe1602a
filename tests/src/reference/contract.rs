//! `docs/contract.md`: the contract between Berth and a policy, from its WIT.

use std::collections::HashMap;

use anyhow::Context as _;
use wit_parser::{
    Docs, Function, Handle, Interface, InterfaceId, PackageId, Resolve, Type, TypeDef, TypeDefKind, TypeId, TypeOwner,
    World, WorldItem, WorldKey,
};

use super::markdown::{anchor, code, first_sentence, table};

const INTRO: &str = "\
A policy is asked one thing: where does this device go? It gets a [`request`](#record-request) and answers with a
[`decision`](#record-decision), or says no with a [`refusal`](#variant-refusal). The question and the answer are typed
below; every word in the tables stands in `wit/allocation.wit`, from which bindings for any language are made.

A decision that names a hub which is not linked, or a twin or payload that is no JSON object, is a fault of the policy:
DPS gets no decision and asks again. See [the webhook](webhook.md). How long a version of this contract is served stands
in [Authoring](authoring.md#how-the-contract-is-versioned).

";

/// The reference of the package with this text.
pub(super) fn reference(wit: &str) -> anyhow::Result<String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("allocation.wit", wit).context("the WIT does not parse")?;
    Ok(super::notice("`wit/allocation.wit`") + &Reference::new(&resolve, package)?.write(package)?)
}

struct Reference<'a> {
    resolve: &'a Resolve,
    /// Where each of the package's own types is described.
    anchors: HashMap<TypeId, String>,
}

impl<'a> Reference<'a> {
    fn new(resolve: &'a Resolve, package: PackageId) -> anyhow::Result<Self> {
        let mut reference = Self { resolve, anchors: HashMap::new() };
        for id in reference.interfaces(package)? {
            for (name, ty) in &reference.interface(id)?.types {
                let definition = reference.definition(*ty)?;
                if !reference.is_use(definition) {
                    let heading = format!("{} {name}", kind(definition));
                    reference.anchors.insert(*ty, anchor(&heading));
                }
            }
        }
        Ok(reference)
    }

    fn write(&self, package: PackageId) -> anyhow::Result<String> {
        let package_name = &self.resolve.packages.get(package).context("no package")?.name;
        let docs = &self.resolve.packages.get(package).context("no package")?.docs;
        let mut out = format!("# The contract: `{package_name}`\n\n{}{INTRO}", self.docs(docs));
        let worlds = self.resolve.packages.get(package).context("no package")?.worlds.values();
        for world in worlds {
            out.push_str(&self.world(self.resolve.worlds.get(*world).context("no such world")?)?);
        }
        for id in self.interfaces(package)? {
            out.push_str(&self.interface_section(self.interface(id)?)?);
        }
        Ok(out.trim_end().to_owned() + "\n")
    }

    fn interfaces(&self, package: PackageId) -> anyhow::Result<Vec<InterfaceId>> {
        let package = self.resolve.packages.get(package).context("no package")?;
        Ok(package.interfaces.values().copied().collect())
    }

    fn interface(&self, id: InterfaceId) -> anyhow::Result<&'a Interface> {
        self.resolve.interfaces.get(id).context("no such interface")
    }

    fn definition(&self, id: TypeId) -> anyhow::Result<&'a TypeDef> {
        self.resolve.types.get(id).context("no such type")
    }

    fn world(&self, world: &World) -> anyhow::Result<String> {
        let mut out = format!("## World `{}`\n\n{}", world.name, self.docs(&world.docs));
        out.push_str(&self.imports(world)?);
        for item in world.exports.values() {
            match item {
                WorldItem::Function(function) => out.push_str(&self.function("export", function)?),
                WorldItem::Interface { id, .. } => {
                    let name = self.interface(*id)?.name.as_deref().unwrap_or_default();
                    out.push_str(&format!("Exports [`{name}`](#{}).\n\n", anchor(&format!("interface {name}"))));
                }
                WorldItem::Type { .. } => {}
            }
        }
        Ok(out)
    }

    fn imports(&self, world: &World) -> anyhow::Result<String> {
        let mut rows = Vec::new();
        for (key, item) in &world.imports {
            let row = match (key, item) {
                (_, WorldItem::Interface { id, .. }) => {
                    let interface = self.interface(*id)?;
                    let name = interface.name.as_deref().unwrap_or_default();
                    let docs = interface.docs.contents.as_deref().unwrap_or_default();
                    let link = format!("[`{name}`](#{})", anchor(&format!("interface {name}")));
                    vec![link, first_sentence(docs)]
                }
                (WorldKey::Name(name), WorldItem::Function(function)) => {
                    let docs = function.docs.contents.as_deref().unwrap_or_default();
                    vec![code(name), first_sentence(docs)]
                }
                _ => continue,
            };
            rows.push(row);
        }
        Ok(table(&["import", "what for"], rows))
    }

    fn interface_section(&self, interface: &Interface) -> anyhow::Result<String> {
        let name = interface.name.as_deref().unwrap_or_default();
        let mut out = format!("## Interface `{name}`\n\n{}", self.docs(&interface.docs));
        let mut types = Vec::new();
        for (name, id) in &interface.types {
            let definition = self.definition(*id)?;
            if !self.is_use(definition) {
                types.push((name, definition));
            }
        }
        // As in the source, where the question comes first; the parser puts a type after those it is made of.
        types.sort_by_key(|(_, definition)| definition.span.is_known().then(|| definition.span.start()));
        for (name, definition) in types {
            out.push_str(&self.type_section(name, definition)?);
        }
        for function in interface.functions.values() {
            out.push_str(&self.function("function", function)?);
        }
        Ok(out)
    }

    fn type_section(&self, name: &str, definition: &TypeDef) -> anyhow::Result<String> {
        let heading = format!("### {} `{name}`\n\n{}", kind(definition), self.docs(&definition.docs));
        let said = |docs: &Docs| self.linked(docs.contents.as_deref().unwrap_or_default());
        let body = match &definition.kind {
            TypeDefKind::Record(record) => {
                let mut rows = Vec::new();
                for field in &record.fields {
                    rows.push(vec![code(&field.name), self.type_cell(&field.ty)?, said(&field.docs)]);
                }
                table(&["field", "type", "meaning"], rows)
            }
            TypeDefKind::Variant(variant) => {
                let mut rows = Vec::new();
                for case in &variant.cases {
                    let carried = case.ty.as_ref().map(|ty| self.type_cell(ty)).transpose()?;
                    rows.push(vec![code(&case.name), carried.unwrap_or_default(), said(&case.docs)]);
                }
                table(&["case", "carries", "meaning"], rows)
            }
            TypeDefKind::Enum(cases) => {
                let rows = cases.cases.iter();
                let rows = rows.map(|case| vec![code(&case.name), said(&case.docs)]);
                table(&["case", "meaning"], rows)
            }
            TypeDefKind::Flags(flags) => {
                let rows = flags.flags.iter();
                let rows = rows.map(|flag| vec![code(&flag.name), said(&flag.docs)]);
                table(&["flag", "meaning"], rows)
            }
            TypeDefKind::Resource | TypeDefKind::Unknown => String::new(),
            other => format!("The same as {}.\n\n", self.kind_cell(other)?),
        };
        Ok(heading + &body)
    }

    fn function(&self, word: &str, function: &Function) -> anyhow::Result<String> {
        let mut types = Vec::new();
        let mut params = Vec::new();
        for param in &function.params {
            params.push(format!("{}: {}", param.name, self.type_text(&param.ty)?));
            self.named(&param.ty, &mut types)?;
        }
        let mut result = String::new();
        if let Some(ty) = &function.result {
            result = format!(" -> {}", self.type_text(ty)?);
            self.named(ty, &mut types)?;
        }
        let name = &function.name;
        let links = if types.is_empty() { String::new() } else { format!("Types: {}.\n\n", self.links(&types)) };
        Ok(format!(
            "### {word} `{name}`\n\n{}```wit\n{name}: func({}){result}\n```\n\n{links}",
            self.docs(&function.docs),
            params.join(", ")
        ))
    }

    /// Whether a type is only another interface's, brought in by `use`.
    fn is_use(&self, definition: &TypeDef) -> bool {
        let TypeDefKind::Type(Type::Id(id)) = definition.kind else {
            return false;
        };
        let owner = self.resolve.types.get(id).map(|other| other.owner);
        owner.is_some_and(|owner| owner != definition.owner && owner != TypeOwner::None)
    }

    /// A type in WIT, its name a link.
    fn type_cell(&self, ty: &Type) -> anyhow::Result<String> {
        let mut types = Vec::new();
        self.named(ty, &mut types)?;
        self.with_links(&self.type_text(ty)?, &types)
    }

    fn kind_cell(&self, kind: &TypeDefKind) -> anyhow::Result<String> {
        let mut types = Vec::new();
        self.named_in(kind, &mut types)?;
        self.with_links(&self.kind_text(kind)?, &types)
    }

    fn with_links(&self, text: &str, types: &[TypeId]) -> anyhow::Result<String> {
        Ok(match types {
            [] => code(text),
            [one] => match self.anchors.get(one) {
                Some(anchor) => format!("[`{text}`](#{anchor})"),
                None => code(text),
            },
            several => format!("{} ({})", code(text), self.links(several)),
        })
    }

    fn links(&self, types: &[TypeId]) -> String {
        let link = |id: &TypeId| {
            let name = self.resolve.types.get(*id)?.name.as_deref()?;
            Some(format!("[`{name}`](#{})", self.anchors.get(id)?))
        };
        types.iter().filter_map(link).collect::<Vec<_>>().join(", ")
    }

    /// The package's own types that a type names, each once.
    fn named(&self, ty: &Type, found: &mut Vec<TypeId>) -> anyhow::Result<()> {
        let Type::Id(id) = ty else { return Ok(()) };
        let definition = self.definition(*id)?;
        if self.anchors.contains_key(id) {
            if !found.contains(id) {
                found.push(*id);
            }
            return Ok(());
        }
        self.named_in(&definition.kind, found)
    }

    fn named_in(&self, kind: &TypeDefKind, found: &mut Vec<TypeId>) -> anyhow::Result<()> {
        let parts: Vec<&Type> = match kind {
            TypeDefKind::Option(ty)
            | TypeDefKind::List(ty)
            | TypeDefKind::FixedLengthList(ty, _)
            | TypeDefKind::Type(ty) => vec![ty],
            TypeDefKind::Map(key, value) => vec![key, value],
            TypeDefKind::Result(result) => result.ok.iter().chain(&result.err).collect(),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().collect(),
            TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => ty.iter().collect(),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => return self.named(&Type::Id(*id), found),
            _ => Vec::new(),
        };
        parts.into_iter().try_for_each(|ty| self.named(ty, found))
    }

    /// A type as it is written in WIT.
    fn type_text(&self, ty: &Type) -> anyhow::Result<String> {
        Ok(match ty {
            Type::Id(id) => {
                let definition = self.definition(*id)?;
                match &definition.name {
                    Some(name) => name.clone(),
                    None => self.kind_text(&definition.kind)?,
                }
            }
            Type::Bool => "bool".to_owned(),
            Type::U8 => "u8".to_owned(),
            Type::U16 => "u16".to_owned(),
            Type::U32 => "u32".to_owned(),
            Type::U64 => "u64".to_owned(),
            Type::S8 => "s8".to_owned(),
            Type::S16 => "s16".to_owned(),
            Type::S32 => "s32".to_owned(),
            Type::S64 => "s64".to_owned(),
            Type::F32 => "f32".to_owned(),
            Type::F64 => "f64".to_owned(),
            Type::Char => "char".to_owned(),
            Type::String => "string".to_owned(),
            Type::ErrorContext => "error-context".to_owned(),
        })
    }

    fn kind_text(&self, kind: &TypeDefKind) -> anyhow::Result<String> {
        let optional = |ty: &Option<Type>| ty.as_ref().map(|ty| self.type_text(ty)).transpose();
        Ok(match kind {
            TypeDefKind::Type(ty) => self.type_text(ty)?,
            TypeDefKind::Option(ty) => format!("option<{}>", self.type_text(ty)?),
            TypeDefKind::List(ty) => format!("list<{}>", self.type_text(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => format!("list<{}, {length}>", self.type_text(ty)?),
            TypeDefKind::Map(key, value) => format!("map<{}, {}>", self.type_text(key)?, self.type_text(value)?),
            TypeDefKind::Tuple(tuple) => {
                let types: Vec<String> = tuple.types.iter().map(|ty| self.type_text(ty)).collect::<Result<_, _>>()?;
                format!("tuple<{}>", types.join(", "))
            }
            TypeDefKind::Result(result) => match (optional(&result.ok)?, optional(&result.err)?) {
                (Some(ok), Some(err)) => format!("result<{ok}, {err}>"),
                (Some(ok), None) => format!("result<{ok}>"),
                (None, Some(err)) => format!("result<_, {err}>"),
                (None, None) => "result".to_owned(),
            },
            TypeDefKind::Handle(Handle::Own(id)) => self.type_text(&Type::Id(*id))?,
            TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", self.type_text(&Type::Id(*id))?),
            TypeDefKind::Future(ty) => optional(ty)?.map_or("future".to_owned(), |ty| format!("future<{ty}>")),
            TypeDefKind::Stream(ty) => optional(ty)?.map_or("stream".to_owned(), |ty| format!("stream<{ty}>")),
            named => named.as_str().to_owned(),
        })
    }

    fn docs(&self, docs: &Docs) -> String {
        match &docs.contents {
            Some(text) => format!("{}\n\n", self.linked(text.trim())),
            None => String::new(),
        }
    }

    /// A text in which the names of types, written as code, are links.
    fn linked(&self, text: &str) -> String {
        let mut out = String::new();
        for (place, part) in text.split('`').enumerate() {
            // What stands between two backticks is every second part.
            let link = (place % 2 == 1).then(|| self.anchor_of(part)).flatten();
            match link {
                Some(anchor) => out.push_str(&format!("[`{part}`](#{anchor})")),
                None if place % 2 == 1 => out.push_str(&code(part)),
                None => out.push_str(part),
            }
        }
        out
    }

    fn anchor_of(&self, name: &str) -> Option<&String> {
        let found = self.anchors.iter().find(|(id, _)| {
            let definition = self.resolve.types.get(**id);
            definition.and_then(|definition| definition.name.as_deref()) == Some(name)
        });
        found.map(|(_, anchor)| anchor)
    }
}

/// What a type is, in one word.
fn kind(definition: &TypeDef) -> &'static str {
    match &definition.kind {
        TypeDefKind::Record(_) => "record",
        TypeDefKind::Variant(_) => "variant",
        TypeDefKind::Enum(_) => "enum",
        TypeDefKind::Flags(_) => "flags",
        TypeDefKind::Resource => "resource",
        _ => "type",
    }
}

#[cfg(test)]
mod tests {
    use super::reference;

    const SMALL: &str = "
        /// A package.
        package a:b@1.2.3;

        /// Things.
        interface things {
            /// Text.
            type text = string;
            /// Has parts. See `choice`.
            record thing {
                /// One.
                ///
                /// More of | it.
                one: option<list<text>>,
                two: result<text, choice>,
                three: tuple<u8, bool>,
            }
            /// Picks.
            variant choice { /// None.
                none, /// Some.
                some(text) }
            enum colour { red }
            flags bits { /// Low.
                low }
        }

        /// Does. And more.
        interface deeds {
            use things.{thing};
            /// Acts on it.
            act: func(what: thing, how: u32) -> result<_, string>;
            rest: func();
        }

        /// The world.
        world w {
            use things.{choice};
            import deeds;
            /// Chooses.
            export choose: func() -> choice;
        }
    ";

    #[test]
    fn describes_every_item_with_links() {
        let text = reference(SMALL).unwrap();
        for expected in [
            "# The contract: `a:b@1.2.3`\n\nA package.\n",
            "## World `w`\n\nThe world.\n\n| import | what for |\n",
            "| [`deeds`](#interface-deeds) | Does. |\n",
            "### export `choose`\n\nChooses.\n\n```wit\nchoose: func() -> choice\n```\n\nTypes: [`choice`](#variant-choice).\n",
            "### type `text`\n\nText.\n\nThe same as `string`.\n",
            "### record `thing`\n\nHas parts. See [`choice`](#variant-choice).\n",
            "| `one` | [`option<list<text>>`](#type-text) | One.<br>More of \\| it. |\n",
            "| `two` | `result<text, choice>` ([`text`](#type-text), [`choice`](#variant-choice)) |  |\n",
            "| `three` | `tuple<u8, bool>` |  |\n",
            "| `none` |  | None. |\n| `some` | [`text`](#type-text) | Some. |\n",
            "### enum `colour`\n",
            "### flags `bits`\n\n| flag | meaning |\n| --- | --- |\n| `low` | Low. |\n",
            "act: func(what: thing, how: u32) -> result<_, string>\n```\n\nTypes: [`thing`](#record-thing).\n",
            "### function `rest`\n\n```wit\nrest: func()\n```\n",
        ] {
            assert!(text.contains(expected), "{expected}\nis not in\n{text}");
        }
        assert_eq!(
            text.matches("`thing`\n").count(),
            1,
            "a type is described where it is defined, not where it is used"
        );
    }

    #[test]
    fn wrong_wit_is_an_error() {
        assert!(reference("package").is_err());
        assert!(reference("package a:b; interface i { f: func(x: nothing); }").is_err());
    }
}
