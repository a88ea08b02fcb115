//! Providers and the state of their sources, as the read model keeps them.

use bytes::Bytes;

use crate::model::Provider;

/// A provider with its JSON, which is serialized once.
#[derive(Debug)]
pub struct ProviderEntry {
    pub(super) provider: Provider,
    pub(super) json: Bytes,
}

impl ProviderEntry {
    /// The provider.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// The JSON object that is answered.
    #[must_use]
    pub fn json(&self) -> Bytes {
        self.json.clone()
    }
}
