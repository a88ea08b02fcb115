//! `tenant …` and `project …`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::lookup::{Noun, id};
use super::{create, document, edit, given, list, needs_one, show};
use crate::cli::failure::Failure;
use crate::cli::names::pair;
use crate::cli::output::{Format, ListOutput};
use crate::cli::password::confirm;
use crate::cli::session::Session;

/// What can be done with tenants.
#[derive(Clone, Debug, Subcommand)]
pub enum TenantCommand {
    /// List the tenants that you may see.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel tenant list\n  spandrel tenant list -o json")]
    List(ListOutput),
    /// Show one.
    #[command(after_help = "Examples:\n  spandrel tenant get acme/research")]
    Get(Named),
    /// Add one.
    #[command(after_help = "Examples:\n  spandrel tenant create acme\n  spandrel tenant create research --in acme")]
    Create(TenantCreate),
    /// Rename, describe, move, suspend or resume one.
    #[command(
        after_help = "Examples:\n  spandrel tenant edit acme --name ACME\n  spandrel tenant edit acme --suspend\n  spandrel tenant edit acme --resume"
    )]
    Edit(TenantEdit),
    /// Say what is in one: what suspending or removing it concerns.
    #[command(after_help = "Examples:\n  spandrel tenant impact acme")]
    Impact(Named),
    /// Remove one that is empty.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel tenant delete acme/research")]
    Delete(Delete),
}

/// What can be done with projects.
#[derive(Clone, Debug, Subcommand)]
pub enum ProjectCommand {
    /// List the projects that you may see.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel project list")]
    List(ListOutput),
    /// Show one.
    #[command(after_help = "Examples:\n  spandrel project get acme/shop")]
    Get(Named),
    /// Add one to a tenant.
    #[command(after_help = "Examples:\n  spandrel project create shop --tenant acme")]
    Create(ProjectCreate),
    /// Rename or describe one.
    #[command(after_help = "Examples:\n  spandrel project edit acme/shop --name store")]
    Edit(ProjectEdit),
    /// Say what is in one: what removing it concerns.
    #[command(after_help = "Examples:\n  spandrel project impact acme/shop")]
    Impact(Named),
    /// Remove one. With --release its machines go back to the platform.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel project delete acme/shop --release")]
    Delete(ProjectDelete),
}

/// One thing, by its path or id.
#[derive(Args, Clone, Debug)]
pub struct Named {
    /// Its path, such as `acme/shop`, or its id.
    #[arg(value_name = "PATH|ID")]
    pub(super) name: String,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    pub(super) output: Format,
}

/// One thing that is removed.
#[derive(Args, Clone, Debug)]
pub struct Delete {
    /// Its path, such as `acme/shop`, or its id.
    #[arg(value_name = "PATH|ID")]
    pub(super) name: String,
    /// Do not ask.
    #[arg(long, short)]
    pub(super) yes: bool,
}

/// Options of `tenant create`.
#[derive(Args, Clone, Debug)]
pub struct TenantCreate {
    /// Its name, without `/`.
    name: String,
    /// The tenant that it is below. Default: the platform.
    #[arg(long = "in", value_name = "PATH")]
    parent: Option<String>,
    /// Free text.
    #[arg(long, default_value = "")]
    description: String,
}

/// Options of `tenant edit`.
#[derive(Args, Clone, Debug)]
pub struct TenantEdit {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    tenant: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another text.
    #[arg(long)]
    description: Option<String>,
    /// Another tenant to be below.
    #[arg(long = "in", value_name = "PATH")]
    parent: Option<String>,
    /// Its users, and those of the tenants below it, cannot sign in any more. Its machines go on.
    #[arg(long, conflicts_with = "resume")]
    suspend: bool,
    /// They can again.
    #[arg(long)]
    resume: bool,
}

/// Options of `project create`.
#[derive(Args, Clone, Debug)]
pub struct ProjectCreate {
    /// Its name.
    name: String,
    /// The tenant that it belongs to.
    #[arg(long, value_name = "PATH")]
    tenant: String,
    /// Free text.
    #[arg(long, default_value = "")]
    description: String,
}

/// Options of `project edit`.
#[derive(Args, Clone, Debug)]
pub struct ProjectEdit {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    project: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another text.
    #[arg(long)]
    description: Option<String>,
}

/// Options of `project delete`.
#[derive(Args, Clone, Debug)]
pub struct ProjectDelete {
    #[command(flatten)]
    delete: Delete,
    /// Its machines go back to the platform, and run on.
    #[arg(long)]
    release: bool,
}

/// Runs a command on tenants.
pub(crate) async fn tenant(command: TenantCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        TenantCommand::List(output) => list(Noun::Tenant, output, session).await,
        TenantCommand::Get(args) => show(Noun::Tenant, &args.name, args.output, session).await,
        TenantCommand::Create(args) => {
            let parent = match &args.parent {
                Some(parent) => Some(id(&session.client, Noun::Tenant, parent).await?),
                None => None,
            };
            let body = json!({"name": args.name, "description": args.description, "parent_id": parent});
            create(Noun::Tenant, &body, session).await
        }
        TenantCommand::Edit(args) => {
            let parent = match &args.parent {
                Some(parent) => Some(json!(id(&session.client, Noun::Tenant, parent).await?)),
                None => None,
            };
            let state = if args.suspend { Some("suspended") } else { args.resume.then_some("active") };
            let body = given(&[
                ("name", args.name.map(Value::from)),
                ("description", args.description.map(Value::from)),
                ("parent_id", parent),
                ("state", state.map(Value::from)),
            ]);
            needs_one(&body, "--name, --description, --in, --suspend, --resume")?;
            edit(Noun::Tenant, &args.tenant, &body, session).await
        }
        TenantCommand::Impact(args) => impact(Noun::Tenant, &args, session).await,
        TenantCommand::Delete(args) => remove(Noun::Tenant, &args, &[], session).await,
    }
}

/// Runs a command on projects.
pub(crate) async fn project(command: ProjectCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        ProjectCommand::List(output) => list(Noun::Project, output, session).await,
        ProjectCommand::Get(args) => show(Noun::Project, &args.name, args.output, session).await,
        ProjectCommand::Create(args) => {
            let tenant = id(&session.client, Noun::Tenant, &args.tenant).await?;
            let body = json!({"name": args.name, "description": args.description, "tenant_id": tenant});
            create(Noun::Project, &body, session).await
        }
        ProjectCommand::Edit(args) => {
            let body =
                given(&[("name", args.name.map(Value::from)), ("description", args.description.map(Value::from))]);
            needs_one(&body, "--name, --description")?;
            edit(Noun::Project, &args.project, &body, session).await
        }
        ProjectCommand::Impact(args) => impact(Noun::Project, &args, session).await,
        ProjectCommand::Delete(args) => {
            let release = if args.release { vec![pair("release", "true")] } else { Vec::new() };
            remove(Noun::Project, &args.delete, &release, session).await
        }
    }
}

async fn impact(noun: Noun, args: &Named, session: &mut Session) -> Result<(), Failure> {
    let id = id(&session.client, noun, &args.name).await?;
    let impact = session.client.get(&format!("{}/{id}/impact", noun.collection()), &[]).await?.body;
    document(&impact, args.output, session)
}

/// Says what it concerns, asks, and removes it.
pub(super) async fn remove(
    noun: Noun,
    args: &Delete,
    query: &[(String, String)],
    session: &mut Session,
) -> Result<(), Failure> {
    let item = super::find(&session.client, noun, &args.name).await?;
    let id = item["id"].as_str().unwrap_or_default();
    let path = format!("{}/{id}", noun.collection());
    let mut question = format!("Remove the {} {}?", noun.word(), item["path"].as_str().unwrap_or("-"));
    if matches!(noun, Noun::Tenant | Noun::Project) && !args.yes {
        let impact = session.client.get(&format!("{path}/impact"), &[]).await?.body;
        let count = |(name, count): (&String, &Value)| {
            let count = count.as_u64().filter(|count| *count > 0)?;
            Some(format!("{count} {}", name.replace('_', " ")))
        };
        let concerned: Vec<String> = impact.as_object().into_iter().flatten().filter_map(count).collect();
        if !concerned.is_empty() {
            question = format!("It concerns {}.\n{question}", concerned.join(", "));
        }
    }
    confirm(&mut session.terminal, args.yes, &question).await?;
    session.client.call(Method::DELETE, &path, query, None, None).await?;
    session.terminal.note(&format!("The {} is removed.", noun.word()));
    Ok(())
}
