//! Bytes as a web archive, packed or not: what is read is written so that it is read again, as it was or with another text.

use super::{MOST_RECORDS, records};
use unbait::corpus::{BlockCounts, Content, CorpusOptions, Format, PassedOver, Record};
use unbait::error::{Error, Result};
use unbait::page::PageKind;

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let options = CorpusOptions {
        format: Some(Format::Warc),
        passed_over: PassedOver::HandedOn,
        ..CorpusOptions::default()
    };
    let all = records(bytes, &options);
    let dropped = records(
        bytes,
        &CorpusOptions {
            passed_over: PassedOver::Dropped,
            ..options.clone()
        },
    );
    let places = |records: &[Result<Record>]| -> Vec<String> {
        let wanted = records.iter().filter(|record| {
            !matches!(
                record,
                Ok(Record {
                    content: Content::Other(_),
                    ..
                })
            )
        });
        wanted
            .map(|record| {
                record
                    .as_ref()
                    .map_or_else(Error::to_string, |record| format!("{:?}", record.place))
            })
            .collect()
    };
    if all.len() < MOST_RECORDS {
        assert_eq!(
            places(&all),
            places(&dropped),
            "other records change what is read of those with pages"
        );
    }

    let mut archive = Vec::new();
    let mut texts = Vec::new();
    for record in all.into_iter().flatten() {
        if let Ok(Some(page)) = record.page(&options) {
            written_with_text(&record, &page.page.text, &options);
        }
        texts.push(text(&record, &options));
        archive.extend(record.into_archived().expect("a record of an archive"));
    }
    let again = records(&archive, &options);
    let again: Vec<_> = again
        .into_iter()
        .map(|record| text(&record.expect("a record that was read before"), &options))
        .collect();
    assert_eq!(texts, again);
}

/// Kind, address and text of a record's page; `None` when there is none, or it is broken.
fn text(record: &Record, options: &CorpusOptions) -> Option<(PageKind, Option<String>, String)> {
    let page = record.page(options).ok().flatten()?;
    Some((page.page.kind, page.url, page.page.text))
}

/// Writes a record with this text, and reads it.
fn written_with_text(record: &Record, wanted: &str, options: &CorpusOptions) {
    let counts = BlockCounts {
        kept: [("body".to_owned(), 2)].into(),
        removed: [("promo".to_owned(), 1)].into(),
    };
    let written = record
        .archived_with_text(wanted, &counts)
        .expect("a record of an archive");
    let again = records(&written, options);
    let [Ok(again)] = &again[..] else {
        panic!("{again:?} of {:?}", String::from_utf8_lossy(&written));
    };
    match again.page(options) {
        Ok(Some(page)) => assert_eq!((page.page.kind, page.page.text.as_str()), (PageKind::Text, wanted)),
        // text that a page was decoded to can begin as files do that are none
        Err(Error::NotText { .. }) => {}
        other => panic!("{other:?} of {:?}", String::from_utf8_lossy(&written)),
    }
}
