//! A plain service client over HTTPS: what tools manage enrollments and registrations with.

use serde_json::Value;

use super::{LocalDps, device::request, keys};
use crate::Answer;

impl LocalDps {
    /// What the service API answers to the policy of the connection string, with these headers besides. A path without a
    /// query gets the version that clients ask for; a body of null is none.
    pub async fn service(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let path = if path.contains('?') { path.to_owned() } else { format!("{path}?api-version=2021-10-01") };
        let authorization = self.service_authorization();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [&[("Authorization", authorization.as_str()), ("Content-Type", "application/json")], headers];
        self.https_wire(None).await.request(request(method, &path, &headers.concat(), &body)).await
    }

    /// The signature of that policy.
    fn service_authorization(&self) -> String {
        self.service_signature("localhost", keys::LATE)
    }

    /// The signature of that policy for this resource, which is signed as it is written.
    ///
    /// # Panics
    ///
    /// If there is no connection string.
    #[must_use]
    pub fn service_signature(&self, resource: &str, expiry: i64) -> String {
        let connection = self.connection_string();
        let part = |name: &str| connection.split(';').find_map(|part| part.strip_prefix(name)).expect("a part");
        let (name, key) = (part("SharedAccessKeyName="), part("SharedAccessKey="));
        let signature = keys::percent_encoded(&keys::signature(key, resource, expiry));
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expiry}&skn={name}")
    }
}
