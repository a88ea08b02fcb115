//! Providers: what an administrator joined.

use std::collections::{HashMap, HashSet};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use sea_orm::ActiveValue::{self, Set};
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use uuid::Uuid;

use super::db::Tx;
use super::entity::{provider, source};
use super::error::While;
use super::log::WriteLock;
use super::record::{Config, read_identity, records};
use super::sealing::place;
use super::{Error, Once, Outcome, ProviderRecord, ProviderWithSecrets, Result, SystemStore, TenantStore, Told, codec};
use crate::authz::{Node, ProviderWrite, SeesProviders};
use crate::model::provider::Trust;
use crate::model::secret::{ExposeSecret, SecretString};
use crate::model::{ProviderId, ProviderKind, SourceId};

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
    /// Another user. Where user and trust cannot be read ([`ProviderRecord::damage`]), giving one of them replaces both.
    pub username: Option<Option<String>>,
    /// Another password.
    pub password: Option<Option<SecretString>>,
    /// Another way to check the certificate.
    pub trust: Option<Trust>,
    /// All endpoints. A source whose normalized endpoint is still among them stays what it is. A provider that had one
    /// endpoint and has one afterwards keeps its source, and with it its objects: the installation is another only if it
    /// says so itself. Sources that are left over are marked for removal. Where it cannot be read which installation a source
    /// is, giving its endpoint again lets the next connection say it.
    pub endpoints: Option<Vec<Endpoint>>,
}

/// What an edit did, or what it would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The provider after it.
    pub record: ProviderRecord,
    /// The members that are not what they were, in the API's words: `endpoints`, `trust.ca_pem`. When there are none,
    /// nothing was written, and the generation is the same.
    pub changed: Vec<&'static str>,
}

const WHAT: &str = "a provider";

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
                let unreadable = existing.iter().any(|row| row.id == *id && read_identity(row).is_err());
                let row = source::ActiveModel {
                    id: Set(*id),
                    position: Set(i64::try_from(position).unwrap_or(i64::MAX)),
                    endpoint: Set(endpoint.given),
                    endpoint_key: Set(endpoint.normalized),
                    removing: Set(false),
                    identity: if unreadable { Set(None) } else { ActiveValue::NotSet },
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

/// Whether the sources of a provider are not these, in this order, or one of them cannot be read.
async fn endpoints_differ(tx: &Tx, provider: Uuid, endpoints: &[Endpoint]) -> Result<bool> {
    let rows = source::Entity::find()
        .filter(source::Column::ProviderId.eq(provider))
        .filter(source::Column::Removing.eq(false))
        .order_by_asc(source::Column::Position)
        .all(tx)
        .await
        .writing(WHAT)?;
    let same = |(row, endpoint): (&source::Model, &Endpoint)| {
        row.endpoint == endpoint.given && row.endpoint_key == endpoint.normalized && read_identity(row).is_ok()
    };
    Ok(rows.len() != endpoints.len() || !rows.iter().zip(endpoints).all(same))
}

impl super::Inner {
    async fn seal_password(
        &self,
        tx: &Tx,
        lock: &WriteLock,
        id: Uuid,
        password: Option<&SecretString>,
    ) -> Result<Option<Vec<u8>>> {
        let Some(password) = password else { return Ok(None) };
        let place = place("provider", "secret", id);
        self.sealer.seal(tx, lock, &place, password.expose_secret().as_bytes()).await.map(Some)
    }
}

impl<A: SeesProviders> TenantStore<A> {
    /// What of the table the scope sees: what belongs to tenants themselves.
    fn seen(&self) -> Condition {
        if self.scope.sees_all() {
            return Condition::all();
        }
        let tenants = self.scope.tenants().iter().filter(|tenant| self.scope.contains(Node::Tenant(**tenant)));
        Condition::all().add(provider::Column::TenantId.is_in(tenants.map(|tenant| tenant.0)))
    }

    /// A provider's row, if the scope sees it.
    pub(super) async fn provider_row(&self, tx: &Tx, id: ProviderId) -> Result<Option<provider::Model>> {
        provider::Entity::find_by_id(id.0).filter(self.seen()).one(tx).await.reading(WHAT)
    }

    async fn record(&self, tx: &Tx, id: ProviderId) -> Result<Option<ProviderRecord>> {
        let row = self.provider_row(tx, id).await?;
        Ok(records(tx, row.into_iter().collect()).await?.pop())
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
}

impl TenantStore<ProviderWrite> {
    /// Adds a provider that belongs to the scope's tenant; once, where that is asked for.
    ///
    /// # Errors
    /// [`Error::ProviderNameTaken`], [`Error::EndpointTaken`], [`Error::Endpoints`], [`Error::IdempotencyKeyReused`], or when
    /// the database cannot be written.
    pub async fn provider_create_once(
        &self,
        new: NewProvider,
        once: Option<Once<ProviderRecord>>,
        told: Told,
    ) -> Result<Outcome<ProviderRecord>> {
        let tx = self.begin_write(WHAT).await?;
        // Two that add the same at once: the second waits here and then finds it taken.
        let lock = WriteLock::take(&tx).await?;
        if let Some(kept) = self.done_before(&tx, &lock, once.as_ref()).await? {
            return Ok(Outcome::Before(kept));
        }
        let record = self.create_within(&tx, &lock, new).await?;
        let kept = self.keep(&tx, &lock, once.as_ref(), &record).await?;
        let told = told.of(record.id, record.name.as_str()).concerning(record.tenant_id).after(record.told());
        self.store.commit_told(tx, &lock, told, WHAT).await?;
        Ok(Outcome::Done(record, kept))
    }

    /// What adding a provider would make. Nothing is kept, its id neither.
    ///
    /// # Errors
    /// As [`TenantStore::provider_create_once`].
    pub async fn provider_create_tried(&self, new: NewProvider) -> Result<ProviderRecord> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        // The transaction ends here, and with it all that it did.
        self.create_within(&tx, &lock, new).await
    }

    async fn create_within(&self, tx: &Tx, lock: &WriteLock, new: NewProvider) -> Result<ProviderRecord> {
        check_endpoints(&new.endpoints)?;
        let inner = &self.store.inner;
        let id = ProviderId::generate();
        let tenant = self.scope.tenant().0;
        check_name_free(tx, tenant, id.0, &new.name).await?;
        check_endpoints_free(tx, tenant, id.0, &new.endpoints).await?;
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
            secret: Set(inner.seal_password(tx, lock, id.0, new.password.as_ref()).await?),
            generation: Set(1),
            created_at: Set(now),
            updated_at: Set(now),
        };
        provider::Entity::insert(row).exec_without_returning(tx).await.writing(WHAT)?;
        for (position, endpoint) in new.endpoints.into_iter().enumerate() {
            let row = source_row(tenant, id.0, position, endpoint);
            source::Entity::insert(row).exec_without_returning(tx).await.writing(WHAT)?;
        }
        self.record(tx, id).await?.ok_or(Error::ProviderGone(id))
    }

    /// A provider with what signs in there: for a connection test of what is stored.
    ///
    /// # Errors
    /// When the database cannot be read, or the secret cannot be opened.
    pub async fn provider_with_secrets(&self, id: ProviderId) -> Result<Option<ProviderWithSecrets>> {
        let tx = self.begin_read(WHAT).await?;
        let row = self.provider_row(&tx, id).await?;
        let found = self.store.inner.with_secrets(&tx, row.into_iter().collect()).await?.pop();
        tx.commit().await.reading(WHAT)?;
        Ok(found)
    }

    /// Edits a provider. `expected` is the generation that the caller knows, if it cares. `None` when there is none that
    /// the scope sees, or it is being removed. An edit that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`Error::GenerationMismatch`], [`Error::ProviderNameTaken`], [`Error::EndpointTaken`], [`Error::Endpoints`], or when
    /// the database cannot be written.
    pub async fn provider_edit(
        &self,
        id: ProviderId,
        expected: Option<i64>,
        edit: ProviderEdit,
        told: Told,
    ) -> Result<Option<Edited>> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        let before = self.record(&tx, id).await?;
        let edited = self.edit_within(&tx, &lock, id, expected, edit).await?;
        if let (Some(before), Some(Edited { record, changed })) = (before, &edited)
            && !changed.is_empty()
        {
            let mut after = record.told();
            if changed.contains(&"password") {
                after["password_changed"] = true.into();
            }
            let told = told.of(id, record.name.as_str()).concerning(record.tenant_id);
            self.store.commit_told(tx, &lock, told.before(before.told()).after(after), WHAT).await?;
        }
        Ok(edited)
    }

    /// What an edit would do. Nothing is kept.
    ///
    /// # Errors
    /// As [`TenantStore::provider_edit`].
    pub async fn provider_edit_tried(
        &self,
        id: ProviderId,
        expected: Option<i64>,
        edit: ProviderEdit,
    ) -> Result<Option<Edited>> {
        let tx = self.begin_write(WHAT).await?;
        let lock = WriteLock::take(&tx).await?;
        // The transaction ends here, and with it all that it did.
        self.edit_within(&tx, &lock, id, expected, edit).await
    }

    async fn edit_within(
        &self,
        tx: &Tx,
        lock: &WriteLock,
        id: ProviderId,
        expected: Option<i64>,
        edit: ProviderEdit,
    ) -> Result<Option<Edited>> {
        let inner = &self.store.inner;
        let Some(row) = self.provider_row(tx, id).await?.filter(|row| !row.removing) else { return Ok(None) };
        check_generation(&row, expected)?;
        // What cannot be read is replaced by what the edit gives; an edit that gives nothing of it leaves it as it is.
        let stored = serde_json::from_str::<Config>(&row.config);
        let changed = self.changes(tx, &row, stored.as_ref().ok(), &edit).await?;
        if let Some(endpoints) = &edit.endpoints {
            check_endpoints(endpoints)?;
        }
        if changed.is_empty() {
            let record = self.record(tx, id).await?;
            return Ok(record.map(|record| Edited { record, changed }));
        }
        let keep_config = stored.is_err() && edit.username.is_none() && edit.trust.is_none();
        let mut config = stored.unwrap_or_default();
        let mut update = provider::ActiveModel {
            id: Set(row.id),
            generation: Set(row.generation + 1),
            updated_at: Set(codec::micros(inner.clock.now())),
            ..Default::default()
        };
        if let Some(name) = edit.name {
            check_name_free(tx, row.tenant_id, row.id, &name).await?;
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
        if !keep_config {
            update.config = Set(to_json(&config)?);
        }
        if let Some(password) = edit.password.filter(|_| changed.contains(&"password")) {
            update.secret = Set(inner.seal_password(tx, lock, row.id, password.as_ref()).await?);
        }
        if let Some(endpoints) = edit.endpoints.filter(|_| changed.contains(&"endpoints")) {
            check_endpoints_free(tx, row.tenant_id, row.id, &endpoints).await?;
            edit_sources(tx, row.tenant_id, row.id, endpoints).await?;
        }
        provider::Entity::update(update).exec(tx).await.writing(WHAT)?;
        let record = self.record(tx, id).await?;
        Ok(record.map(|record| Edited { record, changed }))
    }

    /// What of a provider an edit gives that is not so already; see [`Edited::changed`]. What cannot be read differs from
    /// everything.
    async fn changes(
        &self,
        tx: &Tx,
        row: &provider::Model,
        stored: Option<&Config>,
        edit: &ProviderEdit,
    ) -> Result<Vec<&'static str>> {
        let username = |given| stored.is_none_or(|stored| stored.username != given);
        let trust = |differs: fn(&Trust, &Trust) -> bool| {
            edit.trust.as_ref().is_some_and(|given| stored.is_none_or(|stored| differs(&stored.trust, given)))
        };
        let endpoints = match &edit.endpoints {
            Some(endpoints) => endpoints_differ(tx, row.id, endpoints).await?,
            None => false,
        };
        let password = match &edit.password {
            Some(password) => self.password_differs(tx, row, password.as_ref()).await?,
            None => false,
        };
        let found = [
            ("name", edit.name.as_ref().is_some_and(|name| *name != row.name)),
            ("endpoints", endpoints),
            ("username", edit.username.clone().is_some_and(username)),
            ("password", password),
            ("trust.thumbprint_sha256", trust(|one, other| one.thumbprint_sha256 != other.thumbprint_sha256)),
            ("trust.ca_pem", trust(|one, other| one.ca_pem != other.ca_pem)),
            ("enabled", edit.enabled.is_some_and(|enabled| enabled != row.enabled)),
        ];
        Ok(found.into_iter().filter(|(_, differs)| *differs).map(|(field, _)| field).collect())
    }

    async fn password_differs(&self, tx: &Tx, row: &provider::Model, given: Option<&SecretString>) -> Result<bool> {
        let (Some(sealed), Some(given)) = (row.secret.as_deref(), given) else {
            return Ok(row.secret.is_some() != given.is_some());
        };
        match self.store.inner.sealer.unseal(tx, &place("provider", "secret", row.id), sealed).await {
            // How long it takes must not tell how much of a guess is right.
            Ok(kept) => Ok(verify_slices_are_equal(&kept, given.expose_secret().as_bytes()).is_err()),
            // One that cannot be opened is replaced.
            Err(Error::Keyring(_) | Error::Damaged { .. }) => Ok(true),
            Err(error) => Err(error),
        }
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
        told: Told,
    ) -> Result<Option<ProviderRecord>> {
        let tx = self.begin_write(WHAT).await?;
        // Waits for the batch that is being written; the next one finds the mark.
        let lock = WriteLock::take(&tx).await?;
        let Some(row) = self.provider_row(&tx, id).await? else { return Ok(None) };
        let Some(before) = self.record(&tx, id).await? else { return Ok(None) };
        if before.removing {
            return Ok(Some(before));
        }
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
        let record = self.record(&tx, id).await?;
        let told = told.of(id, before.name.as_str()).concerning(before.tenant_id).before(before.told());
        self.store.commit_told(tx, &lock, told, WHAT).await?;
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
