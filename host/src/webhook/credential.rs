//! The key a caller shows: `?code=KEY`, as Azure Functions has it, or the header `x-functions-key`.

use std::borrow::Cow;

use hyper::http::request::Parts;

/// The key in a request's head, if it shows one. The query counts first, since that is what DPS can send.
pub(super) fn key(head: &Parts) -> Option<Cow<'_, str>> {
    let query = head.uri.query().unwrap_or_default();
    let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code").map(|(_, value)| value);
    code.or_else(|| head.headers.get("x-functions-key")?.to_str().ok().map(Cow::Borrowed))
}
