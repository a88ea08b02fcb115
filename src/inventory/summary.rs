//! Counts, and sums by group.

use bytes::Bytes;

use crate::model::{Revision, Value};

/// How many objects there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub count: u64,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl Count {
    /// The whole answer: `{"count":…,"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        Bytes::from(format!("{{\"count\":{},\"revision\":\"{}\"}}", self.count, self.revision))
    }
}

/// The objects that have the same values in the fields that are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The values, in the order of [`Summary::group_by`].
    pub key: Vec<Value>,
    /// How many objects.
    pub count: u64,
    /// The sums, in the order of [`Summary::sum`]. Absent values count as nothing.
    pub sums: Vec<i128>,
}

/// Counts and sums by group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Fields that are grouped by.
    pub group_by: Vec<&'static str>,
    /// Fields that are summed.
    pub sum: Vec<&'static str>,
    /// The groups, in the order of their keys.
    pub groups: Vec<Group>,
    /// The revision of the snapshot that was read.
    pub revision: Revision,
}

impl Summary {
    /// The whole answer: `{"groups":[{"key":{…},"count":…,"sums":{…}}],"revision":"…"}`.
    #[must_use]
    pub fn json(&self) -> Bytes {
        unimplemented!("skeleton")
    }
}
