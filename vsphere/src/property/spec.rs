//! What to read: which properties of which objects.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::client::Client;
use crate::error::Result;
use crate::value::{MoRef, Object, Value};

/// Which properties of which objects.
///
/// ```
/// use vsphere::{FilterSpec, MoRef};
/// let root = MoRef::new("Folder", "group-d1");
/// let spec = FilterSpec::inventory(&root)
///     .properties("VirtualMachine", ["name", "runtime.powerState", "config.hardware.device"])
///     .properties("HostSystem", ["name", "summary.hardware"]);
/// # let _ = spec;
/// ```
#[derive(Clone, Debug, Default)]
pub struct FilterSpec {
    sources: Vec<Source>,
    properties: Vec<(String, Vec<String>)>,
    partial_updates: bool,
}

#[derive(Clone, Debug)]
enum Source {
    Object(MoRef),
    /// Everything below a container that is of one of the asked types.
    Container {
        root: MoRef,
        recursive: bool,
    },
    List(ObjectList),
    Traversal {
        start: MoRef,
        path: String,
    },
}

impl FilterSpec {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything below a folder, datacenter, compute resource, resource pool or host that is of a type for which
    /// properties are asked, however deep.
    pub fn inventory(root: &MoRef) -> Self {
        Self::new().container(root, true)
    }

    /// Exactly these objects.
    pub fn objects(objects: impl IntoIterator<Item = MoRef>) -> Self {
        let sources = objects.into_iter().map(Source::Object).collect();
        Self { sources, ..Self::default() }
    }

    /// The objects of a list that may change while it is watched.
    pub fn list(list: &ObjectList) -> Self {
        Self { sources: vec![Source::List(list.clone())], ..Self::default() }
    }

    /// Adds what is below a container; its direct children only, unless recursive.
    #[must_use]
    pub fn container(mut self, root: &MoRef, recursive: bool) -> Self {
        self.sources.push(Source::Container { root: root.clone(), recursive });
        self
    }

    /// Adds the objects that a property of another object refers to, such as `recentTask` of the task manager.
    #[must_use]
    pub fn referred(mut self, start: &MoRef, path: &str) -> Self {
        self.sources.push(Source::Traversal { start: start.clone(), path: path.to_owned() });
        self
    }

    /// Asks for these properties of objects of this type and its subtypes. Only what is asked is sent.
    #[must_use]
    pub fn properties<P: Into<String>>(mut self, kind: &str, paths: impl IntoIterator<Item = P>) -> Self {
        self.properties.push((kind.to_owned(), paths.into_iter().map(Into::into).collect()));
        self
    }

    /// Lets the server send only what changed below a property, to be applied with
    /// [`ObjectState::apply`](super::ObjectState::apply). Otherwise a changed property is sent whole.
    #[must_use]
    pub fn partial_updates(mut self) -> Self {
        self.partial_updates = true;
        self
    }

    pub(super) fn sends_partial_updates(&self) -> bool {
        self.partial_updates
    }

    /// Makes the views that this needs on the server, and the specification that names them.
    pub(super) async fn materialize(&self, client: &Client, report_missing: bool) -> Result<Materialized> {
        let mut views = Vec::new();
        let mut spec = Object::new("PropertyFilterSpec");
        for (kind, paths) in &self.properties {
            let set = Object::new("PropertySpec")
                .with("type", kind.as_str())
                .with("all", false)
                .with_each("pathSet", paths.iter().map(String::as_str));
            spec = spec.with("propSet", set);
        }
        for source in &self.sources {
            let object = match source {
                Source::Object(object) => Object::new("ObjectSpec").with("obj", object).with("skip", false),
                Source::Traversal { start, path } => through(start, path),
                Source::Container { root, recursive } => {
                    let types = self.properties.iter().map(|(kind, _)| kind.as_str());
                    let view = client.container_view(root, types, *recursive).await?;
                    views.push(Scrap::view(client, &view));
                    through(&view, "view")
                }
                Source::List(list) => {
                    let view = list.attach(client).await?;
                    views.push(Scrap::view(client, &view));
                    through(&view, "view")
                }
            };
            spec = spec.with("objectSet", object);
        }
        if report_missing {
            spec = spec.with("reportMissingObjectsInResults", true);
        }
        Ok(Materialized { spec, views })
    }
}

/// From an object along one of its properties to the objects it refers to, without the object itself.
fn through(start: &MoRef, path: &str) -> Object {
    let traversal =
        Object::new("TraversalSpec").with("type", start.kind.as_str()).with("path", path).with("skip", false);
    Object::new("ObjectSpec").with("obj", start).with("skip", true).with("selectSet", traversal)
}

/// A specification with the views it needs, which live as long as this.
pub(super) struct Materialized {
    pub(super) spec: Object,
    pub(super) views: Vec<Scrap>,
}

/// Something on the server that is of no use any more once this is dropped.
pub(super) struct Scrap {
    client: Client,
    method: &'static str,
    this: MoRef,
}

/// How long tidying up may take; the server does it itself when the session ends.
const TIDY_DEADLINE: Duration = Duration::from_secs(10);

impl Scrap {
    fn view(client: &Client, view: &MoRef) -> Self {
        Self { client: client.clone(), method: "DestroyView", this: view.clone() }
    }

    pub(super) fn collector(client: &Client, collector: &MoRef) -> Self {
        Self { client: client.clone(), method: "DestroyPropertyCollector", this: collector.clone() }
    }

    pub(super) fn this(&self) -> &MoRef {
        &self.this
    }
}

impl Drop for Scrap {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (client, method, this) = (self.client.clone(), self.method, self.this.clone());
        runtime.spawn(async move {
            if let Err(error) = client.call_once(method, &this, &Object::untyped(), TIDY_DEADLINE).await {
                tracing::debug!(%this, error = &error as &dyn std::error::Error, "left on the server");
            }
        });
    }
}

/// A list of objects that may change while it is watched. Clones are the same list.
///
/// Serves one watch at a time.
#[derive(Clone, Debug, Default)]
pub struct ObjectList(Arc<Mutex<Members>>);

#[derive(Debug, Default)]
struct Members {
    objects: Vec<MoRef>,
    /// The list on the server, while one watches it.
    view: Option<MoRef>,
}

impl ObjectList {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    fn members(&self) -> std::sync::MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Adds an object. Answers whether the server knows it; while nothing watches the list, it is not asked.
    pub async fn add(&self, client: &Client, object: &MoRef) -> Result<bool> {
        let view = {
            let mut members = self.members();
            if !members.objects.contains(object) {
                members.objects.push(object.clone());
            }
            members.view.clone()
        };
        let unknown = modify(client, view, "add", std::slice::from_ref(object)).await?;
        Ok(!unknown.contains(object))
    }

    /// Removes an object.
    pub async fn remove(&self, client: &Client, object: &MoRef) -> Result<()> {
        let view = {
            let mut members = self.members();
            members.objects.retain(|known| known != object);
            members.view.clone()
        };
        modify(client, view, "remove", std::slice::from_ref(object)).await.map(drop)
    }

    /// Makes the list anew on the server with what is in it.
    async fn attach(&self, client: &Client) -> Result<MoRef> {
        let manager = client.content().view_manager.clone();
        let view = client.call("CreateListView", &manager, Object::untyped()).await?;
        let view = view.moref().cloned().ok_or_else(|| incomplete("CreateListView", "the view"))?;
        let objects = {
            let mut members = self.members();
            members.view = Some(view.clone());
            members.objects.clone()
        };
        modify(client, Some(view.clone()), "add", &objects).await?;
        Ok(view)
    }
}

/// Changes a list on the server; answers the objects that it does not know.
async fn modify(client: &Client, view: Option<MoRef>, argument: &str, objects: &[MoRef]) -> Result<Vec<MoRef>> {
    let Some(view) = view else { return Ok(Vec::new()) };
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let args = Object::untyped().with_each(argument, objects);
    let limit = client.config().call_deadline;
    match client.call_once("ModifyListView", &view, &args, limit).await {
        Ok(unknown) => Ok(unknown.items().filter_map(Value::moref).cloned().collect()),
        // The view died with its session; the watch makes a new one from the members.
        Err(error) if error.is_not_authenticated() || error.is_fault("ManagedObjectNotFound") => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

pub(super) fn incomplete(call: &str, what: &'static str) -> crate::Error {
    crate::Error::Incomplete { call: call.to_owned(), what }
}

impl Client {
    /// Makes a container view: a live list of what is below a container. It lives until it is destroyed or the session
    /// ends. [`FilterSpec::inventory`] makes and destroys its own.
    pub async fn container_view<'a>(
        &self,
        root: &MoRef,
        types: impl IntoIterator<Item = &'a str>,
        recursive: bool,
    ) -> Result<MoRef> {
        let args = Object::untyped().with("container", root).with_each("type", types).with("recursive", recursive);
        let view = self.call("CreateContainerView", &self.content().view_manager, args).await?;
        view.moref().cloned().ok_or_else(|| incomplete("CreateContainerView", "the view"))
    }

    /// Destroys a view.
    pub async fn destroy_view(&self, view: &MoRef) -> Result<()> {
        self.call_once("DestroyView", view, &Object::untyped(), self.config().call_deadline).await.map(drop)
    }
}
