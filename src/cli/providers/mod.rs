//! `provider …`: join platforms, see how they do, part from them.

mod edit;
mod history;
mod view;
mod wait;

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::failure::{EXIT_FAILED, Failure};
use super::human::now;
use super::names::{self, items};
use super::output::{Format, ListOutput};
use super::password::confirm;
use super::session::Session;
use super::table::{Cell, print};
use super::terminal::{Tone, harmless};
pub use edit::{AddCommand, EditArgs, TrustArgs};
pub use history::HistoryArgs;
pub(crate) use view::{overall, source_line};
pub use wait::WaitArgs;
pub(super) use wait::until_live;

/// What can be done with providers.
#[derive(Clone, Debug, Subcommand)]
pub enum ProviderCommand {
    /// List them.
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  spandrel provider list\n  spandrel provider list -o wide\n  spandrel provider list -o name"
    )]
    List(ListOutput),
    /// Show one: its endpoints, and how true what is shown of each is.
    #[command(
        alias = "show",
        after_help = "Examples:\n  spandrel provider get lab\n  spandrel provider get lab -o yaml"
    )]
    Get(OneArgs),
    /// Join a vCenter, an ESXi or KVM hosts.
    #[command(subcommand, arg_required_else_help = true)]
    Add(AddCommand),
    /// Test the connection of one, step by step. Nothing is changed.
    #[command(
        after_help = "Examples:\n  spandrel provider test lab\n\nTo test before adding: spandrel provider add … --dry-run"
    )]
    Test(OneArgs),
    /// Trust the certificate that a provider presents.
    #[command(after_help = TRUST_HELP)]
    Trust(TrustArgs),
    /// Change a provider. What is not named stays as it is.
    #[command(after_help = EDIT_HELP)]
    Edit(EditArgs),
    /// Sync a provider again that was disabled.
    #[command(after_help = "Examples:\n  spandrel provider enable lab --wait")]
    Enable(ActArgs),
    /// Stop syncing a provider. What is known of it stays, as it was.
    #[command(after_help = "Examples:\n  spandrel provider disable lab")]
    Disable(NameArgs),
    /// Part from a provider. Its objects go from the inventory; nothing is done to the platform.
    #[command(
        alias = "rm",
        after_help = "Examples:\n  spandrel provider remove lab\n  spandrel provider remove lab --yes --wait"
    )]
    Remove(RemoveArgs),
    /// Read everything of a provider again.
    #[command(after_help = "Examples:\n  spandrel provider resync lab --wait")]
    Resync(ActArgs),
    /// List objects that were left out, and why.
    #[command(after_help = "Examples:\n  spandrel provider quarantine lab")]
    Quarantine(OneArgs),
    /// List what the sync states were, the newest first.
    #[command(after_help = history::HELP)]
    History(HistoryArgs),
    /// List what the platform can do.
    #[command(after_help = "Examples:\n  spandrel provider capabilities lab")]
    Capabilities(OneArgs),
}

const TRUST_HELP: &str = "\
Without --thumbprint the fingerprint that the provider presents is shown and
you are asked. Compare it with what the platform's administrator tells you.

Examples:
  spandrel provider trust lab
  spandrel provider trust lab --thumbprint AB:CD:… --wait";

const EDIT_HELP: &str = "\
Examples:
  spandrel provider edit lab --name production
  spandrel provider edit lab -u reader@vsphere.local --password-stdin < FILE
  spandrel provider edit kvm --url qemu+ssh://one/system --url qemu:///system

If somebody else changed the provider meanwhile, nothing is changed and the
exit code is 5.";

/// A provider, and how to print the answer.
#[derive(Args, Clone, Debug)]
pub struct OneArgs {
    #[command(flatten)]
    provider: NameArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// A provider.
#[derive(Args, Clone, Debug)]
pub struct NameArgs {
    /// The provider's name or id.
    #[arg(value_name = "PROVIDER")]
    provider: String,
}

/// A provider that is acted on, and whether to wait for the outcome.
#[derive(Args, Clone, Debug)]
pub struct ActArgs {
    #[command(flatten)]
    provider: NameArgs,
    #[command(flatten)]
    wait: WaitArgs,
}

/// A provider that is removed.
#[derive(Args, Clone, Debug)]
pub struct RemoveArgs {
    #[command(flatten)]
    provider: NameArgs,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Runs the command.
pub(crate) async fn run(command: ProviderCommand, session: &mut Session) -> Result<(), Failure> {
    match command {
        ProviderCommand::List(output) => list(output, session).await,
        ProviderCommand::Get(args) => get(args, session).await,
        ProviderCommand::Add(command) => edit::add(command, session).await,
        ProviderCommand::Test(args) => test(args, session).await,
        ProviderCommand::Trust(args) => edit::trust(args, session).await,
        ProviderCommand::Edit(args) => edit::edit(args, session).await,
        ProviderCommand::Enable(args) => switch(&args.provider.provider, true, Some(args.wait), session).await,
        ProviderCommand::Disable(args) => switch(&args.provider, false, None, session).await,
        ProviderCommand::Remove(args) => remove(args, session).await,
        ProviderCommand::Resync(args) => resync(args, session).await,
        ProviderCommand::Quarantine(args) => quarantine(args, session).await,
        ProviderCommand::History(args) => history::run(args, session).await,
        ProviderCommand::Capabilities(args) => capabilities(args, session).await,
    }
}

/// The path of a provider.
fn path(provider: &Value) -> String {
    format!("/v1/providers/{}", provider["id"].as_str().unwrap_or_default())
}

/// A provider's name, fit for a terminal.
fn name(provider: &Value) -> String {
    harmless(provider["name"].as_str().unwrap_or("-"))
}

async fn list(output: ListOutput, session: &mut Session) -> Result<(), Failure> {
    let body = session.client.get("/v1/providers", &[]).await?.body;
    let mut providers = super::nouns::owned_items(&body);
    providers.sort_by_key(name);
    match output.output {
        Format::Json | Format::Yaml => {
            let text = output.output.structured(&body)?;
            session.terminal.line(&text)
        }
        Format::Name => providers.iter().try_for_each(|provider| session.terminal.line(&name(provider))),
        Format::Table | Format::Wide if providers.is_empty() => {
            session.terminal.note("There are no providers yet. `spandrel provider add --help` tells how to add one.");
            Ok(())
        }
        Format::Table | Format::Wide => {
            let wide = output.output == Format::Wide;
            let columns: Vec<String> = match output.columns.as_slice() {
                [] => view::columns(wide),
                asked => asked.to_vec(),
            };
            view::check_columns(&columns, &providers)?;
            let now = now();
            let rows = providers
                .iter()
                .map(|provider| columns.iter().map(|column| view::cell(provider, column, now)).collect())
                .collect();
            let headers: Vec<String> = columns.iter().map(|column| column.replace('_', " ").to_uppercase()).collect();
            print(&mut session.terminal, &headers, rows, !output.no_headers, !wide)
        }
    }
}

async fn get(args: OneArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    match args.output {
        Format::Json | Format::Yaml => {
            let text = args.output.structured(&provider)?;
            session.terminal.line(&text)
        }
        Format::Name => session.terminal.line(&name(&provider)),
        Format::Table | Format::Wide => {
            let text = view::describe(&provider, session.terminal.palette, now());
            session.terminal.line(&text)
        }
    }
}

async fn test(args: OneArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let path = format!("{}/test", path(&provider));
    let report = session.client.call(Method::POST, &path, &[], None, None).await?.body;
    let trust = format!("spandrel provider trust {}", view::quoted(&name(&provider)));
    tell_report(&report, args.output, &trust, session)
}

/// Prints what a connection test found. It fails when a check failed.
fn tell_report(report: &Value, format: Format, trust: &str, session: &mut Session) -> Result<(), Failure> {
    let checks = report["checks"].as_array().map_or(&[][..], Vec::as_slice);
    let failed = checks.iter().any(|check| check["passed"] == false);
    if matches!(format, Format::Json | Format::Yaml) {
        let text = format.structured(report)?;
        session.terminal.line(&text)?;
    } else {
        let rows = checks
            .iter()
            .map(|check| {
                let result = match check["passed"].as_bool() {
                    Some(true) => Cell::toned("passed", Tone::Good),
                    Some(false) => Cell::toned("failed", Tone::Bad),
                    None => Cell::toned("not tried", Tone::Quiet),
                };
                vec![
                    Cell::text(check["name"].as_str().unwrap_or("-")),
                    result,
                    Cell::text(check["message"].as_str().unwrap_or("-")),
                ]
            })
            .collect();
        let headers = ["CHECK", "RESULT", "MESSAGE"].map(str::to_owned);
        if !checks.is_empty() {
            print(&mut session.terminal, &headers, rows, true, false)?;
        }
        if let Some(product) = view::product(&report["identity"]) {
            session.terminal.line(&format!("It is {}.", harmless(&product)))?;
        }
        if let Some(thumbprint) = report["presented_thumbprint"].as_str() {
            let thumbprint = harmless(thumbprint);
            session.terminal.note(&format!(
                "Its certificate is not trusted. SHA-256 fingerprint:\n  {thumbprint}\nIf that is right, trust it:\n  {trust} --thumbprint {thumbprint}"
            ));
        }
    }
    if failed { Err(Failure::Said(EXIT_FAILED)) } else { Ok(()) }
}

async fn switch(text: &str, enabled: bool, wait: Option<WaitArgs>, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, text).await?;
    let body = json!({"enabled": enabled});
    let edited = session.client.call(Method::PATCH, &path(&provider), &[], Some(&body), None).await?.body;
    session.terminal.note(&format!("{} is {}.", name(&provider), if enabled { "enabled" } else { "disabled" }));
    match wait {
        Some(wait) => wait::if_asked(wait, &provider, wait::edited(&provider, &edited), session).await,
        None => Ok(()),
    }
}

async fn remove(args: RemoveArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let question = format!(
        "Part from {} ({})? Its objects go from the inventory; nothing is done to the platform.",
        name(&provider),
        harmless(&view::endpoints(&provider))
    );
    confirm(&mut session.terminal, args.yes, &question).await?;
    session.client.call(Method::DELETE, &path(&provider), &[], None, None).await?;
    if args.wait.wait {
        wait::until_gone(args.wait, &provider, session).await?;
        session.terminal.note(&format!("{} is removed.", name(&provider)));
    } else {
        session.terminal.note(&format!("{} is being removed.", name(&provider)));
    }
    Ok(())
}

async fn resync(args: ActArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    session.client.call(Method::POST, &format!("{}/resync", path(&provider)), &[], None, None).await?;
    session.terminal.note(&format!("Everything of {} is read again.", name(&provider)));
    wait::if_asked(args.wait, &provider, Some(&provider), session).await
}

async fn quarantine(args: OneArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let body = session.client.get(&format!("{}/quarantine", path(&provider)), &[]).await?.body;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&body)?;
        return session.terminal.line(&text);
    }
    if items(&body).is_empty() {
        session.terminal.note(&format!("Nothing of {} is left out.", name(&provider)));
        return Ok(());
    }
    let now = now();
    let rows = items(&body)
        .iter()
        .map(|item| {
            ["kind", "key", "since", "reason"].map(|field| super::columns::member(field, &item[field], now)).to_vec()
        })
        .collect();
    let headers = ["KIND", "KEY", "SINCE", "REASON"].map(str::to_owned);
    print(&mut session.terminal, &headers, rows, true, false)
}

async fn capabilities(args: OneArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let body = session.client.get(&format!("{}/capabilities", path(&provider)), &[]).await?.body;
    if matches!(args.output, Format::Json | Format::Yaml) {
        let text = args.output.structured(&body)?;
        return session.terminal.line(&text);
    }
    let rows = items(&body)
        .iter()
        .map(|item| {
            let supported = item["supported"] == true;
            vec![
                Cell::text(item["name"].as_str().unwrap_or("-")),
                Cell::toned(if supported { "yes" } else { "no" }, if supported { Tone::Good } else { Tone::Quiet }),
                item["note"].as_str().map_or_else(Cell::none, Cell::text),
            ]
        })
        .collect();
    let headers = ["CAPABILITY", "SUPPORTED", "NOTE"].map(str::to_owned);
    print(&mut session.terminal, &headers, rows, true, false)
}
