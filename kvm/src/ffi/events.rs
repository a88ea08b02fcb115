//! Callbacks of libvirt's events: they copy what they are given and push it into an [`EventSink`].

use std::ffi::{c_char, c_int, c_ulonglong, c_void};
use std::mem::transmute;
use std::sync::Arc;

use virt_sys as sys;

use super::{check, copy_lossy, copy_optional, last_error, read_uuid};
use crate::error::Result;
use crate::events::{
    BlockJobStatus, CloseReason, DomainChange, DomainLifecycle, Event, EventSink, NetworkChange, PoolChange,
};

/// What was registered on a connection, to be removed again.
#[derive(Debug)]
pub(super) struct Registrations {
    domain: Vec<c_int>,
    network: Vec<c_int>,
    pool: Vec<c_int>,
    close: bool,
    sink: Arc<EventSink>,
}

/// A domain callback without its own arguments, as libvirt registers all of them.
type DomainCallback = unsafe extern "C" fn(sys::virConnectPtr, sys::virDomainPtr, *mut c_void);

/// The same for networks.
type NetworkCallback = unsafe extern "C" fn(sys::virConnectPtr, sys::virNetworkPtr, *mut c_void);
/// The same for storage pools.
type PoolCallback = unsafe extern "C" fn(sys::virConnectPtr, sys::virStoragePoolPtr, *mut c_void);

impl Registrations {
    /// Registers every event that this crate knows. What a driver or an older daemon does not have is left out; without the domain's
    /// lifecycle it fails.
    ///
    /// # Safety
    /// `conn` is a valid connection, and [`Registrations::remove`] is called before it is closed.
    pub(super) unsafe fn register(conn: *mut sys::virConnect, sink: &Arc<EventSink>) -> Result<Self> {
        let mut all =
            Self { domain: Vec::new(), network: Vec::new(), pool: Vec::new(), close: false, sink: Arc::clone(sink) };
        // SAFETY: each callback has the signature that libvirt documents for its event id; the generic type is only libvirt's way
        // of passing any of them. The rest is the caller's promise.
        let result = unsafe {
            let added = all.add_domain(
                conn,
                sys::VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                transmute::<*const (), DomainCallback>(on_lifecycle as *const ()),
            );
            added.map(|()| all.add_optional(conn))
        };
        if let Err(error) = result {
            // SAFETY: the same connection.
            unsafe { all.remove(conn) };
            return Err(error);
        }
        Ok(all)
    }

    /// # Safety
    /// As [`Registrations::register`].
    unsafe fn add_optional(&mut self, conn: *mut sys::virConnect) {
        let domain: [(sys::virDomainEventID, *const ()); 12] = [
            (sys::VIR_DOMAIN_EVENT_ID_REBOOT, on_reboot as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_DEVICE_ADDED, on_device_added as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, on_device_removed as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED, on_device_removal_failed as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_BLOCK_JOB_2, on_block_job as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, on_balloon as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, on_metadata as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_AGENT_LIFECYCLE, on_agent as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON, on_io_error as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_TUNABLE, on_tunable as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_DISK_CHANGE, on_disk_change as *const ()),
            (sys::VIR_DOMAIN_EVENT_ID_TRAY_CHANGE, on_tray as *const ()),
        ];
        for (id, callback) in domain {
            // SAFETY: as in `register`.
            if let Err(error) = unsafe { self.add_domain(conn, id, transmute::<*const (), DomainCallback>(callback)) } {
                tracing::debug!(event_id = id, error = ?error, "this host does not report one kind of event");
            }
        }
        let opaque = || Arc::into_raw(Arc::clone(&self.sink)).cast_mut().cast::<c_void>();
        // SAFETY: as in `register`; each opaque pointer carries its own reference, given back by `free_sink`, or here if the
        // registration failed (libvirt does not call the free function then).
        unsafe {
            let pointer = opaque();
            let callback = Some(transmute::<*const (), NetworkCallback>(on_network as *const ()));
            let id = sys::VIR_NETWORK_EVENT_ID_LIFECYCLE.cast_signed();
            let id = sys::virConnectNetworkEventRegisterAny(
                conn,
                std::ptr::null_mut(),
                id,
                callback,
                pointer,
                Some(free_sink),
            );
            if id < 0 {
                free_sink(pointer)
            } else {
                self.network.push(id)
            }
            for (kind, callback) in [
                (sys::VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE, on_pool as *const ()),
                (sys::VIR_STORAGE_POOL_EVENT_ID_REFRESH, on_pool_refresh as *const ()),
            ] {
                let pointer = opaque();
                let callback = Some(transmute::<*const (), PoolCallback>(callback));
                let kind = kind.cast_signed();
                let id = sys::virConnectStoragePoolEventRegisterAny(
                    conn,
                    std::ptr::null_mut(),
                    kind,
                    callback,
                    pointer,
                    Some(free_sink),
                );
                if id < 0 { free_sink(pointer) } else { self.pool.push(id) }
            }
            let pointer = opaque();
            if sys::virConnectRegisterCloseCallback(conn, Some(on_close), pointer, Some(free_sink)) < 0 {
                free_sink(pointer);
            } else {
                self.close = true;
            }
        }
    }

    /// # Safety
    /// As [`Registrations::register`], and `callback` fits `id`.
    unsafe fn add_domain(
        &mut self,
        conn: *mut sys::virConnect,
        id: sys::virDomainEventID,
        callback: DomainCallback,
    ) -> Result<()> {
        let opaque = Arc::into_raw(Arc::clone(&self.sink)).cast_mut().cast::<c_void>();
        // SAFETY: the opaque pointer carries a reference, given back by `free_sink`, or here if the registration failed.
        unsafe {
            let null = std::ptr::null_mut();
            let number = sys::virConnectDomainEventRegisterAny(
                conn,
                null,
                id.cast_signed(),
                Some(callback),
                opaque,
                Some(free_sink),
            );
            if number < 0 {
                let error = last_error("watch the host's events");
                free_sink(opaque);
                return Err(error);
            }
            self.domain.push(number);
        }
        Ok(())
    }

    /// Whose registration it is.
    pub(super) fn sink(&self) -> &EventSink {
        &self.sink
    }

    /// Removes everything and ends the stream. Blocks if the host hangs.
    ///
    /// # Safety
    /// `conn` is the connection that was given to [`Registrations::register`], still open.
    pub(super) unsafe fn remove(self, conn: *mut sys::virConnect) {
        self.sink.close(CloseReason::Client);
        // SAFETY: the caller's promise. Errors mean that the connection is lost: then libvirt has forgotten the registration's
        // remote half itself, and removes the local one also.
        unsafe {
            for id in self.domain {
                let _ = check(sys::virConnectDomainEventDeregisterAny(conn, id), "stop watching domains");
            }
            for id in self.network {
                let _ = check(sys::virConnectNetworkEventDeregisterAny(conn, id), "stop watching networks");
            }
            for id in self.pool {
                let _ = check(sys::virConnectStoragePoolEventDeregisterAny(conn, id), "stop watching storage pools");
            }
            if self.close {
                let _ =
                    check(sys::virConnectUnregisterCloseCallback(conn, Some(on_close)), "stop watching the connection");
            }
        }
    }
}

/// # Safety
/// `opaque` came from `Arc::into_raw` of an [`EventSink`], and its reference was not given back yet.
unsafe extern "C" fn free_sink(opaque: *mut c_void) {
    // SAFETY: the caller's promise.
    drop(unsafe { Arc::from_raw(opaque.cast::<EventSink>()) });
}

/// Pushes a change of a domain.
///
/// # Safety
/// `dom` is valid or null, and `opaque` is a live sink.
unsafe fn push_domain(dom: sys::virDomainPtr, opaque: *mut c_void, change: DomainChange) {
    // SAFETY: the caller's promise; reading UUID and name is local.
    unsafe {
        if dom.is_null() || opaque.is_null() {
            return;
        }
        let Ok(uuid) = read_uuid("", |bytes| sys::virDomainGetUUID(dom, bytes)) else { return };
        let (name, _) = copy_lossy(sys::virDomainGetName(dom));
        (*opaque.cast::<EventSink>()).push(Event::Domain { uuid, name, change });
    }
}

/// Makes a callback for an event of a domain: the arguments that libvirt adds, and the change that they mean.
///
/// # Safety
/// libvirt calls it with valid arguments; strings are null or terminated and are copied at once.
macro_rules! domain_callback {
    ($name:ident($($arg:ident: $type:ty),*) $(-> $ret:ty, $value:expr)? => $change:expr) => {
        /// # Safety
        /// Called by libvirt's event loop with a valid domain, this event's arguments and our sink.
        unsafe extern "C" fn $name(
            _conn: sys::virConnectPtr,
            dom: sys::virDomainPtr,
            $($arg: $type,)*
            opaque: *mut c_void,
        ) $(-> $ret)? {
            // SAFETY: libvirt's promise, as said above.
            unsafe {
                push_domain(dom, opaque, $change);
            }
            $($value)?
        }
    };
}

domain_callback!(on_lifecycle(event: c_int, detail: c_int) -> c_int, 0 => DomainChange::Lifecycle {
    kind: lifecycle(event),
    detail,
});
domain_callback!(on_reboot() => DomainChange::Reboot);
domain_callback!(on_device_added(alias: *const c_char) => DomainChange::DeviceAdded { alias: copy_lossy(alias).0 });
domain_callback!(on_device_removed(alias: *const c_char) => DomainChange::DeviceRemoved { alias: copy_lossy(alias).0 });
domain_callback!(on_device_removal_failed(alias: *const c_char) => DomainChange::DeviceRemovalFailed {
    alias: copy_lossy(alias).0,
});
domain_callback!(on_block_job(disk: *const c_char, kind: c_int, status: c_int) => DomainChange::BlockJob {
    disk: copy_lossy(disk).0,
    kind,
    status: block_job_status(status),
});
domain_callback!(on_balloon(actual_kib: c_ulonglong) => DomainChange::Balloon { actual_bytes: actual_kib.saturating_mul(1024) });
domain_callback!(on_metadata(kind: c_int, namespace: *const c_char) => DomainChange::Metadata {
    namespace: if kind.cast_unsigned() == sys::VIR_DOMAIN_METADATA_ELEMENT { copy_optional(namespace) } else { None },
});
domain_callback!(on_agent(state: c_int, _reason: c_int) => DomainChange::Agent {
    connected: state.cast_unsigned() == sys::VIR_CONNECT_DOMAIN_EVENT_AGENT_LIFECYCLE_STATE_CONNECTED,
});
domain_callback!(on_io_error(path: *const c_char, alias: *const c_char, action: c_int, reason: *const c_char) => {
    DomainChange::IoError {
        path: copy_lossy(path).0,
        alias: copy_lossy(alias).0,
        action,
        reason: copy_lossy(reason).0,
    }
});
domain_callback!(on_tunable(_params: sys::virTypedParameterPtr, _count: c_int) => DomainChange::Tunable);
domain_callback!(on_disk_change(_old: *const c_char, _new: *const c_char, alias: *const c_char, _reason: c_int) => {
    DomainChange::DiskChange { alias: copy_lossy(alias).0 }
});
domain_callback!(on_tray(alias: *const c_char, reason: c_int) => DomainChange::Tray {
    alias: copy_lossy(alias).0,
    opened: reason == 0,
});

/// # Safety
/// Called by libvirt's event loop with a valid network and our sink.
unsafe extern "C" fn on_network(
    _conn: sys::virConnectPtr,
    net: sys::virNetworkPtr,
    event: c_int,
    _detail: c_int,
    opaque: *mut c_void,
) {
    // SAFETY: libvirt's promise; reading UUID and name is local.
    unsafe {
        if net.is_null() || opaque.is_null() {
            return;
        }
        let Ok(uuid) = read_uuid("", |bytes| sys::virNetworkGetUUID(net, bytes)) else { return };
        let (name, _) = copy_lossy(sys::virNetworkGetName(net));
        let change = match event.cast_unsigned() {
            sys::VIR_NETWORK_EVENT_DEFINED => NetworkChange::Defined,
            sys::VIR_NETWORK_EVENT_UNDEFINED => NetworkChange::Undefined,
            sys::VIR_NETWORK_EVENT_STARTED => NetworkChange::Started,
            sys::VIR_NETWORK_EVENT_STOPPED => NetworkChange::Stopped,
            _ => NetworkChange::Other(event),
        };
        (*opaque.cast::<EventSink>()).push(Event::Network { uuid, name, change });
    }
}

/// # Safety
/// Called by libvirt's event loop with a valid pool and our sink.
unsafe extern "C" fn on_pool(
    _conn: sys::virConnectPtr,
    pool: sys::virStoragePoolPtr,
    event: c_int,
    _detail: c_int,
    opaque: *mut c_void,
) {
    let change = match event.cast_unsigned() {
        sys::VIR_STORAGE_POOL_EVENT_DEFINED => PoolChange::Defined,
        sys::VIR_STORAGE_POOL_EVENT_UNDEFINED => PoolChange::Undefined,
        sys::VIR_STORAGE_POOL_EVENT_STARTED => PoolChange::Started,
        sys::VIR_STORAGE_POOL_EVENT_STOPPED => PoolChange::Stopped,
        sys::VIR_STORAGE_POOL_EVENT_CREATED => PoolChange::Created,
        sys::VIR_STORAGE_POOL_EVENT_DELETED => PoolChange::Deleted,
        _ => PoolChange::Other(event),
    };
    // SAFETY: libvirt's promise.
    unsafe { push_pool(pool, opaque, change) };
}

/// # Safety
/// Called by libvirt's event loop with a valid pool and our sink.
unsafe extern "C" fn on_pool_refresh(_conn: sys::virConnectPtr, pool: sys::virStoragePoolPtr, opaque: *mut c_void) {
    // SAFETY: libvirt's promise.
    unsafe { push_pool(pool, opaque, PoolChange::Refreshed) };
}

/// # Safety
/// `pool` is valid or null, and `opaque` is a live sink.
unsafe fn push_pool(pool: sys::virStoragePoolPtr, opaque: *mut c_void, change: PoolChange) {
    // SAFETY: the caller's promise; reading UUID and name is local.
    unsafe {
        if pool.is_null() || opaque.is_null() {
            return;
        }
        let Ok(uuid) = read_uuid("", |bytes| sys::virStoragePoolGetUUID(pool, bytes)) else { return };
        let (name, _) = copy_lossy(sys::virStoragePoolGetName(pool));
        (*opaque.cast::<EventSink>()).push(Event::Pool { uuid, name, change });
    }
}

/// # Safety
/// Called by libvirt's event loop with our sink.
unsafe extern "C" fn on_close(_conn: sys::virConnectPtr, reason: c_int, opaque: *mut c_void) {
    if opaque.is_null() {
        return;
    }
    let reason = match reason.cast_unsigned() {
        sys::VIR_CONNECT_CLOSE_REASON_EOF => CloseReason::Eof,
        sys::VIR_CONNECT_CLOSE_REASON_KEEPALIVE => CloseReason::KeepAlive,
        sys::VIR_CONNECT_CLOSE_REASON_CLIENT => CloseReason::Client,
        _ => CloseReason::Error,
    };
    // SAFETY: libvirt's promise.
    unsafe { (*opaque.cast::<EventSink>()).close(reason) };
}

fn lifecycle(event: c_int) -> DomainLifecycle {
    match event.cast_unsigned() {
        sys::VIR_DOMAIN_EVENT_DEFINED => DomainLifecycle::Defined,
        sys::VIR_DOMAIN_EVENT_UNDEFINED => DomainLifecycle::Undefined,
        sys::VIR_DOMAIN_EVENT_STARTED => DomainLifecycle::Started,
        sys::VIR_DOMAIN_EVENT_SUSPENDED => DomainLifecycle::Suspended,
        sys::VIR_DOMAIN_EVENT_RESUMED => DomainLifecycle::Resumed,
        sys::VIR_DOMAIN_EVENT_STOPPED => DomainLifecycle::Stopped,
        sys::VIR_DOMAIN_EVENT_SHUTDOWN => DomainLifecycle::Shutdown,
        sys::VIR_DOMAIN_EVENT_PMSUSPENDED => DomainLifecycle::PmSuspended,
        sys::VIR_DOMAIN_EVENT_CRASHED => DomainLifecycle::Crashed,
        _ => DomainLifecycle::Other(event),
    }
}

fn block_job_status(status: c_int) -> BlockJobStatus {
    match status.cast_unsigned() {
        sys::VIR_DOMAIN_BLOCK_JOB_COMPLETED => BlockJobStatus::Completed,
        sys::VIR_DOMAIN_BLOCK_JOB_FAILED => BlockJobStatus::Failed,
        sys::VIR_DOMAIN_BLOCK_JOB_CANCELED => BlockJobStatus::Canceled,
        sys::VIR_DOMAIN_BLOCK_JOB_READY => BlockJobStatus::Ready,
        _ => BlockJobStatus::Other(status),
    }
}
