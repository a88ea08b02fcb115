//! The tests of the store, each on both databases.
//!
//! A PostgreSQL cluster is started once per run by `tests/lab/postgres.py` and ends with this process; where it cannot be
//! started the tests fail. Every test has a database of its own. `SPANDREL_TEST_POSTGRES_URL` names another server, or a
//! PgBouncer before one, whose user may create databases.

mod access;
mod audit;
mod faults;
mod idempotency;
mod keys;
mod large;
mod log;
mod model;
mod object_change;
mod observe;
mod open;
mod provider;
mod quota;
mod scope;
mod sync_history;
mod told;
mod user;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use chrono::DateTime;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

use super::db::Pools;
use super::*;
use crate::authz::{AccountWrite, InventoryRead, ProviderWrite};
use crate::model::provider::Trust;
use crate::model::{Kind, LogOp, ObjectId, Owner, ProviderId, ProviderKind, Revision, SourceId, TenantId};

/// Declares a test that runs on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($(#[$meta:meta])* async fn $name:ident($fixture:ident: Fixture) $body:block) => {
        $(#[$meta])*
        mod $name {
            use super::*;

            async fn check($fixture: Fixture) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                check(Fixture::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                check(Fixture::postgres().await).await;
            }
        }
    };
}
pub(super) use on_both;

/// An opened database, and what it was opened with. Also for tests of what uses the store.
pub(crate) struct Fixture {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(super) url: DatabaseUrl,
    pub(super) folder: TempDir,
}

static CLUSTER: OnceLock<(Option<Child>, String)> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// The URL of the cluster's first database.
fn cluster() -> &'static str {
    let (_, url) = CLUSTER.get_or_init(|| {
        if let Ok(url) = std::env::var("SPANDREL_TEST_POSTGRES_URL") {
            return (None, url);
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/postgres.py");
        let mut child = Command::new("python3")
            .arg(script)
            .args(["up", "--exit-with-stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 runs");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it was piped");
        BufReader::new(stdout).read_line(&mut line).expect("the cluster's line can be read");
        let answer: serde_json::Value = serde_json::from_str(&line).expect("PostgreSQL starts; see the message above");
        (Some(child), answer["url"].as_str().expect("a url").to_owned())
    });
    url
}

/// Makes a database in the cluster.
pub(super) async fn new_postgres_database() -> String {
    let url = tokio::task::spawn_blocking(cluster).await.expect("the cluster starts");
    let name = format!("t{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    let options = db::postgres_options(url.parse().expect("a url"));
    let mut connection = PgConnection::connect_with(&options).await.expect("the cluster answers");
    connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.expect("a database can be made");
    connection.close().await.expect("it closes");
    let (server, _) = url.rsplit_once('/').expect("the url has a database");
    format!("{server}/{name}")
}

pub(super) fn clock() -> Clock {
    Clock::manual(DateTime::from_timestamp_micros(1_800_000_000_123_456).expect("a time"))
}

impl Fixture {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::in_folder(folder.path());
        Self::open(url, folder).await
    }

    pub(super) async fn postgres() -> Self {
        let url = new_postgres_database().await.parse().expect("a database's url");
        Self::open(url, tempfile::tempdir().expect("a folder")).await
    }

    async fn open(url: DatabaseUrl, folder: TempDir) -> Self {
        let clock = clock();
        let keyring = Keyring::from_file(&folder.path().join("keys")).expect("a key file");
        let store = Store::open(&url, keyring, clock.clone()).await.expect("it opens");
        Self { store, clock, url, folder }
    }

    pub(super) fn keyring(&self) -> Keyring {
        Keyring::from_file(&self.folder.path().join("keys")).expect("the key file is there")
    }

    pub(super) fn is_sqlite(&self) -> bool {
        matches!(self.url, DatabaseUrl::Sqlite { .. })
    }

    pub(crate) fn system(&self) -> SystemStore {
        self.store.system("test")
    }

    pub(crate) fn admin(&self) -> TenantStore<ProviderWrite> {
        self.store.tenant(&TenantScope::of_tenant(TenantId::PLATFORM))
    }

    /// Reads what the platform owns.
    pub(crate) fn reader(&self) -> TenantStore<InventoryRead> {
        self.store.tenant(&self.scope())
    }

    /// Reads the audit log of the platform.
    pub(super) fn auditor(&self) -> TenantStore<crate::authz::AuditRead> {
        self.store.tenant(&self.scope())
    }

    /// Sees the providers.
    pub(crate) fn providers(&self) -> TenantScope<crate::authz::ProviderRead> {
        self.scope()
    }

    /// Sees what the platform owns.
    pub(crate) fn scope<A: Act>(&self) -> TenantScope<A> {
        TenantScope::of_tenant(TenantId::PLATFORM)
    }

    /// A provider with one source.
    pub(crate) async fn provider(&self, name: &str) -> (ProviderId, SourceId) {
        let record = self.admin().provider_create(new_provider(name)).await.expect("a provider can be added");
        (record.id, record.sources[0].id)
    }

    /// See [`Store::sql`].
    pub(crate) async fn sql(&self, sql: &str) {
        self.store.sql(sql).await;
    }

    /// Makes the database refuse rows of `table` for which `condition` (over `NEW`) holds: `broken` with an error of the
    /// database itself, else with one of the values.
    pub(super) async fn refuse(&self, table: &str, condition: &str, broken: bool) {
        if self.is_sqlite() {
            let act = if broken { "SELECT json('not JSON')" } else { "SELECT RAISE(ABORT, 'refused')" };
            self.sql(&format!(
                "CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} WHEN {condition} BEGIN {act}; END"
            ))
            .await;
        } else {
            let code = if broken { "XX000" } else { "22000" };
            self.sql(&format!(
                "CREATE FUNCTION refuse_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF {condition} THEN \
                 RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$; \
                 CREATE TRIGGER refuse_{table} BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_{table}()"
            ))
            .await;
        }
    }

    /// All entries of the log.
    pub(super) async fn log(&self) -> Vec<LogEntry> {
        match self.system().changes_after(Revision(0), 1_000_000).await.expect("the log can be read") {
            ChangesPage::Entries(entries) => entries,
            ChangesPage::Compacted { through } => panic!("compacted through {through}"),
        }
    }
}

pub(super) fn endpoint(address: &str) -> Endpoint {
    Endpoint { given: address.to_owned(), normalized: format!("https://{}/sdk", address.to_lowercase()) }
}

pub(super) fn new_provider(name: &str) -> NewProvider {
    NewProvider {
        name: name.to_owned(),
        kind: ProviderKind::Vsphere,
        enabled: true,
        username: Some("reader@vsphere.local".to_owned()),
        password: Some("hunter2-päss".into()),
        trust: Trust { thumbprint_sha256: Some("AA:BB".to_owned()), ca_pem: None },
        endpoints: vec![endpoint(&format!("{name}.example"))],
    }
}

/// An object whose key, group and body follow from `key`.
pub(super) fn put(id: ObjectId, key: &str, body: &str) -> PutObject {
    PutObject {
        id,
        source_id: None,
        kind: Kind::Vm,
        family: "core",
        group_key: key.to_owned(),
        key: key.to_owned(),
        body: Arc::from(body),
        hash: std::array::from_fn(|index| body.as_bytes().get(index).copied().unwrap_or(0)),
    }
}

impl Store {
    /// Runs statements past the doors, as the role of the gateway, seeing everything.
    pub(crate) async fn sql(&self, sql: &str) {
        let tx = self.inner.pools.write(Visible::All).await.expect("a transaction");
        sea_orm::ConnectionTrait::execute_unprepared(&tx, sql).await.expect("the statements run");
        tx.commit().await.expect("they are committed");
    }
}

/// Without a key, as most tests want it.
impl TenantStore<ProviderWrite> {
    pub(super) async fn provider_create(&self, new: NewProvider) -> Result<ProviderRecord> {
        match self.provider_create_once(new, None, Told::any()).await? {
            Outcome::Done(record, _) => Ok(record),
            Outcome::Before(_) => panic!("there was no key"),
        }
    }
}

impl TenantStore<AccountWrite> {
    pub(super) async fn token_create(&self, new: NewToken) -> Result<TokenRecord> {
        match self.token_create_once(new, 100, None, Told::any()).await? {
            Outcome::Done(record, _) => Ok(record),
            Outcome::Before(_) => panic!("there was no key"),
        }
    }
}
