//! The demo's folder: the catalogue it serves, and the copy of a policy that it changes.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{KEY, Options, TENANT};
use crate::{
    catalogue::{
        KeyHash,
        source::{COMPONENT_FILE, TENANT_FILE},
    },
    toolchain::{self, BuildOptions, Built, Progress},
};

/// The file that says that a folder is a demo's.
const MARKER: &str = ".berth-demo";
/// The example policies, by folder, and the checks whose requests are shown.
const EXAMPLES: [(&str, &[&str]); 3] = [
    ("by-suffix", &["toaster-first", "toaster-again", "heat-pump-with-tpm", "other-suffix"]),
    ("by-model", &["phone", "phone-older-member-in-a-string", "thermostat-with-certificate", "controller-with-tpm"]),
    ("keep-or-spread", &["new-device", "stays", "hub-gone", "pinned"]),
];
/// The one that is changed.
pub(super) const CHANGED: &str = EXAMPLES[0].0;
/// The change: a word of its source, and of its checks.
const CHANGE: (&str, &str) = ("\"medium\"", "\"dark\"");
/// The check whose request shows the change.
const CHANGING_CHECK: &str = "toaster-first";

/// The demo's folder.
#[derive(Debug, Clone)]
pub(super) struct Workbench {
    examples: PathBuf,
    folder: PathBuf,
}

/// A recorded request of DPS and the policy it is for.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) policy: String,
    pub(super) body: String,
}

impl Workbench {
    /// Empties the folder and takes the example policies from theirs.
    pub(super) fn prepare(options: &Options) -> anyhow::Result<Self> {
        let examples = options.examples.canonicalize().with_context(|| {
            format!(
                "failed to find the example policies in {}: run the demo in Berth's repository, or name their folder \
                 with --examples",
                options.examples.display()
            )
        })?;
        let workbench = Self { examples, folder: options.folder.clone() };
        let marker = options.folder.join(MARKER);
        let foreign =
            fs::read_dir(&options.folder).is_ok_and(|mut entries| entries.next().is_some()) && !marker.exists();
        anyhow::ensure!(
            !foreign,
            "{} holds files that are not an earlier demo's: name an empty or a new folder with --folder",
            options.folder.display()
        );
        create(&options.folder)?;
        write(&marker, b"Berth's demo empties this folder each time.\n")?;
        for folder in [workbench.catalogue(), workbench.copy(), workbench.data(), workbench.dps(), workbench.devices()]
        {
            if folder.exists() {
                fs::remove_dir_all(&folder).with_context(|| format!("failed to empty {}", folder.display()))?;
            }
            create(&folder)?;
        }
        Ok(workbench)
    }

    /// The catalogue that the demo serves.
    pub(super) fn catalogue(&self) -> PathBuf {
        self.folder.join("policies")
    }

    /// Berth's memory.
    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The files of the local DPS.
    pub(super) fn dps(&self) -> PathBuf {
        self.folder.join("dps")
    }

    /// What devices prove themselves with.
    pub(super) fn devices(&self) -> PathBuf {
        self.folder.join("devices")
    }

    /// The copy of a policy that the demo changes.
    pub(super) fn copy(&self) -> PathBuf {
        self.folder.join(CHANGED)
    }

    /// A policy's folder in the catalogue.
    pub(super) fn served(&self, policy: &str) -> PathBuf {
        self.catalogue().join(TENANT).join(policy)
    }

    /// Builds the example policies into the catalogue.
    pub(super) fn build_examples(&self, progress: &dyn Progress) -> anyhow::Result<Vec<(String, Built)>> {
        let mut all = Vec::new();
        for (name, _) in EXAMPLES {
            let source = self.examples.join(name);
            let built = toolchain::build(&source, &BuildOptions::default(), progress)?;
            lay_out(&source, &built, &self.served(name))?;
            all.push((name.to_owned(), built));
        }
        let manifest = format!("[keys]\nprimary = \"{}\"\n", KeyHash::of(KEY));
        write(&self.catalogue().join(TENANT).join(TENANT_FILE), manifest.as_bytes())?;
        Ok(all)
    }

    /// Copies a policy, changes a word of it, and builds the copy.
    pub(super) fn build_changed(&self, progress: &dyn Progress) -> anyhow::Result<Built> {
        let copy = self.copy();
        copy_folder(&self.examples.join(CHANGED), &copy)?;
        // In the repository's workspace no longer, the copy finds the SDK by its whole path and brings the lock file.
        let repository = self.examples.parent().context("the example policies lie in no folder")?;
        let sdk = format!("path = \"{}\"", repository.join("guest-sdk").display());
        edit(&copy.join("Cargo.toml"), |text| {
            format!("{}\n[workspace]\n", text.replace("path = \"../../guest-sdk\"", &sdk))
        })?;
        let lock = repository.join("Cargo.lock");
        fs::copy(&lock, copy.join("Cargo.lock")).with_context(|| format!("failed to copy {}", lock.display()))?;
        let (old, new) = CHANGE;
        edit(&copy.join("src/lib.rs"), |text| text.replace(old, new))?;
        for check in fs::read_dir(copy.join("checks"))? {
            edit(&check?.path(), |text| text.replace(old, new))?;
        }
        let options = BuildOptions { target_dir: Some(self.folder.join("target")), ..BuildOptions::default() };
        Ok(toolchain::build(&copy, &options, progress)?)
    }

    /// Puts the changed policy in the place of the one that serves, whole.
    pub(super) fn deploy(&self, built: &Built) -> anyhow::Result<()> {
        let (next, old) = (self.folder.join("next"), self.folder.join("old"));
        for folder in [&next, &old] {
            let _ = fs::remove_dir_all(folder);
        }
        lay_out(&self.copy(), built, &next)?;
        let served = self.served(CHANGED);
        let swapped = fs::rename(&served, &old).and_then(|()| fs::rename(&next, &served));
        swapped.with_context(|| format!("failed to replace {}", served.display()))
    }

    /// The recorded requests that the policies' checks hold.
    pub(super) fn questions(&self) -> anyhow::Result<Vec<Question>> {
        let shown = EXAMPLES.iter().flat_map(|(policy, checks)| checks.iter().map(move |check| (policy, check)));
        shown.map(|(policy, check)| self.question(policy, check)).collect()
    }

    /// The request whose answer changes with the policy.
    pub(super) fn changing_question(&self) -> anyhow::Result<Question> {
        self.question(CHANGED, CHANGING_CHECK)
    }

    fn question(&self, policy: &str, check: &str) -> anyhow::Result<Question> {
        #[derive(Deserialize)]
        struct Check {
            request: Box<RawValue>,
        }
        let path = self.served(policy).join("checks").join(check).with_extension("json");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let check: Check = serde_json::from_str(&text).with_context(|| format!("{} is not a check", path.display()))?;
        Ok(Question { policy: policy.to_owned(), body: check.request.get().to_owned() })
    }
}

/// Lays out a policy as the catalogue has it: the component, and the files beside it.
fn lay_out(source: &Path, built: &Built, folder: &Path) -> anyhow::Result<()> {
    create(folder)?;
    for part in ["checks", "tables"] {
        if source.join(part).is_dir() {
            copy_folder(&source.join(part), &folder.join(part))?;
        }
    }
    if source.join("policy.toml").is_file() {
        fs::copy(source.join("policy.toml"), folder.join("policy.toml"))
            .with_context(|| format!("failed to copy {}", source.join("policy.toml").display()))?;
    }
    write(&folder.join(COMPONENT_FILE), &built.component)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    create(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("failed to read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" {
                copy_folder(&entry.path(), &target)?;
            }
        } else {
            fs::copy(entry.path(), &target).with_context(|| format!("failed to copy {}", entry.path().display()))?;
        }
    }
    Ok(())
}

fn edit(path: &Path, change: impl FnOnce(String) -> String) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    write(path, change(text).as_bytes())
}

fn create(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}
