//! Storage pools and their volumes.

use std::ffi::c_int;

use uuid::Uuid;
use virt_sys as sys;

use super::domain::Definition;
use super::{
    Connection, c_string, check, copy_lossy, handle, read_uuid, take_handle, take_list, take_string, uuid_string,
};
use crate::error::Result;
use crate::record::{PoolUse, VolumeUse};
use crate::state::PoolState;

handle! {
    /// A storage pool on the connection's host. **Every method that reads more than its identity blocks.**
    Pool, sys::virStoragePool, sys::virStoragePoolFree
}

handle! {
    /// A volume of a storage pool.
    Volume, sys::virStorageVol, sys::virStorageVolFree
}

impl Connection {
    /// Looks a pool up.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn pool(&self, uuid: Uuid) -> Result<Pool> {
        let text = uuid_string(uuid);
        // SAFETY: the connection is valid, the text is terminated, the result carries a reference.
        unsafe {
            take_handle(
                sys::virStoragePoolLookupByUUIDString(self.raw(), text.as_ptr()),
                format!("find storage pool {uuid}"),
            )
        }
    }

    /// Defines a pool, or changes the definition of the one with the same UUID.
    ///
    /// # Errors
    /// XML that libvirt refuses, or a lost connection.
    pub fn define_pool(&self, xml: &str) -> Result<Pool> {
        const ACT: &str = "define a storage pool";
        let xml = c_string(xml, ACT)?;
        // SAFETY: as above.
        unsafe { take_handle(sys::virStoragePoolDefineXML(self.raw(), xml.as_ptr(), 0), ACT) }
    }
}

impl Pool {
    /// The identity. Local.
    ///
    /// # Errors
    /// None in practice; libvirt's signature has one.
    pub fn uuid(&self) -> Result<Uuid> {
        // SAFETY: the pool is valid and 16 bytes are written.
        unsafe { read_uuid("read a storage pool's UUID", |bytes| sys::virStoragePoolGetUUID(self.raw, bytes)) }
    }

    /// The name, and whether it had to be changed to be UTF-8. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the pool is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virStoragePoolGetName(self.raw)) }
    }

    /// The XML.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self, definition: Definition) -> Result<String> {
        const ACT: &str = "read a storage pool's definition";
        let flags = if definition == Definition::Inactive { sys::VIR_STORAGE_XML_INACTIVE } else { 0 };
        // SAFETY: the pool is valid; the string is handed over.
        unsafe { take_string(sys::virStoragePoolGetXMLDesc(self.raw, flags), ACT) }
    }

    /// The state and the sizes, as of the last refresh.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn usage(&self) -> Result<PoolUse> {
        // SAFETY: numbers only; all zero is a valid value.
        let mut info: sys::virStoragePoolInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the pool is valid; the structure is the size that libvirt writes.
        check(unsafe { sys::virStoragePoolGetInfo(self.raw, &raw mut info) }, "read a storage pool's state")?;
        Ok(PoolUse {
            state: PoolState::from_libvirt(info.state),
            capacity_bytes: info.capacity,
            allocation_bytes: info.allocation,
            available_bytes: info.available,
        })
    }

    /// True if the host keeps its definition.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn is_persistent(&self) -> Result<bool> {
        // SAFETY: the pool is valid.
        check(unsafe { sys::virStoragePoolIsPersistent(self.raw) }, "read whether a storage pool is persistent")
            .map(|yes| yes == 1)
    }

    /// True if it is started with the host.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn autostart(&self) -> Result<bool> {
        let mut on: c_int = 0;
        // SAFETY: the pool is valid; the result goes to a local.
        check(unsafe { sys::virStoragePoolGetAutostart(self.raw, &raw mut on) }, "read a storage pool's autostart")?;
        Ok(on != 0)
    }

    /// Makes libvirt look at the storage again. It can take long on a slow or lost one.
    ///
    /// # Errors
    /// A stopped pool, unreachable storage (libvirt then stops the pool), or a lost connection.
    pub fn refresh(&self) -> Result<()> {
        // SAFETY: the pool is valid.
        check(unsafe { sys::virStoragePoolRefresh(self.raw, 0) }, "refresh a storage pool").map(drop)
    }

    /// Every volume that libvirt knows since the last refresh.
    ///
    /// # Errors
    /// A stopped pool, or a lost connection.
    pub fn volumes(&self) -> Result<Vec<Volume>> {
        // SAFETY: the call fills an array of volumes with a reference each.
        unsafe {
            take_list("list a storage pool's volumes", |array| sys::virStoragePoolListAllVolumes(self.raw, array, 0))
        }
    }

    /// Makes a volume.
    ///
    /// # Errors
    /// XML that libvirt refuses, a full pool, a name that is taken, or a lost connection.
    pub fn create_volume(&self, xml: &str) -> Result<Volume> {
        const ACT: &str = "make a volume";
        let xml = c_string(xml, ACT)?;
        // SAFETY: the pool is valid, the text is terminated, the result carries a reference.
        unsafe { take_handle(sys::virStorageVolCreateXML(self.raw, xml.as_ptr(), 0), ACT) }
    }

    /// Starts it.
    ///
    /// # Errors
    /// Unreachable storage, or a lost connection.
    pub fn start(&self) -> Result<()> {
        // SAFETY: the pool is valid.
        check(unsafe { sys::virStoragePoolCreate(self.raw, 0) }, "start a storage pool").map(drop)
    }

    /// Stops it; its data stay.
    ///
    /// # Errors
    /// A stopped pool, or a lost connection.
    pub fn stop(&self) -> Result<()> {
        // SAFETY: the pool is valid; this stops the pool, not our reference.
        check(unsafe { sys::virStoragePoolDestroy(self.raw) }, "stop a storage pool").map(drop)
    }

    /// Forgets the definition; its data stay.
    ///
    /// # Errors
    /// A running pool, or a lost connection.
    pub fn undefine(&self) -> Result<()> {
        // SAFETY: the pool is valid.
        check(unsafe { sys::virStoragePoolUndefine(self.raw) }, "undefine a storage pool").map(drop)
    }
}

impl Volume {
    /// The name, and whether it had to be changed to be UTF-8. Local.
    pub fn name(&self) -> (String, bool) {
        // SAFETY: the volume is valid; the name belongs to it and is copied at once.
        unsafe { copy_lossy(sys::virStorageVolGetName(self.raw)) }
    }

    /// libvirt's key: unique on its host. Local.
    pub fn key(&self) -> String {
        // SAFETY: as above.
        unsafe { copy_lossy(sys::virStorageVolGetKey(self.raw)).0 }
    }

    /// The XML. libvirt looks at the file again for it.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn xml(&self) -> Result<String> {
        const ACT: &str = "read a volume's definition";
        // SAFETY: the volume is valid; the string is handed over.
        unsafe { take_string(sys::virStorageVolGetXMLDesc(self.raw, 0), ACT) }
    }

    /// Its sizes. Two calls: libvirt gives the allocation or the physical size, not both.
    ///
    /// # Errors
    /// Not found, or a lost connection.
    pub fn usage(&self) -> Result<VolumeUse> {
        const ACT: &str = "read a volume's size";
        // SAFETY: numbers only; all zero is a valid value.
        let mut info: sys::virStorageVolInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the volume is valid; the structure is the size that libvirt writes.
        check(unsafe { sys::virStorageVolGetInfo(self.raw, &raw mut info) }, ACT)?;
        let (capacity_bytes, allocation_bytes) = (info.capacity, info.allocation);
        // SAFETY: as above. With this flag the allocation's place holds the physical size.
        let physical =
            unsafe { sys::virStorageVolGetInfoFlags(self.raw, &raw mut info, sys::VIR_STORAGE_VOL_GET_PHYSICAL) };
        let physical_bytes = (physical == 0).then_some(info.allocation);
        Ok(VolumeUse { capacity_bytes, allocation_bytes, physical_bytes })
    }

    /// Deletes it with its data.
    ///
    /// # Errors
    /// A failed deletion, or a lost connection.
    pub fn delete(&self) -> Result<()> {
        // SAFETY: the volume is valid; this deletes the data, not our reference.
        check(unsafe { sys::virStorageVolDelete(self.raw, 0) }, "delete a volume").map(drop)
    }
}
