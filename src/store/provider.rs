//! Providers: what an administrator joined.

use std::collections::{HashMap, HashSet};

use sea_orm::sea_query::Condition;
use sea_orm::{ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::db::Tx;
use super::entity::{provider, source};
use super::error::While;
use super::log::LogWriter;
use super::sealing::place;
use super::{Error, Result, SystemStore, TenantStore, codec, quarantine};
use crate::model::provider::{SourceIdentity, Trust};
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{ProviderId, ProviderKind, SourceId, TenantId, Time};

/// A provider as it is stored. Its sync state is not: that is `sync`'s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRecord {
    /// Its id.
    pub id: ProviderId,
    /// Its owner.
    pub tenant_id: TenantId,
    /// Its name; unique within the tenant, without regard to upper and lower case.
    pub name: String,
    /// Its platform.
    pub kind: ProviderKind,
    /// Whether it is to be synced.
    pub enabled: bool,
    /// Whether its removal was asked for and goes on.
    pub removing: bool,
    /// The user that signs in there.
    pub username: Option<String>,
    /// Whether there is a password; see [`ProviderSecrets`].
    pub has_password: bool,
    /// How its certificate is checked.
    pub trust: Trust,
    /// Its sources, in their order; without those that are being removed.
    pub sources: Vec<SourceRecord>,
    /// Sources that an edit took away, until [`SystemStore::source_purge`] is done with them.
    pub removing_sources: Vec<SourceId>,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was added.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
}

/// A source as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// Its id.
    pub id: SourceId,
    /// Its provider.
    pub provider_id: ProviderId,
    /// Its address as it was given.
    pub endpoint: String,
    /// What it said of itself, once it was reached.
    pub identity: Option<SourceIdentity>,
    /// The platform's position at the last batch, for diagnosis.
    pub cursor: Option<String>,
    /// When what is stored was last known to be true.
    pub last_contact_at: Option<Time>,
    /// Whether it was read completely once.
    pub loaded_once: bool,
    /// How many groups are in quarantine.
    pub quarantined_count: u64,
}

/// A provider together with what signs in there.
#[derive(Clone, Debug)]
pub struct ProviderWithSecrets {
    /// The provider.
    pub record: ProviderRecord,
    /// What signs in there.
    pub secrets: ProviderSecrets,
}

/// What signs in at a provider.
#[derive(Clone, Debug, Default)]
pub struct ProviderSecrets {
    /// The password.
    pub password: Option<SecretString>,
}

/// An address, in two forms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// As it was given, without any secret.
    pub given: String,
    /// The form by which duplicates are found.
    pub normalized: String,
}

/// A provider to add.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// Its name.
    pub name: String,
    /// Its platform.
    pub kind: ProviderKind,
    /// Whether it is to be synced.
    pub enabled: bool,
    /// The user that signs in there.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// How its certificate is checked.
    pub trust: Trust,
    /// Its endpoints; at least one, no two with the same normalized form.
    pub endpoints: Vec<Endpoint>,
}

/// An edit of a provider: what is `None` stays; `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct ProviderEdit {
    /// Another name.
    pub name: Option<String>,
    /// On or off.
    pub enabled: Option<bool>,
    /// Another user.
    pub username: Option<Option<String>>,
    /// Another password.
    pub password: Option<Option<SecretString>>,
    /// Another way to check the certificate.
    pub trust: Option<Trust>,
    /// All endpoints. A source whose normalized endpoint is still among them stays what it is. A provider that had one
    /// endpoint and has one afterwards keeps its source, and with it its objects: the installation is another only if it
    /// says so itself. Sources that are left over are marked for removal.
    pub endpoints: Option<Vec<Endpoint>>,
}

const WHAT: &str = "a provider";

/// The column `config`.
#[derive(Default, Serialize, Deserialize)]
struct Config {
    username: Option<String>,
    #[serde(default)]
    trust: Trust,
}

fn name_key(name: &str) -> String {
    name.to_lowercase()
}

fn to_json(value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|error| DbErr::Json(error.to_string())).writing(WHAT)
}

/// What is wrong with a list of endpoints by itself.
fn check_endpoints(endpoints: &[Endpoint]) -> Result<()> {
    let distinct: HashSet<_> = endpoints.iter().map(|endpoint| &endpoint.normalized).collect();
    if endpoints.is_empty() || distinct.len() < endpoints.len() { Err(Error::Endpoints) } else { Ok(()) }
}

/// Whether another provider of the tenant has the name.
async fn check_name_free(tx: &Tx, tenant: Uuid, own: Uuid, name: &str) -> Result<()> {
    let other = provider::Entity::find()
        .filter(provider::Column::TenantId.eq(tenant))
        .filter(provider::Column::NameKey.eq(name_key(name)))
        .filter(provider::Column::Id.ne(own))
        .one(tx)
        .await
        .writing(WHAT)?;
    match other {
        None => Ok(()),
        Some(row) => Err(Error::ProviderNameTaken { id: ProviderId(row.id), name: row.name, removing: row.removing }),
    }
}

/// Whether another provider of the tenant has one of the endpoints.
async fn check_endpoints_free(tx: &Tx, tenant: Uuid, own: Uuid, endpoints: &[Endpoint]) -> Result<()> {
    for endpoint in endpoints {
        let other = source::Entity::find()
            .filter(source::Column::TenantId.eq(tenant))
            .filter(source::Column::EndpointKey.eq(&endpoint.normalized))
            .filter(source::Column::ProviderId.ne(own))
            .one(tx)
            .await
            .writing(WHAT)?;
        let Some(other) = other else { continue };
        let owner = provider::Entity::find_by_id(other.provider_id).one(tx).await.writing(WHAT)?;
        let owner = owner.ok_or_else(|| codec::damaged("source", other.id, "its provider is missing"))?;
        return Err(Error::EndpointTaken {
            endpoint: endpoint.given.clone(),
            id: ProviderId(owner.id),
            name: owner.name,
            removing: owner.removing || other.removing,
        });
    }
    Ok(())
}

fn source_row(tenant: Uuid, provider: Uuid, position: usize, endpoint: Endpoint) -> source::ActiveModel {
    source::ActiveModel {
        id: Set(SourceId::generate().0),
        tenant_id: Set(tenant),
        provider_id: Set(provider),
        position: Set(i64::try_from(position).unwrap_or(i64::MAX)),
        endpoint: Set(endpoint.given),
        endpoint_key: Set(endpoint.normalized),
        identity: Set(None),
        cursor: Set(None),
        last_contact_at: Set(None),
        loaded_once: Set(false),
        removing: Set(false),
    }
}

/// Brings the sources of a provider into line with its endpoints; see [`ProviderEdit::endpoints`].
async fn edit_sources(tx: &Tx, tenant: Uuid, provider: Uuid, endpoints: Vec<Endpoint>) -> Result<()> {
    let existing =
        source::Entity::find().filter(source::Column::ProviderId.eq(provider)).all(tx).await.writing(WHAT)?;
    let active: Vec<Uuid> = existing.iter().filter(|row| !row.removing).map(|row| row.id).collect();
    let mut by_key: HashMap<String, Uuid> = existing.iter().map(|row| (row.endpoint_key.clone(), row.id)).collect();
    if let ([only], [endpoint]) = (active.as_slice(), endpoints.as_slice())
        && !by_key.contains_key(&endpoint.normalized)
    {
        // One before, one after: it is the same source under another address.
        by_key.retain(|_, id| id != only);
        by_key.insert(endpoint.normalized.clone(), *only);
    }
    let mut kept = HashSet::new();
    for (position, endpoint) in endpoints.into_iter().enumerate() {
        match by_key.get(&endpoint.normalized) {
            Some(id) => {
                kept.insert(*id);
                let row = source::ActiveModel {
                    id: Set(*id),
                    position: Set(i64::try_from(position).unwrap_or(i64::MAX)),
                    endpoint: Set(endpoint.given),
                    endpoint_key: Set(endpoint.normalized),
                    removing: Set(false),
                    ..Default::default()
                };
                source::Entity::update(row).exec(tx).await.writing(WHAT)?;
            }
            None => {
                let row = source_row(tenant, provider, position, endpoint);
                source::Entity::insert(row).exec_without_returning(tx).await.writing(WHAT)?;
            }
        }
    }
    for id in active.into_iter().filter(|id| !kept.contains(id)) {
        let row = source::ActiveModel { id: Set(id), removing: Set(true), ..Default::default() };
        source::Entity::update(row).exec(tx).await.writing(WHAT)?;
    }
    Ok(())
}

/// Puts providers together with their sources.
async fn records(tx: &Tx, rows: Vec<provider::Model>) -> Result<Vec<ProviderRecord>> {
    let one = if let [row] = rows.as_slice() { Some(row.id) } else { None };
    let mut query = source::Entity::find().order_by_asc(source::Column::Position);
    if let Some(id) = one {
        query = query.filter(source::Column::ProviderId.eq(id));
    }
    let mut sources: HashMap<Uuid, Vec<source::Model>> = HashMap::new();
    for row in query.all(tx).await.reading(WHAT)? {
        sources.entry(row.provider_id).or_default().push(row);
    }
    let counts = quarantine::counts(tx, one).await?;
    rows.into_iter().map(|row| record(&row, sources.remove(&row.id).unwrap_or_default(), &counts)).collect()
}

fn record(row: &provider::Model, sources: Vec<source::Model>, counts: &HashMap<Uuid, u64>) -> Result<ProviderRecord> {
    let damaged = |reason: String| codec::damaged("provider", row.id, reason);
    let config: Config = serde_json::from_str(&row.config).map_err(|error| damaged(format!("its config: {error}")))?;
    let mut record = ProviderRecord {
        id: ProviderId(row.id),
        tenant_id: TenantId(row.tenant_id),
        name: row.name.clone(),
        kind: ProviderKind::parse(&row.kind).ok_or_else(|| damaged(format!("its kind is {:?}", row.kind)))?,
        enabled: row.enabled,
        removing: row.removing,
        username: config.username,
        has_password: row.secret.is_some(),
        trust: config.trust,
        sources: Vec::with_capacity(sources.len()),
        removing_sources: Vec::new(),
        generation: row.generation,
        created_at: codec::time(row.created_at),
        updated_at: codec::time(row.updated_at),
    };
    for source in sources {
        if source.removing {
            record.removing_sources.push(SourceId(source.id));
            continue;
        }
        let identity = source.identity.as_deref().map(serde_json::from_str).transpose();
        record.sources.push(SourceRecord {
            id: SourceId(source.id),
            provider_id: record.id,
            endpoint: source.endpoint,
            identity: identity
                .map_err(|error| codec::damaged("source", source.id, format!("its identity: {error}")))?,
            cursor: source.cursor,
            last_contact_at: source.last_contact_at.map(codec::time),
            loaded_once: source.loaded_once,
            quarantined_count: counts.get(&source.id).copied().unwrap_or(0),
        });
    }
    Ok(record)
}

impl super::Inner {
    async fn seal_password(
        &self,
        tx: &Tx,
        lock: &LogWriter,
        id: Uuid,
        password: Option<&SecretString>,
    ) -> Result<Option<Vec<u8>>> {
        let Some(password) = password else { return Ok(None) };
        let place = place("provider", "secret", id);
        self.sealer.seal(tx, lock, &place, password.expose_secret().as_bytes()).await.map(Some)
    }

    async fn open_secrets(&self, tx: &Tx, id: Uuid, sealed: Option<&[u8]>) -> Result<ProviderSecrets> {
        let Some(sealed) = sealed else { return Ok(ProviderSecrets::default()) };
        let text = self.sealer.unseal(tx, &place("provider", "secret", id), sealed).await?;
        let password =
            std::str::from_utf8(&text).map_err(|_| codec::damaged("provider", id, "its secret is not text"))?;
        Ok(ProviderSecrets { password: Some(SecretString::from(password)) })
    }

    /// Providers with what signs in there.
    async fn with_secrets(&self, tx: &Tx, rows: Vec<provider::Model>) -> Result<Vec<ProviderWithSecrets>> {
        let mut found = Vec::with_capacity(rows.len());
        for (row, record) in rows.iter().zip(records(tx, rows.clone()).await?) {
            let secrets = self.open_secrets(tx, row.id, row.secret.as_deref()).await?;
            found.push(ProviderWithSecrets { record, secrets });
        }
        Ok(found)
    }
}

impl TenantStore {
    /// What of the table the scope sees.
    fn seen(&self) -> Condition {
        if self.scope.sees_all() {
            Condition::all()
        } else {
            Condition::all().add(provider::Column::TenantId.eq(self.scope.tenant().0))
        }
    }

    async fn find(&self, tx: &Tx, id: ProviderId) -> Result<Option<provider::Model>> {
        provider::Entity::find_by_id(id.0).filter(self.seen()).one(tx).await.reading(WHAT)
    }

    async fn record(&self, tx: &Tx, id: ProviderId) -> Result<Option<ProviderRecord>> {
        let row = self.find(tx, id).await?;
        Ok(records(tx, row.into_iter().collect()).await?.pop())
    }

    /// Adds a provider that belongs to the scope's tenant.
    ///
    /// # Errors
    /// [`Error::ProviderNameTaken`], [`Error::EndpointTaken`], [`Error::Endpoints`], or when the database cannot be written.
    pub async fn provider_create(&self, new: NewProvider) -> Result<ProviderRecord> {
        check_endpoints(&new.endpoints)?;
        let inner = &self.store.inner;
        let id = ProviderId::generate();
        let tenant = self.scope.tenant().0;
        let tx = self.begin_write(WHAT).await?;
        // Two that add the same at once: the second waits here and then finds it taken.
        let lock = LogWriter::begin(&tx).await?;
        check_name_free(&tx, tenant, id.0, &new.name).await?;
        check_endpoints_free(&tx, tenant, id.0, &new.endpoints).await?;
        let now = codec::micros(inner.clock.now());
        let row = provider::ActiveModel {
            id: Set(id.0),
            tenant_id: Set(tenant),
            name_key: Set(name_key(&new.name)),
            name: Set(new.name),
            kind: Set(new.kind.as_str().to_owned()),
            enabled: Set(new.enabled),
            removing: Set(false),
            config: Set(to_json(&Config { username: new.username, trust: new.trust })?),
            secret: Set(inner.seal_password(&tx, &lock, id.0, new.password.as_ref()).await?),
            generation: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        };
        provider::Entity::insert(row).exec_without_returning(&tx).await.writing(WHAT)?;
        for (position, endpoint) in new.endpoints.into_iter().enumerate() {
            let row = source_row(tenant, id.0, position, endpoint);
            source::Entity::insert(row).exec_without_returning(&tx).await.writing(WHAT)?;
        }
        let record = self.record(&tx, id).await?;
        tx.commit().await.writing(WHAT)?;
        record.ok_or(Error::ProviderGone(id))
    }

    /// A provider; `None` when there is none that the scope sees.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<ProviderRecord>> {
        let tx = self.begin_read(WHAT).await?;
        let record = self.record(&tx, id).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(record)
    }

    /// The providers that the scope sees, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn providers(&self) -> Result<Vec<ProviderRecord>> {
        let tx = self.begin_read(WHAT).await?;
        let query = provider::Entity::find().filter(self.seen()).order_by_asc(provider::Column::NameKey);
        let rows = query.all(&tx).await.reading(WHAT)?;
        let records = records(&tx, rows).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(records)
    }

    /// A provider with what signs in there: for a connection test of what is stored.
    ///
    /// # Errors
    /// When the database cannot be read, or the secret cannot be opened.
    pub async fn provider_with_secrets(&self, id: ProviderId) -> Result<Option<ProviderWithSecrets>> {
        let tx = self.begin_read(WHAT).await?;
        let row = self.find(&tx, id).await?;
        let found = self.store.inner.with_secrets(&tx, row.into_iter().collect()).await?.pop();
        tx.commit().await.reading(WHAT)?;
        Ok(found)
    }

    /// Edits a provider. `expected` is the generation that the caller knows, if it cares. `None` when there is none that
    /// the scope sees, or it is being removed. An edit that changes nothing still raises the generation.
    ///
    /// # Errors
    /// [`Error::GenerationMismatch`], [`Error::ProviderNameTaken`], [`Error::EndpointTaken`], [`Error::Endpoints`], or when
    /// the database cannot be written.
    pub async fn provider_edit(
        &self,
        id: ProviderId,
        expected: Option<i64>,
        edit: ProviderEdit,
    ) -> Result<Option<ProviderRecord>> {
        let inner = &self.store.inner;
        let tx = self.begin_write(WHAT).await?;
        let lock = LogWriter::begin(&tx).await?;
        let Some(row) = self.find(&tx, id).await?.filter(|row| !row.removing) else { return Ok(None) };
        check_generation(&row, expected)?;
        let mut config: Config = serde_json::from_str(&row.config)
            .map_err(|error| codec::damaged("provider", row.id, format!("its config: {error}")))?;
        let mut update = provider::ActiveModel {
            id: Set(row.id),
            generation: Set(row.generation + 1),
            updated_at: Set(codec::micros(inner.clock.now())),
            ..Default::default()
        };
        if let Some(name) = edit.name {
            check_name_free(&tx, row.tenant_id, row.id, &name).await?;
            update.name_key = Set(name_key(&name));
            update.name = Set(name);
        }
        if let Some(enabled) = edit.enabled {
            update.enabled = Set(enabled);
        }
        if let Some(username) = edit.username {
            config.username = username;
        }
        if let Some(trust) = edit.trust {
            config.trust = trust;
        }
        update.config = Set(to_json(&config)?);
        if let Some(password) = edit.password {
            update.secret = Set(inner.seal_password(&tx, &lock, row.id, password.as_ref()).await?);
        }
        if let Some(endpoints) = edit.endpoints {
            check_endpoints(&endpoints)?;
            check_endpoints_free(&tx, row.tenant_id, row.id, &endpoints).await?;
            edit_sources(&tx, row.tenant_id, row.id, endpoints).await?;
        }
        provider::Entity::update(update).exec(&tx).await.writing(WHAT)?;
        let record = self.record(&tx, id).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(record)
    }

    /// Notes that a provider is to be removed: from now on nothing more is kept of it. The rest is
    /// [`SystemStore::provider_purge`]'s. Asking again changes nothing. `None` when there is none that the scope sees.
    ///
    /// # Errors
    /// [`Error::GenerationMismatch`], or when the database cannot be written.
    pub async fn provider_mark_removing(
        &self,
        id: ProviderId,
        expected: Option<i64>,
    ) -> Result<Option<ProviderRecord>> {
        let tx = self.begin_write(WHAT).await?;
        // Waits for the batch that is being written; the next one finds the mark.
        LogWriter::begin(&tx).await?;
        let Some(row) = self.find(&tx, id).await? else { return Ok(None) };
        if !row.removing {
            check_generation(&row, expected)?;
            let update = provider::ActiveModel {
                id: Set(row.id),
                removing: Set(true),
                // What signs in there is not needed any more.
                secret: Set(None),
                generation: Set(row.generation + 1),
                updated_at: Set(codec::micros(self.store.inner.clock.now())),
                ..Default::default()
            };
            provider::Entity::update(update).exec(&tx).await.writing(WHAT)?;
        }
        let record = self.record(&tx, id).await?;
        tx.commit().await.writing(WHAT)?;
        Ok(record)
    }
}

fn check_generation(row: &provider::Model, expected: Option<i64>) -> Result<()> {
    match expected {
        Some(expected) if expected != row.generation => {
            Err(Error::GenerationMismatch { id: ProviderId(row.id), expected, actual: row.generation })
        }
        _ => Ok(()),
    }
}

impl SystemStore {
    /// Every provider of every tenant, also those being removed, with what signs in there.
    ///
    /// # Errors
    /// When the database cannot be read, or a secret cannot be opened.
    pub async fn providers(&self) -> Result<Vec<ProviderWithSecrets>> {
        let tx = self.begin_read(WHAT).await?;
        let query = provider::Entity::find().order_by_asc(provider::Column::NameKey);
        let rows = query.all(&tx).await.reading(WHAT)?;
        let found = self.store.inner.with_secrets(&tx, rows).await?;
        tx.commit().await.reading(WHAT)?;
        Ok(found)
    }

    /// One provider, with what signs in there.
    ///
    /// # Errors
    /// When the database cannot be read, or the secret cannot be opened.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<ProviderWithSecrets>> {
        let tx = self.begin_read(WHAT).await?;
        let row = provider::Entity::find_by_id(id.0).one(&tx).await.reading(WHAT)?;
        let found = self.store.inner.with_secrets(&tx, row.into_iter().collect()).await?.pop();
        tx.commit().await.reading(WHAT)?;
        Ok(found)
    }
}
