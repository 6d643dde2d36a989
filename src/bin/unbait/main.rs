//! The `unbait` tool: verbs to exit codes, and errors with their causes to standard error.
//!
//! Results go to standard output and everything else to standard error; a closed pipe is not an error.

mod bait;
mod choice;
mod clean;
mod completions;
mod config;
mod errors;
mod eval;
mod explain;
mod export;
mod figures;
mod import;
mod inputs;
mod journal;
mod line_training;
mod man;
mod mirror;
mod output;
mod progress;
mod restore;
mod score;
mod sidecar;
mod size;
mod stats;
mod target;
mod terminal;
mod train;
mod training;
mod workers;

use clap::{Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use config::CommandLine;
use std::path::Path;
use std::process::ExitCode;
use terminal::visible;
use unbait::error::{Error, Result};

/// Labels every text block of web pages, plain text or HTML, as body, caption, promo or other.
#[derive(Parser)]
#[command(name = "unbait", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  some inputs or records failed; each is named on standard error, or in the file of --errors
  2  wrong usage, or nothing could be done
  3  a figure is below the one given by --fail-under";

// each verb is described where its arguments are
#[derive(Subcommand)]
enum Verb {
    Score(score::Args),
    Clean(clean::Args),
    Restore(restore::Args),
    Bait(bait::Args),
    Stats(stats::Args),
    Explain(explain::Args),
    Train(train::Args),
    Eval(eval::Args),
    Export(export::Args),
    Import(import::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// All verbs and options.
fn command() -> Command {
    Cli::command().arg(config::argument())
}

/// How a verb ended when no error stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything was done.
    Done,
    /// Some inputs failed; each was named.
    SomeFailed,
    /// One input failed, and nothing behind it was done because of --strict.
    Stopped,
    /// All inputs failed; each was named.
    AllFailed,
    /// A figure is below the one that was asked for.
    Below,
}

impl Outcome {
    /// Whether all that could be read was, so that a file of results says something.
    pub fn is_whole(self) -> bool {
        !matches!(self, Self::AllFailed | Self::Stopped)
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::SomeFailed | Outcome::Stopped => 1,
            Outcome::AllFailed => 2,
            Outcome::Below => 3,
        })
    }
}

fn main() -> ExitCode {
    hide_panics_of_parquet();
    let command = command();
    let result = config::command_line(&command, std::env::args_os().collect()).and_then(|line| run(&command, &line));
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error);
            ExitCode::from(2)
        }
    }
}

fn run(command: &Command, line: &CommandLine) -> Result<Outcome> {
    match parse(command, line).verb {
        Verb::Score(args) => score::run(&args, &line.arguments),
        Verb::Clean(args) => clean::run(&args, &line.arguments),
        Verb::Restore(args) => restore::run(&args),
        Verb::Bait(args) => bait::run(&args),
        Verb::Stats(args) => stats::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Train(args) => train::run(&args),
        Verb::Eval(args) => eval::run(&args),
        Verb::Export(args) => export::run(&args),
        Verb::Import(args) => import::run(&args),
        Verb::Completions(args) => completions::run(&args, command.clone()),
        Verb::Man(args) => man::run(&args, command.clone()),
    }
}

/// The verb with its arguments; ends the process when they are wrong, or when help is all that is wanted.
fn parse(command: &Command, line: &CommandLine) -> Cli {
    let matches = command.clone().try_get_matches_from(&line.arguments);
    matches
        .and_then(|matches| Cli::from_arg_matches(&matches))
        .unwrap_or_else(|error| {
            if let Some((path, arguments)) = &line.file {
                let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
                output::note(&format!("{} gave {}", path.display(), arguments.join(" ")));
            }
            // what it quotes can be the name of a file
            let message = error.render().to_string();
            if error.use_stderr() && visible(&message) != message {
                eprint!("{}", visible(&message));
                std::process::exit(error.exit_code());
            }
            error.exit()
        })
}

/// Does not print panics of the Parquet reader: the library makes them errors that name the file and the row.
fn hide_panics_of_parquet() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_of_parquet = panic.location().is_some_and(|place| {
            let mut folders = Path::new(place.file()).components();
            folders.any(|folder| {
                let name = folder.as_os_str().to_string_lossy();
                name.starts_with("parquet-") || name.starts_with("arrow-")
            })
        });
        if !is_of_parquet {
            print(panic);
        }
    }));
}

fn is_closed_pipe(error: &Error) -> bool {
    matches!(error, Error::Output { source } if source.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Uses this many threads from here on; without a number as many as there are processors.
pub fn use_threads(threads: Option<std::num::NonZeroUsize>) -> Result<()> {
    let count = threads.map_or(0, std::num::NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(count)
        .build_global()
        .map_err(|error| Error::Option {
            option: "--threads",
            problem: error.to_string(),
        })
}
