//! `unbait stats`: pages to what a corpus is made of, as tables for people or as JSON.
//!
//! Shares are of words, by the labels that the pages' blocks get with these options; counts that are not exact say their bounds.

use crate::Outcome;
use crate::choice::ChoiceArgs;
use crate::figures::table;
use crate::inputs::{Counts, PathArgs, ReadArgs, Worked, for_each_page};
use crate::output::{PackedFile, Results, Unfinished, json, output_path};
use crate::terminal::{cut, text_width};
use clap::ValueEnum;
use serde::Serialize;
use std::path::PathBuf;
use unbait::corpus::{Record, RecordPage};
use unbait::error::Result;
use unbait::label::{Label, LabelSet, USUAL_ORDER};
use unbait::stats::{CorpusStats, HostsStats, LinesStats, PageStats, Shares, StatsReport, grouped};

const EXAMPLE: &str = "\
Example:
  unbait stats crawl/
  unbait stats shards/ --glob '*.jsonl.zst' --top 100 --format json -o stats.json
  unbait stats pages.parquet --lines-of body --top 50";

/// Say what a corpus is made of.
///
/// Words by label, by place in the page, by language and by host, and the most frequent lines. Words are counted as the models count
/// them: a character of a script without spaces is half a word. Memory does not grow with the corpus: 65,536 hosts and lines are kept
/// count of, and a count that may be too low says what it can be at most.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// How many hosts and lines are listed at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    /// Label whose most frequent lines are listed; a line is the text of a block, and the same whatever its case, spaces and
    /// punctuation. Without it: promo, if the model has it
    #[arg(long, value_name = "LABEL")]
    lines_of: Option<String>,
    /// How results are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to this file, which appears when all is done, or not at all; packed if it ends in .gz, .zst, .bz2 or .xz
    #[arg(short, long, value_name = "FILE", value_parser = output_path())]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// Tables for people
    Table,
    /// One JSON object with records, bad, without_page, pages, blocks, words, labels, parts (tenths of the pages), languages, hosts and
    /// lines; shares are 0 to 1, and null where there are no words
    Json,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let balances = args.choice.balances(&classifier)?;
    let lines_of = lines_of(args.lines_of.as_deref(), classifier.labels())?;
    // begun before the reading, so that a folder that does not let it is known at once
    let create = |path| PackedFile::create(path, Unfinished::Vanishes);
    let file = args.output.as_deref().map(create).transpose()?;
    let split = args.read.split();
    let work = |_: &Record, RecordPage { page, url }: RecordPage| {
        let labelled = classifier.classify(&page, split)?;
        let balance = balances.of(&page)?;
        let probabilities = balance.probabilities(labelled.probabilities.view());
        let labels = balance.labels(probabilities.view());
        Ok(Worked {
            result: PageStats::of(&labelled, url.as_deref(), &labels, probabilities.view(), lines_of),
            remark: labels.is_empty().then_some("no visible text"),
        })
    };
    let mut stats = CorpusStats::new(classifier.labels().clone(), lines_of);
    let (outcome, counts) = for_each_page(&args.paths, &options, work, |page| {
        stats.add(&page);
        Ok(())
    })?;
    if outcome.is_whole() {
        write(&written(&stats.report(args.top), &counts, args.format)?, file)?;
    }
    Ok(outcome)
}

fn lines_of(name: Option<&str>, labels: &LabelSet) -> Result<Option<Label>> {
    match name {
        Some(name) => labels.parse(name).map(Some),
        None => Ok(labels.find(USUAL_ORDER[2])),
    }
}

fn write(text: &str, file: Option<PackedFile>) -> Result<()> {
    match file {
        Some(mut file) => {
            file.write(text.as_bytes())?;
            file.finish()
        }
        None => {
            let mut results = Results::data();
            results.write(text)?;
            results.flush()
        }
    }
}

/// The JSON object.
#[derive(Serialize)]
struct WithRecords<'a> {
    records: u64,
    bad: u64,
    without_page: u64,
    #[serde(flatten)]
    report: &'a StatsReport,
}

fn written(report: &StatsReport, counts: &Counts, format: Format) -> Result<String> {
    match format {
        Format::Table => Ok(tables(report, counts)),
        Format::Json => {
            let object = WithRecords {
                records: counts.records(),
                bad: counts.failed,
                without_page: counts.without_page,
                report,
            };
            Ok(json(&object)? + "\n")
        }
    }
}

// ---- tables

/// Columns that a line has at most (chosen: as this project's own text).
const WIDTH: usize = 120;

/// Columns of a name (chosen: with four labels the table of hosts is no wider than [`WIDTH`]).
const NAME_WIDTH: usize = 32;

/// Columns of a line of text (chosen: what two counts leave of [`WIDTH`]).
const LINE_WIDTH: usize = 90;

/// Columns between two cells, as [`table`] has them.
const GAP: usize = 2;

fn tables(report: &StatsReport, counts: &Counts) -> String {
    let labels: Vec<String> = report
        .labels
        .iter()
        .map(|label| cut(&label.label, NAME_WIDTH))
        .collect();
    let blocks = grouped(report.blocks);
    let mut text = format!("{}; {blocks} blocks, {} words\n\n", counts.in_words(), report.words);
    text.push_str(&by_label(report));
    text.push_str("\nshare of the words in each tenth of the pages\n");
    text.push_str(&parts(&report.parts, &labels));
    text.push('\n');
    text.push_str(&languages(report, &labels));
    text.push('\n');
    text.push_str(&hosts(&report.hosts, &labels));
    if let Some(stats) = &report.lines {
        text.push('\n');
        text.push_str(&lines(stats));
    }
    text
}

fn by_label(report: &StatsReport) -> String {
    let header = ["label", "blocks", "words", "share", "expected"].map(str::to_owned);
    let rows = report.labels.iter().map(|label| {
        vec![
            cut(&label.label, NAME_WIDTH),
            grouped(label.blocks),
            label.words.to_string(),
            percent(label.share),
            percent(label.expected),
        ]
    });
    fitted(std::iter::once(header.to_vec()).chain(rows))
}

fn parts(parts: &[Shares], labels: &[String]) -> String {
    let rows = parts
        .iter()
        .zip(1..)
        .map(|(part, number)| with_shares([number.to_string()], part));
    fitted(std::iter::once(with_labels(["tenth"], labels)).chain(rows))
}

fn languages(report: &StatsReport, labels: &[String]) -> String {
    let rows = report.languages.iter().map(|language| {
        let cells = [
            language.language.to_owned(),
            grouped(language.pages),
            language.words.to_string(),
        ];
        with_shares(cells, &language.share)
    });
    fitted(std::iter::once(with_labels(["language", "pages", "words"], labels)).chain(rows))
}

fn hosts(hosts: &HostsStats, labels: &[String]) -> String {
    let rows = hosts.top.iter().map(|host| {
        let name = cut(&host.host, NAME_WIDTH);
        let cells = [
            name,
            grouped(host.pages),
            host.at_least.to_string(),
            host.at_most.to_string(),
        ];
        with_shares(cells, &host.share)
    });
    let header = with_labels(["host", "pages", "words", "at most"], labels);
    let mut text = listed(header, rows);
    let others = hosts.others_at_most;
    let bound = (others.halves() > 0).then(|| format!("every other host: {others} words at most"));
    text.push_str(&remainder(hosts.kept - hosts.top.len(), bound));
    text.push_str(&format!(
        "pages without an address: {}\n",
        grouped(hosts.without_address)
    ));
    text
}

fn lines(lines: &LinesStats) -> String {
    let header = vec![
        format!("most frequent lines of {}", cut(&lines.label, NAME_WIDTH)),
        "times".to_owned(),
        "at most".to_owned(),
    ];
    let rows = lines.top.iter().map(|line| {
        vec![
            cut(&line.text, LINE_WIDTH),
            grouped(line.at_least),
            grouped(line.at_most),
        ]
    });
    let mut text = listed(header, rows);
    let others = lines.others_at_most;
    let bound = (others > 0).then(|| format!("every other line: {} at most", grouped(others)));
    text.push_str(&remainder(lines.kept - lines.top.len(), bound));
    text
}

/// A table of what there is; without anything, that there is none.
fn listed(header: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return format!("{}: none\n", header[0]);
    }
    fitted(std::iter::once(header).chain(rows))
}

/// A line about what is not listed, if there is something to say.
fn remainder(unlisted: usize, bound: Option<String>) -> String {
    match (unlisted, bound) {
        (0, None) => String::new(),
        (unlisted, None) => format!("and {} more\n", grouped(unlisted as u64)),
        (unlisted, Some(bound)) => format!(
            "and {} more that are kept count of; {bound}\n",
            grouped(unlisted as u64)
        ),
    }
}

fn with_labels<const N: usize>(names: [&str; N], labels: &[String]) -> Vec<String> {
    names
        .into_iter()
        .map(str::to_owned)
        .chain(labels.iter().cloned())
        .collect()
}

fn with_shares<const N: usize>(cells: [String; N], shares: &Shares) -> Vec<String> {
    cells
        .into_iter()
        .chain(shares.0.iter().map(|(_, share)| percent(*share)))
        .collect()
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

/// Rows to a table of at most [`WIDTH`] columns; one that would be wider goes on in a table below, with the first cells again.
fn fitted(rows: impl Iterator<Item = Vec<String>>) -> String {
    let rows: Vec<Vec<String>> = rows.collect();
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| text_width(&row[column])).max().unwrap_or(0);
    let mut tables = Vec::new();
    let mut column = 1;
    while column < count {
        let from = column;
        let mut used = width(0);
        while column < count && (column == from || used + GAP + width(column) <= WIDTH) {
            used += GAP + width(column);
            column += 1;
        }
        let part = rows
            .iter()
            .map(|row| std::iter::once(&row[0]).chain(&row[from..column]).cloned().collect());
        tables.push(table(&part.collect::<Vec<Vec<String>>>()));
    }
    tables.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use unbait::stats::{HostStats, Words};

    fn hosts_of(host: &str, kept: usize, others: u64) -> HostsStats {
        let top = HostStats {
            host: host.to_owned(),
            pages: 1_234,
            at_least: Words::from_halves(3_000_001),
            at_most: Words::from_halves(4_000_000),
            share: Shares(vec![("body".to_owned(), Some(0.25)), ("promo".to_owned(), None)]),
        };
        HostsStats {
            without_address: 0,
            capacity: 65_536,
            kept,
            others_at_most: Words::from_halves(others),
            top: vec![top],
        }
    }

    #[test]
    fn lines_are_those_of_the_label_that_is_named_else_of_promo_if_there_is_one() {
        let with = LabelSet::new(["body", "promo"]).unwrap();
        let without = LabelSet::new(["article", "rest"]).unwrap();
        assert_eq!(lines_of(None, &with).unwrap(), with.find("promo"));
        assert_eq!(lines_of(Some("body"), &with).unwrap(), with.find("body"));
        assert_eq!(lines_of(None, &without).unwrap(), None);
        assert!(lines_of(Some("promo"), &without).is_err());
    }

    #[test]
    fn numbers_are_grouped_and_what_is_undefined_is_a_dash() {
        let labels = ["body", "promo"].map(str::to_owned);
        let wanted = "\
host          pages        words    at most    body  promo
tarn.example  1,234  1,500,000.5  2,000,000  25.0 %      -
pages without an address: 0
";
        assert_eq!(hosts(&hosts_of("tarn.example", 1, 0), &labels), wanted);
    }

    #[test]
    fn what_is_not_listed_is_told_with_its_bound() {
        assert_eq!(remainder(0, None), "");
        let text = hosts(&hosts_of("a", 1_001, 0), &[]);
        assert!(text.contains("\nand 1,000 more\n"), "{text}");
        let text = hosts(&hosts_of("a", 1, 5_001), &[]);
        assert!(
            text.contains("\nand 0 more that are kept count of; every other host: 2,500.5 words at most\n"),
            "{text}"
        );
    }

    #[test]
    fn a_wide_table_goes_on_below() {
        let labels: Vec<String> = (0..30).map(|number| format!("label-{number}")).collect();
        let shares = Shares(labels.iter().map(|label| (label.clone(), Some(0.5))).collect());
        let text = parts(&[shares], &labels);
        assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
        let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("tenth")).collect();
        assert_eq!(heads.len(), 3);
        let names: Vec<&str> = heads.iter().flat_map(|head| head.split_whitespace().skip(1)).collect();
        assert_eq!(names, labels);
    }

    #[test]
    fn a_table_with_the_longest_names_and_large_numbers_is_not_too_wide() {
        let labels = ["body", "caption", "promo", "other"].map(str::to_owned);
        let mut stats = hosts_of(&"港".repeat(200), 1, 0);
        stats.top[0].pages = 999_999_999;
        stats.top[0].share = Shares(labels.iter().map(|label| (label.clone(), Some(1.0))).collect());
        let text = hosts(&stats, &labels);
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.lines().all(|line| text_width(line) <= WIDTH), "{text}");
    }
}
