//! `user …` and `group …`.

use clap::{Args, Subcommand};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::lookup::{Noun, find, id};
use super::tenants::{Delete, Named, remove};
use super::{create, edit, edit_found, given, list, needs_one, show};
use crate::cli::failure::Failure;
use crate::cli::output::ListOutput;
use crate::cli::password::Asking;
use crate::cli::session::Session;

/// What can be done with users and service accounts.
#[derive(Clone, Debug, Subcommand)]
pub enum UserCommand {
    /// List the users and service accounts that you may see.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel user list")]
    List(ListOutput),
    /// Show one.
    #[command(after_help = "Examples:\n  spandrel user get acme/ann")]
    Get(Named),
    /// Add one to a tenant. It may do nothing until it is given a role.
    #[command(
        after_help = "The password is asked for, piped in with --password-stdin, or taken from\nSPANDREL_NEW_PASSWORD.\n\nExamples:\n  spandrel user create ann --tenant acme\n  spandrel user create backup --tenant acme --service-account\n  spandrel user create root2 --tenant platform --password-stdin < FILE"
    )]
    Create(UserCreate),
    /// Edit one, or keep it from signing in.
    #[command(
        after_help = "Examples:\n  spandrel user edit acme/ann --email ann@acme.example\n  spandrel user edit acme/ann --disable"
    )]
    Edit(UserEdit),
    /// Set somebody's password. It is signed out everywhere.
    #[command(after_help = "Examples:\n  spandrel user password acme/ann")]
    Password(UserPassword),
    /// Remove one.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel user delete acme/ann")]
    Delete(Delete),
}

/// What can be done with groups.
#[derive(Clone, Debug, Subcommand)]
pub enum GroupCommand {
    /// List the groups that you may see.
    #[command(visible_alias = "ls", after_help = "Examples:\n  spandrel group list")]
    List(ListOutput),
    /// Show one, with who is in it.
    #[command(after_help = "Examples:\n  spandrel group get acme/operators -o json")]
    Get(Named),
    /// Add one to a tenant.
    #[command(after_help = "Examples:\n  spandrel group create operators --tenant acme --member acme/ann")]
    Create(GroupCreate),
    /// Rename one, or change who is in it.
    #[command(
        after_help = "Examples:\n  spandrel group edit acme/operators --add acme/bob\n  spandrel group edit acme/operators --remove acme/ann"
    )]
    Edit(GroupEdit),
    /// Remove one. Its members stay.
    #[command(visible_alias = "rm", after_help = "Examples:\n  spandrel group delete acme/operators")]
    Delete(Delete),
}

/// Options of `user create`.
#[derive(Args, Clone, Debug)]
pub struct UserCreate {
    /// The name that it signs in with: letters, digits and `. _ - @`.
    username: String,
    /// The tenant that it belongs to.
    #[arg(long, value_name = "PATH")]
    tenant: String,
    /// A program, which has no password.
    #[arg(long)]
    service_account: bool,
    /// The name shown to people.
    #[arg(long, default_value = "")]
    display_name: String,
    /// Where it is written to.
    #[arg(long)]
    email: Option<String>,
    /// Read the password from standard input.
    #[arg(long, conflicts_with = "service_account")]
    password_stdin: bool,
}

/// Options of `user edit`.
#[derive(Args, Clone, Debug)]
pub struct UserEdit {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    user: String,
    /// Another name to show.
    #[arg(long)]
    display_name: Option<String>,
    /// Another address; empty for none.
    #[arg(long)]
    email: Option<String>,
    /// It can sign in.
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// It cannot, and is signed out at once.
    #[arg(long)]
    disable: bool,
}

/// Options of `user password`.
#[derive(Args, Clone, Debug)]
pub struct UserPassword {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    user: String,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

/// Options of `group create`.
#[derive(Args, Clone, Debug)]
pub struct GroupCreate {
    /// Its name.
    name: String,
    /// The tenant that it belongs to.
    #[arg(long, value_name = "PATH")]
    tenant: String,
    /// Free text.
    #[arg(long, default_value = "")]
    description: String,
    /// Who is in it; may be repeated.
    #[arg(long = "member", value_name = "USER")]
    members: Vec<String>,
}

/// Options of `group edit`.
#[derive(Args, Clone, Debug)]
pub struct GroupEdit {
    /// Its path or id.
    #[arg(value_name = "PATH|ID")]
    group: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another text.
    #[arg(long)]
    description: Option<String>,
    /// Who comes in; may be repeated.
    #[arg(long, value_name = "USER")]
    add: Vec<String>,
    /// Who goes out; may be repeated.
    #[arg(long, value_name = "USER")]
    remove: Vec<String>,
}

/// Runs a command on users.
pub(crate) async fn user(command: UserCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        UserCommand::List(output) => list(Noun::User, output, session).await,
        UserCommand::Get(args) => show(Noun::User, &args.name, args.output, session).await,
        UserCommand::Create(args) => create_user(args, session).await,
        UserCommand::Edit(args) => {
            let enabled = if args.disable { Some(false) } else { args.enable.then_some(true) };
            let email = args.email.map(|email| if email.is_empty() { Value::Null } else { email.into() });
            let body = given(&[
                ("display_name", args.display_name.map(Value::from)),
                ("email", email),
                ("enabled", enabled.map(Value::from)),
            ]);
            needs_one(&body, "--display-name, --email, --enable, --disable")?;
            edit(Noun::User, &args.user, &body, session).await
        }
        UserCommand::Password(args) => {
            let id = id(&session.client, Noun::User, &args.user).await?;
            let password = new_password(args.password_stdin, session).await?;
            let path = format!("/v1/users/{id}/password");
            session.client.call(Method::PUT, &path, &[], Some(&json!({"password": password})), None).await?;
            session.terminal.note("The password is set. The user is signed out everywhere.");
            Ok(())
        }
        UserCommand::Delete(args) => remove(Noun::User, &args, &[], session).await,
    }
}

async fn new_password(from_stdin: bool, session: &Session) -> Result<String, Failure> {
    let asking = Asking { from_stdin, variable: "SPANDREL_NEW_PASSWORD", prompt: "New password: " };
    Ok(asking.get(&session.terminal).await?.expose_secret().to_owned())
}

async fn create_user(args: UserCreate, session: &mut Session) -> Result<(), Failure> {
    let tenant = id(&session.client, Noun::Tenant, &args.tenant).await?;
    let password = if args.service_account { None } else { Some(new_password(args.password_stdin, session).await?) };
    let body = json!({
        "tenant_id": tenant,
        "username": args.username,
        "kind": if args.service_account { "service_account" } else { "user" },
        "display_name": args.display_name,
        "email": args.email,
        "password": password,
    });
    create(Noun::User, &body, session).await
}

/// Runs a command on groups.
pub(crate) async fn group(command: GroupCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        GroupCommand::List(output) => list(Noun::Group, output, session).await,
        GroupCommand::Get(args) => show(Noun::Group, &args.name, args.output, session).await,
        GroupCommand::Create(args) => {
            let tenant = id(&session.client, Noun::Tenant, &args.tenant).await?;
            let members = users(&args.members, session).await?;
            let body = json!({"tenant_id": tenant, "name": args.name, "description": args.description,
                "member_ids": members});
            create(Noun::Group, &body, session).await
        }
        GroupCommand::Edit(args) => {
            let group = find(&session.client, Noun::Group, &args.group).await?;
            let members = if args.add.is_empty() && args.remove.is_empty() {
                None
            } else {
                let gone = users(&args.remove, session).await?;
                let present = group["member_ids"].as_array().into_iter().flatten();
                let present = present.filter_map(|id| id.as_str().map(str::to_owned));
                let stay: Vec<String> = present.filter(|id| !gone.contains(id)).collect();
                Some(json!([stay, users(&args.add, session).await?].concat()))
            };
            let body = given(&[
                ("name", args.name.map(Value::from)),
                ("description", args.description.map(Value::from)),
                ("member_ids", members),
            ]);
            needs_one(&body, "--name, --description, --add, --remove")?;
            edit_found(Noun::Group, &group, &body, session).await
        }
        GroupCommand::Delete(args) => remove(Noun::Group, &args, &[], session).await,
    }
}

async fn users(names: &[String], session: &Session) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for name in names {
        ids.push(id(&session.client, Noun::User, name).await?);
    }
    Ok(ids)
}
