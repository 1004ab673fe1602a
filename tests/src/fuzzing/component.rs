//! A component.

use berth::{contract::Stage, engine::worker};

/// A component is refused at one of the stages that look at components, or becomes code.
///
/// In the server this happens in a process with limits on memory and time; here the fuzzer sets them.
pub(super) fn holds(bytes: &[u8]) {
    match worker::compile(bytes, false) {
        Ok(code) => assert!(!code.is_empty(), "code is not nothing"),
        Err(rejection) => {
            assert!(matches!(rejection.stage(), Stage::Compile | Stage::Imports | Stage::World), "{rejection}");
            assert!(!rejection.to_string().is_empty());
        }
    }
}
