//! A connection test while it is made. What was found so far is kept outside of the work, so that a platform that stops
//! answering in the middle takes nothing of it away.

use std::time::Duration;

use crate::model::provider::{Check, SourceIdentity, TestReport};

/// The checks of a platform, and what was found of them so far. They are made in their order, and end at the first that
/// fails.
pub(super) struct Examination {
    names: &'static [&'static str],
    report: TestReport,
}

impl Examination {
    /// Nothing is checked yet.
    pub(super) fn new(names: &'static [&'static str]) -> Self {
        Self { names, report: TestReport::default() }
    }

    /// The next check passed.
    pub(super) fn passed(&mut self, message: impl Into<String>) {
        self.push(Some(true), message.into());
    }

    /// Keeps the fingerprint that the platform presents.
    pub(super) fn presented(&mut self, thumbprint: Option<String>) {
        self.report.presented_thumbprint = thumbprint;
    }

    /// Keeps what answered.
    pub(super) fn is(&mut self, identity: SourceIdentity) {
        self.report.identity = Some(identity);
    }

    /// Ends it: with an error, which is why the next check failed.
    pub(super) fn done(mut self, outcome: Result<(), String>) -> TestReport {
        if let Err(reason) = outcome {
            let failed = self.names.get(self.report.checks.len()).copied().unwrap_or_default();
            self.push(Some(false), reason);
            while self.report.checks.len() < self.names.len() {
                self.push(None, format!("not tried, since {failed} failed"));
            }
        }
        self.report
    }

    /// The next check in the order.
    fn push(&mut self, passed: Option<bool>, message: String) {
        if let Some(name) = self.names.get(self.report.checks.len()) {
            self.report.checks.push(Check { name: (*name).to_owned(), passed, message });
        }
    }
}

/// Makes checks for at most so long. The one that has no answer by then has failed.
pub(super) async fn within(limit: Duration, checks: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let outcome = tokio::time::timeout(limit, checks).await;
    outcome.unwrap_or_else(|_| Err(format!("no answer within {} s", limit.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_found_before_the_platform_fell_silent_is_told() {
        let mut found = Examination::new(&["address", "reach", "version"]);
        let outcome = within(Duration::from_secs(1), async {
            found.passed("it is one");
            std::future::pending().await
        });
        let outcome = outcome.await;
        let report = found.done(outcome);
        let told: Vec<_> =
            report.checks.iter().map(|check| (check.name.as_str(), check.passed, check.message.as_str())).collect();
        let expected = [
            ("address", Some(true), "it is one"),
            ("reach", Some(false), "no answer within 1 s"),
            ("version", None, "not tried, since reach failed"),
        ];
        assert_eq!(told, expected);
    }
}
