//! `docs/configuration.md`: every key of every file, from the types the files are read into.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail, ensure};
use berth::{
    catalogue::{
        KeyHash, PolicyManifest, TenantManifest,
        source::{COMPONENT_FILE, MAX_COMPONENT, MAX_FILES, MAX_TABLE, MAX_TEXT, POLICY_FILE, TENANT_FILE},
    },
    config::Config,
    dps::config::DpsConfig,
};
use schemars::{JsonSchema, schema_for};

use super::{
    keys::{self, File, Section, Shape},
    markdown::{anchor, code, table},
};

/// The key whose hash is shown. A key in earnest is random.
const KEY: &str = "correct-horse-battery-staple";
/// The second key of the example.
const SECOND_KEY: &str = "the-one-before";

/// The token of the example.
const TOKEN: &str = "the-pipelines-own";

const INTRO: &str = "\
# Configuration

Berth reads four kinds of file, all of them TOML: one `berth.toml` for the server, a `tenant.toml` for each tenant, a
`policy.toml` for each policy, and a `dps.toml` for the [local DPS](local-dps.md). A key nobody knows is an error that names
it.

";

const AFTER_KEYS: &str = "\
### How a key is made and hashed

A key opens the webhook of a tenant's policies. Make a long random one:

```sh
KEY=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
```

`tenant.toml` holds its hash only: `sha256:` and what this prints.

";

const CHECKS: &str = r#"
A check is a recorded request with what is expected of the policy:

```json check
{
  "request": {
    "enrollmentGroup": {"enrollmentGroupId": "all"},
    "deviceRuntimeContext": {"registrationId": "dev1", "symmetricKey": {}},
    "linkedHubs": ["north.azure-devices.net"]
  },
  "expect": {
    "decision": {
      "iotHubHostName": "north.azure-devices.net",
      "initialTwin": {"tags": {"kind": "sensor"}, "properties": {"desired": {"interval": 60}}},
      "payload": {"welcome": true},
      "reasons": ["kind-known"]
    }
  }
}
```

`initialTwin` and `payload` have to be the policy's exactly, or absent where it gives none. `reasons` are compared only
if they are there. A refusal is expected like this; its `message` is compared only if it is there:

```json expect
{"refusal": {"kind": "reject", "message": "not one of ours"}}
```

The other kind is `retryLater`.
"#;

/// The local DPS's file.
const DPS_FILE: &str = "dps.toml";

/// A certificate and its key.
const TLS: &str = "{ certificate = \"tls.pem\", key = \"tls.key\" }";

/// One kind of file.
struct Kind {
    name: &'static str,
    /// Whose limits hold where it sets none.
    within: &'static str,
    schema: serde_json::Value,
    /// Values for the keys that have no default.
    samples: Vec<(&'static str, String)>,
}

fn kind<T: JsonSchema>(name: &'static str, within: &'static str, samples: Vec<(&'static str, String)>) -> Kind {
    Kind { name, within, schema: schema_for!(T).to_value(), samples }
}

fn kinds() -> Vec<Kind> {
    let hash = |key| format!("\"{}\"", KeyHash::of(key));
    vec![
        kind::<Config>(
            "berth.toml",
            "Berth",
            vec![
                ("admin.tokens", "{}".to_owned()),
                ("admin.tls", TLS.to_owned()),
                ("webhook.tls", TLS.to_owned()),
                ("quotas.concurrency", "8".to_owned()),
                ("quotas.requests_per_second", "50".to_owned()),
            ],
        ),
        kind::<TenantManifest>(
            TENANT_FILE,
            "the server",
            vec![
                ("keys.primary", hash(KEY)),
                ("keys.secondary", hash(SECOND_KEY)),
                ("quotas.concurrency", "4".to_owned()),
                ("quotas.requests_per_second", "20".to_owned()),
                ("tokens", format!("pipeline = {}", hash(TOKEN))),
            ],
        ),
        kind::<PolicyManifest>(
            POLICY_FILE,
            "the tenant",
            vec![("settings", "unknownModel = \"reject\"\nweights = { north = 2, south = 1 }".to_owned())],
        ),
        kind::<DpsConfig>(
            DPS_FILE,
            "the local DPS",
            vec![
                ("hubs.host_name", "\"north.azure-devices.net\"".to_owned()),
                ("policies.key", "\"b25seS1mb3ItdGVzdHMtb2YtbWluZQ==\"".to_owned()),
                ("policies.name", "\"reader\"".to_owned()),
                ("policies.permissions", "[\"enrollment-read\", \"registration-status-read\"]".to_owned()),
                ("tls.certificate", "\"server.pem\"".to_owned()),
                ("tls.private_key", "\"server.key\"".to_owned()),
                ("webhook.authority", "\"root.pem\"".to_owned()),
            ],
        ),
    ]
}

/// The reference of all files.
pub(super) fn reference() -> anyhow::Result<String> {
    let mut out = super::notice("`Config`, `TenantManifest`, `PolicyManifest` and `DpsConfig`") + INTRO;
    out.push_str(&layout());
    // Where each definition of sections was described first.
    let mut described = BTreeMap::new();
    for kind in kinds() {
        let name = kind.name;
        let file = File::of(&kind.schema).with_context(|| format!("the schema of {name}"))?;
        out.push_str(&format!("## `{name}`\n\n{}\n\n", without_name(&file.docs, name)));
        for section in &file.sections {
            out.push_str(&describe(&kind, section, &mut described)?);
        }
        if name == TENANT_FILE {
            out.push_str(&format!(
                "{AFTER_KEYS}```sh\nKEY={KEY}\nprintf %s \"$KEY\" | sha256sum\n```\n\n```text\n{}  -\n```\n\n",
                KeyHash::of(KEY).to_string().trim_start_matches("sha256:")
            ));
        }
        out.push_str(&format!("### A `{name}` with every key\n\n```toml\n{}```\n\n", example(&kind, &file)?));
    }
    Ok(out.trim_end().to_owned() + "\n")
}

/// The description of a file without its name, which the heading has.
fn without_name(docs: &str, name: &str) -> String {
    let docs = docs.strip_prefix(&format!("`{name}`: ")).unwrap_or(docs);
    let mut letters = docs.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// The catalogue's layout, and the sizes that its files may have.
fn layout() -> String {
    let sizes =
        [("`policy.wasm`", MAX_COMPONENT), ("each table", MAX_TABLE), ("each manifest and each check", MAX_TEXT)];
    let rows = sizes.map(|(what, bytes)| vec![what.to_owned(), format!("{} MiB", bytes >> 20)]);
    format!(
        "## The catalogue\n\n\
         A directory: a folder for each tenant, in it a folder for each policy. Both names are 1 to 63 lower-case \
         letters,\ndigits and hyphens, a letter or digit at either end; other folders are passed over.\n\n\
         ```text\n\
         policies/\n  \
           contoso/                 a tenant\n    \
             {TENANT_FILE}            its keys and limits\n    \
             by-model/              a policy\n      \
               {COMPONENT_FILE}          the component that serves\n      \
               {POLICY_FILE}          its settings and limits; may be missing\n      \
               checks/*.json        requests with the decisions they must get\n      \
               tables/*.csv|json    what the policy looks up\n\
         ```\n\n\
         Changing a file is a deployment: Berth verifies the policy anew and swaps it without dropping a request. If a \
         file is\nbroken, what served before still serves, and the log says why. Replace a file by renaming a whole one \
         over it, as\n`berth policy build` does.\n\n{}\
         A folder holds at most {MAX_FILES} checks and as many tables.\n\n\
         A table is `NAME.csv`, keyed by its first column, or `NAME.json`, an object keyed by its members' names. A key \
         that\noccurs twice is an error.\n{CHECKS}\n",
        table(&["file", "at most"], rows)
    )
}

fn describe(kind: &Kind, section: &Section, described: &mut BTreeMap<String, String>) -> anyhow::Result<String> {
    let heading = match section.shape {
        Shape::Top => format!("At the top of `{}`", kind.name),
        _ => format!("`{}` in `{}`", header(section), kind.name),
    };
    let mut out = format!("### {heading}\n\n");
    if !section.docs.is_empty() {
        out.push_str(&format!("{}\n\n", section.docs));
    }
    if keys::is_free_form(section) {
        return Ok(out);
    }
    // Two files may each have a type of the same name.
    let names: Vec<&str> = section.keys.iter().map(|key| key.name.as_str()).collect();
    let definition = format!("{} {}", section.definition, names.join(" "));
    if let Some(first) = described.get(&definition) {
        out.push_str(&format!(
            "The keys are those of [{first}](#{}). What is not set here is as {} has it, and nothing can be looser.\n\n",
            anchor(first),
            kind.within
        ));
        return Ok(out);
    }
    described.insert(definition, heading);
    let mut rows = Vec::new();
    for key in &section.keys {
        ensure!(!key.docs.is_empty(), "{}.{} is not documented", section.name, key.name);
        let default = match &key.default {
            Some(value) => code(&keys::toml(value)?),
            None if key.required => "required".to_owned(),
            None => "none".to_owned(),
        };
        rows.push(vec![code(&key.name), key.form.clone(), default, key.docs.clone()]);
    }
    out.push_str(&table(&["key", "form", "default", "meaning"], rows));
    Ok(out)
}

/// How a section begins.
fn header(section: &Section) -> String {
    match section.shape {
        Shape::Top => String::new(),
        Shape::Table => format!("[{}]", section.name),
        Shape::Tables => format!("[[{}]]", section.name),
    }
}

/// The path of a key, its names with dots in between.
fn path(section: &Section, key: &str) -> String {
    format!("{}.{key}", section.name).trim_start_matches('.').to_owned()
}

/// A file in which every key is set: to its default, or to a sample where it has none.
fn example(kind: &Kind, file: &File) -> anyhow::Result<String> {
    let sample = |path: &str| {
        let found = kind.samples.iter().find(|(key, _)| *key == path);
        found.map(|(_, text)| text.clone())
    };
    let mut out = String::new();
    for section in &file.sections {
        if section.shape != Shape::Top {
            out.push_str(&format!("{}\n", header(section)));
        }
        if keys::is_free_form(section) {
            let text = sample(&section.name).with_context(|| format!("no sample for {}", section.name))?;
            out.push_str(&text);
            out.push('\n');
        }
        for key in &section.keys {
            let path = path(section, &key.name);
            let value = match (sample(&path), &key.default) {
                (Some(sample), _) => sample,
                (None, Some(default)) => keys::toml(default)?,
                (None, None) => bail!("no sample for {path}"),
            };
            out.push_str(&format!("{} = {value}\n", key.name));
        }
        out.push('\n');
    }
    Ok(out.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests;
