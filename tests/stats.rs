//! `unbait stats` on more hosts and lines than are kept count of: bounds hold, and the bytes are the same at any thread count.

use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use unbait::stats::{CAPACITY, grouped};

/// Pages, each of a host of its own.
const PAGES: usize = CAPACITY / LINES + 200;

/// Lines of a page that stand nowhere else.
const LINES: usize = 30;

/// A line that stands once on each page.
const EVERYWHERE: &str = "You May Also Like";

fn corpus() -> String {
    let mut lines = String::new();
    for page in 0..PAGES {
        let mut text = EVERYWHERE.to_owned();
        for line in 0..LINES {
            write!(text, "\\n\\nPier {page} of town {line}").unwrap();
        }
        writeln!(
            lines,
            "{{\"url\": \"https://host-{page}.example/\", \"text\": \"{text}\"}}"
        )
        .unwrap();
    }
    lines
}

fn stats(folder: &Path, options: &[&str]) -> String {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_unbait"));
    // a threshold that low makes every block promo
    tool.args(["stats", "corpus.jsonl", "--threshold", "promo=1e-9", "--top", "2"]);
    let done = tool.args(options).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn counts_of_more_lines_than_are_kept_have_bounds() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("corpus.jsonl"), corpus()).unwrap();
    let json = stats(folder.path(), &["--format", "json", "--threads", "1"]);
    assert_eq!(json, stats(folder.path(), &["--format", "json", "--threads", "3"]));
    let report: Value = serde_json::from_str(&json).unwrap();
    let (lines, hosts) = (&report["lines"], &report["hosts"]);
    assert_eq!(lines["lines"], PAGES * (LINES + 1));
    assert_eq!(
        (&lines["capacity"], &lines["kept"]),
        (&CAPACITY.into(), &CAPACITY.into())
    );
    assert_eq!(
        lines["top"][0],
        serde_json::json!({"text": EVERYWHERE, "at_least": PAGES, "at_most": PAGES})
    );
    // the others stand once each
    assert_eq!(
        (&lines["top"][1]["at_least"], &lines["others_at_most"]),
        (&1.into(), &1.into())
    );
    // there is room for all hosts
    assert_eq!((&hosts["kept"], &hosts["others_at_most"]), (&PAGES.into(), &0.into()));
    assert_eq!(hosts["top"][0]["at_least"], hosts["top"][0]["at_most"]);

    let table = stats(folder.path(), &[]);
    let wanted = format!(
        "\nand {} more\npages without an address: 0\n",
        grouped(PAGES as u64 - 2)
    );
    assert!(table.contains(&wanted), "{table}");
    let end = "\nand 65,534 more that are kept count of; every other line: 1 at most\n";
    assert!(table.ends_with(end), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
}
