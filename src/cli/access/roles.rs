//! `role …` and `why`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::lookup::{Noun, id, place};
use super::tenants::{Delete, Named, remove};
use super::{create, edit, given, list, needs_one, show};
use crate::cli::failure::{EXIT_DENIED, Failure};
use crate::cli::names::pair;
use crate::cli::output::{Format, ListOutput};
use crate::cli::pages::fetch_at;
use crate::cli::session::Session;
use crate::cli::table::{Cell, print};
use crate::cli::terminal::{Tone, harmless};

/// What can be done with roles.
#[derive(Clone, Debug, Subcommand)]
pub enum RoleCommand {
    /// List the roles that you may see.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel role list")]
    List(ListOutput),
    /// Show one, with what it allows.
    #[command(after_help = "Examples:\n  spandrel role get tenant_admin -o yaml")]
    Get(Named),
    /// List what roles can allow.
    #[command(after_help = "Examples:\n  spandrel role permissions")]
    Permissions(Printed),
    /// Add one to a tenant.
    #[command(after_help = "Examples:\n  spandrel role create reads --tenant acme --allow inventory.read")]
    Create(RoleCreate),
    /// Change what one allows.
    #[command(after_help = "Examples:\n  spandrel role edit acme/reads --allow inventory.read,project.read")]
    Edit(RoleEdit),
    /// Remove one that nobody has.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel role delete acme/reads")]
    Delete(Delete),
    /// Give a role to somebody, or deny what it allows.
    #[command(
        after_help = "Examples:\n  spandrel role give viewer --user acme/ann --on project:acme/shop\n  spandrel role give tenant_admin --group acme/admins --on tenant:acme\n  spandrel role give member --user acme/bob --on vm:web-1 --deny"
    )]
    Give(Give),
    /// Take a role away.
    #[command(after_help = "Examples:\n  spandrel role take viewer --user acme/ann --on project:acme/shop")]
    Take(Give),
    /// List who has which role where.
    #[command(after_help = "Examples:\n  spandrel role bindings\n  spandrel role bindings -o json")]
    Bindings(Printed),
}

/// How to print it.
#[derive(Args, Clone, Debug)]
pub struct Printed {
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Options of `role create`.
#[derive(Args, Clone, Debug)]
pub struct RoleCreate {
    /// Its name.
    name: String,
    /// The tenant in which, and below which, it can be given.
    #[arg(long, value_name = "PATH")]
    tenant: String,
    /// What it allows; `spandrel role permissions` lists what there is.
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',', required = true)]
    allow: Vec<String>,
    /// What it is for.
    #[arg(long, default_value = "")]
    description: String,
}

/// Options of `role edit`.
#[derive(Args, Clone, Debug)]
pub struct RoleEdit {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    role: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
    /// All that it allows from now on.
    #[arg(long, value_name = "PERMISSIONS", value_delimiter = ',')]
    allow: Vec<String>,
}

/// Options of `role give` and `role take`.
#[derive(Args, Clone, Debug)]
pub struct Give {
    /// The role: its path or id.
    role: String,
    /// The user or service account.
    #[arg(long, value_name = "USER", required_unless_present = "group", conflicts_with = "group")]
    user: Option<String>,
    /// The group.
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Where: `platform`, `tenant:PATH`, `project:PATH`, or an object such as `vm:NAME`.
    #[arg(long, value_name = "PLACE")]
    on: String,
    /// Not what gives it, but what denies it.
    #[arg(long)]
    deny: bool,
}

/// Options of `why`.
#[derive(Args, Clone, Debug)]
pub struct WhyArgs {
    /// What: a permission, such as `inventory.read`.
    permission: String,
    /// Where: `platform`, `tenant:PATH`, `project:PATH`, or an object such as `vm:NAME`.
    #[arg(long, value_name = "PLACE")]
    on: String,
    /// Who. Default: you.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Runs a command on roles.
pub(crate) async fn role(command: RoleCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        RoleCommand::List(output) => list(Noun::Role, output, session).await,
        RoleCommand::Get(args) => show(Noun::Role, &args.name, args.output, session).await,
        RoleCommand::Permissions(args) => {
            let body = session.client.get("/v1/permissions", &[]).await?.body;
            table(&body["items"], &["name", "description"], args.output, session)
        }
        RoleCommand::Create(args) => {
            let tenant = id(&session.client, Noun::Tenant, &args.tenant).await?;
            let body = json!({"tenant_id": tenant, "name": args.name, "description": args.description,
                "permissions": args.allow});
            create(Noun::Role, &body, session).await
        }
        RoleCommand::Edit(args) => {
            let permissions = (!args.allow.is_empty()).then(|| json!(args.allow));
            let body = given(&[
                ("name", args.name.map(Value::from)),
                ("description", args.description.map(Value::from)),
                ("permissions", permissions),
            ]);
            needs_one(&body, "--name, --description, --allow")?;
            edit(Noun::Role, &args.role, &body, session).await
        }
        RoleCommand::Delete(args) => remove(Noun::Role, &args, &[], session).await,
        RoleCommand::Give(args) => {
            let body = binding(&args, session).await?;
            let made = session.client.create("/v1/bindings", &body).await?.body;
            session.terminal.note("It holds from the next request on.");
            session.terminal.line(made["id"].as_str().unwrap_or_default())
        }
        RoleCommand::Take(args) => take(&args, session).await,
        RoleCommand::Bindings(args) => bindings(args.output, session).await,
    }
}

/// A binding as it is asked for.
async fn binding(args: &Give, session: &Session) -> Result<Value, Failure> {
    let client = &session.client;
    let subject = match (&args.user, &args.group) {
        (Some(user), _) => json!({"kind": "user", "id": id(client, Noun::User, user).await?}),
        (None, Some(group)) => json!({"kind": "group", "id": id(client, Noun::Group, group).await?}),
        (None, None) => return Err(Failure::usage("Nobody is named.", "Give --user or --group.")),
    };
    Ok(json!({
        "subject": subject,
        "role_id": id(client, Noun::Role, &args.role).await?,
        "scope": place(client, &args.on).await?,
        "effect": if args.deny { "deny" } else { "allow" },
    }))
}

async fn take(args: &Give, session: &mut Session) -> Result<(), Failure> {
    let wanted = binding(args, session).await?;
    let query = vec![
        pair("subject_id", wanted["subject"]["id"].as_str().unwrap_or_default()),
        pair("role_id", wanted["role_id"].as_str().unwrap_or_default()),
    ];
    let all = fetch_at(&session.client, "/v1/bindings", &query, None).await?.items;
    let same = |other: &&Value| {
        ["subject", "role_id", "scope", "effect"].iter().all(|member| other[*member] == wanted[*member])
    };
    let Some(found) = all.iter().find(same) else {
        return Err(Failure::NotFound {
            what: "There is no such binding.".to_owned(),
            mend: Some("`spandrel role bindings` lists who has which role where.".to_owned()),
        });
    };
    let path = format!("/v1/bindings/{}", found["id"].as_str().unwrap_or_default());
    session.client.call(Method::DELETE, &path, &[], None, None).await?;
    session.terminal.note("It is worth nothing from the next request on.");
    Ok(())
}

async fn bindings(output: Format, session: &mut Session) -> Result<(), Failure> {
    let client = &session.client;
    let mut items = fetch_at(client, "/v1/bindings", &[], None).await?.items;
    let mut names = std::collections::HashMap::new();
    for noun in [Noun::Tenant, Noun::Project, Noun::User, Noun::Group, Noun::Role] {
        for item in super::all(client, noun).await? {
            if let (Some(id), Some(path)) = (item["id"].as_str(), item["path"].as_str()) {
                // The platform and its administrators' role have the same id.
                names.insert((noun.word(), id.to_owned()), path.to_owned());
            }
        }
    }
    let name = |kind: &str, id: &Value| {
        let id = id.as_str().unwrap_or("-");
        let known = names.iter().find(|((word, own), _)| *word == kind && own == id).map(|(_, path)| path);
        known.map_or(id, String::as_str).to_owned()
    };
    let named = |thing: &Value| {
        let kind = thing["kind"].as_str().unwrap_or("-");
        match (kind, name(kind, &thing["id"])) {
            ("tenant", path) if path == "platform" => path,
            (kind, path) => format!("{kind}:{path}"),
        }
    };
    for item in &mut items {
        let (subject, on) = (named(&item["subject"]), named(&item["scope"]));
        item["role"] = json!(name("role", &item["role_id"]));
        item["to"] = json!(subject);
        item["on"] = json!(on);
    }
    table(&json!(items), &["to", "role", "on", "effect", "id"], output, session)
}

fn table(items: &Value, columns: &[&str], output: Format, session: &mut Session) -> Result<(), Failure> {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    match output {
        Format::Json | Format::Yaml => {
            let text = output.structured(&json!({"items": items}))?;
            session.terminal.line(&text)
        }
        Format::Name => {
            items.iter().try_for_each(|item| session.terminal.line(&harmless(item[columns[0]].as_str().unwrap_or("-"))))
        }
        Format::Table | Format::Wide => {
            let cell = |item: &Value, column: &str| Cell::text(item[column].as_str().unwrap_or("-"));
            let rows = items.iter().map(|item| columns.iter().map(|column| cell(item, column)).collect()).collect();
            let headers: Vec<String> = columns.iter().map(|column| column.to_uppercase()).collect();
            print(&mut session.terminal, &headers, rows, true, output == Format::Table)
        }
    }
}

/// Says whether somebody may do something, and because of what. The exit code says it too.
pub async fn why(args: WhyArgs, session: &mut Session) -> Result<(), Failure> {
    let user = match &args.user {
        Some(user) => Some(id(&session.client, Noun::User, user).await?),
        None => None,
    };
    let on = place(&session.client, &args.on).await?;
    let body = json!({"user_id": user, "permission": args.permission, "on": on});
    let answer = session.client.call(Method::POST, "/v1/authz/simulate", &[], Some(&body), None).await?.body;
    let allowed = answer["allowed"] == true;
    match args.output {
        Format::Json | Format::Yaml => {
            let text = args.output.structured(&answer)?;
            session.terminal.line(&text)?;
        }
        Format::Name => session.terminal.line(if allowed { "allowed" } else { "denied" })?,
        Format::Table | Format::Wide => {
            let palette = session.terminal.palette;
            let (word, tone) = if allowed { ("allowed", Tone::Good) } else { ("denied", Tone::Bad) };
            session.terminal.line(&palette.paint(tone, word))?;
            let because = answer["because"].as_array().map(Vec::as_slice).unwrap_or_default();
            for one in because {
                let text = |name: &str| harmless(one[name].as_str().unwrap_or("-"));
                let kind = one["binding"]["subject"]["kind"].as_str().unwrap_or("-");
                let verb = if one["binding"]["effect"] == "deny" { "denies" } else { "gives" };
                let line = format!(
                    "  the role {} of the {kind} {} on {} {verb} it ({})",
                    text("role"),
                    text("subject"),
                    text("scope"),
                    one["binding"]["id"].as_str().unwrap_or("-"),
                );
                session.terminal.line(&line)?;
            }
            if because.is_empty() && !allowed && answer["hidden"] != true {
                session.terminal.line("  no role gives it")?;
            }
            if answer["hidden"] == true {
                session.terminal.line("  and what you may not see")?;
            }
        }
    }
    if allowed { Ok(()) } else { Err(Failure::Said(EXIT_DENIED)) }
}
