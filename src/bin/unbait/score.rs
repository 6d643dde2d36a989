//! `unbait score`: pages to labelled blocks, as JSON lines, tables, lines of text, or a view for people.
//!
//! Block numbers count from 0, and `start` and `end` are bytes of the page in UTF-8, whatever the encoding of the file.

use crate::Outcome;
use crate::choice::{Balances, ChoiceArgs};
use crate::inputs::{PathArgs, ReadArgs, Worked, for_each_page};
use crate::output::{Results, json};
use crate::terminal::{style, visible, width, wrapped};
use clap::ValueEnum;
use ndarray::{Array2, ArrayView1};
use serde::{Serialize, Serializer};
use std::io::IsTerminal;
use unbait::balance::Balance;
use unbait::classifier::Classifier;
use unbait::corpus::RecordPage;
use unbait::error::Result;
use unbait::html::{Document, ElementId};
use unbait::label::{Label, LabelSet};
use unbait::page::Page;
use unbait::segment::{Block, Segmented, Split};

const EXAMPLE: &str = "\
Example:
  unbait score page.html --format text
  unbait score crawl/ --threshold promo=0.8 > blocks.jsonl";

/// Give every block of pages its label, with probabilities.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// How results are written; without it: terminal on a terminal, else jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Whether the terminal format has colours
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: coloured labels beside the wrapped text
    Terminal,
    /// One JSON object a page
    Jsonl,
    /// One block a line: id, number, label, probability, text; \t, \n, \r and \\ stand for tabs, line ends and backslashes
    Tsv,
    /// One block a line: label, tab, text
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// A page that was scored.
struct Scored {
    page: Page,
    url: Option<String>,
    segmented: Segmented,
    language: &'static str,
    /// Shape (blocks, labels).
    probabilities: Array2<f64>,
    labels: Vec<Label>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let format = args.format.unwrap_or(if std::io::stdout().is_terminal() {
        Format::Terminal
    } else {
        Format::Jsonl
    });
    let mut results = match format {
        Format::Terminal => Results::styled(color(args.color)),
        Format::Jsonl | Format::Tsv | Format::Text => Results::data(),
    };
    if format == Format::Tsv {
        results.write("id\ti\tlabel\tp\ttext\n")?;
    }
    let split = args.read.split();
    let work = |page: RecordPage| {
        let (scored, balance) = score(page, split, &classifier, &balances)?;
        Ok(Worked {
            result: written(&scored, classifier.labels(), balance, format)?,
            remark: scored.labels.is_empty().then_some("no visible text"),
        })
    };
    let outcome = for_each_page(&args.paths, &options, work, |text| results.write(&text))?;
    results.flush()?;
    Ok(outcome)
}

fn color(color: Color) -> anstream::ColorChoice {
    match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::Always,
        Color::Never => anstream::ColorChoice::Never,
    }
}

fn score<'b>(
    RecordPage { page, url }: RecordPage,
    split: Split,
    classifier: &Classifier,
    balances: &'b Balances,
) -> Result<(Scored, &'b Balance)> {
    let labelled = classifier.classify(&page, split)?;
    let balance = balances.of(&page)?;
    let probabilities = balance.probabilities(labelled.probabilities.view());
    let labels = balance.labels(probabilities.view());
    let scored = Scored {
        page,
        url,
        language: labelled.language.code(),
        segmented: labelled.segmented,
        probabilities,
        labels,
    };
    Ok((scored, balance))
}

fn written(scored: &Scored, names: &LabelSet, balance: &Balance, format: Format) -> Result<String> {
    match format {
        Format::Terminal => Ok(terminal_view(scored, names)),
        Format::Jsonl => Ok(json(&record(scored, names, balance))? + "\n"),
        Format::Tsv => Ok(tab_separated(scored, names)),
        Format::Text => Ok(scored
            .blocks()
            .map(|(_, block, label, _)| format!("{}\t{}\n", names.name(label), block.text))
            .collect()),
    }
}

impl Scored {
    /// Number, block, label and its probability, in reading order.
    fn blocks(&self) -> impl Iterator<Item = (usize, &Block, Label, f64)> {
        let labelled = self.segmented.blocks.iter().zip(&self.labels).enumerate();
        labelled.map(|(i, (block, label))| (i, block, *label, self.probabilities[[i, label.index()]]))
    }
}

// ---- JSON lines

#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    kind: &'static str,
    lang: &'static str,
    blocks: Vec<BlockRecord<'a>>,
}

#[derive(Serialize)]
struct BlockRecord<'a> {
    i: usize,
    start: usize,
    end: usize,
    label: &'a str,
    p: Probabilities<'a>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

/// The probabilities of a block by label name, in the labels' order.
pub struct Probabilities<'a>(Vec<(&'a str, f64)>);

impl<'a> Probabilities<'a> {
    /// Of the labels that may be given.
    pub fn new(names: &'a LabelSet, row: ArrayView1<'_, f64>, wanted: impl Fn(Label) -> bool) -> Self {
        Self(
            names
                .iter()
                .filter(|label| wanted(*label))
                .map(|label| (names.name(label), rounded(row[label.index()])))
                .collect(),
        )
    }
}

impl Serialize for Probabilities<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

/// To six decimals (chosen: what a double needs for its text would be a third of the output).
fn rounded(probability: f64) -> f64 {
    (probability * 1e6).round() / 1e6
}

fn record<'a>(scored: &'a Scored, names: &'a LabelSet, balance: &Balance) -> Record<'a> {
    let document = scored.segmented.document.as_ref();
    let blocks = scored.blocks().map(|(i, block, label, _)| {
        let container = document
            .zip(block.markup.as_ref())
            .map(|(document, markup)| (document, markup.container));
        BlockRecord {
            i,
            start: block.span.start,
            end: block.span.end,
            label: names.name(label),
            p: Probabilities::new(names, scored.probabilities.row(i), |label| balance.may_give(label)),
            text: &block.text,
            tag: container.map(|(document, container)| document.element(container).name.as_str()),
            path: container.map(|(document, container)| element_path(document, container)),
        }
    });
    Record {
        id: &scored.page.id,
        url: scored.url.as_deref(),
        kind: scored.page.kind.as_str(),
        lang: scored.language,
        blocks: blocks.collect(),
    }
}

/// Names that a path has at most (chosen: a page of nested elements would give a thousand times its own size).
const LONGEST_PATH: usize = 64;

/// Element names from the root to a block's container; the outermost of a very long path are left out.
fn element_path(document: &Document, container: ElementId) -> String {
    let mut path: Vec<&str> = document
        .ancestors(container)
        .take(LONGEST_PATH)
        .map(|id| document.element(id).name.as_str())
        .collect();
    if document.element(container).depth as usize >= LONGEST_PATH {
        path.push("...");
    }
    path.reverse();
    path.join(">")
}

// ---- tables

fn tab_separated(scored: &Scored, names: &LabelSet) -> String {
    let id = escaped(&scored.page.id);
    scored
        .blocks()
        .map(|(i, block, label, p)| {
            format!(
                "{id}\t{i}\t{}\t{}\t{}\n",
                names.name(label),
                rounded(p),
                escaped(&block.text)
            )
        })
        .collect()
}

fn escaped(field: &str) -> String {
    field
        .replace('\\', "\\\\")
        .replace('\t', "\\t")
        .replace('\n', "\\n")
        .replace('\r', "\\r")
}

// ---- the terminal

/// Columns of a probability and the two gaps beside it.
const PROBABILITY_WIDTH: usize = 8;

fn terminal_view(scored: &Scored, names: &LabelSet) -> String {
    let gutter = names.names().iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let indent = gutter + PROBABILITY_WIDTH;
    let bold = anstyle::Style::new().bold();
    let id = visible(&scored.page.id).into_owned();
    let mut view = format!(
        "{bold}{id}{bold:#}  {}, {}, {} blocks\n",
        scored.page.kind.as_str(),
        scored.language,
        scored.labels.len()
    );
    for (_, block, label, p) in scored.blocks() {
        let style = style(names, label);
        let name = visible(names.name(label)).into_owned();
        let lines = wrapped(&visible(&block.text), width().saturating_sub(indent));
        let text = lines.join(&format!("\n{:indent$}", ""));
        view.push_str(&format!("{style}{name:gutter$}{style:#}  {p:.2}  {text}\n"));
    }
    view.push('\n');
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_table_hold_no_tab_and_no_line_end() {
        assert_eq!(escaped("a\tb\nc\\d\r"), "a\\tb\\nc\\\\d\\r");
    }

    #[test]
    fn a_path_names_the_elements_and_a_very_long_one_is_cut() {
        let path = |page: &str| {
            let document = unbait::html::parse(page);
            let last = document.ids().next_back().unwrap();
            element_path(&document, last)
        };
        assert_eq!(path("<main><p>x"), "html>body>main>p");
        let long = path(&"<div>".repeat(100));
        assert!(
            long.starts_with("...>div>div") && long.matches("div").count() == LONGEST_PATH,
            "{long}"
        );
    }

    #[test]
    fn probabilities_are_in_the_labels_order_and_rounded() {
        let names = LabelSet::new(["other", "body"]).unwrap();
        let row = ndarray::arr1(&[0.123_456_78, 0.876_543_22]);
        let text = json(&Probabilities::new(&names, row.view(), |_| true)).unwrap();
        assert_eq!(text, r#"{"body":0.123457,"other":0.876543}"#);
    }
}
