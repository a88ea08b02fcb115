//! Spandrel: one multi-tenant cloud over a company's VMware and KVM machines.
//!
//! `docs/ARCHITECTURE.md` is the map. Facts go up: `provider` → `sync` → `store` → `inventory` → `api`. Wishes go down:
//! `api` → `app` → `store`.

pub mod api;
pub mod app;
pub mod authz;
pub mod cli;
pub mod clock;
pub mod config;
mod handles;
pub mod inventory;
pub mod jobs;
pub mod model;
pub mod provider;
pub mod serve;
pub mod store;
pub mod sync;
pub mod telemetry;
