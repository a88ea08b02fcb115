//! A relay before a server: passes everything on, refuses, or freezes, as the test wants it. One before a libvirtd can also
//! lose its events.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Lab;

/// What a relay does with what comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes it on.
    Pass,
    /// Ends connections, and all that come, as when the server's process is gone.
    Refuse,
    /// Takes connections and passes nothing on, as when the server's process is stopped.
    Freeze,
    /// Passes everything on but libvirt's events.
    LoseEvents,
    /// Ends the connection to a PostgreSQL server that a commit is sent on, and lets the commit arrive [`LATE`] all the same.
    LateCommit,
}

/// How long a commit is on its way.
pub const LATE: Duration = Duration::from_secs(3);
/// PostgreSQL's message that commits: a simple query.
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// See the module. Ends when it is dropped.
pub struct Relay {
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    _task: JoinSet<()>,
}

impl Relay {
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, modes) = watch::channel(Mode::Pass);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if *modes.borrow() != Mode::Refuse {
                    connections.spawn(connection(client, server, modes.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, mode, _task: task }
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn connection(client: TcpStream, server: SocketAddr, mut modes: watch::Receiver<Mode>) {
    if modes.wait_for(|mode| *mode != Mode::Freeze).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut refused = modes.clone();
    let held_back = tokio::select! {
        held_back = pass_on_until_commit(from_client, &mut to_server, modes.clone()) => held_back,
        () = pass_on(from_server, to_client, modes) => None,
        _ = refused.wait_for(|mode| *mode == Mode::Refuse) => None,
    };
    // The client's side has ended.
    if let Some(commit) = held_back {
        tokio::time::sleep(LATE).await;
        let _ = to_server.write_all(&commit).await;
    }
}

/// Ends with what it did not pass on, when that is a commit which is to be late.
async fn pass_on_until_commit(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut modes: watch::Receiver<Mode>,
) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let passed = &buffer[..length];
        let mode = *modes.wait_for(|mode| *mode != Mode::Freeze).await.ok()?;
        if mode == Mode::LateCommit && passed.windows(COMMIT.len()).any(|message| message == COMMIT) {
            return Some(passed.to_vec());
        }
        to.write_all(passed).await.ok()?;
    }
    None
}

async fn pass_on(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut modes: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if modes.wait_for(|mode| *mode != Mode::Freeze).await.is_err() || to.write_all(&buffer[..length]).await.is_err()
        {
            return;
        }
    }
}

/// A relay before the unix socket of a libvirtd.
pub struct LibvirtRelay {
    folder: tempfile::TempDir,
    mode: watch::Sender<Mode>,
    _task: JoinSet<()>,
}

impl LibvirtRelay {
    pub fn start(lab: &Lab) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(Self::socket(folder.path())).unwrap();
        let server = PathBuf::from(lab.text("socket"));
        let (mode, modes) = watch::channel(Mode::Pass);
        let mut task = JoinSet::new();
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if *modes.borrow() != Mode::Refuse {
                    connections.spawn(libvirt_connection(client, server.clone(), modes.clone()));
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Self { folder, mode, _task: task }
    }

    fn socket(folder: &Path) -> PathBuf {
        folder.join("sock")
    }

    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", Self::socket(self.folder.path()).display())
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

async fn libvirt_connection(client: UnixStream, server: PathBuf, modes: watch::Receiver<Mode>) {
    let Ok(server) = UnixStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut refused = modes.clone();
    tokio::select! {
        () = pass_on(from_client, to_server, modes.clone()) => {}
        _ = pass_messages_on(from_server, to_client, modes) => {}
        _ = refused.wait_for(|mode| *mode == Mode::Refuse) => {}
    }
}

/// libvirt's protocol: messages that begin with their length, then program, version, procedure, type, serial, status.
async fn pass_messages_on(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut modes: watch::Receiver<Mode>,
) -> std::io::Result<()> {
    const REMOTE_PROGRAM: u32 = 0x2000_8086;
    const EVENT: u32 = 2;
    loop {
        let length = from.read_u32().await?;
        let mut message = vec![0; length as usize];
        message[..4].copy_from_slice(&length.to_be_bytes());
        from.read_exact(&mut message[4..]).await?;
        let word = |at: usize| u32::from_be_bytes(message[at..at + 4].try_into().unwrap());
        let is_event = word(4) == REMOTE_PROGRAM && word(16) == EVENT;
        let Ok(mode) = modes.wait_for(|mode| *mode != Mode::Freeze).await.map(|mode| *mode) else { return Ok(()) };
        if !(is_event && mode == Mode::LoseEvents) {
            to.write_all(&message).await?;
        }
    }
}
