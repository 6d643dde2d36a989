//! `unbait explain`: a page to the features that spoke for and against its blocks' labels.
//!
//! Contributions are to the log-odds of the label against the next likely one; with the intercept they add up to them.

use crate::Outcome;
use crate::inputs::{ReadArgs, read_page, unreadable_bytes};
use crate::output::{Results, json, note};
use crate::terminal::{in_line, visible, width, wrapped};
use clap::ValueEnum;
use serde::Serialize;
use std::path::PathBuf;
use unbait::classifier::{Classifier, Explanation};
use unbait::error::Result;
use unbait::label::LabelSet;
use unbait::segment::segment;

const EXAMPLE: &str = "\
Example:
  unbait explain page.html --block 12 --top 20";

/// Say why blocks of a page get their labels.
///
/// The n-gram model looks at a block and what stands around it; the page model turns its scores for all blocks of the page into
/// the final label. For both, the features are listed that speak for the label (+) or for the next likely one (-).
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// File, or - for standard input
    #[arg(value_name = "PAGE")]
    page: PathBuf,
    /// Number of the block, from 0, as `i` in the output of score; without it all blocks in short
    #[arg(long, value_name = "N")]
    block: Option<usize>,
    #[command(flatten)]
    read: ReadArgs,
    /// Features to list of each model, the largest first [default: 12 of one block, 3 of each of all blocks]
    #[arg(long, value_name = "K")]
    top: Option<usize>,
    /// How the explanation is printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Features that are listed of one block, and of each of all blocks (chosen).
const TOP_OF_ONE: usize = 12;
const TOP_OF_ALL: usize = 3;

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people: the largest contributions in words
    Text,
    /// One JSON object a block with all contributions
    Json,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    let options = args.read.options()?;
    let classifier = args.read.classifier()?;
    let page = read_page(&args.page, &options)?;
    if let Some(warning) = unreadable_bytes(&page) {
        note(&warning);
    }
    let split = args.read.split();
    let explanations = match args.block {
        Some(block) => vec![(block, classifier.explain(&page, split, block)?)],
        None => classifier
            .explain_blocks(&page, split, |_| true)?
            .into_iter()
            .enumerate()
            .collect(),
    };
    if explanations.is_empty() {
        note(&format!("{}: no visible text", page.id));
    }
    let blocks = segment(&page, split).blocks;
    let top = args
        .top
        .unwrap_or(if args.block.is_some() { TOP_OF_ONE } else { TOP_OF_ALL });
    let mut results = Results::data();
    for (block, explanation) in &explanations {
        let text = &blocks[*block].text;
        results.write(&match args.format {
            Format::Json => json(&record(&page.id, *block, text, explanation, &classifier))? + "\n",
            Format::Text => in_text(*block, text, explanation, classifier.labels(), top),
        })?;
    }
    results.flush()?;
    Ok(Outcome::Done)
}

// ---- JSON

#[derive(Serialize)]
struct Record<'a> {
    id: &'a str,
    block: usize,
    text: &'a str,
    label: &'a str,
    against: &'a str,
    ngram_model: ModelRecord<'a>,
    page_model: ModelRecord<'a>,
}

#[derive(Serialize)]
struct ModelRecord<'a> {
    log_odds: f64,
    /// What no feature adds.
    intercept: f64,
    contributions: Vec<Contribution<'a>>,
}

#[derive(Serialize)]
struct Contribution<'a> {
    feature: &'a str,
    contribution: f64,
}

fn record<'a>(
    id: &'a str,
    block: usize,
    text: &'a str,
    explanation: &'a Explanation,
    classifier: &'a Classifier,
) -> Record<'a> {
    let model = |log_odds, intercept, list: &'a [(String, f64)]| ModelRecord {
        log_odds,
        intercept,
        contributions: list
            .iter()
            .map(|(feature, contribution)| Contribution {
                feature,
                contribution: *contribution,
            })
            .collect(),
    };
    Record {
        id,
        block,
        text,
        label: classifier.labels().name(explanation.label),
        against: classifier.labels().name(explanation.against),
        ngram_model: model(
            explanation.ngram_log_odds,
            explanation.ngram_intercept,
            &explanation.ngram,
        ),
        page_model: model(explanation.page_log_odds, explanation.page_constant, &explanation.page),
    }
}

// ---- text

fn in_text(block: usize, text: &str, explanation: &Explanation, labels: &LabelSet, top: usize) -> String {
    let (label, against) = (labels.name(explanation.label), labels.name(explanation.against));
    let mut lines = format!("block {block}: {label} rather than {against}\n");
    for line in wrapped(&visible(text), width().saturating_sub(2)) {
        lines.push_str(&format!("  {line}\n"));
    }
    let in_words: Vec<(String, f64)> = explanation
        .ngram
        .iter()
        .take(top)
        .map(|(name, value)| (feature_in_words(name), *value))
        .collect();
    let (odds, intercept) = (explanation.ngram_log_odds, explanation.ngram_intercept);
    lines.push_str(&contributions(
        "n-gram model",
        odds,
        intercept,
        &in_words,
        &explanation.ngram,
        top,
        "intercept, the same for every block",
    ));
    let (odds, intercept) = (explanation.page_log_odds, explanation.page_constant);
    let first = &explanation.page[..top.min(explanation.page.len())];
    lines.push_str(&contributions(
        "page model",
        odds,
        intercept,
        first,
        &explanation.page,
        top,
        "without any feature",
    ));
    lines.push('\n');
    lines
}

/// The log-odds of a model as a sum: the intercept, the first contributions in words, and the rest of them all together.
fn contributions(
    model: &str,
    odds: f64,
    intercept: f64,
    first: &[(String, f64)],
    all: &[(String, f64)],
    top: usize,
    constant: &str,
) -> String {
    let mut lines = format!("  {model}: log-odds {odds:+.3}\n");
    let mut line = |value: f64, name: &str| lines.push_str(&format!("    {value:+8.3}  {}\n", in_line(name)));
    for (name, value) in first {
        line(*value, name);
    }
    let rest = all.get(top..).unwrap_or_default();
    if !rest.is_empty() {
        line(
            rest.iter().map(|(_, value)| value).sum(),
            &format!("{} more features", rest.len()),
        );
    }
    line(intercept, constant);
    lines
}

/// A feature's spelling in plain words; numbers are steps, such as of length, and not counts.
pub fn feature_in_words(spelling: &str) -> String {
    let Some((family, parts)) = spelling.split_once('=') else {
        return spelling.to_owned();
    };
    let tags = || {
        parts
            .split(' ')
            .map(|tag| format!("<{tag}>"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    match family {
        "word" => word_ngram(parts),
        "char" => format!("the letters “{parts}”"),
        "heading" => format!("the word “{parts}” in the heading above"),
        "heading-pair" => format!("the words “{parts}” in the heading above"),
        "section" => format!("the word “{parts}” in a heading of its section"),
        "section-pair" => format!("the words “{parts}” in a heading of its section"),
        "address-word" => format!("the word “{parts}” in the address that it links to"),
        "word-before" => format!("the word “{parts}” in the block before"),
        "word-after" => format!("the word “{parts}” in the block after"),
        "class" => format!("the class word “{parts}” on an element around it"),
        "id" => format!("the id word “{parts}” on an element around it"),
        "class-0" => format!("the class or id word “{parts}” on its own element"),
        "class-1" => format!("the class or id word “{parts}” one element up"),
        "class-2" => format!("the class or id word “{parts}” two elements up"),
        "role" => format!("the role “{parts}” around it"),
        "itemprop" => format!("the property “{parts}” around it"),
        "inner" => format!("all of it in {}", tags()),
        "inside" => format!("inside {}", tags()),
        "element" | "path-2" | "path-3" => format!("in the elements {}, from the innermost", tags()),
        "holds-1" | "holds-2" | "holds-3" | "holds-4" => format!(
            "{}: share in links, words, and its own length ({parts})",
            around(family)
        ),
        "share-1" | "share-2" | "share-3" | "share-4" => {
            format!(
                "{}: share of the page's paragraphs, mean length, and its own length ({parts})",
                around(family)
            )
        }
        _ => match MEASURES.iter().find(|(name, _)| *name == family) {
            Some((_, words)) => format!("{words} ({parts})"),
            None => spelling.to_owned(),
        },
    }
}

/// The enclosing element that a family's last digit counts, from the innermost that holds more than the block.
fn around(family: &str) -> String {
    let level = family.rsplit('-').next().unwrap_or_default();
    format!("element {level} around it")
}

pub fn word_ngram(parts: &str) -> String {
    let opens = parts.starts_with("<s> ");
    let closes = parts.ends_with(" </s>");
    let words = parts.trim_start_matches("<s> ").trim_end_matches(" </s>");
    let noun = if words.contains(' ') { "words" } else { "word" };
    let place = match (opens, closes) {
        (true, true) => ", which is all of it",
        (true, false) => " at the start",
        (false, true) => " at the end",
        (false, false) => "",
    };
    format!("the {noun} “{words}”{place}")
}

/// What the families measure that are no words of the page.
const MEASURES: [(&str, &str); 58] = [
    ("length", "its length"),
    ("chars", "its length in characters"),
    ("ending", "how it ends"),
    ("opening", "how it begins"),
    ("capitalized", "share of capitalized words"),
    ("capitals", "share of capital letters"),
    ("digits", "share of digits"),
    ("sentences", "number of sentences"),
    ("quotes", "number of quotation marks"),
    ("commas", "number of commas"),
    ("separators", "number of separators such as |"),
    ("short-words", "share of short words"),
    ("opening-capitals", "words in capitals at the start"),
    ("year-clock-address", "a year, a time of day or an address"),
    ("length+ending", "its length and how it ends"),
    ("length+opening", "its length and how it begins"),
    ("length+capitalized", "its length and share of capitalized words"),
    ("tenth+length", "tenth of the page, and its length"),
    ("from-start", "distance from the start of the page"),
    ("from-end", "distance from the end of the page"),
    ("paragraphs-before+after", "paragraphs before and after it"),
    (
        "paragraphs-before+after+length",
        "paragraphs before and after it, and its length",
    ),
    (
        "since-paragraph+length",
        "distance from the paragraph before, and its length",
    ),
    (
        "until-paragraph+length",
        "distance to the next paragraph, and its length",
    ),
    ("since+until-paragraph", "distances from the paragraphs around it"),
    ("page-blocks", "number of blocks on the page"),
    ("repeat+length", "the same text stands elsewhere, and its length"),
    ("same-opening+length", "another block begins alike, and its length"),
    (
        "twin-before+length",
        "nearly the same text stands just before, and its length",
    ),
    (
        "twin-after+length",
        "nearly the same text stands just after, and its length",
    ),
    (
        "shared+length",
        "share of its words that stand elsewhere, and its length",
    ),
    (
        "shared-with-paragraphs+length",
        "share of its words that stand in paragraphs, and its length",
    ),
    ("heading-distance", "distance from the heading above"),
    ("before", "length and ending of the block before"),
    ("after", "length and ending of the block after"),
    ("before-2", "length and ending of the second block before"),
    ("after-2", "length and ending of the second block after"),
    ("lengths", "lengths of the block before, of it, and of the block after"),
    (
        "lengths-around",
        "lengths of the second block before, of it, and of the second block after",
    ),
    (
        "density",
        "mean length of the blocks before, its length, mean length of the blocks after",
    ),
    ("links+length", "share of it in links, and its length"),
    (
        "element+links+length",
        "its element, share of it in links, and its length",
    ),
    ("link-count+length", "number of links, and its length"),
    ("repeats+links", "stands in a row of its like, and share of it in links"),
    (
        "element-before",
        "element of the block before, share in links, same parent",
    ),
    (
        "element-after",
        "element of the block after, share in links, same parent",
    ),
    ("picture-before", "a picture before it whose description is alike"),
    ("picture-after", "a picture after it whose description is alike"),
    ("title", "words shared with the page's title"),
    ("description", "words shared with the page's description"),
    ("from-h1+length", "distance from the first h1, and its length"),
    (
        "content-steps+length",
        "elements up to the one with most of the text, and its length",
    ),
    (
        "content-steps+share+length",
        "elements up to the one with most of the text, its share, and the length",
    ),
    ("sections", "number of sections that it stands in"),
    (
        "address+length+links",
        "kind of address that it links to, its length, share of it in links",
    ),
    (
        "address-depth+digits+length",
        "parts and digits of the address that it links to, and its length",
    ),
    (
        "address-words-shared",
        "share of its words in the address that it links to, words of that, and its length",
    ),
    ("same-path", "blocks in the same element path, and their mean length"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_told_in_words() {
        assert_eq!(feature_in_words("word=read more"), "the words “read more”");
        assert_eq!(
            feature_in_words("word=<s> advertis </s>"),
            "the word “advertis”, which is all of it"
        );
        assert_eq!(feature_in_words("word=<s> by"), "the word “by” at the start");
        assert_eq!(
            feature_in_words("class-0=promo"),
            "the class or id word “promo” on its own element"
        );
        assert_eq!(
            feature_in_words("path-2=li ul"),
            "in the elements <li> <ul>, from the innermost"
        );
        assert_eq!(feature_in_words("length=4"), "its length (4)");
        assert_eq!(
            feature_in_words("holds-2=0 3 1"),
            "element 2 around it: share in links, words, and its own length (0 3 1)"
        );
    }

    #[test]
    fn an_unknown_family_is_shown_as_it_is_spelled() {
        assert_eq!(feature_in_words("holds-9=1 2 3"), "holds-9=1 2 3");
    }

    #[test]
    fn every_family_of_the_library_has_words() {
        // families that only hash words for comparisons and are no features
        const INTERNAL: [&str; 4] = ["pair", "sequence", "own", "parent"];
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for file in ["shape.rs", "context.rs", "structure.rs", "vectorizer.rs"] {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            // families of its own tests are none of the library
            let families = text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .split("Family::new(\"")
                .skip(1)
                .filter_map(|after| after.split('"').next());
            for family in families.filter(|family| !INTERNAL.contains(family)) {
                let spelling = format!("{family}=1");
                assert_ne!(
                    feature_in_words(&spelling),
                    spelling,
                    "{family} of {file} has no words in explain.rs"
                );
            }
        }
    }

    #[test]
    fn the_printed_parts_are_all_of_the_log_odds() {
        let all = [("a".to_owned(), 1.0), ("b".to_owned(), -0.5), ("c".to_owned(), 0.25)];
        let lines = contributions("page model", 1.75, 1.0, &all[..1], &all, 1, "intercept");
        assert_eq!(
            lines,
            "  page model: log-odds +1.750\n      +1.000  a\n      -0.250  2 more features\n      +1.000  intercept\n"
        );
    }
}
