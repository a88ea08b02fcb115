//! What the use cases ask of the running synchronization.
//!
//! `app` stands below `sync` and must not know it (see the import table); the wiring hands in an implementation.

use std::future::Future;
use std::pin::Pin;

use crate::model::ownership::Given;
use crate::model::provider::{Capability, Connection, TestReport};
use crate::model::{ProviderId, ProviderKind};
use crate::store;

/// A future that can be kept behind a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The running synchronization, as seen by the use cases.
pub trait SyncControl: Send + Sync + 'static {
    /// Checks an address without connecting, and brings it to the form by which duplicates are found.
    ///
    /// # Errors
    /// What is wrong with it, in words for the administrator.
    fn normalize_endpoint(&self, kind: ProviderKind, endpoint: &str) -> Result<String, String>;

    /// What a platform can do.
    fn capabilities(&self, kind: ProviderKind) -> Vec<Capability>;

    /// Connects once and says what is right and what is wrong. Nothing is kept. Bounded in time.
    fn test<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, TestReport>;

    /// A provider was added, edited, enabled or disabled and the store has it: bring what runs into line. Returns at once.
    fn provider_changed(&self, id: ProviderId);

    /// Stops a provider whose removal the store has noted, deletes what it brought (each deletion goes through the change
    /// log) and at last the provider itself. Returns when it is stopped; the deletion goes on and survives a restart.
    fn provider_remove(&self, id: ProviderId) -> BoxFuture<'_, ()>;

    /// Reads everything of the provider again.
    fn resync(&self, id: ProviderId) -> Resync;

    /// Gives objects to other owners, in the order of all other changes.
    ///
    /// # Errors
    /// When the store cannot be written.
    fn own<'a>(&'a self, moves: &'a [Given]) -> BoxFuture<'a, Result<(), store::Error>>;

    /// A test of a provider's stored connection found all well: where the platform had refused it, it is tried at once.
    fn provider_verified(&self, id: ProviderId);
}

/// What came of the wish to read everything again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resync {
    /// It is being read.
    Begun,
    /// Nothing runs for the provider.
    NotRunning,
    /// The platform refused who signs in. Trying that again and again would lock the account.
    Refused,
}
