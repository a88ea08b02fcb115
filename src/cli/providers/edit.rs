//! `provider add`, `edit` and `trust`: what is sent, and how secrets get into it.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Map, Value, json};

use super::wait::{self, WaitArgs};
use super::{NameArgs, name, path, tell_report, view};
use crate::cli::failure::Failure;
use crate::cli::names;
use crate::cli::output::Format;
use crate::cli::password::{Asking, ask_line, confirm};
use crate::cli::session::Session;
use crate::cli::terminal::harmless;

/// The variable that a platform's password may come in.
const PASSWORD_VARIABLE: &str = "SPANDREL_PROVIDER_PASSWORD";

/// Which platform is joined.
#[derive(Clone, Debug, Subcommand)]
pub enum AddCommand {
    /// A vCenter, or an ESXi by itself.
    #[command(after_help = VSPHERE_HELP)]
    Vsphere(VsphereArgs),
    /// One or more Linux hosts with libvirt.
    #[command(after_help = KVM_HELP)]
    Kvm(KvmArgs),
}

const VSPHERE_HELP: &str = "\
User name and password are asked for. The password may be piped in with
--password-stdin, or come in SPANDREL_PROVIDER_PASSWORD. It is never an
argument: every process on this machine can read those. An account that may
only read is enough.

Examples:
  spandrel provider add vsphere --name lab --endpoint vcenter.example --wait
  spandrel provider add vsphere --name lab --endpoint vcenter.example \\
      --username reader@vsphere.local --thumbprint AB:CD:… \\
      --password-stdin < FILE
  spandrel provider add vsphere --name lab --endpoint vcenter.example --dry-run

If the certificate is not trusted, its fingerprint is shown, and the command
that trusts it.";

const KVM_HELP: &str = "\
Each --url is one host; several make one cluster.

Examples:
  spandrel provider add kvm --name here --url qemu:///system --wait
  spandrel provider add kvm --name rack --url qemu+ssh://root@one/system \\
      --url qemu+ssh://root@two/system
  spandrel provider add kvm --name try --url test:///default";

/// What both platforms take.
#[derive(Args, Clone, Debug)]
struct CommonArgs {
    /// The name of the new provider.
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Who signs in there.
    #[arg(long, short, value_name = "NAME")]
    username: Option<String>,
    /// Read the platform's password from standard input.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    trust: TrustOptions,
    /// Add it, but do not sync it yet.
    #[arg(long, conflicts_with = "wait")]
    disabled: bool,
    /// Test the connection and add nothing.
    #[arg(long, conflicts_with_all = ["wait", "disabled"])]
    dry_run: bool,
    #[command(flatten)]
    wait: WaitArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// How the platform's certificate is checked.
#[derive(Args, Clone, Debug, Default)]
struct TrustOptions {
    /// Trust the one certificate with this SHA-256 fingerprint.
    #[arg(long, value_name = "SHA-256", conflicts_with = "ca_file")]
    thumbprint: Option<String>,
    /// Trust certificates signed by those in this PEM file.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl TrustOptions {
    fn body(&self) -> Result<Option<Value>, Failure> {
        match (&self.thumbprint, &self.ca_file) {
            // Each replaces the other.
            (Some(thumbprint), _) => Ok(Some(json!({"thumbprint_sha256": fingerprint(thumbprint)?, "ca_pem": null}))),
            (None, Some(file)) => Ok(Some(json!({"thumbprint_sha256": null, "ca_pem": pem(file)?}))),
            (None, None) => Ok(None),
        }
    }
}

/// Options of `provider add vsphere`.
#[derive(Args, Clone, Debug)]
pub struct VsphereArgs {
    /// Address of the vCenter or ESXi: a host name, or https://host:port.
    #[arg(long, alias = "url", value_name = "ADDRESS")]
    endpoint: String,
    #[command(flatten)]
    common: CommonArgs,
}

/// Options of `provider add kvm`.
#[derive(Args, Clone, Debug)]
pub struct KvmArgs {
    /// libvirt URI of a host. May be given several times.
    #[arg(long = "url", alias = "endpoint", value_name = "URI", required = true)]
    urls: Vec<String>,
    #[command(flatten)]
    common: CommonArgs,
}

/// Options of `provider edit`.
#[derive(Args, Clone, Debug)]
pub struct EditArgs {
    #[command(flatten)]
    provider: NameArgs,
    /// Another name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Another address. KVM: may be given several times, and replaces all hosts. If a password is kept it is asked for.
    #[arg(long, alias = "url", value_name = "ADDRESS")]
    endpoint: Vec<String>,
    /// Another user. The password is asked for too.
    #[arg(long, short, value_name = "NAME", conflicts_with = "no_username")]
    username: Option<String>,
    /// Sign in without a user.
    #[arg(long)]
    no_username: bool,
    /// Another password for the same user; it is asked for.
    #[arg(long, conflicts_with = "no_username")]
    new_password: bool,
    /// Read the new password from standard input.
    #[arg(long, conflicts_with = "no_username")]
    password_stdin: bool,
    #[command(flatten)]
    trust: TrustOptions,
    /// Trust only what the gateway's machine trusts.
    #[arg(long, conflicts_with_all = ["thumbprint", "ca_file"])]
    no_trust: bool,
    #[command(flatten)]
    wait: WaitArgs,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t, value_name = "FORMAT")]
    output: Format,
}

/// Options of `provider trust`.
#[derive(Args, Clone, Debug)]
pub struct TrustArgs {
    #[command(flatten)]
    provider: NameArgs,
    /// The SHA-256 fingerprint to trust. Default: what the provider presents, after asking.
    #[arg(long, value_name = "SHA-256")]
    thumbprint: Option<String>,
    /// Do not ask: trust what is presented, or a --thumbprint that is not presented.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    wait: WaitArgs,
}

/// Adds a provider.
pub(super) async fn add(command: AddCommand, session: &mut Session) -> Result<(), Failure> {
    let (kind, endpoints, mut args) = match command {
        AddCommand::Vsphere(args) => ("vsphere", vec![args.endpoint], args.common),
        AddCommand::Kvm(args) => ("kvm", args.urls, args.common),
    };
    if kind == "vsphere" && args.username.is_none() {
        if !session.terminal.can_ask {
            return Err(Failure::usage("A user name is needed.", "Give it with --username NAME."));
        }
        args.username =
            Some(ask_line(&mut session.terminal, &format!("User name at {}: ", endpoints.join(", "))).await?);
    }
    let mut body = json!({"name": args.name, "kind": kind, "endpoints": endpoints, "enabled": !args.disabled});
    if let Some(trust) = args.trust.body()? {
        body["trust"] = trust;
    }
    if let Some(username) = &args.username {
        let prompt = format!("Password of {} at {}: ", harmless(username), harmless(&endpoints.join(", ")));
        let asking = Asking { from_stdin: args.password_stdin, variable: PASSWORD_VARIABLE, prompt: &prompt };
        let password = asking.get(&session.terminal).await?;
        body["username"] = json!(username);
        body["password"] = json!(password.expose_secret());
    }
    if args.dry_run {
        let report = session.client.call(Method::POST, "/v1/providers/test", &[], Some(&body), None).await?.body;
        return tell_report(&report, args.output, "spandrel provider add …", session);
    }
    let created = session.client.create("/v1/providers", &body).await?.body;
    tell_provider(&created, "added", args.output, session)?;
    if args.wait.wait {
        return wait::until_live(args.wait, &created, None, session).await;
    }
    if !args.disabled && matches!(args.output, Format::Table | Format::Wide) {
        let seen = wait::first_sign(&created, session).await?;
        wait::tell_first_sign(&seen, session);
    }
    Ok(())
}

/// Says what was done with a provider, in the form asked for.
fn tell_provider(provider: &Value, done: &str, format: Format, session: &mut Session) -> Result<(), Failure> {
    match format {
        Format::Json | Format::Yaml => {
            let text = format.structured(provider)?;
            session.terminal.line(&text)
        }
        Format::Name => session.terminal.line(&name(provider)),
        Format::Table | Format::Wide => session.terminal.line(&format!(
            "{} is {done}: {}",
            name(provider),
            harmless(provider["id"].as_str().unwrap_or("-"))
        )),
    }
}

/// Changes a provider.
pub(super) async fn edit(args: EditArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let mut patch = Map::new();
    if let Some(name) = &args.name {
        patch.insert("name".to_owned(), json!(name));
    }
    if !args.endpoint.is_empty() {
        patch.insert("endpoints".to_owned(), json!(args.endpoint));
    }
    if args.no_username {
        patch.insert("username".to_owned(), Value::Null);
        patch.insert("password".to_owned(), Value::Null);
    }
    if let Some(username) = &args.username {
        patch.insert("username".to_owned(), json!(username));
    }
    if args.no_trust {
        patch.insert("trust".to_owned(), Value::Null);
    } else if let Some(trust) = args.trust.body()? {
        patch.insert("trust".to_owned(), trust);
    }
    let moves = !args.no_username && sends_password_elsewhere(&provider, &args.endpoint);
    if args.username.is_some() || args.new_password || args.password_stdin || moves {
        if moves {
            session.terminal.note(
                "The address changes, so the password is needed again: a kept one goes only to where it was given for.",
            );
        }
        let prompt = format!("Password at {}: ", name(&provider));
        let asking = Asking { from_stdin: args.password_stdin, variable: PASSWORD_VARIABLE, prompt: &prompt };
        let password = asking.get(&session.terminal).await?;
        patch.insert("password".to_owned(), json!(password.expose_secret()));
    }
    if patch.is_empty() {
        return Err(Failure::usage(
            "There is nothing to change.",
            "`spandrel provider edit --help` tells what can be changed.",
        ));
    }
    // What was changed since we looked is not overwritten.
    let etag = session.client.get(&path(&provider), &[]).await?.etag;
    let edited =
        session.client.call(Method::PATCH, &path(&provider), &[], Some(&Value::Object(patch)), etag.as_deref()).await?;
    let unchanged = edited.changed.as_ref().is_some_and(Vec::is_empty);
    tell_provider(&edited.body, if unchanged { "unchanged" } else { "changed" }, args.output, session)?;
    if unchanged {
        let shown = view::quoted(&name(&provider));
        session
            .terminal
            .note(&format!("It was so already. `spandrel provider resync {shown}` tries the connection again."));
    }
    wait::if_asked(args.wait, &provider, wait::edited(&provider, &edited.body), session).await
}

/// Whether a password is kept, and one of the addresses is another than before.
fn sends_password_elsewhere(provider: &Value, endpoints: &[String]) -> bool {
    let known: Vec<&str> = view::sources(provider).iter().filter_map(|source| source["endpoint"].as_str()).collect();
    provider["has_password"] == true && endpoints.iter().any(|endpoint| !known.contains(&endpoint.as_str()))
}

/// Trusts the certificate of a provider.
pub(super) async fn trust(args: TrustArgs, session: &mut Session) -> Result<(), Failure> {
    let provider = names::provider(&session.client, &args.provider.provider).await?;
    let thumbprint = match &args.thumbprint {
        Some(thumbprint) => {
            let thumbprint = fingerprint(thumbprint)?;
            if let Some(other) = contradicts(&provider, &thumbprint) {
                let question = format!(
                    "{} presents the certificate {}, not {thumbprint}.\nIf only the latter is trusted, it cannot be \
                     reached until it presents that one. Trust it all the same?",
                    name(&provider),
                    harmless(&other)
                );
                confirm(&mut session.terminal, args.yes, &question).await?;
            }
            thumbprint
        }
        None => {
            let presented = presented(&provider)?;
            let question = format!(
                "{} ({}) presents the certificate with the SHA-256 fingerprint\n  {}\nTrust it?",
                name(&provider),
                harmless(&view::endpoints(&provider)),
                harmless(&presented)
            );
            confirm(&mut session.terminal, args.yes, &question).await?;
            presented
        }
    };
    let body = json!({"thumbprint_sha256": thumbprint});
    let path = format!("{}/trust", path(&provider));
    let trusted = session.client.call(Method::POST, &path, &[], Some(&body), None).await?.body;
    session.terminal.note(&format!("{} is trusted by that fingerprint.", name(&provider)));
    // What could not be reached is tried again, also when it was trusted so already.
    let unreachable = Some(&provider).filter(|provider| view::overall(provider) == "unreachable");
    let before = wait::edited(&provider, &trusted).or(unreachable);
    wait::if_asked(args.wait, &provider, before, session).await
}

/// Another fingerprint than this that a provider is known to present, when none of its sources presents this one: what is not
/// trusted yet, or what it is live with.
fn contradicts(provider: &Value, thumbprint: &str) -> Option<String> {
    let trusted = provider["trust"]["thumbprint_sha256"].as_str();
    let known: Vec<&str> = view::sources(provider)
        .iter()
        .map(|source| &source["sync"])
        .filter_map(|sync| match sync["state"].as_str() {
            Some("live" | "lagging" | "loading") => trusted,
            _ => sync["presented_thumbprint"].as_str(),
        })
        .collect();
    let same = known.iter().any(|other| other.eq_ignore_ascii_case(thumbprint));
    known.first().filter(|_| !same).map(|other| (*other).to_owned())
}

/// The fingerprint that the sources of a provider present.
fn presented(provider: &Value) -> Result<String, Failure> {
    let mut presented: Vec<&str> =
        view::sources(provider).iter().filter_map(|source| source["sync"]["presented_thumbprint"].as_str()).collect();
    presented.sort_unstable();
    presented.dedup();
    match presented.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => Err(Failure::failed_mend(
            format!("{} presents no certificate that is not trusted already.", name(provider)),
            "Give the fingerprint with --thumbprint, or look at `spandrel provider get`.",
        )),
        several => Err(Failure::usage(
            format!("The hosts of {} present different certificates.", name(provider)),
            format!("Choose one with --thumbprint: {}", several.join(", ")),
        )),
    }
}

/// A SHA-256 fingerprint as tools write it: 32 pairs of hexadecimal digits, with or without colons.
fn fingerprint(text: &str) -> Result<String, Failure> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | ' ' | '-')).collect();
    if digits.len() != 64 || !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(Failure::usage(
            format!("`{text}` is not a SHA-256 fingerprint."),
            "It has 32 pairs of hexadecimal digits: AB:CD:…. A SHA-1 fingerprint has only 20.",
        ));
    }
    let upper = digits.to_ascii_uppercase();
    let pairs: Vec<&str> = (0..32).map(|pair| &upper[pair * 2..pair * 2 + 2]).collect();
    Ok(pairs.join(":"))
}

fn pem(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("{} cannot be read: {error}.", file.display()), "Give a PEM file."))?;
    if !text.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Failure::usage(
            format!("{} holds no certificate.", file.display()),
            "It must hold lines of -----BEGIN CERTIFICATE-----.",
        ));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_tools_write_them() {
        let colons = vec!["AB"; 32].join(":");
        for text in [colons.clone(), "ab".repeat(32), format!(" {} ", vec!["aB"; 32].join(" "))] {
            assert_eq!(fingerprint(&text).unwrap(), colons);
        }
        for text in ["", "AB:CD", &"zz".repeat(32), &"ab".repeat(20), &"é".repeat(32)] {
            assert!(fingerprint(text).is_err(), "{text}");
        }
    }

    #[test]
    fn another_certificate_than_the_one_that_is_presented_is_noticed() {
        let provider = |state: &str, presented: Value, trusted: Value| {
            json!({"trust": {"thumbprint_sha256": trusted},
                   "sources": [{"sync": {"state": state, "presented_thumbprint": presented}}]})
        };
        let check = |provider: &Value, expected: Option<&str>| {
            assert_eq!(contradicts(provider, "AB:CD").as_deref(), expected, "{provider}");
        };
        check(&provider("live", Value::Null, json!("12:34")), Some("12:34"));
        check(&provider("live", Value::Null, json!("ab:cd")), None);
        check(&provider("live", Value::Null, Value::Null), None);
        check(&provider("unreachable", json!("12:34"), Value::Null), Some("12:34"));
        check(&provider("unreachable", json!("AB:CD"), json!("12:34")), None);
        // It was trusted once, and does not answer now: what it presents is not known.
        check(&provider("unreachable", Value::Null, json!("12:34")), None);
    }

    #[test]
    fn a_kept_password_is_asked_for_again_where_the_address_changes() {
        let provider = |kept: bool| json!({"has_password": kept, "sources": [{"endpoint": "a"}, {"endpoint": "b"}]});
        let asks = |kept, given: &[&str]| {
            let given: Vec<String> = given.iter().map(|text| (*text).to_owned()).collect();
            sends_password_elsewhere(&provider(kept), &given)
        };
        assert!(asks(true, &["a", "c"]) && !asks(true, &["b"]) && !asks(true, &[]) && !asks(false, &["c"]));
    }

    #[test]
    fn only_one_presented_certificate_can_be_meant() {
        let source = |thumbprint: &str| json!({"sync": {"presented_thumbprint": thumbprint}});
        let with = |sources: Vec<Value>| json!({"name": "lab", "sources": sources});
        assert_eq!(presented(&with(vec![source("A"), source("A")])).unwrap(), "A");
        assert!(matches!(presented(&with(vec![source("A"), source("B")])), Err(Failure::Usage { .. })));
        assert!(presented(&with(vec![])).is_err());
    }
}
