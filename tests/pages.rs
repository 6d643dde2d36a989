//! Pages with their expected blocks: `tests/pages/NAME/` holds a page and `expected.txt` with a label, a tab and the text of each block.
//!
//! The labels are the true ones, so the model may miss some; the blocks must be exactly these.

use std::path::{Path, PathBuf};
use unbait::classifier::Classifier;
use unbait::page::{Page, PageOptions};
use unbait::segment::{Split, segment};

/// Share of a page's labels that the shipped model must get right (chosen).
const LEAST_RIGHT: f64 = 0.85;

struct Case {
    name: String,
    page: Page,
    /// Label and text of each block.
    expected: Vec<(String, String)>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pages");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders.iter().map(|folder| case(folder)).collect()
}

fn case(folder: &Path) -> Case {
    let source = ["page.html", "page.txt"]
        .map(|name| folder.join(name))
        .into_iter()
        .find(|path| path.exists());
    let source = source.unwrap_or_else(|| panic!("{}: wanted page.html or page.txt", folder.display()));
    let bytes = std::fs::read(&source).unwrap();
    let page = Page::from_bytes(source.to_str().unwrap(), &bytes, &PageOptions::default()).unwrap();
    let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let expected = expected.lines().map(|line| {
        line.split_once('\t')
            .map(|(label, text)| (label.to_owned(), text.to_owned()))
            .unwrap()
    });
    Case {
        name: folder.file_name().unwrap().to_string_lossy().into_owned(),
        page,
        expected: expected.collect(),
    }
}

#[test]
fn there_are_pages() {
    assert!(cases().len() >= 8);
}

#[test]
fn every_page_has_exactly_the_expected_blocks() {
    for case in cases() {
        let found: Vec<String> = segment(&case.page, Split::Auto)
            .blocks
            .into_iter()
            .map(|block| block.text)
            .collect();
        let wanted: Vec<&str> = case.expected.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(found, wanted, "{}", case.name);
    }
}

#[test]
fn the_shipped_model_gets_most_labels_of_every_page_right() {
    let Ok(classifier) = Classifier::shipped() else {
        eprintln!("skipped: this build has no shipped model");
        return;
    };
    let mut failed = Vec::new();
    for case in cases() {
        let labelled = classifier.classify(&case.page, Split::Auto).unwrap();
        let found = labelled.labels.iter().map(|label| classifier.labels().name(*label));
        let wrong: Vec<String> = found
            .zip(&case.expected)
            .filter(|(found, (wanted, _))| found != wanted)
            .map(|(found, (wanted, text))| format!("  {wanted} was called {found}: {text}\n"))
            .collect();
        let right = 1.0 - wrong.len() as f64 / case.expected.len() as f64;
        if right < LEAST_RIGHT {
            failed.push(format!(
                "{}: {:.0} % right\n{}",
                case.name,
                100.0 * right,
                wrong.concat()
            ));
        }
    }
    assert!(failed.is_empty(), "{}", failed.concat());
}
