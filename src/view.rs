//! A labelled page to the ways in which pages are met: its HTML, all of it as plain text, or what an extractor would leave.
//!
//! The extracted view is drawn with a seed and the page's id, so the same page always gives the same text.

use crate::dataset::{GoldPage, MatchedPage, match_gold, page_of};
use crate::error::{Error, Result};
use crate::evaluate::SplitMix;
use crate::label::{Label, LabelSet, USUAL_ORDER};
use crate::page::{Page, PageKind};
use crate::segment::{Split, segment};
use std::ops::Range;

/// A way in which a page is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum View {
    /// As HTML, with its elements.
    Html,
    /// All its blocks as plain text, as in a WET record or a dump.
    Text,
    /// As an extractor leaves it: furniture mostly gone, some captions twice, some promo left.
    Extracted,
}

impl View {
    /// All views in order.
    pub const ALL: [Self; 3] = [Self::Html, Self::Text, Self::Extracted];

    /// `html`, `text` or `extracted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Text => "text",
            Self::Extracted => "extracted",
        }
    }

    /// The kind of page that it gives.
    pub fn kind(self) -> PageKind {
        match self {
            Self::Html => PageKind::Html,
            Self::Text | Self::Extracted => PageKind::Text,
        }
    }
}

/// The views of these that a labelled page can be met in: a page without HTML is plain text already, and is met as that once.
pub fn views_of(gold: &GoldPage, views: &[View]) -> Vec<View> {
    if gold.html.is_some() {
        return views.to_vec();
    }
    views
        .iter()
        .copied()
        .find(|view| view.kind() == PageKind::Text)
        .into_iter()
        .collect()
}

/// A labelled page in one view, as blocks with gold labels.
///
/// # Errors
/// Those of [`match_gold`] and [`page_of`].
pub fn view_page(
    gold: &GoldPage,
    view: View,
    labels: &LabelSet,
    most_unmatched: f64,
    seed: u64,
) -> Result<MatchedPage> {
    if gold.html.is_none() || view == View::Html {
        return match_gold(gold, &page_of(gold)?, labels, most_unmatched);
    }
    let mut random = SplitMix(seed ^ xxhash_rust::xxh3::xxh3_64(gold.id.as_bytes()) ^ view as u64);
    let blocks: Vec<(String, Label)> = gold
        .blocks
        .iter()
        .map(|block| {
            Ok((
                block.text.split_whitespace().collect::<Vec<_>>().join(" "),
                labels.parse(&block.label)?,
            ))
        })
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .filter(|(text, _)| !text.is_empty())
        .collect();
    let kept = match view {
        View::Html | View::Text => blocks,
        View::Extracted => extract(blocks, labels, &mut random),
    };
    let separator = if random.chance(SHARE_OF_BLANK_LINES) {
        "\n\n"
    } else {
        "\n"
    };
    written(gold, &kept, separator)
}

/// Share of plain-text pages whose blocks are separated by blank lines rather than newlines (chosen: extractors do both).
const SHARE_OF_BLANK_LINES: f64 = 0.55;

/// A short page made of a labelled HTML page: a run of its blocks, after most of the website's own and some of its promo were left
/// out. Real HTML pages are long, and a model that never met a short one is unsure of it. `None` when fewer than two blocks are left.
pub fn short_page(mut page: MatchedPage, labels: &LabelSet, seed: u64) -> Option<MatchedPage> {
    let mut random = SplitMix(seed ^ xxhash_rust::xxh3::xxh3_64(page.id.as_bytes()) ^ SHORT_PAGES);
    let share = |label: &Option<Label>| match label.map(|label| labels.name(label)) {
        Some(name) if name == USUAL_ORDER[0] || name == USUAL_ORDER[1] => 1.0,
        Some(name) if name == USUAL_ORDER[3] => SHARE_OF_OTHER,
        Some(_) | None => SHARE_OF_PROMO,
    };
    let kept: Vec<bool> = page.labels.iter().map(|label| random.chance(share(label))).collect();
    let mut at = kept.iter();
    page.segmented.blocks.retain(|_| at.next().is_some_and(|kept| *kept));
    let mut at = kept.iter();
    page.labels.retain(|_| at.next().is_some_and(|kept| *kept));
    let blocks = page.labels.len();
    if blocks < 2 {
        return None;
    }
    let length = (2 + random.below(LONGEST_SHORT_PAGE - 1)).min(blocks);
    let start = random.below(blocks - length + 1);
    page.segmented.blocks.truncate(start + length);
    page.segmented.blocks.drain(..start);
    page.labels.truncate(start + length);
    page.labels.drain(..start);
    Some(page)
}

/// Blocks of the longest short page (chosen: from about here on pages of every length are among the labelled ones).
const LONGEST_SHORT_PAGE: usize = 14;
/// Shares of blocks that stand in a short page (chosen).
const SHARE_OF_PROMO: f64 = 0.5;
const SHARE_OF_OTHER: f64 = 0.1;
/// Makes the draw of short pages another one than that of the views (chosen).
const SHORT_PAGES: u64 = 0x5107_9a6e;

/// Writes blocks as a text page, segments it as at scoring, and gives each block the label that most of its bytes have.
fn written(gold: &GoldPage, blocks: &[(String, Label)], separator: &str) -> Result<MatchedPage> {
    let mut text = String::new();
    let mut places: Vec<(Range<usize>, Label)> = Vec::with_capacity(blocks.len());
    for (block, label) in blocks {
        if !text.is_empty() {
            text.push_str(separator);
        }
        places.push((text.len()..text.len() + block.len(), *label));
        text.push_str(block);
    }
    let page = Page::from_text(&gold.id, text, Some(PageKind::Text))?;
    let segmented = segment(&page, Split::Auto);
    let mut labels = Vec::with_capacity(segmented.blocks.len());
    let mut first = 0;
    for block in &segmented.blocks {
        while places[first].0.end <= block.span.start {
            first += 1;
        }
        let covering = places[first..]
            .iter()
            .take_while(|(place, _)| place.start < block.span.end);
        let most = covering.max_by_key(|(place, _)| place.end.min(block.span.end) - place.start.max(block.span.start));
        labels.push(most.map(|(_, label)| *label));
    }
    Ok(MatchedPage {
        id: gold.id.clone(),
        site: gold.site(),
        segmented,
        labels,
        unmatched_words: 0,
        gold_words: 0,
    })
}

/// How an extractor treats a label's blocks; all chosen, after looking at what common extractors leave of news pages.
struct Habits {
    /// Probability that a run of such blocks between the first and the last block of the article is kept at all.
    inside: f64,
    /// The same for a run right behind the article.
    behind: f64,
    /// The same for a run anywhere else.
    outside: f64,
    /// Probability that a block of a kept run is kept.
    each: f64,
    /// Probability that a kept block stands twice, where the extractor leaves out alt texts.
    twice: f64,
    /// The same where it keeps them.
    twice_with_alt_texts: f64,
}

/// Share of pages whose extractor keeps alt texts, so that most captions stand twice (chosen).
const KEEPS_ALT_TEXTS: f64 = 0.55;

/// What happens to the blocks of a label; labels that have no role on a page are treated like the article.
fn habits(name: &str) -> Habits {
    match name {
        "caption" => Habits {
            inside: 0.85,
            behind: 0.7,
            outside: 0.4,
            each: 0.95,
            twice: 0.03,
            twice_with_alt_texts: 0.95,
        },
        "promo" => Habits {
            inside: 0.5,
            behind: 0.5,
            outside: 0.08,
            each: 0.9,
            twice: 0.02,
            twice_with_alt_texts: 0.1,
        },
        "other" => Habits {
            inside: 0.25,
            behind: 0.2,
            outside: 0.04,
            each: 0.8,
            twice: 0.01,
            twice_with_alt_texts: 0.01,
        },
        _ => Habits {
            inside: 1.0,
            behind: 1.0,
            outside: 1.0,
            each: 0.98,
            twice: 0.01,
            twice_with_alt_texts: 0.01,
        },
    }
}

/// Least pages' worth of text that an extractor is taken to leave: a page that would lose all keeps all (chosen).
fn extract(blocks: Vec<(String, Label)>, labels: &LabelSet, random: &mut SplitMix) -> Vec<(String, Label)> {
    let article = labels.find(crate::label::USUAL_ORDER[0]).unwrap_or(Label(0));
    let is_article = |(_, label): &&(String, Label)| *label == article;
    let first = blocks.iter().position(|block| is_article(&block));
    let last = blocks.iter().rposition(|block| is_article(&block));
    let mut kept = Vec::with_capacity(blocks.len());
    let keeps_alt_texts = random.chance(KEEPS_ALT_TEXTS);
    let mut at = 0;
    while at < blocks.len() {
        let label = blocks[at].1;
        let end = (at..blocks.len())
            .find(|next| blocks[*next].1 != label)
            .unwrap_or(blocks.len());
        let habits = habits(labels.name(label));
        let keep = match (first, last) {
            (Some(first), Some(last)) if at > first && end <= last => habits.inside,
            (_, Some(last)) if at > last && at - last <= BEHIND_REACH => habits.behind,
            (Some(_), _) if label == article => habits.inside,
            _ => habits.outside,
        };
        if random.chance(keep) {
            for (text, label) in &blocks[at..end] {
                if !random.chance(habits.each) {
                    continue;
                }
                kept.push((text.clone(), *label));
                let twice = if keeps_alt_texts {
                    habits.twice_with_alt_texts
                } else {
                    habits.twice
                };
                if random.chance(twice) {
                    kept.push((retyped(text, random), *label));
                }
            }
        }
        at = end;
    }
    if kept.is_empty() { blocks } else { kept }
}

/// Blocks behind the article that an extractor still takes for its end (chosen).
const BEHIND_REACH: usize = 3;

/// A second copy of a text as it stands in an alt text: half of the time with the other kind of quotation marks.
fn retyped(text: &str, random: &mut SplitMix) -> String {
    if random.chance(0.5) {
        return text.to_owned();
    }
    if text.contains(['‘', '’', '“', '”']) {
        text.replace(['‘', '’'], "'").replace(['“', '”'], "\"")
    } else {
        text.replace('\'', "’")
    }
}

/// Parses the name of a view, or `all`.
///
/// # Errors
/// [`Error::Option`] for any other name.
pub fn parse_views(name: &str) -> Result<Vec<View>> {
    if name == "all" {
        return Ok(View::ALL.to_vec());
    }
    View::ALL
        .into_iter()
        .find(|view| view.as_str() == name)
        .map(|view| vec![view])
        .ok_or_else(|| Error::Option {
            option: "--view",
            problem: format!("{name:?} is no view; give html, text, extracted or all"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::GoldBlock;

    fn labels() -> LabelSet {
        LabelSet::new(["body", "caption", "promo", "other"]).unwrap()
    }

    #[test]
    fn a_short_page_is_a_run_of_what_matters_on_the_page() {
        let mut gold = page();
        let paragraph = |block: &GoldBlock| format!("<p>{}</p>", block.text);
        gold.html = Some(gold.blocks.iter().map(paragraph).collect());
        let labels = labels();
        let [mut blocks, mut others] = [0, 0];
        for seed in 0..40 {
            let whole = view_page(&gold, View::Html, &labels, 0.1, seed).unwrap();
            let texts: Vec<String> = whole.segmented.blocks.iter().map(|block| block.text.clone()).collect();
            let known = whole.labels.clone();
            let short = short_page(whole, &labels, seed).unwrap();
            assert_eq!(short.labels.len(), short.segmented.blocks.len());
            assert!(
                (2..=LONGEST_SHORT_PAGE).contains(&short.labels.len()),
                "{}",
                short.labels.len()
            );
            // in the page's order, and each block with its own label
            let mut from = 0;
            for (block, label) in short.segmented.blocks.iter().zip(&short.labels) {
                let at = from + texts[from..].iter().position(|text| *text == block.text).unwrap();
                assert_eq!(known[at], *label);
                from = at + 1;
            }
            blocks += short.labels.len();
            others += short
                .labels
                .iter()
                .flatten()
                .filter(|label| labels.name(**label) == "other")
                .count();
        }
        // 80 of the page's 130 blocks are the website's own
        assert!(others * 4 < blocks, "{others} of {blocks}");
    }

    #[test]
    fn a_page_of_one_block_gives_no_short_page() {
        let mut gold = page();
        gold.blocks.truncate(1);
        gold.blocks[0].label = "body".to_owned();
        gold.html = Some(format!("<p>{}</p>", gold.blocks[0].text));
        let whole = view_page(&gold, View::Html, &labels(), 0.1, 1).unwrap();
        assert!(short_page(whole, &labels(), 1).is_none());
    }

    fn page() -> GoldPage {
        let mut blocks = Vec::new();
        let mut add = |label: &str, count: usize| {
            for n in 0..count {
                blocks.push(GoldBlock {
                    text: format!("A {label} block, number {n} with {}words", "many ".repeat(n % 9)),
                    label: label.to_owned(),
                });
            }
        };
        add("other", 40);
        add("body", 10);
        add("caption", 10);
        add("body", 10);
        add("promo", 20);
        add("other", 40);
        GoldPage {
            id: "a/b".to_owned(),
            kind: None,
            url: None,
            lang: None,
            html: Some("<p>unused".to_owned()),
            text: None,
            blocks,
            unknown: Default::default(),
        }
    }

    fn counts(view: View, seed: u64) -> Vec<usize> {
        let matched = view_page(&page(), view, &labels(), 1.0, seed).unwrap();
        labels()
            .iter()
            .map(|label| matched.labels.iter().filter(|found| **found == Some(label)).count())
            .collect()
    }

    #[test]
    fn the_text_view_has_every_block_with_its_label() {
        assert_eq!(counts(View::Text, 1), [20, 10, 20, 80]);
    }

    #[test]
    fn the_extracted_view_keeps_the_article_and_loses_most_furniture() {
        let seeds = 1..=20u64;
        let mean = |label: usize| {
            seeds
                .clone()
                .map(|seed| counts(View::Extracted, seed)[label])
                .sum::<usize>() as f64
                / 20.0
        };
        assert!(mean(0) > 19.0, "{}", mean(0));
        assert!(mean(3) < 30.0, "{}", mean(3));
        assert!(
            seeds.clone().any(|seed| counts(View::Extracted, seed)[1] > 10),
            "captions stand twice"
        );
        assert!(
            seeds.clone().any(|seed| counts(View::Extracted, seed)[2] == 0)
                && seeds.clone().any(|seed| counts(View::Extracted, seed)[2] > 10)
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_page_and_another_does_not() {
        let texts = |seed| {
            let matched = view_page(&page(), View::Extracted, &labels(), 1.0, seed).unwrap();
            matched
                .segmented
                .blocks
                .into_iter()
                .map(|block| block.text)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(7), texts(7));
        assert_ne!(texts(7), texts(8));
    }

    #[test]
    fn a_page_without_html_is_met_as_text_once() {
        let text = GoldPage { html: None, ..page() };
        assert_eq!(views_of(&text, &View::ALL), [View::Text]);
        assert_eq!(views_of(&text, &[View::Extracted]), [View::Extracted]);
        assert_eq!(views_of(&text, &[View::Html]), []);
        assert_eq!(views_of(&page(), &View::ALL), View::ALL);
    }

    #[test]
    fn views_are_named() {
        assert_eq!(parse_views("all").unwrap(), View::ALL);
        assert_eq!(parse_views("text").unwrap(), [View::Text]);
        assert!(parse_views("pdf").is_err());
    }
}
