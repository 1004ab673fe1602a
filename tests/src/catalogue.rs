//! What a server serves: written into its folder before it starts.

use std::{collections::BTreeMap, fs, path::Path};

use berth::catalogue::KeyHash;

/// The primary key of a tenant.
#[must_use]
pub fn key(tenant: &str) -> String {
    format!("{tenant}-primary")
}

/// The secondary key of a tenant.
#[must_use]
pub fn secondary_key(tenant: &str) -> String {
    format!("{tenant}-secondary")
}

/// A key as `tenant.toml` has it.
#[must_use]
pub fn key_hash(key: &str) -> String {
    KeyHash::of(key).to_string()
}

/// A policy's folder: a path and the bytes for each file.
#[derive(Debug, Clone, Default)]
pub struct Policy(BTreeMap<String, Vec<u8>>);

impl Policy {
    /// A policy with nothing but a component.
    #[must_use]
    pub fn of(component: impl Into<Vec<u8>>) -> Self {
        Self::default().file("policy.wasm", component)
    }

    /// Its component.
    ///
    /// # Panics
    ///
    /// If it has none.
    #[must_use]
    pub fn component(&self) -> &[u8] {
        &self.0["policy.wasm"]
    }

    /// Its files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(path, content)| (path.as_str(), content.as_slice()))
    }

    /// With one more file.
    #[must_use]
    pub fn file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.to_owned(), content.into());
        self
    }

    /// With this `policy.toml`.
    #[must_use]
    pub fn manifest(self, toml: &str) -> Self {
        self.file("policy.toml", toml)
    }

    /// With so many milliseconds for a decision.
    #[must_use]
    pub fn time_ms(self, milliseconds: u32) -> Self {
        self.manifest(&format!("[limits]\ntime_ms = {milliseconds}\n"))
    }

    /// Writes the files into a folder, which is made.
    ///
    /// # Panics
    ///
    /// If the system says no.
    pub fn write(&self, folder: &Path) {
        for (path, content) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
            fs::write(&path, content).expect("a file");
        }
    }
}

impl From<Vec<u8>> for Policy {
    fn from(component: Vec<u8>) -> Self {
        Self::of(component)
    }
}

/// Tenants and their policies.
#[derive(Debug, Clone, Default)]
pub struct Catalogue(Vec<Tenant>);

#[derive(Debug, Clone)]
struct Tenant {
    name: String,
    manifest: String,
    policies: Vec<(String, Policy)>,
}

impl Catalogue {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more tenant, to whom the policies that follow belong. It has both of its keys and no limits.
    #[must_use]
    pub fn tenant(mut self, name: &str) -> Self {
        let (primary, secondary) = (key_hash(&key(name)), key_hash(&secondary_key(name)));
        self.0.push(Tenant {
            name: name.to_owned(),
            manifest: format!("[keys]\nprimary = \"{primary}\"\nsecondary = \"{secondary}\"\n"),
            policies: Vec::new(),
        });
        self
    }

    /// With a token of the admin API for the last tenant.
    ///
    /// # Panics
    ///
    /// If there is no tenant yet.
    #[must_use]
    pub fn token(mut self, name: &str, token: &str) -> Self {
        let tenant = self.0.last_mut().expect("a token has a tenant");
        tenant.manifest.push_str(&format!("[tokens]\n{name} = \"{}\"\n", key_hash(token)));
        self
    }

    /// With these lines in the last tenant's `tenant.toml`.
    ///
    /// # Panics
    ///
    /// If there is no tenant yet.
    #[must_use]
    pub fn settings(mut self, toml: &str) -> Self {
        self.0.last_mut().expect("settings have a tenant").manifest.push_str(toml);
        self
    }

    /// With one more policy of the last tenant.
    ///
    /// # Panics
    ///
    /// If there is no tenant yet.
    #[must_use]
    pub fn policy(mut self, name: &str, policy: impl Into<Policy>) -> Self {
        let tenant = self.0.last_mut().expect("a policy has a tenant");
        tenant.policies.push((name.to_owned(), policy.into()));
        self
    }

    /// Writes it into a folder, which is made.
    ///
    /// # Panics
    ///
    /// If the system says no.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a folder");
        for tenant in &self.0 {
            let folder = folder.join(&tenant.name);
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join("tenant.toml"), &tenant.manifest).expect("a file");
            for (name, policy) in &tenant.policies {
                fs::create_dir_all(folder.join(name)).expect("a folder");
                policy.write(&folder.join(name));
            }
        }
    }
}
