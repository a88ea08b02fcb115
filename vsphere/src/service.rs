//! What a server is and where its managers are.

use crate::error::{Error, Result};
use crate::transport::Transport;
use crate::value::{MoRef, Value};

/// The newest major version whose interface this crate has been checked against.
const NEWEST_MAJOR: u32 = 9;
/// Spoken when a server does not say which versions it knows.
const OLDEST_VERSION: &str = "6.5";

/// Which product answers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ApiType {
    /// A vCenter.
    VirtualCenter,
    /// A standalone ESXi: no clones, no folders of folders, no tags.
    HostAgent,
    /// Something else that speaks vim25.
    Other(String),
}

/// What a server says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// Which product answers.
    pub api_type: ApiType,
    /// `VMware vCenter Server`.
    pub name: String,
    /// `VMware vCenter Server 8.0.3 build-24022515`.
    pub full_name: String,
    /// `8.0.3`.
    pub version: String,
    /// `24022515`.
    pub build: String,
    /// The version of the interface: `8.0.3.0`.
    pub api_version: String,
    /// `vpx`, `embeddedEsx`.
    pub product_line: String,
    /// Names this vCenter among all; managed object references are unique below it. An ESXi has none.
    pub instance_uuid: Option<String>,
}

/// The server's entry points.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceContent {
    /// What the server says of itself.
    pub about: About,
    /// The inventory's root.
    pub root_folder: MoRef,
    /// The session's own property collector.
    pub property_collector: MoRef,
    /// Makes views.
    pub view_manager: MoRef,
    /// Logs in and out.
    pub session_manager: MoRef,
    raw: Value,
}

impl ServiceContent {
    /// The reference of a manager by its name in the schema, such as `taskManager` or `customFieldsManager`.
    pub fn manager(&self, name: &str) -> Option<&MoRef> {
        self.raw.get(name)?.moref()
    }

    pub(crate) fn read(value: Value, host: &str) -> Result<Self> {
        let lacks = |what: &str| Error::NotVsphere { host: host.to_owned(), reason: format!("it names no {what}") };
        let reference = |name: &str| value.get(name).and_then(Value::moref).cloned().ok_or_else(|| lacks(name));
        let about = value.get("about").ok_or_else(|| lacks("about"))?;
        let text = |name: &str| about.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self {
            about: About {
                api_type: match text("apiType").as_str() {
                    "VirtualCenter" => ApiType::VirtualCenter,
                    "HostAgent" => ApiType::HostAgent,
                    other => ApiType::Other(other.to_owned()),
                },
                name: text("name"),
                full_name: text("fullName"),
                version: text("version"),
                build: text("build"),
                api_version: text("apiVersion"),
                product_line: text("productLineId"),
                instance_uuid: Some(text("instanceUuid")).filter(|uuid| !uuid.is_empty()),
            },
            root_folder: reference("rootFolder")?,
            property_collector: reference("propertyCollector")?,
            view_manager: reference("viewManager")?,
            session_manager: reference("sessionManager")?,
            raw: value,
        })
    }
}

/// The version of the vim25 interface to speak with a server.
pub(crate) async fn negotiate(transport: &Transport) -> Result<String> {
    let path = format!("{}/vimServiceVersions.xml", transport.config().url.path());
    match transport.document("vimServiceVersions", &path).await {
        Ok((_, document)) => Ok(choose_version(&document).unwrap_or_else(|| OLDEST_VERSION.to_owned())),
        // Reached, but it does not offer the list: the service itself decides what it is.
        Err(Error::Status { .. } | Error::Decode { .. }) => Ok(OLDEST_VERSION.to_owned()),
        Err(error) => Err(error),
    }
}

/// The newest version that both sides know.
fn choose_version(document: &Value) -> Option<String> {
    let mut namespaces = document.all("namespace");
    let vim = namespaces.find(|namespace| namespace.get("name").and_then(Value::as_str) == Some("urn:vim25"))?;
    let offered = vim.all("version").chain(vim.all("priorVersions.version")).filter_map(Value::as_str);
    let known = offered.filter_map(|version| {
        let numbers: Option<Vec<u32>> = version.trim().split('.').map(|part| part.parse().ok()).collect();
        numbers.filter(|numbers| numbers[0] <= NEWEST_MAJOR).map(|numbers| (numbers, version.trim()))
    });
    known.max().map(|(_, version)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Limits, decode_document};

    fn check(versions: &[&str], expected: Option<&str>) {
        let [newest, prior @ ..] = versions else { panic!("no versions") };
        let prior: String = prior.iter().map(|version| format!("<version>{version}</version>")).collect();
        let text = format!(
            "<?xml version=\"1.0\"?>\n<namespaces version=\"1.0\">\n <namespace>\n  <name>urn:sms</name>\
             <version>12</version></namespace><namespace><name>urn:vim25</name><version>{newest}</version>\
             <priorVersions>{prior}</priorVersions></namespace></namespaces>\n"
        );
        let (_, document) = decode_document(text.as_bytes(), &Limits::default()).expect("decodes");
        assert_eq!(choose_version(&document).as_deref(), expected, "{versions:?}");
    }

    #[test]
    fn the_newest_version_that_both_know_is_spoken() {
        check(&["8.0.3.0", "8.0.2.0", "6.5", "2.5u2"], Some("8.0.3.0"));
        check(&["6.5", "6.0"], Some("6.5"));
        check(&["9.0.0.0"], Some("9.0.0.0"));
        check(&["11.0", "10.0.0.0", "9.1.0.0", "9.0.0.0"], Some("9.1.0.0"));
        check(&["dev"], None);
    }
}
