//! The rule of by-model as a plug-in for Extism: bytes in, bytes out.

use extism_pdk::{Error, FnResult, plugin_fn};

#[plugin_fn]
pub fn allocate(body: Vec<u8>) -> FnResult<Vec<u8>> {
    Ok(rule::by_model(&body, rule::model).map_err(Error::msg)?)
}
