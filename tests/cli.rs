//! The tool by its documents: every console example of `README.md` and of `tests/cli/*.md` is run.
//!
//! To accept what changed: `TRYCMD=overwrite cargo test --test cli`, then read the difference.

use std::path::Path;
use unbait::classifier::Classifier;
use unbait::line_classifier::LineClassifier;

/// Documents whose examples need the shipped model.
const OF_THE_SHIPPED_MODEL: [&str; 13] = [
    "README.md",
    "tests/cli/bait.md",
    "tests/cli/score.md",
    "tests/cli/clean.md",
    "tests/cli/explain.md",
    "tests/cli/eval.md",
    "tests/cli/main-text.md",
    "tests/cli/corpus.md",
    "tests/cli/resume.md",
    "tests/cli/stats.md",
    "tests/cli/config.md",
    "tests/cli/exchange.md",
    "tests/cli/restore.md",
];

/// Documents whose examples make their own model or need none.
const OF_NO_MODEL: [&str; 8] = [
    "tests/cli/lines.md",
    "tests/cli/train.md",
    "tests/cli/usage.md",
    "tests/cli/labels.md",
    "tests/cli/extracted.md",
    "tests/cli/corrections.md",
    "tests/cli/loss.md",
    "tests/cli/install.md",
];

#[test]
fn the_documents_say_what_the_tool_does() {
    let cases = trycmd::TestCases::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let has_model = Classifier::shipped().is_ok() && LineClassifier::clickbait().is_ok();
    if !has_model {
        eprintln!("skipped: documents of the shipped model; this build has none");
    }
    for document in OF_NO_MODEL
        .into_iter()
        .chain(OF_THE_SHIPPED_MODEL.into_iter().filter(|_| has_model))
    {
        if root.join(document).exists() {
            cases.case(document);
        }
    }
}

#[test]
fn every_document_is_run() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let document = format!("tests/cli/{name}");
        let is_run = OF_THE_SHIPPED_MODEL.contains(&document.as_str()) || OF_NO_MODEL.contains(&document.as_str());
        assert!(
            !name.ends_with(".md") || is_run,
            "{document} stands in no list of tests/cli.rs"
        );
    }
}
