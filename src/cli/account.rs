//! `token …` and `password`: what programs sign in with, and one's own password.

use clap::{Args, Subcommand};
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::access::{Noun, id};
use super::columns::member;
use super::failure::Failure;
use super::human::{moment, now};
use super::names::items;
use super::output::{Format, ListOutput};
use super::password::{Asking, two_from_stdin};
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::harmless;

/// What can be done with API tokens.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a token. It is written to standard output, this once.
    #[command(
        after_help = "Examples:\n  spandrel token create backup\n  SPANDREL_TOKEN=$(spandrel token create ci) spandrel vm list\n  spandrel token create ci --expires-in-days 30\n  spandrel token create nightly --user acme/backup"
    )]
    Create(CreateArgs),
    /// List your tokens, or those of somebody whom you may see.
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  spandrel token list\n  spandrel token list -o json\n  spandrel token list --user acme/backup"
    )]
    List(ListArgs),
    /// Make a token worthless.
    #[command(
        alias = "rm",
        after_help = "Examples:\n  spandrel token revoke backup\n  spandrel token revoke nightly --user acme/backup"
    )]
    Revoke(RevokeArgs),
}

/// Options of `token create`.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// What it is for.
    #[arg(value_name = "NAME")]
    name: String,
    /// Days until it ends. Default: a year.
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    of: Of,
}

/// Whose tokens.
#[derive(Args, Clone, Debug)]
struct Of {
    /// Of this service account, instead of your own: its path or id.
    #[arg(long, value_name = "PATH|ID")]
    user: Option<String>,
}

impl Of {
    /// The address of the tokens.
    async fn address(&self, session: &Session) -> Result<String, Failure> {
        Ok(match &self.user {
            None => "/v1/tokens".to_owned(),
            Some(user) => format!("/v1/users/{}/tokens", id(&session.client, Noun::User, user).await?),
        })
    }

    fn whose(&self) -> String {
        self.user.as_ref().map_or_else(|| "You have".to_owned(), |user| format!("{user} has"))
    }
}

/// Options of `token list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    #[command(flatten)]
    output: ListOutput,
    #[command(flatten)]
    of: Of,
}

/// Options of `token revoke`.
#[derive(Args, Clone, Debug)]
pub struct RevokeArgs {
    /// The token's name or id; not the token itself.
    #[arg(value_name = "NAME|ID")]
    which: String,
    #[command(flatten)]
    of: Of,
}

/// Options of `password`.
#[derive(Args, Clone, Debug)]
pub struct PasswordArgs {
    /// Read both from standard input: the current password in the first line, the new one in the second.
    #[arg(long)]
    password_stdin: bool,
}

/// Runs a command on tokens.
pub(crate) async fn token(command: TokenCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        TokenCommand::Create(args) => create(args, session).await,
        TokenCommand::List(ListArgs { output, of }) => list(output, &of, session).await,
        TokenCommand::Revoke(args) => revoke(args, session).await,
    }
}

async fn create(args: CreateArgs, session: &mut Session) -> Result<(), Failure> {
    let body = json!({"name": args.name, "expires_in_days": args.expires_in_days});
    let created = session.client.create(&args.of.address(session).await?, &body).await?.body;
    let until = created["expires_at"].as_str().map(|until| format!(", until {}", moment(until))).unwrap_or_default();
    session.terminal.note(&format!(
        "The token {} is valid from now on{until}. It is shown this once.",
        harmless(created["name"].as_str().unwrap_or("-"))
    ));
    session.terminal.line(created["token"].as_str().unwrap_or_default())
}

async fn list(output: ListOutput, of: &Of, session: &mut Session) -> Result<(), Failure> {
    let body = session.client.get(&of.address(session).await?, &[]).await?.body;
    match output.output {
        Format::Json | Format::Yaml => {
            let text = output.output.structured(&body)?;
            session.terminal.line(&text)
        }
        Format::Name => items(&body)
            .iter()
            .try_for_each(|token| session.terminal.line(&harmless(token["name"].as_str().unwrap_or("-")))),
        Format::Table | Format::Wide if items(&body).is_empty() => {
            session.terminal.note(&format!("{} no tokens. `spandrel token create NAME` makes one.", of.whose()));
            Ok(())
        }
        Format::Table | Format::Wide => {
            let columns: Vec<&str> = match output.columns.as_slice() {
                [] => vec!["name", "created_at", "last_used_at", "expires_at", "id"],
                asked => asked.iter().map(|column| column.trim()).collect(),
            };
            let now = now();
            let cell = |token: &Value, column: &str| match (column, token[column].as_str()) {
                ("expires_at", Some(until)) => Cell::text(&moment(until)),
                _ => member(column, &token[column], now),
            };
            let rows =
                items(&body).iter().map(|token| columns.iter().map(|column| cell(token, column)).collect()).collect();
            let headers: Vec<String> = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
            let cut = output.output == Format::Table;
            print(&mut session.terminal, &headers, rows, !output.no_headers, cut)
        }
    }
}

async fn revoke(args: RevokeArgs, session: &mut Session) -> Result<(), Failure> {
    let body = session.client.get(&args.of.address(session).await?, &[]).await?.body;
    let which = args.which.as_str();
    let found: Vec<&Value> =
        items(&body).iter().filter(|token| token["id"] == which || token["name"] == which).collect();
    let [token] = found.as_slice() else {
        return Err(if found.is_empty() {
            Failure::NotFound {
                what: format!("{} no token named `{which}`.", args.of.whose()),
                mend: Some("`spandrel token list` shows the tokens.".to_owned()),
            }
        } else {
            let ids: Vec<&str> = found.iter().filter_map(|token| token["id"].as_str()).collect();
            Failure::usage(
                format!("{} tokens are named `{which}`.", found.len()),
                format!("Use an id: {}", ids.join(", ")),
            )
        });
    };
    let path = format!("/v1/tokens/{}", token["id"].as_str().unwrap_or_default());
    session.client.call(Method::DELETE, &path, &[], None, None).await?;
    session.terminal.note(&format!("The token {} is revoked.", harmless(token["name"].as_str().unwrap_or("-"))));
    Ok(())
}

/// Changes one's own password.
pub(crate) async fn password(args: PasswordArgs, session: &mut Session) -> Result<(), Failure> {
    let (current, new) = if args.password_stdin { two_from_stdin().await? } else { asked(session).await? };
    let body = json!({"current_password": current.expose_secret(), "new_password": new.expose_secret()});
    session.client.call(Method::POST, "/v1/account/password", &[], Some(&body), None).await?;
    session.terminal.note("Your password is changed. Your other sessions are signed out.");
    Ok(())
}

async fn asked(session: &Session) -> Result<(SecretString, SecretString), Failure> {
    let ask = |variable, prompt| Asking { from_stdin: false, variable, prompt };
    let current = ask("SPANDREL_PASSWORD", "Current password: ").get(&session.terminal).await?;
    let new = ask("SPANDREL_NEW_PASSWORD", "New password: ").get(&session.terminal).await?;
    if session.terminal.can_ask && std::env::var_os("SPANDREL_NEW_PASSWORD").is_none() {
        let again = ask("SPANDREL_NEW_PASSWORD", "New password, again: ").get(&session.terminal).await?;
        if again.expose_secret() != new.expose_secret() {
            return Err(Failure::failed_mend("The two are not the same.", "Nothing was changed. Try again."));
        }
    }
    Ok((current, new))
}
