//! The connection test: what is right, what is wrong, and how to mend it. Checks stop at the first that fails.

use std::time::Duration;

use kvm::{LaneKind, Version};

use super::super::examination::{Examination, within};
use super::super::{SourceSpec, counted};
use super::facts::HostFacts;
use super::fault::{self, Phase};
use super::watch::identity;
use crate::model::provider::{SyncReason, TestReport};

/// One call ends after this.
const LIMIT: Duration = Duration::from_secs(20);

/// The oldest libvirt whose calls are all used.
const OLDEST: Version = Version { major: 6, minor: 0, micro: 0 };

const CHECKS: [&str; 5] = ["address", "reach", "credentials", "version", "permission"];

pub(super) async fn test(spec: &SourceSpec, limit: Duration) -> TestReport {
    let mut found = Examination::new(&CHECKS);
    let outcome = within(limit, examine(spec, &mut found)).await;
    found.done(outcome)
}

/// One check after the other. The error is why the next one failed.
async fn examine(spec: &SourceSpec, found: &mut Examination) -> Result<(), String> {
    let uri = super::address(&spec.endpoint).map_err(|error| format!("the address {error}"))?;
    found.passed(format!("{} is an address that can be used", fault::shown(&uri)));
    let host = super::open(spec, &uri);
    let record = match host.describe(LIMIT).await {
        Ok(record) => record,
        Err(error) => {
            let fault = fault::source_error(&uri, Phase::Connecting, error);
            if matches!(fault.reason, SyncReason::CredentialsRefused | SyncReason::PermissionDenied) {
                found.passed(format!("{} answers", uri.host().unwrap_or("this machine")));
            }
            return Err(fault.message);
        }
    };
    let facts = HostFacts::new(&record, uri.host());
    let identity = identity(&facts);
    found.passed(format!("{} answers", facts.hostname));
    found.passed("libvirt lets us in");
    let version = format!("libvirt {}, {} {}", facts.libvirt_version, identity.product, identity.version);
    if record.libvirt_version < OLDEST {
        return Err(format!("{version} is too old: at least libvirt {OLDEST} is needed. Update the host"));
    }
    found.passed(version);
    let listed = host.run(LaneKind::Inventory, "list the domains", LIMIT, |connection| {
        Ok((connection.domains()?.len(), connection.networks()?.len(), connection.pools()?.len()))
    });
    let (domains, networks, pools) =
        listed.await.map_err(|error| fault::source_error(&uri, Phase::Connected, error).message)?;
    found.passed(format!(
        "{}, {} and {} can be read",
        counted(domains, "machine"),
        counted(networks, "network"),
        counted(pools, "storage pool")
    ));
    found.is(identity);
    Ok(())
}
