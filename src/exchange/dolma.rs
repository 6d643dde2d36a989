//! A page to a line of attributes of the dolma toolkit: for each label the spans of the blocks that have it.
//!
//! Rows are those of the documents: one for each, in their order, also for a document without a block. `dolma mix` compares the
//! ids, and takes every span of an attribute whose score is not below `min_score`, so a span stands at the label that the block
//! was given and at no other.

use super::{LabelledBlocks, Unit, json, offsets_of, rounded};
use crate::error::Result;
use crate::label::LabelSet;
use serde::Serialize;
use std::collections::BTreeMap;

/// What keys of attributes begin with: names of the experiment and of the tagger (dolma, `docs/taggers.md`).
const PREFIX: &str = "unbait__blocks__";

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    /// Start, end (not part of the span) and score, in code points of the document's text.
    attributes: BTreeMap<String, Vec<(usize, usize, f64)>>,
}

/// The row of a document.
pub(super) fn record(page: &LabelledBlocks<'_>, names: &LabelSet) -> Result<String> {
    let key = |name: &str| format!("{PREFIX}{name}");
    let mut attributes: BTreeMap<String, Vec<(usize, usize, f64)>> =
        names.names().iter().map(|name| (key(name), Vec::new())).collect();
    let spans = page.blocks.iter().map(|block| block.span.clone());
    let offsets = offsets_of(Unit::CodePoint, &page.page.text, spans);
    for ((_, label, probability), range) in page.labelled().zip(offsets) {
        let spans = attributes.entry(key(names.name(label))).or_default();
        spans.push((range.start, range.end, rounded(probability)));
    }
    let row = Row {
        id: &page.page.id,
        attributes,
    };
    Ok(json(&row)? + "\n")
}
