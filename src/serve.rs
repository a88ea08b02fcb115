//! The server: puts the parts together, in the order in which they need each other, and takes them apart again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::TimeDelta;
use rand::distr::{Alphanumeric, SampleString};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::api::{self, ApiOptions};
use crate::app::sync_control::{BoxFuture, SyncControl};
use crate::app::{App, AppOptions};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::inventory::{Inventory, InventoryConfig, LogOp, LoggedChange, StoredObject, TokenKey};
use crate::jobs;
use crate::model::provider::{Capability, Connection, TestReport};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{ProviderId, ProviderKind, Revision};
use crate::store::{self, ChangesPage, DatabaseUrl, Keyring, LogRetention, Store};
use crate::sync::{Pace, Sync};
use crate::telemetry::Telemetry;

/// The first user.
const ADMIN: &str = "admin";
/// Its generated password's length: 24 letters and digits are 142 bits.
const GENERATED_PASSWORD_LEN: usize = 24;
/// Rows read at once when the read model is filled.
const PAGE: u64 = 20_000;
/// How long requests in progress may take after the signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// What `main` has to show to a person.
pub trait Console {
    /// The server answers.
    fn listening(&self, address: SocketAddr);
    /// The administrator was just made, with a generated password: the only time that it is shown.
    fn first_password(&self, username: &str, password: &SecretString);
}

/// Runs the server until SIGINT or SIGTERM.
///
/// # Errors
/// When a part cannot start: the message says which, and how to mend it.
pub async fn serve(config: Config, console: &dyn Console) -> anyhow::Result<()> {
    let telemetry = Telemetry::init(&config.log, &config.telemetry)?;
    let clock = Clock::system();
    // First, so that nothing was done when the port is taken.
    let listener = TcpListener::bind(config.server.listen)
        .await
        .with_context(|| format!("cannot listen on {} (`server.listen`)", config.server.listen))?;
    let address = listener.local_addr()?;
    let store = open_store(&config, clock.clone()).await?;
    let sealed = store.system("take the newest key into use").keys_rotate_if_due().await.context("cannot seal anew")?;
    if let Some(sealed) = sealed {
        tracing::info!(sealed, "secrets are sealed under the newest key now; older keys can be taken out");
    }
    let inventory = fill_inventory(&store, &config).await.context("cannot load the inventory")?;
    let pace = Pace {
        compare_every: config.sync.compare_every(),
        poll_every: config.sync.poll_every(),
        lagging_after: config.sync.lagging_after(),
    };
    let sync = Sync::start(store.clone(), Arc::clone(&inventory), clock.clone(), pace)
        .await
        .context("cannot begin to sync")?;
    let options = AppOptions {
        session_lifetime: TimeDelta::hours(i64::try_from(config.server.session_h)?),
        watchers_max: config.server.watchers_max,
        ..AppOptions::default()
    };
    let control = Arc::new(Control(Arc::clone(&sync)));
    let app =
        App::new(store.clone(), inventory, control, clock, options).context("cannot put the use cases together")?;
    first_start(&app, console)
        .await
        .context("cannot make the administrator (SPANDREL_ADMIN_PASSWORD gives the password)")?;

    let stop = stop_on_signals()?;
    let log = LogRetention { keep_entries: config.change_log.keep_entries, ..LogRetention::default() };
    let retention = tokio::spawn(jobs::retention(store.clone(), log, stop.clone()));
    let router = api::router(app, ApiOptions::new(telemetry.metrics_text(), stop.clone()));
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop.clone().cancelled_owned());
    console.listening(address);
    tracing::info!(%address, "listening");
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        ended = &mut server => ended.context("the server's task")?.context("the server ended")?,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("requests were still running at the end and are cut off");
            server.abort();
        }
    }
    stop.cancel();
    sync.stop().await;
    retention.await.context("the retention's task")?;
    store.close().await;
    tracing::info!("stopped");
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    Ok(())
}

async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Store> {
    let directory = &config.data_directory;
    std::fs::create_dir_all(directory)
        .with_context(|| format!("cannot make the data directory {} (`data_directory`)", directory.display()))?;
    let url: DatabaseUrl = config.database_url().expose_secret().parse()?;
    let keyring = match config::environment("SPANDREL_KEYS") {
        Some(keys) => {
            let keys: Vec<SecretString> = keys.split_whitespace().map(SecretString::from).collect();
            Keyring::from_base64(&keys).context("the environment variable SPANDREL_KEYS")?
        }
        None => Keyring::from_file(&config.key_file())?,
    };
    Ok(Store::open(&url, keyring, clock).await?)
}

/// Fills the read model with what is stored. Nothing else writes yet.
async fn fill_inventory(store: &Store, config: &Config) -> Result<Arc<Inventory>, store::Error> {
    let system = store.system("fill the read model");
    let key = system.secret_setting("page_token_key", || rand::random::<[u8; 32]>().to_vec().into()).await?;
    let key = <[u8; 32]>::try_from(key.as_slice()).unwrap_or_else(|_| rand::random());
    let log_max = usize::try_from(config.change_log.keep_entries).unwrap_or(usize::MAX);
    let options = InventoryConfig { log_max: log_max.min(500_000), ..InventoryConfig::default() };
    let inventory = Inventory::new(options.clone(), TokenKey::new(key));
    let mut loader = inventory.loader();
    let mut after = None;
    loop {
        let rows = system.objects_page(after, PAGE).await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        let objects = rows.into_iter().map(|row| StoredObject {
            id: row.id,
            kind: row.kind,
            tenant_id: row.tenant_id,
            provider_id: row.provider_id,
            source_id: row.source_id,
            revision: row.revision,
            created_at: row.created_at,
            changed_at: row.changed_at,
            body: row.body.as_ref().into(),
        });
        let objects = objects.collect();
        loader = tokio::task::block_in_place(move || {
            loader.add(objects);
            loader
        });
    }
    let revision = system.current_revision().await?;
    let (log, compacted_through) = log_tail(store, revision, options.log_max as u64).await?;
    let report = tokio::task::block_in_place(move || loader.finish(&log, compacted_through, revision));
    for unreadable in &report.unreadable {
        tracing::error!(
            id = %unreadable.id, kind = %unreadable.kind, provider = %unreadable.provider_id, reason = unreadable.reason,
            "a stored object cannot be read; its next observation writes it anew"
        );
    }
    tracing::info!(objects = report.object_count, %revision, "the read model is filled");
    Ok(inventory)
}

/// The newest entries of the change log, at most `limit`, and the revision before the oldest of them.
async fn log_tail(store: &Store, newest: Revision, limit: u64) -> Result<(Vec<LoggedChange>, Revision), store::Error> {
    let system = store.system("fill the read model");
    let mut from = Revision(newest.0.saturating_sub(limit));
    let mut log = Vec::new();
    loop {
        let after = log.last().map_or(from, |last: &LoggedChange| last.revision);
        match system.changes_after(after, PAGE).await? {
            ChangesPage::Compacted { through } => from = through,
            ChangesPage::Entries(entries) if entries.is_empty() => return Ok((log, from)),
            ChangesPage::Entries(entries) => log.extend(entries.into_iter().map(|entry| LoggedChange {
                revision: entry.revision,
                id: entry.object_id,
                kind: entry.kind,
                tenant_id: entry.tenant_id,
                provider_id: entry.provider_id,
                op: match entry.op {
                    store::LogOp::Put => LogOp::Put,
                    store::LogOp::Delete => LogOp::Delete,
                },
            })),
        }
    }
}

/// Makes the administrator at the first start.
async fn first_start(app: &App, console: &dyn Console) -> anyhow::Result<()> {
    let given = config::environment("SPANDREL_ADMIN_PASSWORD").map(SecretString::from);
    let generated = given.is_none();
    let password = given.unwrap_or_else(|| Alphanumeric.sample_string(&mut rand::rng(), GENERATED_PASSWORD_LEN).into());
    if app.admin_bootstrap(ADMIN, password.clone()).await? && generated {
        console.first_password(ADMIN, &password);
    }
    Ok(())
}

/// A token that is cancelled by the first SIGINT or SIGTERM.
fn stop_on_signals() -> anyhow::Result<CancellationToken> {
    use tokio::signal::unix::{SignalKind, signal};
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let stopping = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        stopping.cancel();
    });
    Ok(stop)
}

/// What the use cases ask of the synchronization.
struct Control(Arc<Sync>);

impl SyncControl for Control {
    fn normalize_endpoint(&self, kind: ProviderKind, endpoint: &str) -> Result<String, String> {
        self.0.normalize_endpoint(kind, endpoint)
    }

    fn capabilities(&self, kind: ProviderKind) -> Vec<Capability> {
        self.0.capabilities(kind)
    }

    fn test<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, TestReport> {
        Box::pin(self.0.test(connection))
    }

    fn provider_changed(&self, id: ProviderId) {
        self.0.provider_changed(id);
    }

    fn provider_remove(&self, id: ProviderId) -> BoxFuture<'_, ()> {
        Box::pin(self.0.provider_remove(id))
    }

    fn resync(&self, id: ProviderId) -> bool {
        self.0.resync(id)
    }
}
