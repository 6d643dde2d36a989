//! The crates that are built into unbait, or build and test it: their licences, that few stand twice, and where they come from.
//!
//! Read from `cargo tree`, which needs no network for what is built already.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Licences that let everybody use, change and pass on a program that holds the crate, if its notice stays; none asks for the source of
/// what it is built into.
const ALLOWED: [&str; 7] = [
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Crates whose licence has a name of its own, with the licence that was read.
const READ: [(&str, &str); 1] = [
    // the terms of bzip2, which are those of BSD with one sentence more, of which libbz2-rs-sys is a translation
    ("libbz2-rs-sys", "bzip2-1.0.6"),
];

/// Crates that stand in several versions, and which of those that we use hold on to the older ones.
const TWICE: [(&str, &str); 8] = [
    ("foldhash", "hashbrown"),
    ("getrandom", "rand 0.8 of linfa, rand 0.9 of argmin, tempfile"),
    (
        "hashbrown",
        "imara-diff and whatlang 0.15, safetensors 0.16, arrow 0.17",
    ),
    ("rand", "linfa 0.8, argmin 0.9, proptest 0.10"),
    ("rand_chacha", "rand"),
    ("rand_core", "rand"),
    ("shlex", "trycmd 1.3, cc 2.0"),
    (
        "syn",
        "derive macros, some of which are built with syn 2 and some with syn 3; nothing of it is in the program",
    ),
];

/// A crate as `cargo tree` lists it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// Our crate first.
fn crates() -> BTreeSet<Crate> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--prefix",
            "none",
            "--format",
            "{p}|{l}|",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let read = |line: &str| {
        let mut parts = line.split('|');
        let mut words = parts.next()?.split(' ');
        Some(Crate {
            name: words.next()?.to_owned(),
            version: words.next()?.to_owned(),
            licence: parts.next()?.to_owned(),
        })
    };
    lines.lines().filter_map(read).collect()
}

/// Whether a licence expression (SPDX, or with `/` for OR as older crates have it) can be met with licences that are allowed.
fn is_allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = &words[..];
    any_of(&mut rest) && rest.is_empty()
}

fn any_of(words: &mut &[&str]) -> bool {
    let mut found = all_of(words);
    while let ["OR", after @ ..] = *words {
        *words = after;
        found |= all_of(words);
    }
    found
}

fn all_of(words: &mut &[&str]) -> bool {
    let mut found = one(words);
    while let ["AND", after @ ..] = *words {
        *words = after;
        found &= one(words);
    }
    found
}

fn one(words: &mut &[&str]) -> bool {
    match *words {
        ["(", after @ ..] => {
            *words = after;
            let found = any_of(words);
            *words = words.strip_prefix(&[")"]).unwrap_or(&[]);
            found
        }
        // an exception allows more than the licence does
        [name, "WITH", _, after @ ..] => {
            *words = after;
            ALLOWED.contains(name)
        }
        [name, after @ ..] => {
            *words = after;
            ALLOWED.contains(name)
        }
        [] => false,
    }
}

#[test]
fn every_crate_has_a_licence_that_is_allowed() {
    let crates = crates();
    assert!(crates.len() > 100, "{} crates are listed", crates.len());
    for found in &crates {
        let was_read = READ.contains(&(found.name.as_str(), found.licence.as_str()));
        assert!(
            was_read || is_allowed(&found.licence),
            "{} {} has the licence {:?}; take another crate, or read it and allow it in tests/licences.rs",
            found.name,
            found.version,
            found.licence
        );
    }
}

#[test]
fn no_crate_stands_twice_beyond_those_that_are_known() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for found in crates() {
        versions.entry(found.name).or_default().insert(found.version);
    }
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        assert!(
            TWICE.iter().any(|(known, _)| known == name),
            "{name} stands in the versions {versions:?}; see `cargo tree -d` for who wants them"
        );
    }
    for (name, _) in TWICE {
        let count = versions.get(name).map_or(0, BTreeSet::len);
        assert!(
            count > 1,
            "{name} stands once; take it out of the list in tests/licences.rs"
        );
    }
}

#[test]
fn every_crate_comes_from_the_registry() {
    let lock = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).unwrap();
    let sources = lock.lines().filter_map(|line| line.strip_prefix("source = "));
    for source in sources {
        assert_eq!(source, "\"registry+https://github.com/rust-lang/crates.io-index\"");
    }
    let without: Vec<&str> = lock
        .split("[[package]]")
        .skip(1)
        .filter(|package| !package.contains("\nchecksum = "))
        .filter_map(|package| package.lines().find(|line| line.starts_with("name = ")))
        .collect();
    assert_eq!(without, ["name = \"unbait\""], "crates without a checksum");
}

/// A file of this repository.
fn file(path: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_crates_of_benches_and_fuzz_are_locked_with_what_unbait_uses_now() {
    let manifest = file("Cargo.toml");
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    let wanted: BTreeSet<&str> = dependencies
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .collect();
    assert!(wanted.len() > 20, "{wanted:?}");
    for folder in ["benches/peers", "fuzz"] {
        let lock = file(&format!("{folder}/Cargo.lock"));
        let (_, own) = lock.split_once("name = \"unbait\"\n").unwrap();
        let (_, listed) = own.split_once("dependencies = [\n").unwrap();
        let (listed, _) = listed.split_once(']').unwrap();
        // a crate that stands twice has its version behind its name
        let names = listed
            .lines()
            .filter_map(|line| line.trim_matches([' ', '"', ',']).split(' ').next());
        let locked: BTreeSet<&str> = names.collect();
        assert_eq!(
            locked, wanted,
            "{folder}/Cargo.lock is old; run `cargo update --workspace --manifest-path {folder}/Cargo.toml`"
        );
    }
}

#[test]
fn licence_expressions_are_read_as_they_are_meant() {
    for allowed in [
        "MIT",
        "MIT/Apache-2.0",
        "MIT OR LGPL-2.1-or-later",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
        "GPL-3.0 OR MIT AND Zlib",
    ] {
        assert!(is_allowed(allowed), "{allowed}");
    }
    for refused in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR Zlib) AND MPL-2.0",
        "MIT AND",
        "MIT Zlib",
    ] {
        assert!(!is_allowed(refused), "{refused}");
    }
}
