//! Bytes as labelled pages of any format: what is read can be written and read again, and gold that is all of a page is found in it.

use super::file;
use unbait::dataset::{Dataset, GoldPage, match_gold, page_of};
use unbait::label_file::{LabelledHashes, join, without_text};
use unbait::segment::{Split, segment};

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let Ok(read) = Dataset::read(&[file("pages.jsonl", bytes)]) else {
        return;
    };
    assert!(
        read.corrections.is_empty() && read.passed_over.is_empty(),
        "a file that is named is read"
    );
    let line = |page: &GoldPage| serde_json::to_string(page).expect("a page is JSON") + "\n";
    let lines: String = read.pages.iter().map(line).collect();
    if !read.pages.is_empty() {
        let again = Dataset::read(&[file("again.jsonl", lines.as_bytes())]).expect("pages that were read before");
        assert!(again.errors.is_empty(), "{:?}", again.errors);
        assert_eq!(read.pages, again.pages);
    }
    let Ok(labels) = read.labels() else { return };
    for gold in &read.pages {
        let page = page_of(gold).expect("a page of this size");
        let matched = match_gold(gold, &page, &labels, 1.0).expect("all labels are known");
        assert_eq!(matched.labels.len(), matched.segmented.blocks.len());
        assert!(matched.unmatched_words <= matched.gold_words);
        if gold.html.is_none() && gold.text.is_none() {
            assert_eq!(matched.unmatched_words, 0, "the blocks are the page");
        }
        published(gold);
    }
}

/// Labels without the page find their blocks again.
fn published(gold: &GoldPage) {
    let published = without_text(gold);
    let line = serde_json::to_string(&published).expect("labels are JSON");
    let again: LabelledHashes = serde_json::from_str(&line).expect("labels that were written");
    assert_eq!(again, published);
    let joined = join(&again, gold.html.clone(), gold.text.clone()).expect("a page of this size");
    assert_eq!(joined.page.blocks.len() + joined.lost, gold.blocks.len());
    let found = joined.page.blocks.iter().map(|block| block.text.as_str());
    let segmented = segment(&page_of(gold).expect("a page of this size"), Split::Auto);
    let mut blocks = segmented.blocks.iter().map(|block| block.text.as_str());
    assert!(
        found.into_iter().all(|text| blocks.any(|block| block == text)),
        "what is found stands there in its order"
    );
}
