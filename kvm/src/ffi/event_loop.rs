//! The process's one event loop: a thread that runs libvirt's default implementation for ever.
//!
//! Invariant: it is registered before the first connection is opened (libvirt demands that), and nothing that can block on
//! one host ever runs on its thread — or every host would stand still.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use virt_sys as sys;

use super::{check, last_error};
use crate::error::{Error, Result};

/// How long [`barrier`] waits for the loop; it is only ever busy with pushing into channels.
const BARRIER_WAIT: Duration = Duration::from_secs(5);

/// Starts the event loop, once for the process; later calls return what the first one did.
pub(crate) fn start() -> Result<()> {
    static STARTED: OnceLock<Result<()>> = OnceLock::new();
    STARTED.get_or_init(start_once).clone()
}

fn start_once() -> Result<()> {
    // SAFETY: virInitialize may be called from any thread at any time. The error function replaces the default one, which
    // prints to standard error; it is set before any connection exists.
    unsafe {
        check(sys::virInitialize(), "initialize libvirt")?;
        sys::virSetErrorFunc(std::ptr::null_mut(), Some(ignore_error));
        check(sys::virEventRegisterDefaultImpl(), "register libvirt's event loop")?;
    }
    std::thread::Builder::new()
        .name("libvirt-events".to_owned())
        .spawn(run)
        .map_err(|error| Error::Thread { host: "libvirt's events".to_owned(), reason: error.to_string() })?;
    Ok(())
}

fn run() {
    loop {
        // SAFETY: the default implementation is registered, and only this thread runs it.
        if unsafe { sys::virEventRunDefaultImpl() } < 0 {
            let error = last_error("run libvirt's event loop");
            tracing::warn!(error = ?error, "libvirt's event loop reports an error");
            // Not a busy loop, should the error stay.
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Errors are read from the failed call's thread; nothing is printed.
///
/// # Safety
/// Called by libvirt with its own error; the argument is not used.
unsafe extern "C" fn ignore_error(_user_data: *mut c_void, _error: sys::virErrorPtr) {}

/// Waits until every callback that was running when this is called has returned.
///
/// Closing a connection while the loop is inside one of its callbacks would leave the last reference to the loop, which would
/// then close it — with a remote call that hangs if the host does.
pub(crate) fn barrier() {
    let (sender, receiver) = sync_channel::<()>(1);
    let opaque = Box::into_raw(Box::new(sender)).cast::<c_void>();
    // SAFETY: the callbacks match their types; `opaque` is freed by `free_sender` when the timer is gone, or below if there is none.
    let timer = unsafe { sys::virEventAddTimeout(0, Some(on_barrier), opaque, Some(free_sender)) };
    if timer < 0 {
        // SAFETY: no timer was made, so nobody else has the pointer.
        unsafe { free_sender(opaque) };
        return;
    }
    if receiver.recv_timeout(BARRIER_WAIT).is_err() {
        tracing::warn!("libvirt's event loop did not answer within {BARRIER_WAIT:?}");
    }
}

/// # Safety
/// Called by libvirt with the pointer that was given to `virEventAddTimeout`.
unsafe extern "C" fn on_barrier(timer: c_int, opaque: *mut c_void) {
    // SAFETY: `opaque` is the sender, which lives until `free_sender`; removing a timer inside its own callback is allowed.
    unsafe {
        let _ = (*opaque.cast::<SyncSender<()>>()).try_send(());
        sys::virEventRemoveTimeout(timer);
    }
}

/// # Safety
/// Called once with the pointer that `Box::into_raw` gave.
unsafe extern "C" fn free_sender(opaque: *mut c_void) {
    // SAFETY: the caller's promise.
    drop(unsafe { Box::from_raw(opaque.cast::<SyncSender<()>>()) });
}
