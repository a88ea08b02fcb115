//! Starts and stops what a test needs; nothing is left when a test ends, however it ends.

mod gateway;
mod lab;
mod postgres;
mod process;
mod simulator;
mod watch;

pub use gateway::{ADMIN_PASSWORD, Database, Gateway, server_command};
pub use lab::Lab;
pub use process::output;
pub use simulator::{PASSWORD, Simulator};
pub use watch::Watcher;

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Makes two tests of one function: on SQLite and on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Database::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::harness::Database::Postgres).await;
            })+
        }
    };
}

/// Asks again and again until there is an answer; says `what` was awaited when there is none in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ask: impl FnMut() -> F) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
