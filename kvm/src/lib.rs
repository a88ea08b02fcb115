//! See the crate description.
mod error;
mod uri;
pub mod xml;
pub use error::{Act, Error, ErrorLevel, LibvirtError, Result};
pub use uri::{ConnectUri, Driver, Transport, UriError};
