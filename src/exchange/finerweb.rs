//! A text to the quality of each of its lines, as the data set FinerWeb-10BT has it: how probable `body` is for the line's block.
//!
//! Lines are those of Python's `splitlines`, which the data set's own code pairs with `line_quality`. A blank line has the value of
//! the line before it, so that it goes or stays with its block; blank lines at the start have that of the first block.

use super::{SpanText, json, rounded};
use crate::error::Result;
use ndarray::ArrayView1;
use serde::Serialize;
use std::ops::Range;

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    text: &'a str,
    /// 0 to 1, one for each line.
    line_quality: Vec<f64>,
}

/// The row of a text; `qualities` are those of its spans, 0 to 1. Lines of a text without a span have the quality 0.
pub(super) fn record(text: &SpanText, qualities: ArrayView1<'_, f64>) -> Result<String> {
    let mut spans = text.spans.iter().zip(qualities).peekable();
    let mut quality = qualities.first().copied().unwrap_or(0.0);
    let mut line_quality = Vec::new();
    for line in lines(&text.text) {
        while spans.next_if(|(span, _)| span.range.end <= line.start).is_some() {}
        if let Some((_, of_block)) = spans.peek().filter(|(span, _)| span.range.start < line.end) {
            quality = **of_block;
        }
        line_quality.push(rounded(quality));
    }
    let row = Row {
        id: &text.id,
        url: text.url.as_deref(),
        text: &text.text,
        line_quality,
    };
    Ok(json(&row)? + "\n")
}

/// The lines as `str.splitlines` of Python finds them, in bytes and without their ends.
fn lines(text: &str) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if !ends_line(c) {
            continue;
        }
        lines.push(start..at);
        start = at + c.len_utf8();
        if c == '\r' && chars.next_if(|(_, next)| *next == '\n').is_some() {
            start += 1;
        }
    }
    if start < text.len() {
        lines.push(start..text.len());
    }
    lines
}

fn ends_line(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

#[cfg(test)]
mod tests {
    use super::super::LabelSpan;
    use super::*;

    /// The qualities of a text's lines, whose blocks are these.
    fn qualities(text: &str, blocks: &[(&str, f64)]) -> Vec<f64> {
        let spans = blocks.iter().map(|(block, _)| {
            let start = text.find(block).unwrap();
            LabelSpan {
                range: start..start + block.len(),
                label: "body".to_owned(),
                probability: None,
            }
        });
        let text = SpanText {
            id: "x".to_owned(),
            url: None,
            text: text.to_owned(),
            spans: spans.collect(),
        };
        let of_blocks: Vec<f64> = blocks.iter().map(|(_, quality)| *quality).collect();
        let row = record(&text, ArrayView1::from(&of_blocks)).unwrap();
        let row: serde_json::Value = serde_json::from_str(&row).unwrap();
        row["line_quality"]
            .as_array()
            .unwrap()
            .iter()
            .map(|quality| quality.as_f64().unwrap())
            .collect()
    }

    #[test]
    fn each_line_has_the_quality_of_its_block_and_a_blank_one_that_of_the_line_before() {
        let text = "\n\nOne\ntwo\n \n\nthree\nfour 🎻\n";
        assert_eq!(
            qualities(text, &[("One\ntwo", 0.9), ("three", 0.25), ("four 🎻", 0.5)]),
            [0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.25, 0.5]
        );
    }

    #[test]
    fn a_text_without_a_block_has_a_zero_for_each_line() {
        assert_eq!(qualities(" \n\n", &[]), [0.0, 0.0]);
        assert_eq!(qualities("", &[]), [0.0; 0]);
    }

    #[test]
    fn lines_are_those_of_splitlines() {
        // python3 -c 'print("a\r\nb\rc\n\nd\x0be\x0cf\x1cg\x1dh\x1ei\x85j\u2028k\u2029l\x1fm\n".splitlines())'
        let text = "a\r\nb\rc\n\nd\x0be\x0cf\x1cg\x1dh\x1ei\u{85}j\u{2028}k\u{2029}l\x1fm\n";
        let found: Vec<&str> = lines(text).into_iter().map(|line| &text[line]).collect();
        assert_eq!(
            found,
            ["a", "b", "c", "", "d", "e", "f", "g", "h", "i", "j", "k", "l\x1fm"]
        );
    }
}
