//! Corpora in every format: what goes in comes out or is named as bad, for any number of threads.

mod tiny;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tiny::{Ended, model_file, run_with_model, unbait};
use unbait::corpus::packed::{Packing, unpack};
use unbait::corpus::{CorpusOptions, Records};

/// A folder, and how many good and bad records the files in it have.
struct Corpus {
    folder: tempfile::TempDir,
    good: usize,
    bad: usize,
}

impl Corpus {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            good: 0,
            bad: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn add(&mut self, name: &str, bytes: impl AsRef<[u8]>, good: usize, bad: usize) {
        std::fs::write(self.path(name), bytes).unwrap();
        self.good += good;
        self.bad += bad;
    }
}

fn text(n: usize) -> String {
    format!("Paragraph {n} of a page that is long enough to be one.\n\nRead more: story {n}")
}

fn line(n: usize) -> String {
    format!(
        "{}\n",
        serde_json::json!({"id": format!("line-{n}"), "text": text(n), "more": n})
    )
}

fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes.as_ref()).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    zstd::encode_all(bytes.as_ref(), 1).unwrap()
}

fn bzip2(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    packed.write_all(bytes.as_ref()).unwrap();
    packed.finish().unwrap()
}

fn xz(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 1);
    packed.write_all(bytes.as_ref()).unwrap();
    packed.finish().unwrap()
}

/// A record of a web archive.
fn record(kind: &str, n: usize, content_type: &str, block: &str) -> String {
    let length = block.len();
    format!(
        "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:record:{n}>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n\
         WARC-Target-URI: https://pages.example/{n}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{block}\r\n\r\n"
    )
}

fn response(n: usize) -> String {
    let block = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>{}</p>",
        text(n)
    );
    record("response", n, "application/http; msgtype=response", &block)
}

fn conversion(n: usize) -> String {
    record("conversion", n, "text/plain", &text(n))
}

fn parquet(path: &Path, rows: usize) {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(text)));
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|n| format!("row-{n}"))));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(7)).build();
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// One file of each format, with planted faults.
fn planted() -> Corpus {
    let mut corpus = Corpus::new();
    corpus.add("page.txt", text(1), 1, 0);
    corpus.add("page.html.gz", gzip(format!("<p>{}", text(2))), 1, 0);
    corpus.add("picture.html", b"\x89PNG\r\n\x1a\n\0\0\0\0", 0, 1);
    let mut lines: String = (0..40).map(line).collect();
    lines.push_str("{\"id\":\"cut\",\"text\":\"\n\n[]\n{\"text\":7}\n{\"id\":\"a\"}\n");
    lines.push_str(&(40..80).map(line).collect::<String>());
    corpus.add("lines.jsonl", &lines, 80, 4);
    corpus.add("lines.jsonl.gz", gzip(&lines), 80, 4);
    corpus.add("lines.json.zst", zstd(&lines), 80, 4);
    corpus.add("lines.ndjson.bz2", bzip2(&lines), 80, 4);
    corpus.add("lines.jsonl.xz", xz(&lines), 80, 4);
    let members: Vec<Vec<u8>> = (0..10).map(|n| gzip(line(n))).collect();
    let cut = &members[4][..members[4].len() / 2];
    corpus.add(
        "members.jsonl.gz",
        [&members[..4].concat(), cut, &members[5..].concat()].concat(),
        9,
        1,
    );
    let wrong = response(3).replace("Content-Length: 1", "Content-Length: 9");
    let archive = [
        response(1),
        conversion(2),
        wrong,
        record("request", 4, "application/http", "GET /"),
        response(5),
    ];
    corpus.add("pages.warc", archive.concat(), 3, 1);
    let mut members: Vec<Vec<u8>> = archive.iter().map(gzip).collect();
    corpus.add("pages.warc.gz", members.concat(), 3, 1);
    members[0].truncate(100);
    corpus.add("broken.warc.gz", members.concat(), 2, 2);
    corpus.add(
        "cut.warc.wet.gz",
        gzip((0..5).map(conversion).collect::<String>()),
        5,
        0,
    );
    parquet(&corpus.path("rows.parquet"), 20);
    corpus.good += 20;
    corpus
}

fn score(corpus: &Corpus, options: &[&str]) -> Ended {
    let mut args = vec![corpus.folder.path().to_str().unwrap()];
    args.extend(options);
    run_with_model("score", args)
}

#[test]
fn every_record_comes_out_or_is_named_as_bad() {
    let corpus = planted();
    let errors = tempfile::tempdir().unwrap();
    let errors = errors.path().join("errors.jsonl");
    let ended = score(&corpus, &["--errors", errors.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), corpus.good, "{}", ended.stderr);
    let bad: Vec<serde_json::Value> = std::fs::read_to_string(&errors)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(bad.len(), corpus.bad, "{bad:#?}");
    for error in &bad {
        assert!(error["file"].is_string() && error["record"].is_u64(), "{error}");
        assert!(
            error["offset"].is_u64() && !error["reason"].as_str().unwrap().is_empty(),
            "{error}"
        );
    }
    let summary = format!("{} pages, {} bad (see {})", corpus.good, corpus.bad, errors.display());
    assert!(ended.stderr.ends_with(&format!("{summary}\n")), "{}", ended.stderr);
    assert_eq!(
        ended.stderr.lines().count(),
        1,
        "errors stand in the file: {}",
        ended.stderr
    );
}

#[test]
fn the_place_of_a_bad_record_leads_to_it() {
    let corpus = planted();
    let folder = tempfile::tempdir().unwrap();
    let errors = folder.path().join("errors.jsonl");
    score(&corpus, &["--errors", errors.to_str().unwrap()]);
    let mut seen = 0;
    for line in std::fs::read_to_string(errors).unwrap().lines() {
        let error: serde_json::Value = serde_json::from_str(line).unwrap();
        let bytes = std::fs::read(error["file"].as_str().unwrap()).unwrap();
        let at = error["offset"].as_u64().unwrap() as usize;
        if error["file"].as_str().unwrap().ends_with("lines.jsonl") {
            let number = bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            assert_eq!(error["record"], number);
            assert!(
                [&b"{\"id\":\"cut"[..], b"[]", b"{\"text\":7", b"{\"id\":\"a\""]
                    .iter()
                    .any(|start| bytes[at..].starts_with(start))
            );
            seen += 1;
        } else if error["file"].as_str().unwrap().ends_with("warc.gz") {
            assert!(bytes[at..].starts_with(&[0x1f, 0x8b, 8]), "{error}");
            seen += 1;
        }
    }
    assert_eq!(seen, 4 + 3);
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let corpus = planted();
    let one = score(&corpus, &["--threads", "1"]);
    for threads in ["2", "5"] {
        let more = score(&corpus, &["--threads", threads]);
        assert_eq!(
            (more.code, &more.stdout, &more.stderr),
            (one.code, &one.stdout, &one.stderr)
        );
    }
    assert_eq!(one.stdout.lines().count(), corpus.good);
}

#[test]
fn strict_stops_at_the_first_bad_record() {
    let mut corpus = Corpus::new();
    corpus.add("a.jsonl", [line(0), "{}\n".to_owned(), line(1)].concat(), 2, 1);
    for threads in ["1", "3"] {
        let ended = score(&corpus, &["--strict", "--threads", threads]);
        assert_eq!((ended.code, ended.stdout.lines().count()), (1, 1), "{}", ended.stderr);
        assert!(ended.stderr.contains("a.jsonl: record 2 at byte "), "{}", ended.stderr);
        let target = corpus.path("out.md");
        let ended = run_with_model(
            "clean",
            [
                corpus.path("a.jsonl").to_str().unwrap(),
                "--strict",
                "-o",
                target.to_str().unwrap(),
            ],
        );
        assert!(ended.code == 1 && !target.exists());
    }
}

#[test]
fn broken_bytes_make_no_panic_and_have_an_end() {
    let archive: String = (0..6).map(response).collect();
    let lines: String = (0..6).map(line).collect();
    let members: Vec<Vec<u8>> = (0..6).map(|n| gzip(response(n))).collect();
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: br\r\n\r\n9\r\n\u{0}\u{1}\u{2}abcdef\r\n0\r\n\r\n";
    let files = [
        archive.clone().into_bytes(),
        gzip(&archive),
        members.concat(),
        record("response", 1, "application/http", chunked).into_bytes(),
        lines.clone().into_bytes(),
        zstd(&lines),
        bzip2(&lines),
        xz(&lines),
    ];
    let options = CorpusOptions::default();
    let mut state = 1u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for bytes in files {
        for _ in 0..300 {
            let mut broken = bytes.clone();
            match next(3) {
                0 => broken.truncate(next(bytes.len())),
                1 => broken[next(bytes.len())] = next(256) as u8,
                _ => drop(broken.drain(next(bytes.len() / 2)..next(bytes.len() / 2) + bytes.len() / 2)),
            }
            let records = Records::of_reader(Path::new("x"), std::io::Cursor::new(broken), &options);
            let pages: Vec<_> = records
                .take(10_000)
                .map(|record| record.and_then(|record| record.page(&options)))
                .collect();
            assert!(pages.len() < 100, "{} records", pages.len());
        }
    }
}

#[test]
fn the_kind_of_a_stream_is_told_by_its_content() {
    let archive: String = (0..3).map(response).collect();
    let lines: String = (0..3).map(line).collect();
    for (bytes, ids) in [
        (archive.clone().into_bytes(), "urn:record:2"),
        (gzip(&archive), "urn:record:2"),
        (lines.clone().into_bytes(), "line-2"),
        (zstd(&lines), "line-2"),
        (gzip(text(1)), "-"),
    ] {
        let mut child = unbait(["score", "--model"])
            .arg(model_file())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&bytes).unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();
        let last: serde_json::Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        assert_eq!((ended.code, &last["id"]), (0, &ids.into()), "{}", ended.stderr);
    }
}

#[test]
fn a_kind_that_is_named_is_taken_for_every_file() {
    let mut corpus = Corpus::new();
    corpus.add("lines.txt", (0..3).map(line).collect::<String>(), 3, 0);
    assert_eq!(score(&corpus, &["--as", "jsonl"]).stdout.lines().count(), 3);
    assert_eq!(score(&corpus, &["--as", "text"]).stdout.lines().count(), 1);
    let ended = score(&corpus, &["--as", "parquet"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("lines.txt: no Parquet file"),
        "{}",
        ended.stderr
    );
    let ended = score(&corpus, &["--as", "wet"]);
    assert!(
        ended.code == 2 && ended.stderr.contains("a record begins with WARC/"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_broken_parquet_file_is_named_without_the_readers_panics() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    parquet(&path, 3);
    let whole = std::fs::read(&path).unwrap();
    let mut bad = 0;
    for at in 4..64 {
        let mut broken = whole.clone();
        broken[at] = 0;
        std::fs::write(&path, broken).unwrap();
        let ended = run_with_model("score", [&path]);
        assert!(!ended.stderr.contains("panicked"), "byte {at}: {}", ended.stderr);
        bad += usize::from(ended.stderr.contains("its row group cannot be read"));
    }
    assert!(bad > 0);
}

#[test]
fn a_packed_page_is_explained() {
    let corpus = planted();
    let ended = run_with_model("explain", [corpus.path("page.html.gz")]);
    assert!(
        ended.code == 0 && ended.stdout.contains("Paragraph 2 of a page"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_parquet_file_on_standard_input_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    parquet(&path, 3);
    let ended: Ended = unbait(["score", "--model"])
        .arg(model_file())
        .stdin(std::fs::File::open(path).unwrap())
        .output()
        .unwrap()
        .into();
    assert!(
        ended.code == 2 && ended.stderr.contains("give the file and not a stream"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_without_records_is_no_error() {
    let mut corpus = Corpus::new();
    corpus.add("empty.jsonl", "", 0, 0);
    corpus.add("empty.warc", "", 0, 0);
    let ended = score(&corpus, &[]);
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (0, "", ""));
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_an_error_and_nothing_is_left() {
    let corpus = planted();
    let ended: Ended = unbait(["score", "--model"])
        .arg(model_file())
        .arg(corpus.path("lines.jsonl"))
        .stdout(std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap()
        .into();
    assert!(
        ended.code == 2
            && ended
                .stderr
                .contains("standard output: cannot be written: No space left"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_that_changes_while_it_is_read_is_an_error() {
    let mut corpus = Corpus::new();
    corpus.add("lines.jsonl", (0..4000).map(line).collect::<String>(), 4000, 0);
    for threads in ["1", "2"] {
        let mut child = unbait(["score", "--threads", threads, "--model"])
            .arg(model_file())
            .arg(corpus.path("lines.jsonl"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // as long as nobody reads its results, it stands in the middle of the file
        let mut results = BufReader::new(child.stdout.take().unwrap());
        results.read_line(&mut String::new()).unwrap();
        let lines = std::fs::OpenOptions::new()
            .append(true)
            .open(corpus.path("lines.jsonl"));
        lines.unwrap().write_all(line(0).as_bytes()).unwrap();
        std::io::copy(&mut results, &mut std::io::sink()).unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(
            ended.stderr.contains("lines.jsonl: changed while it was read"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn cleaned_json_lines_are_the_same_records_with_another_text_and_as_packed() {
    let corpus = planted();
    let target = tempfile::tempdir().unwrap();
    let folder = target.path().join("cleaned/");
    for name in [
        "lines.jsonl",
        "lines.jsonl.gz",
        "lines.json.zst",
        "lines.ndjson.bz2",
        "lines.jsonl.xz",
    ] {
        let ended = run_with_model(
            "clean",
            [
                corpus.path(name).to_str().unwrap(),
                "-o",
                &format!("{}/", folder.display()),
            ],
        );
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        let packed = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(
            Packing::of_content(&packed),
            Packing::of_name(Path::new(name)),
            "{name}"
        );
        let mut lines = String::new();
        unpack(std::io::Cursor::new(packed))
            .unwrap()
            .read_to_string(&mut lines)
            .unwrap();
        assert_eq!(lines.lines().count(), 80);
        for (n, line) in lines.lines().enumerate() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(
                (&record["id"], &record["more"]),
                (&format!("line-{n}").into(), &n.into())
            );
            let blocks = record["metadata"]["unbait"].as_object().unwrap().values();
            let count: u64 = blocks
                .flat_map(|labels| labels.as_object().unwrap().values())
                .map(|n| n.as_u64().unwrap())
                .sum();
            assert_eq!(count, 2);
            let text = record["text"].as_str().unwrap();
            assert!(text.is_empty() || self::text(n).contains(text), "{text}");
        }
    }
}

#[test]
fn results_in_a_file_are_those_on_standard_output() {
    let corpus = planted();
    let lines = corpus.path("lines.jsonl");
    let target = tempfile::tempdir().unwrap();
    for (name, options) in [
        ("a.jsonl.gz", vec!["--per", "block"]),
        ("b.tsv", vec!["--format", "tsv"]),
        ("c", vec![]),
    ] {
        let file = target.path().join(name);
        let mut args = vec![lines.to_str().unwrap()];
        args.extend(options);
        let wanted = run_with_model("score", &args).stdout;
        args.extend(["-o", file.to_str().unwrap()]);
        let ended = run_with_model("score", &args);
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
        let mut written = String::new();
        unpack(std::fs::File::open(&file).unwrap())
            .unwrap()
            .read_to_string(&mut written)
            .unwrap();
        assert_eq!(written, wanted);
        std::fs::remove_file(&file).unwrap();
        args.push("--strict");
        assert_eq!(run_with_model("score", &args).code, 1);
        assert!(!file.exists());
    }
}

#[test]
fn what_is_removed_and_what_is_kept_are_all_blocks() {
    let mut corpus = Corpus::new();
    corpus.add("lines.jsonl", (0..50).map(line).collect::<String>(), 50, 0);
    let (removed, kept) = (corpus.path("removed.jsonl.gz"), corpus.path("kept.jsonl"));
    let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
    let args = [
        path(&corpus.path("lines.jsonl")),
        "--removed".to_owned(),
        path(&removed),
        "-o".to_owned(),
        path(&kept),
    ];
    let ended = run_with_model("clean", args);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let mut lines = String::new();
    unpack(std::fs::File::open(&removed).unwrap())
        .unwrap()
        .read_to_string(&mut lines)
        .unwrap();
    let kept = std::fs::read_to_string(&kept).unwrap();
    let mut blocks = 0;
    for (n, line) in kept.lines().enumerate() {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let kept = record["text"].as_str().unwrap();
        blocks += kept.split("\n\n").filter(|block| !block.is_empty()).count();
        for line in lines.lines() {
            let block: serde_json::Value = serde_json::from_str(line).unwrap();
            if block["id"] == record["id"] {
                blocks += 1;
                let span = block["start"].as_u64().unwrap() as usize..block["end"].as_u64().unwrap() as usize;
                assert_eq!(
                    (&text(n)[span], &block["record"]),
                    (block["text"].as_str().unwrap(), &(n + 1).into())
                );
                assert!(!kept.contains(block["text"].as_str().unwrap()));
            }
        }
    }
    assert_eq!(blocks, 100);
}

#[test]
fn a_mirrored_folder_holds_a_file_for_each_input() {
    let corpus = planted();
    let target = tempfile::tempdir().unwrap();
    let ended = run_with_model("clean", [corpus.folder.path(), Path::new("-o"), target.path()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let mut names: Vec<String> = std::fs::read_dir(target.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let wanted = [
        "broken.warc.txt.gz",
        "cut.warc.wet.txt.gz",
        "lines.json.zst",
        "lines.jsonl",
        "lines.jsonl.gz",
        "lines.jsonl.xz",
        "lines.ndjson.bz2",
        "members.jsonl.gz",
        "page.html.txt.gz",
        "page.txt",
        "pages.warc.txt",
        "pages.warc.txt.gz",
        "rows.parquet.txt",
    ];
    assert_eq!(names, wanted);
}

#[test]
#[cfg(unix)]
fn an_output_folder_without_rights_is_an_error_and_nothing_is_left() {
    use std::os::unix::fs::PermissionsExt;
    let corpus = planted();
    let closed = tempfile::tempdir().unwrap();
    std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(closed.path().join("x"), "x").is_ok() {
        eprintln!("skipped: this user may write everywhere");
        return;
    }
    let ended = run_with_model("clean", [corpus.folder.path(), Path::new("-o"), closed.path()]);
    assert!(
        ended.code == 2 && ended.stderr.contains("cannot be written"),
        "{}",
        ended.stderr
    );
}
