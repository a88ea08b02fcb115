//! Credentials, kept out of every log, answer and error by their type.

pub use secrecy::{ExposeSecret, SecretString};
