//! Bulk statistics, and the typed parameters that they come in.

use std::ffi::c_int;

use virt_sys as sys;

use super::{Connection, check, copy_lossy, fixed_text, read_uuid};
use crate::error::Result;
use crate::stats::{DomainStats, StatValue, StatsGroups};

/// The array that libvirt hands over, freed with everything in it also if copying stops early.
struct Records {
    array: *mut sys::virDomainStatsRecordPtr,
    count: usize,
}

impl Drop for Records {
    fn drop(&mut self) {
        if !self.array.is_null() {
            // SAFETY: the array came from virConnectGetAllDomainStats and is freed only here.
            unsafe { sys::virDomainStatsRecordListFree(self.array) };
        }
    }
}

impl Connection {
    /// The statistics of all domains in one call. A hung QEMU can make it hang: give it a deadline and a connection of its own.
    ///
    /// # Errors
    /// A lost connection.
    pub fn domain_stats(&self, groups: StatsGroups) -> Result<Vec<DomainStats>> {
        let mut array: *mut sys::virDomainStatsRecordPtr = std::ptr::null_mut();
        // Not NOWAIT's opposite: without it one busy domain delays the answer for all; with it its fields are just absent.
        let flags = sys::VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT;
        // SAFETY: the connection is valid; on success the array is handed over.
        let mut result = unsafe { sys::virConnectGetAllDomainStats(self.raw(), groups.bits(), &raw mut array, flags) };
        if result < 0 && super::last_error("").refuses_flags() {
            // Drivers and daemons before 4.5 do not know the flag.
            // SAFETY: as above; nothing was handed over by the failed call.
            result = unsafe { sys::virConnectGetAllDomainStats(self.raw(), groups.bits(), &raw mut array, 0) };
        }
        let count = check(result, "read the domains' statistics")?;
        let records = Records { array, count: usize::try_from(count).unwrap_or(0) };
        let mut stats = Vec::with_capacity(records.count);
        for index in 0..records.count {
            if records.array.is_null() {
                break;
            }
            // SAFETY: index < count; the record is valid until `records` is dropped.
            unsafe {
                let raw = *records.array.add(index);
                if raw.is_null() {
                    break;
                }
                let uuid = read_uuid("read a domain's UUID", |bytes| sys::virDomainGetUUID((*raw).dom, bytes))?;
                let (name, _) = copy_lossy(sys::virDomainGetName((*raw).dom));
                let fields = copy_params((*raw).params, (*raw).nparams);
                stats.push(DomainStats::from_fields(uuid, name, fields));
            }
        }
        Ok(stats)
    }
}

/// Copies typed parameters.
///
/// # Safety
/// `params` is null or points to `count` parameters that stay valid during the call.
pub(super) unsafe fn copy_params(params: sys::virTypedParameterPtr, count: c_int) -> Vec<(String, StatValue)> {
    if params.is_null() {
        return Vec::new();
    }
    let copy = |index: usize| {
        // SAFETY: index < count; the type says which member of the union is set.
        unsafe {
            let param = &*params.add(index);
            let value = match param.type_.cast_unsigned() {
                sys::VIR_TYPED_PARAM_INT => StatValue::Signed(i64::from(param.value.i)),
                sys::VIR_TYPED_PARAM_UINT => StatValue::Unsigned(u64::from(param.value.ui)),
                sys::VIR_TYPED_PARAM_LLONG => StatValue::Signed(param.value.l),
                sys::VIR_TYPED_PARAM_ULLONG => StatValue::Unsigned(param.value.ul),
                sys::VIR_TYPED_PARAM_DOUBLE => StatValue::Double(param.value.d),
                sys::VIR_TYPED_PARAM_BOOLEAN => StatValue::Bool(param.value.b != 0),
                sys::VIR_TYPED_PARAM_STRING => StatValue::Text(copy_lossy(param.value.s).0),
                // A type of a later libvirt.
                _ => return None,
            };
            Some((fixed_text(&param.field), value))
        }
    };
    (0..usize::try_from(count).unwrap_or(0)).filter_map(copy).collect()
}
