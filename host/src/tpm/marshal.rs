//! The TPM's wire form: integers in big-endian order, and bytes after a count of two bytes.

use super::TpmError;

/// Bytes with their count before them: a `TPM2B_…`. What a TPM keeps is far smaller than the count can say.
pub(super) fn sized(bytes: &[u8]) -> Vec<u8> {
    let count = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    [&count.to_be_bytes(), bytes].concat()
}

/// Takes a structure apart from the front.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
    /// What is being read, for the error.
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], what: &'static str) -> Self {
        Self { rest: bytes, what }
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], TpmError> {
        let (bytes, rest) = self.rest.split_at_checked(count).ok_or(TpmError::Malformed(self.what))?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, TpmError> {
        let bytes = self.bytes(2)?;
        bytes.try_into().map(u16::from_be_bytes).map_err(|_| TpmError::Malformed(self.what))
    }

    pub(super) fn u32(&mut self) -> Result<u32, TpmError> {
        let bytes = self.bytes(4)?;
        bytes.try_into().map(u32::from_be_bytes).map_err(|_| TpmError::Malformed(self.what))
    }

    /// Bytes after their count.
    pub(super) fn sized(&mut self) -> Result<&'a [u8], TpmError> {
        let count = self.u16()?;
        self.bytes(count.into())
    }

    /// All that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// That nothing is left.
    pub(super) fn end(self) -> Result<(), TpmError> {
        if self.rest.is_empty() { Ok(()) } else { Err(TpmError::Malformed(self.what)) }
    }
}
