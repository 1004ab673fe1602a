//! One device asks for a hub.
//!
//! Not for making requests up in tests: that is [`testing`](mod@crate::testing).

use crate::{
    Error, Hubs, Payload,
    contract::{
        self, Assignment, Attestation, CertificateFacts, CurrentAssignment, Enrollment, EnrollmentIdentity,
        IndividualEnrollment,
    },
    hub_matches,
    payload::ParsedOnce,
};

/// DPS's allocation request for one device, with helpers.
///
/// [`contract`](Self::contract) is the record behind it, for what has no helper.
#[derive(Clone, Debug)]
pub struct Request {
    contract: contract::Request,
    payload: ParsedOnce,
}

impl Request {
    /// The device's registration id, as the device gave it. DPS compares these without regard to case.
    #[must_use]
    pub fn registration_id(&self) -> &str {
        &self.contract.registration_id
    }

    /// Whether the device is new, may move, or has to stay.
    #[must_use]
    pub fn assignment(&self) -> &Assignment {
        &self.contract.assignment
    }

    /// Whether the device has no hub yet.
    #[must_use]
    pub fn is_first(&self) -> bool {
        matches!(self.contract.assignment, Assignment::First)
    }

    /// Whether the device stays on its hub whatever is decided. The decision's payload still reaches it.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        matches!(self.contract.assignment, Assignment::Pinned(_))
    }

    /// Where the device is now. `None` if it has no hub yet.
    #[must_use]
    pub fn current(&self) -> Option<&CurrentAssignment> {
        match &self.contract.assignment {
            Assignment::First => None,
            Assignment::MayMove(current) | Assignment::Pinned(current) => Some(current),
        }
    }

    /// The host name of the device's hub. `None` if it has none yet. The hub need not be linked any more.
    #[must_use]
    pub fn current_hub(&self) -> Option<&str> {
        self.current().map(|current| current.hub.as_str())
    }

    /// The device's hub while it is still linked, as DPS spells it among the linked hubs.
    ///
    /// ```
    /// use berth_sdk::testing;
    ///
    /// let request = testing::request("sensor-7")
    ///     .hubs(["North.azure-devices.net"])
    ///     .currently_at("north.azure-devices.net")
    ///     .build();
    /// assert_eq!(request.keep_current_hub(), Some("North.azure-devices.net"));
    /// ```
    #[must_use]
    pub fn keep_current_hub(&self) -> Option<&str> {
        let current = self.current_hub()?;
        self.hubs().iter().find(|hub| hub_matches(hub, current))
    }

    /// How the device proved who it is.
    #[must_use]
    pub fn attestation(&self) -> &Attestation {
        &self.contract.attestation
    }

    /// What the device's X.509 certificate says. `None` if it showed none, or one that cannot be parsed.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateFacts> {
        match &self.contract.attestation {
            Attestation::X509(x509) => x509.facts.as_ref(),
            Attestation::SymmetricKey | Attestation::Tpm(_) => None,
        }
    }

    /// The enrollment through which the device came.
    #[must_use]
    pub fn enrollment(&self) -> &Enrollment {
        &self.contract.enrollment
    }

    /// The id of the enrollment group. `None` if the device has an enrollment of its own.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.contract.enrollment.identity {
            EnrollmentIdentity::Group(id) => Some(id),
            EnrollmentIdentity::Individual(_) => None,
        }
    }

    /// The device's own enrollment. `None` if it came through a group.
    #[must_use]
    pub fn individual(&self) -> Option<&IndividualEnrollment> {
        match &self.contract.enrollment.identity {
            EnrollmentIdentity::Individual(individual) => Some(individual),
            EnrollmentIdentity::Group(_) => None,
        }
    }

    /// Host names of the linked hubs, in DPS's order and spelling. Never empty.
    #[must_use]
    pub fn linked_hubs(&self) -> &[String] {
        &self.contract.linked_hubs
    }

    /// The linked hubs, to choose from.
    #[must_use]
    pub fn hubs(&self) -> Hubs<'_> {
        Hubs::new(&self.contract.linked_hubs)
    }

    /// What the device sent along. It is parsed when it is first looked at.
    #[must_use]
    pub fn payload(&self) -> Payload<'_> {
        Payload::new(self.contract.payload.as_deref(), &self.payload)
    }

    /// The IoT Plug and Play model the device announces: `modelId`, or IoT Central's older `iotcModelId`.
    ///
    /// # Errors
    ///
    /// Rejects like [`Payload::str`] for `modelId` if the payload has neither, or one that is not a string.
    pub fn model_id(&self) -> Result<&str, Error> {
        let payload = self.payload();
        let legacy = payload.find("modelId").is_none() && payload.find("iotcModelId").is_some();
        payload.str(if legacy { "iotcModelId" } else { "modelId" })
    }

    /// The whole `deviceRuntimeContext` as JSON text, with members the contract does not name.
    #[must_use]
    pub fn runtime_context(&self) -> &str {
        &self.contract.runtime_context
    }

    /// The record of the contract behind this request.
    #[must_use]
    pub fn contract(&self) -> &contract::Request {
        &self.contract
    }
}

impl From<contract::Request> for Request {
    fn from(contract: contract::Request) -> Self {
        Self { contract, payload: ParsedOnce::new() }
    }
}

#[cfg(test)]
mod tests {
    use crate::{json, testing};

    #[test]
    fn the_three_cases_are_told_apart() {
        let first = testing::request("a").build();
        assert!(first.is_first() && !first.is_pinned());
        assert_eq!(first.current_hub(), None);

        let moving = testing::request("a").currently_at("hub-a").build();
        assert!(!moving.is_first() && !moving.is_pinned());
        assert_eq!(moving.current_hub(), Some("hub-a"));

        let pinned = testing::request("a").pinned_at("hub-a").build();
        assert!(!pinned.is_first() && pinned.is_pinned());
        assert_eq!(pinned.current_hub(), Some("hub-a"));
    }

    #[test]
    fn a_hub_is_kept_only_while_it_is_linked() {
        let at = |hub: &str| {
            let request = testing::request("a").hubs(["North.azure-devices.net"]).currently_at(hub).build();
            request.keep_current_hub().map(str::to_owned)
        };
        assert_eq!(at("NORTH.azure-devices.net").as_deref(), Some("North.azure-devices.net"));
        assert_eq!(at("south.azure-devices.net"), None);
    }

    #[test]
    fn the_enrollment_is_of_one_kind() {
        let grouped = testing::request("a").group("all").build();
        assert_eq!(grouped.group(), Some("all"));
        assert!(grouped.individual().is_none());

        let single = testing::request("a").individual().build();
        assert_eq!(single.group(), None);
        assert_eq!(single.individual().map(|individual| individual.registration_id.as_str()), Some("a"));
    }

    #[test]
    fn the_model_has_two_names() {
        let model = |payload| {
            let request = testing::request("a").payload(payload).build();
            request.model_id().map(str::to_owned).map_err(|error| error.to_string())
        };
        assert_eq!(model(json!({"modelId": "new", "iotcModelId": "old"})), Ok("new".to_owned()));
        assert_eq!(model(json!({"iotcModelId": "old"})), Ok("old".to_owned()));
        assert_eq!(model(json!(r#"{"iotcModelId": "old"}"#)), Ok("old".to_owned()));
        assert_eq!(
            model(json!({"iotcModelId": 5})),
            Err("`iotcModelId` in the payload is a number, not a string".to_owned())
        );
        assert_eq!(model(json!({})), Err("the payload has no `modelId`".to_owned()));
    }
}
