//! The one form in which both listeners say that something went wrong: a status, and a body with a stable code, a text for
//! people and the request's id.

use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{self, HeaderValue},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RequestId;

/// Bytes of a message that are shown: a policy may have written a megabyte.
const MOST: usize = 1000;

/// The body of every answer that is not a success.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct FailureBody {
    /// What went wrong.
    pub error: FailureDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureDetail {
    /// A stable word for programs.
    pub code: String,
    /// A text for people.
    pub message: String,
    /// The id under which the log has the request.
    pub request_id: String,
}

/// An answer that says what went wrong.
pub fn failure(status: StatusCode, code: &str, message: &str, id: RequestId) -> Response<Full<Bytes>> {
    let error = FailureDetail { code: code.to_owned(), message: shorten(message), request_id: id.to_string() };
    // These are strings; serialising them cannot fail.
    let body = serde_json::to_vec(&FailureBody { error }).unwrap_or_default();
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    name(&mut response, id);
    response
}

/// The content type of everything that is JSON.
pub const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// Puts the request's id on its answer.
pub fn name<B>(response: &mut Response<B>, id: RequestId) {
    // Hexadecimal digits and a hyphen: always a header's value.
    if let Ok(id) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-request-id", id);
    }
}

/// A message of bearable length.
#[must_use]
pub fn shorten(message: &str) -> String {
    if message.len() <= MOST {
        return message.to_owned();
    }
    format!("{}…", &message.get(..message.floor_char_boundary(MOST)).unwrap_or_default())
}
