//! Tenants, projects, members and roles by the names that people use for them.
//!
//! A tenant is named by its path (`acme/research`; the platform is `platform`), a project, a group or a user by that of its
//! tenant and its own name (`acme/shop`), one of the platform by its name alone. An id does as well.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::cli::client::Client;
use crate::cli::failure::Failure;
use crate::cli::pages::fetch_at;
use crate::model::Kind;

/// What can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Noun {
    Tenant,
    Project,
    User,
    Group,
    Role,
    Rule,
}

impl Noun {
    /// The path of the collection.
    pub(super) const fn collection(self) -> &'static str {
        match self {
            Noun::Tenant => "/v1/tenants",
            Noun::Project => "/v1/projects",
            Noun::User => "/v1/users",
            Noun::Group => "/v1/groups",
            Noun::Role => "/v1/roles",
            Noun::Rule => "/v1/ownership-rules",
        }
    }

    /// Its word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Noun::Tenant => "tenant",
            Noun::Project => "project",
            Noun::User => "user",
            Noun::Group => "group",
            Noun::Role => "role",
            Noun::Rule => "rule",
        }
    }

    /// The columns of a table.
    pub(super) const fn columns(self) -> &'static [&'static str] {
        match self {
            Noun::Tenant => &["path", "state", "description", "id"],
            Noun::Project => &["path", "description", "id"],
            Noun::User => &["path", "kind", "enabled", "display_name", "email", "id"],
            Noun::Group => &["path", "member_count", "description", "id"],
            Noun::Role => &["path", "built_in", "permission_count", "description", "id"],
            Noun::Rule => &["priority", "name", "enabled", "project", "conditions", "id"],
        }
    }

    /// The member that holds the name.
    const fn name_member(self) -> &'static str {
        match self {
            Noun::User => "username",
            _ => "name",
        }
    }

    const fn has_pages(self) -> bool {
        !matches!(self, Noun::Rule)
    }
}

/// The paths of tenants, by their ids.
pub(super) type Paths = HashMap<String, String>;

/// The paths of the tenants that one sees.
pub(super) async fn tenant_paths(client: &Client) -> Result<Paths, Failure> {
    let tenants = fetch_at(client, Noun::Tenant.collection(), &[], None).await?.items;
    Ok(tenants.iter().filter_map(|tenant| Some((tenant["id"].as_str()?.to_owned(), path_of_tenant(tenant)))).collect())
}

fn path_of_tenant(tenant: &Value) -> String {
    match tenant["path"].as_str() {
        Some("") | None => "platform".to_owned(),
        Some(path) => path.to_owned(),
    }
}

/// Everything of a noun, each with its `path` as people write it.
pub(super) async fn all(client: &Client, noun: Noun) -> Result<Vec<Value>, Failure> {
    let mut items = if noun.has_pages() {
        fetch_at(client, noun.collection(), &[], None).await?.items
    } else {
        let body = client.get(noun.collection(), &[]).await?.body;
        body["items"].as_array().cloned().unwrap_or_default()
    };
    let paths = match noun {
        // Those that are not told with their tenant's path.
        Noun::Group | Noun::Role => tenant_paths(client).await?,
        Noun::Rule => projects(client).await?,
        Noun::Tenant | Noun::Project | Noun::User => Paths::new(),
    };
    for item in &mut items {
        let path = path_of(noun, item, &paths);
        match noun {
            Noun::Group => item["member_count"] = json!(item["member_ids"].as_array().map_or(0, Vec::len)),
            Noun::Role => item["permission_count"] = json!(item["permissions"].as_array().map_or(0, Vec::len)),
            Noun::Rule => {
                let id = item["project_id"].as_str().unwrap_or_default();
                item["project"] = json!(paths.get(id).map_or(id, String::as_str));
            }
            Noun::Tenant | Noun::Project | Noun::User => {}
        }
        item["path"] = json!(path);
    }
    Ok(items)
}

async fn projects(client: &Client) -> Result<Paths, Failure> {
    let projects = fetch_at(client, Noun::Project.collection(), &[], None).await?.items;
    let path = |project: &Value| path_of(Noun::Project, project, &Paths::new());
    Ok(projects.iter().filter_map(|project| Some((project["id"].as_str()?.to_owned(), path(project)))).collect())
}

fn path_of(noun: Noun, item: &Value, paths: &Paths) -> String {
    let name = item[noun.name_member()].as_str().unwrap_or_default();
    let tenant = match noun {
        Noun::Tenant => return path_of_tenant(item),
        Noun::Rule => return name.to_owned(),
        Noun::Project | Noun::User => item["tenant_path"].as_str().unwrap_or_default(),
        Noun::Group | Noun::Role => {
            let path = item["tenant_id"].as_str().and_then(|id| paths.get(id));
            path.map(String::as_str).filter(|path| *path != "platform").unwrap_or_default()
        }
    };
    if tenant.is_empty() { name.to_owned() } else { format!("{tenant}/{name}") }
}

/// The one of this path or id.
pub(super) async fn find(client: &Client, noun: Noun, text: &str) -> Result<Value, Failure> {
    let items = all(client, noun).await?;
    let is_id = Uuid::try_parse(text).is_ok();
    let same = |item: &&Value| match is_id {
        true => item["id"] == text,
        false => item["path"].as_str().is_some_and(|path| path.to_lowercase() == text.to_lowercase()),
    };
    let mut found: Vec<&Value> = items.iter().filter(same).collect();
    if found.is_empty() && !is_id {
        // The name alone does where only one has it.
        let named =
            |item: &&Value| item[noun.name_member()].as_str().is_some_and(|name| name.eq_ignore_ascii_case(text));
        found = items.iter().filter(named).collect();
    }
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        [] => Err(Failure::NotFound {
            what: format!("There is no {} named `{text}`.", noun.word()),
            mend: Some(format!("`spandrel {} list` shows those that you may see.", noun.word())),
        }),
        several => {
            let paths: Vec<&str> = several.iter().filter_map(|item| item["path"].as_str()).collect();
            let what = format!("{} {}s are named `{text}`.", several.len(), noun.word());
            Err(Failure::usage(what, format!("Use the whole path: {}", paths.join(", "))))
        }
    }
}

/// The id of what has this path or id.
pub(in crate::cli) async fn id(client: &Client, noun: Noun, text: &str) -> Result<String, Failure> {
    Ok(find(client, noun, text).await?["id"].as_str().unwrap_or_default().to_owned())
}

/// Where a role holds, or something is done: `platform`, `tenant:PATH`, `project:PATH`, `vm:NAME`, or another kind of object.
pub(super) async fn place(client: &Client, text: &str) -> Result<Value, Failure> {
    if text == "platform" {
        return Ok(json!({"kind": "tenant", "id": id(client, Noun::Tenant, "platform").await?}));
    }
    let wrong = || {
        Failure::usage(
            format!("`{text}` is no place."),
            "Write `platform`, `tenant:acme`, `project:acme/shop`, or an object such as `vm:web-1`.",
        )
    };
    let (kind, name) = text.split_once(':').ok_or_else(wrong)?;
    match kind {
        "tenant" => Ok(json!({"kind": "tenant", "id": id(client, Noun::Tenant, name).await?})),
        "project" => Ok(json!({"kind": "project", "id": id(client, Noun::Project, name).await?})),
        word => {
            let kind: Kind = crate::cli::names::kind(word).map_err(|_| wrong())?;
            let object = crate::cli::names::object(client, kind, name, &Vec::new()).await?;
            Ok(json!({"kind": "object", "id": object["id"]}))
        }
    }
}
