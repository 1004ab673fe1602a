//! DPS's JSON, in and out: the allocation request becomes a [`contract::Request`](crate::contract::Request), a decision
//! becomes the allocation response.
//!
//! No HTTP here: the webhook, checks and the command line all read and write through this module.

mod members;
mod request;
mod response;

pub use request::{Body, MalformedRequest};
pub use response::{Response, ResponseError};
