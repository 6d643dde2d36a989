//! `unbait export`: labelled pages to their labels alone, to be published where the pages may not be.
//!
//! Nothing of a page's text is in the file: a hash of 32 bits a block, and the page's id and address.

use crate::Outcome;
use crate::output::{complain, json, note, output_path, pack, write_file};
use crate::training::note_unread;
use std::path::PathBuf;
use unbait::dataset::Dataset;
use unbait::error::{Error, Result};
use unbait::label_file::without_text;

const EXAMPLE: &str = "\
Example:
  unbait export my-pages.jsonl -o my-pages.labels.zst";

/// Write the labels of labelled pages without the pages' text.
///
/// A line for each page: id, url, lang, and for each block a hash of its text with its label. `unbait import` joins them with
/// the pages again.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Labelled pages: JSON lines, or texts from Label Studio, Prodigy, doccano or fastText; plain, .gz or .zst. Of folders all .jsonl
    /// files are read, and of the .json and .txt files those that hold annotations
    #[arg(value_name = "DATA", required = true)]
    data: Vec<PathBuf>,
    /// File to write, packed if it ends in .gz or .zst
    #[arg(short, long, value_name = "FILE", value_parser = output_path())]
    output: PathBuf,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let dataset = Dataset::read(&args.data)?;
    note_unread(&dataset);
    dataset.errors.iter().for_each(complain);
    if dataset.pages.is_empty() {
        return Err(Error::Dataset {
            problem: "no page could be read; correct the records named above".to_owned(),
        });
    }
    let mut lines = String::new();
    for page in &dataset.pages {
        lines += &json(&without_text(page))?;
        lines.push('\n');
    }
    write_file(&args.output, &pack(&args.output, lines.into_bytes())?)?;
    note(&format!(
        "labels of {} pages written to {}",
        dataset.pages.len(),
        args.output.display()
    ));
    Ok(if dataset.errors.is_empty() {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    })
}
