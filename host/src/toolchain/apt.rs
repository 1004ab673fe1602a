//! Asks Debian's package tools, without their being able to change the system.
//!
//! Package lists, caches and downloads lie in a private folder, so that neither root nor a fresh `apt-get update` of
//! the system is needed. The system's sources, keys and proxy settings apply. Installing is none of its business.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::error::RouteError;
use super::find::ToolchainOptions;
use super::process::{Invocation, ProcessError, Stream, Watch, excerpt};
use super::progress::{Event, Progress};

/// Settings on top of the system's. The hooks after an update maintain other tools' state: not wanted here. Root's
/// apt would change to a user who cannot write into a private folder.
const SETTINGS: &str = r#"
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"#;

/// The newest version of a package that can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: String,
    /// Bytes to download.
    pub(super) size: u64,
    /// Names of the packages it needs; of alternatives the first.
    depends: Vec<String>,
}

impl Package {
    /// Reads the first paragraph that `apt-cache show` prints.
    fn parse(text: &str) -> Option<Self> {
        let fields: BTreeMap<&str, &str> =
            text.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": ")).collect();
        let relations =
            ["Pre-Depends", "Depends"].iter().filter_map(|name| fields.get(name)).flat_map(|l| l.split(','));
        let first_name = |relation: &str| {
            let name = relation.trim_start().split([' ', ':', '(', '|']).next()?;
            (!name.is_empty()).then(|| name.to_owned())
        };
        Some(Self {
            name: (*fields.get("Package")?).to_owned(),
            version: (*fields.get("Version")?).to_owned(),
            size: fields.get("Size").and_then(|size| size.parse().ok()).unwrap_or(0),
            depends: relations.filter_map(first_name).collect(),
        })
    }
}

/// Debian's package tools, working in a private folder.
pub(super) struct Apt<'a> {
    folder: PathBuf,
    options: &'a ToolchainOptions,
    progress: &'a dyn Progress,
}

impl<'a> Apt<'a> {
    /// Prepares the private folder, which exists already.
    pub(super) fn new(
        folder: PathBuf,
        options: &'a ToolchainOptions,
        progress: &'a dyn Progress,
    ) -> Result<Self, RouteError> {
        for sub in ["lists/partial", "cache/archives/partial", "packages"] {
            let path = folder.join(sub);
            fs::create_dir_all(&path).map_err(|source| RouteError::File { action: "create", path, source })?;
        }
        let path = folder.join("apt.conf");
        fs::write(&path, SETTINGS).map_err(|source| RouteError::File { action: "write", path, source })?;
        Ok(Self { folder, options, progress })
    }

    /// Fetches the lists of packages. Returns what apt complained of: it calls an update a success even when no
    /// server answered, and a partial one may do, so only the look-ups after it can tell.
    pub(super) fn update(&self) -> Result<String, ProcessError> {
        match self.run("apt-get", &["update", "--error-on=any"]) {
            Ok(_) => Ok(String::new()),
            Err(ProcessError::Failed { output, .. }) => Ok(complaints(&output)),
            Err(other) => Err(other),
        }
    }

    /// Looks up a package. `None` if there is none of that name.
    pub(super) fn show(&self, name: &str) -> Result<Option<Package>, ProcessError> {
        match self.run("apt-cache", &["show", "--no-all-versions", name]) {
            Ok(text) => Ok(Package::parse(&text)),
            Err(ProcessError::Failed { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// The named packages with everything they need that is not on this system, as far as it is a library.
    ///
    /// Rust's own libraries and LLVM's are always among them, so that a later upgrade of the system cannot take them
    /// away. A C compiler is not: cargo needs one anyhow, and it is not one to be had by unpacking.
    pub(super) fn closure(&self, roots: &[&str]) -> Result<Vec<Package>, ProcessError> {
        let mut queue: VecDeque<String> = roots.iter().map(|&name| name.to_owned()).collect();
        let mut seen: BTreeSet<String> = queue.iter().cloned().collect();
        let mut found = Vec::new();
        while let Some(name) = queue.pop_front() {
            let Some(package) = self.show(&name)? else {
                continue;
            };
            for name in &package.depends {
                if seen.insert(name.clone()) && self.is_wanted(name)? {
                    queue.push_back(name.clone());
                }
            }
            found.push(package);
        }
        Ok(found)
    }

    fn is_wanted(&self, name: &str) -> Result<bool, ProcessError> {
        if ["libstd-rust", "libllvm"].iter().any(|own| name.starts_with(own)) {
            return Ok(true);
        }
        if !name.starts_with("lib") || name.ends_with("-dev") {
            return Ok(false);
        }
        match self.run("dpkg-query", &["--show", "--showformat=${db:Status-Status}\n", name]) {
            Ok(states) => Ok(!states.lines().any(|state| state == "installed")),
            Err(ProcessError::Failed { .. }) => Ok(true),
            Err(other) => Err(other),
        }
    }

    /// Downloads packages and returns where they are. Apt checks them against the archive's signatures.
    pub(super) fn download(&self, packages: &[Package]) -> Result<Vec<PathBuf>, RouteError> {
        let folder = self.folder.join("packages");
        let names: Vec<String> =
            packages.iter().map(|package| format!("{}={}", package.name, package.version)).collect();
        let mut arguments = vec!["download"];
        arguments.extend(names.iter().map(String::as_str));
        let invocation = self.invocation("apt-get", &arguments, &folder);
        let total = packages.iter().map(|package| package.size).sum();
        let mut watch = Download { progress: self.progress, folder: &folder, done: 0, total, stderr: Vec::new() };
        let status = invocation.run(self.progress, &mut watch)?;
        invocation.check(status, &watch.stderr)?;
        let read = |source| RouteError::File { action: "read", path: folder.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(read)? {
            files.push(entry.map_err(read)?.path());
        }
        Ok(files)
    }

    /// Unpacks a package's files below `prefix`.
    pub(super) fn unpack(&self, package: &Path, prefix: &Path) -> Result<(), ProcessError> {
        let mut invocation = self.invocation("dpkg", &[], &self.folder);
        invocation.arguments = vec!["--extract".into(), package.into(), prefix.into()];
        invocation.capture(self.progress).map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, ProcessError> {
        self.invocation(program, arguments, &self.folder).capture(self.progress)
    }

    fn invocation(&self, program: &str, arguments: &[&str], folder: &Path) -> Invocation {
        let mut all: Vec<OsString> = Vec::new();
        if program.starts_with("apt-") {
            all.extend(["-c".into(), self.folder.join("apt.conf").into()]);
            for (key, sub) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
                let mut setting = OsString::from(format!("{key}="));
                setting.push(self.folder.join(sub));
                all.extend(["-o".into(), setting]);
            }
        }
        all.extend(arguments.iter().map(OsString::from));
        Invocation {
            program: program.into(),
            arguments: all,
            folder: folder.to_owned(),
            // Messages are quoted to people who may have to search for them.
            environment: self.options.environment.clone().with("LC_ALL", "C.UTF-8"),
            limit: self.options.limits.apt,
        }
    }
}

/// Of apt's output, the warnings and errors.
fn complaints(output: &str) -> String {
    let lines: Vec<String> =
        output.lines().filter(|l| l.starts_with("E:") || l.starts_with("W:")).map(str::to_owned).collect();
    excerpt(&lines)
}

/// Tells how much of a download has arrived.
struct Download<'a> {
    progress: &'a dyn Progress,
    folder: &'a Path,
    done: u64,
    total: u64,
    stderr: Vec<String>,
}

impl Watch for Download<'_> {
    fn line(&mut self, stream: Stream, line: &str) {
        if stream == Stream::Stderr {
            self.stderr.push(line.to_owned());
        }
    }

    fn tick(&mut self) {
        let Ok(entries) = fs::read_dir(self.folder) else {
            return;
        };
        let done = entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum();
        if done != self.done {
            self.done = done;
            self.progress.report(Event::Bytes { done, total: self.total });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_read_from_its_first_paragraph() {
        let text = "Package: libfoo1\nVersion: 1:2.3-4\nPre-Depends: libbar2 (>= 1)\nDepends: libbaz:any | libqux, gcc\n\
                    Size: 17\nDescription: short\n long: text\n\nPackage: libfoo1\nVersion: 1.0\n";
        let package = Package::parse(text).unwrap();
        assert_eq!((package.name.as_str(), package.version.as_str(), package.size), ("libfoo1", "1:2.3-4", 17));
        assert_eq!(package.depends, ["libbar2", "libbaz", "gcc"]);
        assert_eq!(Package::parse(""), None);
    }

    #[test]
    fn complaints_are_what_apt_marks_as_such() {
        let output = "Err:1 http://deb.example bookworm InRelease\nW: Failed to fetch\nE: Some index files failed\n";
        assert_eq!(complaints(output), "W: Failed to fetch\nE: Some index files failed");
    }
}
