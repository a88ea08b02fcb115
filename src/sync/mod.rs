//! sync

mod identity;
mod merge;
mod view;
