//! What a hostile guest answers, laid out in memory as the canonical ABI has `result<decision, refusal>`.

/// Bytes of the answer's fixed part. Texts come behind it.
const FIXED: usize = 60;

/// An answer of fixed texts, which may be anything at all.
#[derive(Debug, Clone)]
pub struct Reply {
    fixed: [Part; FIXED / 4],
}

/// Four bytes of the fixed part.
#[derive(Debug, Clone, Default)]
enum Part {
    /// A number, a discriminant, or nothing.
    #[default]
    Zero,
    Number(u32),
    /// Where a text is. Its length is in the four bytes behind.
    Text(String),
    /// The length of the text whose place is in the four bytes before.
    Length,
}

impl Reply {
    /// A decision for this hub.
    #[must_use]
    pub fn hub(hub: &str) -> Self {
        Self { fixed: Default::default() }.text(4, hub)
    }

    /// With this text as the device's payload.
    #[must_use]
    pub fn payload(self, json: &str) -> Self {
        self.number(40, 1).text(44, json)
    }

    /// With this text as the initial twin's tags.
    #[must_use]
    pub fn tags(self, json: &str) -> Self {
        self.number(12, 1).number(16, 1).text(20, json)
    }

    /// With this text as the initial twin's desired properties.
    #[must_use]
    pub fn desired(self, json: &str) -> Self {
        self.number(12, 1).number(28, 1).text(32, json)
    }

    /// A refusal for good.
    #[must_use]
    pub fn reject(message: &str) -> Self {
        Self { fixed: Default::default() }.number(0, 1).text(8, message)
    }

    /// A refusal for now.
    #[must_use]
    pub fn retry_later(message: &str, after_seconds: Option<u32>) -> Self {
        let refusal = Self::reject(message).number(4, 1);
        match after_seconds {
            Some(seconds) => refusal.number(16, 1).number(20, seconds),
            None => refusal,
        }
    }

    fn number(mut self, at: usize, number: u32) -> Self {
        self.fixed[at / 4] = Part::Number(number);
        self
    }

    fn text(mut self, at: usize, text: &str) -> Self {
        self.fixed[at / 4] = Part::Text(text.to_owned());
        self.fixed[at / 4 + 1] = Part::Length;
        self
    }

    /// The bytes, for memory from `base` on.
    pub(super) fn image(&self, base: usize) -> Vec<u8> {
        let word = |number: usize| u32::try_from(number).expect("a guest's memory").to_le_bytes();
        let mut fixed = Vec::new();
        let mut texts: Vec<u8> = Vec::new();
        let mut length = 0;
        for part in &self.fixed {
            let four = match part {
                Part::Zero => word(0),
                Part::Number(number) => number.to_le_bytes(),
                Part::Text(text) => {
                    let at = word(base + FIXED + texts.len());
                    texts.extend(text.as_bytes());
                    length = text.len();
                    at
                }
                Part::Length => word(length),
            };
            fixed.extend(four);
        }
        fixed.extend(texts);
        fixed
    }
}
