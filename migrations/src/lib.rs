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
mod m20261127_000010_access;
mod m20261127_000020_audit;
mod m20261127_000030_quota;
mod row_security;

use std::pin::Pin;

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::{MigratorTrait, SchemaManager};

/// All steps, in their order.
pub struct Migrator;

/// A step in the module that it is named after.
macro_rules! step {
    ($name:ident) => {
        Box::new(Step { name: stringify!($name), up: |manager| Box::pin($name::up(manager)) })
    };
}

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            step!(m20261126_000001_tenancy),
            step!(m20261126_000002_sealing),
            step!(m20261126_000003_provider),
            step!(m20261126_000004_inventory),
            step!(m20261126_000005_row_security),
            step!(m20261126_000006_idempotency),
            step!(m20261126_000007_identity_end),
            step!(m20261126_000008_sync_history),
            step!(m20261126_000009_object_change),
            step!(m20261127_000010_access),
            step!(m20261127_000020_audit),
            step!(m20261127_000030_quota),
        ]
    }
}

type Changed<'a> = Pin<Box<dyn Future<Output = Result<(), DbErr>> + Send + 'a>>;

struct Step {
    name: &'static str,
    up: for<'a> fn(&'a SchemaManager<'_>) -> Changed<'a>,
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        (self.up)(manager).await
    }
}
