//! libvirt's documents, on any bytes: every reader ends, and a document that is written back reads alike.
#![no_main]

use kvm::xml::{
    CapabilitiesXml, CheckpointXml, Document, DomainXml, NetworkXml, NwfilterXml, PoolXml, SnapshotXml, SysinfoXml, VolumeXml,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        assert!(Document::parse_bytes(bytes).is_err());
        return;
    };
    let _ = DomainXml::parse(text);
    let _ = NetworkXml::parse(text);
    let _ = PoolXml::parse(text);
    let _ = VolumeXml::parse(text);
    let _ = SnapshotXml::parse(text);
    let _ = CheckpointXml::parse(text);
    let _ = NwfilterXml::parse(text);
    let _ = CapabilitiesXml::parse(text);
    let _ = SysinfoXml::parse(text);
    if let Ok(document) = Document::parse(text) {
        let written = document.to_string();
        let again = Document::parse(&written).expect("what was written can be read");
        assert_eq!(again.to_string(), written, "writing settles at once");
    }
});
