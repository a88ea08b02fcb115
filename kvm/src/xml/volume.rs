//! The definition of a storage volume.

use serde::Serialize;

use super::XmlError;
use super::document::{Document, Element};
use super::read::{expect_root, owned_at, required_text, size};

/// What a storage volume's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeXml {
    /// `file`, `block`, `dir`, `network`, `netdir`, `ploop`.
    pub kind: Option<String>,
    /// The name, unique in its pool.
    pub name: String,
    /// libvirt's key: unique on its host, the path for files.
    pub key: Option<String>,
    /// What the guest sees.
    pub capacity_bytes: Option<u64>,
    /// What is used of the pool.
    pub allocation_bytes: Option<u64>,
    /// The file's length or the device's size.
    pub physical_bytes: Option<u64>,
    /// The format: `qcow2`, `raw`, `iso`, …
    pub format: Option<String>,
    /// The path on the host.
    pub path: Option<String>,
    /// The image below.
    pub backing: Option<VolumeBacking>,
    /// True if it is encrypted.
    pub encrypted: bool,
}

/// The image below a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VolumeBacking {
    /// Its path or URL.
    pub path: Option<String>,
    /// Its format.
    pub format: Option<String>,
}

impl VolumeXml {
    /// Reads a volume's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<volume>`, has no name, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::from_document(&Document::parse(text)?)
    }

    /// Reads a volume's parsed XML.
    ///
    /// # Errors
    /// As [`VolumeXml::parse`].
    pub fn from_document(document: &Document) -> Result<Self, XmlError> {
        let root = document.root();
        expect_root(root, "volume")?;
        let backing =
            |store: &Element| VolumeBacking { path: store.text_at("path"), format: owned_at(store, "format", "type") };
        Ok(Self {
            kind: root.attribute("type").map(str::to_owned),
            name: required_text(root, "name")?,
            key: root.text_at("key"),
            capacity_bytes: size(root, "capacity", "bytes")?,
            allocation_bytes: size(root, "allocation", "bytes")?,
            physical_bytes: size(root, "physical", "bytes")?,
            format: owned_at(root, "target/format", "type"),
            path: root.text_at("target/path"),
            backing: root.child("backingStore").map(backing).filter(|backing| backing.path.is_some()),
            encrypted: root.at("target/encryption").is_some(),
        })
    }
}
