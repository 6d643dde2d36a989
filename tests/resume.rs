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
use std::process::{Command, ExitStatus, Stdio};
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

/// Runs the tool in a folder, and kills it after some time.
fn run(folder: &Path, arguments: &[&str], kill_after: Option<Duration>) -> ExitStatus {
    let mut child = Command::new(env!("CARGO_BIN_EXE_unbait"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
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

#[test]
fn finished_files_are_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    write_corpus(&folder.path().join("in"));
    let arguments = ["clean", "in", "-o", "out/", "--resume"];
    let mut passed = 0;
    // the journal names what is done; a later run leaves it as it is
    for wait in [200, 400, 800, 1600, 3200] {
        let status = run(folder.path(), &arguments, Some(Duration::from_millis(wait)));
        if status.code().is_some() {
            break;
        }
        let journal = std::fs::read_to_string(folder.path().join("out/.unbait-journal")).unwrap_or_default();
        let mut done: Vec<String> = Vec::new();
        let mut pending = Vec::new();
        for line in journal.lines() {
            let Ok(line) = serde_json::from_str::<serde_json::Value>(line) else {
                break;
            };
            match line.get("done") {
                Some(input) => pending.extend(input["output"].as_str().map(str::to_owned)),
                None => done.append(&mut pending),
            }
        }
        let before: Vec<_> = done
            .iter()
            .map(|name| std::fs::metadata(folder.path().join(name)).unwrap().modified().unwrap())
            .collect();
        run(folder.path(), &arguments, Some(Duration::from_millis(wait)));
        for (name, before) in done.iter().zip(before) {
            let after = std::fs::metadata(folder.path().join(name)).unwrap().modified().unwrap();
            assert_eq!(after, before, "{name} was written again");
            passed += 1;
        }
    }
    assert!(passed > 0, "no run was killed behind a finished file");
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
    let arguments = ["score", "in/large.jsonl", "-o", "large.jsonl", "--resume"];
    let part = folder.path().join(".large.jsonl.unbait-part");
    let journal = folder.path().join(".large.jsonl.unbait-journal");
    let has_checkpoint = || std::fs::read_to_string(&journal).is_ok_and(|lines| lines.lines().count() > 1);
    let mut wait = Duration::from_millis(200);
    while !has_checkpoint() {
        let status = run(folder.path(), &arguments, Some(wait));
        assert!(status.code().is_none(), "the run ended before it could be killed");
        wait = wait.mul_f64(1.2);
    }
    std::fs::write(&part, "").unwrap();
    assert_eq!(run(folder.path(), &arguments, None).code(), Some(2));
    assert!(!folder.path().join("large.jsonl").exists());
}
