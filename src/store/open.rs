//! Opening the database: hold, connect, check the keys, migrate. All of it or nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use migrations::{Migrator, MigratorTrait};
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};

use super::db::{Pools, acquiring, postgres_options};
use super::entity::tenant;
use super::error::While;
use super::fence::Fence;
use super::sealing::Sealer;
use super::{DatabaseUrl, Error, Keyring, Result};
use crate::clock::Clock;
use crate::model::secret::ExposeSecret;
use crate::model::{Tenant, TenantId, TenantState};

/// Any number will do, as long as all nodes take the same: the lock of the migrations.
const MIGRATION_LOCK: i64 = 0x7370_616e_6472_656c;

/// How often, and how long apart, the hold on a file is tried.
const HOLD_TRIES: u32 = 20;
const HOLD_PAUSE: Duration = Duration::from_millis(100);

/// How long it may take to find out why PostgreSQL cannot be reached.
const CAUSE_WITHIN: Duration = Duration::from_secs(5);

/// The hold on a file or folder: no other gateway has it until this is dropped. The operating system lets go of it when the
/// process ends, however it ends.
pub struct Hold {
    _file: File,
}

impl Hold {
    /// Takes hold of what is at `path`, which need not be there yet, by a lock on the file beside it. A process that was killed
    /// just now may need a moment to be gone, so it is tried for a while.
    ///
    /// # Errors
    /// [`Error::InUse`], or [`Error::File`] when the file beside it cannot be made.
    pub async fn take(path: &Path, clock: &Clock) -> Result<Self> {
        let mut left = HOLD_TRIES;
        loop {
            match Self::try_take(path, clock) {
                Err(Error::InUse { .. }) if left > 1 => tokio::time::sleep(HOLD_PAUSE).await,
                result => return result,
            }
            left -= 1;
        }
    }

    fn try_take(path: &Path, clock: &Clock) -> Result<Self> {
        let lock_path = PathBuf::from(format!("{}.lock", path.display()));
        let fail = |source| Error::File { path: lock_path.clone(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.take(200).read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "just starting" } else { holder.trim() }.to_owned();
                return Err(Error::InUse { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        file.set_len(0).map_err(fail)?;
        file.rewind().map_err(fail)?;
        let holder = format!("process {} since {}", std::process::id(), clock.now().format("%Y-%m-%dT%H:%M:%SZ"));
        writeln!(file, "{holder}").map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// Makes the file of a SQLite database when it is not there. SQLite itself would do it with the process's umask; the secrets'
/// owner alone shall read it.
pub(super) fn make_private(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// What an opened database gives.
pub(super) struct Opened {
    /// Seals and opens under the keys that were checked.
    pub(super) sealer: Sealer,
    /// This gateway's right to write.
    pub(super) fence: Fence,
}

/// Brings the schema up to date, checks the keys and takes the right to write, in one transaction under a lock.
pub(super) async fn prepare(url: &DatabaseUrl, pools: &Pools, keyring: Keyring, clock: &Clock) -> Result<Opened> {
    let fail = |source| Error::Connect { database: url.to_string(), source };
    match (url, pools) {
        (DatabaseUrl::Postgres { url: secret, .. }, _) => {
            let options: PgConnectOptions = secret.expose_secret().parse().map_err(acquiring).map_err(fail)?;
            // A connection of its own, since SeaORM's migrations name their statements: what is named is dropped again.
            let options = postgres_options(options).statement_cache_capacity(100);
            let pool = match PgPoolOptions::new().max_connections(1).connect_with(options.clone()).await {
                Ok(pool) => pool,
                // It tried for a while, and does not say what kept it.
                Err(sqlx::Error::PoolTimedOut) => return Err(fail(acquiring(cause(&options).await))),
                Err(error) => return Err(fail(acquiring(error))),
            };
            let connection = DatabaseConnection::from(pool.clone());
            let opened = prepare_postgres(&connection, url, keyring, clock).await;
            pool.close().await;
            opened
        }
        (DatabaseUrl::Sqlite { .. }, Pools::Sqlite { writer, .. }) => {
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..Default::default()
            };
            let tx = DatabaseConnection::from(writer.clone()).begin_with_options(options).await.map_err(fail)?;
            let opened = prepare_schema(&tx, keyring, clock).await?;
            tx.commit().await.map_err(Error::Migrate)?;
            Ok(opened)
        }
        (DatabaseUrl::Sqlite { .. }, Pools::Postgres { .. }) => unreachable!("the pools were made for this address"),
    }
}

/// Why no connection comes about.
async fn cause(options: &PgConnectOptions) -> sqlx::Error {
    match tokio::time::timeout(CAUSE_WITHIN, PgConnection::connect_with(options)).await {
        Ok(Err(error)) => error,
        // Just now it does, or it hangs still.
        Ok(Ok(_)) | Err(_) => sqlx::Error::PoolTimedOut,
    }
}

async fn prepare_postgres(
    connection: &DatabaseConnection,
    url: &DatabaseUrl,
    keyring: Keyring,
    clock: &Clock,
) -> Result<Opened> {
    let fail = |source| Error::Connect { database: url.to_string(), source };
    let tx = connection.begin().await.map_err(fail)?;
    let run = async |sql: &str| tx.execute_unprepared(sql).await;
    // What another program named on this server connection (PgBouncer) is in the way of our names.
    run("DEALLOCATE ALL; SET LOCAL spandrel.tenant = '*'").await.map_err(fail)?;
    let read_only = sea_orm::Statement::from_string(tx.get_database_backend(), "SHOW transaction_read_only");
    let row = tx.query_one_raw(read_only).await.map_err(fail)?;
    if row.and_then(|row| row.try_get_by_index::<String>(0).ok()).as_deref() != Some("off") {
        return Err(Error::ReadOnly { database: url.to_string() });
    }
    // Of the transaction, not of the session: PgBouncer hands sessions round.
    run(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")).await.map_err(fail)?;
    let opened = prepare_schema(&tx, keyring, clock).await?;
    run("DEALLOCATE ALL").await.map_err(fail)?;
    tx.commit().await.map_err(Error::Migrate)?;
    Ok(opened)
}

async fn prepare_schema(tx: &DatabaseTransaction, keyring: Keyring, clock: &Clock) -> Result<Opened> {
    let migrate = async || -> std::result::Result<(), DbErr> { Migrator::up(tx, None).await };
    migrate().await.map_err(|error| {
        // The library has no kind of its own for it.
        if error.to_string().contains("has been applied but its file is missing") {
            Error::Newer(error)
        } else {
            Error::Migrate(error)
        }
    })?;
    let now = clock.now();
    let platform = Tenant {
        id: TenantId::PLATFORM,
        parent_id: None,
        name: "platform".to_owned(),
        path: String::new(),
        description: String::new(),
        state: TenantState::Active,
        generation: 1,
        created_at: now,
        updated_at: now,
    };
    tenant::Entity::insert(tenant::ActiveModel::from(tenant::Model::from(&platform)).reset_all())
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await
        .writing("the built-in tenant")?;
    let sealer = Sealer::open(tx, keyring, clock).await?;
    let fence = Fence::take(tx).await.writing("which gateway writes")?;
    Ok(Opened { sealer, fence })
}
