//! The read model against a plain list of objects that does the same in the simplest way.

mod answers;
mod errors;
mod paging;
mod plain;
mod restart;
mod streams;
mod world;
