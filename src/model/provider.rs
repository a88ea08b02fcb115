//! Providers and their sources: what is joined, and how true what we show of it is.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::secret::SecretString;
use super::{ProviderId, SourceId, SyncPeriodId, TenantId, Time};

words! {
    /// The platform of a provider.
    ProviderKind {
        /// VMware: a vCenter, or an ESXi by itself.
        Vsphere = "vsphere",
        /// KVM: a cluster of one or more hosts with libvirt.
        Kvm = "kvm",
    }
}

words! {
    /// How true what is shown of a source is.
    SourceState {
        /// An administrator switched it off. What is shown was true at `observed_at`.
        Disabled = "disabled",
        /// A connection is being made. What is shown is what was last stored.
        Connecting = "connecting",
        /// Everything is being read; `loaded` of `expected` objects so far.
        Loading = "loading",
        /// What is shown is what the platform says, up to the delay of its own notices.
        Live = "live",
        /// The platform answers, but changes arrive late.
        Lagging = "lagging",
        /// The platform does not answer, or refuses us: its objects are `unknown`.
        Unreachable = "unreachable",
    }
}

impl SourceState {
    /// Whether the objects' states can be shown as they are; if not, they read `unknown`.
    #[must_use]
    pub const fn is_trustworthy(self) -> bool {
        matches!(self, SourceState::Loading | SourceState::Live | SourceState::Lagging)
    }
}

words! {
    /// Why a source is unreachable, for programs.
    SyncReason {
        /// The name cannot be resolved, or nothing answers at the address.
        ConnectFailed = "connect_failed",
        /// It did not answer in time.
        TimedOut = "timed_out",
        /// Its certificate is not trusted; the message carries its fingerprint.
        CertificateUntrusted = "certificate_untrusted",
        /// User name or password are wrong. Tried once; the next try comes late, so that no account is locked.
        CredentialsRefused = "credentials_refused",
        /// The account may not do what is needed.
        PermissionDenied = "permission_denied",
        /// What answers is not what was expected: not a vCenter, not libvirt, or another one than before.
        NotThePlatform = "not_the_platform",
        /// It is joined already, under another address: everything would be there twice.
        DuplicatePlatform = "duplicate_platform",
        /// The connection ended.
        ConnectionLost = "connection_lost",
        /// An empty answer where there was an inventory. Taken as a fault, never as a removal.
        EmptyAnswer = "empty_answer",
        /// The platform answered with an error.
        PlatformFault = "platform_fault",
        /// Our own database refused the changes.
        StoreFailed = "store_failed",
        /// What is stored of the provider cannot be read. An edit that gives it anew mends that.
        StoredDamaged = "stored_damaged",
        /// An error of the gateway itself.
        Internal = "internal",
    }
}

/// The sync state of a source, with its why and since when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncStatus {
    /// The state.
    pub state: SourceState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why, for programs; only when unreachable or lagging.
    pub reason: Option<SyncReason>,
    /// Why, for people. Never contains a secret.
    pub message: Option<String>,
    /// The SHA-256 fingerprint of the certificate that is not trusted: one call trusts it.
    pub presented_thumbprint: Option<String>,
    /// When the next try to connect is made.
    pub next_try_at: Option<DateTime<Utc>>,
    /// Objects read so far, while loading.
    pub loaded: Option<u64>,
    /// Objects expected, while loading; absent where the platform does not tell beforehand.
    pub expected: Option<u64>,
    /// When what is shown was last known to be true.
    pub observed_at: Option<DateTime<Utc>>,
}

impl SyncStatus {
    /// A plain state without further detail.
    #[must_use]
    pub const fn new(state: SourceState, since: Time) -> Self {
        Self {
            state,
            since,
            reason: None,
            message: None,
            presented_thumbprint: None,
            next_try_at: None,
            loaded: None,
            expected: None,
            observed_at: None,
        }
    }
}

/// A stretch of the history of a source: the state that it was in, from when until when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SyncPeriod {
    /// Its id.
    pub id: SyncPeriodId,
    /// The source.
    pub source_id: SourceId,
    /// The state; of several that were put together, the last.
    pub state: SourceState,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Until when; `null` while it lasts.
    pub until: Option<DateTime<Utc>>,
    /// Why, for programs; only when unreachable or lagging.
    pub reason: Option<SyncReason>,
    /// Why, for people, as it was said at the beginning. Never contains a secret.
    pub message: Option<String>,
    /// How many changes of the state this stands for: more than one when they came so often that they were put together.
    pub changes: u32,
}

/// What a source said of itself when it was connected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SourceIdentity {
    /// The product: `VMware vCenter Server`, `VMware ESXi`, `QEMU`, `Test`.
    pub product: String,
    /// Its version.
    pub version: String,
    /// What is unique to this installation: `about.instanceUuid`, or the host's UUID. Checked at every connection.
    pub instance_uuid: Option<String>,
}

/// One endpoint that is synced by itself: a vCenter, an ESXi, or one libvirt host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Source {
    /// Its id.
    pub id: SourceId,
    /// The provider that it belongs to.
    pub provider_id: ProviderId,
    /// Its address, without any secret.
    pub endpoint: String,
    /// What it said of itself, once it was reached.
    pub identity: Option<SourceIdentity>,
    /// How true what is shown of it is.
    pub sync: SyncStatus,
    /// Objects left out, each with its reason under `/v1/providers/{id}/quarantine`.
    pub quarantined_count: u64,
}

/// How the certificate of an endpoint is checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Trust {
    /// The SHA-256 fingerprint of the one certificate that is trusted.
    pub thumbprint_sha256: Option<String>,
    /// Certificates of authorities, PEM. Without any and without a fingerprint the machine's own store decides.
    pub ca_pem: Option<String>,
}

/// A platform that was joined: a vCenter, an ESXi, or a KVM cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Provider {
    /// Its id.
    pub id: ProviderId,
    /// The tenant that owns it.
    #[serde(skip, default = "platform")]
    pub tenant_id: TenantId,
    /// Its name; unique.
    pub name: String,
    /// Its platform.
    pub kind: ProviderKind,
    /// Whether it is synced.
    pub enabled: bool,
    /// Whether its removal goes on.
    pub removing: bool,
    /// The user that signs in there; absent where none is needed.
    pub username: Option<String>,
    /// Whether a password is kept for that user. It is never shown.
    pub has_password: bool,
    /// How its certificate is checked.
    pub trust: Trust,
    /// Its endpoints.
    pub sources: Vec<Source>,
    /// Rises with every edit; the `ETag`.
    pub generation: i64,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was last edited.
    pub updated_at: DateTime<Utc>,
}

const fn platform() -> TenantId {
    TenantId::PLATFORM
}

/// What a platform can do, so that nobody has to find out by trying.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Capability {
    /// A word for programs.
    pub name: String,
    /// Whether it can.
    pub supported: bool,
    /// Why not, or how it differs.
    pub note: Option<String>,
}

/// One check of a connection test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Check {
    /// What was checked: `stored`, `address`, `reach`, `certificate`, `credentials`, `permission`, `version`.
    pub name: String,
    /// Whether it holds; absent when an earlier one failed and it was not tried.
    pub passed: Option<bool>,
    /// What was found, or how to mend it.
    pub message: String,
}

/// What a connection test found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TestReport {
    /// The checks in their order.
    pub checks: Vec<Check>,
    /// What answered, if all went well.
    pub identity: Option<SourceIdentity>,
    /// The certificate's fingerprint, when it is not trusted yet.
    pub presented_thumbprint: Option<String>,
}

/// How to reach one endpoint, before it belongs to a provider: what a connection test is made with.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The platform.
    pub kind: ProviderKind,
    /// The provider's name.
    pub provider_name: String,
    /// The address, or libvirt URI.
    pub endpoint: String,
    /// The user that signs in.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// How the certificate is checked.
    pub trust: Trust,
}
