//! What tests of the wire share: a terminal that can be read, and a session with a server in this process.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;

use super::client::{Client, parse_server};
use super::session::Session;
use super::terminal::Terminal;

/// What was written to one of the outputs.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output whose reader is gone.
pub(crate) struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves on loopback and gives the address.
pub(crate) async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// A session with a server in this process, and what it writes to its two outputs.
pub(crate) async fn session(router: Router) -> (Session, Written, Written) {
    let (out, err) = (Written::default(), Written::default());
    let terminal = Terminal::test(out.clone(), err.clone());
    (session_at(&serve(router).await, terminal), out, err)
}

/// A session with a server at an address.
pub(crate) fn session_at(address: &str, terminal: Terminal) -> Session {
    let server = parse_server(address).unwrap();
    let client = Client::new(server, Some("t0ken".to_owned().into()), None, Duration::from_secs(5)).unwrap();
    Session { client, terminal }
}
