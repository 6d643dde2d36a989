//! `unbait completions`: the verbs and options to a script by which a shell completes them.
//!
//! The script is of this version; a shell reads it from a file of its own.

use crate::Outcome;
use crate::output::Results;
use clap::Command;
use clap_complete::Shell;
use unbait::error::Result;

const EXAMPLE: &str = "\
Example:
  unbait completions bash > ~/.local/share/bash-completion/completions/unbait
  unbait completions zsh > ~/.zfunc/_unbait
  unbait completions fish > ~/.config/fish/completions/unbait.fish";

/// Print a script by which a shell completes verbs and options.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Runs the verb.
pub fn run(args: &Args, command: Command) -> Result<Outcome> {
    let mut results = Results::data();
    results.write(&script(args.shell, command))?;
    results.flush()?;
    Ok(Outcome::Done)
}

fn script(shell: Shell, mut command: Command) -> String {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn each_script_names_every_verb_and_its_options() {
        for shell in Shell::value_variants() {
            let script = script(*shell, crate::command());
            for verb in crate::command().get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell}: {}", verb.get_name());
                for long in verb.get_arguments().filter_map(|arg| arg.get_long()) {
                    assert!(script.contains(long), "{shell}: --{long}");
                }
            }
            assert!(script.contains("config"), "{shell}");
        }
    }
}
