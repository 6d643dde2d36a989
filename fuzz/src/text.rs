//! Bytes as a page of plain text: the blocks and the white space between them are the page, however it is split.

use super::{bits, checked, classifier, is_labelled_twice};
use unbait::page::{Page, PageKind, PageOptions};
use unbait::segment::{Split, is_space};

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let options = PageOptions {
        kind: Some(PageKind::Text),
        ..PageOptions::default()
    };
    let Ok(page) = Page::from_bytes("x", bytes, &options) else {
        return;
    };
    for split in [Split::Blank, Split::Line, Split::Auto] {
        let labelled = checked(classifier(), &page, split);
        let mut end = 0;
        for block in &labelled.segmented.blocks {
            assert!(page.text[end..block.span.start].chars().all(is_space));
            end = block.span.end;
        }
        assert!(page.text[end..].chars().all(is_space));
        if split == Split::Auto && is_labelled_twice(bytes) {
            assert_eq!(bits(&labelled), bits(&checked(classifier(), &page, split)));
        }
    }
}
