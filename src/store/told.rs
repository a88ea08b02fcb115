//! What a write leaves in the audit log: its entry, in its own transaction.
//!
//! Every function that changes something for somebody takes a [`Told`] and commits with it: so nothing is done untold, and
//! nothing is told that was not done. What is known only in the transaction, the store adds itself.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use super::db::Tx;
use super::error::While;
use super::log::WriteLock;
use super::{Result, Store, audit};
use crate::model::{NewAudit, TenantId};

/// Tells who asked whether the entry stands in the log.
#[derive(Clone, Debug, Default)]
pub struct Receipt(Arc<AtomicBool>);

impl Receipt {
    /// Whether the entry was committed.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The entry of a write. Secrets are left out of it when it is written down, whoever makes it.
#[derive(Clone, Debug)]
pub struct Told {
    entry: NewAudit,
    receipt: Receipt,
}

impl From<NewAudit> for Told {
    fn from(entry: NewAudit) -> Self {
        Self::new(entry, Receipt::default())
    }
}

impl Told {
    /// An entry, of which the receipt tells.
    #[must_use]
    pub fn new(entry: NewAudit, receipt: Receipt) -> Self {
        Self { entry, receipt }
    }

    /// What it is done to.
    #[must_use]
    pub fn of(mut self, id: impl Display, name: impl Into<String>) -> Self {
        self.entry.object_id = Some(id.to_string());
        self.entry.object_name = Some(name.into());
        self
    }

    /// The tenant whose concern it is: that of the place where it is done, whoever does it.
    #[must_use]
    pub fn concerning(mut self, tenant: TenantId) -> Self {
        self.entry.tenant_id = tenant;
        self
    }

    /// What was so before.
    #[must_use]
    pub fn before(mut self, document: Value) -> Self {
        self.entry.before = Some(document);
        self
    }

    /// What is so afterwards.
    #[must_use]
    pub fn after(mut self, document: Value) -> Self {
        self.entry.after = Some(document);
        self
    }

    /// The tenant whose concern it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.entry.tenant_id
    }

    /// For tests in which it does not matter.
    #[cfg(test)]
    pub(crate) fn any() -> Self {
        NewAudit::of_gateway(crate::model::Door::Api, "test.do", "test").into()
    }
}

impl Store {
    /// Writes the entry down, and makes everything that the transaction did durable: both, or neither.
    pub(super) async fn commit_told(&self, tx: Tx, lock: &WriteLock, told: Told, what: &'static str) -> Result<()> {
        audit::append(&tx, lock, self.inner.clock.now(), told.entry).await?;
        tx.commit().await.writing(what)?;
        told.receipt.0.store(true, Ordering::Release);
        Ok(())
    }
}
