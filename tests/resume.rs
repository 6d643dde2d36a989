//! Runs that are killed and started again: the output is that of a run that was not, byte for byte (Unix only: SIGKILL).
//!
//! `UNBAIT_KILLS` says how many runs are killed for each command; without it a few.
#![cfg(unix)]

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Kills for each command when nothing else is asked for.
const KILLS: usize = 4;

/// A generator of the numbers that the pages and the moments are made of (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }

    fn sentence(&mut self) -> String {
        const WORDS: [&str; 24] = [
            "the", "harbour", "ferry", "sailed", "before", "dawn", "and", "nobody", "on", "pier", "heard", "its",
            "horn", "because", "snow", "had", "covered", "every", "roof", "of", "town", "quietly", "again", "Marlport",
        ];
        let words: Vec<&str> = (0..8 + self.below(18))
            .map(|_| WORDS[self.below(WORDS.len())])
            .collect();
        format!("{}.", words.join(" "))
    }

    fn page(&mut self) -> String {
        let mut lines: Vec<String> = (0..3 + self.below(20)).map(|_| self.sentence()).collect();
        lines.push("You May Also Like".to_owned());
        lines.push("Ten piers you will not believe are still standing".to_owned());
        lines.join("\n\n")
    }
}

fn json_lines(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    while lines.len() < bytes {
        let text = serde_json::to_string(&random.page()).unwrap();
        writeln!(lines, "{{\"id\": {}, \"text\": {text}}}", lines.len()).unwrap();
        if random.below(40) == 0 {
            lines.extend_from_slice(b"{\"text\": 7}\n\n{\"text\n");
        }
    }
    lines
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

/// An archive with pages, requests, and records that are bad, each a gzip member.
fn archive(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut archive = Vec::new();
    let mut written = 0;
    while written < bytes {
        let (kind, block) = match random.below(10) {
            0 => ("request", "GET / HTTP/1.1\r\n\r\n".to_owned()),
            1..6 => {
                let header = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
                (
                    "response",
                    format!("{header}<p>{}", random.page().replace("\n\n", "<p>")),
                )
            }
            _ => ("conversion", random.page()),
        };
        let length = block.len() + usize::from(random.below(30) == 0);
        written += length;
        let record = format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:record:{written}>\r\n\
             Content-Length: {length}\r\n\r\n{block}\r\n\r\n"
        );
        archive.extend(gzip(record.as_bytes()));
    }
    archive
}

fn write_rows(path: &Path, random: &mut Random, rows: usize) {
    let texts = (0..rows).map(|row| (row % 17 != 3).then(|| random.page()));
    let texts: ArrayRef = Arc::new(StringArray::from_iter(texts));
    let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(90))
        .build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// Writes a corpus: large and small files, packed ones, pages, an empty file, and one that no page is in.
fn write_corpus(folder: &Path) {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    std::fs::create_dir_all(folder.join("deep/er")).unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    write("large.jsonl", &json_lines(&mut random, 2 << 20));
    write("deep/packed.jsonl.gz", &gzip(&json_lines(&mut random, 3 << 19)));
    for i in 0..40 {
        write(&format!("deep/er/page{i}.txt"), random.page().as_bytes());
        write(&format!("small{i}.jsonl"), &json_lines(&mut random, 2000));
    }
    write("pages.warc.gz", &archive(&mut random, 3 << 19));
    write_rows(&folder.join("rows.parquet"), &mut random, 400);
    write("empty.jsonl", b"");
    write("picture.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\0");
    write("z.html", format!("<main><p>{}</p></main>", random.page()).as_bytes());
}

/// The visible files of a folder with their bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    entries
        .filter(|entry| entry.file_type().is_file() && !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| {
            let name = entry.path().strip_prefix(folder).unwrap().to_owned();
            (name, std::fs::read(entry.path()).unwrap())
        })
        .collect()
}

fn start(folder: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_unbait"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Runs the tool in a folder, and kills it after some time.
fn run(folder: &Path, arguments: &[&str], kill_after: Option<Duration>) -> ExitStatus {
    let mut child = start(folder, arguments);
    if let Some(time) = kill_after {
        std::thread::sleep(time);
        // SIGKILL; the run may have ended before
        let _ = child.kill();
    }
    child.wait().unwrap()
}

fn kills() -> usize {
    std::env::var("UNBAIT_KILLS").map_or(KILLS, |kills| kills.parse().unwrap())
}

/// Kills runs of a command until enough were killed, and compares each output.
fn check(arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(&folder.path().join("in"));
    let output = folder.path().join("out");
    let anew = || {
        let _ = std::fs::remove_dir_all(&output);
        std::fs::create_dir(&output).unwrap();
    };
    anew();
    let begun = Instant::now();
    assert_eq!(
        run(folder.path(), arguments, None).code(),
        Some(1),
        "the corpus has bad records"
    );
    let time = begun.elapsed();
    let wanted = files(&output);
    assert!(!wanted.is_empty());

    let resumed = [arguments, &["--resume"]].concat();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut killed, mut ended) = (0, 0);
    while killed < kills() || ended == 0 {
        anew();
        loop {
            let after = time.mul_f64(random.below(1000) as f64 / 1000.0);
            let status = run(folder.path(), &resumed, Some(after));
            if status.code().is_some() {
                assert_eq!(status.code(), Some(1));
                break;
            }
            killed += 1;
            // what is there is whole
            for (name, bytes) in files(&output) {
                assert!(wanted.get(&name) == Some(&bytes), "{} after a kill", name.display());
            }
        }
        ended += 1;
        assert!(
            files(&output) == wanted,
            "the output of a killed run differs: {arguments:?}"
        );
        let hidden = walkdir::WalkDir::new(&output)
            .into_iter()
            .map(Result::unwrap)
            .filter(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                entry.depth() > 0 && name.starts_with('.') && !name.ends_with(".unbait-journal")
            });
        assert_eq!(hidden.count(), 0, "parts of files are left");
        // a run that is finished does nothing again
        let before = modified(&output);
        assert_eq!(run(folder.path(), &resumed, None).code(), Some(1));
        assert_eq!(modified(&output), before);
    }
}

fn modified(folder: &Path) -> BTreeMap<PathBuf, std::time::SystemTime> {
    files(folder)
        .into_keys()
        .map(|name| {
            let metadata = std::fs::metadata(folder.join(&name)).unwrap();
            (name, metadata.modified().unwrap())
        })
        .collect()
}

#[test]
fn a_folder_is_gone_on_with() {
    check(&[
        "clean",
        "in",
        "-o",
        "out/pages/",
        "--removed",
        "out/removed.jsonl",
        "--errors",
        "out/errors.jsonl",
        "--sidecar",
        "out/undo",
    ]);
}

#[test]
fn one_packed_file_is_gone_on_with() {
    check(&["clean", "in", "-o", "out/all.jsonl.zst", "--sidecar", "out/undo"]);
}

#[test]
fn tables_are_gone_on_with() {
    check(&[
        "score",
        "in",
        "--format",
        "tsv",
        "-o",
        "out/all.tsv.gz",
        "--threads",
        "1",
    ]);
}

#[test]
fn a_folder_of_scores_is_gone_on_with() {
    check(&["score", "in", "-o", "out/", "--errors", "errors.jsonl"]);
}

#[test]
fn a_json_array_is_gone_on_with() {
    check(&["score", "in", "--format", "label-studio", "-o", "out/all.json.gz"]);
}

#[test]
fn a_folder_of_json_arrays_is_gone_on_with() {
    check(&[
        "score",
        "in",
        "--format",
        "label-studio",
        "-o",
        "out/",
        "--errors",
        "errors.jsonl",
    ]);
}

#[test]
fn a_folder_of_parquet_files_is_gone_on_with() {
    check(&["score", "in", "-o", "out/", "--format", "parquet"]);
}

/// Runs the tool, and kills it as soon as the journal says what is wanted.
fn run_until(folder: &Path, arguments: &[&str], journal: &Path, is_enough: impl Fn(&str) -> bool) {
    let mut child = start(folder, arguments);
    while !std::fs::read_to_string(journal).is_ok_and(|lines| is_enough(&lines)) {
        assert!(
            child.try_wait().unwrap().is_none(),
            "the run ended before it could be killed"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// The outputs that a journal says are done; one line behind them says so.
fn done(journal: &str) -> Vec<String> {
    let (mut done, mut pending) = (Vec::new(), Vec::new());
    for line in journal.lines() {
        let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else {
            break;
        };
        match line.get("done") {
            Some(input) => pending.extend(input["output"].as_str().map(str::to_owned)),
            None => done.append(&mut pending),
        }
    }
    done
}

#[test]
fn finished_files_are_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(&folder.path().join("in"));
    let arguments = ["clean", "in", "-o", "out/", "--resume", "--threads", "1"];
    let journal = folder.path().join("out/.unbait-journal");
    let times = |names: &[String]| -> Vec<_> {
        let metadata = names
            .iter()
            .map(|name| std::fs::metadata(folder.path().join(name)).unwrap());
        metadata.map(|metadata| metadata.modified().unwrap()).collect()
    };
    run_until(folder.path(), &arguments, &journal, |journal| done(journal).len() >= 5);
    let finished = done(&std::fs::read_to_string(&journal).unwrap());
    let before = times(&finished);
    assert_eq!(run(folder.path(), &arguments, None).code(), Some(1));
    assert_eq!(times(&finished), before, "a finished file was written again");
}

#[test]
fn a_run_that_stopped_at_a_bad_record_stops_there_again() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(&folder.path().join("in"));
    let file = |name: &str| std::fs::read(folder.path().join(name));
    let strict = [
        "score",
        "in",
        "-o",
        "all.jsonl",
        "--errors",
        "bad.jsonl",
        "--resume",
        "--strict",
    ];
    for _ in 0..2 {
        assert_eq!(run(folder.path(), &strict, None).code(), Some(1));
        assert!(file("all.jsonl").is_err());
        let bad = String::from_utf8(file("bad.jsonl").unwrap()).unwrap();
        assert_eq!(bad.lines().count(), 1);
    }
    let lenient = &strict[..strict.len() - 1];
    assert_eq!(run(folder.path(), lenient, None).code(), Some(1));
    let (all, bad) = (file("all.jsonl").unwrap(), file("bad.jsonl").unwrap());
    assert_eq!(
        run(
            folder.path(),
            &["score", "in", "-o", "all.jsonl", "--errors", "bad.jsonl"],
            None
        )
        .code(),
        Some(1)
    );
    assert!(all == file("all.jsonl").unwrap() && bad == file("bad.jsonl").unwrap());
}

#[test]
fn an_input_that_is_gone_since_it_was_done_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("in");
    std::fs::create_dir(&pages).unwrap();
    for name in ["a.txt", "b.txt"] {
        std::fs::write(
            pages.join(name),
            "The ferry sailed before dawn, and nobody heard its horn.",
        )
        .unwrap();
    }
    std::fs::write(pages.join("c.jsonl"), json_lines(&mut Random(7), 4 << 20)).unwrap();
    let arguments = ["score", "in", "-o", "all.jsonl", "--resume", "--threads", "1"];
    let journal = folder.path().join(".all.jsonl.unbait-journal");
    run_until(folder.path(), &arguments, &journal, |journal| {
        journal.contains("\"inputs\":2")
    });
    for name in ["b.txt", "c.jsonl"] {
        std::fs::remove_file(pages.join(name)).unwrap();
    }
    assert_eq!(run(folder.path(), &arguments, None).code(), Some(2));
    assert!(!folder.path().join("all.jsonl").exists());
}

#[test]
fn a_finished_file_that_is_gone_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("a.txt"),
        "The ferry sailed before dawn, and nobody heard its horn.",
    )
    .unwrap();
    let arguments = ["score", "a.txt", "-o", "a.jsonl", "--resume"];
    let scores = folder.path().join("a.jsonl");
    assert!(run(folder.path(), &arguments, None).success());
    let wanted = std::fs::read(&scores).unwrap();
    std::fs::remove_file(&scores).unwrap();
    assert!(run(folder.path(), &arguments, None).success());
    assert_eq!(std::fs::read(&scores).unwrap(), wanted);
}

#[test]
fn a_part_that_is_shorter_than_it_should_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(&folder.path().join("in"));
    let arguments = [
        "score",
        "in/large.jsonl",
        "-o",
        "large.jsonl",
        "--resume",
        "--threads",
        "1",
    ];
    let part = folder.path().join(".large.jsonl.unbait-part");
    let journal = folder.path().join(".large.jsonl.unbait-journal");
    run_until(folder.path(), &arguments, &journal, |journal| {
        journal.contains("\"at\"")
    });
    std::fs::write(&part, "").unwrap();
    assert_eq!(run(folder.path(), &arguments, None).code(), Some(2));
    assert!(!folder.path().join("large.jsonl").exists());
}
