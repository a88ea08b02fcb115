//! The only module that talks to libvirt's C library, and the only one with `unsafe`.
//!
//! # Safety
//! What every block here relies on, so that the rest of the crate is safe code:
//! - **Threads.** A [`Connection`] and everything made from it holds raw pointers, so it is neither `Send` nor `Sync`: it is made,
//!   used and freed on one thread. (libvirt itself would allow more.) Callbacks run on the event loop's thread and touch only
//!   their own `Arc`.
//! - **Ownership.** Each wrapper owns one reference and gives it back once, in `Drop`. Each `char *` that libvirt hands over is
//!   copied and freed at once; `const char *` results are copied before the object they belong to can go away.
//! - **Null.** Every pointer from libvirt is checked before it is used, also where the manual says that it is never null.
//! - **Callbacks.** The opaque pointer is `Arc::into_raw`; libvirt's free function turns it back exactly once, after the last
//!   call. Callbacks do not unwind: they only copy and push.
//! - **Errors.** `virGetLastError` is per thread, so it is read on the thread of the failed call before any other call.

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_char, c_int, c_uint};

use uuid::Uuid;
use virt_sys as sys;

use crate::error::{Act, Error, ErrorLevel, LibvirtError, Result};

mod connect;
mod domain;
pub(crate) mod event_loop;
pub(crate) mod events;
mod network;
mod stats;
mod storage;

pub use connect::Connection;
pub use domain::{Definition, Domain, Snapshot};
pub use network::{Network, Nwfilter};
pub use storage::{Pool, Volume};

/// Most objects of one kind that are taken from one host; more is a broken answer.
const OBJECTS_MAX: c_int = 1_000_000;

/// What libvirt says in the first line. Of XML that it cannot read it quotes the text in the next ones, whatever that is.
fn first_line(message: String) -> String {
    match message.split_once('\n') {
        Some((line, _)) => line.to_owned(),
        None => message,
    }
}

/// The error of the call that just failed on this thread.
fn last_error(act: impl Into<Act>) -> Error {
    // SAFETY: virGetLastError returns null or a pointer into this thread's own storage, valid until the next libvirt call here.
    let source = unsafe {
        let raw = sys::virGetLastError();
        if raw.is_null() {
            LibvirtError { code: 0, domain: 0, level: ErrorLevel::None, message: "no reason was given".to_owned() }
        } else {
            LibvirtError {
                code: c_uint::try_from((*raw).code).unwrap_or(0),
                domain: c_uint::try_from((*raw).domain).unwrap_or(0),
                level: match (*raw).level {
                    sys::VIR_ERR_NONE => ErrorLevel::None,
                    sys::VIR_ERR_WARNING => ErrorLevel::Warning,
                    _ => ErrorLevel::Error,
                },
                message: first_line(copy_lossy((*raw).message).0),
            }
        }
    };
    Error::Libvirt { act: act.into(), source }
}

/// Turns libvirt's "negative is failure" into a result.
fn check(result: c_int, act: impl Into<Act>) -> Result<c_int> {
    if result < 0 { Err(last_error(act)) } else { Ok(result) }
}

/// A text as a C string.
fn c_string(text: &str, act: impl Into<Act>) -> Result<CString> {
    CString::new(text).map_err(|_| Error::Text { act: act.into(), what: Cow::Borrowed("a NUL is inside an argument") })
}

/// Copies a C string; true if it was not UTF-8 and had to be changed.
///
/// # Safety
/// `raw` is null or points to a NUL-terminated string that stays valid during the call.
unsafe fn copy_lossy(raw: *const c_char) -> (String, bool) {
    if raw.is_null() {
        return (String::new(), false);
    }
    // SAFETY: not null, and terminated by the caller's promise.
    let bytes = unsafe { CStr::from_ptr(raw) };
    match bytes.to_string_lossy() {
        Cow::Borrowed(text) => (text.to_owned(), false),
        Cow::Owned(text) => (text, true),
    }
}

/// Copies a C string that may be absent.
///
/// # Safety
/// As [`copy_lossy`].
unsafe fn copy_optional(raw: *const c_char) -> Option<String> {
    if raw.is_null() {
        return None;
    }
    // SAFETY: the caller's promise.
    Some(unsafe { copy_lossy(raw) }.0).filter(|text| !text.is_empty())
}

/// Takes over a string that libvirt allocated: copies it strictly as UTF-8, and frees it.
///
/// # Safety
/// `raw` is null or a NUL-terminated string allocated by libvirt that nobody else frees.
unsafe fn take_string(raw: *mut c_char, act: impl Into<Act>) -> Result<String> {
    if raw.is_null() {
        return Err(last_error(act));
    }
    // SAFETY: not null and terminated; it is freed once, after the copy.
    let copy = unsafe {
        let copy = CStr::from_ptr(raw).to_str().map(str::to_owned);
        libc::free(raw.cast());
        copy
    };
    copy.map_err(|_| Error::Text { act: act.into(), what: Cow::Borrowed("the answer is not valid UTF-8") })
}

/// An object that libvirt counts references of.
trait Handle: Sized {
    /// The C type.
    type Raw;

    /// Takes over one reference.
    ///
    /// # Safety
    /// `raw` is not null and carries a reference that the new value will own.
    unsafe fn from_raw(raw: *mut Self::Raw) -> Self;
}

/// Takes over the result of a look-up or a creation.
///
/// # Safety
/// `raw` is null or carries a reference for the caller.
unsafe fn take_handle<T: Handle>(raw: *mut T::Raw, act: impl Into<Act>) -> Result<T> {
    if raw.is_null() {
        return Err(last_error(act));
    }
    // SAFETY: not null; the reference is ours by the caller's promise.
    Ok(unsafe { T::from_raw(raw) })
}

/// Runs one of the `virConnectListAll…` calls and takes over the array and each element's reference.
///
/// # Safety
/// `call` stores an array allocated by libvirt, of as many valid pointers as it returns, each with a reference for the caller.
unsafe fn take_list<T: Handle>(
    act: impl Into<Act>,
    call: impl FnOnce(*mut *mut *mut T::Raw) -> c_int,
) -> Result<Vec<T>> {
    let mut array: *mut *mut T::Raw = std::ptr::null_mut();
    let count = check(call(&raw mut array), act)?;
    let mut items = Vec::new();
    if array.is_null() {
        return Ok(items);
    }
    for index in 0..usize::try_from(count.min(OBJECTS_MAX)).unwrap_or(0) {
        // SAFETY: index < count, and the array has that many elements.
        let raw = unsafe { *array.add(index) };
        if !raw.is_null() {
            // SAFETY: not null, with a reference for us.
            items.push(unsafe { T::from_raw(raw) });
        }
    }
    // SAFETY: the array itself was allocated for us; its elements are owned by `items` now.
    unsafe { libc::free(array.cast()) };
    Ok(items)
}

/// Reads an object's UUID through one of the `vir…GetUUID` calls, which are local and fill 16 bytes.
///
/// # Safety
/// `call` writes at most 16 bytes.
unsafe fn read_uuid(act: impl Into<Act>, call: impl FnOnce(*mut u8) -> c_int) -> Result<Uuid> {
    let mut bytes = [0_u8; 16];
    check(call(bytes.as_mut_ptr()), act)?;
    Ok(Uuid::from_bytes(bytes))
}

/// Writes a UUID in libvirt's form.
fn uuid_string(uuid: Uuid) -> CString {
    // Hexadecimal digits and dashes only: no NUL can be inside.
    CString::new(uuid.hyphenated().to_string()).unwrap_or_default()
}

/// Copies the name in a fixed array of characters, as libvirt's structures have it.
fn fixed_text(field: &[c_char]) -> String {
    let bytes: Vec<u8> = field.iter().map(|c| c.cast_unsigned()).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes a wrapper that owns one reference of a libvirt object.
macro_rules! handle {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $free:path) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            raw: *mut $raw,
        }

        impl crate::ffi::Handle for $name {
            type Raw = $raw;

            unsafe fn from_raw(raw: *mut $raw) -> Self {
                Self { raw }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: `raw` is a valid object whose reference we own, and this is the only place that gives it back. The
                // result only says that the pointer was valid; there is nobody to tell.
                unsafe { $free(self.raw) };
            }
        }
    };
}
use handle;
