//! libvirt's XML: lossless editing, and typed views of what an inventory needs.
//!
//! - [`Document`] keeps everything that was parsed (unknown elements, attribute order, comments, namespaces, even the
//!   blanks), so a definition can be changed and given back without losing what this crate has no word for.
//! - [`DomainXml`], [`NetworkXml`], [`PoolXml`], [`VolumeXml`], [`NwfilterXml`], [`SnapshotXml`] and
//!   [`CapabilitiesXml`] are read-only extracts with sizes in bytes.
//!
//! Invariant: text from a host is never trusted: its size, depth and number of nodes are bounded, a document type
//! definition is refused, and no entity but the five of XML itself is expanded.

mod capabilities;
mod disk;
mod document;
mod domain;
mod interface;
mod network;
mod parse;
mod pool;
mod read;
mod snapshot;
mod units;
mod volume;

pub use capabilities::{CapabilitiesXml, CpuTopology, GuestArch, SysinfoXml};
pub use disk::{BackingImage, Disk, DiskSource, NetworkEndpoint, NetworkProtocol};
pub use document::{Attribute, Document, Element, Node};
pub use domain::{
    Channel, Controller, Cpu, DomainXml, Feature, Filesystem, Firmware, Graphics, HostDevice, MemoryDevice,
    MetadataEntry, Tpm, VideoDevice, Watchdog,
};
pub use interface::{Interface, InterfaceSource, VirtualPort, Vlan};
pub use network::{DhcpRange, ForwardMode, NetworkIp, NetworkXml, PortGroup, StaticHost};
pub use pool::{PoolSource, PoolSourceHost, PoolXml};
pub use snapshot::{CheckpointXml, NwfilterXml, SnapshotDisk, SnapshotXml};
pub use units::size_to_bytes;
pub use volume::{VolumeBacking, VolumeXml};

/// Largest XML text that is parsed, in bytes.
pub const XML_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Deepest nesting of elements that is parsed.
pub const XML_DEPTH_MAX: usize = 128;
/// Most nodes (elements, texts, comments) that one document may have.
pub const XML_NODES_MAX: usize = 1_000_000;

/// Why a text could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// It is larger than [`XML_BYTES_MAX`].
    #[error("the XML is {bytes} bytes long; at most {XML_BYTES_MAX} are read")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// It is nested deeper than [`XML_DEPTH_MAX`].
    #[error("the XML is nested deeper than {XML_DEPTH_MAX} elements")]
    TooDeep,
    /// It has more nodes than [`XML_NODES_MAX`].
    #[error("the XML has more than {XML_NODES_MAX} nodes")]
    TooManyNodes,
    /// It is not UTF-8.
    #[error("the XML is not valid UTF-8 (at byte {offset})")]
    NotUtf8 {
        /// Where the first bad byte is.
        offset: usize,
    },
    /// It has a document type definition, which libvirt never sends.
    #[error("the XML has a document type definition, which is refused")]
    DocType,
    /// It refers to an entity that XML itself does not define.
    #[error("the XML refers to the entity {name:?}, which is refused")]
    Entity {
        /// The entity.
        name: String,
    },
    /// It is not well-formed.
    #[error("the XML is not well-formed near byte {offset}: {reason}")]
    Malformed {
        /// Where the trouble was noticed.
        offset: usize,
        /// What the parser says.
        reason: String,
    },
    /// The root element is another one.
    #[error("expected <{expected}>, found <{found}>")]
    Root {
        /// The element that was wanted.
        expected: &'static str,
        /// The element that is there.
        found: String,
    },
    /// An element or attribute that every such object has is missing.
    #[error("{path} is missing")]
    Missing {
        /// Which one.
        path: &'static str,
    },
    /// A value is not of the kind that belongs there.
    #[error("{path} is {value:?}: {reason}")]
    Value {
        /// Where it stands.
        path: String,
        /// What stands there (shortened).
        value: String,
        /// Why it does not belong.
        reason: &'static str,
    },
    /// A name or text that cannot be written as XML.
    #[error("{what} cannot be written as XML")]
    NotWritable {
        /// What was given.
        what: String,
    },
}

#[cfg(test)]
mod tests;
