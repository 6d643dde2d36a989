//! `unbait clean`: pages to the text that is worth keeping.
//!
//! Of a text page the kept blocks stand as in the source, byte for byte, with the separators they had there.

use crate::Outcome;
use crate::choice::{Balances, ChoiceArgs};
use crate::inputs::{PathArgs, ReadArgs, Worked, for_each_page};
use crate::output::{Results, WholeFile};
use std::path::PathBuf;
use unbait::classifier::Classifier;
use unbait::corpus::{Record, RecordPage};
use unbait::error::Result;
use unbait::label::Label;
use unbait::page::{Page, PageKind};
use unbait::segment::{Block, Split};

const EXAMPLE: &str = "\
Example:
  unbait clean page.html > article.txt
  unbait clean crawl/ --keep body,caption --priority recall -o corpus.txt";

/// Print the blocks of pages that are worth keeping.
///
/// Blocks of text pages stand as in the source; blocks of HTML pages are separated by blank lines, and so are pages.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Labels of the blocks to keep, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "body")]
    keep: Vec<String>,
    /// Write to this file, which appears when all is done, or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Where the kept text goes.
enum Target {
    Stdout(Results),
    File(WholeFile),
}

impl Target {
    fn write(&mut self, text: &str) -> Result<()> {
        match self {
            Self::Stdout(results) => results.write(text),
            Self::File(file) => file.write(text.as_bytes()),
        }
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let keep: Vec<Label> = args
        .keep
        .iter()
        .map(|name| classifier.labels().parse(name))
        .collect::<Result<_>>()?;
    let mut target = match &args.output {
        Some(path) => Target::File(WholeFile::create(path)?),
        None => Target::Stdout(Results::data()),
    };
    let split = args.read.split();
    let work = |_: &Record, page: RecordPage| {
        let result = kept_text(&page.page, split, &classifier, &balances, &keep)?;
        let remark = result.is_empty().then_some("no block is kept");
        Ok(Worked { result, remark })
    };
    let mut is_first = true;
    let outcome = for_each_page(&args.paths, &options, work, |kept: String| {
        if kept.is_empty() {
            return Ok(());
        }
        if !is_first {
            target.write("\n")?;
        }
        is_first = false;
        target.write(&kept)
    })?;
    match target {
        Target::Stdout(mut results) => results.flush()?,
        Target::File(file) if !matches!(outcome, Outcome::AllFailed | Outcome::Stopped) => file.finish()?,
        Target::File(_) => {}
    }
    Ok(outcome)
}

fn kept_text(
    page: &Page,
    split: Split,
    classifier: &Classifier,
    balances: &Balances,
    keep: &[Label],
) -> Result<String> {
    let labelled = classifier.classify(page, split)?;
    let balance = balances.of(page)?;
    let labels = balance.labels(balance.probabilities(labelled.probabilities.view()).view());
    let is_kept: Vec<bool> = labels.iter().map(|label| keep.contains(label)).collect();
    let mut text = match page.kind {
        PageKind::Html => {
            let kept = labelled
                .segmented
                .blocks
                .iter()
                .zip(&is_kept)
                .filter(|(_, is_kept)| **is_kept);
            kept.map(|(block, _)| block.text.as_str())
                .collect::<Vec<_>>()
                .join("\n\n")
        }
        PageKind::Text => kept_source(&page.text, &labelled.segmented.blocks, &is_kept),
    };
    if !text.is_empty() {
        text.push('\n');
    }
    Ok(text)
}

/// The kept blocks of a text page as they stand in it, each followed by the separator that it has there, up to the last one.
fn kept_source(source: &str, blocks: &[Block], is_kept: &[bool]) -> String {
    let mut text = String::new();
    let mut separator: Option<&str> = None;
    for (at, block) in blocks.iter().enumerate().filter(|(at, _)| is_kept[*at]) {
        text.push_str(separator.take().unwrap_or_default());
        text.push_str(&source[block.span.clone()]);
        separator = blocks.get(at + 1).map(|next| &source[block.span.end..next.span.start]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use unbait::segment::segment;

    fn kept(source: &str, is_kept: &[bool]) -> String {
        let page = Page::from_text("x.txt", source.to_owned(), None).unwrap();
        kept_source(source, &segment(&page, Split::Line).blocks, is_kept)
    }

    #[test]
    fn kept_neighbours_keep_the_bytes_between_them() {
        assert_eq!(
            kept(" A  a \r\n\t\r\nB\nC\n", &[true, true, true]),
            "A  a \r\n\t\r\nB\nC"
        );
    }

    #[test]
    fn behind_a_gap_stands_the_separator_of_the_last_kept_block() {
        assert_eq!(
            kept("A\n\n\nx\ny\nB\nC", &[true, false, false, true, true]),
            "A\n\n\nB\nC"
        );
        assert_eq!(kept("x\n\nA\ny", &[false, true, false]), "A");
        assert_eq!(kept("x\ny", &[false, false]), "");
    }
}
