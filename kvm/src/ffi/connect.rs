//! Connections: opening, closing, and what the host says about itself.

use std::cell::RefCell;
use std::ffi::{c_int, c_uint, c_ulong, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::ExposeSecret;
use virt_sys as sys;

use super::events::Registrations;
use super::{Domain, Network, Nwfilter, Pool};
use super::{c_string, check, copy_lossy, event_loop, fixed_text, last_error, take_list, take_string};
use crate::error::{Act, Error, Result};
use crate::events::EventSink;
use crate::host::{Credentials, KeepAlive};
use crate::opening::Opening;
use crate::record::{NodeCpuTime, NodeInfo, NodeMemory, Version};
use crate::uri::ConnectUri;

/// An open connection to one libvirt daemon. **Every method blocks.**
///
/// It exists only on one of a [`Host`](crate::Host)'s own threads; [`Host::run`](crate::Host::run) lends it to a closure.
#[derive(Debug)]
pub struct Connection {
    raw: *mut sys::virConnect,
    /// Set while nobody waits for the present job any more: long reads stop between two objects.
    cancelled: RefCell<Option<Arc<AtomicBool>>>,
    events: RefCell<Option<Registrations>>,
}

/// What the authentication callback needs; lives as long as the call that opens.
struct AuthContext<'a> {
    user: Option<&'a str>,
    credentials: Option<&'a Credentials>,
}

impl Connection {
    /// Opens a connection and sets its keep-alive.
    pub(crate) fn open(uri: &ConnectUri, credentials: Option<&Credentials>, keep_alive: KeepAlive) -> Result<Self> {
        const ACT: &str = "connect";
        event_loop::start()?;
        let opening = Opening::begin(uri)?;
        let name = c_string(&uri.to_string(), ACT)?;
        let context = AuthContext { user: uri.user(), credentials };
        let mut kinds = [
            sys::VIR_CRED_AUTHNAME.cast_signed(),
            sys::VIR_CRED_USERNAME.cast_signed(),
            sys::VIR_CRED_PASSPHRASE.cast_signed(),
        ];
        let mut auth = sys::virConnectAuth {
            credtype: kinds.as_mut_ptr(),
            ncredtype: 3,
            cb: Some(on_credentials),
            cbdata: (&raw const context).cast_mut().cast::<c_void>(),
        };
        // Without credentials nothing must be asked: a null callback makes libvirt fail instead.
        let auth = if credentials.is_some() { &raw mut auth } else { std::ptr::null_mut() };
        // SAFETY: `name` is terminated; `auth` is null or points to a structure that, with all it refers to, outlives the call, and
        // libvirt does not keep it. (No flags: the test driver refuses NO_ALIASES, and an alias cannot look like a checked URI.)
        let raw = unsafe { sys::virConnectOpenAuth(name.as_ptr(), auth, 0) };
        drop(opening);
        if raw.is_null() {
            return Err(last_error(ACT));
        }
        let connection = Self { raw, cancelled: RefCell::new(None), events: RefCell::new(None) };
        // SAFETY: the connection is valid. A driver without keep-alive (test) refuses, and a daemon without it returns 1: neither matters.
        unsafe { sys::virConnectSetKeepAlive(raw, keep_alive.interval_seconds(), keep_alive.count) };
        Ok(connection)
    }

    /// True if the transport is still up, as far as this side knows. Does not ask the host.
    pub fn is_alive(&self) -> bool {
        // SAFETY: the connection is valid while `self` is.
        unsafe { sys::virConnectIsAlive(self.raw) == 1 }
    }

    /// Tells the connection whose wish it works for, so that it can stop early.
    pub(crate) fn set_cancelled(&self, flag: Option<Arc<AtomicBool>>) {
        *self.cancelled.borrow_mut() = flag;
    }

    /// True if nobody waits for the result of the present job any more. Loops ask this between two objects.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.borrow().as_ref().is_some_and(|flag| flag.load(Ordering::Relaxed))
    }

    /// Registers for every event that this crate knows; replaces an earlier registration.
    pub(crate) fn subscribe(&self, sink: &Arc<EventSink>) -> Result<()> {
        self.unsubscribe();
        // SAFETY: the connection is valid, and `Drop` removes the registrations before it is closed.
        let registrations = unsafe { Registrations::register(self.raw, sink)? };
        self.events.replace(Some(registrations));
        Ok(())
    }

    /// Removes the registration, if there is one.
    pub(crate) fn unsubscribe(&self) {
        if let Some(registrations) = self.events.take() {
            // SAFETY: the registrations were made on this connection, which is still open.
            unsafe { registrations.remove(self.raw) };
            event_loop::barrier();
        }
    }

    /// Removes the registration if it belongs to a sink that `is_it` knows.
    pub(crate) fn unsubscribe_if(&self, is_it: &dyn Fn(&EventSink) -> bool) {
        let registrations = self.events.take();
        let wanted = registrations.as_ref().is_some_and(|registrations| is_it(registrations.sink()));
        self.events.replace(registrations);
        if wanted {
            self.unsubscribe();
        }
    }

    /// The driver's name: `QEMU`, `TEST`.
    ///
    /// # Errors
    /// A lost connection.
    pub fn driver_name(&self) -> Result<String> {
        // SAFETY: the result is a static or connection-owned string, copied at once.
        let (name, _) = unsafe { copy_lossy(sys::virConnectGetType(self.raw)) };
        if name.is_empty() { Err(last_error("read the driver's name")) } else { Ok(name) }
    }

    /// The host's name.
    ///
    /// # Errors
    /// A lost connection.
    pub fn hostname(&self) -> Result<String> {
        const ACT: &str = "read the host's name";
        // SAFETY: the connection is valid; the string is handed over.
        unsafe { take_string(sys::virConnectGetHostname(self.raw), ACT) }
    }

    /// The host's capabilities as XML.
    ///
    /// # Errors
    /// A lost connection.
    pub fn capabilities_xml(&self) -> Result<String> {
        const ACT: &str = "read the host's capabilities";
        // SAFETY: as above.
        unsafe { take_string(sys::virConnectGetCapabilities(self.raw), ACT) }
    }

    /// What the firmware says about the host, as XML. Not every host has it.
    ///
    /// # Errors
    /// A lost connection, or no such information.
    pub fn sysinfo_xml(&self) -> Result<String> {
        const ACT: &str = "read the host's system information";
        // SAFETY: as above.
        unsafe { take_string(sys::virConnectGetSysinfo(self.raw, 0), ACT) }
    }

    /// The version of libvirt on the host. This asks the daemon, so it serves as a ping.
    ///
    /// # Errors
    /// A lost connection.
    pub fn libvirt_version(&self) -> Result<Version> {
        let mut version: c_ulong = 0;
        // SAFETY: the connection is valid; the result goes to a local.
        check(unsafe { sys::virConnectGetLibVersion(self.raw, &raw mut version) }, "read libvirt's version")?;
        Ok(Version::from_libvirt(version))
    }

    /// The hypervisor's version (QEMU's).
    ///
    /// # Errors
    /// A lost connection, or a host without any emulator.
    pub fn hypervisor_version(&self) -> Result<Version> {
        let mut version: c_ulong = 0;
        // SAFETY: as above.
        check(unsafe { sys::virConnectGetVersion(self.raw, &raw mut version) }, "read the hypervisor's version")?;
        Ok(Version::from_libvirt(version))
    }

    /// The host's processors and memory.
    ///
    /// # Errors
    /// A lost connection.
    pub fn node_info(&self) -> Result<NodeInfo> {
        // SAFETY: a structure of numbers and characters; all zero is a valid value.
        let mut info: sys::virNodeInfo = unsafe { std::mem::zeroed() };
        // SAFETY: the connection is valid; the structure is the size that libvirt writes.
        check(unsafe { sys::virNodeGetInfo(self.raw, &raw mut info) }, "read the host's processors and memory")?;
        Ok(NodeInfo {
            cpu_model: fixed_text(&info.model),
            memory_bytes: info.memory.saturating_mul(1024),
            cpu_count: info.cpus,
            cpu_mhz: info.mhz,
            numa_nodes: info.nodes,
            sockets_per_node: info.sockets,
            cores_per_socket: info.cores,
            threads_per_core: info.threads,
        })
    }

    /// How the host's memory is used at the moment.
    ///
    /// # Errors
    /// A lost connection, or a driver that does not know (test).
    pub fn node_memory(&self) -> Result<NodeMemory> {
        const ACT: &str = "read the host's memory use";
        let mut memory = NodeMemory::default();
        let all_nodes: c_int = sys::VIR_NODE_MEMORY_STATS_ALL_CELLS;
        let mut count: c_int = 0;
        // SAFETY: a null array asks for the number of values.
        let result =
            unsafe { sys::virNodeGetMemoryStats(self.raw, all_nodes, std::ptr::null_mut(), &raw mut count, 0) };
        check(result, ACT)?;
        let room = usize::try_from(count.clamp(0, 64)).unwrap_or(0);
        // SAFETY: numbers and characters; all zero is a valid value.
        let mut values: Vec<sys::virNodeMemoryStats> = (0..room).map(|_| unsafe { std::mem::zeroed() }).collect();
        count = c_int::try_from(room).unwrap_or(0);
        // SAFETY: the array has room for `count` values.
        check(unsafe { sys::virNodeGetMemoryStats(self.raw, all_nodes, values.as_mut_ptr(), &raw mut count, 0) }, ACT)?;
        for value in values.iter().take(usize::try_from(count).unwrap_or(0)) {
            let bytes = Some(value.value.saturating_mul(1024));
            match fixed_text(&value.field).as_str() {
                "total" => memory.total_bytes = bytes,
                "free" => memory.free_bytes = bytes,
                "buffers" => memory.buffers_bytes = bytes,
                "cached" => memory.cached_bytes = bytes,
                _ => {}
            }
        }
        Ok(memory)
    }

    /// The time that the host's processors spent, summed over all of them since boot.
    ///
    /// # Errors
    /// A lost connection, or a driver that does not know.
    pub fn node_cpu_time(&self) -> Result<NodeCpuTime> {
        const ACT: &str = "read the host's processor time";
        let all: c_int = sys::VIR_NODE_CPU_STATS_ALL_CPUS;
        let mut count: c_int = 0;
        // SAFETY: a null array asks for the number of values.
        check(unsafe { sys::virNodeGetCPUStats(self.raw, all, std::ptr::null_mut(), &raw mut count, 0) }, ACT)?;
        let room = usize::try_from(count.clamp(0, 64)).unwrap_or(0);
        // SAFETY: numbers and characters; all zero is a valid value.
        let mut values: Vec<sys::virNodeCPUStats> = (0..room).map(|_| unsafe { std::mem::zeroed() }).collect();
        count = c_int::try_from(room).unwrap_or(0);
        // SAFETY: the array has room for `count` values.
        check(unsafe { sys::virNodeGetCPUStats(self.raw, all, values.as_mut_ptr(), &raw mut count, 0) }, ACT)?;
        let mut time = NodeCpuTime::default();
        for value in values.iter().take(usize::try_from(count).unwrap_or(0)) {
            match fixed_text(&value.field).as_str() {
                "kernel" => time.kernel_ns = Some(value.value),
                "user" => time.user_ns = Some(value.value),
                "idle" => time.idle_ns = Some(value.value),
                "iowait" => time.iowait_ns = Some(value.value),
                _ => {}
            }
        }
        Ok(time)
    }

    /// Every domain, running or not.
    ///
    /// # Errors
    /// A lost connection.
    pub fn domains(&self) -> Result<Vec<Domain>> {
        // SAFETY: the call fills an array of domains with a reference each; no flags mean "all".
        unsafe { take_list("list domains", |array| sys::virConnectListAllDomains(self.raw, array, 0)) }
    }

    /// Every network, active or not.
    ///
    /// # Errors
    /// A lost connection.
    pub fn networks(&self) -> Result<Vec<Network>> {
        // SAFETY: as above, of networks.
        unsafe { take_list("list networks", |array| sys::virConnectListAllNetworks(self.raw, array, 0)) }
    }

    /// Every storage pool, active or not.
    ///
    /// # Errors
    /// A lost connection.
    pub fn pools(&self) -> Result<Vec<Pool>> {
        // SAFETY: as above, of pools.
        unsafe { take_list("list storage pools", |array| sys::virConnectListAllStoragePools(self.raw, array, 0)) }
    }

    /// Every packet filter.
    ///
    /// # Errors
    /// A lost connection, or a driver without them.
    pub fn nwfilters(&self) -> Result<Vec<Nwfilter>> {
        // SAFETY: as above, of filters.
        unsafe { take_list("list packet filters", |array| sys::virConnectListAllNWFilters(self.raw, array, 0)) }
    }

    /// The pointer, for the other wrappers of this module.
    pub(super) fn raw(&self) -> *mut sys::virConnect {
        self.raw
    }

    /// An error if nobody waits any more.
    pub(crate) fn check_cancelled(&self, act: impl Into<Act>) -> Result<()> {
        if self.is_cancelled() { Err(Error::Closed { act: act.into(), host: "the host".to_owned() }) } else { Ok(()) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.unsubscribe();
        // SAFETY: the reference is ours and given back once. Everything that was made from the connection holds its own one.
        unsafe { sys::virConnectClose(self.raw) };
    }
}

/// Answers libvirt's questions for a name and a password. Returns 0 if all were answered.
///
/// # Safety
/// Called by libvirt during `virConnectOpenAuth` with `count` credentials and our [`AuthContext`].
unsafe extern "C" fn on_credentials(asked: sys::virConnectCredentialPtr, count: c_uint, context: *mut c_void) -> c_int {
    if asked.is_null() || context.is_null() {
        return -1;
    }
    // SAFETY: the context is the one of `open`, which is still running.
    let context = unsafe { &*context.cast::<AuthContext<'_>>() };
    let Some(credentials) = context.credentials else { return -1 };
    for index in 0..count as usize {
        // SAFETY: libvirt passes `count` credentials, exclusively for this call.
        let credential = unsafe { &mut *asked.add(index) };
        let answer = match credential.type_.cast_unsigned() {
            sys::VIR_CRED_AUTHNAME | sys::VIR_CRED_USERNAME => {
                credentials.user.as_deref().or(context.user).unwrap_or_default()
            }
            sys::VIR_CRED_PASSPHRASE => credentials.password.expose_secret(),
            _ => return -1,
        };
        if answer.as_bytes().contains(&0) {
            return -1;
        }
        // libvirt frees the answer with free(); the copy is made without another copy of the secret in between.
        // SAFETY: the allocation has room for the text and its terminator.
        unsafe {
            let copy = libc::malloc(answer.len() + 1).cast::<u8>();
            if copy.is_null() {
                return -1;
            }
            std::ptr::copy_nonoverlapping(answer.as_ptr(), copy, answer.len());
            *copy.add(answer.len()) = 0;
            credential.result = copy.cast();
        }
        credential.resultlen = c_uint::try_from(answer.len()).unwrap_or(0);
    }
    0
}
