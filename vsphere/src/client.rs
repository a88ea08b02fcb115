//! A session with a server, and calls in it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::config::{Config, Credentials};
use crate::error::{Error, Result};
use crate::service::{self, About, ServiceContent};
use crate::session::{Account, Door, OperationIds};
use crate::task::Tracker;
use crate::transport::{Ahead, CookieJar, SoapAnswer, SoapRequest, Transport, within};
use crate::value::{Array, MoRef, Object, Value};
use crate::wire::{Answer, Envelope};

/// A session with one server. Cheap to clone; clones are the same session.
///
/// The session logs in again by itself when it has expired, keeps itself alive, and logs out when the last clone is
/// dropped (or at [`Client::logout`], which says whether it worked). Long waits and bulk reads deserve a session of their
/// own: [`Client::sibling`].
#[derive(Clone, Debug)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    transport: Arc<Transport>,
    account: Arc<Account>,
    content: Arc<ServiceContent>,
    /// `urn:vim25/8.0.3.0`.
    action: Arc<str>,
    cookies: CookieJar,
    operations: OperationIds,
    /// Counts logins, so that of several callers that found the session expired one logs in.
    generation: AtomicU64,
    logged_in: AtomicBool,
    last_call: Mutex<Instant>,
    pub(crate) tasks: Tracker,
}

/// A session as the server sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct UserSession {
    /// Names the session in the server's list.
    pub key: String,
    /// `VSPHERE.LOCAL\Administrator`.
    pub user_name: String,
    /// Since when.
    pub login_time: Option<DateTime<Utc>>,
}

/// The singleton from which everything else is found.
fn service_instance() -> MoRef {
    MoRef::new("ServiceInstance", "ServiceInstance")
}

impl Client {
    /// Asks a server what it is, without logging in.
    ///
    /// # Errors
    /// [`Error::Untrusted`] with the certificate's thumbprint, [`Error::NotVsphere`], or what kept it from being reached.
    pub async fn probe(config: &Config) -> Result<ServiceContent> {
        let transport = Transport::new(config)?;
        Ok(discover(&transport).await?.1)
    }

    /// Connects and logs in.
    ///
    /// # Errors
    /// Those of [`Client::probe`], and [`Error::InvalidLogin`].
    pub async fn connect(config: &Config, credentials: Credentials) -> Result<Self> {
        let transport = Arc::new(Transport::new(config)?);
        let (version, content) = discover(&transport).await?;
        let account = Arc::new(Account::new(credentials));
        let action = format!("urn:vim25/{version}").into();
        Self::open(transport, account, Arc::new(content), action).await
    }

    /// A further session of the same account on the same server.
    pub async fn sibling(&self) -> Result<Self> {
        let Inner { transport, account, content, action, .. } = &*self.inner;
        Self::open(Arc::clone(transport), Arc::clone(account), Arc::clone(content), Arc::clone(action)).await
    }

    async fn open(
        transport: Arc<Transport>,
        account: Arc<Account>,
        content: Arc<ServiceContent>,
        action: Arc<str>,
    ) -> Result<Self> {
        let inner = Arc::new(Inner {
            transport,
            account,
            content,
            action,
            cookies: CookieJar::default(),
            operations: OperationIds::new(),
            generation: AtomicU64::new(0),
            logged_in: AtomicBool::new(false),
            last_call: Mutex::new(Instant::now()),
            tasks: Tracker::default(),
        });
        let client = Self { inner };
        client.renew(0).await?;
        let interval = client.config().keep_alive;
        tokio::spawn(keep_alive(Arc::downgrade(&client.inner), interval));
        Ok(client)
    }

    /// How the server is reached.
    pub fn config(&self) -> &Config {
        self.inner.transport.config()
    }

    /// What the server says of itself.
    pub fn about(&self) -> &About {
        &self.inner.content.about
    }

    /// The server's entry points.
    pub fn content(&self) -> &ServiceContent {
        &self.inner.content
    }

    /// The version of the interface that is spoken: `urn:vim25/8.0.3.0`.
    pub fn api_version(&self) -> &str {
        &self.inner.action
    }

    /// Replaces the credentials of this session and all its siblings. A refused password may then be tried again.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.inner.account.replace(credentials);
    }

    /// Calls a method of a managed object and answers its `returnval`: [`Value::Unset`] when it has none, an untyped array
    /// when it has several ([`Value::items`] reads all three alike).
    ///
    /// Arguments go out in the order given, which must be the schema's. An expired session is renewed and the call made
    /// again: the server has then not begun it.
    ///
    /// ```no_run
    /// # async fn example(client: &vsphere::Client, vm: &vsphere::MoRef) -> vsphere::Result<()> {
    /// use vsphere::{Object, Value};
    /// let task = client.call("RenameVM_Task", vm, Object::untyped().with("newName", "web-1")).await?;
    /// # let task = task.moref().expect("a task");
    /// client.task_wait(task).await?;
    /// # Ok(()) }
    /// ```
    pub async fn call(&self, method: &str, this: &MoRef, args: Object) -> Result<Value> {
        let limit = self.config().call_deadline;
        let call = self.inner.vim(method, this, &args, limit);
        within(method, limit, self.exchange_renewing(&call)).await
    }

    /// As [`Client::call`], without renewing an expired session: for objects that die with it.
    pub(crate) async fn call_once(&self, method: &str, this: &MoRef, args: &Object, limit: Duration) -> Result<Value> {
        self.inner.exchange(&self.inner.vim(method, this, args, limit)).await
    }

    /// As [`Client::call_once`], but answers as soon as the whole answer has come, before it is decoded.
    pub(crate) async fn ask_once(&self, method: &str, this: &MoRef, args: &Object, limit: Duration) -> Result<Asked> {
        self.inner.ask(&self.inner.vim(method, this, args, limit), Ahead::Page).await
    }

    /// Calls a method of a service beside vim25 (`/pbm`, `/sms`) with this session.
    pub(crate) async fn call_service(
        &self,
        service: &ServiceAddress<'_>,
        method: &str,
        this: &MoRef,
        args: Object,
    ) -> Result<Value> {
        let limit = self.config().call_deadline;
        self.exchange_renewing(&Call { service: *service, method, this, args: &args, limit }).await
    }

    /// Makes a call, and again after the session was found expired and renewed.
    async fn exchange_renewing(&self, call: &Call<'_>) -> Result<Value> {
        let generation = self.generation();
        match self.inner.exchange(call).await {
            Err(error) if error.is_not_authenticated() => {
                self.renew(generation).await?;
                self.inner.exchange(call).await
            }
            result => result,
        }
    }

    /// This session as the server sees it; `None` when the server does not (any more) consider it logged in. Unlike other
    /// calls, this never logs in.
    pub async fn current_session(&self) -> Result<Option<UserSession>> {
        let state = self.retrieve_once(&self.content().session_manager, &["currentSession"]).await;
        let state = match state {
            // An expired session may answer this, too, with nothing at all.
            Err(Error::Incomplete { .. }) => return Ok(None),
            Err(error) if error.is_not_authenticated() => return Ok(None),
            result => result?,
        };
        let text = |path: &str| state.str(path).map(str::to_owned);
        Ok(text("currentSession.key").map(|key| UserSession {
            key,
            user_name: text("currentSession.userName").unwrap_or_default(),
            login_time: state.get("currentSession.loginTime").and_then(Value::as_time),
        }))
    }

    /// Fails with [`Error::SessionExpired`] unless the server considers this session logged in: an expired session may
    /// answer with nothing instead of a fault.
    pub(crate) async fn ensure_session(&self, call: &str) -> Result<()> {
        match self.current_session().await? {
            Some(_) => Ok(()),
            None => Err(Error::SessionExpired { call: call.to_owned() }),
        }
    }

    /// Ends the session on the server. Later calls log in again.
    pub async fn logout(&self) -> Result<()> {
        self.inner.logged_in.store(false, Ordering::SeqCst);
        let manager = &self.content().session_manager;
        let result = self.call_once("Logout", manager, &Object::untyped(), self.config().call_deadline).await;
        self.inner.cookies.clear();
        match result {
            Err(error) if !error.is_not_authenticated() => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.inner.generation.load(Ordering::SeqCst)
    }

    /// Logs in, unless somebody has since the generation that was found expired.
    pub(crate) async fn renew(&self, generation: u64) -> Result<()> {
        let inner = &self.inner;
        let settled = || (self.generation() != generation).then_some(());
        let login = |username: String, password: secrecy::SecretString| async move {
            // A login within a session that is still alive would be refused.
            inner.cookies.clear();
            let args = Object::untyped().with("userName", username).with("password", password.expose_secret());
            let manager = &inner.content.session_manager;
            let limit = inner.transport.config().call_deadline;
            match inner.exchange(&inner.vim("Login", manager, &args, limit)).await {
                Ok(_) => {
                    inner.logged_in.store(true, Ordering::SeqCst);
                    inner.generation.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                }
                Err(error) if error.is_fault("InvalidLogin") => Err(Error::InvalidLogin),
                Err(error) => Err(error),
            }
        };
        inner.account.login(Door::Soap, settled, login).await
    }

    pub(crate) fn transport(&self) -> &Arc<Transport> {
        &self.inner.transport
    }

    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.inner.account
    }
}

/// Where a SOAP service is.
#[derive(Clone, Copy)]
pub(crate) struct ServiceAddress<'a> {
    pub(crate) path: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) action: &'a str,
    /// Whether the session goes into the SOAP header.
    pub(crate) session_in_header: bool,
}

impl<'a> ServiceAddress<'a> {
    fn vim(config: &'a Config, action: &'a str) -> Self {
        Self { path: config.url.path(), namespace: "urn:vim25", action, session_in_header: false }
    }
}

/// One call of a method.
struct Call<'a> {
    service: ServiceAddress<'a>,
    method: &'a str,
    this: &'a MoRef,
    args: &'a Object,
    /// The answer must have come within this.
    limit: Duration,
}

impl<'a> Call<'a> {
    /// The call, written.
    fn request(&self, cookies: &'a CookieJar, operation_id: &str, ahead: Ahead) -> Result<SoapRequest<'a>> {
        let Self { service, method, this, args, limit } = *self;
        let session = if service.session_in_header { cookies.soap_session() } else { None };
        let envelope = Envelope {
            namespace: service.namespace,
            method,
            this,
            args: &args.fields,
            operation_id,
            session_cookie: session.as_ref().map(|session| session.expose_secret()),
        };
        let envelope = envelope.write();
        let envelope =
            envelope.map_err(|error| Error::Request { call: method.to_owned(), reason: error.to_string() })?;
        Ok(SoapRequest {
            call: method,
            path: service.path,
            action: service.action,
            envelope,
            cookies,
            deadline: limit,
            ahead,
        })
    }
}

/// An answer that has come and may still be being decoded.
pub(crate) struct Asked {
    method: String,
    answer: SoapAnswer,
}

impl Asked {
    /// How the answer begins.
    pub(crate) fn head(&self) -> &[u8] {
        self.answer.head()
    }

    /// Its `returnval`.
    pub(crate) async fn returned(self) -> Result<Value> {
        match self.answer.decoded().await? {
            Answer::Response(response) => Ok(returned(&response)),
            Answer::Fault(fault) => Err(Error::Fault { call: self.method, fault: Box::new(fault) }),
        }
    }
}

impl Inner {
    /// A call of the service that the session is with.
    fn vim<'a>(&'a self, method: &'a str, this: &'a MoRef, args: &'a Object, limit: Duration) -> Call<'a> {
        let service = ServiceAddress::vim(self.transport.config(), &self.action);
        Call { service, method, this, args, limit }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Value> {
        let returned = async { self.ask(call, Ahead::Little).await?.returned().await };
        within(call.method, call.limit, returned).await
    }

    async fn ask(&self, call: &Call<'_>, ahead: Ahead) -> Result<Asked> {
        let Call { method, this, .. } = *call;
        let operation_id = self.operations.next();
        let request = call.request(&self.cookies, &operation_id, ahead)?;
        // Only the type: the ids of collectors hold the session's key.
        let span = tracing::debug_span!("vsphere_call", method, on = %this.kind, operation_id);
        *self.last_call.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Instant::now();
        let answer = self.transport.soap(request).instrument(span).await?;
        Ok(Asked { method: method.to_owned(), answer })
    }
}

fn returned(response: &Value) -> Value {
    let mut values = response.all("returnval");
    match (values.next(), values.next()) {
        (None, _) => Value::Unset,
        (Some(only), None) => only.clone(),
        (Some(_), Some(_)) => Array { item_type: None, items: response.all("returnval").cloned().collect() }.into(),
    }
}

/// Which interface version to speak, and what is there.
async fn discover(transport: &Transport) -> Result<(String, ServiceContent)> {
    let version = service::negotiate(transport).await?;
    let config = transport.config();
    let not_vsphere = |reason: &str| Error::NotVsphere { host: config.host(), reason: reason.to_owned() };
    let action = format!("urn:vim25/{version}");
    let call = Call {
        service: ServiceAddress::vim(config, &action),
        method: "RetrieveServiceContent",
        this: &service_instance(),
        args: &Object::untyped(),
        limit: config.call_deadline,
    };
    let cookies = CookieJar::default();
    let request = call.request(&cookies, &OperationIds::new().next(), Ahead::Little)?;
    let answer = async { transport.soap(request).await?.decoded().await };
    match answer.await {
        Ok(Answer::Response(response)) => Ok((version, ServiceContent::read(returned(&response), &config.host())?)),
        Ok(Answer::Fault(fault)) => Err(not_vsphere(&fault.to_string())),
        Err(Error::Status { status, .. }) if !matches!(status, 429 | 500..) => {
            Err(not_vsphere(&format!("HTTP status {status} at {}", config.url.path())))
        }
        Err(Error::Decode { source, .. }) => Err(not_vsphere(&source.to_string())),
        Err(error) => Err(error),
    }
}

/// Calls something now and then, so that the server does not end an idle session.
async fn keep_alive(session: Weak<Inner>, interval: Duration) {
    loop {
        tokio::time::sleep((interval / 2).max(Duration::from_millis(10))).await;
        let Some(inner) = session.upgrade() else { return };
        let idle = inner.last_call.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).elapsed();
        if idle < interval || !inner.logged_in.load(Ordering::SeqCst) {
            continue;
        }
        let client = Client { inner };
        if let Err(error) = client.call("CurrentTime", &service_instance(), Object::untyped()).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "a session could not be kept alive");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !*self.logged_in.get_mut() {
            return;
        }
        // Sessions are scarce on the server. Outside a runtime nothing can be sent; the server ends it in half an hour.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let transport = Arc::clone(&self.transport);
        let cookies = std::mem::take(&mut self.cookies);
        let (manager, action) = (self.content.session_manager.clone(), Arc::clone(&self.action));
        let operation_id = self.operations.next();
        runtime.spawn(async move {
            let call = Call {
                service: ServiceAddress::vim(transport.config(), &action),
                method: "Logout",
                this: &manager,
                args: &Object::untyped(),
                limit: Duration::from_secs(10),
            };
            let Ok(request) = call.request(&cookies, &operation_id, Ahead::Little) else { return };
            let answer = async { transport.soap(request).await?.decoded().await };
            if let Err(error) = answer.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a session was not logged out");
            }
        });
    }
}
