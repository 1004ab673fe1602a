//! The keys of a configuration file, from the JSON schema of the type it is read into.

use anyhow::{Context as _, bail};
use serde_json::Value;

/// A section of a file: a TOML table with keys of its own.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
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
        let mut sections = Vec::new();
        for (name, node) in root.properties() {
            sections.push(node.section(&name)?);
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

    fn section(self, name: &str) -> anyhow::Result<Section> {
        let (definition, node) = self.resolved()?;
        let mut keys = Vec::new();
        for (key, child) in node.properties() {
            let (_, resolved) = child.resolved()?;
            let inner = child.optional_table()?.map(Node::docs_of_keys).unwrap_or_default();
            keys.push(Key {
                form: resolved.form(&key).with_context(|| format!("the form of {name}.{key}"))?,
                required: node.requires(&key),
                default: child.schema.get("default").filter(|value| !value.is_null()).cloned(),
                docs: child.docs_or(resolved) + &inner,
                name: key,
            });
        }
        Ok(Section {
            name: name.to_owned(),
            definition: definition.unwrap_or(name).to_owned(),
            docs: self.docs_or(node),
            keys,
        })
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
            },
            "$defs": {
                "B": {
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
        let [a, b] = &file.sections[..] else { panic!("{file:?}") };
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
        let schema = json!({"properties": {"a": {"properties": {"b": {"anyOf": []}}}}});
        assert!(File::of(&schema).is_err());
    }
}
