//! The tool over a corpus of JSON lines: how much faster two threads are than one, and how much memory it takes as the corpus grows.
//!
//! Each run is a process of its own under `/usr/bin/time`; runs that are compared alternate. `UNBAIT_CORPUS_MB=1000,4000` sets the two
//! sizes of the corpus (small ones without it), `UNBAIT_DATA` as in the other bench. Both sizes are written to the temporary folder.

mod pages;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs of each of the two thread counts, of which the median counts.
const RUNS: usize = 5;

/// Sizes of the corpus in MB when nothing else is asked for.
const SIZES: &str = "20,80";

/// What a run took.
struct Run {
    seconds: f64,
    /// Peak resident set size.
    kib: u64,
}

fn main() {
    if !Path::new("/usr/bin/time").exists() {
        println!("skipped: /usr/bin/time is not here");
        return;
    }
    let sizes = std::env::var("UNBAIT_CORPUS_MB").unwrap_or_else(|_| SIZES.to_owned());
    let sizes: Vec<usize> = sizes
        .split(',')
        .map(|size| size.parse().expect("sizes in MB"))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sources = pages::sources();
    let corpora: Vec<PathBuf> = sizes
        .iter()
        .map(|size| corpus(folder.path(), &sources, *size))
        .collect();
    for (name, verb, ending) in [
        ("score", "score", "out"),
        ("score to Parquet", "score", "parquet"),
        ("clean", "clean", "out"),
    ] {
        let arguments = [verb, "--html-key", "html"];
        compare_threads(name, &arguments, &corpora[0], ending, sizes[0]);
        for (corpus, size) in corpora.iter().zip(&sizes) {
            let run = measure(&arguments, corpus, ending, 2);
            println!("{name}, {size} MB of records: peak resident set {} MiB", run.kib / 1024);
        }
    }
}

fn compare_threads(name: &str, arguments: &[&str], corpus: &Path, ending: &str, size: usize) {
    let (mut one, mut two): (Vec<f64>, Vec<f64>) = (0..RUNS)
        .map(|_| {
            (
                measure(arguments, corpus, ending, 1).seconds,
                measure(arguments, corpus, ending, 2).seconds,
            )
        })
        .unzip();
    let mut ratios: Vec<f64> = one.iter().zip(&two).map(|(one, two)| one / two).collect();
    println!(
        "{name}, {size} MB of records: {:.0} MB/s with one thread, {:.0} MB/s with two, ratio {:.2} (medians of {RUNS} pairs)",
        size as f64 / median(&mut one),
        size as f64 / median(&mut two),
        median(&mut ratios)
    );
}

fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

/// Writes the pages as JSON lines, again and again, until the file is large enough.
fn corpus(folder: &Path, sources: &[String], megabytes: usize) -> PathBuf {
    let path = folder.join(format!("{megabytes}.jsonl"));
    let mut file = BufWriter::new(File::create(&path).expect("room for the corpus"));
    let mut written = 0;
    for (id, html) in sources.iter().cycle().enumerate() {
        if written >= megabytes * 1_000_000 {
            break;
        }
        let line = serde_json::to_string(&serde_json::json!({ "id": id, "html": html })).expect("text");
        writeln!(file, "{line}").expect("room for the corpus");
        written += line.len() + 1;
    }
    file.flush().expect("room for the corpus");
    path
}

/// Runs the tool over a corpus, with results in a file of this ending.
fn measure(arguments: &[&str], corpus: &Path, ending: &str, threads: usize) -> Run {
    let output = Command::new("/usr/bin/time")
        .args(["-f", "%e %M", env!("CARGO_BIN_EXE_unbait")])
        .args(arguments)
        .arg(corpus)
        .args(["--threads", &threads.to_string(), "-o"])
        .arg(corpus.with_extension(ending))
        .output()
        .expect("/usr/bin/time runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let mut numbers = said.lines().last().expect("what it took").split(' ');
    let mut number = || numbers.next().expect("two numbers");
    Run {
        seconds: number().parse().expect("seconds"),
        kib: number().parse().expect("KiB"),
    }
}
