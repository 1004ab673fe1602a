//! Who a device says it is: the user name and client id of its `CONNECT`.

/// What a user name says. Nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) id_scope: String,
    pub(super) registration_id: String,
    pub(super) api_version: String,
}

impl Login {
    /// Reads `{idScope}/registrations/{registrationId}/api-version={version}`, after which clients put members of their
    /// own. `None` if it is not of that form, or the client id is another device's.
    pub(super) fn parse(user_name: &str, client_id: &str) -> Option<Self> {
        let (name, version) = user_name.split_once("/api-version=")?;
        let (id_scope, registration_id) = name.split_once("/registrations/")?;
        let api_version = version.split('&').next().unwrap_or_default();
        let whole = !id_scope.is_empty() && !registration_id.is_empty() && !api_version.is_empty();
        // Registration ids have no case.
        (whole && registration_id.eq_ignore_ascii_case(client_id)).then(|| Self {
            id_scope: id_scope.to_owned(),
            registration_id: registration_id.to_owned(),
            api_version: api_version.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clients_user_name_is_read() {
        for name in [
            "0ne1/registrations/dev-1/api-version=2019-03-31",
            "0ne1/registrations/dev-1/api-version=2019-03-31&ClientVersion=a%2F1%20(b)",
            "0ne1/registrations/dev-1/api-version=2019-03-31&ClientVersion=x/api-version=1",
        ] {
            let login = Login::parse(name, "Dev-1").expect(name);
            let read = (login.id_scope.as_str(), login.registration_id.as_str(), login.api_version.as_str());
            assert_eq!(read, ("0ne1", "dev-1", "2019-03-31"));
        }
    }

    #[test]
    fn what_is_no_user_name_of_dps_is_none() {
        for name in [
            "",
            "dev-1",
            "0ne1/registrations/dev-1",
            "0ne1/registrations/dev-1/api-version=",
            "/registrations/dev-1/api-version=2019-03-31",
            "0ne1/registrations//api-version=2019-03-31",
            "0ne1/registrations/dev-2/api-version=2019-03-31",
            "hub.azure-devices.net/dev-1/?api-version=2021-04-12",
        ] {
            assert_eq!(Login::parse(name, "dev-1"), None, "{name}");
        }
    }
}
