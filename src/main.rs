//! The `spandrel` binary: the server, and the command line client.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use spandrel::config::Config;
use spandrel::model::secret::{ExposeSecret as _, SecretString};
use spandrel::{api, cli, serve};

/// A first load makes and drops about a thousand small values a machine, on other threads than they were made on. The C
/// library's allocator takes a quarter more time over it than this one, and gives less of the memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// One cloud over your VMware and KVM machines.
#[derive(Parser)]
#[command(name = "spandrel", version, about, after_help = cli::EXIT_CODES, arg_required_else_help = true)]
struct Spandrel {
    #[command(flatten)]
    globals: cli::Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server.
    ///
    /// Without --config it is the embedded default: SQLite in the data directory, on loopback. At the first start it makes
    /// the user `admin` and shows a generated password once; SPANDREL_ADMIN_PASSWORD gives one instead.
    #[command(after_help = "Example:\n  spandrel serve --data-directory ./data --listen 127.0.0.1:8480")]
    Serve(ServeArgs),
    /// Check a configuration file and say what is wrong with it.
    #[command(after_help = "Example:\n  spandrel check-config /etc/spandrel/spandrel.toml")]
    CheckConfig {
        /// The file.
        file: PathBuf,
    },
    /// Write the description of the API (OpenAPI 3.1, JSON).
    Openapi,
    #[command(flatten)]
    Client(cli::ClientCommand),
}

/// What `spandrel serve` takes.
#[derive(Args)]
struct ServeArgs {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where the embedded database and the keys are kept; goes before the file's `data_directory`.
    #[arg(long, value_name = "DIR")]
    data_directory: Option<PathBuf>,
    /// The address and port to listen on; goes before the file's `server.listen`. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// What the server says to the person who started it.
struct Terminal;

impl serve::Console for Terminal {
    fn listening(&self, address: SocketAddr) {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        say(&format!("Spandrel answers at http://{host}:{}", address.port()));
    }

    fn first_password(&self, username: &str, password: &SecretString) {
        let password = password.expose_secret();
        say(&format!("The user {username} was made. The password, shown this once: {password}"));
    }
}

/// Writes a line to standard output; who closed it does not want to know.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Writes a line to standard error.
fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The command line. What only the client takes is not shown by the commands that are not the client's.
fn command() -> clap::Command {
    let whole = Spandrel::command();
    let globals: Vec<clap::Arg> = whole
        .get_arguments()
        .filter(|option| option.is_global_set())
        .map(|option| option.clone().global(false))
        .collect();
    ["serve", "check-config", "openapi"].into_iter().fold(whole, |whole, name| {
        let hidden = globals.iter().map(|option| option.clone().hide(true));
        whole.mut_subcommand(name, |own| own.args(hidden))
    })
}

fn main() -> ExitCode {
    let arguments = Spandrel::from_arg_matches(&command().get_matches()).unwrap_or_else(|error| error.exit());
    match arguments.command {
        Command::Serve(args) => run_server(args),
        Command::CheckConfig { file } => check_config(&file),
        Command::Openapi => {
            say(api::openapi().trim_end());
            ExitCode::SUCCESS
        }
        Command::Client(command) => run_client(command, &arguments.globals),
    }
}

/// Says everything that is wrong with a configuration, not only the first.
fn check_config(file: &std::path::Path) -> ExitCode {
    let (config, mistakes) = Config::read(file);
    let mut mistakes: Vec<_> = mistakes.into_iter().map(anyhow::Error::from).collect();
    mistakes.extend(config.iter().flat_map(serve::preflight));
    if mistakes.is_empty() {
        say(&format!("{} is well", file.display()));
        return ExitCode::SUCCESS;
    }
    for mistake in &mistakes {
        fail(mistake);
    }
    ExitCode::FAILURE
}

fn run_server(args: ServeArgs) -> ExitCode {
    // Pages of 2 MiB are cleared and held as a whole for what is used of them. Where the kernel has none there is nothing to say.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    // One crypto provider in the whole process, chosen before anything asks for it.
    if rustls::crypto::aws_lc_rs::default_provider().install_default().is_err() {
        complain("another crypto provider was installed first");
        return ExitCode::FAILURE;
    }
    let outcome = server_config(args).and_then(|config| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let outcome = runtime.block_on(serve::serve(config, &Terminal));
        // A libvirt call that hangs must not keep the process.
        runtime.shutdown_background();
        outcome
    });
    outcome.map_or_else(|error| fail(&error), |()| ExitCode::SUCCESS)
}

fn server_config(args: ServeArgs) -> anyhow::Result<Config> {
    let mut config = match &args.config {
        Some(file) => Config::load(file)?,
        None => Config::default(),
    };
    if let Some(directory) = args.data_directory {
        config.data_directory = directory;
    }
    if let Some(listen) = args.listen {
        config.server.listen = listen;
    }
    Ok(config)
}

/// Says what went wrong, and the causes, each on its line.
fn fail(error: &anyhow::Error) -> ExitCode {
    complain(&format!("spandrel: {error}"));
    for cause in error.chain().skip(1) {
        complain(&format!("  because: {cause}"));
    }
    ExitCode::FAILURE
}

fn run_client(command: cli::ClientCommand, globals: &cli::Globals) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let code = runtime.block_on(cli::run(command, globals, self::command));
    // A prompt that nobody answers must not keep the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}
