//! Starts and stops what a test needs; nothing is left when a test ends, however it ends.

mod gateway;
mod lab;
pub mod postgres;
mod preload;
mod process;
mod relay;
mod simulator;
mod watch;
mod witness;

pub use gateway::{ADMIN_PASSWORD, Database, Gateway, Setup, server_command};
pub use lab::{HangingFolder, Lab};
pub use preload::Preload;
pub use process::output;
pub use relay::{LATE, LibvirtRelay, Mode, Relay};
pub use simulator::{PASSWORD, Simulator};
pub use watch::{Address, WatchEvent, Watcher};
pub use witness::Witness;

use std::future::Future;
use std::time::{Duration, Instant};

/// How long anything may take before a test gives up. Generous: the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(240);

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

/// A generator of random numbers, whose seed is printed when the test fails. `SPANDREL_TEST_SEED` gives one.
pub fn random() -> rand::rngs::StdRng {
    let seed = std::env::var("SPANDREL_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    eprintln!("the seed is {seed}: SPANDREL_TEST_SEED={seed}");
    rand::SeedableRng::seed_from_u64(seed)
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
