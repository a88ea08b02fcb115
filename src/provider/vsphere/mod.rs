//! vCenter and standalone ESXi, in the gateway's terms.
//!
//! One source is one server. [`connect`] gets in; [`watch`] reads everything and follows the changes;
//! [`compare`] checks now and then that nothing was missed;
//! [`poll`] reads what has no notices; [`state`] holds what was read, in the form of [`pack`]; [`properties`] says what is asked
//! for; [`normalize`] translates.
//!
//! Keys, from which the gateway's ids are made: the value of the managed object reference for inventory objects (`vm-42`;
//! templates too, as images), `vm-42/2000` for a disk or card by its device key, `vm-42/snapshot-7` for a snapshot,
//! `tag/…`, `policy/…`, `library/…`, `item/…` for what other services tell. A group is one inventory object with all that hangs
//! on it, under the reference's value.

mod compare;
mod connect;
mod normalize;
mod pack;
mod poll;
mod properties;
mod state;
mod watch;

#[cfg(test)]
mod tests;

use std::time::Duration;

use tracing::Instrument as _;
use vsphere::{Client, Error, FilterSpec};

use super::examination::{Examination, within};
use super::{SourceContext, SourceError, SourceSpec, counted};
use crate::model::provider::{Capability, TestReport};

pub(super) use connect::normalize_endpoint;
pub(super) use properties::asked_of_vcenter;
pub(super) use watch::PAGE_OBJECTS;

/// The oldest and newest versions that this was made for.
const OLDEST_VERSION: (u32, u32) = (6, 5);
const NEWEST_MAJOR: u32 = 9;

/// The checks of a connection test in their order.
const CHECKS: [&str; 6] = ["address", "reach", "certificate", "credentials", "version", "permission"];

pub(super) async fn test(spec: &SourceSpec, limit: Duration) -> TestReport {
    let mut found = Examination::new(&CHECKS);
    let outcome = within(limit, examine(spec, &mut found)).await;
    found.done(outcome)
}

/// One check after the other. The error is why the next one failed.
async fn examine(spec: &SourceSpec, found: &mut Examination) -> Result<(), String> {
    let address = normalize_endpoint(&spec.endpoint).map_err(|why| format!("the address {why}"))?;
    found.passed(address);
    let config = connect::config(spec).map_err(|error| error.message)?;
    let content = match Client::probe(&config).await {
        Ok(content) => content,
        Err(error) => {
            if matches!(error, Error::Untrusted { .. }) {
                found.passed(format!("{} answers", config.host()));
            }
            let error = connect::failure(&spec.endpoint, error, false);
            found.presented(error.presented_thumbprint);
            return Err(error.message);
        }
    };
    found.passed(format!("{} answers at {}", content.about.full_name, config.host()));
    found.passed(match (&spec.trust.thumbprint_sha256, &spec.trust.ca_pem) {
        (Some(_), _) => "it has the fingerprint that is trusted",
        (None, Some(_)) => "it was issued by an authority that this provider trusts",
        (None, None) => "it was issued by an authority that this machine trusts",
    });
    let client = match connect::credentials(spec) {
        Ok(credentials) => Client::connect(&config, credentials)
            .await
            .map_err(|error| connect::failure(&spec.endpoint, error, false).message)?,
        Err(error) => return Err(error.message),
    };
    found.passed(format!("signed in as {}", spec.username.as_deref().unwrap_or_default()));
    let identity =
        connect::identity(&client).await.map_err(|error| connect::failure(&spec.endpoint, error, false).message)?;
    let supported = version(&client.about().api_version)?;
    found.passed(supported);
    let permitted = permission(&client).await;
    if let Err(error) = client.logout().await {
        tracing::debug!(error = &error as &dyn std::error::Error, "a test's session was not logged out");
    }
    found.passed(permitted?);
    found.is(identity);
    Ok(())
}

/// Whether a version of the interface is one that this was made for.
fn version(api_version: &str) -> Result<String, String> {
    let mut numbers = api_version.split('.').map(|part| part.parse().unwrap_or(0_u32));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < OLDEST_VERSION {
        return Err(format!("version {api_version} of the interface is too old: 6.5 or newer is needed"));
    }
    if version.0 > NEWEST_MAJOR {
        return Ok(format!(
            "version {api_version} of the interface is newer than those this was made for; most of it will work"
        ));
    }
    Ok(format!("version {api_version} of the interface"))
}

/// Whether the account sees an inventory.
async fn permission(client: &Client) -> Result<String, String> {
    let spec = FilterSpec::inventory(&client.content().root_folder)
        .properties("Datacenter", ["name"])
        .properties("HostSystem", ["name"]);
    let advice = "give the account the role Read-only on the root object, with propagation to its children";
    let seen =
        client.retrieve_all(spec).await.map_err(|error| format!("the inventory cannot be read ({error}); {advice}"))?;
    if seen.iter().any(|object| object.str("name").is_none()) {
        return Err(format!("the account sees objects, but may not read them; {advice}"));
    }
    let hosts = seen.iter().filter(|object| object.object().is("HostSystem")).count();
    if hosts == 0 {
        return Ok(format!("the account sees no host; if there are any, {advice}"));
    }
    let datacenters = counted(seen.len() - hosts, "datacenter");
    Ok(format!("the account sees {} in {datacenters}", counted(hosts, "host")))
}

pub(super) async fn run(spec: SourceSpec, context: SourceContext) -> SourceError {
    let span = tracing::info_span!(parent: &context.first_load, "connect", endpoint = spec.endpoint);
    match connect::connect(&spec).instrument(span).await {
        Ok(connected) => watch::follow(&spec.endpoint, connected, context).await,
        Err(error) => error,
    }
}

pub(super) fn capabilities() -> Vec<Capability> {
    let can = |name: &str, note: Option<&str>| Capability {
        name: name.to_owned(),
        supported: true,
        note: note.map(str::to_owned),
    };
    let vcenter = Some("of a vCenter; a standalone ESXi has none");
    let cannot =
        |name: &str, note: &str| Capability { name: name.to_owned(), supported: false, note: Some(note.to_owned()) };
    vec![
        can("inventory", None),
        can("events", Some("everything at once; tags, storage policies and content libraries are polled")),
        can("snapshots", None),
        can("images", Some("templates, and the items of content libraries")),
        can("attributes", Some("custom attributes; of a vCenter only")),
        can("guest_addresses", Some("told by VMware Tools in the guest")),
        can("shared_storage", None),
        can("live_migration", Some("a machine that moves between hosts stays the same; of a vCenter only")),
        can("folders", None),
        can("resource_pools", None),
        can("tags", vcenter),
        can("storage_policies", Some("of a vCenter, and which machine and disk has which; polled")),
        can("content_libraries", vcenter),
        can("maintenance_mode", None),
        can("high_availability", vcenter),
        cannot("pause", "vSphere has no state in which a machine stands still in memory; it can be suspended"),
        cannot("autostart", "vSphere keeps it per host, not per machine"),
    ]
}
