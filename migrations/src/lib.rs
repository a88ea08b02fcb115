//! The database schema of the gateway, one file per step.
//!
//! A step that has been released is never edited: the next change is a new file. Every step runs in a transaction on both
//! databases, and the gateway runs all pending steps in one transaction under one lock, so that a failed upgrade leaves
//! the schema as it was.
//!
//! Conventions: ids are `uuid` on PostgreSQL and 16 bytes on SQLite; times are microseconds since 1970 (UTC) in a 64-bit
//! integer on both; words (kinds, families, roles) are text.

mod columns;
mod m20261126_000001_tenancy;
mod m20261126_000002_sealing;
mod m20261126_000003_provider;
mod m20261126_000004_inventory;
mod m20261126_000005_row_security;
mod m20261126_000006_idempotency;
mod m20261126_000007_identity_end;
mod m20261126_000008_sync_history;
mod m20261126_000009_object_change;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{MigratorTrait, SchemaManager};

/// All steps, in their order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261126_000001_tenancy::Migration),
            Box::new(m20261126_000002_sealing::Migration),
            Box::new(m20261126_000003_provider::Migration),
            Box::new(m20261126_000004_inventory::Migration),
            Box::new(m20261126_000005_row_security::Migration),
            Box::new(m20261126_000006_idempotency::Migration),
            Box::new(m20261126_000007_identity_end::Migration),
            Box::new(m20261126_000008_sync_history::Migration),
            Box::new(m20261126_000009_object_change::Migration),
        ]
    }
}
