//! The command line client: `spandrel vm list`, `spandrel watch`, `spandrel provider add`, …
//!
//! It uses the public API and nothing else (invariant 8): of the workspace it knows only the model's words and the
//! declarations of fields. Answers go to standard output, everything else to standard error. Exit codes are part of the
//! interface ([`failure`]); `docs/CLI.md` lists them.

mod access;
mod account;
mod apply;
mod audit;
mod changes;
mod client;
mod columns;
mod credentials;
mod diff;
pub mod failure;
mod help;
mod human;
mod names;
mod nouns;
mod output;
mod pages;
mod password;
mod problem;
mod providers;
mod query;
mod search;
mod session;
mod sse;
mod table;
mod terminal;
#[cfg(test)]
mod testing;
mod tree;
mod watch;

use clap::{Args, Subcommand, ValueHint};
use clap_complete::Shell;
use tokio::sync::Notify;

pub use access::{
    GroupCommand, OwnerCommand, ProjectCommand, QuotaCommand, RoleCommand, RuleCommand, TenantCommand, UserCommand,
    WhyArgs,
};
use failure::{EXIT_DIFFERS, EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, Failure};
pub use help::EXIT_CODES;
pub use nouns::NounCommand;
pub use output::Format;
pub use providers::ProviderCommand;
pub use session::Globals;
use session::Session;
pub use terminal::ColourChoice;
use terminal::Terminal;

/// The commands of the client. The binary has others beside them.
#[derive(Clone, Debug, Subcommand)]
pub enum ClientCommand {
    /// Sign in and remember it.
    #[command(after_help = LOGIN_HELP)]
    Login(session::LoginArgs),
    /// Sign out and forget it.
    #[command(after_help = "Examples:\n  spandrel logout\n  spandrel logout --server https://gateway.example:8443")]
    Logout,
    /// Say who is signed in where.
    #[command(after_help = "Examples:\n  spandrel whoami\n  spandrel whoami -o json")]
    Whoami(session::WhoamiArgs),
    /// Change your password.
    #[command(after_help = "Examples:\n  spandrel password\n  spandrel password --password-stdin < FILE")]
    Password(account::PasswordArgs),
    /// Make, list and revoke tokens for programs.
    #[command(subcommand, visible_alias = "tokens", arg_required_else_help = true, after_help = TOKEN_HELP)]
    Token(account::TokenCommand),
    /// Join vCenters, ESXi and KVM hosts, and see how they do.
    #[command(subcommand, visible_alias = "providers", arg_required_else_help = true, after_help = PROVIDER_HELP)]
    Provider(ProviderCommand),
    /// Tenants: who shares the platforms.
    #[command(subcommand, visible_alias = "tenants", arg_required_else_help = true)]
    Tenant(TenantCommand),
    /// Projects: what holds the machines of a tenant.
    #[command(subcommand, visible_alias = "projects", arg_required_else_help = true)]
    Project(ProjectCommand),
    /// Users and service accounts.
    #[command(subcommand, visible_alias = "users", arg_required_else_help = true)]
    User(UserCommand),
    /// Groups of users.
    #[command(subcommand, visible_alias = "groups", arg_required_else_help = true)]
    Group(GroupCommand),
    /// Roles, and who has which of them where.
    #[command(subcommand, visible_alias = "roles", arg_required_else_help = true)]
    Role(RoleCommand),
    /// Say whether somebody may do something, and because of what.
    #[command(
        after_help = "Exit code 3 says that it is denied.\n\nExamples:\n  spandrel why inventory.read --on project:acme/shop\n  spandrel why project.write --on tenant:acme --user acme/ann"
    )]
    Why(WhyArgs),
    /// The rules that say whose machines are.
    #[command(subcommand, visible_alias = "rules", arg_required_else_help = true)]
    Rule(RuleCommand),
    /// Whose a machine is, and why.
    #[command(subcommand, arg_required_else_help = true)]
    Owner(OwnerCommand),
    /// How much a tenant or a project may hold, and holds.
    #[command(subcommand, visible_alias = "quotas", arg_required_else_help = true)]
    Quota(QuotaCommand),
    /// Make it as a file says. What the file does not name is left alone.
    #[command(after_help = apply::APPLY_HELP)]
    Apply(apply::ApplyArgs),
    /// Show what `apply` would change.
    #[command(after_help = apply::DIFF_HELP)]
    Diff(apply::DiffArgs),
    /// The nouns of the inventory.
    #[command(flatten)]
    Noun(NounCommand),
    /// Tell every change as it happens.
    #[command(after_help = WATCH_HELP)]
    Watch(watch::WatchArgs),
    /// Draw provider, clusters, hosts and VMs as a tree.
    #[command(after_help = TREE_HELP)]
    Tree(tree::TreeArgs),
    /// Read the audit log: who did what, from where, with which result.
    #[command(after_help = audit::HELP)]
    Audit(Box<audit::AuditArgs>),
    /// Search every kind for a text.
    #[command(
        after_help = "Examples:\n  spandrel search web-1\n  spandrel search 10.0.0.17\n  spandrel search 00:50:56 -o json"
    )]
    Search(search::SearchArgs),
    /// Write a completion script for a shell.
    #[command(after_help = COMPLETION_HELP)]
    Completion(CompletionArgs),
}

const LOGIN_HELP: &str = "\
The password is asked for, piped in with --password-stdin, or taken from
SPANDREL_PASSWORD. It is never an argument: every process on this machine can
read those. The token is kept in ~/.config/spandrel/credentials.toml, for you
alone. SPANDREL_SERVER and SPANDREL_TOKEN together stand in for a login.

Examples:
  spandrel login --server https://gateway.example:8443 -u admin
  spandrel login -u admin --password-stdin < FILE";

const TOKEN_HELP: &str = "\
A token may do what you may, until it ends or is revoked. Programs give it in
SPANDREL_TOKEN.

Examples:
  spandrel token create backup --expires-in-days 90
  spandrel token list
  spandrel token revoke backup";

const PROVIDER_HELP: &str = "\
Examples:
  spandrel provider add vsphere --name lab --endpoint vcenter.example --wait
  spandrel provider add kvm --name here --url qemu:///system --wait
  spandrel provider list
  spandrel provider trust lab";

const WATCH_HELP: &str = "\
One line for each change, with what changed. After an interruption it goes on
where it was; what happened meanwhile is told. Ctrl-C ends it, with exit code
130.

Examples:
  spandrel watch
  spandrel watch --types vm,host --provider lab
  spandrel watch --types vm -o json | jq -c '[.name, .changes]'
  spandrel watch --from 4711";

const TREE_HELP: &str = "\
Machines without a host are shown too. A host that is a cluster of its own
takes one line.

Examples:
  spandrel tree
  spandrel tree --provider lab --depth host
  spandrel tree --ascii";

const COMPLETION_HELP: &str = "\
Examples:
  source <(spandrel completion bash)
  spandrel completion zsh > ~/.zfunc/_spandrel
  spandrel completion fish > ~/.config/fish/completions/spandrel.fish";

/// Options of `completion`.
#[derive(Args, Clone, Debug)]
pub struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

/// Runs a command of the client. Gives the process's exit code; everything that has to be said was said.
///
/// `root` makes the whole binary's command, for completion scripts. Ctrl-C ends the command at once: nothing of it needs
/// to be put back, since the gateway does the work.
pub async fn run(command: ClientCommand, globals: &Globals, root: impl FnOnce() -> clap::Command) -> u8 {
    let terminal = Terminal::open(globals.color);
    let palette = terminal.err_palette;
    let is_diff = matches!(command, ClientCommand::Diff(_));
    if !command.asks() {
        listen_for_interrupt();
    }
    let outcome = tokio::select! {
        outcome = execute(command, globals, terminal, root) => outcome,
        () = interrupted() => return EXIT_INTERRUPTED,
    };
    match outcome {
        Ok(()) => EXIT_OK,
        Err(failure) => {
            if let Some(message) = failure.message(palette) {
                Terminal::open(globals.color).note(&message);
            }
            match failure {
                // There 1 is an answer.
                Failure::Differs => EXIT_DIFFERS,
                failure if is_diff && failure.exit_code() == EXIT_FAILED => EXIT_USAGE,
                failure => failure.exit_code(),
            }
        }
    }
}

impl ClientCommand {
    /// Whether it may ask for a password or a word.
    fn asks(&self) -> bool {
        matches!(
            self,
            ClientCommand::Login(_)
                | ClientCommand::Password(_)
                | ClientCommand::Provider(_)
                | ClientCommand::Tenant(_)
                | ClientCommand::Project(_)
                | ClientCommand::User(_)
                | ClientCommand::Group(_)
                | ClientCommand::Role(_)
                | ClientCommand::Rule(_)
        )
    }
}

/// Tells [`interrupted`] to begin.
static LISTEN: Notify = Notify::const_new();

/// From here on Ctrl-C ends the command in order, with its exit code.
///
/// Until then it ends the process as it does by itself, which is what a prompt needs: were the signal caught while a
/// thread waits for a password, the process would end with the terminal's echo switched off.
pub(crate) fn listen_for_interrupt() {
    LISTEN.notify_one();
}

async fn interrupted() {
    LISTEN.notified().await;
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler Ctrl-C still ends the process.
        std::future::pending::<()>().await;
    }
}

async fn execute(
    command: ClientCommand,
    globals: &Globals,
    mut terminal: Terminal,
    root: impl FnOnce() -> clap::Command,
) -> Result<(), Failure> {
    match command {
        ClientCommand::Login(args) => return session::login(args, globals, terminal).await,
        ClientCommand::Logout => return session::logout(globals, terminal).await,
        ClientCommand::Completion(args) => return terminal.raw(&completion(args.shell, &mut root())),
        _ => {}
    }
    let mut session = Session::open(globals, terminal)?;
    match command {
        ClientCommand::Whoami(args) => session::whoami(args, &mut session).await,
        ClientCommand::Password(args) => account::password(args, &mut session).await,
        ClientCommand::Token(command) => account::token(command, &mut session).await,
        ClientCommand::Provider(command) => providers::run(command, &mut session).await,
        ClientCommand::Tenant(command) => access::tenant(command, &mut session).await,
        ClientCommand::Project(command) => access::project(command, &mut session).await,
        ClientCommand::User(command) => access::user(command, &mut session).await,
        ClientCommand::Group(command) => access::group(command, &mut session).await,
        ClientCommand::Role(command) => access::role(command, &mut session).await,
        ClientCommand::Why(args) => access::why(args, &mut session).await,
        ClientCommand::Rule(command) => access::rule(command, &mut session).await,
        ClientCommand::Owner(command) => access::owner(command, &mut session).await,
        ClientCommand::Quota(command) => access::quota(command, &mut session).await,
        ClientCommand::Apply(args) => apply::apply(args, &mut session).await,
        ClientCommand::Diff(args) => apply::diff(args, &mut session).await,
        ClientCommand::Noun(command) => nouns::run(command, &mut session).await,
        ClientCommand::Watch(args) => watch::run(args, &mut session).await,
        ClientCommand::Tree(args) => tree::run(args, &mut session).await,
        ClientCommand::Audit(args) => audit::run(*args, &mut session).await,
        ClientCommand::Search(args) => search::run(args, &mut session).await,
        // Answered above.
        ClientCommand::Login(_) | ClientCommand::Logout | ClientCommand::Completion(_) => Ok(()),
    }
}

/// The completion script of a shell.
#[must_use]
pub fn completion(shell: Shell, command: &mut clap::Command) -> Vec<u8> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut without_files(command.clone()), name, &mut script);
    script
}

/// Names, ids and texts are no files: shells are not to offer any for them.
fn without_files(command: clap::Command) -> clap::Command {
    let hinted = |argument: clap::Arg| {
        let file = matches!(argument.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
        if argument.get_action().takes_values() && !file { argument.value_hint(ValueHint::Other) } else { argument }
    };
    command.mut_args(hinted).mut_subcommands(without_files)
}

#[cfg(test)]
mod tests;
