//! Domains and their snapshots.

use std::ffi::{c_int, c_uint};

use uuid::Uuid;
use virt_sys as sys;

use super::{
    Connection, c_string, check, copy_lossy, copy_optional, handle, last_error, read_uuid, take_handle, take_list,
    take_string, uuid_string,
};
use crate::error::Result;
use crate::record::{AddressSource, InterfaceAddress, InterfaceAddresses};
use crate::state::{DomainState, StateReason};

handle! {
    /// A domain on the connection's host. **Every method that reads more than its identity blocks.**
    Domain, sys::virDomain, sys::virDomainFree
}

handle! {
    /// A snapshot of a domain.
    Snapshot, sys::virDomainSnapshot, sys::virDomainSnapshotFree
}

/// Which definition of an object is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Definition {
    /// What holds now.
    Current,
    /// What will hold at the next start.
    Inactive,
}

impl Connection {
    /// Looks a domain up.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn domain(&self, uuid: Uuid) -> Result<Domain> {
        let text = uuid_string(uuid);
        // SAFETY: the connection is valid, the text is terminated, the result carries a reference.
        unsafe {
            take_handle(sys::virDomainLookupByUUIDString(self.raw(), text.as_ptr()), format!("find domain {uuid}"))
        }
    }

    /// Defines a domain, or changes the definition of the one with the same UUID. It must be valid by libvirt's schema rules.
    ///
    /// # Errors
    /// XML that libvirt refuses, a name that is taken, or a lost connection.
    pub fn define_domain(&self, xml: &str) -> Result<Domain> {
        const ACT: &str = "define a domain";
        let xml = c_string(xml, ACT)?;
        // SAFETY: as above.
        unsafe { take_handle(sys::virDomainDefineXMLFlags(self.raw(), xml.as_ptr(), 0), ACT) }
    }

    /// Starts a domain that is forgotten when it stops (a transient one).
    ///
    /// # Errors
    /// XML that libvirt refuses, a failed start, or a lost connection.
    pub fn create_transient_domain(&self, xml: &str) -> Result<Domain> {
        const ACT: &str = "start a transient domain";
        let xml = c_string(xml, ACT)?;
        // SAFETY: as above.
        unsafe { take_handle(sys::virDomainCreateXML(self.raw(), xml.as_ptr(), 0), ACT) }
    }
}

impl Domain {
    /// The identity. Local.
    ///
    /// # Errors
    /// None in practice; libvirt's signature has one.
    pub fn uuid(&self) -> Result<Uuid> {
        // SAFETY: the domain is valid and 16 bytes are written.
        unsafe { read_uuid("read a domain's UUID", |bytes| sys::virDomainGetUUID(self.raw, bytes)) }
    }

    /// The name, and whether it had to be changed to be UTF-8. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the domain is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virDomainGetName(self.raw)) }
    }

    /// The number while it runs, as of the moment when it was listed. Local.
    pub fn id(&self) -> Option<u32> {
        // SAFETY: the domain is valid. The result is (unsigned)-1 for a stopped domain.
        let id = unsafe { sys::virDomainGetID(self.raw) };
        (id != c_uint::MAX).then_some(id)
    }

    /// The XML, without secrets.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self, definition: Definition) -> Result<String> {
        const ACT: &str = "read a domain's definition";
        let flags = if definition == Definition::Inactive { sys::VIR_DOMAIN_XML_INACTIVE } else { 0 };
        // SAFETY: the domain is valid; the string is handed over.
        unsafe { take_string(sys::virDomainGetXMLDesc(self.raw, flags), ACT) }
    }

    /// The state and the reason for it.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn state(&self) -> Result<(DomainState, StateReason)> {
        let (mut state, mut reason): (c_int, c_int) = (0, 0);
        // SAFETY: the domain is valid; the results go to locals.
        let result = unsafe { sys::virDomainGetState(self.raw, &raw mut state, &raw mut reason, 0) };
        check(result, "read a domain's state")?;
        let state = DomainState::from_libvirt(state);
        Ok((state, StateReason::new(state, reason)))
    }

    /// True if it starts with the host.
    ///
    /// # Errors
    /// Not found, a lost connection, or a driver without it.
    pub fn autostart(&self) -> Result<bool> {
        let mut on: c_int = 0;
        // SAFETY: as above.
        check(unsafe { sys::virDomainGetAutostart(self.raw, &raw mut on) }, "read a domain's autostart")?;
        Ok(on != 0)
    }

    /// Sets whether it starts with the host.
    ///
    /// # Errors
    /// A transient domain, or a lost connection.
    pub fn set_autostart(&self, on: bool) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainSetAutostart(self.raw, c_int::from(on)) }, "set a domain's autostart").map(drop)
    }

    /// True if the host keeps its definition.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn is_persistent(&self) -> Result<bool> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainIsPersistent(self.raw) }, "read whether a domain is persistent")
            .map(|yes| yes == 1)
    }

    /// True if its memory was saved and the next start continues from there.
    ///
    /// # Errors
    /// Not found, a lost connection, or a driver without it.
    pub fn has_managed_save(&self) -> Result<bool> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainHasManagedSaveImage(self.raw, 0) }, "read a domain's managed save")
            .map(|yes| yes == 1)
    }

    /// Every snapshot.
    ///
    /// # Errors
    /// Not found, a lost connection, or a driver without them.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        // SAFETY: the call fills an array of snapshots with a reference each.
        unsafe { take_list("list a domain's snapshots", |array| sys::virDomainListAllSnapshots(self.raw, array, 0)) }
    }

    /// Takes a snapshot. `disk_only` leaves memory out and makes external overlays.
    ///
    /// # Errors
    /// XML that libvirt refuses, a failed snapshot, or a lost connection.
    pub fn create_snapshot(&self, xml: &str, disk_only: bool) -> Result<Snapshot> {
        const ACT: &str = "take a snapshot";
        let xml = c_string(xml, ACT)?;
        let flags = if disk_only { sys::VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY } else { 0 };
        // SAFETY: the domain is valid, the text is terminated, the result carries a reference.
        unsafe { take_handle(sys::virDomainSnapshotCreateXML(self.raw, xml.as_ptr(), flags), ACT) }
    }

    /// The XML of every checkpoint.
    ///
    /// # Errors
    /// Not found, a lost connection, or a driver without them.
    pub fn checkpoints_xml(&self) -> Result<Vec<String>> {
        handle! {
            /// A checkpoint, only ever read.
            Checkpoint, sys::virDomainCheckpoint, sys::virDomainCheckpointFree
        }
        // SAFETY: the call fills an array of checkpoints with a reference each.
        let all: Vec<Checkpoint> = unsafe {
            take_list("list a domain's checkpoints", |array| sys::virDomainListAllCheckpoints(self.raw, array, 0))?
        };
        let flags = sys::VIR_DOMAIN_CHECKPOINT_XML_NO_DOMAIN;
        all.iter()
            // SAFETY: the checkpoint is valid; the string is handed over.
            .map(|point| unsafe {
                take_string(sys::virDomainCheckpointGetXMLDesc(point.raw, flags), "read a checkpoint")
            })
            .collect()
    }

    /// The addresses of its interfaces, from one of three sources. The agent's can hang as long as the guest does.
    ///
    /// # Errors
    /// A stopped domain, a source that is not there, or a lost connection.
    pub fn interface_addresses(&self, source: AddressSource) -> Result<Vec<InterfaceAddresses>> {
        let source = match source {
            AddressSource::Lease => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
            AddressSource::Agent => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
            AddressSource::Arp => sys::VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP,
        };
        let mut array: *mut sys::virDomainInterfacePtr = std::ptr::null_mut();
        // SAFETY: the domain is valid; on success the array and its elements are handed over.
        let count = check(
            unsafe { sys::virDomainInterfaceAddresses(self.raw, &raw mut array, source, 0) },
            "read a domain's addresses",
        )?;
        let mut interfaces = Vec::new();
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: index < count; each element is a valid structure that is freed here, after copying, and nowhere else.
            unsafe {
                let raw = *array.add(index);
                if !raw.is_null() {
                    interfaces.push(copy_interface(&*raw));
                    sys::virDomainInterfaceFree(raw);
                }
            }
        }
        // SAFETY: the array was allocated for us (free ignores null).
        unsafe { libc::free(array.cast()) };
        Ok(interfaces)
    }

    /// Starts a defined domain.
    ///
    /// # Errors
    /// A failed start (the message says why), or a lost connection.
    pub fn start(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainCreateWithFlags(self.raw, 0) }, "start a domain").map(drop)
    }

    /// Asks the guest to shut down; it may not listen.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn shutdown(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainShutdown(self.raw) }, "shut a domain down").map(drop)
    }

    /// Pulls the plug.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn destroy(&self) -> Result<()> {
        // SAFETY: the domain is valid; this stops the guest, not our reference.
        check(unsafe { sys::virDomainDestroy(self.raw) }, "power a domain off").map(drop)
    }

    /// Asks the guest to reboot.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn reboot(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainReboot(self.raw, 0) }, "reboot a domain").map(drop)
    }

    /// Presses the reset button.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn reset(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainReset(self.raw, 0) }, "reset a domain").map(drop)
    }

    /// Stops the guest's processors.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn suspend(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainSuspend(self.raw) }, "pause a domain").map(drop)
    }

    /// Lets the guest's processors go on.
    ///
    /// # Errors
    /// A stopped domain, or a lost connection.
    pub fn resume(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainResume(self.raw) }, "resume a domain").map(drop)
    }

    /// Saves the memory to disk and stops; the next start continues.
    ///
    /// # Errors
    /// A stopped domain, a failed save, or a lost connection.
    pub fn managed_save(&self) -> Result<()> {
        // SAFETY: the domain is valid.
        check(unsafe { sys::virDomainManagedSave(self.raw, 0) }, "save a domain").map(drop)
    }

    /// Forgets the definition, with the saved memory, the UEFI variables and the records of snapshots and checkpoints. Disks stay.
    ///
    /// # Errors
    /// A lost connection, or a domain that libvirt will not forget.
    pub fn undefine(&self) -> Result<()> {
        let all = sys::VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
            | sys::VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
            | sys::VIR_DOMAIN_UNDEFINE_NVRAM
            | sys::VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA;
        // SAFETY: the domain is valid.
        unsafe {
            if sys::virDomainUndefineFlags(self.raw, all) == 0 {
                return Ok(());
            }
            let error = last_error("undefine a domain");
            // Drivers without snapshots refuse the flags that are about them.
            if !error.refuses_flags() {
                return Err(error);
            }
            check(sys::virDomainUndefine(self.raw), "undefine a domain").map(drop)
        }
    }

    /// Puts an element under `<metadata>` (`xml` without the prefix's declaration; `None` removes it), now and for later starts.
    ///
    /// # Errors
    /// XML that libvirt refuses, or a lost connection.
    pub fn set_metadata(&self, uri: &str, prefix: &str, xml: Option<&str>) -> Result<()> {
        const ACT: &str = "set a domain's metadata";
        let uri = c_string(uri, ACT)?;
        let prefix = c_string(prefix, ACT)?;
        let xml = xml.map(|xml| c_string(xml, ACT)).transpose()?;
        let xml = xml.as_ref().map_or(std::ptr::null(), |xml| xml.as_ptr());
        let mut flags = 0;
        // SAFETY: the domain is valid; the texts are terminated and outlive the calls.
        unsafe {
            if sys::virDomainIsActive(self.raw) == 1 {
                flags |= sys::VIR_DOMAIN_AFFECT_LIVE;
            }
            if sys::virDomainIsPersistent(self.raw) == 1 {
                flags |= sys::VIR_DOMAIN_AFFECT_CONFIG;
            }
            let kind = sys::VIR_DOMAIN_METADATA_ELEMENT.cast_signed();
            check(sys::virDomainSetMetadata(self.raw, kind, xml, prefix.as_ptr(), uri.as_ptr(), flags), ACT).map(drop)
        }
    }
}

impl Snapshot {
    /// The name. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the snapshot is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virDomainSnapshotGetName(self.raw)) }
    }

    /// The XML, without secrets.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self) -> Result<String> {
        const ACT: &str = "read a snapshot's definition";
        // SAFETY: the snapshot is valid; the string is handed over.
        unsafe { take_string(sys::virDomainSnapshotGetXMLDesc(self.raw, 0), ACT) }
    }

    /// True if the domain's disks are on top of it now.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn is_current(&self) -> Result<bool> {
        // SAFETY: the snapshot is valid.
        check(unsafe { sys::virDomainSnapshotIsCurrent(self.raw, 0) }, "read whether a snapshot is current")
            .map(|yes| yes == 1)
    }

    /// Deletes it; its children stay.
    ///
    /// # Errors
    /// A failed deletion, or a lost connection.
    pub fn delete(&self) -> Result<()> {
        // SAFETY: the snapshot is valid.
        check(unsafe { sys::virDomainSnapshotDelete(self.raw, 0) }, "delete a snapshot").map(drop)
    }

    /// Sets the domain back to it.
    ///
    /// # Errors
    /// A failed revert, or a lost connection.
    pub fn revert(&self) -> Result<()> {
        // SAFETY: the snapshot is valid.
        check(unsafe { sys::virDomainRevertToSnapshot(self.raw, 0) }, "revert to a snapshot").map(drop)
    }
}

/// Copies an interface with its addresses.
///
/// # Safety
/// The structure came from libvirt and was not freed yet.
unsafe fn copy_interface(raw: &sys::virDomainInterface) -> InterfaceAddresses {
    let mut addresses = Vec::new();
    for index in 0..raw.naddrs as usize {
        if raw.addrs.is_null() {
            break;
        }
        // SAFETY: index < naddrs, and the strings belong to the structure.
        unsafe {
            let address = &*raw.addrs.add(index);
            if let Some(text) = copy_optional(address.addr) {
                addresses.push(InterfaceAddress {
                    address: text,
                    prefix: address.prefix,
                    ipv6: address.type_.cast_unsigned() == sys::VIR_IP_ADDR_TYPE_IPV6,
                });
            }
        }
    }
    // SAFETY: the strings belong to the structure.
    unsafe {
        InterfaceAddresses {
            name: copy_lossy(raw.name).0,
            mac: copy_optional(raw.hwaddr).map(|mac| mac.to_ascii_lowercase()),
            addresses,
        }
    }
}
