//! How a password gets in: a pipe, a variable or a prompt. Never the command line, which every process can read.

use std::env;
use std::io::{self, Read as _};

use secrecy::SecretString;

use super::failure::{EXIT_INTERRUPTED, Failure};
use super::terminal::Terminal;

/// A password longer than this is a file that was piped in by mistake.
const LENGTH_LIMIT_BYTES: u64 = 4096;

/// Where a password is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asking<'a> {
    /// Standard input, because the user says so.
    pub(crate) from_stdin: bool,
    /// A variable that is used when there is no pipe.
    pub(crate) variable: &'a str,
    /// What the prompt says.
    pub(crate) prompt: &'a str,
}

impl Asking<'_> {
    /// Gets the password.
    ///
    /// # Errors
    /// When there is none to be had: nothing is piped in, and nobody can be asked.
    pub(crate) async fn get(self, terminal: &Terminal) -> Result<SecretString, Failure> {
        if self.from_stdin {
            return blocking(from_stdin).await;
        }
        if let Some(password) = env::var(self.variable).ok().filter(|password| !password.is_empty()) {
            return Ok(password.into());
        }
        if !terminal.can_ask {
            return Err(Failure::usage(
                "A password is needed, and there is no terminal to ask at.",
                format!("Pipe it in with --password-stdin, or set {}.", self.variable),
            ));
        }
        let prompt = self.prompt.to_owned();
        blocking(move || {
            let password = rpassword::prompt_password(prompt).map_err(|error| match error.kind() {
                // Ctrl-C at the prompt, which puts the terminal back by itself.
                io::ErrorKind::Interrupted => Failure::Said(EXIT_INTERRUPTED),
                _ => Failure::failed(format!("The password cannot be read: {error}.")),
            })?;
            not_empty(password)
        })
        .await
    }
}

/// Two passwords, a line each.
pub(crate) async fn two_from_stdin() -> Result<(SecretString, SecretString), Failure> {
    blocking(|| {
        let text = stdin_text()?;
        let mut lines = text.lines();
        match (lines.next(), lines.next(), lines.next()) {
            (Some(one), Some(two), None) => Ok((not_empty(one.to_owned())?, not_empty(two.to_owned())?)),
            _ => Err(Failure::usage(
                "Two lines are needed from standard input.",
                "Pipe in the current password in the first line and the new one in the second.",
            )),
        }
    })
    .await
}

fn from_stdin() -> Result<SecretString, Failure> {
    let text = stdin_text()?;
    // The line's end is the editor's, all else belongs to the password.
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    not_empty(line.to_owned())
}

fn stdin_text() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin()
        .lock()
        .take(LENGTH_LIMIT_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(|error| Failure::failed(format!("The password cannot be read from standard input: {error}.")))?;
    if text.len() as u64 > LENGTH_LIMIT_BYTES {
        return Err(Failure::usage(
            "What was piped in is too long for a password.",
            "Pipe in the password alone: `spandrel … --password-stdin < FILE`.",
        ));
    }
    Ok(text)
}

fn not_empty(password: String) -> Result<SecretString, Failure> {
    if password.is_empty() {
        return Err(Failure::usage("The password is empty.", "Type it, or pipe it in with --password-stdin."));
    }
    Ok(password.into())
}

/// Reading from a person takes as long as it takes: not on a thread that the runtime needs.
pub(crate) async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(read).await {
        Ok(result) => result,
        Err(_) => Err(Failure::failed("The input cannot be read.")),
    }
}

/// Asks for a line: a user name, or yes or no.
pub(crate) async fn ask_line(terminal: &mut Terminal, prompt: &str) -> Result<String, Failure> {
    terminal.ask(prompt);
    blocking(|| {
        let mut line = String::new();
        std::io::stdin()
            .read_line(&mut line)
            .map_err(|error| Failure::failed(format!("The input cannot be read: {error}.")))?;
        Ok(line.trim().to_owned())
    })
    .await
}

/// Asks whether to go on. Where nobody can be asked, only `--yes` goes on.
pub(crate) async fn confirm(terminal: &mut Terminal, yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !terminal.can_ask {
        // An error is one line.
        let question = question.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        return Err(Failure::usage(
            format!("{question} This has to be confirmed, and there is no terminal to ask at."),
            "Add --yes if you are sure.",
        ));
    }
    let answer = ask_line(terminal, &format!("{question} [y/N] ")).await?;
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") {
        Ok(())
    } else {
        Err(Failure::failed("Nothing was done."))
    }
}
