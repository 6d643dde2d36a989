//! Bytes as a Parquet file: rows or errors, and rows that are written with another text are read again.

use super::{MOST_RECORDS, file};
use std::sync::Once;
use unbait::corpus::row_table::RowTable;
use unbait::corpus::{BlockCounts, Content, CorpusOptions, Format, Records};

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let_readers_panic();
    let path = file("rows.parquet", bytes);
    let mut options = CorpusOptions {
        format: Some(Format::Parquet),
        ..CorpusOptions::default()
    };
    for html in [None, Some("html".to_owned())] {
        options.keys.html = html;
        let rows: Vec<_> = Records::of_file(&path, &options).take(MOST_RECORDS).collect();
        let Ok(mut table) = RowTable::new(&path, &options.keys, &["body", "promo"]) else {
            continue;
        };
        let mut written = Vec::new();
        let mut wanted = Vec::new();
        let mut has_failed = false;
        for row in rows.iter().flatten() {
            assert!(matches!(row.content, Content::Row(_)));
            let Ok(Some(page)) = row.page(&options) else { continue };
            let text = format!("Kept: {}", page.page.text);
            let counts = BlockCounts {
                kept: [("body".to_owned(), 2)].into(),
                removed: [("promo".to_owned(), 1)].into(),
            };
            has_failed |= table.add(row.place.record, text.clone(), counts, &mut written).is_err();
            wanted.push(text);
            if has_failed {
                break;
            }
        }
        if has_failed || table.finish(&mut written).is_err() {
            continue;
        }
        let again = file("again.parquet", &written);
        let of_text = CorpusOptions {
            format: Some(Format::Parquet),
            ..CorpusOptions::default()
        };
        let found: Vec<_> = Records::of_file(&again, &of_text)
            .map(|row| {
                row.expect("a row that was written")
                    .page(&of_text)
                    .expect("its text")
                    .expect("its text")
                    .page
                    .text
            })
            .collect();
        assert_eq!(found, wanted);
    }
}

/// Panics inside the crates that read Parquet are caught, and made errors, where they are called: they must not end the process. All
/// others still do, as libFuzzer's runtime catches them.
fn let_readers_panic() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(|place| place.file()).unwrap_or_default();
            if ["/parquet-", "/arrow-", "/library/"]
                .iter()
                .all(|crate_name| !place.contains(crate_name))
            {
                eprintln!("{panic}");
            }
        }));
    });
}
