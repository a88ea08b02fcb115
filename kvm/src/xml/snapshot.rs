//! The definitions of snapshots, checkpoints and packet filters.

use serde::Serialize;
use uuid::Uuid;

use super::disk::read_source;
use super::document::{Document, Element};
use super::read::{expect_root, number, owned, owned_at, required_text, required_uuid};
use super::{DiskSource, DomainXml, XmlError};

/// What a domain snapshot's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotXml {
    /// The name, unique among the domain's snapshots.
    pub name: String,
    /// A description.
    pub description: Option<String>,
    /// The snapshot that it was taken on top of.
    pub parent: Option<String>,
    /// When it was taken, in seconds since 1970.
    pub created_unix_seconds: Option<i64>,
    /// The domain's state at that moment: `running`, `paused`, `shutoff`, `disk-snapshot`, …
    pub state: Option<String>,
    /// Where the memory is: `no`, `internal` or `external`.
    pub memory: Option<String>,
    /// The file that holds external memory.
    pub memory_file: Option<String>,
    /// Its disks.
    pub disks: Vec<SnapshotDisk>,
    /// The domain's definition at that moment.
    pub domain: Option<Box<DomainXml>>,
}

/// A disk in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotDisk {
    /// The disk's target or source path.
    pub name: String,
    /// `no`, `internal`, `external` or `manual`.
    pub snapshot: Option<String>,
    /// The new overlay's format.
    pub format: Option<String>,
    /// The new overlay.
    pub source: Option<DiskSource>,
}

impl SnapshotXml {
    /// Reads a snapshot's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<domainsnapshot>`, has no name, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        Self::from_document(&Document::parse(text)?)
    }

    /// Reads a snapshot's parsed XML.
    ///
    /// # Errors
    /// As [`SnapshotXml::parse`].
    pub fn from_document(document: &Document) -> Result<Self, XmlError> {
        let root = document.root();
        expect_root(root, "domainsnapshot")?;
        let disks = root.child("disks");
        // Snapshots of old libvirt hold only the domain's UUID here: that is no definition.
        let domain = root.child("domain").filter(|domain| domain.child("name").is_some());
        Ok(Self {
            name: required_text(root, "name")?,
            description: root.text_at("description"),
            parent: root.text_at("parent/name"),
            created_unix_seconds: number(root, "creationTime")?,
            state: root.text_at("state"),
            memory: owned_at(root, "memory", "snapshot"),
            memory_file: owned_at(root, "memory", "file"),
            disks: disks.map(|disks| disks.children("disk").map(read_disk).collect()).transpose_vec()?,
            domain: domain.map(DomainXml::from_element).transpose()?.map(Box::new),
        })
    }
}

fn read_disk(element: &Element) -> Result<SnapshotDisk, XmlError> {
    let type_name = element.attribute("type").unwrap_or("file");
    Ok(SnapshotDisk {
        name: element.attribute("name").unwrap_or_default().to_owned(),
        snapshot: owned(element, "snapshot"),
        format: owned_at(element, "driver", "type"),
        source: element.child("source").map(|source| read_source(type_name, source)).transpose()?.flatten(),
    })
}

/// `None` as an empty list.
trait TransposeVec<T> {
    fn transpose_vec(self) -> Result<Vec<T>, XmlError>;
}

impl<T> TransposeVec<T> for Option<Result<Vec<T>, XmlError>> {
    fn transpose_vec(self) -> Result<Vec<T>, XmlError> {
        self.unwrap_or_else(|| Ok(Vec::new()))
    }
}

/// What a domain checkpoint's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckpointXml {
    /// The name, unique among the domain's checkpoints.
    pub name: String,
    /// A description.
    pub description: Option<String>,
    /// The checkpoint before it.
    pub parent: Option<String>,
    /// When it was made, in seconds since 1970.
    pub created_unix_seconds: Option<i64>,
    /// Disks with a bitmap: target and bitmap's name.
    pub bitmaps: Vec<(String, Option<String>)>,
}

impl CheckpointXml {
    /// Reads a checkpoint's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<domaincheckpoint>`, has no name, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let document = Document::parse(text)?;
        let root = document.root();
        expect_root(root, "domaincheckpoint")?;
        let disks = root.child("disks").into_iter().flat_map(|disks| disks.children("disk"));
        Ok(Self {
            name: required_text(root, "name")?,
            description: root.text_at("description"),
            parent: root.text_at("parent/name"),
            created_unix_seconds: number(root, "creationTime")?,
            bitmaps: disks
                .filter(|disk| disk.attribute("checkpoint") == Some("bitmap"))
                .map(|disk| (disk.attribute("name").unwrap_or_default().to_owned(), owned(disk, "bitmap")))
                .collect(),
        })
    }
}

/// What a packet filter's XML says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NwfilterXml {
    /// The name, unique on its host.
    pub name: String,
    /// The identity.
    pub uuid: Uuid,
    /// The chain that it belongs to.
    pub chain: Option<String>,
    /// Its priority; lower is earlier.
    pub priority: Option<i32>,
    /// Filters that it includes, by name.
    pub references: Vec<String>,
    /// How many rules it has itself.
    pub rule_count: usize,
}

impl NwfilterXml {
    /// Reads a filter's XML.
    ///
    /// # Errors
    /// [`XmlError`] if it is not well-formed, not a `<filter>`, has no name or UUID, or a number is none.
    pub fn parse(text: &str) -> Result<Self, XmlError> {
        let document = Document::parse(text)?;
        let root = document.root();
        expect_root(root, "filter")?;
        let name = owned(root, "name").ok_or(XmlError::Missing { path: "filter/@name" })?;
        Ok(Self {
            name,
            uuid: required_uuid(root, "uuid")?,
            chain: owned(root, "chain"),
            priority: super::read::number_attribute(root, "priority")?,
            references: root.children("filterref").filter_map(|reference| owned(reference, "filter")).collect(),
            rule_count: root.children("rule").count(),
        })
    }
}
