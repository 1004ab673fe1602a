//! What the tests share.

pub mod reference;
pub mod snippets;
