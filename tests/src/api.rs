//! The admin API, as the suite's tests call it.

use berth::{admin::body::PushBody, catalogue::source::PolicyFiles, contract::Digest};
use hyper::Method;
use serde_json::{Value, json};

use crate::{Answer, Ask, Berth, Policy};

/// The version that a component makes.
#[must_use]
pub fn version_of(component: &[u8]) -> String {
    Digest::of(component).to_string()
}

/// The body that pushes a policy.
///
/// # Panics
///
/// If one of its texts is not text.
#[must_use]
pub fn push_body(policy: &Policy) -> Value {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("a text");
    let below = |folder: &'static str| {
        policy.files().filter_map(move |(path, bytes)| Some((path.strip_prefix(folder)?.to_owned(), bytes)))
    };
    let file = |name: &str| policy.files().find(|(path, _)| *path == name).map(|(_, bytes)| bytes);
    let files = PolicyFiles {
        component: file("policy.wasm").unwrap_or_default().to_vec(),
        manifest: file("policy.toml").map(text).unwrap_or_default(),
        checks: below("checks/").map(|(name, bytes)| (name, text(bytes))).collect(),
        tables: below("tables/").map(|(name, bytes)| (name, bytes.to_vec())).collect(),
    };
    serde_json::to_value(PushBody::of(&files)).expect("a body")
}

impl Berth {
    /// A call of the admin listener.
    #[must_use]
    pub fn calls(&self, method: Method, path: &str) -> Ask {
        Ask::path(self.admin_address(), path).by(method)
    }

    /// What the status says of everything.
    pub async fn status(&self) -> Value {
        self.admin("/api/v1/status").await.json()
    }

    /// What the API says of one policy.
    pub async fn policy(&self, policy: &str) -> Value {
        self.admin(&format!("/api/v1/policies/{policy}")).await.json()
    }

    /// What happened to a policy, newest first.
    ///
    /// # Panics
    ///
    /// If the answer has no events.
    pub async fn history(&self, policy: &str) -> Vec<Value> {
        let answer = self.admin(&format!("/api/v1/policies/{policy}/history")).await;
        answer.json()["events"].as_array().expect("events").clone()
    }

    /// The call that pushes a policy.
    #[must_use]
    pub fn push(&self, policy: &str, files: impl Into<Policy>) -> Ask {
        self.changes(Method::PUT, policy, "", &push_body(&files.into()))
    }

    /// The call that goes back to a version, or to the one before.
    #[must_use]
    pub fn rollback(&self, policy: &str, to: Option<&str>) -> Ask {
        let body = to.map_or_else(|| json!({}), |to| json!({ "to": to }));
        self.changes(Method::POST, policy, "/rollback", &body)
    }

    /// The call that takes a pin away.
    #[must_use]
    pub fn unpin(&self, policy: &str) -> Ask {
        self.calls(Method::DELETE, &format!("/api/v1/policies/{policy}/pin"))
    }

    /// A call that changes a policy, with this body.
    #[must_use]
    pub fn changes(&self, method: Method, policy: &str, action: &str, body: &Value) -> Ask {
        let ask = self.calls(method, &format!("/api/v1/policies/{policy}{action}"));
        ask.header("content-type", "application/json").with(body.to_string())
    }
}

impl Ask {
    /// With this token of the admin API.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }
}

impl Answer {
    /// The version that decided, as the header names it.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.headers.get("x-berth-version")?.to_str().ok()
    }

    /// Holds the answer against a change that was made to this version, and returns its generation.
    ///
    /// # Panics
    ///
    /// If it is anything else.
    #[track_caller]
    pub fn is_change(&self, version: &str, previous: Option<&str>) -> u64 {
        assert_eq!(self.status, 200, "{}", self.text());
        let body = self.json();
        assert_eq!(body["version"], version);
        assert_eq!(body.get("previous").and_then(Value::as_str), previous);
        body["generation"].as_u64().expect("a generation")
    }
}
