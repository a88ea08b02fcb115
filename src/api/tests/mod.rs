//! The API as a client sees it: a real router over a real database and a real read model. Only the synchronization is
//! played: it is our own port, and what is asked of it is looked at.

mod audit;
mod audit_writes;
mod auth;
mod frame;
mod history;
mod isolation;
mod objects;
mod providers;
mod server;
mod walk;
mod watch;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{ApiOptions, router};
use crate::app::sync_control::{BoxFuture, Resync};
use crate::app::{App, AppOptions, SyncControl};
use crate::clock::Clock;
use crate::inventory::{Inventory, InventoryConfig, TokenKey};
use crate::model::ownership::Given;
use crate::model::provider::{Capability, Check, Connection, SyncStatus, TestReport};
use crate::model::{
    Change, ChangeOp, Kind, Object, ObjectId, Owner, Provider, ProviderId, ProviderKind, Revision, Source, SourceId,
    SourceState, TenantId, Time,
};
use crate::store::{DatabaseUrl, Keyring, Store};

pub(super) const USER: &str = "admin";
pub(super) const PASSWORD: &str = "correct horse battery";

/// An endpoint whose test never ends.
pub(super) const SILENT: &str = "qemu+ssh://silent/system";

/// What was asked of the synchronization.
#[derive(Default)]
pub(super) struct Recorder {
    pub calls: Mutex<Vec<String>>,
    /// Passwords that connection tests were made with.
    pub passwords: Mutex<Vec<Option<String>>>,
    /// The platform refused who signs in.
    pub refused: AtomicBool,
}

impl Recorder {
    fn note(&self, call: String) {
        self.calls.lock().unwrap().push(call);
    }

    pub fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }
}

impl SyncControl for Recorder {
    fn normalize_endpoint(&self, kind: ProviderKind, endpoint: &str) -> Result<String, String> {
        match kind {
            ProviderKind::Kvm if !endpoint.starts_with("qemu") && !endpoint.starts_with("test:") => {
                Err("is not a libvirt URI that is supported: use qemu:///system, qemu+ssh://… or qemu+tls://…"
                    .to_owned())
            }
            ProviderKind::Kvm => Ok(endpoint.to_lowercase()),
            ProviderKind::Vsphere => {
                let host = endpoint.trim_start_matches("https://").trim_end_matches("/sdk").trim_end_matches(":443");
                Ok(host.to_lowercase())
            }
        }
    }

    fn capabilities(&self, kind: ProviderKind) -> Vec<Capability> {
        vec![Capability { name: "tags".to_owned(), supported: kind == ProviderKind::Vsphere, note: None }]
    }

    fn test<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, TestReport> {
        use crate::model::secret::ExposeSecret;
        self.note(format!("test {}", connection.endpoint));
        let password = connection.password.as_ref().map(|password| password.expose_secret().to_owned());
        self.passwords.lock().unwrap().push(password);
        let check = Check { name: "reach".to_owned(), passed: Some(true), message: "it answers".to_owned() };
        let silent = connection.endpoint == SILENT;
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            TestReport { checks: vec![check], ..TestReport::default() }
        })
    }

    fn provider_changed(&self, _: ProviderId) {
        self.note("changed".to_owned());
    }

    fn provider_remove(&self, _: ProviderId) -> BoxFuture<'_, ()> {
        self.note("remove".to_owned());
        Box::pin(async {})
    }

    fn resync(&self, _: ProviderId) -> Resync {
        self.note("resync".to_owned());
        if self.refused.load(Ordering::Relaxed) { Resync::Refused } else { Resync::Begun }
    }

    fn own<'a>(&'a self, moves: &'a [Given]) -> BoxFuture<'a, Result<(), crate::store::Error>> {
        self.note(format!("own {}", moves.len()));
        Box::pin(async { Ok(()) })
    }

    fn provider_verified(&self, _: ProviderId) {
        self.note("verified".to_owned());
    }
}

/// A running gateway without a port.
pub(super) struct Gateway {
    pub router: Router,
    pub store: Store,
    pub inventory: Arc<Inventory>,
    pub sync: Arc<Recorder>,
    pub clock: Clock,
    pub shutdown: CancellationToken,
    pub token: String,
    pub provider: ProviderId,
    pub source: SourceId,
    revision: Mutex<u64>,
    _folder: tempfile::TempDir,
}

/// An answer, read completely.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", self.headers)).to_str().unwrap()
    }

    /// Checks that the answer is this problem, in the form that all have, and gives its members.
    #[track_caller]
    pub fn problem(&self, status: u16, slug: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/docs/problems/{slug}"), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        for member in ["title", "detail", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {problem}");
        }
        problem
    }

    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

impl Gateway {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(options: impl FnOnce(&mut ApiOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Time::from_timestamp(1_800_000_000, 0).unwrap());
        let url = DatabaseUrl::in_folder(folder.path());
        let store = Store::open(&url, Keyring::generate(), clock.clone()).await.unwrap();
        let inventory = Inventory::new(InventoryConfig::default(), TokenKey::new([7; 32]));
        let _ = inventory.loader().finish(&[], Revision(0), Revision(0));
        let sync = Arc::new(Recorder::default());
        let app_options =
            AppOptions { watchers_max: 3, revision_wait: Duration::from_millis(500), ..AppOptions::default() };
        let app = App::new(store.clone(), inventory.clone(), sync.clone(), clock.clone(), app_options).await.unwrap();
        assert!(app.admin_bootstrap(USER, PASSWORD.into()).await.unwrap());
        assert!(!app.admin_bootstrap(USER, PASSWORD.into()).await.unwrap(), "only the first time");
        let shutdown = CancellationToken::new();
        let mut api_options = ApiOptions::new(|| "spandrel_up 1\n".to_owned(), shutdown.clone());
        options(&mut api_options);
        let mut gateway = Self {
            router: router(app, api_options),
            store,
            inventory,
            sync,
            clock,
            shutdown,
            token: String::new(),
            provider: ProviderId::generate(),
            source: SourceId::generate(),
            revision: Mutex::new(0),
            _folder: folder,
        };
        let login = gateway.login(USER, PASSWORD).await.ok(200);
        gateway.token = login.json()["token"].as_str().unwrap().to_owned();
        gateway
    }

    /// Sends a request as it is.
    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        let address = SocketAddr::from(([192, 0, 2, 1], 4000));
        if request.extensions().get::<ConnectInfo<SocketAddr>>().is_none() {
            request.extensions_mut().insert(ConnectInfo(address));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// A request with the administrator's token, to be sent or altered.
    pub fn request(&self, method: &str, target: &str, body: Option<Value>) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        match body {
            None => request.body(Body::empty()).unwrap(),
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())).unwrap()
            }
        }
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(self.request("GET", target, None)).await
    }

    pub async fn post(&self, target: &str, body: Value) -> Answer {
        self.send(self.request("POST", target, Some(body))).await
    }

    pub async fn act(&self, target: &str) -> Answer {
        self.send(self.request("POST", target, None)).await
    }

    pub async fn replace(&self, target: &str, body: Value) -> Answer {
        self.send(self.request("PUT", target, Some(body))).await
    }

    pub async fn patch(&self, target: &str, body: Value) -> Answer {
        self.send(self.request("PATCH", target, Some(body))).await
    }

    pub async fn delete(&self, target: &str) -> Answer {
        self.send(self.request("DELETE", target, None)).await
    }

    pub async fn login(&self, username: &str, password: &str) -> Answer {
        let request = Request::post("/v1/login")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(json!({"username": username, "password": password}).to_string()))
            .unwrap();
        self.send(request).await
    }

    /// Lets the read model know of a provider with one source in this state.
    pub fn tell_provider(&self, state: SourceState) {
        let now = self.clock.now();
        let sync = SyncStatus { observed_at: Some(now), ..SyncStatus::new(state, now) };
        let source = Source {
            id: self.source,
            provider_id: self.provider,
            endpoint: "vc.example".to_owned(),
            identity: None,
            sync,
            quarantined_count: 0,
        };
        self.inventory.provider_put(Provider {
            id: self.provider,
            tenant_id: TenantId::PLATFORM,
            name: "lab".to_owned(),
            kind: ProviderKind::Vsphere,
            enabled: true,
            removing: false,
            username: None,
            has_password: false,
            trust: Default::default(),
            sources: vec![source],
            generation: 1,
            created_at: now,
            updated_at: now,
        });
    }

    /// Lets the read model know of an object, as a commit of the store would.
    pub fn put(&self, id: ObjectId, object: Object) -> Revision {
        let body = String::from_utf8(object.to_json().unwrap()).unwrap().into();
        let kind = object.kind();
        self.change(id, kind, ChangeOp::Put { body, object: Arc::new(object), created_at: self.clock.now() })
    }

    pub fn change(&self, id: ObjectId, kind: Kind, op: ChangeOp) -> Revision {
        self.change_of(Owner::PLATFORM, id, kind, op)
    }

    /// The same of an owner.
    pub fn change_of(&self, owner: Owner, id: ObjectId, kind: Kind, op: ChangeOp) -> Revision {
        let mut revision = self.revision.lock().unwrap();
        *revision += 1;
        let change = Change {
            revision: Revision(*revision),
            at: self.clock.now(),
            id,
            kind,
            owner,
            provider_id: self.provider,
            source_id: self.source,
            op,
        };
        self.inventory.apply(&[change]).unwrap();
        Revision(*revision)
    }

    pub fn advance(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}

/// A machine of this name and memory.
pub(super) fn vm(name: &str, memory_mib: u64, state: &str) -> Object {
    let text = json!({
        "power_state": state, "name": name, "condition": "ok", "vcpu_count": 2, "memory_mib": memory_mib,
        "guest_agent": "unknown", "ip_addresses": ["192.0.2.9"], "mac_addresses": [], "persistent": true,
        "volume_count": 0, "nic_count": 0, "snapshot_count": 0, "storage_provisioned_bytes": 0, "datastore_ids": [],
        "network_ids": [], "volume_ids": [], "nic_ids": [], "tag_ids": [], "attributes": {}, "native": {},
    });
    Object::from_json(Kind::Vm, text.to_string().as_bytes()).unwrap()
}
