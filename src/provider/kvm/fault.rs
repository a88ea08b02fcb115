//! libvirt's errors in the gateway's words: which reason it is, and how to mend it.

use std::error::Error as _;

use kvm::{ConnectUri, Error, Transport, UriError};

use super::super::SourceError;
use crate::model::provider::SyncReason;

/// Whether the connection had stood when the error came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connecting,
    Connected,
}

/// `virErrorNumber`: the operation is forbidden on this connection; an access driver refuses it.
const PERMISSION_CODES: [u32; 2] = [29, 88];

/// An error and what is behind it, in one sentence.
pub(super) fn words(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// A URI for people: without what is always added for ssh.
pub(super) fn shown(uri: &ConnectUri) -> String {
    let text = uri.to_string();
    let Some((address, parameters)) = text.split_once('?') else { return text };
    let given: Vec<&str> = parameters.split('&').filter(|parameter| *parameter != "no_tty=1").collect();
    if given.is_empty() { address.to_owned() } else { format!("{address}?{}", given.join("&")) }
}

/// Why an endpoint is not usable.
pub(super) fn address(error: &UriError) -> String {
    format!("is not a libvirt address that can be used: {error}. Examples: qemu:///system, qemu+ssh://root@host/system")
}

/// The error that ends a source.
pub(super) fn source_error(uri: &ConnectUri, phase: Phase, error: Error) -> SourceError {
    let reason = reason(phase, &error);
    let mut message = format!("{}: {}", shown(uri), words(&error));
    if let Some(hint) = hint(uri, reason, &message) {
        message.push_str(". ");
        message.push_str(hint);
    }
    let mut fault = SourceError::new(reason, message);
    fault.source = Some(Box::new(error));
    fault
}

/// Which reason an error is.
pub(super) fn reason(phase: Phase, error: &Error) -> SyncReason {
    match error {
        Error::Deadline { .. } | Error::Stuck { .. } => SyncReason::TimedOut,
        Error::Closed { .. } => SyncReason::ConnectionLost,
        Error::Uri(_) => SyncReason::ConnectFailed,
        Error::Xml { .. } => SyncReason::PlatformFault,
        Error::Libvirt { source, .. } => libvirt_reason(phase, source),
        _ => SyncReason::Internal,
    }
}

fn libvirt_reason(phase: Phase, error: &kvm::LibvirtError) -> SyncReason {
    let text = error.message.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // A call that was under way when the keep-alive gave up.
    if says(&["keepalive timeout"]) {
        return SyncReason::TimedOut;
    }
    // What libvirt calls a failed authentication is, of TLS, its certificate, or that TLS is not what the other side speaks.
    if says(&["verify peer's certificate"]) {
        return SyncReason::CertificateUntrusted;
    }
    if says(&["tls handshake failed"]) {
        return SyncReason::ConnectFailed;
    }
    // The host closes the connection when it does not take the certificate that we showed.
    if says(&["tls confirmation"]) {
        return SyncReason::CredentialsRefused;
    }
    // ssh's own refusals come as a connection that ended, with ssh's message.
    if says(&["permission denied (", "too many authentication failures", "authentication failed"]) {
        return SyncReason::CredentialsRefused;
    }
    if says(&["host key verification failed", "certificate", "x509"]) && error.is_disconnected() {
        return SyncReason::CertificateUntrusted;
    }
    if PERMISSION_CODES.contains(&error.code) || says(&["permission denied", "polkit"]) {
        return SyncReason::PermissionDenied;
    }
    if error.is_unauthorized() {
        return SyncReason::CredentialsRefused;
    }
    match (error.is_disconnected(), phase) {
        (true, Phase::Connecting) => SyncReason::ConnectFailed,
        (true, Phase::Connected) => SyncReason::ConnectionLost,
        (false, _) if says(&["timed out", "timeout"]) => SyncReason::TimedOut,
        (false, Phase::Connecting) if says(&["cannot resolve", "unable to connect", "connection refused"]) => {
            SyncReason::ConnectFailed
        }
        (false, _) => SyncReason::PlatformFault,
    }
}

/// How to mend it.
fn hint(uri: &ConnectUri, reason: SyncReason, message: &str) -> Option<&'static str> {
    Some(match (reason, uri.transport()) {
        (SyncReason::TimedOut, _) => "Check that libvirtd (or virtqemud) on the host answers: virsh -c URI list",
        (SyncReason::PermissionDenied, Transport::Unix) => {
            "Let the gateway's user use libvirt's socket: add it to the group libvirt and restart the gateway"
        }
        (SyncReason::PermissionDenied, _) => {
            "Give the account the right to manage libvirt (polkit: org.libvirt.unix.manage)"
        }
        (SyncReason::CredentialsRefused, Transport::Ssh) => {
            "Put the public key of the gateway's user into authorized_keys of the user in the address; no password is asked for"
        }
        (SyncReason::CredentialsRefused, Transport::Tls) => {
            "Check the certificate that the gateway shows (clientcert.pem and clientkey.pem in pkipath), and user and password (SASL)"
        }
        (SyncReason::CredentialsRefused, _) => "Check user and password (SASL) of the provider",
        (SyncReason::CertificateUntrusted, Transport::Ssh) => {
            "Add the host's key to known_hosts of the gateway's user: ssh-keyscan HOST >> ~/.ssh/known_hosts, after checking it"
        }
        (SyncReason::CertificateUntrusted, _) => {
            "Put the authority that signed the host's certificate where libvirt looks for it (/etc/pki/CA/cacert.pem, or pkipath in the address)"
        }
        (SyncReason::ConnectFailed, Transport::Unix) if message.contains("No such file") => {
            "libvirt is not installed or not started on this machine: systemctl start libvirtd"
        }
        (SyncReason::ConnectFailed, Transport::Tcp | Transport::Tls) => {
            "Check name and port, the firewall, and that libvirtd listens there (libvirtd-tcp.socket or libvirtd-tls.socket)"
        }
        (SyncReason::ConnectFailed, Transport::Ssh) => "Check with: ssh USER@HOST virsh list",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use kvm::{ErrorLevel, LibvirtError};

    use super::*;

    fn libvirt(code: u32, domain: u32, message: &str) -> Error {
        let source = LibvirtError { code, domain, level: ErrorLevel::Error, message: message.to_owned() };
        Error::Libvirt { act: "describe the host".into(), source }
    }

    #[test]
    fn what_is_always_added_to_an_address_is_not_shown() {
        let check = |given: &str, expected: &str| {
            assert_eq!(shown(&ConnectUri::parse(given).expect("a URI that is allowed")), expected);
        };
        check("qemu+ssh://root@kvm1/system", "qemu+ssh://root@kvm1/system");
        check("qemu+ssh://kvm1/system?keyfile=/a/b", "qemu+ssh://kvm1/system?keyfile=/a/b");
        check("qemu:///system", "qemu:///system");
    }

    #[test]
    fn every_error_has_its_reason_and_what_can_be_mended_says_how() {
        let check = |uri: &str, phase, error: Error, reason, hint: &str| {
            let uri = ConnectUri::parse(uri).expect("a URI that is allowed");
            let fault = source_error(&uri, phase, error);
            assert_eq!(fault.reason, reason, "{}", fault.message);
            assert!(fault.message.contains(hint), "{}", fault.message);
            assert!(fault.message.contains(uri.host().unwrap_or("qemu")), "{}", fault.message);
        };
        let (system, rpc, qemu) = (38, 7, 10);
        let connect = Phase::Connecting;
        check(
            "qemu:///system",
            connect,
            libvirt(system, rpc, "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory"),
            SyncReason::ConnectFailed,
            "systemctl start",
        );
        check(
            "qemu:///system",
            connect,
            libvirt(system, rpc, "Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied"),
            SyncReason::PermissionDenied,
            "group libvirt",
        );
        check(
            "qemu+ssh://root@kvm1/system",
            connect,
            libvirt(
                system,
                rpc,
                "Cannot recv data: root@kvm1: Permission denied (publickey).: Connection reset by peer",
            ),
            SyncReason::CredentialsRefused,
            "authorized_keys",
        );
        check(
            "qemu+ssh://root@kvm1/system",
            connect,
            libvirt(system, rpc, "Cannot recv data: Host key verification failed.: Connection reset by peer"),
            SyncReason::CertificateUntrusted,
            "known_hosts",
        );
        check(
            "qemu+tcp://kvm1/system",
            connect,
            libvirt(45, rpc, "authentication failed: authentication failed"),
            SyncReason::CredentialsRefused,
            "user and password",
        );
        check(
            "qemu+tcp://kvm1/system",
            connect,
            libvirt(system, rpc, "unable to connect to server at 'kvm1:16509': Connection refused"),
            SyncReason::ConnectFailed,
            "libvirtd-tcp.socket",
        );
        let foreign = libvirt(45, rpc, "authentication failed: Failed to verify peer's certificate");
        check("qemu+tls://kvm1/system", connect, foreign, SyncReason::CertificateUntrusted, "/etc/pki/CA");
        let no_tls = "authentication failed: TLS handshake failed The TLS connection was non-properly terminated.";
        check(
            "qemu+tls://kvm1/system",
            connect,
            libvirt(45, rpc, no_tls),
            SyncReason::ConnectFailed,
            "libvirtd-tls.socket",
        );
        let refused = libvirt(system, rpc, "Unable to read TLS confirmation: Input/output error");
        check("qemu+tls://kvm1/system", connect, refused, SyncReason::CredentialsRefused, "clientcert.pem");
        let lost = libvirt(1, rpc, "internal error: client socket is closed");
        check("qemu+tcp://kvm1/system", Phase::Connected, lost, SyncReason::ConnectionLost, "client socket");
        let silent = libvirt(1, rpc, "internal error: connection closed due to keepalive timeout");
        check("qemu+tcp://kvm1/system", Phase::Connected, silent, SyncReason::TimedOut, "virsh -c");
        let denied = libvirt(88, 46, "access denied: 'QEMU' denied access");
        check("qemu+tcp://kvm1/system", Phase::Connected, denied, SyncReason::PermissionDenied, "polkit");
        let other = libvirt(1, qemu, "internal error: something broke");
        check("qemu+tcp://kvm1/system", Phase::Connected, other, SyncReason::PlatformFault, "something broke");
    }
}
