//! The inventory at one revision.

use crate::model::Revision;

/// Everything at one revision; immutable.
#[derive(Debug)]
pub struct Snapshot {
    pub(super) revision: Revision,
}

impl Snapshot {
    /// The revision of the newest change that is in it.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }
}
