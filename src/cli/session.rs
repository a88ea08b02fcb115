//! Which server a command goes to and as whom; `login`, `logout`, `whoami`.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

use super::client::{Client, DEFAULT_SERVER, is_exposed, parse_server};
use super::credentials::{Credentials, Entry, default_path};
use super::failure::Failure;
use super::human::moment;
use super::output::Format;
use super::password::{Asking, ask_line};
use super::terminal::{Terminal, harmless};

/// Options that every command of the client takes.
#[derive(Args, Clone, Debug, Default)]
pub struct Globals {
    /// The gateway's address. Default: where you signed in last.
    #[arg(long, global = true, env = "SPANDREL_SERVER", value_name = "URL", help_heading = "Client options")]
    pub server: Option<String>,
    /// Trust the gateway by the certificates in this PEM file too, besides the machine's own. Remembered by `login`.
    #[arg(
        long = "server-ca-file",
        global = true,
        env = "SPANDREL_CA_FILE",
        value_name = "FILE",
        help_heading = "Client options"
    )]
    pub server_ca_file: Option<PathBuf>,
    /// Seconds to wait for an answer.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Client options")]
    pub timeout: u64,
    /// When to use colours.
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t, help_heading = "Client options")]
    pub color: super::ColourChoice,
}

/// A server, a token for it, and the terminal: what commands work with.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) terminal: Terminal,
}

impl Session {
    /// Finds the server and the token.
    ///
    /// # Errors
    /// When the address is wrong or the credentials cannot be read.
    pub(crate) fn open(globals: &Globals, terminal: Terminal) -> Result<Self, Failure> {
        let variable = env::var("SPANDREL_TOKEN").ok().filter(|token| !token.is_empty());
        // With both given there is nothing to look up, and no home directory is needed.
        let credentials = match (&globals.server, &variable) {
            (Some(_), Some(_)) => Credentials::default(),
            _ => Credentials::load(&default_path()?)?,
        };
        let server = chosen_server(globals, &credentials)?;
        let entry = credentials.servers.get(key(&server));
        let token = variable.or_else(|| entry.map(|entry| entry.token.clone())).map(SecretString::from);
        if token.is_none() {
            return Err(Failure::NotSignedIn { server: key(&server).to_owned() });
        }
        let ca_file = globals.server_ca_file.clone().or_else(|| entry.and_then(|entry| entry.ca_file.clone()));
        let client = Client::new(server, token, ca_file.as_deref(), Duration::from_secs(globals.timeout))?;
        Ok(Self { client, terminal })
    }
}

fn chosen_server(globals: &Globals, credentials: &Credentials) -> Result<Url, Failure> {
    parse_server(globals.server.as_deref().or(credentials.current.as_deref()).unwrap_or(DEFAULT_SERVER))
}

/// How a server is called in the credentials.
fn key(server: &Url) -> &str {
    server.as_str().trim_end_matches('/')
}

/// Options of `login`.
#[derive(Args, Clone, Debug)]
pub struct LoginArgs {
    /// Who signs in. Asked for when left out.
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
}

/// Signs in and remembers the token.
pub(crate) async fn login(args: LoginArgs, globals: &Globals, mut terminal: Terminal) -> Result<(), Failure> {
    let path = default_path()?;
    let mut credentials = Credentials::load(&path)?;
    let server = chosen_server(globals, &credentials)?;
    let name = key(&server).to_owned();
    if is_exposed(&server) {
        terminal.note(&format!("warning: {name} is not encrypted. Whoever is on the way can read your password."));
    }
    let ca_file = match &globals.server_ca_file {
        Some(file) => Some(std::path::absolute(file).unwrap_or_else(|_| file.clone())),
        None => credentials.servers.get(&name).and_then(|entry| entry.ca_file.clone()),
    };
    let client = Client::new(server, None, ca_file.as_deref(), Duration::from_secs(globals.timeout))?;
    let username = match args.username {
        Some(username) => username,
        None if terminal.can_ask => ask_line(&mut terminal, &format!("User name at {name}: ")).await?,
        None => return Err(Failure::usage("A user name is needed.", "Give it with --username NAME.")),
    };
    let prompt = format!("Password of {} at {name}: ", harmless(&username));
    let asking = Asking { from_stdin: args.password_stdin, variable: "SPANDREL_PASSWORD", prompt: &prompt };
    let password = asking.get(&terminal).await?;
    let body = json!({"username": username, "password": password.expose_secret()});
    let answer = client.call(Method::POST, "/v1/login", &[], Some(&body), None).await?.body;
    let Some(token) = answer["token"].as_str() else {
        return Err(Failure::failed(format!("What answers at {name} is not a Spandrel gateway.")));
    };
    let entry = Entry {
        username: answer["username"].as_str().unwrap_or(&username).to_owned(),
        token: token.to_owned(),
        expires_at: answer["expires_at"].as_str().map(str::to_owned),
        ca_file,
    };
    let until = entry.expires_at.as_ref().map(|until| format!(", until {}", moment(until))).unwrap_or_default();
    terminal.note(&format!("Signed in at {name} as {}{}.", harmless(&entry.username), until));
    credentials.servers.insert(name.clone(), entry);
    credentials.current = Some(name);
    credentials.save(&path)
}

/// Ends the session at the server and forgets the token.
pub(crate) async fn logout(globals: &Globals, mut terminal: Terminal) -> Result<(), Failure> {
    let path = default_path()?;
    let mut credentials = Credentials::load(&path)?;
    let server = chosen_server(globals, &credentials)?;
    let name = key(&server).to_owned();
    let Some(entry) = credentials.servers.remove(&name) else {
        terminal.note(&format!("You were not signed in at {name}."));
        return Ok(());
    };
    // First forget it here: a server that does not answer must not keep anybody signed in on this machine.
    credentials.save(&path)?;
    let ca_file = globals.server_ca_file.clone().or(entry.ca_file);
    let timeout = Duration::from_secs(globals.timeout);
    let client = Client::new(server, Some(entry.token.into()), ca_file.as_deref(), timeout)?;
    match client.call(Method::POST, "/v1/logout", &[], None, None).await {
        Ok(_) => terminal.note(&format!("Signed out at {name}.")),
        // The token was not valid any more.
        Err(Failure::Problem(problem)) if problem.status == 401 => terminal.note(&format!("Signed out at {name}.")),
        Err(failure) => {
            terminal
                .note("The token is forgotten on this machine. The server could not be told; there it ends by itself.");
            return Err(failure);
        }
    }
    Ok(())
}

/// Options of `whoami`.
#[derive(Args, Clone, Debug)]
pub struct WhoamiArgs {
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Says who is signed in where.
pub(crate) async fn whoami(args: WhoamiArgs, session: &mut Session) -> Result<(), Failure> {
    let answer = session.client.get("/v1/session", &[]).await?.body;
    match args.output {
        Format::Json | Format::Yaml => {
            let text = args.output.structured(&answer)?;
            session.terminal.line(&text)
        }
        Format::Name => session.terminal.line(&harmless(answer["username"].as_str().unwrap_or("-"))),
        Format::Table | Format::Wide => {
            let roles: Vec<&str> =
                answer["roles"].as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
            let path = answer["tenant_path"].as_str().filter(|path| !path.is_empty());
            let path = path.map(|path| format!("{path}/")).unwrap_or_default();
            let name = answer["username"].as_str().unwrap_or("-");
            let server = session.client.server().to_owned();
            session.terminal.line(&format!(
                "{} ({}) at {server}{}",
                harmless(&format!("{path}{name}")),
                if roles.is_empty() { "no role".to_owned() } else { harmless(&roles.join(", ")) },
                match &answer["expires_at"] {
                    Value::String(until) => format!(", until {}", moment(until)),
                    _ => String::new(),
                }
            ))
        }
    }
}
