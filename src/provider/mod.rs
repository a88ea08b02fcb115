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

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

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
    /// Members of which only the outline is seen, through something that uses them (a disk in a storage pool that is
    /// stopped): what is known of them stays, completed by what is told now.
    pub outlines: Vec<ObjectId>,
}

impl Group {
    /// A group that was read completely.
    #[must_use]
    pub const fn new(key: String, family: Family, members: Vec<Observed>) -> Self {
        Self { key, family, members, unread: Vec::new(), outlines: Vec::new() }
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
    /// Groups as a comparison found them, between its begin and its end: where they differ from what was told, notices were
    /// missed. What changes meanwhile is told as [`Event::Observed`] in between.
    Compared(Vec<Group>),
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
    /// The platform itself was asked, and everything that it has of these groups was told. Only a source of a provider with
    /// several tells this.
    Answered {
        /// The moment after which it was asked.
        since: Instant,
        /// The groups, as in [`Questions`]; all of them when absent.
        group_keys: Option<Vec<String>>,
    },
}

/// What a running source can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Read everything again now.
    Resync,
}

/// Groups that left another source of the provider and may be at this one now: it reads them again, and then tells
/// [`Event::Answered`]. Each is in it once, so that it is bounded by the number of groups.
#[derive(Debug, Default)]
pub struct Questions {
    group_keys: Mutex<BTreeSet<String>>,
    asked: Notify,
}

impl Questions {
    /// Asks for groups by their keys.
    pub fn ask(&self, group_keys: impl IntoIterator<Item = String>) {
        self.group_keys.lock().unwrap_or_else(PoisonError::into_inner).extend(group_keys);
        self.asked.notify_one();
    }

    /// Waits until there is a question; takes all that there are.
    pub async fn next(&self) -> BTreeSet<String> {
        loop {
            let asked = std::mem::take(&mut *self.group_keys.lock().unwrap_or_else(PoisonError::into_inner));
            if !asked.is_empty() {
                return asked;
            }
            self.asked.notified().await;
        }
    }
}

/// What a source is given to run with.
pub struct SourceContext {
    /// Ids for the platform's keys.
    pub identify: Arc<dyn Identify>,
    /// Where events go. Bounded: a provider waits when the store is slow.
    pub events: mpsc::Sender<Event>,
    /// Requests from outside.
    pub commands: mpsc::Receiver<Command>,
    /// Questions of other sources of the provider.
    pub questions: Arc<Questions>,
    /// The time.
    pub clock: Clock,
    /// How often everything is compared, at least.
    pub compare_every: Duration,
    /// How often families without notices are read (tags, policies, libraries; libvirt volumes).
    pub poll_every: Duration,
    /// The span of the first load: what is done for it is put under it, and it is let go of when the load is told.
    pub first_load: tracing::Span,
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

/// Connects once and says what is right and what is wrong, within a limit. Nothing is kept.
pub async fn test(spec: &SourceSpec, limit: Duration) -> TestReport {
    match spec.kind {
        ProviderKind::Vsphere => vsphere::test(spec, limit).await,
        ProviderKind::Kvm => kvm::test(spec, limit).await,
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

/// A number of things in words: `1 host`, `2 hosts`.
fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What the platform can do.
#[must_use]
pub fn capabilities(kind: ProviderKind) -> Vec<Capability> {
    match kind {
        ProviderKind::Vsphere => vsphere::capabilities(),
        ProviderKind::Kvm => kvm::capabilities(),
    }
}

/// How many objects of a vCenter are asked for at once; for who measures against a client that does the same.
pub const ASKED_AT_ONCE: u32 = vsphere::PAGE_OBJECTS;

/// What a current vCenter is asked for: types with their property paths. For programs that compare themselves with what
/// the gateway reads.
#[must_use]
pub fn asked_of_vcenter() -> Vec<(&'static str, Vec<&'static str>)> {
    vsphere::asked_of_vcenter()
}

mod examination;
mod kvm;
mod vsphere;
