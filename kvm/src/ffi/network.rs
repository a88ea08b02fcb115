//! Virtual networks and packet filters.

use std::ffi::c_int;

use uuid::Uuid;
use virt_sys as sys;

use super::domain::Definition;
use super::{
    Connection, c_string, check, copy_lossy, copy_optional, handle, read_uuid, take_handle, take_string, uuid_string,
};
use crate::error::Result;
use crate::record::DhcpLease;

handle! {
    /// A virtual network on the connection's host. **Every method that reads more than its identity blocks.**
    Network, sys::virNetwork, sys::virNetworkFree
}

handle! {
    /// A packet filter on the connection's host.
    Nwfilter, sys::virNWFilter, sys::virNWFilterFree
}

impl Connection {
    /// Looks a network up.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn network(&self, uuid: Uuid) -> Result<Network> {
        let text = uuid_string(uuid);
        // SAFETY: the connection is valid, the text is terminated, the result carries a reference.
        unsafe {
            take_handle(sys::virNetworkLookupByUUIDString(self.raw(), text.as_ptr()), format!("find network {uuid}"))
        }
    }

    /// Defines a network, or changes the definition of the one with the same UUID.
    ///
    /// # Errors
    /// XML that libvirt refuses, or a lost connection.
    pub fn define_network(&self, xml: &str) -> Result<Network> {
        const ACT: &str = "define a network";
        let xml = c_string(xml, ACT)?;
        // SAFETY: as above.
        unsafe { take_handle(sys::virNetworkDefineXML(self.raw(), xml.as_ptr()), ACT) }
    }

    /// Defines a packet filter, or changes the one with the same name and UUID.
    ///
    /// # Errors
    /// XML that libvirt refuses, or a lost connection.
    pub fn define_nwfilter(&self, xml: &str) -> Result<Nwfilter> {
        const ACT: &str = "define a packet filter";
        let xml = c_string(xml, ACT)?;
        // SAFETY: as above.
        unsafe { take_handle(sys::virNWFilterDefineXML(self.raw(), xml.as_ptr()), ACT) }
    }
}

impl Network {
    /// The identity. Local.
    ///
    /// # Errors
    /// None in practice; libvirt's signature has one.
    pub fn uuid(&self) -> Result<Uuid> {
        // SAFETY: the network is valid and 16 bytes are written.
        unsafe { read_uuid("read a network's UUID", |bytes| sys::virNetworkGetUUID(self.raw, bytes)) }
    }

    /// The name, and whether it had to be changed to be UTF-8. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the network is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virNetworkGetName(self.raw)) }
    }

    /// The XML.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self, definition: Definition) -> Result<String> {
        const ACT: &str = "read a network's definition";
        let flags = if definition == Definition::Inactive { sys::VIR_NETWORK_XML_INACTIVE } else { 0 };
        // SAFETY: the network is valid; the string is handed over.
        unsafe { take_string(sys::virNetworkGetXMLDesc(self.raw, flags), ACT) }
    }

    /// True if it is up.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn is_active(&self) -> Result<bool> {
        // SAFETY: the network is valid.
        check(unsafe { sys::virNetworkIsActive(self.raw) }, "read whether a network is active").map(|yes| yes == 1)
    }

    /// True if the host keeps its definition.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn is_persistent(&self) -> Result<bool> {
        // SAFETY: the network is valid.
        check(unsafe { sys::virNetworkIsPersistent(self.raw) }, "read whether a network is persistent")
            .map(|yes| yes == 1)
    }

    /// True if it comes up with the host.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn autostart(&self) -> Result<bool> {
        let mut on: c_int = 0;
        // SAFETY: the network is valid; the result goes to a local.
        check(unsafe { sys::virNetworkGetAutostart(self.raw, &raw mut on) }, "read a network's autostart")?;
        Ok(on != 0)
    }

    /// The addresses that its DHCP server has given out.
    ///
    /// # Errors
    /// A network without a DHCP server of libvirt's, or a lost connection.
    pub fn dhcp_leases(&self) -> Result<Vec<DhcpLease>> {
        let mut array: *mut sys::virNetworkDHCPLeasePtr = std::ptr::null_mut();
        // SAFETY: the network is valid; a null MAC means "all"; on success the array and its elements are handed over.
        let count = check(
            unsafe { sys::virNetworkGetDHCPLeases(self.raw, std::ptr::null(), &raw mut array, 0) },
            "read a network's leases",
        )?;
        let mut leases = Vec::new();
        for index in 0..usize::try_from(count).unwrap_or(0) {
            // SAFETY: index < count; each element is valid, copied here and then freed once.
            unsafe {
                let raw = *array.add(index);
                if !raw.is_null() {
                    leases.extend(copy_lease(&*raw));
                    sys::virNetworkDHCPLeaseFree(raw);
                }
            }
        }
        // SAFETY: the array was allocated for us (free ignores null).
        unsafe { libc::free(array.cast()) };
        Ok(leases)
    }

    /// Brings it up.
    ///
    /// # Errors
    /// A failed start, or a lost connection.
    pub fn start(&self) -> Result<()> {
        // SAFETY: the network is valid.
        check(unsafe { sys::virNetworkCreate(self.raw) }, "start a network").map(drop)
    }

    /// Takes it down.
    ///
    /// # Errors
    /// A network that is down, or a lost connection.
    pub fn stop(&self) -> Result<()> {
        // SAFETY: the network is valid; this stops the network, not our reference.
        check(unsafe { sys::virNetworkDestroy(self.raw) }, "stop a network").map(drop)
    }

    /// Forgets the definition.
    ///
    /// # Errors
    /// A transient network, or a lost connection.
    pub fn undefine(&self) -> Result<()> {
        // SAFETY: the network is valid.
        check(unsafe { sys::virNetworkUndefine(self.raw) }, "undefine a network").map(drop)
    }
}

impl Nwfilter {
    /// The identity. Local.
    ///
    /// # Errors
    /// None in practice; libvirt's signature has one.
    pub fn uuid(&self) -> Result<Uuid> {
        // SAFETY: the filter is valid and 16 bytes are written.
        unsafe { read_uuid("read a packet filter's UUID", |bytes| sys::virNWFilterGetUUID(self.raw, bytes)) }
    }

    /// The name. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the filter is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virNWFilterGetName(self.raw)) }
    }

    /// The XML.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self) -> Result<String> {
        const ACT: &str = "read a packet filter's definition";
        // SAFETY: the filter is valid; the string is handed over.
        unsafe { take_string(sys::virNWFilterGetXMLDesc(self.raw, 0), ACT) }
    }

    /// Removes it.
    ///
    /// # Errors
    /// A filter in use, or a lost connection.
    pub fn undefine(&self) -> Result<()> {
        // SAFETY: the filter is valid.
        check(unsafe { sys::virNWFilterUndefine(self.raw) }, "undefine a packet filter").map(drop)
    }
}

/// Copies a lease; nothing if it has no address.
///
/// # Safety
/// The structure came from libvirt and was not freed yet.
unsafe fn copy_lease(raw: &sys::virNetworkDHCPLease) -> Option<DhcpLease> {
    // SAFETY: the strings belong to the structure, and each is null or terminated.
    unsafe {
        Some(DhcpLease {
            interface: copy_optional(raw.iface),
            expires_unix_seconds: (raw.expirytime > 0).then_some(raw.expirytime),
            mac: copy_optional(raw.mac).map(|mac| mac.to_ascii_lowercase()),
            address: copy_optional(raw.ipaddr)?,
            prefix: raw.prefix,
            ipv6: raw.type_.cast_unsigned() == sys::VIR_IP_ADDR_TYPE_IPV6,
            hostname: copy_optional(raw.hostname),
            client_id: copy_optional(raw.clientid),
        })
    }
}
