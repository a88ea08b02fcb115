//! The connection test: what is right, what is wrong, and how to mend it. Checks stop at the first that fails.

use std::time::Duration;

use kvm::{ConnectUri, LaneKind, Version};

use super::super::SourceSpec;
use super::facts::HostFacts;
use super::fault::{self, Phase};
use super::watch::identity;
use crate::model::provider::{Check, SyncReason, TestReport};

const LIMIT: Duration = Duration::from_secs(20);

/// The oldest libvirt whose calls are all used.
const OLDEST: Version = Version { major: 6, minor: 0, micro: 0 };

const NAMES: [&str; 5] = ["address", "reach", "credentials", "version", "permission"];

pub(super) async fn test(spec: &SourceSpec) -> TestReport {
    let mut report = TestReport::default();
    let passed = |report: &mut TestReport, message: String| {
        let name = NAMES[report.checks.len()].to_owned();
        report.checks.push(Check { name, passed: Some(true), message });
    };
    let uri = match ConnectUri::parse(&spec.endpoint) {
        Ok(uri) => uri,
        Err(error) => return failed(report, 0, fault::address(&error)),
    };
    passed(&mut report, format!("{uri} is an address that can be used"));
    let host = super::open(spec, &uri);
    let record = match host.describe(LIMIT).await {
        Ok(record) => record,
        Err(error) => {
            let fault = fault::source_error(&uri, Phase::Connecting, error);
            let refused = matches!(fault.reason, SyncReason::CredentialsRefused | SyncReason::PermissionDenied);
            if refused {
                passed(&mut report, format!("{} answers", uri.host().unwrap_or("this machine")));
            }
            return failed(report, usize::from(refused) + 1, fault.message);
        }
    };
    let facts = HostFacts::new(&record, uri.host());
    let found = identity(&facts);
    passed(&mut report, format!("{} answers", facts.hostname));
    passed(&mut report, "libvirt lets us in".to_owned());
    let version = format!("libvirt {}, {} {}", facts.libvirt_version, found.product, found.version);
    if record.libvirt_version < OLDEST {
        let message = format!("{version} is too old: at least libvirt {OLDEST} is needed. Update the host");
        return failed(report, 3, message);
    }
    passed(&mut report, version);
    let listed = host
        .run(LaneKind::Inventory, "list the domains", LIMIT, |connection| {
            Ok((connection.domains()?.len(), connection.networks()?.len(), connection.pools()?.len()))
        })
        .await;
    match listed {
        Ok((domains, networks, pools)) => {
            passed(
                &mut report,
                format!("{domains} machines, {networks} networks and {pools} storage pools can be read"),
            );
        }
        Err(error) => {
            let message = fault::source_error(&uri, Phase::Connected, error).message;
            return failed(report, 4, message);
        }
    }
    report.identity = Some(found);
    report
}

/// The check at `index` failed, and those after it are not tried.
fn failed(mut report: TestReport, index: usize, message: String) -> TestReport {
    report.checks.push(Check { name: NAMES[index].to_owned(), passed: Some(false), message });
    report.checks.extend(NAMES[index + 1..].iter().map(|name| Check {
        name: (*name).to_owned(),
        passed: None,
        message: format!("not tried, since {} failed", NAMES[index]),
    }));
    report
}
