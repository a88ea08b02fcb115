//! Connections and transactions.
//!
//! Everything the store does is done in a [`Tx`], also reading: so a page is of one moment, PgBouncer can give each
//! transaction any server connection, and row-level security learns for whom it is done.
//!
//! - SQLite: one connection writes (`BEGIN IMMEDIATE`, so that no transaction fails halfway for want of the lock), a few
//!   read beside it (WAL), and cannot write.
//! - PostgreSQL: statements are sent unnamed, since a name is worth nothing on the next server connection behind PgBouncer
//!   (SeaORM's own transactions would name each of them); a connection to a server that became read-only is discarded.

use std::sync::Arc;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Postgres, Row, Sqlite, Transaction};
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::DatabaseUrl;
use super::fence::Fence;
use super::timing::Timing;
use crate::model::secret::ExposeSecret;

/// How long a transaction waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one waits for its turn to write: behind a batch of each of many sources that load at once.
const WRITE_TURN_TIMEOUT: Duration = Duration::from_secs(60);
/// How long SQLite waits for a lock, which only another program could have.
const SQLITE_BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// No statement of ours takes this long; a server that was cut off from us says nothing for ever.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(60);
const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
/// Writers wait for one lock: more of them at once would only keep connections from the readers.
const POSTGRES_WRITERS: usize = 3;

/// Whose rows a transaction sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Visible {
    /// Those of every tenant.
    All,
    /// Those of some.
    Tenants(Vec<Uuid>),
}

/// The pools of connections.
#[derive(Clone)]
pub(super) enum Pools {
    /// One file.
    Sqlite {
        /// The one connection that writes.
        writer: SqlitePool,
        /// Those that read.
        reader: SqlitePool,
    },
    /// A server.
    Postgres {
        /// Its connections.
        pool: PgPool,
        /// Turns to write.
        writers: Arc<Semaphore>,
    },
}

impl Pools {
    /// Connects. The SQLite file is made when it is not there.
    pub(super) async fn connect(url: &DatabaseUrl) -> Result<Self, DbErr> {
        match url {
            DatabaseUrl::Sqlite { path } => {
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // With NORMAL a loss of power could undo what was acknowledged.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(SQLITE_BUSY_TIMEOUT)
                    // Half of a batch would not fit in the 2 MB that SQLite keeps of the file by itself, and every 4 MB
                    // written it would stop to put the log back into the file.
                    .pragma("cache_size", "-24576")
                    .pragma("wal_autocheckpoint", "4000")
                    // A first load leaves a long log file behind, which is not needed afterwards.
                    .pragma("journal_size_limit", "67108864")
                    .foreign_keys(true)
                    .disable_statement_logging();
                let writer =
                    sqlite_pool(1, WRITE_TURN_TIMEOUT).connect_with(options.clone()).await.map_err(acquiring)?;
                let options = options.create_if_missing(false).pragma("cache_size", "-8192").pragma("query_only", "ON");
                let reader =
                    sqlite_pool(SQLITE_READERS, ACQUIRE_TIMEOUT).connect_with(options).await.map_err(acquiring)?;
                Ok(Self::Sqlite { writer, reader })
            }
            DatabaseUrl::Postgres { url, .. } => {
                let options: PgConnectOptions = url.expose_secret().parse().map_err(acquiring)?;
                let pool = postgres_pool().connect_with(postgres_options(options)).await.map_err(acquiring)?;
                Ok(Self::Postgres { pool, writers: Arc::new(Semaphore::new(POSTGRES_WRITERS)) })
            }
        }
    }

    /// Begins to read.
    pub(super) async fn read(&self, visible: Visible) -> Result<Tx, DbErr> {
        match self {
            Self::Sqlite { reader, .. } => Tx::sqlite(reader, "BEGIN DEFERRED").await,
            // One snapshot for all statements of a read, as on SQLite.
            Self::Postgres { pool, .. } => {
                Tx::postgres(pool, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", visible).await
            }
        }
    }

    /// Begins to write.
    pub(super) async fn write(&self, visible: Visible) -> Result<Tx, DbErr> {
        match self {
            Self::Sqlite { writer, .. } => Tx::sqlite(writer, "BEGIN IMMEDIATE").await,
            Self::Postgres { pool, writers } => {
                let turn = tokio::time::timeout(WRITE_TURN_TIMEOUT, Arc::clone(writers).acquire_owned()).await;
                let turn = turn.map_err(|_| acquiring(sqlx::Error::PoolTimedOut))?;
                let mut tx = Tx::postgres(pool, "BEGIN ISOLATION LEVEL READ COMMITTED", visible).await?;
                tx.turn = turn.ok();
                Ok(tx)
            }
        }
    }

    /// Each pool's name, its connections, and how many of them are idle.
    pub(super) fn connections(&self) -> Vec<(&'static str, usize, usize)> {
        match self {
            Self::Sqlite { writer, reader } => vec![
                ("writer", writer.size() as usize, writer.num_idle()),
                ("reader", reader.size() as usize, reader.num_idle()),
            ],
            Self::Postgres { pool, .. } => vec![("all", pool.size() as usize, pool.num_idle())],
        }
    }

    /// Waits for what runs, and closes all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite { writer, reader } => {
                reader.close().await;
                writer.close().await;
            }
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }
}

fn sqlite_pool(connections: u32, acquire_timeout: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .before_acquire(|connection, _| {
            // A full disk may end a transaction behind our back, and the rollback then fails: sqlx would count that
            // transaction as open for ever. Such a connection is replaced.
            Box::pin(async move { Ok(!connection.is_in_transaction()) })
        })
}

fn postgres_pool() -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // In place of a ping: after a fail-over a pooled connection may lead to what is now a standby.
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    return Ok(false);
                }
                let check = connection.fetch_one(sqlx::raw_sql("SHOW transaction_read_only"));
                let row = match tokio::time::timeout(SQLITE_BUSY_TIMEOUT, check).await {
                    Ok(row) => row?,
                    Err(_) => return Ok(false),
                };
                Ok(row.try_get_unchecked::<String, _>(0)? == "off")
            })
        })
}

/// What both pools of connections to a PostgreSQL server have in common.
pub(super) fn postgres_options(options: PgConnectOptions) -> PgConnectOptions {
    options
        .application_name("spandrel")
        // PgBouncer refuses start-up parameters that it does not know.
        .extra_float_digits(None)
        .statement_cache_capacity(0)
        .disable_statement_logging()
}

/// A transaction. What is not committed is rolled back when it is dropped.
pub(super) struct Tx {
    open: Mutex<Open>,
    backend: DbBackend,
    /// Given back after the transaction has ended: fields are dropped in this order.
    turn: Option<OwnedSemaphorePermit>,
    timing: Option<Timing>,
    /// What it checks before it writes.
    pub(super) fence: Option<Arc<Fence>>,
}

enum Open {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    async fn sqlite(pool: &SqlitePool, begin: &'static str) -> Result<Self, DbErr> {
        let transaction = pool.begin_with(begin).await.map_err(acquiring)?;
        Ok(Self::new(Open::Sqlite(transaction), DbBackend::Sqlite))
    }

    async fn postgres(pool: &PgPool, begin: &str, visible: Visible) -> Result<Self, DbErr> {
        let tenant = match visible {
            Visible::All => "*".to_owned(),
            Visible::Tenants(ids) => ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(","),
        };
        let timeout = STATEMENT_TIMEOUT.as_millis();
        // One simple query, so one round trip.
        let begin = format!(
            "{begin}; SET LOCAL spandrel.tenant = '{tenant}'; SET LOCAL statement_timeout = {timeout}; \
             SET LOCAL idle_in_transaction_session_timeout = {timeout}"
        );
        let transaction = deadline(pool.begin_with(AssertSqlSafe(begin))).await.map_err(acquiring)?;
        Ok(Self::new(Open::Postgres(transaction), DbBackend::Postgres))
    }

    fn new(open: Open, backend: DbBackend) -> Self {
        Self { open: Mutex::new(open), backend, turn: None, timing: None, fence: None }
    }

    /// Takes the time until it ends.
    pub(super) fn measure(&mut self, timing: Timing) {
        self.timing = Some(timing);
    }

    /// Makes everything that was done since the beginning durable and visible.
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        match self.open.into_inner() {
            Open::Sqlite(transaction) => transaction.commit().await,
            Open::Postgres(transaction) => deadline(transaction.commit()).await,
        }
        .map_err(running)
    }

    /// Whether this is SQLite.
    pub(super) fn is_sqlite(&self) -> bool {
        self.backend == DbBackend::Sqlite
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Tx {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let (sql, values) = parts(statement);
        match &mut *self.open.lock().await {
            Open::Sqlite(transaction) => {
                let query = sqlx::query_with(sql, values);
                query.execute(&mut **transaction).await.map(Into::into)
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_with(sql, values).persistent(false);
                deadline(query.execute(&mut **transaction)).await.map(Into::into)
            }
        }
        .map_err(running)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &mut *self.open.lock().await {
            Open::Sqlite(transaction) => query.execute(&mut **transaction).await.map(Into::into),
            Open::Postgres(transaction) => deadline(query.execute(&mut **transaction)).await.map(Into::into),
        }
        .map_err(running)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let (sql, values) = parts(statement);
        match &mut *self.open.lock().await {
            Open::Sqlite(transaction) => {
                let query = sqlx::query_with(sql, values);
                query.fetch_all(&mut **transaction).await.map(|rows| rows.into_iter().map(Into::into).collect())
            }
            Open::Postgres(transaction) => {
                let query = sqlx::query_with(sql, values).persistent(false);
                let rows = deadline(query.fetch_all(&mut **transaction)).await;
                rows.map(|rows| rows.into_iter().map(Into::into).collect())
            }
        }
        .map_err(running)
    }
}

/// A statement as sqlx takes it.
fn parts(statement: Statement) -> (AssertSqlSafe<String>, SqlxValues) {
    (AssertSqlSafe(statement.sql), SqlxValues(statement.values.unwrap_or_else(|| sea_orm::Values(Vec::new()))))
}

/// Gives up on a server that says nothing any more, a little after it should have given up by itself.
async fn deadline<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    match tokio::time::timeout(STATEMENT_TIMEOUT + Duration::from_secs(5), work).await {
        Ok(result) => result,
        Err(_) => Err(sqlx::Error::Io(std::io::Error::from(std::io::ErrorKind::TimedOut))),
    }
}

pub(super) fn acquiring(error: sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(error.into()))
}

fn running(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}
