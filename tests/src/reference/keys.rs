//! The keys of a configuration file, from the JSON schema of the type it is read into.

use anyhow::{Context as _, bail};
use serde_json::Value;

/// What a section is in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// The keys above all tables. It has no name.
    Top,
    /// A table.
    Table,
    /// A table that may be there several times.
    Tables,
}

/// A part of a file with keys of its own.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// The name of the type it is read into, to tell that two files share it.
    pub(super) definition: String,
    pub(super) docs: String,
    pub(super) keys: Vec<Key>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) form: String,
    pub(super) required: bool,
    pub(super) default: Option<Value>,
    pub(super) docs: String,
}

/// A whole file.
#[derive(Debug)]
pub(super) struct File {
    pub(super) docs: String,
    pub(super) sections: Vec<Section>,
}

impl File {
    /// Reads a schema. Sections and keys are sorted, since a schema's order depends on how serde_json was built.
    pub(super) fn of(schema: &Value) -> anyhow::Result<Self> {
        let root = Node { root: schema, schema };
        let (mut top, mut sections) = (Vec::new(), Vec::new());
        for (name, node) in root.properties() {
            match node.section(&name)? {
                Some(section) => sections.push(section),
                None => top.push(root.key(name, node)?),
            }
        }
        if !top.is_empty() {
            let (name, definition) = (String::new(), String::new());
            sections.insert(0, Section { name, shape: Shape::Top, definition, docs: String::new(), keys: top });
        }
        Ok(Self { docs: root.docs(), sections })
    }
}

/// A part of a schema.
#[derive(Clone, Copy)]
struct Node<'a> {
    root: &'a Value,
    schema: &'a Value,
}

impl<'a> Node<'a> {
    fn properties(self) -> Vec<(String, Node<'a>)> {
        let members = self.schema.get("properties").and_then(Value::as_object);
        let mut properties: Vec<_> =
            members.into_iter().flatten().map(|(name, schema)| (name.clone(), Node { schema, ..self })).collect();
        properties.sort_by(|(a, _), (b, _)| a.cmp(b));
        properties
    }

    fn docs(self) -> String {
        self.text("description").unwrap_or_default().to_owned()
    }

    /// What is said here, or else what the definition says in general.
    fn docs_or(self, definition: Self) -> String {
        let docs = self.docs();
        if docs.is_empty() { definition.docs() } else { docs }
    }

    fn text(self, member: &str) -> Option<&'a str> {
        self.schema.get(member)?.as_str()
    }

    fn requires(self, name: &str) -> bool {
        let required = self.schema.get("required").and_then(Value::as_array);
        required.is_some_and(|names| names.iter().any(|required| required == name))
    }

    /// The name of the definition this refers to, and the definition.
    fn resolved(self) -> anyhow::Result<(Option<&'a str>, Node<'a>)> {
        let Some(name) = self.text("$ref").and_then(|target| target.strip_prefix("#/$defs/")) else {
            return Ok((None, self));
        };
        let schema = self
            .root
            .get("$defs")
            .and_then(|definitions| definitions.get(name))
            .with_context(|| format!("no definition {name}"))?;
        Ok((Some(name), Node { schema, ..self }))
    }

    /// The table or the tables that are here. None if it is a value.
    fn section(self, name: &str) -> anyhow::Result<Option<Section>> {
        let (shape, (definition, node)) = match self.items() {
            Some(items) => (Shape::Tables, items.resolved()?),
            None => (Shape::Table, self.resolved()?),
        };
        if node.text("type") != Some("object") {
            return Ok(None);
        }
        let keys = node.properties().into_iter();
        let keys = keys.map(|(key, child)| node.key(key, child).with_context(|| format!("in {name}")));
        Ok(Some(Section {
            name: name.to_owned(),
            shape,
            definition: definition.unwrap_or(name).to_owned(),
            docs: self.docs_or(node),
            keys: keys.collect::<anyhow::Result<_>>()?,
        }))
    }

    /// The key of this name in a table, whose value is `child`.
    fn key(self, name: String, child: Self) -> anyhow::Result<Key> {
        let (_, resolved) = child.resolved()?;
        let inner = child.optional_table()?.map(Node::docs_of_keys).unwrap_or_default();
        Ok(Key {
            form: resolved.form(&name).with_context(|| format!("the form of {name}"))?,
            required: self.requires(&name),
            default: child.schema.get("default").filter(|value| !value.is_null()).cloned(),
            docs: child.docs_or(resolved) + &inner,
            name,
        })
    }

    /// What a list holds.
    fn items(self) -> Option<Self> {
        Some(Node { schema: self.schema.get("items")?, ..self })
    }

    /// The table that may be here or not.
    fn optional_table(self) -> anyhow::Result<Option<Self>> {
        let choices = self.schema.get("anyOf").and_then(Value::as_array);
        let Some(schema) = choices.and_then(|choices| choices.first()) else { return Ok(None) };
        Ok(Some(Node { schema, ..self }.resolved()?.1))
    }

    /// What its keys are, in a sentence each.
    fn docs_of_keys(self) -> String {
        let keys = self.properties().into_iter();
        keys.map(|(name, key)| format!(" `{name}`: {}", key.docs())).collect()
    }

    /// What a value looks like, in words.
    fn form(self, key: &str) -> anyhow::Result<String> {
        if let Some(table) = self.optional_table()? {
            let names: Vec<String> = table.properties().iter().map(|(name, _)| format!("`{name}`")).collect();
            return Ok(format!("table of {}", names.join(" and ")));
        }
        if let Some(choices) = self.schema.get("oneOf").and_then(Value::as_array) {
            let choices: Vec<String> =
                choices.iter().filter_map(|choice| choice.get("const")).map(|value| format!("`{value}`")).collect();
            return Ok(choices.join(", "));
        }
        if let Some(items) = self.items() {
            return Ok(format!("list of {}", items.resolved()?.1.form(key)?));
        }
        let kind = match self.schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            // An option: a type, or null for its absence.
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
            }
            _ => "",
        };
        Ok(match kind {
            "string" => "text".to_owned(),
            "boolean" => "`true` or `false`".to_owned(),
            "integer" => self.number(key),
            "object" => "table of names and text".to_owned(),
            _ => bail!("nothing says in words what {} is", self.schema),
        })
    }

    fn number(self, key: &str) -> String {
        let bound = |member: &str| self.schema.get(member).and_then(Value::as_u64);
        let range = match (bound("minimum").unwrap_or(0), bound("maximum")) {
            (least, Some(most)) => format!("{least} to {most}"),
            (least, None) => format!("{least} or more"),
        };
        match unit(key) {
            Some(unit) => format!("{unit}, {range}"),
            None => format!("number, {range}"),
        }
    }
}

/// The unit that a key's last word names.
fn unit(key: &str) -> Option<&'static str> {
    Some(match key.rsplit('_').next()? {
        "ms" => "milliseconds",
        "bytes" => "bytes",
        "kib" => "KiB",
        "mib" => "MiB",
        _ => return None,
    })
}

/// A value as TOML writes it.
pub(super) fn toml(value: &Value) -> anyhow::Result<String> {
    let value: toml::Value = serde_json::from_value(value.clone()).context("a default that TOML cannot hold")?;
    Ok(value.to_string())
}

/// The objects that a schema describes as free-form have no keys; this tells them apart.
pub(super) fn is_free_form(section: &Section) -> bool {
    section.keys.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_sections_keys_forms_and_defaults() {
        let schema = json!({
            "description": "The file.",
            "properties": {
                "b": {"$ref": "#/$defs/B", "description": "Here."},
                "a": {"type": "object", "additionalProperties": true, "description": "Free."},
                "t": {"type": "string", "default": "x", "description": "Above."},
                "l": {"type": "array", "items": {"$ref": "#/$defs/L"}, "description": "Many."},
            },
            "$defs": {
                "L": {"type": "object", "properties": {"p": {"type": "array", "items": {"$ref": "#/$defs/C"}}}},
                "B": {
                    "type": "object",
                    "description": "In general.",
                    "properties": {
                        "x_ms": {"type": "integer", "minimum": 1, "default": 5, "description": "X."},
                        "w": {"type": ["integer", "null"], "minimum": 0, "maximum": 9},
                        "c": {"$ref": "#/$defs/C", "default": "auto"},
                        "s": {"type": ["string", "null"], "default": null},
                    },
                    "required": ["w"],
                },
                "C": {"description": "Kinds.", "oneOf": [{"const": "auto"}, {"const": "x"}]},
            },
        });
        let file = File::of(&schema).unwrap();
        assert_eq!(file.docs, "The file.");
        let [top, a, b, l] = &file.sections[..] else { panic!("{file:?}") };
        assert_eq!((top.shape, top.keys[0].name.as_str(), top.keys.len()), (Shape::Top, "t", 1));
        assert_eq!(
            (l.shape, l.docs.as_str(), l.keys[0].form.as_str()),
            (Shape::Tables, "Many.", "list of `\"auto\"`, `\"x\"`")
        );
        assert!(is_free_form(a));
        assert_eq!(b.docs, "Here.");
        let keys: Vec<_> = b
            .keys
            .iter()
            .map(|key| (key.name.as_str(), key.form.as_str(), key.required, key.default.clone(), key.docs.as_str()))
            .collect();
        assert_eq!(
            keys,
            [
                ("c", "`\"auto\"`, `\"x\"`", false, Some(json!("auto")), "Kinds."),
                ("s", "text", false, None, ""),
                ("w", "number, 0 to 9", true, None, ""),
                ("x_ms", "milliseconds, 1 or more", false, Some(json!(5)), "X."),
            ]
        );
    }

    #[test]
    fn what_no_words_exist_for_is_an_error() {
        let schema = json!({"properties": {"a": {"type": "object", "properties": {"b": {"anyOf": []}}}}});
        assert!(File::of(&schema).is_err());
    }
}
