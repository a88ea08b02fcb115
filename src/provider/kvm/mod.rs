//! KVM hosts by libvirt.
//!
//! One source is one host's libvirt; a provider is a cluster of them. Keys are unique within the *provider*: a domain has
//! the same key on whichever host it is (a machine that migrates stays one VM), shared storage and bridges are recognised by
//! what they are made of, and everything else carries its host's key.
//!
//! | file | what |
//! |---|---|
//! | `watch.rs` | connects, reads all, follows |
//! | `pools.rs` | reads storage pools, which can hang |
//! | `poll.rs` | what libvirt has no events for |
//! | `state.rs` | what is held of the host; groups and what changed in them |
//! | `links.rs` | which volume a disk is, who uses it, which network a bridge is |
//! | `facts.rs` | libvirt's records, understood |
//! | `normalize/` | libvirt's things as our nouns: pure |
//! | `check.rs` | the connection test |
//! | `fault.rs` | libvirt's errors in our words |
//!
//! Decisions:
//! - Groups: `domain/<uuid>` (the VM, its NICs and snapshots, and disks that are in no pool), `pool/<uuid>` (the datastore, its
//!   volumes and images), `network/<uuid>`, `bridge/<name>`, `volume/<key>` (a disk on the network that is in no pool: hosts share
//!   it), `host`, `zone`, `cluster`.
//! - CD-ROM and floppy drives are no volumes; they are under the VM's `native.drives`. What is an image: see `normalize/image.rs`.
//! - Addresses are those of libvirt's own DHCP servers. The guest agent is not asked: it hangs with its guest.
//! - A stopped pool keeps the volumes that were last seen in it, and so does one that hangs.

mod check;
mod facts;
mod fault;
mod links;
mod normalize;
mod poll;
mod pools;
mod state;
mod watch;

#[cfg(test)]
mod tests;

use std::time::Duration;

use kvm::{ConnectUri, Credentials, Driver, Host, HostOptions};

use super::{SourceContext, SourceError, SourceSpec};
use crate::model::provider::{Capability, TestReport};

/// Threads of one connection that may hang: storage pools hang one by one, and the others are still read.
const HANGING_MAX: usize = 6;

/// The form by which duplicates are found: without user, transport and default port.
pub(super) fn normalize_endpoint(endpoint: &str) -> Result<String, String> {
    address(endpoint).map(|uri| uri.identity())
}

/// Reads an address; an error goes on from "the address".
fn address(endpoint: &str) -> Result<ConnectUri, String> {
    let uri = ConnectUri::parse(endpoint).map_err(|error| fault::address(&error))?;
    // libvirt's test driver reads the file that its path names, and tells of it what it does not understand.
    if uri.driver() == Driver::Test && uri.path() != "/default" {
        return Err(
            "names a file for libvirt's test driver, which the gateway does not read. There is test:///default"
                .to_owned(),
        );
    }
    Ok(uri)
}

pub(super) async fn test(spec: &SourceSpec, limit: Duration) -> TestReport {
    check::test(spec, limit).await
}

pub(super) async fn run(spec: SourceSpec, context: SourceContext) -> SourceError {
    watch::run(spec, context).await
}

/// What libvirt can do and what it has no word for.
pub(super) fn capabilities() -> Vec<Capability> {
    let can = |name: &str, note: &str| Capability {
        name: name.to_owned(),
        supported: true,
        note: (!note.is_empty()).then(|| note.to_owned()),
    };
    let cannot =
        |name: &str, note: &str| Capability { name: name.to_owned(), supported: false, note: Some(note.to_owned()) };
    vec![
        can("inventory", ""),
        can("events", "machines, networks and storage pools at once; volumes, leases and snapshots are polled"),
        can("snapshots", ""),
        can("images", "ISO files in storage pools, and files that disks are backed by"),
        can("attributes", "the title and simple entries of a domain's metadata"),
        can("guest_addresses", "from libvirt's own DHCP servers; none for machines on a bridge of the host"),
        can("shared_storage", "pools on the network are one datastore for all hosts"),
        can("live_migration", "a machine that moves between hosts of the provider stays the same"),
        cannot("folders", "libvirt has no folders"),
        cannot("resource_pools", "libvirt has no resource pools"),
        cannot("tags", "libvirt has no tags"),
        cannot("storage_policies", "libvirt has no storage policies"),
        cannot("content_libraries", "libvirt has no content libraries"),
        cannot("maintenance_mode", "libvirt has no maintenance mode"),
        cannot("high_availability", "libvirt does not restart the machines of a failed host"),
    ]
}

/// A handle on a source's libvirt. Nothing is connected yet.
fn open(spec: &SourceSpec, uri: &ConnectUri) -> Host {
    let credentials = spec.password.clone().map(|password| Credentials { user: spec.username.clone(), password });
    let mut options = HostOptions::default();
    options.hanging_max = HANGING_MAX;
    Host::with_options(uri.clone(), credentials, options)
}
