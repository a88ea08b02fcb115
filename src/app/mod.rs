//! The use cases behind every interface: one file per noun.

pub mod sync_control;
