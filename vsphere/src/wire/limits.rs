//! What an answer may cost.

/// Bounds on one answer. An answer beyond any of them is refused while it is being read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// The whole answer after decompression, in bytes. Default 256 MiB.
    pub answer_bytes: u64,
    /// How deep elements may nest. Default 64.
    pub depth: usize,
    /// How many elements an answer may have: bounds memory, since an element costs more than its bytes. Default 16 million.
    pub elements: usize,
    /// The text of one element, in bytes. Default 16 MiB.
    pub text_bytes: usize,
    /// One tag with its name and attributes, in bytes. Default 64 KiB.
    pub tag_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { answer_bytes: 256 << 20, depth: 64, elements: 16_000_000, text_bytes: 16 << 20, tag_bytes: 64 << 10 }
    }
}
