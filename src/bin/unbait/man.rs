//! `unbait man`: the verbs and options to manual pages, one of the tool and one of each verb.
//!
//! A page is what `--help` says, in the sections that manual pages have.

use crate::output::{Results, write_file};
use crate::{EXIT_CODES, Outcome};
use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::path::PathBuf;
use unbait::error::{Error, Result};

const EXAMPLE: &str = "\
Example:
  unbait man -o ~/.local/share/man/man1
  unbait man score | man -l -";

/// Write the manual pages.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Print the page of this verb; without it, and without -o, that of unbait
    #[arg(value_name = "VERB", conflicts_with = "output")]
    verb: Option<String>,
    /// Write all pages to this folder, which is made if it is not there: unbait.1, unbait-score.1 and so on
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args, command: Command) -> Result<Outcome> {
    let pages = pages(command)?;
    match &args.output {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|source| Error::Write {
                path: folder.clone(),
                source,
            })?;
            for (name, page) in pages {
                write_file(&folder.join(format!("{name}.1")), page.as_bytes())?;
            }
        }
        None => {
            let wanted = match &args.verb {
                Some(verb) => format!("unbait-{verb}"),
                None => "unbait".to_owned(),
            };
            let page = pages.into_iter().find(|(name, _)| *name == wanted);
            let (_, page) = page.ok_or_else(|| Error::Option {
                option: "VERB",
                problem: format!(
                    "{} is no verb; see unbait help",
                    args.verb.as_deref().unwrap_or_default()
                ),
            })?;
            let mut results = Results::data();
            results.write(&page)?;
            results.flush()?;
        }
    }
    Ok(Outcome::Done)
}

/// Name and text of each page, that of the tool first.
fn pages(command: Command) -> Result<Vec<(String, String)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let verbs = command.get_subcommands().map(|verb| (verb.clone(), Some(verb)));
    std::iter::once((command.clone(), None))
        .chain(verbs)
        .map(|(command, verb)| {
            let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
            let page = page(command, verb.is_none()).map_err(|source| Error::Output { source })?;
            Ok((name, page))
        })
        .collect()
}

fn page(command: Command, has_verbs: bool) -> std::io::Result<String> {
    let version = format!("unbait {}", env!("CARGO_PKG_VERSION"));
    let examples = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command).source(version);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some((_, lines)) = examples.as_deref().and_then(|text| text.split_once("Example:\n")) {
        as_it_stands("EXAMPLES", lines).to_writer(&mut page)?;
    }
    if let Some((_, lines)) = EXIT_CODES.split_once('\n') {
        as_it_stands("EXIT STATUS", lines).to_writer(&mut page)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// A section whose lines are not filled.
fn as_it_stands(title: &str, lines: &str) -> Roff {
    let mut section = Roff::new();
    section.control("SH", [title]);
    section.control("nf", []);
    for line in lines.lines() {
        section.text([roman(line.trim_start())]);
    }
    section.control("fi", []);
    section
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_of_the_tool_and_of_each_verb() {
        let names: Vec<String> = pages(crate::command())
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        let verbs = crate::command()
            .get_subcommands()
            .map(|verb| format!("unbait-{}", verb.get_name()))
            .collect::<Vec<_>>();
        assert_eq!(names[0], "unbait");
        assert_eq!(names[1..], verbs);
    }

    #[test]
    fn each_page_has_its_sections_and_options() {
        let command = crate::command();
        for (name, page) in pages(command.clone()).unwrap() {
            let written = name.replace('-', "\\-");
            assert!(page.contains(&format!(".SH NAME\n{written} \\- ")), "{page}");
            for section in ["SYNOPSIS", "DESCRIPTION", "OPTIONS", "\"EXIT STATUS\""] {
                assert!(page.contains(&format!(".SH {section}\n")), "{name}: {section}");
            }
            assert!(page.contains("\\-\\-config"), "{name}");
            if let Some(verb) = name.strip_prefix("unbait-") {
                let verb = command.find_subcommand(verb).unwrap();
                for long in verb.get_arguments().filter_map(|arg| arg.get_long()) {
                    assert!(page.contains(&long.replace('-', "\\-")), "{name}: --{long}");
                }
                assert_eq!(
                    page.contains(".SH EXAMPLES\n"),
                    verb.get_after_help().is_some(),
                    "{name}"
                );
            }
        }
    }
}
