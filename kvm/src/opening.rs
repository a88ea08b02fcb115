//! Attempts to connect that hang.
//!
//! Nothing can interrupt one: whoever made it has gone on at its deadline, and its thread stays in libvirt until the other side
//! answers or closes the connection. So that trying again and again does not gather threads, only so many attempts at one
//! address may hang, over all handles of this process.
//!
//! On a local socket, and through ssh, a hanging attempt ends at the latest with the daemon or with ssh. Over plain TCP and TLS
//! it may never end, as when the host was reset meanwhile: there the host is asked on a connection of our own, with a deadline,
//! and when that is answered a further attempt is made.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::uri::{ConnectUri, Transport};

/// An attempt that takes so long hangs.
const OVERDUE: Duration = Duration::from_secs(5);
/// Attempts at one address that may hang.
const HANGING_MAX: usize = 3;
/// How long the host may take to connect, and to answer, when it is asked.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);

static OPENINGS: Openings = Openings { overdue: OVERDUE, under_way: Mutex::new(BTreeMap::new()) };

/// The attempts that are under way, by address.
struct Openings {
    overdue: Duration,
    /// When each began, by address.
    under_way: Mutex<BTreeMap<String, Vec<Instant>>>,
}

/// An attempt to connect; it ends when this is dropped.
pub(crate) struct Opening {
    openings: &'static Openings,
    address: String,
    begun: Instant,
}

impl Opening {
    /// Begins an attempt, unless too many at this address hang. May block for some seconds.
    pub(crate) fn begin(uri: &ConnectUri) -> Result<Self> {
        OPENINGS.begin(uri)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let mut under_way = self.openings.lock();
        let Some(begun) = under_way.get_mut(&self.address) else { return };
        if let Some(at) = begun.iter().position(|begun| *begun == self.begun) {
            begun.swap_remove(at);
        }
        if begun.is_empty() {
            under_way.remove(&self.address);
        }
    }
}

impl Openings {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Instant>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&'static self, uri: &ConnectUri) -> Result<Opening> {
        let address = uri.to_string();
        let hanging = self.hanging(&address);
        if hanging >= HANGING_MAX && !answers(uri) {
            return Err(Error::Stuck { act: "open a connection".into(), host: address, hanging });
        }
        let begun = Instant::now();
        self.lock().entry(address.clone()).or_default().push(begun);
        Ok(Opening { openings: self, address, begun })
    }

    fn hanging(&self, address: &str) -> usize {
        self.lock().get(address).map_or(0, |begun| begun.iter().filter(|begun| begun.elapsed() >= self.overdue).count())
    }
}

/// Whether a host says anything on a connection of our own; that it ends the connection counts. Never where that is not known
/// without libvirt.
fn answers(uri: &ConnectUri) -> bool {
    /// libvirt's protocol: length, program, version, procedure "which ways of authentication are there", call, serial, status.
    /// To one that awaits TLS this is nonsense, which it says.
    const ASK: [u32; 7] = [28, 0x2000_8086, 1, 66, 0, 0, 0];
    let port = match uri.transport() {
        Transport::Tcp => 16509,
        Transport::Tls => 16514,
        _ => return false,
    };
    let Some(host) = uri.host() else { return false };
    let Ok(addresses) = (host, uri.port().unwrap_or(port)).to_socket_addrs() else { return false };
    let asked = |address| {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER_LIMIT)?;
        stream.set_read_timeout(Some(ANSWER_LIMIT))?;
        stream.set_write_timeout(Some(ANSWER_LIMIT))?;
        stream.write_all(&ASK.map(u32::to_be_bytes).concat())?;
        stream.read(&mut [0; 1])
    };
    addresses.into_iter().take(2).any(|address| match asked(address) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn openings(overdue: Duration) -> &'static Openings {
        Box::leak(Box::new(Openings { overdue, under_way: Mutex::default() }))
    }

    fn uri(text: &str) -> ConnectUri {
        ConnectUri::parse(text).expect("a URI that is allowed")
    }

    #[test]
    fn only_so_many_attempts_at_one_address_hang() {
        let openings = openings(Duration::ZERO);
        let here = uri("qemu+ssh://here/system");
        let mut hanging: Vec<Opening> =
            (0..HANGING_MAX).map(|_| openings.begin(&here).expect("not too many")).collect();
        assert!(matches!(openings.begin(&here), Err(Error::Stuck { hanging: HANGING_MAX, .. })), "too many");
        openings.begin(&uri("qemu+ssh://there/system")).expect("another address is not concerned");
        hanging.pop();
        openings.begin(&here).expect("one has returned");
    }

    #[test]
    fn attempts_that_only_begin_do_not_hang() {
        let openings = openings(Duration::from_secs(3_600));
        let here = uri("qemu+ssh://here/system");
        let many: Vec<Result<Opening>> = (0..20).map(|_| openings.begin(&here)).collect();
        assert!(many.iter().all(Result::is_ok));
    }

    #[test]
    fn a_host_on_the_network_that_answers_again_is_tried_again() {
        let openings = openings(Duration::ZERO);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = uri(&format!("qemu+tcp://{}/system", listener.local_addr().expect("an address")));
        let _hanging: Vec<Opening> = (0..HANGING_MAX).map(|_| openings.begin(&here).expect("not too many")).collect();
        assert!(openings.begin(&here).is_err(), "it takes connections and is silent");
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut asked = [0; 28];
                // The one that asked before has left.
                let _ =
                    stream.and_then(|mut stream| stream.read_exact(&mut asked).and_then(|()| stream.write_all(&asked)));
            }
        });
        openings.begin(&here).expect("it answers");
    }
}
