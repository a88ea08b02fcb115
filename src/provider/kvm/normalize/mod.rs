//! libvirt's things as the gateway's nouns: pure functions from [facts](super::facts) to [`crate::model`].
//!
//! Nothing here asks a host or the time, and what is made is the same for the same facts: a value that changes by itself
//! (free memory, the rest of a lease's time) is left out, or every read would be a change.

pub(super) mod datastore;
pub(super) mod host;
pub(super) mod image;
pub(super) mod metadata;
pub(super) mod network;
pub(super) mod nic;
pub(super) mod snapshot;
pub(super) mod vm;
pub(super) mod volume;

use std::sync::Arc;

use kvm::DomainState;
use serde::Serialize;
use uuid::Uuid;

use super::super::{Identify, Observed};
use crate::model::vm::PowerState;
use crate::model::{ClusterId, HostId, Kind, Native, NetworkId, Object, ObjectId, VmId, ZoneId};

/// Most entries of a list that is kept in `native`.
pub(super) const NATIVE_ITEMS_MAX: usize = 64;
/// Most characters of a text that is kept in `native` or as an attribute.
pub(super) const NATIVE_TEXT_MAX: usize = 1024;

/// Which host of which provider the facts are of, and the ids of both.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) ids: Arc<dyn Identify>,
    pub(super) provider_name: String,
    /// The key of the host's id.
    pub(super) host_key: String,
}

impl Place {
    pub(super) fn host_id(&self) -> HostId {
        self.ids.id(Kind::Host, &self.host_key).into()
    }

    pub(super) fn zone_id(&self) -> ZoneId {
        self.ids.id(Kind::Zone, ZONE_KEY).into()
    }

    pub(super) fn cluster_id(&self) -> ClusterId {
        self.ids.id(Kind::Cluster, CLUSTER_KEY).into()
    }

    pub(super) fn vm_id(&self, uuid: Uuid) -> VmId {
        self.ids.id(Kind::Vm, &uuid.to_string()).into()
    }

    pub(super) fn network_id(&self, key: &str) -> NetworkId {
        self.ids.id(Kind::Network, key).into()
    }

    /// An object of this host alone, or of which this host tells its part.
    pub(super) fn observed(&self, key: String, object: impl Into<Object>, shared: bool) -> Observed {
        let object = object.into();
        let id: ObjectId = self.ids.id(object.kind(), &key);
        Observed { key, id, object, shared_by: shared.then(|| self.host_id().into()) }
    }
}

/// A KVM provider has one zone and one cluster.
pub(super) const ZONE_KEY: &str = "zone";
pub(super) const CLUSTER_KEY: &str = "cluster";

/// MiB, rounded to the nearest.
pub(super) fn mib(bytes: u64) -> u64 {
    bytes.saturating_add(1 << 19) >> 20
}

/// libvirt's reason as a word: `I/O error` is `io_error`; absent when libvirt itself does not know.
pub(super) fn reason_word(reason: &str) -> Option<String> {
    let word: String = reason
        .chars()
        .filter(|c| *c != '/')
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    (!word.is_empty() && word != "unknown").then_some(word)
}

/// libvirt's state as ours. A guest that put itself to sleep keeps its memory, like one that was paused; one that
/// is shutting down still runs. A guest whose QEMU died is off, as libvirt says; the reason tells that it crashed.
pub(super) fn power_state(state: DomainState, managed_save: bool) -> PowerState {
    match state {
        DomainState::Running | DomainState::Blocked | DomainState::ShuttingDown => PowerState::Running,
        DomainState::Paused | DomainState::PmSuspended => PowerState::Paused,
        DomainState::ShutOff if managed_save => PowerState::Suspended,
        DomainState::ShutOff => PowerState::Stopped,
        DomainState::Crashed => PowerState::Crashed,
        _ => PowerState::Unknown,
    }
}

/// Collects what goes under `native`; absent and empty values are left out, long ones cut.
#[derive(Default)]
pub(super) struct NativeMap(Native);

impl NativeMap {
    /// A value, if there is one.
    pub(super) fn put(mut self, name: &str, value: impl Serialize) -> Self {
        // Values of the XML views have string keys and finite numbers: they always are JSON.
        let mut value = serde_json::to_value(value).unwrap_or_default();
        bound(&mut value);
        let empty = match &value {
            serde_json::Value::Null => true,
            serde_json::Value::Array(items) => items.is_empty(),
            serde_json::Value::Object(members) => members.is_empty(),
            serde_json::Value::String(text) => text.is_empty(),
            _ => false,
        };
        if !empty {
            self.0.insert(name.to_owned(), value);
        }
        self
    }

    /// A switch that is only said when it is on.
    pub(super) fn flag(self, name: &str, on: bool) -> Self {
        if on { self.put(name, true) } else { self }
    }

    pub(super) fn done(self) -> Native {
        self.0
    }
}

/// Cuts lists and texts, and drops members without a value.
fn bound(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => cut(text),
        serde_json::Value::Array(items) => {
            items.truncate(NATIVE_ITEMS_MAX);
            items.iter_mut().for_each(bound);
        }
        serde_json::Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(bound);
        }
        _ => {}
    }
}

/// Cuts a text at the bound, between characters.
pub(super) fn cut(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(NATIVE_TEXT_MAX) {
        text.truncate(at);
        text.push('…');
    }
}

#[cfg(test)]
pub(super) mod tests;
