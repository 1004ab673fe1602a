//! The enrollments file: enrollments and certificates that are there from the start, in TOML or JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

use super::{
    attestation::certificate,
    enrollment::{Enrollment, Kind},
    objects,
    registrar::Registrar,
    service::{Mode, is_written, write},
};

/// Enrollments and certificates, as the service API has them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct EnrollmentsFile {
    /// Individual enrollments.
    pub enrollments: Vec<Enrollment>,
    /// Groups.
    pub enrollment_groups: Vec<Enrollment>,
    /// Authorities that `caReferences` name.
    pub certificates: Vec<Authority>,
}

/// An authority of the certificate store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Authority {
    /// The name that `caReferences` use.
    pub name: String,
    /// Its certificate in PEM, relative to the enrollments file.
    pub file: PathBuf,
}

impl EnrollmentsFile {
    /// Reads a file: JSON if its name ends so, TOML otherwise.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or holds what it should not.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
        let wrong = || format!("{} is no enrollments file", path.display());
        let mut file: Self = if path.extension().is_some_and(|extension| extension == "json") {
            objects::whole(text.as_bytes()).with_context(wrong)?
        } else {
            toml::from_str(&text).with_context(wrong)?
        };
        let folder = path.parent().unwrap_or(Path::new(""));
        for authority in &mut file.certificates {
            authority.file = folder.join(&authority.file);
        }
        Ok(file)
    }

    /// Writes what the file holds over what is stored. An enrollment that is stored just so is left alone, with its etag.
    pub(super) async fn store(self, registrar: &Registrar) -> anyhow::Result<()> {
        for authority in self.certificates {
            let file = authority.file.display();
            let pem = std::fs::read_to_string(&authority.file).with_context(|| format!("failed to read {file}"))?;
            certificate::read(&pem).with_context(|| format!("{file} holds no certificate in PEM"))?;
            registrar.store().put_certificate(&authority.name, &pem).await?;
        }
        let individual = self.enrollments.into_iter().map(|enrollment| (Kind::Individual, enrollment));
        let groups = self.enrollment_groups.into_iter().map(|enrollment| (Kind::Group, enrollment));
        for (kind, enrollment) in individual.chain(groups) {
            let id = match enrollment.identity() {
                Some((of, id)) if of == kind => id.to_owned(),
                _ => return Err(anyhow!("an enrollment has no registrationId, or a group no enrollmentGroupId")),
            };
            let stored = registrar.store().enrollment(kind, &id)?;
            if stored.is_some_and(|stored| is_written(&stored, &enrollment)) {
                continue;
            }
            write(registrar, enrollment, Mode::Update, None)
                .await
                .map_err(|error| anyhow!("the enrollment {id} is not right: {error}"))?;
        }
        Ok(())
    }
}
