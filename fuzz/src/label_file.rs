//! Bytes as a file of labels without pages, of corrections, of extractors' texts, of main texts: each line is read or named as bad.

use super::{classifier, file};
use unbait::corrections::Corrections;
use unbait::dataset::{GoldBlock, GoldPage, page_of};
use unbait::error::Error;
use unbait::extraction::{Extractions, match_extraction};
use unbait::label::LabelSet;
use unbait::label_file::{LabelFile, join, without_text};
use unbait::main_text::MainTexts;
use unbait::segment::{Split, segment};

/// Tries an input.
pub fn try_input(bytes: &[u8]) {
    let path = file("x.labels", bytes);
    let (Ok(labels), Ok(extractions)) = (LabelFile::read(&path), Extractions::read(std::slice::from_ref(&path))) else {
        return;
    };
    let is_packed = bytes.starts_with(&[0x1f, 0x8b]) || bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]);
    let lines = bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .count();
    assert!(
        is_packed || labels.pages.len() + labels.errors.len() == lines,
        "{lines} lines, {labels:?}"
    );
    for page in &labels.pages {
        join(page, None, Some(String::from_utf8_lossy(bytes).into_owned())).expect("a page of this size");
    }
    let gold = page_of_blocks(&String::from_utf8_lossy(bytes));
    let published = without_text(&gold);
    let joined = join(&published, gold.html.clone(), None).expect("a page of this size");
    assert_eq!((joined.lost, &joined.page), (0, &gold), "all blocks are there");

    for id in extractions.ids() {
        for (_, text) in extractions.of(id) {
            let matched = match_extraction(&gold, text, classifier().labels()).expect("labels of the model");
            assert_eq!(matched.labels.len(), matched.segmented.blocks.len());
        }
    }
    match Corrections::read(std::slice::from_ref(&path)) {
        Ok(corrections) => assert!(corrections.len() <= lines || is_packed),
        Err(error) => assert!(matches!(error, Error::Record { .. }), "{error}"),
    }
    if let Ok(texts) = MainTexts::read(&[path], "main_text") {
        let labels = LabelSet::new(["body", "other"]).expect("two labels");
        let Ok(Some(keeping)) = texts.keeping(&labels) else {
            return;
        };
        for page in &texts.pages {
            let blocks = page.segmented().expect("a page of this size").blocks;
            let blocks: Vec<&str> = blocks.iter().map(|block| block.text.as_str()).collect();
            let half = ndarray::Array2::from_elem((blocks.len(), 2), 0.5);
            keeping.judge(page, &blocks, half.view());
        }
    }
}

/// A page of this HTML whose blocks all have a label.
fn page_of_blocks(html: &str) -> GoldPage {
    let mut gold = GoldPage {
        id: "x/y".to_owned(),
        kind: None,
        url: None,
        lang: None,
        html: Some(html.to_owned()),
        text: None,
        blocks: Vec::new(),
        unknown: Default::default(),
    };
    let page = page_of(&gold).expect("a page of this size");
    let names = classifier().labels().names().iter().cycle();
    let blocks = segment(&page, Split::Auto).blocks.into_iter().zip(names);
    gold.blocks = blocks
        .map(|(block, label)| GoldBlock {
            text: block.text,
            label: label.clone(),
        })
        .collect();
    gold
}
