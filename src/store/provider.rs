//! Providers: what an administrator joined.

use super::{Result, SystemStore, TenantStore};
use crate::model::provider::{SourceIdentity, Trust};
use crate::model::secret::SecretString;
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

impl TenantStore {
    /// Adds a provider that belongs to the scope's tenant.
    ///
    /// # Errors
    /// [`super::Error::ProviderNameTaken`], [`super::Error::EndpointTaken`], or when the database cannot be written.
    pub async fn provider_create(&self, new: NewProvider) -> Result<ProviderRecord> {
        let _ = new;
        todo!()
    }

    /// A provider; `None` when there is none that the scope sees.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<ProviderRecord>> {
        let _ = id;
        todo!()
    }

    /// The providers that the scope sees, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn providers(&self) -> Result<Vec<ProviderRecord>> {
        todo!()
    }

    /// A provider with what signs in there: for a connection test of what is stored.
    ///
    /// # Errors
    /// When the database cannot be read, or the secret cannot be opened.
    pub async fn provider_with_secrets(&self, id: ProviderId) -> Result<Option<ProviderWithSecrets>> {
        let _ = id;
        todo!()
    }

    /// Edits a provider. `expected` is the generation that the caller knows, if it cares. `None` when there is none that
    /// the scope sees, or it is being removed.
    ///
    /// # Errors
    /// [`super::Error::GenerationMismatch`], [`super::Error::ProviderNameTaken`], [`super::Error::EndpointTaken`], or when
    /// the database cannot be written.
    pub async fn provider_edit(
        &self,
        id: ProviderId,
        expected: Option<i64>,
        edit: ProviderEdit,
    ) -> Result<Option<ProviderRecord>> {
        let _ = (id, expected, edit);
        todo!()
    }

    /// Notes that a provider is to be removed: from now on nothing more is kept of it. The rest is
    /// [`SystemStore::provider_purge`]'s. Asking again changes nothing. `None` when there is none that the scope sees.
    ///
    /// # Errors
    /// [`super::Error::GenerationMismatch`], or when the database cannot be written.
    pub async fn provider_mark_removing(
        &self,
        id: ProviderId,
        expected: Option<i64>,
    ) -> Result<Option<ProviderRecord>> {
        let _ = (id, expected);
        todo!()
    }
}

impl SystemStore {
    /// Every provider of every tenant, also those being removed, with what signs in there.
    ///
    /// # Errors
    /// When the database cannot be read, or a secret cannot be opened.
    pub async fn providers(&self) -> Result<Vec<ProviderWithSecrets>> {
        todo!()
    }

    /// One provider, with what signs in there.
    ///
    /// # Errors
    /// When the database cannot be read, or the secret cannot be opened.
    pub async fn provider(&self, id: ProviderId) -> Result<Option<ProviderWithSecrets>> {
        let _ = id;
        todo!()
    }
}
