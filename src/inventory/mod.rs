//! The read model: everything the gateway knows of the platforms, in memory, indexed and revisioned.
//!
//! Facts arrive as committed batches of the change log ([`Inventory::apply`]) and become one new immutable [`Snapshot`]
//! each; readers take the newest snapshot without a lock and never wait for a writer. An object's JSON is serialized once,
//! when it changes; an answer is put together from such parts. Whoever reads hands in a [`TenantScope`]: an object that
//! the scope does not see does not exist, in lists, counts, sums and streams alike (invariant 2). While a source cannot be
//! trusted its objects' states read `unknown`, and nothing else of them changes (invariant 4).
//!
//! [`TenantScope`]: crate::authz::TenantScope

mod bits;
mod chunks;
mod column;
mod entry;
mod feed;
mod index;
mod list;
mod load;
mod log;
mod machine;
mod plan;
mod query;
mod schema;
mod search;
mod snapshot;
mod status;
mod summary;
mod table;
mod text;
mod threads;
mod token;
mod watch;

#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use feed::{Inventory, InventoryConfig, OutOfOrder, TooLate};
pub use list::{Found, Page};
pub use load::{LoadReport, Loader, LoggedDeletion, StoredObject, Unreadable};
pub use machine::{HANGING, MachineView};
pub use query::{Query, QueryError, SearchQuery, SummaryQuery, read_limit};
pub use schema::common_fields;
pub use search::{SearchHit, SearchPage};
pub use snapshot::Snapshot;
pub use status::ProviderEntry;
pub use summary::{Count, Group, Summary};
pub use token::TokenKey;
pub use watch::{EndReason, Event, Watch, WatchError, WatchRequest};
