//! `unbait man` as a reader sees it: groff formats every page without a warning.
//!
//! In a process of its own: a unit test that starts a program holds the locks of other tests' files for a moment.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The pages, in a folder that was not there.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join("share/man1");
    let mut tool = Command::new(env!("CARGO_BIN_EXE_unbait"));
    assert!(tool.arg("man").arg("-o").arg(&folder).status().unwrap().success());
    let pages = std::fs::read_dir(&folder).unwrap();
    pages.map(|page| page.unwrap().path()).collect()
}

#[test]
fn pages_are_formatted_without_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(folder.path());
    assert!(pages.len() > 1);
    for page in pages {
        let mut groff = Command::new("groff");
        let Ok(done) = groff.args(["-man", "-Tutf8", "-ww", "-P-c"]).arg(&page).output() else {
            eprintln!("skipped: groff is not here");
            return;
        };
        assert_eq!(String::from_utf8_lossy(&done.stderr), "", "{}", page.display());
        let text = String::from_utf8_lossy(&done.stdout);
        let name = page.file_stem().unwrap().to_string_lossy();
        assert!(text.contains(&format!("{name}(1)")), "{text}");
        assert!(text.contains("some inputs or records failed"), "{text}");
    }
}
