//! Page tokens: opaque, authenticated, bound to the query and the scope that they were made for.

use std::fmt;

/// The key that authenticates page tokens. All nodes of one gateway share it, so that a page can be asked of another.
#[derive(Clone)]
pub struct TokenKey(#[expect(dead_code, reason = "skeleton")] [u8; 32]);

impl TokenKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(…)")
    }
}
