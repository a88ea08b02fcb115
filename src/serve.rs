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
use crate::app::sync_control::{BoxFuture, Resync, SyncControl};
use crate::app::{App, AppOptions};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::handles;
use crate::inventory::{Inventory, InventoryConfig, LoggedDeletion, StoredObject, TokenKey};
use crate::jobs;
use crate::model::ownership::Given;
use crate::model::provider::{Capability, Connection, TestReport};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{ProviderId, ProviderKind, Revision};
use crate::store::{self, AuditRetention, DatabaseUrl, Hold, Keyring, LogRetention, Store};
use crate::sync::{self, Pace, Sync};
use crate::telemetry::Telemetry;

/// The first user.
const ADMIN: &str = "admin";
/// Its generated password's length: 24 letters and digits are 142 bits.
const GENERATED_PASSWORD_LEN: usize = 24;
/// Rows read at once when the read model is filled: while they are read in, the next are fetched.
const PAGE: u64 = 5_000;
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
    let listener = TcpListener::bind(config.server.listen).await.with_context(|| cannot_listen(&config))?;
    let address = listener.local_addr()?;
    let connections_max = connections_max(&config, handles::raise());
    let had_keys = config::environment("SPANDREL_KEYS").is_none() && config.key_file().exists();
    let _hold = hold_folder(&config, &clock).await?;
    let store = open_store(&config, clock.clone()).await?;
    match store.system("take the newest key into use").keys_rotate_if_due().await {
        Ok(None) => {}
        Ok(Some(sealed)) => tracing::info!(sealed, "secrets are sealed under the newest key now; older keys can go"),
        // One secret that is damaged: everything is as it was, and whose it is shows that.
        Err(error) => tracing::error!(%error, "the newest key is not in use yet: keep the older ones"),
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
    let app = App::new(store.clone(), Arc::clone(&inventory), control, clock.clone(), options)
        .await
        .context("cannot put the use cases together")?;
    let first = first_start(&app, console)
        .await
        .context("cannot make the administrator (SPANDREL_ADMIN_PASSWORD gives the password)")?;
    if first && had_keys {
        tracing::warn!(
            key_file = %config.key_file().display(),
            "the keys were here before, but the database is a new one: if there was one before, this is not it"
        );
    }

    let stop = stop_on_signals()?;
    let taken_over = store.taken_over();
    tokio::spawn(stop_when_taken_over(taken_over.clone(), stop.clone()));
    let log = LogRetention { keep_entries: config.change_log.keep_entries, ..LogRetention::default() };
    let keep = jobs::Retention { log, audit: audit_retention(&config) };
    let retention = tokio::spawn(jobs::retention(store.clone(), keep, stop.clone()));
    let forwarding = config.audit.receiver().map(|(tcp, host, port)| {
        let receiver = jobs::audit_forward::Receiver { tcp, host, port };
        tokio::spawn(jobs::audit_forward::forward(store.clone(), receiver, clock.clone(), stop.clone()))
    });
    let quota = tokio::spawn(jobs::quota(app.clone(), Arc::clone(&inventory), clock.clone(), stop.clone()));
    let ownership = tokio::spawn(jobs::ownership(app.clone(), inventory, stop.clone()));
    let router = api::router(app, ApiOptions::new(telemetry.metrics_text(), stop.clone()));
    let server = api::server::serve(listener, router, api::server::Patience::default(), connections_max, stop.clone());
    console.listening(address);
    tracing::info!(%address, "listening");
    let mut server = tokio::spawn(server);
    tokio::select! {
        ended = &mut server => ended.context("the server's task")?,
        () = async { stop.cancelled().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("requests were still running at the end and are cut off");
            server.abort();
        }
    }
    stop.cancel();
    sync.stop().await;
    retention.await.context("the retention's task")?;
    ownership.await.context("the task of ownership")?;
    quota.await.context("the task of quotas")?;
    if let Some(forwarding) = forwarding {
        forwarding.await.context("the task that forwards the audit log")?;
    }
    store.close().await;
    tracing::info!("stopped");
    tokio::task::spawn_blocking(move || telemetry.shutdown()).await?;
    if taken_over.is_cancelled() {
        anyhow::bail!(
            "another gateway was started on the same database, which is its alone now: one database has one gateway"
        );
    }
    Ok(())
}

/// Open files for all but the connections of clients: the database, the platforms, the log.
const HANDLES_KEPT: usize = 256;
/// Connections that are not of watchers, where the configuration does not say.
const CONNECTIONS: usize = 4_096;

/// The connections that a configuration asks for, or else `least`.
fn connections_wanted(config: &Config, least: usize) -> usize {
    config.server.connections_max.unwrap_or(least)
}

/// How many connections there may be with so many open files.
fn connections_max(config: &Config, handles: usize) -> usize {
    let wanted = connections_wanted(config, CONNECTIONS + config.server.watchers_max);
    // With very few there is something for each.
    let room = handles.saturating_sub(HANDLES_KEPT).max(handles / 2).max(1);
    let least = connections_wanted(config, config.server.watchers_max);
    if least > room {
        tracing::warn!(
            connections = room,
            open_files = handles,
            wanted = least,
            "the limit of open files leaves fewer connections than are configured (`server.connections_max`, \
             `server.watchers_max`): raise it (LimitNOFILE of systemd, `ulimit -Hn`)"
        );
    }
    wanted.min(room)
}

/// What of a configuration would keep the server from starting, found without changing anything: the address to listen on,
/// the database's address, the keys, the data directory. The database itself is not asked.
#[must_use]
pub fn preflight(config: &Config) -> Vec<anyhow::Error> {
    let listen = match std::net::TcpListener::bind(config.server.listen) {
        // Perhaps by the very server that the configuration is of.
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context(cannot_listen(config))),
        Ok(_) => Ok(()),
    };
    let directory = &config.data_directory;
    let directory = match std::fs::metadata(directory) {
        Ok(found) if !found.is_dir() => {
            Err(anyhow::anyhow!("`data_directory`: {} is no directory", directory.display()))
        }
        // It is made at the start.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(anyhow::Error::from(error).context(cannot_make(config))),
        Ok(_) => Ok(()),
    };
    let database = database_url(config).map(drop);
    let (needed, most) = (connections_wanted(config, config.server.watchers_max) + HANDLES_KEPT, handles::most());
    let handles = if needed <= most {
        Ok(())
    } else {
        Err(anyhow::anyhow!(
            "`server.connections_max` and `server.watchers_max` need {needed} open files, and this machine gives {most} \
             (`ulimit -Hn`; LimitNOFILE of systemd)"
        ))
    };
    [listen, directory, database, keyring(config).map(drop), handles].into_iter().filter_map(Result::err).collect()
}

fn cannot_listen(config: &Config) -> String {
    format!("cannot listen on {} (`server.listen`)", config.server.listen)
}

fn cannot_make(config: &Config) -> String {
    format!("cannot make the data directory {} (`data_directory`)", config.data_directory.display())
}

fn database_url(config: &Config) -> anyhow::Result<DatabaseUrl> {
    let from = match config::environment("SPANDREL_DATABASE_URL") {
        Some(_) => "the environment variable SPANDREL_DATABASE_URL",
        None => "`database.url`",
    };
    config.database_url().expose_secret().parse().context(from)
}

fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    match config::environment("SPANDREL_KEYS") {
        Some(keys) => {
            let keys: Vec<SecretString> = keys.split_whitespace().map(SecretString::from).collect();
            Keyring::from_base64(&keys).context("the environment variable SPANDREL_KEYS")
        }
        None => Keyring::from_file(&config.key_file()).context("`secrets.key_file`"),
    }
}

/// The data folder is this gateway's alone, whatever the database is. One that cannot be written shares nothing.
async fn hold_folder(config: &Config, clock: &Clock) -> anyhow::Result<Option<Hold>> {
    std::fs::create_dir_all(&config.data_directory).with_context(|| cannot_make(config))?;
    match Hold::take(&config.data_directory.join("spandrel"), clock).await {
        Err(store::Error::File { .. }) if matches!(database_url(config)?, DatabaseUrl::Postgres { .. }) => Ok(None),
        hold => Ok(Some(hold?)),
    }
}

async fn open_store(config: &Config, clock: Clock) -> anyhow::Result<Store> {
    Ok(Store::open(&database_url(config)?, keyring(config)?, clock).await?)
}

fn audit_retention(config: &Config) -> AuditRetention {
    let keep_for = Duration::from_secs(config.audit.keep_for_days.saturating_mul(24 * 3_600));
    AuditRetention { keep_for, max_entries: config.audit.max_entries }
}

/// Fills the read model with what is stored. Nothing else writes yet.
async fn fill_inventory(store: &Store, config: &Config) -> anyhow::Result<Arc<Inventory>> {
    let system = store.system("fill the read model");
    let key = system.secret_setting("page_token_key", || rand::random::<[u8; 32]>().to_vec().into()).await?;
    let key = <[u8; 32]>::try_from(key.as_slice())
        .map_err(|_| anyhow::anyhow!("the stored page_token_key has {} bytes instead of 32", key.len()))?;
    let log_max = usize::try_from(config.change_log.keep_entries)?;
    let options = InventoryConfig { log_max, ..InventoryConfig::default() };
    let inventory = Inventory::new(options.clone(), TokenKey::new(key));
    let mut loader = inventory.loader();
    let mut rows = system.objects_page(None, PAGE).await?;
    while let Some(last) = rows.last() {
        let after = Some(last.id);
        let objects = rows.into_iter().map(|row| StoredObject {
            id: row.id,
            kind: row.kind,
            owner: row.owner,
            provider_id: row.provider_id,
            source_id: row.source_id,
            revision: row.revision,
            created_at: row.created_at,
            changed_at: row.changed_at,
            body: row.body,
        });
        let objects = objects.collect();
        // The database reads the next page meanwhile.
        let reading = tokio::task::spawn_blocking(move || {
            loader.add(objects);
            loader
        });
        let next = system.objects_page(after, PAGE).await;
        loader = reading.await.unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()));
        rows = next?;
    }
    let revision = system.current_revision().await?;
    let oldest = Revision(revision.0.saturating_sub(options.log_max as u64)).max(system.compacted_through().await?);
    let deletions = deletions(store, oldest).await?;
    let report = tokio::task::block_in_place(move || loader.finish(&deletions, oldest, revision));
    for unreadable in &report.unreadable {
        tracing::error!(
            id = %unreadable.id, kind = %unreadable.kind, provider = %unreadable.provider_id, reason = unreadable.reason,
            "a stored object cannot be read; its next observation writes it anew"
        );
    }
    tracing::info!(objects = report.object_count, %revision, "the read model is filled");
    Ok(inventory)
}

/// The deletions that the change log has after a revision.
async fn deletions(store: &Store, oldest: Revision) -> Result<Vec<LoggedDeletion>, store::Error> {
    let system = store.system("fill the read model");
    let mut deletions: Vec<LoggedDeletion> = Vec::new();
    loop {
        let after = deletions.last().map_or(oldest, |last| last.revision);
        let entries = system.deletions_after(after, PAGE).await?;
        if entries.is_empty() {
            return Ok(deletions);
        }
        deletions.extend(entries.into_iter().map(|entry| LoggedDeletion {
            revision: entry.revision,
            id: entry.object_id,
            kind: entry.kind,
            owner: entry.owner,
            provider_id: entry.provider_id,
        }));
    }
}

/// Makes the administrator at the first start. Gives whether it was that.
async fn first_start(app: &App, console: &dyn Console) -> anyhow::Result<bool> {
    let given = config::environment("SPANDREL_ADMIN_PASSWORD").map(SecretString::from);
    let generated = given.is_none();
    let password = given.unwrap_or_else(|| Alphanumeric.sample_string(&mut rand::rng(), GENERATED_PASSWORD_LEN).into());
    let made = app.admin_bootstrap(ADMIN, password.clone()).await?;
    if made && generated {
        console.first_password(ADMIN, &password);
    }
    Ok(made)
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

/// Two gateways on one database would both tell the platforms' machines: the older one leaves.
async fn stop_when_taken_over(taken_over: CancellationToken, stop: CancellationToken) {
    tokio::select! {
        () = taken_over.cancelled() => {
            tracing::error!("another gateway was started on the same database: this one stops");
            stop.cancel();
        }
        () = stop.cancelled() => {}
    }
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

    fn resync(&self, id: ProviderId) -> Resync {
        match self.0.resync(id) {
            sync::Resync::Begun => Resync::Begun,
            sync::Resync::NotRunning => Resync::NotRunning,
            sync::Resync::Refused => Resync::Refused,
        }
    }

    fn own<'a>(&'a self, moves: &'a [Given]) -> BoxFuture<'a, Result<(), store::Error>> {
        Box::pin(self.0.own(moves))
    }

    fn provider_verified(&self, id: ProviderId) {
        self.0.provider_verified(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_connections_as_files_allow() {
        let mut config = Config::default();
        assert_eq!(connections_max(&config, 65_536), 6_096);
        assert_eq!(connections_max(&config, 1_024), 768);
        assert_eq!(connections_max(&config, 200), 100);
        config.server.connections_max = Some(3_000);
        assert_eq!(connections_max(&config, 65_536), 3_000);
        assert_eq!(connections_max(&config, 1_024), 768);
    }
}
