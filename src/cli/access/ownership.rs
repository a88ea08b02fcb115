//! `rule …` and `owner …`: whose machines are.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::lookup::{Noun, all, find, id};
use super::tenants::{Delete, Named, remove};
use super::{create, document, edit, given, list, needs_one, show};
use crate::cli::failure::Failure;
use crate::cli::names::object;
use crate::cli::output::{Format, ListOutput};
use crate::cli::session::Session;
use crate::cli::table::{Cell, print};
use crate::cli::terminal::{Tone, harmless};
use crate::model::Kind;
use crate::model::ownership::RuleField;

/// What can be done with the rules of ownership.
#[derive(Clone, Debug, Subcommand)]
pub enum RuleCommand {
    /// List them in the order in which they are looked at.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel rule list")]
    List(ListOutput),
    /// Show one.
    #[command(after_help = "Examples:\n  spandrel rule get 'shop by folder' -o yaml")]
    Get(Named),
    /// Say what one would do, without adding it.
    #[command(
        after_help = "Examples:\n  spandrel rule preview 'shop by folder' --project acme/shop --if 'folder=*/shop/*'"
    )]
    Preview(RuleCreate),
    /// Add one. It takes effect at once.
    #[command(
        after_help = "A condition is FIELD=PATTERN, with `*` for any text and `?` for one character.\nFields: name, folder, resource_pool, cluster, provider, tag, attribute, network.\nAll conditions of a rule must hold; the first rule that fits decides.\n\nExamples:\n  spandrel rule create 'by folder' --project acme/shop --if 'folder=*/shop/*'\n  spandrel rule create 'by tag' --project acme/shop --if 'tag=owner:shop'\n  spandrel rule create kvm --project acme/shop --if 'attribute=title=Shop*'"
    )]
    Create(RuleCreate),
    /// Edit one. It takes effect at once.
    #[command(
        after_help = "Examples:\n  spandrel rule edit 'by tag' --priority 10\n  spandrel rule edit 'by tag' --disable"
    )]
    Edit(RuleEdit),
    /// Remove one. What it gave goes where the others say.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel rule delete 'by tag'")]
    Delete(Delete),
}

/// Whose a machine is.
#[derive(Clone, Debug, Subcommand)]
pub enum OwnerCommand {
    /// Say whose a machine is, and why.
    #[command(after_help = "Examples:\n  spandrel owner show web-1")]
    Show(OwnerShow),
    /// Give a machine to a project by hand, with all that hangs on it.
    #[command(
        after_help = "Examples:\n  spandrel owner give web-1 --project acme/shop\n  spandrel owner give web-1 --platform"
    )]
    Give(OwnerGive),
    /// Leave a machine to the rules again.
    #[command(after_help = "Examples:\n  spandrel owner leave web-1")]
    Leave(OwnerShow),
}

/// Options of `rule create` and `rule preview`.
#[derive(Args, Clone, Debug)]
pub struct RuleCreate {
    /// Its name.
    name: String,
    /// The project that machines go to.
    #[arg(long, value_name = "PATH")]
    project: String,
    /// A condition: FIELD=PATTERN; may be repeated.
    #[arg(long = "if", value_name = "FIELD=PATTERN", required = true, value_parser = condition)]
    conditions: Vec<Condition>,
    /// Rules are looked at in the order of their priorities, the lowest first.
    #[arg(long, default_value_t = 100, allow_negative_numbers = true)]
    priority: i32,
    /// It is not looked at yet.
    #[arg(long)]
    disabled: bool,
}

/// Options of `rule edit`.
#[derive(Args, Clone, Debug)]
pub struct RuleEdit {
    /// Its name or id.
    #[arg(value_name = "NAME|ID")]
    rule: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another project.
    #[arg(long, value_name = "PATH")]
    project: Option<String>,
    /// Other conditions: all of them.
    #[arg(long = "if", value_name = "FIELD=PATTERN", value_parser = condition)]
    conditions: Vec<Condition>,
    /// Another place in the order.
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// It is looked at.
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// It is not.
    #[arg(long)]
    disable: bool,
}

/// Options of `owner show` and `owner leave`.
#[derive(Args, Clone, Debug)]
pub struct OwnerShow {
    /// The machine's name or id.
    #[arg(value_name = "VM")]
    vm: String,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Options of `owner give`.
#[derive(Args, Clone, Debug)]
pub struct OwnerGive {
    #[command(flatten)]
    show: OwnerShow,
    /// The project.
    #[arg(long, value_name = "PATH", required_unless_present = "platform")]
    project: Option<String>,
    /// Back to the platform.
    #[arg(long, conflicts_with = "project")]
    platform: bool,
}

/// A condition of a rule.
#[derive(Clone, Debug)]
struct Condition {
    field: RuleField,
    pattern: String,
}

fn condition(text: &str) -> Result<Condition, String> {
    let fields = || RuleField::ALL.iter().map(|field| field.as_str()).collect::<Vec<_>>().join(", ");
    let (field, pattern) = text.split_once('=').ok_or("write it as FIELD=PATTERN, such as `folder=*/shop/*`")?;
    let field = RuleField::parse(field.trim()).ok_or_else(|| format!("there are: {}", fields()))?;
    Ok(Condition { field, pattern: pattern.to_owned() })
}

fn conditions(conditions: &[Condition]) -> Value {
    conditions.iter().map(|one| json!({"field": one.field, "pattern": one.pattern})).collect()
}

async fn body(args: &RuleCreate, session: &Session) -> Result<Value, Failure> {
    Ok(json!({
        "name": args.name,
        "project_id": id(&session.client, Noun::Project, &args.project).await?,
        "priority": args.priority,
        "enabled": !args.disabled,
        "conditions": conditions(&args.conditions),
    }))
}

/// Runs a command on rules.
pub(crate) async fn rule(command: RuleCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        RuleCommand::List(output) => list(Noun::Rule, output, session).await,
        RuleCommand::Get(args) => show(Noun::Rule, &args.name, args.output, session).await,
        RuleCommand::Preview(args) => preview(&args, session).await,
        RuleCommand::Create(args) => {
            let body = body(&args, session).await?;
            create(Noun::Rule, &body, session).await
        }
        RuleCommand::Edit(args) => {
            let project = match &args.project {
                Some(project) => Some(json!(id(&session.client, Noun::Project, project).await?)),
                None => None,
            };
            let enabled = if args.disable { Some(false) } else { args.enable.then_some(true) };
            let body = given(&[
                ("name", args.name.map(Value::from)),
                ("project_id", project),
                ("conditions", (!args.conditions.is_empty()).then(|| conditions(&args.conditions))),
                ("priority", args.priority.map(Value::from)),
                ("enabled", enabled.map(Value::from)),
            ]);
            needs_one(&body, "--name, --project, --if, --priority, --enable, --disable")?;
            edit(Noun::Rule, &args.rule, &body, session).await
        }
        RuleCommand::Delete(args) => remove(Noun::Rule, &args, &[], session).await,
    }
}

async fn preview(args: &RuleCreate, session: &mut Session) -> Result<(), Failure> {
    let rule = body(args, session).await?;
    // One of the same name is tried in its place.
    let present = find(&session.client, Noun::Rule, &args.name).await.ok();
    let body = json!({"id": present.map(|rule| rule["id"].clone()), "rule": rule});
    let path = "/v1/ownership-rules/preview";
    let answer = session.client.call(Method::POST, path, &[], Some(&body), None).await?.body;
    let (fitting, moving) = (answer["fitting"].as_u64().unwrap_or(0), answer["moving"].as_u64().unwrap_or(0));
    session.terminal.note(&format!("{fitting} machines fit it; {moving} would go to another owner."));
    let moves = answer["moves"].as_array().cloned().unwrap_or_default();
    if moves.is_empty() {
        return Ok(());
    }
    let owners = owners(session).await?;
    let cell = |owner: &Value| Cell::text(&owner_name(owner, &owners));
    let rows = moves
        .iter()
        .map(|one| vec![Cell::text(one["name"].as_str().unwrap_or("-")), cell(&one["from"]), cell(&one["to"])]);
    let headers = ["NAME", "FROM", "TO"].map(str::to_owned);
    print(&mut session.terminal, &headers, rows.collect(), true, true)
}

/// The paths of projects and tenants, by their ids.
async fn owners(session: &Session) -> Result<super::lookup::Paths, Failure> {
    let mut paths = super::lookup::tenant_paths(&session.client).await?;
    for project in all(&session.client, Noun::Project).await? {
        if let (Some(id), Some(path)) = (project["id"].as_str(), project["path"].as_str()) {
            paths.insert(id.to_owned(), path.to_owned());
        }
    }
    Ok(paths)
}

fn owner_name(owner: &Value, paths: &super::lookup::Paths) -> String {
    let id = owner["project_id"].as_str().or(owner["tenant_id"].as_str()).unwrap_or("-");
    paths.get(id).cloned().unwrap_or_else(|| id.to_owned())
}

/// Runs a command on the owner of a machine.
pub(crate) async fn owner(command: OwnerCommand, session: &mut Session) -> Result<(), Failure> {
    let (args, method, body) = match command {
        OwnerCommand::Show(args) => (args, Method::GET, None),
        OwnerCommand::Leave(args) => (args, Method::DELETE, None),
        OwnerCommand::Give(args) => {
            let project = match &args.project {
                Some(project) => Some(id(&session.client, Noun::Project, project).await?),
                None => None,
            };
            (args.show, Method::PUT, Some(json!({"project_id": project})))
        }
    };
    let vm = object(&session.client, Kind::Vm, &args.vm, &Vec::new()).await?;
    let path = format!("/v1/vms/{}/owner", vm["id"].as_str().unwrap_or_default());
    let answer = session.client.call(method, &path, &[], body.as_ref(), None).await?.body;
    if !matches!(args.output, Format::Table | Format::Wide) {
        return document(&answer, args.output, session);
    }
    let owners = owners(session).await?;
    session.terminal.line(&harmless(&owner_name(&answer, &owners)))?;
    let reason = &answer["reason"];
    let why = match reason["kind"].as_str() {
        Some("by_hand") => format!("given by hand by {}", reason["username"].as_str().unwrap_or("somebody")),
        Some("rule") => format!("by the rule {}", reason["name"].as_str().unwrap_or("-")),
        Some("nothing") => "no rule fits it, and nobody gave it to a project".to_owned(),
        _ => return Ok(()),
    };
    session.terminal.line(&format!("  {}", harmless(&why)))?;
    for rule in answer["rules"].as_array().into_iter().flatten() {
        let fits = rule["fits"] == true;
        let palette = session.terminal.palette;
        let word =
            palette.paint(if fits { Tone::Good } else { Tone::Quiet }, if fits { "fits" } else { "does not fit" });
        session.terminal.line(&format!("  {} {word}", harmless(rule["name"].as_str().unwrap_or("-"))))?;
    }
    Ok(())
}
