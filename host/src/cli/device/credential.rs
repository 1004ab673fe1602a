//! How the devices of a command prove who they are: each by what stands under its own name, if there are placeholders.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::{
    device::{ClientCertificate, Identity, Key, payload::fill_in},
    tpm::SoftwareTpm,
};

/// What a device proves itself with. One of the four.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The device's symmetric key in base64; better given in the variable, since others can see a command's arguments
    #[arg(long, env = "BERTH_DEVICE_KEY", value_name = "BASE64", hide_env_values = true)]
    symmetric_key: Option<String>,
    /// The symmetric key of the device's group, from which its own is derived; better given in the variable
    #[arg(long, env = "BERTH_DEVICE_GROUP_KEY", value_name = "BASE64", hide_env_values = true)]
    group_key: Option<String>,
    #[arg(long, value_name = "FILE", requires = "key", help = concat!(
        "The device's certificate in PEM, followed by those above it; ", number!(), " and {id} stand for its number and \
         its id"
    ))]
    cert: Option<PathBuf>,
    #[arg(long, value_name = "FILE", requires = "cert", help = concat!(
        "The certificate's private key in PEM; ", number!(), " and {id} as above"
    ))]
    key: Option<PathBuf>,
    #[arg(long, value_name = "FILE", help = concat!(
        "The file of a software TPM, as `berth device tpm` makes one; ", number!(), " and {id} as above"
    ))]
    pub(super) tpm: Option<PathBuf>,
}

/// The one of the four that was given.
#[derive(Debug)]
pub(super) enum Credential {
    Key(Key),
    GroupKey(Key),
    Certificate { certificate: PathBuf, key: PathBuf },
    Tpm(PathBuf),
}

impl Arguments {
    /// Whether any was given but a TPM's file.
    pub(super) fn has_other_than_tpm(&self) -> bool {
        self.symmetric_key.is_some() || self.group_key.is_some() || self.cert.is_some()
    }

    pub(super) fn credential(self) -> anyhow::Result<Credential> {
        let key = |text: Option<String>, option: &'static str| {
            text.map(|text| Key::parse(&text)).transpose().with_context(|| format!("{option} is not right"))
        };
        let own = key(self.symmetric_key, "--symmetric-key (or BERTH_DEVICE_KEY)")?.map(Credential::Key);
        let group = key(self.group_key, "--group-key (or BERTH_DEVICE_GROUP_KEY)")?.map(Credential::GroupKey);
        let pair = self.cert.zip(self.key);
        let pair = pair.map(|(certificate, key)| Credential::Certificate { certificate, key });
        let given = [own, group, pair, self.tpm.map(Credential::Tpm)];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(credential), None) => Ok(credential),
            _ => bail!(
                "say how a device proves who it is, in one way: --symmetric-key (BERTH_DEVICE_KEY), --group-key \
                 (BERTH_DEVICE_GROUP_KEY), --cert with --key, or --tpm"
            ),
        }
    }
}

impl Credential {
    /// The credential of the device with this number and id. Without an id it is the certificate's own.
    pub(super) fn identity(&self, number: u64, id: Option<&str>) -> anyhow::Result<(String, Identity)> {
        let path = |path: &Path| PathBuf::from(fill_in(&path.to_string_lossy(), number, id.unwrap_or_default()));
        let id = id.map(ToOwned::to_owned);
        let needed = |id: Option<String>| id.context("say which device it is: --registration-id ID");
        Ok(match self {
            Self::Key(key) => (needed(id)?, Identity::Key(key.clone())),
            Self::GroupKey(group) => {
                let id = needed(id)?;
                let key = group.of_device(&id);
                (id, Identity::Key(key))
            }
            Self::Certificate { certificate, key } => {
                let shown = ClientCertificate::read(&path(certificate), &path(key))?;
                let id = id.or_else(|| shown.common_name());
                (id.context("the certificate has no common name: --registration-id ID")?, Identity::Certificate(shown))
            }
            Self::Tpm(file) => (needed(id)?, Identity::Tpm(SoftwareTpm::open(&path(file))?.into())),
        })
    }
}
