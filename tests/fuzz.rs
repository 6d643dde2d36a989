//! The targets of fuzz/ on their seeds, whole and changed: each is built, reads what it is meant to read, and finds nothing.

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::TARGETS;
use std::path::Path;

/// How many changed copies of each seed are tried (chosen: seconds for all).
const CHANGED: usize = 2;

#[test]
fn the_seeds_find_nothing_whole_or_changed() {
    let seeds = fuzz::seeds::seeds(Path::new(env!("CARGO_MANIFEST_DIR")));
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for (name, try_input) in TARGETS {
        let seeds: Vec<&[u8]> = seeds
            .iter()
            .filter(|(target, _)| *target == name)
            .map(|(_, bytes)| &bytes[..])
            .collect();
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in seeds {
            try_input(seed);
            for _ in 0..CHANGED {
                let mut changed = seed.to_vec();
                match next(3) {
                    0 => changed.truncate(next(seed.len())),
                    1 => changed[next(seed.len())] = next(256) as u8,
                    _ => drop(changed.drain(next(seed.len() / 2)..seed.len() / 2)),
                }
                try_input(&changed);
            }
        }
    }
}

#[test]
fn every_target_is_a_program_and_stands_in_the_readme() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    for (name, _) in TARGETS {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name}"
        );
        assert!(readme.contains(&format!("\n| `{name}` | ")), "{name}");
        assert!(folder.join(format!("fuzz_targets/{name}.rs")).exists(), "{name}");
    }
    let targets = std::fs::read_dir(folder.join("fuzz_targets")).unwrap().count();
    assert_eq!(targets, TARGETS.len(), "each program is one of these");
}
