//! Providers: add, test, trust, edit, disable, remove, read again.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Api;
use super::super::extract::{Body, DryRun, Id, NoParams, Patch, Secret};
use super::super::once::{self, Creating, Made};
use super::super::problem::Problem;
use super::managed::tagged;
use super::{Items, if_match};
use crate::app::{Mode, NewProviderInput, ProviderEdited, ProviderPatch, Quarantined, Session, TrustPatch};
use crate::model::provider::{Capability, TestReport, Trust};
use crate::model::{Kind, Provider, ProviderId, ProviderKind, SourceId};

pub(in crate::api) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default()
        .routes(routes!(list, create))
        .routes(routes!(get, edit, remove))
        .routes(routes!(trust))
        .routes(routes!(resync))
        .routes(routes!(quarantine))
        .routes(routes!(capabilities))
}

/// Those that wait for a platform.
pub(in crate::api) fn test_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::default().routes(routes!(test_new)).routes(routes!(test))
}

/// How the certificate of an endpoint is checked.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrustBody {
    /// The SHA-256 fingerprint of the one certificate that is trusted.
    thumbprint_sha256: Option<String>,
    /// Certificates of authorities, PEM.
    ca_pem: Option<String>,
}

impl From<TrustBody> for Trust {
    fn from(body: TrustBody) -> Self {
        Trust { thumbprint_sha256: body.thumbprint_sha256, ca_pem: body.ca_pem }
    }
}

/// A provider to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProviderCreate {
    /// Its name; unique.
    #[schema(example = "Lab vCenter", max_length = 128)]
    name: String,
    /// Its platform.
    kind: ProviderKind,
    /// Its addresses: one of a vCenter or ESXi; one or more libvirt URIs of a KVM cluster.
    #[schema(min_items = 1, example = json!(["vcenter.example"]))]
    endpoints: Vec<String>,
    /// The user that signs in there; needed for vSphere.
    username: Option<String>,
    /// The user's password; needed for vSphere. It is kept sealed and never shown.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// How its certificate is checked; by default with the machine's own authorities.
    trust: Option<TrustBody>,
    /// Whether it is to be synced.
    #[serde(default = "yes")]
    #[schema(default = true)]
    enabled: bool,
}

const fn yes() -> bool {
    true
}

impl From<ProviderCreate> for NewProviderInput {
    fn from(body: ProviderCreate) -> Self {
        Self {
            name: body.name,
            kind: body.kind,
            endpoints: body.endpoints,
            username: body.username,
            password: body.password.map(|password| password.0),
            trust: body.trust.unwrap_or_default().into(),
            enabled: body.enabled,
        }
    }
}

/// A connection to test. What can be added can be tested.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProviderTest {
    /// A name; not looked at.
    name: Option<String>,
    /// The platform.
    kind: ProviderKind,
    /// The addresses.
    #[schema(min_items = 1)]
    endpoints: Vec<String>,
    /// The user that signs in there.
    username: Option<String>,
    /// The user's password.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    password: Option<Secret>,
    /// How the certificate is checked.
    trust: Option<TrustBody>,
    /// Not looked at.
    #[expect(
        dead_code,
        reason = "what can be added can be tested: the member is taken, and says nothing of a connection"
    )]
    enabled: Option<bool>,
}

/// An edit of how a certificate is checked: what is absent stays, `null` clears.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrustEdit {
    /// The SHA-256 fingerprint of the one certificate that is trusted.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    thumbprint_sha256: Patch<String>,
    /// Certificates of authorities, PEM.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    ca_pem: Patch<String>,
}

/// An edit: what is absent stays as it is, `null` clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ProviderEdit {
    /// Another name.
    #[schema(value_type = String, required = false, max_length = 128)]
    #[serde(default)]
    name: Patch<String>,
    /// All addresses. A source whose address stays keeps its objects; those of an address that is left out are removed.
    #[schema(value_type = Vec<String>, required = false, min_items = 1)]
    #[serde(default)]
    endpoints: Patch<Vec<String>>,
    /// Another user.
    #[schema(value_type = Option<String>)]
    #[serde(default)]
    username: Patch<String>,
    /// Another password.
    #[schema(value_type = Option<String>, format = Password, write_only)]
    #[serde(default)]
    password: Patch<Secret>,
    /// How its certificate is checked; `null` clears both parts.
    #[schema(value_type = Option<TrustEdit>)]
    #[serde(default)]
    trust: Patch<TrustEdit>,
    /// On or off. What was synced stays and is shown as it was last seen.
    #[schema(value_type = bool, required = false)]
    #[serde(default)]
    enabled: Patch<bool>,
}

impl TryFrom<ProviderEdit> for ProviderPatch {
    type Error = crate::app::Invalid;

    fn try_from(body: ProviderEdit) -> Result<Self, Self::Error> {
        let trust = |edit: TrustEdit| TrustPatch {
            thumbprint_sha256: edit.thumbprint_sha256.nullable(),
            ca_pem: edit.ca_pem.nullable(),
        };
        Ok(Self {
            name: body.name.not_null("name")?,
            endpoints: body.endpoints.not_null("endpoints")?,
            username: body.username.nullable(),
            password: body.password.nullable().map(|password| password.map(|secret| secret.0)),
            trust: body.trust.nullable().map(|edit| edit.map(trust)),
            enabled: body.enabled.not_null("enabled")?,
        })
    }
}

/// A certificate to trust.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TrustThumbprint {
    /// Its SHA-256 fingerprint, with or without colons: what the sync state or a test showed as `presented_thumbprint`.
    thumbprint_sha256: String,
}

/// Something of a platform that could not be read, translated or stored.
#[derive(Serialize, ToSchema)]
struct QuarantineEntry {
    /// The source that told of it.
    source_id: SourceId,
    /// What it would have been.
    kind: Kind,
    /// The platform's key.
    key: String,
    /// Why.
    reason: String,
    /// Since when.
    since: DateTime<Utc>,
}

impl From<Quarantined> for QuarantineEntry {
    fn from(group: Quarantined) -> Self {
        Self { source_id: group.source_id, kind: group.kind, key: group.key, reason: group.reason, since: group.since }
    }
}

/// Which members an edit changed.
const CHANGED: HeaderName = HeaderName::from_static("x-spandrel-changed");

/// A provider with its generation as the entity tag.
fn answer(status: StatusCode, provider: Provider) -> Response {
    tagged(status, provider.generation, provider)
}

/// List providers
///
/// By name, each with its sources and how their synchronization stands.
#[utoipa::path(get, path = "/v1/providers", tag = "Providers", operation_id = "provider_list",
    responses((status = 200, description = "All providers.", body = Items<Provider>)))]
async fn list(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
) -> Result<Json<Items<Provider>>, Problem> {
    Ok(Json(Items { items: api.app().providers(&session).await? }))
}

/// Add a provider
///
/// What it holds appears as it is read; its sources say how far that is. Test the connection first with
/// `POST /v1/providers/test`. An address or name that is there already is refused with `409`.
#[utoipa::path(post, path = "/v1/providers", tag = "Providers", operation_id = "provider_create",
    params(("dry_run" = Option<bool>, Query,
        description = "Check it, answer what would be added (`200`), and keep nothing, its id and `Idempotency-Key` neither."),
        ("idempotency-key" = Option<String>, Header,
        description = "Names the request: sent again within 24 hours it is answered alike, and done once.")),
    request_body = ProviderCreate,
    responses((status = 200, description = "What would be added, with `dry_run`.", body = Provider),
        (status = 201, description = "Added.", body = Provider,
        headers(("location" = String, description = "Its address."), ("etag" = String, description = "Its generation.")))))]
async fn create(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    DryRun(mode): DryRun,
    Creating(body, key): Creating<ProviderCreate>,
) -> Result<Response, Problem> {
    if mode == Mode::DryRun {
        return Ok(Json(api.app().provider_create_tried(&session, body.into()).await?).into_response());
    }
    once::answer(api.app().provider_create(&session, body.into(), once::once(key, made)).await?, made)
}

fn made(provider: &Provider) -> Made {
    Made::new(format!("/v1/providers/{}", provider.id), Some(format!("\"{}\"", provider.generation)), provider)
}

/// Get a provider
#[utoipa::path(get, path = "/v1/providers/{id}", tag = "Providers", operation_id = "provider_get",
    params(("id" = ProviderId, Path, description = "The provider's id.")),
    responses((status = 200, description = "The provider.", body = Provider,
        headers(("etag" = String, description = "Its generation.")))))]
async fn get(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, api.app().provider(&session, id).await?))
}

/// Edit a provider
///
/// What is absent stays as it is, `null` clears. With `If-Match` only the named generation is edited. An edit that changes
/// nothing, be it of the password, does nothing: the generation stays, and nobody signs in anew. A stored password goes only
/// to where it was given for: another address or user name needs `password` as well, else `422`.
#[utoipa::path(patch, path = "/v1/providers/{id}", tag = "Providers", operation_id = "provider_edit",
    params(("id" = ProviderId, Path, description = "The provider's id."),
        ("dry_run" = Option<bool>, Query,
            description = "Check it, answer the provider as it would be, and change nothing."),
        ("if-match" = Option<String>, Header, description = "The generation that is edited, as in `ETag`.")),
    request_body = ProviderEdit,
    responses((status = 200, description = "The provider as it is now.", body = Provider,
        headers(("etag" = String, description = "Its generation now."),
            ("x-spandrel-changed" = String,
                description = "The members that are not what they were, with commas; empty when nothing changed.")))))]
async fn edit(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    DryRun(mode): DryRun,
    Id(id): Id<ProviderId>,
    headers: HeaderMap,
    Body(body): Body<ProviderEdit>,
) -> Result<Response, Problem> {
    let expected = if_match(&headers)?;
    let edited = api.app().provider_edit(&session, id, expected, body.try_into()?, mode).await?;
    let ProviderEdited { provider, changed } = edited;
    let mut response = answer(StatusCode::OK, provider);
    if let Ok(changed) = HeaderValue::from_str(&changed.join(", ")) {
        response.headers_mut().insert(CHANGED, changed);
    }
    Ok(response)
}

/// Remove a provider
///
/// Its objects are removed with it, in the background; until that is done it shows itself as `removing`. The platform
/// itself is not touched.
#[utoipa::path(delete, path = "/v1/providers/{id}", tag = "Providers", operation_id = "provider_delete",
    params(("id" = ProviderId, Path, description = "The provider's id."),
        ("if-match" = Option<String>, Header, description = "The generation that is removed, as in `ETag`.")),
    responses((status = 202, description = "It is being removed.", body = Provider)))]
async fn remove(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let provider = api.app().provider_remove(&session, id, if_match(&headers)?).await?;
    Ok(answer(StatusCode::ACCEPTED, provider))
}

/// Trust a certificate
///
/// The one certificate that has this fingerprint is trusted from now on, and a connection is tried at once.
#[utoipa::path(post, path = "/v1/providers/{id}/trust", tag = "Providers", operation_id = "provider_trust",
    params(("id" = ProviderId, Path, description = "The provider's id.")), request_body = TrustThumbprint,
    responses((status = 200, description = "The provider as it is now.", body = Provider)))]
async fn trust(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
    Body(body): Body<TrustThumbprint>,
) -> Result<Response, Problem> {
    Ok(answer(StatusCode::OK, api.app().provider_trust(&session, id, &body.thumbprint_sha256).await?))
}

/// Read a provider again
///
/// Everything is read anew and compared with what is stored. `409` where it is disabled, or the platform refused who signs
/// in: the same user and password are not tried again before `next_try_at`.
#[utoipa::path(post, path = "/v1/providers/{id}/resync", tag = "Providers", operation_id = "provider_resync",
    params(("id" = ProviderId, Path, description = "The provider's id.")),
    responses((status = 202, description = "It is being read.")))]
async fn resync(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
) -> Result<StatusCode, Problem> {
    api.app().provider_resync(&session, id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// What could not be taken over
///
/// Objects of the platform that could not be read, translated or stored, each with its reason; the first 1000.
#[utoipa::path(get, path = "/v1/providers/{id}/quarantine", tag = "Providers", operation_id = "provider_quarantine",
    params(("id" = ProviderId, Path, description = "The provider's id.")),
    responses((status = 200, description = "What was left out.", body = Items<QuarantineEntry>)))]
async fn quarantine(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
) -> Result<Json<Items<QuarantineEntry>>, Problem> {
    let groups = api.app().provider_quarantine(&session, id).await?;
    Ok(Json(Items { items: groups.into_iter().map(QuarantineEntry::from).collect() }))
}

/// What the platform can do
#[utoipa::path(get, path = "/v1/providers/{id}/capabilities", tag = "Providers", operation_id = "provider_capabilities",
    params(("id" = ProviderId, Path, description = "The provider's id.")),
    responses((status = 200, description = "Each capability, and why not where it lacks.", body = Items<Capability>)))]
async fn capabilities(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
) -> Result<Json<Items<Capability>>, Problem> {
    Ok(Json(Items { items: api.app().provider_capabilities(&session, id).await? }))
}

/// Test a connection
///
/// Connects once, says what is right and what is wrong, and keeps nothing. With several endpoints each message begins
/// with its endpoint.
#[utoipa::path(post, path = "/v1/providers/test", tag = "Providers", operation_id = "provider_test_new",
    request_body = ProviderTest,
    responses((status = 200, description = "What was found.", body = TestReport)))]
async fn test_new(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Body(body): Body<ProviderTest>,
) -> Result<Json<TestReport>, Problem> {
    let input = NewProviderInput {
        name: body.name.unwrap_or_else(|| "test".to_owned()),
        kind: body.kind,
        endpoints: body.endpoints,
        username: body.username,
        password: body.password.map(|password| password.0),
        trust: body.trust.unwrap_or_default().into(),
        enabled: false,
    };
    Ok(Json(api.app().provider_test_new(&session, input).await?))
}

/// Test a provider's connection
///
/// As it is stored. Where the platform had refused who signs in and now all is well, the provider goes on at once.
#[utoipa::path(post, path = "/v1/providers/{id}/test", tag = "Providers", operation_id = "provider_test",
    params(("id" = ProviderId, Path, description = "The provider's id.")),
    responses((status = 200, description = "What was found.", body = TestReport)))]
async fn test(
    State(api): State<Api>,
    Extension(session): Extension<Session>,
    _: NoParams,
    Id(id): Id<ProviderId>,
) -> Result<Json<TestReport>, Problem> {
    Ok(Json(api.app().provider_test(&session, id).await?))
}
