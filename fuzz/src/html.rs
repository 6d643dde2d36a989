//! Bytes as an HTML page: blocks in the order of the page, probabilities that sum to 1, the same bits twice.

use super::{bits, checked, classifier, is_labelled_twice};
use unbait::page::{Page, PageKind, PageOptions};
use unbait::segment::Split;

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let options = PageOptions {
        kind: Some(PageKind::Html),
        ..PageOptions::default()
    };
    let Ok(page) = Page::from_bytes("x", bytes, &options) else {
        return;
    };
    let labelled = checked(classifier(), &page, Split::Auto);
    if is_labelled_twice(bytes) {
        assert_eq!(bits(&labelled), bits(&checked(classifier(), &page, Split::Auto)));
    }
}
