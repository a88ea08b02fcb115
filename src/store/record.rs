//! Providers as they are stored.
//!
//! Invariant: a row that is damaged hides no other, and can itself be shown, mended and removed.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::db::Tx;
use super::entity::{provider, source};
use super::error::While;
use super::sealing::place;
use super::{Error, Result, codec, quarantine};
use crate::model::provider::{SourceIdentity, SyncStatus, Trust};
use crate::model::secret::SecretString;
use crate::model::{Provider, ProviderId, ProviderKind, Source, SourceId, TenantId, Time};

const WHAT: &str = "a provider";

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
    /// Sources that an edit took away, until [`source_purge`](super::SystemStore::source_purge) is done with them.
    pub removing_sources: Vec<SourceId>,
    /// Rises with every edit.
    pub generation: i64,
    /// When it was added.
    pub created_at: Time,
    /// When it was last edited.
    pub updated_at: Time,
    /// What of it cannot be read, for people: it cannot be synced until an edit mends that. What is unreadable is left
    /// empty here.
    pub damage: Option<String>,
}

impl ProviderRecord {
    /// What the audit log tells of it: what was given, without the secret; of a certificate that is trusted, which one.
    pub(super) fn told(&self) -> Value {
        let ca = self.trust.ca_pem.as_ref().map(|pem| hex::encode(digest(&SHA256, pem.as_bytes())));
        json!({
            "name": self.name,
            "kind": self.kind,
            "enabled": self.enabled,
            "endpoints": self.sources.iter().map(|source| source.endpoint.as_str()).collect::<Vec<_>>(),
            "username": self.username,
            "has_password": self.has_password,
            "trust": {"thumbprint_sha256": self.trust.thumbprint_sha256, "ca_pem_sha256": ca},
            "generation": self.generation,
        })
    }

    /// The provider as it is shown, with the sync status of each of its sources.
    #[must_use]
    pub fn shown(&self, mut status: impl FnMut(&SourceRecord) -> SyncStatus) -> Provider {
        let sources = self.sources.iter().map(|source| Source {
            id: source.id,
            provider_id: self.id,
            endpoint: source.endpoint.clone(),
            identity: source.identity.clone(),
            sync: status(source),
            quarantined_count: source.quarantined_count,
        });
        Provider {
            id: self.id,
            tenant_id: self.tenant_id,
            name: self.name.clone(),
            kind: self.kind,
            enabled: self.enabled,
            removing: self.removing,
            username: self.username.clone(),
            has_password: self.has_password,
            trust: self.trust.clone(),
            sources: sources.collect(),
            generation: self.generation,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
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

/// The column `config`.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) username: Option<String>,
    #[serde(default)]
    pub(super) trust: Trust,
}

/// Puts providers together with their sources.
pub(super) async fn records(tx: &Tx, rows: Vec<provider::Model>) -> Result<Vec<ProviderRecord>> {
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
    Ok(rows.into_iter().map(|row| record(&row, sources.remove(&row.id).unwrap_or_default(), &counts)).collect())
}

/// A provider that can be shown, whatever became of its row: one that is damaged must not hide the others.
fn record(row: &provider::Model, sources: Vec<source::Model>, counts: &HashMap<Uuid, u64>) -> ProviderRecord {
    let mut damage = Vec::new();
    let config: Config = serde_json::from_str(&row.config).unwrap_or_else(|error| {
        damage.push(format!("its user and trust ({error})"));
        Config::default()
    });
    let kind = ProviderKind::parse(&row.kind).unwrap_or_else(|| {
        damage.push(format!("its platform ({:?})", row.kind));
        // It is not connected to; its addresses tell what it is shown as.
        let is_web = sources.iter().any(|source| source.endpoint_key.starts_with("https:"));
        if is_web { ProviderKind::Vsphere } else { ProviderKind::Kvm }
    });
    let mut record = ProviderRecord {
        id: ProviderId(row.id),
        tenant_id: TenantId(row.tenant_id),
        name: row.name.clone(),
        kind,
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
        damage: None,
    };
    for source in sources {
        if source.removing {
            record.removing_sources.push(SourceId(source.id));
            continue;
        }
        let identity = read_identity(&source).unwrap_or_else(|error| {
            damage.push(format!("what the installation at {} is ({error})", source.endpoint));
            None
        });
        record.sources.push(SourceRecord {
            id: SourceId(source.id),
            provider_id: record.id,
            endpoint: source.endpoint,
            identity,
            cursor: source.cursor,
            last_contact_at: source.last_contact_at.map(codec::time),
            loaded_once: source.loaded_once,
            quarantined_count: counts.get(&source.id).copied().unwrap_or(0),
        });
    }
    if !damage.is_empty() {
        record.damage = Some(damage.join("; "));
    }
    record
}

pub(super) fn read_identity(source: &source::Model) -> serde_json::Result<Option<SourceIdentity>> {
    source.identity.as_deref().map(serde_json::from_str).transpose()
}

impl super::Inner {
    async fn open_secrets(&self, tx: &Tx, id: Uuid, sealed: Option<&[u8]>) -> Result<ProviderSecrets> {
        let Some(sealed) = sealed else { return Ok(ProviderSecrets::default()) };
        let text = self.sealer.unseal(tx, &place("provider", "secret", id), sealed).await?;
        let password =
            std::str::from_utf8(&text).map_err(|_| codec::damaged("provider", id, "its secret is not text"))?;
        Ok(ProviderSecrets { password: Some(SecretString::from(password)) })
    }

    /// Providers with what signs in there.
    pub(super) async fn with_secrets(&self, tx: &Tx, rows: Vec<provider::Model>) -> Result<Vec<ProviderWithSecrets>> {
        let mut found = Vec::with_capacity(rows.len());
        for (row, mut record) in rows.iter().zip(records(tx, rows.clone()).await?) {
            let secrets = match self.open_secrets(tx, row.id, row.secret.as_deref()).await {
                Ok(secrets) => secrets,
                Err(error @ (Error::Keyring(_) | Error::Damaged { .. })) => {
                    let damage = record.damage.take().into_iter().chain([format!("its password ({error})")]);
                    record.damage = Some(damage.collect::<Vec<_>>().join("; "));
                    ProviderSecrets::default()
                }
                Err(error) => return Err(error),
            };
            found.push(ProviderWithSecrets { record, secrets });
        }
        Ok(found)
    }
}
