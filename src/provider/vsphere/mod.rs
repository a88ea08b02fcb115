//! vsphere: being written.

use super::{SourceContext, SourceError, SourceSpec};
use crate::model::provider::{Capability, SyncReason, TestReport};

pub(super) fn normalize_endpoint(endpoint: &str) -> Result<String, String> {
    Ok(endpoint.trim().to_owned())
}

pub(super) async fn test(_spec: &SourceSpec) -> TestReport {
    TestReport::default()
}

pub(super) async fn run(_spec: SourceSpec, _context: SourceContext) -> SourceError {
    SourceError::new(SyncReason::Internal, "not yet there")
}

pub(super) fn capabilities() -> Vec<Capability> {
    Vec::new()
}
