//! The platforms, in the gateway's terms.
//!
//! A provider module connects to one source, reads all of it, follows its changes and translates both to [`crate::model`];
//! nothing else. It does not know the database: what it observed goes out as [`Event`]s, in order, through a bounded
//! channel, and `sync` makes rows of them. The translation itself is in pure functions (`normalize`).
//!
//! Rules that every provider keeps:
//! - A notice of a platform is a hint: what is sent on is what was read after it.
//! - Nothing is reported as gone without evidence: the platform said so, or a *complete* read did not contain it.
//! - An object that cannot be read or translated is reported as [`Event::Quarantined`]; the others go on.
//! - When it ends, it says why ([`SourceError`]); the supervisor decides when to try again.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::model::provider::{Capability, SourceIdentity, SyncReason, TestReport, Trust};
use crate::model::secret::SecretString;
use crate::model::{Kind, Object, ObjectId, ProviderId, ProviderKind, SourceId, Time};

/// Everything needed to reach one source.
#[derive(Clone, Debug)]
pub struct SourceSpec {
    /// The provider.
    pub provider_id: ProviderId,
    /// The provider's name: a KVM provider's zone and cluster bear it.
    pub provider_name: String,
    /// The source.
    pub source_id: SourceId,
    /// The platform.
    pub kind: ProviderKind,
    /// The address: `https://vcenter.example/sdk` or just a host name for vSphere, a libvirt URI for KVM.
    pub endpoint: String,
    /// The user that signs in; libvirt needs none on most transports.
    pub username: Option<String>,
    /// The user's password.
    pub password: Option<SecretString>,
    /// How the certificate is checked (vSphere).
    pub trust: Trust,
    /// The `instance_uuid` of the installation that was met there before: another one is refused.
    pub expected_instance_uuid: Option<String>,
}

/// Gives out the gateway's ids for the platform's own keys. The same key gets the same id for ever, within one provider.
pub trait Identify: Send + Sync {
    /// The id of the object that the platform calls `key`. A key that was never seen gets a new id, so that a
    /// reference can be made before the object itself was read.
    fn id(&self, kind: Kind, key: &str) -> ObjectId;
}

/// Parts of a platform that are read by separate calls and therefore complete by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Machines, hosts, storage, networks.
    Core,
    /// Tags and categories.
    Tags,
    /// Storage policies.
    StoragePolicies,
    /// Content libraries and their items.
    ContentLibraries,
}

impl Family {
    /// The word that the database keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::Core => "core",
            Family::Tags => "tags",
            Family::StoragePolicies => "storage_policies",
            Family::ContentLibraries => "content_libraries",
        }
    }

    /// Reads the database's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Family::Core, Family::Tags, Family::StoragePolicies, Family::ContentLibraries]
            .into_iter()
            .find(|family| family.as_str() == word)
    }
}

/// One object as it was observed.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// The platform's key that its id was made from.
    pub key: String,
    /// The gateway's id, from [`Identify`].
    pub id: ObjectId,
    /// The object.
    pub object: Object,
    /// The host that contributes this view, for an object that several sources of the provider see (a shared
    /// datastore or network, a volume in one). `sync` puts the views together.
    pub shared_by: Option<ObjectId>,
}

/// What one read of one thing of the platform gave: the thing and all that hangs on it (a VM with its disks, NICs and
/// snapshots). A group is replaced as a whole: a member that is no longer in it is gone.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The platform's key of the thing: a managed object reference, a domain's UUID.
    pub key: String,
    /// The part of the platform that it belongs to.
    pub family: Family,
    /// The thing and what hangs on it.
    pub members: Vec<Observed>,
    /// Kinds of members that could not be read this time: what was known of them stays.
    pub unread: Vec<Kind>,
}

impl Group {
    /// A group that was read completely.
    #[must_use]
    pub const fn new(key: String, family: Family, members: Vec<Observed>) -> Self {
        Self { key, family, members, unread: Vec::new() }
    }
}

/// Why a family is read completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadReason {
    /// The connection is new, or notices were lost: differences are expected.
    Fresh,
    /// A periodic comparison: every difference is a change that the notices missed.
    Comparison,
    /// A family without notices, read every few seconds: differences are how its changes are found.
    Poll,
}

/// What a provider tells, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The connection stands.
    Connected(SourceIdentity),
    /// A complete read of a family begins; `expected` groups, where the platform tells.
    LoadBegan {
        /// The family.
        family: Family,
        /// Why.
        reason: LoadReason,
        /// How many groups will come.
        expected: Option<u64>,
    },
    /// Groups as they are now: during a load, or after a change.
    Observed(Vec<Group>),
    /// Groups that the platform says are gone.
    Gone {
        /// The family.
        family: Family,
        /// Their keys.
        keys: Vec<String>,
    },
    /// A group that could not be read or translated. What was known of it stays, marked.
    Quarantined {
        /// The family.
        family: Family,
        /// The platform's key.
        key: String,
        /// What it would have been.
        kind: Kind,
        /// Why, for people. No secrets.
        reason: String,
    },
    /// The complete read of a family ended: what was not observed or quarantined since its begin is gone.
    LoadEnded {
        /// The family.
        family: Family,
    },
    /// All changes up to `at` were sent. Sent at least every ten seconds while all is well.
    CaughtUp {
        /// The moment up to which everything is known.
        at: Time,
        /// The platform's position, kept with the rows for diagnosis.
        cursor: Option<String>,
    },
}

/// What a running source can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read everything again now.
    Resync,
}

/// What a source is given to run with.
pub struct SourceContext {
    /// Ids for the platform's keys.
    pub identify: Arc<dyn Identify>,
    /// Where events go. Bounded: a provider waits when the store is slow.
    pub events: mpsc::Sender<Event>,
    /// Requests from outside.
    pub commands: mpsc::Receiver<Command>,
    /// The time.
    pub clock: Clock,
    /// How often everything is compared, at least.
    pub compare_every: std::time::Duration,
    /// How often families without notices are read (tags, policies, libraries; libvirt volumes).
    pub poll_every: std::time::Duration,
}

/// Why a source ended, or could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// For programs.
    pub reason: SyncReason,
    /// For people: what, where, how to mend. No secrets.
    pub message: String,
    /// The certificate's SHA-256 fingerprint, when it is not trusted.
    pub presented_thumbprint: Option<String>,
    /// What was behind it.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SourceError {
    /// An error with a reason and a message.
    pub fn new(reason: SyncReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), presented_thumbprint: None, source: None }
    }
}

/// Checks an address without connecting, and brings it to the form by which duplicates are found.
///
/// # Errors
/// What is wrong with it, in words for the administrator.
pub fn normalize_endpoint(kind: ProviderKind, endpoint: &str) -> Result<String, String> {
    match kind {
        ProviderKind::Vsphere => vsphere::normalize_endpoint(endpoint),
        ProviderKind::Kvm => kvm::normalize_endpoint(endpoint),
    }
}

/// Connects once and says what is right and what is wrong. Nothing is kept.
pub async fn test(spec: &SourceSpec) -> TestReport {
    match spec.kind {
        ProviderKind::Vsphere => vsphere::test(spec).await,
        ProviderKind::Kvm => kvm::test(spec).await,
    }
}

/// Connects, reads everything and follows the changes until the connection ends. Dropping the future ends it and
/// signs out as far as that is possible.
pub async fn run(spec: SourceSpec, context: SourceContext) -> SourceError {
    match spec.kind {
        ProviderKind::Vsphere => vsphere::run(spec, context).await,
        ProviderKind::Kvm => kvm::run(spec, context).await,
    }
}

/// What the platform can do.
#[must_use]
pub fn capabilities(kind: ProviderKind) -> Vec<Capability> {
    match kind {
        ProviderKind::Vsphere => vsphere::capabilities(),
        ProviderKind::Kvm => kvm::capabilities(),
    }
}

mod kvm;
mod vsphere;
