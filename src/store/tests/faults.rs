//! Faults: what failed in the middle left nothing, and the next try succeeds.

use sqlx::Executor;

use super::*;
use crate::store::db::Tx;

/// What can be seen of the store from outside.
async fn picture(fx: &Fixture) -> String {
    let system = fx.system();
    let mut objects = system.objects_page(None, 10_000).await.unwrap();
    objects.sort_by_key(|row| row.id);
    let mut providers = fx.admin().providers().await.unwrap();
    providers.sort_by_key(|record| record.id);
    let mut identities = Vec::new();
    let mut quarantine = Vec::new();
    for record in &providers {
        identities.extend(system.identities_page(record.id, None, 10_000).await.unwrap());
        quarantine.extend(system.quarantine(record.id).await.unwrap());
    }
    let log = fx.log().await;
    let revision = system.current_revision().await.unwrap();
    format!("{objects:?}\n{providers:?}\n{identities:?}\n{quarantine:?}\n{log:?}\n{revision}")
}

/// Ends the server's side of connections, as a restart or a fail-over does.
const KILL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()";

fn full_batch(provider: ProviderId, source: SourceId) -> ObserveBatch {
    let mut batch = ObserveBatch::new(provider, source);
    for index in 0..300 {
        let id = ObjectId::generate();
        batch.identities.push((Kind::Vm, format!("vm-{id}"), id));
        batch.puts.push(put(id, &format!("vm-{index}"), "{}"));
    }
    let bad = QuarantinePut { family: "core", group_key: "bad".into(), kind: Kind::Vm, reason: "odd".into() };
    batch.quarantine.push(bad);
    batch.source = SourceUpdate { cursor: Some("late".into()), ..Default::default() };
    batch
}

on_both! {
    async fn a_batch_that_fails_in_the_middle_leaves_nothing(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        fx.system().observe(&full_batch(provider, source)).await.unwrap();
        let before = picture(&fx).await;
        fx.refuse("change_log", "NEW.revision = 450", true).await;
        let error = fx.system().observe(&full_batch(provider, source)).await.unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error:?}");
        assert_eq!(picture(&fx).await, before);
        fx.sql(if fx.is_sqlite() { "DROP TRIGGER refuse_change_log" } else { "DROP TRIGGER refuse_change_log ON change_log" }).await;
        let committed = fx.system().observe(&full_batch(provider, source)).await.unwrap();
        assert_eq!(committed.revision, Revision(600), "and no revision was lost");
    }
}

on_both! {
    /// A caller that goes away in the middle (a request that is cancelled, a task that is aborted) leaves nothing half done.
    async fn a_batch_that_is_abandoned_leaves_all_or_nothing(fx: Fixture) {
        let (provider, source) = fx.provider("vc").await;
        for round in 0..40_u64 {
            let store = fx.store.clone();
            let batch = full_batch(provider, source);
            let task = tokio::spawn(async move { store.system("test").observe(&batch).await });
            tokio::time::sleep(std::time::Duration::from_millis(round)).await;
            task.abort();
            let _ = task.await;
            // What was on its way to be committed may be so a little later.
            let count = fx.system().object_count().await.unwrap();
            assert_eq!(count % 300, 0, "half a batch");
        }
        // Behind whatever was still on its way.
        fx.system().observe(&full_batch(provider, source)).await.unwrap();
        let count = fx.system().object_count().await.unwrap();
        assert_eq!(count % 300, 0, "half a batch");
        assert!((300..=41 * 300).contains(&count));
        assert_eq!(fx.log().await.len() as u64, count);
        assert_eq!(fx.system().current_revision().await.unwrap(), Revision(count));
    }
}

#[tokio::test]
async fn a_full_disk_is_told_and_the_store_recovers() {
    let fx = Fixture::sqlite().await;
    let (provider, source) = fx.provider("vc").await;
    fx.system().observe(&full_batch(provider, source)).await.unwrap();
    let before = picture(&fx).await;
    let Pools::Sqlite { writer, .. } = &fx.store.inner.pools else { panic!("this is SQLite") };
    // As full as a file system of a few pages.
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(writer).await.unwrap();
    writer.execute(AssertSqlSafe(format!("PRAGMA max_page_count = {}", pages + 2))).await.unwrap();
    let mut batch = full_batch(provider, source);
    batch.puts.iter_mut().for_each(|put| put.body = "x".repeat(4_000).into());
    let error = fx.system().observe(&batch).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(picture(&fx).await, before, "reading goes on, and nothing of it is there");
    writer.execute("PRAGMA max_page_count = 1000000").await.unwrap();
    fx.system().observe(&batch).await.unwrap();
    assert_eq!(fx.system().object_count().await.unwrap(), 600);
}

#[tokio::test]
async fn readers_of_sqlite_cannot_write() {
    let fx = Fixture::sqlite().await;
    let tx: Tx = fx.store.inner.pools.read(Visible::All).await.unwrap();
    let write = sea_orm::ConnectionTrait::execute_unprepared(&tx, "DELETE FROM counter").await.unwrap_err();
    assert!(write.to_string().contains("readonly"), "{write}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_the_server_ends_are_replaced() {
    let fx = Fixture::postgres().await;
    let (provider, source) = fx.provider("vc").await;
    let Pools::Postgres { pool, .. } = &fx.store.inner.pools else { panic!("this is PostgreSQL") };
    let kill = || AssertSqlSafe(format!("{KILL} AND pid <> pg_backend_pid()"));
    for _ in 0..3 {
        pool.execute(kill()).await.unwrap();
        fx.system().observe(&full_batch(provider, source)).await.unwrap();
    }

    // In the middle of a transaction: an error that says to try again, and then it works.
    let tx = fx.store.inner.pools.write(Visible::All).await.unwrap();
    pool.execute(kill()).await.unwrap();
    let error = sea_orm::ConnectionTrait::execute_unprepared(&tx, "SELECT 1").await.unwrap_err();
    let error = Error::Write { what: "a test", source: error };
    assert!(error.is_unavailable(), "{error:?}");
    drop(tx);
    fx.system().observe(&full_batch(provider, source)).await.unwrap();
    assert_eq!(fx.system().object_count().await.unwrap(), 1_200);
}

#[tokio::test]
async fn connections_to_a_server_that_became_read_only_are_discarded() {
    let fx = Fixture::postgres().await;
    let (provider, source) = fx.provider("vc").await;
    let Pools::Postgres { pool, .. } = &fx.store.inner.pools else { panic!("this is PostgreSQL") };
    let mut connection = pool.acquire().await.unwrap();
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection).await.unwrap();
    // What a pooled connection looks like whose server was demoted.
    connection.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY").await.unwrap();
    drop(connection);
    fx.system().observe(&full_batch(provider, source)).await.unwrap();
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    for _ in 0..100 {
        let count: i64 = sqlx::query_scalar(alive).bind(pid).fetch_one(pool).await.unwrap();
        if count == 0 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the connection is still there");
}

#[tokio::test]
async fn a_read_only_server_is_refused_at_the_start_and_told_of_later() {
    let fx = Fixture::postgres().await;
    let (provider, source) = fx.provider("vc").await;
    let name = fx.url.to_string();
    let name = name.rsplit_once('/').unwrap().1.to_owned();
    fx.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let error = Store::open(&fx.url, fx.keyring(), fx.clock.clone()).await.err().expect("it is refused");
    assert!(matches!(error, Error::ReadOnly { .. }) && error.is_unavailable(), "{error:?}");
    let Pools::Postgres { pool, .. } = &fx.store.inner.pools else { panic!("this is PostgreSQL") };
    // The others, then the one that asks: the next ones are made by the new rule.
    let mut connection = pool.acquire().await.unwrap();
    connection.execute(AssertSqlSafe(format!("{KILL} AND pid <> pg_backend_pid()"))).await.unwrap();
    connection.execute(KILL).await.expect_err("it is ended itself");
    drop(connection);
    let error = fx.system().observe(&full_batch(provider, source)).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
    assert_eq!(fx.system().object_count().await.unwrap(), 0, "reading goes on");
}

/// Behind PgBouncer a named statement is worth nothing on the next server connection, and none may be left behind.
#[tokio::test]
async fn no_statement_is_named_on_the_server() {
    let fx = Fixture::postgres().await;
    let (provider, source) = fx.provider("vc").await;
    fx.system().observe(&full_batch(provider, source)).await.unwrap();
    picture(&fx).await;
    let Pools::Postgres { pool, .. } = &fx.store.inner.pools else { panic!("this is PostgreSQL") };
    let row = pool.fetch_one(sqlx::raw_sql("SELECT count(*)::text FROM pg_prepared_statements")).await.unwrap();
    assert_eq!(sqlx::Row::get::<String, _>(&row, 0), "0");
}
