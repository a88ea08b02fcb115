//! Reading properties once, page by page.

use futures::stream::{self, Stream, StreamExt as _, TryStreamExt as _};

use super::spec::{FilterSpec, Materialized, incomplete};
use super::{MissingProperty, ObjectState};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::value::{MoRef, Name, Object, Value};
use crate::wire::Fault;

/// How many objects a page holds when nothing else is said.
const PAGE_OBJECTS: u32 = 500;

/// Where a reading stands.
enum Step {
    Begin(FilterSpec),
    /// The token of the next page. The views must live until the last.
    Continue(String, Materialized),
    End,
}

impl Client {
    /// Reads properties page by page; memory holds one page. The stream ends after the first error.
    pub fn retrieve(&self, spec: FilterSpec, page_objects: u32) -> impl Stream<Item = Result<Vec<ObjectState>>> + Send {
        let client = self.clone();
        stream::unfold(Step::Begin(spec), move |step| {
            let client = client.clone();
            async move {
                let page = match step {
                    Step::End => return None,
                    Step::Begin(spec) => client.first_page(spec, page_objects).await,
                    Step::Continue(token, held) => client.next_page(token, held).await,
                };
                Some(match page {
                    Ok((objects, next)) => (Ok(objects), next),
                    Err(error) => (Err(error), Step::End),
                })
            }
        })
    }

    /// Reads properties of many objects at once.
    pub async fn retrieve_all(&self, spec: FilterSpec) -> Result<Vec<ObjectState>> {
        self.retrieve(spec, PAGE_OBJECTS).map_ok(|page| stream::iter(page).map(Ok)).try_flatten().try_collect().await
    }

    /// Reads properties of one object.
    ///
    /// # Errors
    /// The fault `ManagedObjectNotFound` when it does not exist (any more).
    pub async fn read(&self, object: &MoRef, paths: &[&str]) -> Result<ObjectState> {
        let generation = self.generation();
        let result = match self.retrieve_once(object, paths).await {
            // Nothing instead of the object or a fault: does the session exist?
            Err(error @ Error::Incomplete { .. }) => self.ensure_session("RetrievePropertiesEx").await.and(Err(error)),
            result => result,
        };
        match result {
            Err(error) if error.is_not_authenticated() => {
                self.renew(generation).await?;
                self.retrieve_once(object, paths).await
            }
            result => result,
        }
    }

    /// As [`Client::read`] without renewing the session.
    pub(crate) async fn retrieve_once(&self, object: &MoRef, paths: &[&str]) -> Result<ObjectState> {
        let spec = FilterSpec::objects([object.clone()]).properties(&object.kind, paths.iter().copied());
        let held = spec.materialize(self, false).await?;
        let result = self.retrieve_properties(&held, 1).await?;
        let content = result.all("objects").next().ok_or_else(|| incomplete("RetrievePropertiesEx", "the object"))?;
        read_content(content)
    }

    async fn retrieve_properties(&self, held: &Materialized, page_objects: u32) -> Result<Value> {
        let page_objects = i32::try_from(page_objects).unwrap_or(i32::MAX);
        let args = Object::untyped()
            .with("specSet", held.spec.clone())
            .with("options", Object::new("RetrieveOptions").with("maxObjects", page_objects));
        let collector = &self.content().property_collector;
        self.call_once("RetrievePropertiesEx", collector, &args, self.config().call_deadline).await
    }

    async fn first_page(&self, spec: FilterSpec, page_objects: u32) -> Result<(Vec<ObjectState>, Step)> {
        let mut renewed = false;
        loop {
            let generation = self.generation();
            let attempt = async {
                let held = spec.materialize(self, true).await?;
                let result = self.retrieve_properties(&held, page_objects).await?;
                if result.all("objects").next().is_none() {
                    self.ensure_session("RetrievePropertiesEx").await?;
                }
                page(result, held)
            };
            match attempt.await {
                Err(error) if error.is_not_authenticated() && !renewed => {
                    self.renew(generation).await?;
                    renewed = true;
                }
                result => return result,
            }
        }
    }

    /// A token lives in its session: when that has expired in the middle, the reading has failed.
    async fn next_page(&self, token: String, held: Materialized) -> Result<(Vec<ObjectState>, Step)> {
        let collector = &self.content().property_collector;
        let args = Object::untyped().with("token", token);
        let call = "ContinueRetrievePropertiesEx";
        let result = self.call_once(call, collector, &args, self.config().call_deadline).await?;
        if result.all("objects").next().is_none() {
            self.ensure_session(call).await?;
        }
        page(result, held)
    }
}

fn page(result: Value, held: Materialized) -> Result<(Vec<ObjectState>, Step)> {
    let objects = result.all("objects").map(read_content).collect::<Result<_, Error>>()?;
    let next = match result.get("token").and_then(Value::as_str) {
        Some(token) if !token.is_empty() => Step::Continue(token.to_owned(), held),
        _ => Step::End,
    };
    Ok((objects, next))
}

/// Reads an `ObjectContent`.
fn read_content(content: &Value) -> Result<ObjectState> {
    let object = content.get("obj").and_then(Value::moref).cloned();
    let object = object.ok_or_else(|| incomplete("RetrievePropertiesEx", "an object's reference"))?;
    let properties = content.all("propSet").filter_map(|property| {
        let name = property.get("name")?.as_str()?;
        Some((Name::new(name), property.get("val")?.clone()))
    });
    Ok(ObjectState::from_parts(object, properties.collect(), read_missing(content.all("missingSet"))))
}

/// Reads what a `missingSet` holds.
pub(super) fn read_missing<'a>(sets: impl Iterator<Item = &'a Value>) -> Vec<MissingProperty> {
    let missing = sets.flat_map(Value::items).filter_map(|missing| {
        let path = Name::new(missing.get("path")?.as_str()?);
        let fault = missing.get("fault").map(Fault::from_localized).unwrap_or_default();
        Some(MissingProperty { path, fault })
    });
    missing.collect()
}
