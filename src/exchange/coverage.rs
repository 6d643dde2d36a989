//! Labelled spans of a text to labels of its blocks: each block has the label that most of its characters are marked with.
//!
//! Spans can be parts of blocks, reach over several, and overlap; white space counts nowhere.

use super::{SpanText, quoted};
use crate::error::{Error, Result};
use crate::label::MOST_LABELS;
use crate::page::{Page, PageKind};
use crate::segment::{Split, is_space, segment};
use std::collections::BTreeSet;

/// The labelled blocks of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockLabels {
    /// Text and label of each block that has a label, in reading order.
    pub blocks: Vec<(String, String)>,
    /// What is wrong with blocks that are left out because two labels mark them to the same extent, and the remedy.
    pub problems: Vec<String>,
}

impl SpanText {
    /// The blocks of the text, found as at scoring, with the label that most of their characters are marked with; of characters
    /// that no span marks `outside` is the label. A block that is marked by half or less has none and is left out.
    ///
    /// # Errors
    /// [`Error::PageTooLarge`], and [`Error::Labels`] when the spans have more labels than a model can have.
    pub fn block_labels(&self, outside: Option<&str>) -> Result<BlockLabels> {
        let page = Page::from_text(&self.id, self.text.clone(), Some(PageKind::Text))?;
        let mut coverage = Coverage::new(self, outside);
        // each block, and each end of a span, goes through all labels
        if coverage.labels.len() > MOST_LABELS {
            return Err(Error::Labels {
                problem: format!(
                    "page {:?} is marked with {} different labels; a model can have {MOST_LABELS}",
                    self.id,
                    coverage.labels.len()
                ),
            });
        }
        let mut labelled = BlockLabels::default();
        for block in segment(&page, Split::Auto).blocks {
            let counted = coverage.count(&self.text, block.span.clone());
            match coverage.most(&counted) {
                Most::Label(label) => labelled.blocks.push((block.text, label.to_owned())),
                Most::None => {}
                Most::Two(one, other) => labelled.problems.push(format!(
                    "the block {:?} is marked as {one} and as {other} to the same extent; it is left out: give it one label",
                    quoted(&block.text)
                )),
            }
        }
        Ok(labelled)
    }
}

/// Counts the characters of blocks that each label marks; blocks come in the order of the text.
struct Coverage<'s> {
    labels: Vec<&'s str>,
    outside: Option<usize>,
    /// Where spans begin and end: byte, label, and whether it begins; in the order of the text.
    borders: Vec<(usize, usize, bool)>,
    next: usize,
    /// How many spans of each label are open.
    open: Vec<u32>,
}

/// The characters of a block.
struct Counted {
    by_label: Vec<usize>,
    marked: usize,
    all: usize,
}

enum Most<'s> {
    Label(&'s str),
    Two(&'s str, &'s str),
    None,
}

impl<'s> Coverage<'s> {
    fn new(text: &'s SpanText, outside: Option<&'s str>) -> Self {
        let names = text.spans.iter().map(|span| span.label.as_str()).chain(outside);
        let labels: Vec<&str> = names.collect::<BTreeSet<_>>().into_iter().collect();
        let number = |name: &str| labels.binary_search(&name).unwrap_or_default();
        let spans = text.spans.iter().filter(|span| !span.range.is_empty());
        let spans = spans.map(|span| (span, number(&span.label)));
        let mut borders: Vec<(usize, usize, bool)> = spans
            .flat_map(|(span, label)| [(span.range.start, label, true), (span.range.end, label, false)])
            .collect();
        borders.sort_unstable();
        Self {
            outside: outside.map(number),
            open: vec![0; labels.len()],
            labels,
            borders,
            next: 0,
        }
    }

    fn count(&mut self, text: &str, block: std::ops::Range<usize>) -> Counted {
        let mut counted = Counted {
            by_label: vec![0; self.labels.len()],
            marked: 0,
            all: 0,
        };
        let mut at = block.start;
        self.pass(at);
        while at < block.end {
            let until = self
                .borders
                .get(self.next)
                .map_or(block.end, |border| border.0.min(block.end));
            let chars = text[at..until].chars().filter(|c| !is_space(*c)).count();
            let marks = self.open.iter().enumerate().filter(|(_, spans)| **spans > 0);
            let mut is_marked = false;
            for (label, _) in marks {
                counted.by_label[label] += chars;
                is_marked = true;
            }
            if let Some(outside) = self.outside.filter(|_| !is_marked) {
                counted.by_label[outside] += chars;
                is_marked = true;
            }
            counted.marked += if is_marked { chars } else { 0 };
            counted.all += chars;
            at = until;
            self.pass(at);
        }
        counted
    }

    /// Opens and closes the spans that begin and end up to here.
    fn pass(&mut self, at: usize) {
        while let Some((_, label, begins)) = self.borders.get(self.next).filter(|border| border.0 <= at) {
            if *begins {
                self.open[*label] += 1;
            } else {
                self.open[*label] -= 1;
            }
            self.next += 1;
        }
    }

    fn most(&self, counted: &Counted) -> Most<'s> {
        let most = counted.by_label.iter().copied().max().unwrap_or(0);
        if counted.marked * 2 <= counted.all {
            return Most::None;
        }
        let mut with_most = self
            .labels
            .iter()
            .zip(&counted.by_label)
            .filter(|(_, count)| **count == most);
        match (with_most.next(), with_most.next()) {
            (Some((one, _)), None) => Most::Label(one),
            (Some((one, _)), Some((other, _))) => Most::Two(one, other),
            (None, _) => Most::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::LabelSpan;
    use super::*;

    const TEXT: &str = "Ten of us went 🎻\n\nRead more\n\nThe end";

    /// The labels of the text's blocks, by spans in words of the text.
    fn labels(spans: &[(&str, &str)], outside: Option<&str>) -> BlockLabels {
        let spans = spans.iter().map(|(marked, label)| {
            let start = TEXT.find(marked).unwrap();
            LabelSpan {
                range: start..start + marked.len(),
                label: (*label).to_owned(),
                probability: None,
            }
        });
        let text = SpanText {
            id: "x".to_owned(),
            url: None,
            text: TEXT.to_owned(),
            spans: spans.collect(),
        };
        text.block_labels(outside).unwrap()
    }

    fn found(labelled: &BlockLabels) -> Vec<(&str, &str)> {
        let blocks = labelled.blocks.iter();
        blocks.map(|(text, label)| (text.as_str(), label.as_str())).collect()
    }

    #[test]
    fn a_span_over_several_blocks_labels_each_of_them() {
        let labelled = labels(
            &[("Read more\n\nThe end", "promo"), ("Ten of us went 🎻", "body")],
            None,
        );
        assert_eq!(
            found(&labelled),
            [
                ("Ten of us went 🎻", "body"),
                ("Read more", "promo"),
                ("The end", "promo")
            ]
        );
    }

    #[test]
    fn a_text_with_more_labels_than_a_model_can_have_is_refused() {
        let text = |labels: usize| SpanText {
            id: "x".to_owned(),
            url: None,
            text: TEXT.to_owned(),
            spans: (0..labels)
                .map(|n| LabelSpan {
                    range: 0..1,
                    label: format!("label-{n}"),
                    probability: None,
                })
                .collect(),
        };
        assert!(text(MOST_LABELS).block_labels(None).is_ok());
        let problem = text(MOST_LABELS + 1).block_labels(None).unwrap_err().to_string();
        let wanted = "labels: page \"x\" is marked with 65 different labels; a model can have 64";
        assert_eq!(problem, wanted);
        assert!(text(MOST_LABELS).block_labels(Some("other")).is_err());
    }

    #[test]
    fn a_block_that_is_marked_by_half_or_less_is_left_out() {
        // 12 characters without white space
        assert_eq!(found(&labels(&[("of us w", "body")], None)), []);
        assert_eq!(found(&labels(&[("of us we", "body")], None)), []);
        assert_eq!(
            found(&labels(&[("of us went", "body")], None)),
            [("Ten of us went 🎻", "body")]
        );
    }

    #[test]
    fn of_two_labels_in_a_block_the_one_with_more_characters_counts() {
        let labelled = labels(&[("Ten of us went 🎻", "body"), ("of us went", "promo")], None);
        assert_eq!(found(&labelled), [("Ten of us went 🎻", "body")]);
        assert_eq!(labelled.problems, [""; 0]);
    }

    #[test]
    fn a_block_with_two_labels_to_the_same_extent_is_named_and_left_out() {
        let labelled = labels(
            &[("Read more", "promo"), ("Read more", "body"), ("The end", "body")],
            None,
        );
        assert_eq!(found(&labelled), [("The end", "body")]);
        assert_eq!(
            labelled.problems,
            [
                "the block \"Read more\" is marked as body and as promo to the same extent; it is left out: give it one label"
            ]
        );
    }

    #[test]
    fn a_label_that_marks_a_block_twice_counts_once() {
        let labelled = labels(
            &[("of us", "promo"), ("of us", "promo"), ("Ten of us went", "body")],
            None,
        );
        assert_eq!(found(&labelled), [("Ten of us went 🎻", "body")]);
    }

    #[test]
    fn characters_outside_of_all_spans_can_have_a_label() {
        let labelled = labels(&[("of us", "body"), ("Read more", "promo")], Some("other"));
        assert_eq!(
            found(&labelled),
            [
                ("Ten of us went 🎻", "other"),
                ("Read more", "promo"),
                ("The end", "other")
            ]
        );
        let labelled = labels(&[("of us went", "body")], Some("body"));
        assert_eq!(found(&labelled)[0], ("Ten of us went 🎻", "body"));
    }
}
