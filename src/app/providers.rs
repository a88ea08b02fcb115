//! Providers: add, test, trust, edit, disable, remove, read again.
//!
//! The store says what is wished, the read model how the synchronization stands; both together are what is shown.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::join_all;

use super::sync_control::Resync;
use super::{
    App, Error, Mode, NewProviderInput, ProviderPatch, Result, Session, check_generation, database_away, provider_input,
};
use crate::authz::{Node, ProviderRead, ProviderWrite, SeesProviders, TenantScope};
use crate::model::provider::{Capability, Check, Connection, SyncStatus, TestReport};
use crate::model::{Provider, ProviderId, SourceId, SourceState, Time};
use crate::store::{
    Edited, Error as StoreError, Once, Outcome, ProviderEdit, ProviderRecord, ProviderWithSecrets, Told,
};

/// How often an edit is tried again when something else changed the row in between and the caller did not care. Edits of
/// this gateway wait for each other.
const EDIT_TRIES: usize = 5;
/// How long the database may take to say what providers there are, before what is in memory is told.
const ASK_DEADLINE: Duration = Duration::from_secs(2);
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

/// What an edit did, or what it would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderEdited {
    /// The provider after it.
    pub provider: Provider,
    /// The members that are not what they were, in the API's words. When there are none, nothing was done.
    pub changed: Vec<&'static str>,
}

impl App {
    /// The visible providers, by name. While the database cannot be asked they are told from memory.
    ///
    /// # Errors
    /// Internal ones only.
    pub async fn providers(&self, session: &Session) -> Result<Vec<Provider>> {
        let scope = self.scope::<ProviderRead>(session);
        if let Some(records) = asked(self.store().tenant(&scope).providers()).await? {
            return Ok(records.iter().map(|record| self.with_status(&scope, record)).collect());
        }
        let known = self.inventory().providers(&scope);
        let mut providers: Vec<Provider> = known.iter().map(|entry| entry.provider().clone()).collect();
        providers.sort_by_cached_key(|provider| provider.name.to_lowercase());
        Ok(providers)
    }

    /// One provider. While the database cannot be asked it is told from memory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Unavailable`] when memory does not have it either, or an internal one.
    pub async fn provider(&self, session: &Session, id: ProviderId) -> Result<Provider> {
        let scope = self.scope::<ProviderRead>(session);
        if let Some(record) = asked(self.store().tenant(&scope).provider(id)).await? {
            let record = record.ok_or_else(|| Error::not_found("provider", id))?;
            return Ok(self.with_status(&scope, &record));
        }
        let known = self.inventory().provider(&scope, id);
        // It may have been added a moment ago.
        known.map(|entry| entry.provider().clone()).ok_or_else(database_away)
    }

    /// Adds a provider, once where that is asked for; what it holds appears as it is read.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::ProviderExists`], [`Error::IdempotencyKeyReused`], or an internal one. Nothing is done
    /// then.
    pub async fn provider_create(
        &self,
        session: &Session,
        input: NewProviderInput,
        once: Option<Once<Provider>>,
    ) -> Result<Outcome<Provider>> {
        let scope = self.provider_adder(session)?;
        let new = input.check(self.sync())?;
        let fields = new.endpoints.clone();
        let app = self.clone();
        let told = session.told("provider.create", "provider", 201);
        self.complete("adding a provider", async move {
            let (teller, seen) = (app.clone(), scope.clone());
            let once = once.map(|Once { key, request, answer }| Once {
                key,
                request,
                answer: Box::new(move |record: &ProviderRecord| answer(&teller.with_status(&seen, record))),
            });
            let created = app.store().tenant(&scope).provider_create_once(new, once, told).await;
            match created.map_err(|error| taken(error, &fields))? {
                Outcome::Before(kept) => Ok(Outcome::Before(kept)),
                Outcome::Done(record, kept) => {
                    tracing::info!(provider = %record.id, kind = %record.kind, "provider added");
                    let provider = app.with_status(&scope, &record);
                    app.sync().provider_changed(provider.id);
                    Ok(Outcome::Done(provider, kept))
                }
            }
        })
        .await
    }

    /// What adding a provider would make. Nothing is done, and its id is not the one that it would get.
    ///
    /// # Errors
    /// As [`App::provider_create`].
    pub async fn provider_create_tried(&self, session: &Session, input: NewProviderInput) -> Result<Provider> {
        let scope = self.provider_adder(session)?;
        let new = input.check(self.sync())?;
        let fields = new.endpoints.clone();
        let tried = self.store().tenant(&scope).provider_create_tried(new).await;
        Ok(self.with_status(&scope, &tried.map_err(|error| taken(error, &fields))?))
    }

    /// Edits a provider. `expected` are the generations that the caller accepts as the present one; `None` for any. An
    /// edit that changes nothing does nothing: nobody is signed in anew.
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
        mode: Mode,
    ) -> Result<ProviderEdited> {
        let told = session.told("provider.edit", "provider", 200);
        self.provider_edit_told(session, id, expected, patch, mode, told).await
    }

    async fn provider_edit_told(
        &self,
        session: &Session,
        id: ProviderId,
        expected: Option<Vec<String>>,
        patch: ProviderPatch,
        mode: Mode,
        told: Told,
    ) -> Result<ProviderEdited> {
        let scope = self.provider_writer(session, id)?;
        let app = self.clone();
        self.complete("editing a provider", async move {
            let _turn = app.edit_turn(id).await;
            for _ in 0..EDIT_TRIES {
                let present = app.provider_record(&scope, id).await?;
                let generation = check_generation(expected.as_deref(), present.generation)?;
                if present.removing {
                    return Err(Error::ProviderRemoving(id));
                }
                let edit = patch.clone().check(app.sync(), &present)?;
                match app.write_edit(&scope, id, generation, edit, mode, told.clone()).await {
                    // Somebody else was faster, and the caller did not ask to be told: look again.
                    Err(Error::Precondition { .. }) if expected.is_none() => {}
                    other => return other,
                }
            }
            Err(Error::Unavailable {
                message: "The provider is being changed by others all the time.",
                retry_after: Duration::from_secs(1),
            })
        })
        .await
    }

    /// Writes a checked edit, if the provider still has the generation that it was checked against.
    async fn write_edit(
        &self,
        scope: &TenantScope<ProviderWrite>,
        id: ProviderId,
        generation: i64,
        edit: ProviderEdit,
        mode: Mode,
        told: Told,
    ) -> Result<ProviderEdited> {
        let fields = edit.endpoints.clone().unwrap_or_default();
        let store = self.store().tenant(scope);
        let edited = match mode {
            Mode::Real => store.provider_edit(id, Some(generation), edit, told).await,
            Mode::DryRun => store.provider_edit_tried(id, Some(generation), edit).await,
        };
        // It was there a moment ago.
        let Edited { record, changed } =
            edited.map_err(|error| taken(error, &fields))?.ok_or_else(|| Error::not_found("provider", id))?;
        if mode.is_real() && !changed.is_empty() {
            tracing::info!(provider = %id, generation = record.generation, "provider edited");
            self.sync().provider_changed(id);
        }
        Ok(ProviderEdited { provider: self.with_status(scope, &record), changed })
    }

    /// Trusts the one certificate that has this fingerprint. One that is trusted already and could not be reached is
    /// tried again at once.
    ///
    /// # Errors
    /// As [`App::provider_edit`].
    pub async fn provider_trust(&self, session: &Session, id: ProviderId, thumbprint: &str) -> Result<Provider> {
        let thumbprint = provider_input::thumbprint("thumbprint_sha256", thumbprint)?;
        let trust = super::TrustPatch { thumbprint_sha256: Some(Some(thumbprint)), ca_pem: None };
        let patch = ProviderPatch { trust: Some(Some(trust)), ..ProviderPatch::default() };
        let told = session.told("provider.trust", "provider", 200);
        let edited = self.provider_edit_told(session, id, None, patch, Mode::Real, told).await?;
        let unreachable =
            |provider: &Provider| provider.sources.iter().any(|source| source.sync.state == SourceState::Unreachable);
        if edited.changed.is_empty() && unreachable(&edited.provider) {
            // Where it does not run there is nothing to try.
            let _ = self.sync().resync(id);
        }
        Ok(edited.provider)
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
        let scope = self.provider_writer(session, id)?;
        let app = self.clone();
        let told = session.told("provider.delete", "provider", 202);
        self.complete("removing a provider", async move {
            let _turn = app.edit_turn(id).await;
            let present = app.provider_record(&scope, id).await?;
            let generation = check_generation(expected.as_deref(), present.generation)?;
            let generation = expected.is_some().then_some(generation);
            let marked = app.store().tenant(&scope).provider_mark_removing(id, generation, told).await?;
            let record = marked.ok_or_else(|| Error::not_found("provider", id))?;
            tracing::info!(provider = %id, "provider is being removed");
            let provider = app.with_status(&scope, &record);
            let background = app.clone();
            tokio::spawn(async move { background.sync().provider_remove(id).await });
            Ok(provider)
        })
        .await
    }

    /// Reads everything of a provider again.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ProviderNotRunning`] also when the platform refused who signs in,
    /// [`Error::ProviderRemoving`], or an internal one.
    pub async fn provider_resync(&self, session: &Session, id: ProviderId) -> Result<()> {
        let scope = self.provider_writer(session, id)?;
        let record = self.provider_record(&scope, id).await?;
        if record.removing {
            return Err(Error::ProviderRemoving(id));
        }
        if !record.enabled {
            return Err(Error::ProviderNotRunning { id, why: "it is disabled" });
        }
        match self.sync().resync(id) {
            Resync::Begun => Ok(()),
            Resync::NotRunning => Err(Error::ProviderNotRunning { id, why: "it has not been started yet" }),
            Resync::Refused => Err(Error::ProviderNotRunning {
                id,
                why: "its platform refused the user name or the password, and trying them again might lock the account; \
                      edit the provider to give the right ones, or test its connection once they are right there",
            }),
        }
    }

    /// Tests a connection. Nothing is stored.
    ///
    /// # Errors
    /// [`Error::Invalid`] only: what does not work is in the report.
    pub async fn provider_test_new(&self, session: &Session, input: NewProviderInput) -> Result<TestReport> {
        self.provider_adder(session)?;
        let new = input.check(self.sync())?;
        Ok(self.test_all(&provider_input::connections(&new)).await)
    }

    /// Tests the connection of a provider as it is stored.
    ///
    /// # Errors
    /// [`Error::NotFound`], or an internal one: what does not work is in the report.
    pub async fn provider_test(&self, session: &Session, id: ProviderId) -> Result<TestReport> {
        let scope = self.provider_writer(session, id)?;
        let stored = self.store().tenant(&scope).provider_with_secrets(id).await?;
        let ProviderWithSecrets { record, secrets } = stored.ok_or_else(|| Error::not_found("provider", id))?;
        if let Some(damage) = &record.damage {
            let message = format!("what is stored of this provider cannot be read: {damage}; edit it to give it anew");
            let check = Check { name: "stored".to_owned(), passed: Some(false), message };
            return Ok(TestReport { checks: vec![check], ..TestReport::default() });
        }
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
        let report = self.test_all(&connections).await;
        if report.checks.iter().all(|check| check.passed == Some(true)) {
            // What was refused before is right now: nobody needs to wait for the next try.
            self.sync().provider_verified(id);
        }
        Ok(report)
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
        let scope = self.scope::<ProviderRead>(session);
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
        Ok(self.sync().capabilities(self.provider(session, id).await?.kind))
    }

    /// Leave to add providers: they are the platform's.
    fn provider_adder(&self, session: &Session) -> Result<TenantScope<ProviderWrite>> {
        self.authorize(session, Node::PLATFORM)
    }

    /// Leave to change a provider. Who may not even see it does not hear that it is there.
    fn provider_writer(&self, session: &Session, id: ProviderId) -> Result<TenantScope<ProviderWrite>> {
        self.authorize(session, Node::PLATFORM).map_err(|denied| {
            let seen = self.scope::<ProviderRead>(session).contains(Node::PLATFORM);
            if seen { denied } else { Error::not_found("provider", id) }
        })
    }

    async fn provider_record(&self, scope: &TenantScope<impl SeesProviders>, id: ProviderId) -> Result<ProviderRecord> {
        self.store().tenant(scope).provider(id).await?.ok_or_else(|| Error::not_found("provider", id))
    }

    /// Joins what is stored with how the synchronization stands.
    fn with_status(&self, scope: &TenantScope<impl SeesProviders>, record: &ProviderRecord) -> Provider {
        let known = self.inventory().provider(scope, record.id);
        let mut statuses: HashMap<SourceId, SyncStatus> = known
            .iter()
            .flat_map(|entry| &entry.provider().sources)
            .map(|source| (source.id, source.sync.clone()))
            .collect();
        let state = if record.enabled && !record.removing { SourceState::Connecting } else { SourceState::Disabled };
        record.shown(|source| {
            statuses.remove(&source.id).unwrap_or_else(|| SyncStatus {
                observed_at: source.last_contact_at,
                // The synchronization has not spoken of this source yet.
                ..SyncStatus::new(state, record.updated_at)
            })
        })
    }
}

/// What the database says, if it says anything in time.
async fn asked<T>(asking: impl Future<Output = std::result::Result<T, StoreError>>) -> Result<Option<T>> {
    match tokio::time::timeout(ASK_DEADLINE, asking).await {
        Ok(Ok(found)) => Ok(Some(found)),
        Ok(Err(error)) if !error.is_unavailable() => Err(error.into()),
        Ok(Err(_)) | Err(_) => Ok(None),
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
        assert_eq!(check_generation(None, 3).unwrap(), 3);
        assert_eq!(check_generation(Some(&["2".to_owned(), "3".to_owned()]), 3).unwrap(), 3);
        assert!(matches!(check_generation(Some(&["2".to_owned()]), 3), Err(Error::Precondition { actual: 3, .. })));
        assert!(check_generation(Some(&[]), 3).is_err());
    }
}
