//! The rooms of the house: every file of `src/` may use the files below it only, and some crates have one home.
//!
//! A new file needs a row here, and a row needs a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each file with those that it may use.
const ROOMS: [(&str, &[&str]); 38] = [
    ("label", &["error"]),
    ("error", &["label"]),
    ("ascii", &["label", "error"]),
    ("page", &["label", "error"]),
    ("html", &["label", "error"]),
    ("segment", &["label", "error", "ascii", "page", "html"]),
    ("vocabulary", &["label", "error"]),
    ("analyzer", &["label", "error", "vocabulary", "ascii"]),
    (
        "shape",
        &["label", "error", "segment", "vocabulary", "ascii", "analyzer"],
    ),
    (
        "context",
        &["label", "error", "segment", "vocabulary", "analyzer", "shape"],
    ),
    (
        "structure",
        &[
            "label",
            "error",
            "html",
            "segment",
            "vocabulary",
            "analyzer",
            "shape",
            "context",
        ],
    ),
    (
        "vectorizer",
        &[
            "label",
            "error",
            "segment",
            "vocabulary",
            "analyzer",
            "shape",
            "context",
            "structure",
        ],
    ),
    (
        "line_vectorizer",
        &["label", "error", "vocabulary", "analyzer", "vectorizer"],
    ),
    ("ngram_model", &["label", "error", "vectorizer"]),
    ("page_features", &["label", "error", "vectorizer"]),
    ("convolution", &["label", "error"]),
    (
        "page_model",
        &[
            "label",
            "error",
            "vectorizer",
            "ngram_model",
            "page_features",
            "convolution",
        ],
    ),
    ("model_file", &["label", "error", "vocabulary"]),
    (
        "classifier",
        &[
            "label",
            "error",
            "page",
            "html",
            "segment",
            "vocabulary",
            "analyzer",
            "vectorizer",
            "ngram_model",
            "convolution",
            "page_features",
            "page_model",
            "model_file",
            "balance",
        ],
    ),
    ("balance", &["label", "error"]),
    (
        "line_classifier",
        &[
            "label",
            "error",
            "vocabulary",
            "analyzer",
            "line_vectorizer",
            "ngram_model",
            "model_file",
        ],
    ),
    ("dataset", &["label", "error", "page", "html", "segment", "exchange"]),
    ("evaluate", &["label", "error"]),
    ("risk", &["label", "error", "balance"]),
    ("view", &["label", "error", "page", "segment", "dataset", "evaluate"]),
    ("label_file", &["label", "error", "page", "segment", "dataset"]),
    ("corrections", &["label", "error", "dataset", "label_file"]),
    (
        "main_text",
        &["label", "error", "page", "segment", "balance", "dataset", "evaluate"],
    ),
    ("extraction", &["label", "error", "page", "segment", "dataset"]),
    ("solver_vector", &["label", "error"]),
    (
        "ngram_fit",
        &[
            "label",
            "error",
            "vocabulary",
            "vectorizer",
            "ngram_model",
            "solver_vector",
        ],
    ),
    (
        "page_fit",
        &["label", "error", "ngram_model", "convolution", "page_model", "evaluate"],
    ),
    (
        "train",
        &[
            "label",
            "error",
            "page",
            "html",
            "segment",
            "vocabulary",
            "analyzer",
            "vectorizer",
            "ngram_model",
            "ngram_fit",
            "page_features",
            "page_fit",
            "page_model",
            "classifier",
            "balance",
            "dataset",
            "evaluate",
            "risk",
            "view",
            "extraction",
            "main_text",
        ],
    ),
    ("line_set", &["label", "error", "dataset"]),
    (
        "line_train",
        &[
            "label",
            "error",
            "vocabulary",
            "vectorizer",
            "line_vectorizer",
            "ngram_model",
            "ngram_fit",
            "model_file",
            "line_classifier",
            "line_set",
            "evaluate",
            "train",
        ],
    ),
    ("heavy_hitters", &["label", "error"]),
    (
        "stats",
        &[
            "label",
            "error",
            "segment",
            "analyzer",
            "classifier",
            "dataset",
            "heavy_hitters",
        ],
    ),
    ("lib", &[]),
];

/// Files of `corpus/` may use the pages and the models.
const CORPUS: &[&str] = &[
    "label",
    "error",
    "page",
    "html",
    "segment",
    "classifier",
    "balance",
    "corpus",
];

/// Files of `exchange/` may use the pages.
const EXCHANGE: &[&str] = &["label", "error", "page", "segment"];

/// Words with the only files in which they may stand; a name ending in `/` is a folder.
const HOMES: [(&str, &[&str]); 25] = [
    ("linfa", &["ngram_fit.rs", "page_fit.rs"]),
    ("argmin", &["ngram_fit.rs", "solver_vector.rs"]),
    ("rust_stemmers", &["analyzer.rs"]),
    (
        "fearless_simd",
        &[
            "ascii.rs",
            "segment.rs",
            "analyzer.rs",
            "shape.rs",
            "convolution.rs",
            "page_model.rs",
        ],
    ),
    ("regex_syntax", &["evaluate.rs"]),
    ("statrs", &["risk.rs"]),
    ("html5gum", &["html.rs"]),
    (
        "arrow_array",
        &["corpus/parquet.rs", "corpus/page_table.rs", "corpus/row_table.rs"],
    ),
    ("arrow_buffer", &["corpus/page_table.rs"]),
    (
        "arrow_schema",
        &["corpus/parquet.rs", "corpus/page_table.rs", "corpus/row_table.rs"],
    ),
    ("brotli_decompressor", &["corpus/http.rs"]),
    ("bzip2", &["corpus/packed.rs"]),
    ("data_encoding", &["corpus/conversion.rs"]),
    ("globset", &["bin/"]),
    ("httparse", &["corpus/http.rs"]),
    ("indicatif", &["bin/"]),
    ("liblzma", &["corpus/packed.rs"]),
    ("sha1", &["corpus/conversion.rs"]),
    ("clap", &["bin/"]),
    ("strsim", &["bin/"]),
    ("toml", &["bin/"]),
    ("println!", &["bin/"]),
    ("print!", &["bin/"]),
    ("eprintln!", &["bin/"]),
    ("eprint!", &["bin/"]),
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files by their path in `src/`, without their comments.
fn files() -> BTreeMap<String, String> {
    let entries = walkdir::WalkDir::new(source()).into_iter().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "rs"))
        .map(|entry| {
            let name = entry
                .path()
                .strip_prefix(source())
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            (name, without_comments(&std::fs::read_to_string(entry.path()).unwrap()))
        })
        .collect()
}

fn without_comments(text: &str) -> String {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// The part of a file before its unit tests, which may use more.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text)
}

/// Names that stand right behind `crate::`, also those in braces.
fn imports(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for after in text.split("crate::").skip(1) {
        let listed = match after.strip_prefix('{') {
            Some(list) => list
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .map(first_name)
                .collect(),
            None => vec![first_name(after)],
        };
        names.extend(listed.into_iter().filter(|name| !name.is_empty()));
    }
    names
}

fn first_name(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

fn may_use(name: &str) -> Option<&'static [&'static str]> {
    if name.starts_with("corpus/") || name == "corpus.rs" {
        return Some(CORPUS);
    }
    if name.starts_with("exchange/") || name == "exchange.rs" {
        return Some(EXCHANGE);
    }
    ROOMS
        .iter()
        .find(|(room, _)| format!("{room}.rs") == name)
        .map(|(_, rooms)| *rooms)
}

#[test]
fn every_file_has_a_row_and_every_row_a_file() {
    let files = files();
    for name in files.keys().filter(|name| !name.starts_with("bin/")) {
        assert!(may_use(name).is_some(), "src/{name} has no row in tests/layers.rs");
    }
    for (room, _) in ROOMS {
        assert!(
            files.contains_key(&format!("{room}.rs")),
            "src/{room}.rs is gone; take its row out of tests/layers.rs"
        );
    }
}

#[test]
fn a_file_uses_the_files_below_it_only() {
    for (name, text) in files()
        .iter()
        .filter(|(name, _)| !name.starts_with("bin/") && *name != "lib.rs")
    {
        let rooms = may_use(name).unwrap_or_default();
        for import in imports(without_tests(text)) {
            assert!(
                rooms.contains(&import.as_str()),
                "src/{name} uses {import}, which is not below it (see tests/layers.rs)"
            );
        }
    }
}

#[test]
fn some_crates_have_one_home() {
    for (name, text) in files() {
        for (word, homes) in HOMES {
            let is_home = homes
                .iter()
                .any(|home| name == *home || (home.ends_with('/') && name.starts_with(home)));
            assert!(
                is_home || !uses(&text, word),
                "`{word}` stands in src/{name}; its home is {}",
                homes.join(", ")
            );
        }
    }
}

/// Whether a word stands in code as a word of its own, or as the first part of a crate's name such as `linfa_logistic`.
fn uses(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| !text[..at].ends_with(joins))
}

#[test]
fn imports_are_found_in_all_spellings() {
    let found =
        imports("use crate::error::{Error, Result};\nlet x = crate::label::MOST;\nuse crate::{page, html::Piece};");
    assert_eq!(
        found.into_iter().collect::<Vec<_>>(),
        ["error", "html", "label", "page"]
    );
}

#[test]
fn a_word_inside_another_is_not_a_use() {
    assert!(uses("use linfa_logistic::X;", "linfa") && uses("println!(\"\")", "println!"));
    assert!(!uses("eprintln!(\"\")", "println!") && !uses("eclapse", "clap"));
}
