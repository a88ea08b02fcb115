//! The tables. Private to the store: nothing else can write a query without a scope (invariant 2).
//!
//! Ids are UUIDs, times microseconds since 1970, words text; `migrations` has the schema.

pub(super) mod audit;
pub(super) mod binding;
pub(super) mod change_log;
pub(super) mod counter;
pub(super) mod group_member;
pub(super) mod idempotency;
pub(super) mod identity;
pub(super) mod object;
pub(super) mod object_change;
pub(super) mod ownership;
pub(super) mod ownership_rule;
pub(super) mod project;
pub(super) mod provider;
pub(super) mod quarantine;
pub(super) mod quota_counter;
pub(super) mod quota_holding;
pub(super) mod quota_limit;
pub(super) mod quota_reservation;
pub(super) mod role;
pub(super) mod sealing_key;
pub(super) mod setting;
pub(super) mod source;
pub(super) mod sync_history;
pub(super) mod tenant;
pub(super) mod token;
pub(super) mod user;
pub(super) mod user_group;
