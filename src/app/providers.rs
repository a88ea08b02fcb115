//! Providers: add, test, trust, edit, disable, remove, read again.
//!
//! The store says what is wished, the read model how the synchronization stands; both together are what is shown.

use std::collections::HashMap;

use futures::future::join_all;

use super::{App, Error, NewProviderInput, ProviderPatch, Result, Session, provider_input};
use crate::authz::{self, Action, TenantScope};
use crate::model::provider::{Capability, Connection, SyncStatus, TestReport, Trust};
use crate::model::{Provider, ProviderId, Source, SourceId, SourceState, Time};
use crate::store::{Error as StoreError, ProviderEdit, ProviderRecord, ProviderWithSecrets};

/// How often an edit is tried again when another one came in between and the caller did not care.
const EDIT_TRIES: usize = 5;
/// How many groups in quarantine are shown at most.
const QUARANTINE_MAX: u64 = 1000;

/// Something of a platform that could not be read, translated or stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The source that told of it.
    pub source_id: SourceId,
    /// What it would have been.
    pub kind: crate::model::Kind,
    /// The platform's key.
    pub key: String,
    /// Why, for people.
    pub reason: String,
    /// Since when.
    pub since: Time,
}

impl App {
    /// The visible providers, by name.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn providers(&self, session: &Session) -> Result<Vec<Provider>> {
        let scope = authz::authorize(&session.principal, Action::ProviderRead)?;
        let records = self.store().tenant(&scope).providers().await?;
        Ok(records.into_iter().map(|record| self.with_status(&scope, record)).collect())
    }

    /// One provider.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one.
    pub async fn provider(&self, session: &Session, id: ProviderId) -> Result<Provider> {
        let scope = authz::authorize(&session.principal, Action::ProviderRead)?;
        let record = self.provider_record(&scope, id).await?;
        Ok(self.with_status(&scope, record))
    }

    /// Adds a provider; what it holds appears as it is read.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::ProviderExists`], or an internal one. Nothing is done then.
    pub async fn provider_create(&self, session: &Session, input: NewProviderInput) -> Result<Provider> {
        let scope = authz::authorize(&session.principal, Action::ProviderWrite)?;
        let new = input.check(self.sync())?;
        let fields = new.endpoints.clone();
        let app = self.clone();
        self.complete("adding a provider", async move {
            let record =
                app.store().tenant(&scope).provider_create(new).await.map_err(|error| taken(error, &fields))?;
            tracing::info!(provider = %record.id, kind = %record.kind, "provider added");
            let provider = app.with_status(&scope, record);
            app.sync().provider_changed(provider.id);
            Ok(provider)
        })
        .await
    }

    /// Edits a provider. `expected` are the generations that the caller accepts as the present one; empty for any.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`], [`Error::Precondition`], [`Error::ProviderExists`],
    /// [`Error::ProviderRemoving`], or an internal one. Nothing is done then.
    pub async fn provider_edit(
        &self,
        session: &Session,
        id: ProviderId,
        expected: Option<Vec<String>>,
        patch: ProviderPatch,
    ) -> Result<Provider> {
        let scope = authz::authorize(&session.principal, Action::ProviderWrite)?;
        let app = self.clone();
        self.complete("editing a provider", async move {
            for _ in 0..EDIT_TRIES {
                let present = app.provider_record(&scope, id).await?;
                let generation = precondition(expected.as_deref(), present.generation)?;
                if present.removing {
                    return Err(Error::ProviderRemoving(id));
                }
                let has = (present.username.is_some(), present.has_password);
                let edit = patch.clone().check(app.sync(), present.kind, &present.trust, has)?;
                match app.write_edit(&scope, id, generation, edit).await {
                    // Somebody else was faster, and the caller did not ask to be told: look again.
                    Err(Error::Precondition { .. }) if expected.is_none() => {}
                    other => return other,
                }
            }
            Err(Error::internal("editing a provider", format!("{id} was edited by others {EDIT_TRIES} times")))
        })
        .await
    }

    /// Writes a checked edit, if the provider still has the generation that it was checked against.
    async fn write_edit(
        &self,
        scope: &TenantScope,
        id: ProviderId,
        generation: i64,
        edit: ProviderEdit,
    ) -> Result<Provider> {
        let fields = edit.endpoints.clone().unwrap_or_default();
        let store = self.store().tenant(scope);
        let edited = store.provider_edit(id, Some(generation), edit).await.map_err(|error| taken(error, &fields))?;
        // It was there a moment ago.
        let record = edited.ok_or_else(|| Error::not_found("provider", id))?;
        tracing::info!(provider = %id, generation = record.generation, "provider edited");
        self.sync().provider_changed(id);
        Ok(self.with_status(scope, record))
    }

    /// Trusts the one certificate that has this fingerprint.
    ///
    /// # Errors
    /// As [`App::provider_edit`].
    pub async fn provider_trust(&self, session: &Session, id: ProviderId, thumbprint: &str) -> Result<Provider> {
        let thumbprint = provider_input::thumbprint("thumbprint_sha256", thumbprint)?;
        let trust = super::TrustPatch { thumbprint_sha256: Some(Some(thumbprint)), ca_pem: None };
        let patch = ProviderPatch { trust: Some(Some(trust)), ..ProviderPatch::default() };
        self.provider_edit(session, id, None, patch).await
    }

    /// Removes a provider and all that it brought. The deletion goes on after the return; until it is done the provider
    /// shows itself as `removing`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Precondition`], or an internal one.
    pub async fn provider_remove(
        &self,
        session: &Session,
        id: ProviderId,
        expected: Option<Vec<String>>,
    ) -> Result<Provider> {
        let scope = authz::authorize(&session.principal, Action::ProviderWrite)?;
        let app = self.clone();
        self.complete("removing a provider", async move {
            let present = app.provider_record(&scope, id).await?;
            let generation = precondition(expected.as_deref(), present.generation)?;
            let generation = expected.is_some().then_some(generation);
            let marked = app.store().tenant(&scope).provider_mark_removing(id, generation).await?;
            let record = marked.ok_or_else(|| Error::not_found("provider", id))?;
            tracing::info!(provider = %id, "provider is being removed");
            let provider = app.with_status(&scope, record);
            let background = app.clone();
            tokio::spawn(async move { background.sync().provider_remove(id).await });
            Ok(provider)
        })
        .await
    }

    /// Reads everything of a provider again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ProviderNotRunning`], [`Error::ProviderRemoving`], or an internal one.
    pub async fn provider_resync(&self, session: &Session, id: ProviderId) -> Result<()> {
        let scope = authz::authorize(&session.principal, Action::ProviderWrite)?;
        let record = self.provider_record(&scope, id).await?;
        if record.removing {
            return Err(Error::ProviderRemoving(id));
        }
        if !record.enabled {
            return Err(Error::ProviderNotRunning { id, why: "it is disabled" });
        }
        if self.sync().resync(id) {
            Ok(())
        } else {
            Err(Error::ProviderNotRunning { id, why: "it has not been started yet" })
        }
    }

    /// Tests a connection. Nothing is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] only: what does not work is in the report.
    pub async fn provider_test_new(&self, session: &Session, input: NewProviderInput) -> Result<TestReport> {
        authz::authorize(&session.principal, Action::ProviderWrite)?;
        let new = input.check(self.sync())?;
        Ok(self.test_all(&provider_input::connections(&new)).await)
    }

    /// Tests the connection of a provider as it is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one: what does not work is in the report.
    pub async fn provider_test(&self, session: &Session, id: ProviderId) -> Result<TestReport> {
        let scope = authz::authorize(&session.principal, Action::ProviderWrite)?;
        let stored = self.store().tenant(&scope).provider_with_secrets(id).await?;
        let ProviderWithSecrets { record, secrets } = stored.ok_or_else(|| Error::not_found("provider", id))?;
        let connections: Vec<Connection> = record
            .sources
            .iter()
            .map(|source| Connection {
                kind: record.kind,
                provider_name: record.name.clone(),
                endpoint: source.endpoint.clone(),
                username: record.username.clone(),
                password: secrets.password.clone(),
                trust: record.trust.clone(),
            })
            .collect();
        Ok(self.test_all(&connections).await)
    }

    async fn test_all(&self, connections: &[Connection]) -> TestReport {
        let reports = join_all(connections.iter().map(|connection| self.sync().test(connection))).await;
        merge_reports(connections.iter().map(|connection| connection.endpoint.as_str()).zip(reports).collect())
    }

    /// What of a provider could not be read, translated or stored.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one.
    pub async fn provider_quarantine(&self, session: &Session, id: ProviderId) -> Result<Vec<Quarantined>> {
        let scope = authz::authorize(&session.principal, Action::ProviderRead)?;
        let rows = self.store().tenant(&scope).quarantine(id, QUARANTINE_MAX).await?;
        let rows = rows.ok_or_else(|| Error::not_found("provider", id))?;
        Ok(rows
            .into_iter()
            .map(|row| Quarantined {
                source_id: row.source_id,
                kind: row.kind,
                key: row.group_key,
                reason: row.reason,
                since: row.since,
            })
            .collect())
    }

    /// What a provider's platform can do.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one.
    pub async fn provider_capabilities(&self, session: &Session, id: ProviderId) -> Result<Vec<Capability>> {
        let scope = authz::authorize(&session.principal, Action::ProviderRead)?;
        let record = self.provider_record(&scope, id).await?;
        Ok(self.sync().capabilities(record.kind))
    }

    async fn provider_record(&self, scope: &TenantScope, id: ProviderId) -> Result<ProviderRecord> {
        self.store().tenant(scope).provider(id).await?.ok_or_else(|| Error::not_found("provider", id))
    }

    /// Joins what is stored with how the synchronization stands.
    fn with_status(&self, scope: &TenantScope, record: ProviderRecord) -> Provider {
        let known = self.inventory().provider(scope, record.id);
        let mut statuses: HashMap<SourceId, SyncStatus> = known
            .iter()
            .flat_map(|entry| &entry.provider().sources)
            .map(|source| (source.id, source.sync.clone()))
            .collect();
        let state = if record.enabled && !record.removing { SourceState::Connecting } else { SourceState::Disabled };
        let (id, since) = (record.id, record.updated_at);
        let sources = record
            .sources
            .into_iter()
            .map(|source| Source {
                id: source.id,
                provider_id: id,
                endpoint: source.endpoint,
                identity: source.identity,
                sync: statuses.remove(&source.id).unwrap_or_else(|| SyncStatus {
                    observed_at: source.last_contact_at,
                    // The synchronization has not spoken of this source yet.
                    ..SyncStatus::new(state, since)
                }),
                quarantined_count: source.quarantined_count,
            })
            .collect();
        Provider {
            id,
            tenant_id: record.tenant_id,
            name: record.name,
            kind: record.kind,
            enabled: record.enabled,
            removing: record.removing,
            username: record.username,
            has_password: record.has_password,
            trust: Trust { ..record.trust },
            sources,
            generation: record.generation,
            created_at: record.created_at,
            updated_at: record.updated_at,
        }
    }
}

/// Compares the generations that a caller accepts with the present one, and gives the one to go on with.
fn precondition(expected: Option<&[String]>, actual: i64) -> Result<i64> {
    match expected {
        Some(accepted) if !accepted.iter().any(|generation| *generation == actual.to_string()) => {
            Err(Error::Precondition { expected: accepted.join(", "), actual })
        }
        _ => Ok(actual),
    }
}

/// Says which of the given endpoints is taken.
fn taken(error: StoreError, endpoints: &[crate::store::Endpoint]) -> Error {
    match error {
        StoreError::ProviderNameTaken { id, removing: true, .. }
        | StoreError::EndpointTaken { id, removing: true, .. } => Error::ProviderRemoving(id),
        StoreError::EndpointTaken { endpoint, id, name, .. } => {
            let index = endpoints.iter().position(|other| other.given == endpoint);
            let field = index.map_or_else(|| "endpoints".to_owned(), |index| format!("endpoints[{index}]"));
            Error::ProviderExists { id, name, field }
        }
        other => other.into(),
    }
}

/// Makes one report of one for each endpoint. With several, each message begins with its endpoint.
fn merge_reports(mut reports: Vec<(&str, TestReport)>) -> TestReport {
    if reports.len() == 1
        && let Some((_, report)) = reports.pop()
    {
        return report;
    }
    let mut merged = TestReport::default();
    for (endpoint, report) in reports {
        merged.checks.extend(report.checks.into_iter().map(|mut check| {
            check.message = format!("{endpoint}: {}", check.message);
            check
        }));
        merged.identity = merged.identity.or(report.identity);
        merged.presented_thumbprint = merged.presented_thumbprint.or(report.presented_thumbprint);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::provider::Check;

    #[test]
    fn reports_of_several_endpoints_name_each() {
        let report = |passed| TestReport {
            checks: vec![Check { name: "reach".to_owned(), passed: Some(passed), message: "m".to_owned() }],
            ..TestReport::default()
        };
        assert_eq!(merge_reports(vec![("a", report(true))]), report(true));
        let merged = merge_reports(vec![("a", report(true)), ("b", report(false))]);
        let messages: Vec<_> = merged.checks.iter().map(|check| (check.passed, check.message.as_str())).collect();
        assert_eq!(messages, [(Some(true), "a: m"), (Some(false), "b: m")]);
    }

    #[test]
    fn the_present_generation_must_be_among_the_accepted() {
        assert_eq!(precondition(None, 3).unwrap(), 3);
        assert_eq!(precondition(Some(&["2".to_owned(), "3".to_owned()]), 3).unwrap(), 3);
        assert!(matches!(precondition(Some(&["2".to_owned()]), 3), Err(Error::Precondition { actual: 3, .. })));
        assert!(precondition(Some(&[]), 3).is_err());
    }
}
