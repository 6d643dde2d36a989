//! Corpora in every format: what goes in comes out or is named as bad, for any number of threads.

mod tiny;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tiny::{Ended, model_file, run_with_model, unbait};
use unbait::corpus::packed::{Packing, unpack};
use unbait::corpus::{CorpusOptions, PassedOver, Record, Records};

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
        "broken.warc.gz",
        "cut.warc.wet.gz",
        "lines.json.zst",
        "lines.jsonl",
        "lines.jsonl.gz",
        "lines.jsonl.xz",
        "lines.ndjson.bz2",
        "members.jsonl.gz",
        "page.html.txt.gz",
        "page.txt",
        "pages.warc",
        "pages.warc.gz",
        "rows.parquet",
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

// ---- the form of the input

/// An archive of records of all kinds, record by record.
fn archive() -> Vec<Vec<u8>> {
    let http = |header: &str, body: &str| format!("HTTP/1.1 {header}\r\n\r\n{body}");
    let of_server = |n: usize, header: &str, body: &str| record("response", n, "application/http", &http(header, body));
    let digest = digest(text(6).as_bytes());
    let with_digest = conversion(6).replace("Content-Type", &format!("WARC-Block-Digest: {digest}\r\nContent-Type"));
    let with_digests = response(3).replace(
        "Content-Type: application",
        "WARC-Payload-Digest: sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\nContent-Type: application",
    );
    let records = [
        record("warcinfo", 0, "application/warc-fields", "software: a crawler\r\n"),
        record(
            "request",
            1,
            "application/http",
            "GET /1 HTTP/1.1\r\nHost: pages.example\r\n\r\n",
        ),
        response(2),
        with_digests,
        of_server(4, "404 Not Found\r\nContent-Type: text/html", "<p>Nothing is here."),
        of_server(5, "200 OK\r\nContent-Type: image/png", "\u{1}PNG\r\n\r\nWARC/1.0\r\n"),
        with_digest,
        response(7).replace("Content-Length: 1", "Content-Length: 9"),
        record("revisit", 8, "application/http", ""),
        of_server(
            9,
            "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: gzip",
            "<p>Unpacked already",
        ),
        of_server(
            10,
            "200 OK\r\nContent-Type: text/html\r\nContent-Encoding: compress",
            "<p>Packed",
        ),
        record(
            "metadata",
            11,
            "application/warc-fields",
            "via: https://pages.example/\r\n",
        ),
        conversion(12),
    ];
    records.map(String::into_bytes).to_vec()
}

/// Which records of the archive are bad, and which hold a page.
const BAD: [usize; 2] = [7, 10];
const PAGES: [usize; 5] = [2, 3, 6, 9, 12];

fn digest(bytes: &[u8]) -> String {
    use sha1::Digest;
    format!("sha1:{}", data_encoding::BASE32.encode(&sha1::Sha1::digest(bytes)))
}

/// The records of an archive as they stand there, with the texts of their pages.
fn records(path: &Path) -> Vec<(Vec<u8>, Option<String>)> {
    let options = CorpusOptions {
        passed_over: PassedOver::HandedOn,
        ..CorpusOptions::default()
    };
    let read = |record: Record| {
        let page = record.page(&options).unwrap();
        (record.into_archived().unwrap(), page.map(|page| page.page.text))
    };
    Records::of_file(path, &options)
        .map(|record| read(record.unwrap()))
        .collect()
}

fn clean(inputs: &[&Path], output: &str, options: &[&str]) -> Ended {
    let mut args: Vec<&str> = inputs.iter().map(|input| input.to_str().unwrap()).collect();
    args.extend(["-o", output]);
    args.extend(options);
    run_with_model("clean", args)
}

fn header_line<'a>(record: &'a str, name: &str) -> Option<&'a str> {
    let (header, _) = record.split_once("\r\n\r\n").unwrap();
    header
        .split("\r\n")
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[test]
fn a_cleaned_archive_has_every_record_that_is_not_bad_at_its_place() {
    let mut corpus = Corpus::new();
    let source = archive();
    let members: Vec<Vec<u8>> = source.iter().map(gzip).collect();
    corpus.add("a.warc", source.concat(), 0, 0);
    corpus.add("b.warc.gz", members.concat(), 0, 0);
    corpus.add("c.wet.zst", zstd(source.concat()), 0, 0);
    corpus.add("d.warc.wet.bz2", bzip2(source.concat()), 0, 0);
    corpus.add("e.wet.xz", xz(source.concat()), 0, 0);
    let plain = run_with_model("clean", [corpus.path("a.warc")]);
    let target = tempfile::tempdir().unwrap();
    let ended = clean(&[corpus.folder.path()], target.path().to_str().unwrap(), &[]);
    assert!(
        ended.code == 1 && ended.stderr.contains(": 25 pages, 30 without a page, 10 bad"),
        "{}",
        ended.stderr
    );
    for name in ["a.warc", "b.warc.gz", "c.wet.zst", "d.warc.wet.bz2", "e.wet.xz"] {
        let path = target.path().join(name);
        let packed = std::fs::read(&path).unwrap();
        assert_eq!(
            Packing::of_content(&packed),
            Packing::of_name(Path::new(name)),
            "{name}"
        );
        let good: Vec<usize> = (0..source.len()).filter(|at| !BAD.contains(at)).collect();
        let found = records(&path);
        assert_eq!(found.len(), good.len(), "{name}");
        for (at, (bytes, text)) in good.iter().zip(&found) {
            assert_eq!(text.is_some(), PAGES.contains(at), "{at}");
            match text {
                Some(text) => assert_cleaned(&source[*at], bytes, text),
                None => assert_eq!(bytes, &source[*at]),
            }
        }
        let texts: Vec<String> = found.into_iter().filter_map(|(_, text)| text).collect();
        let texts: Vec<String> = texts
            .into_iter()
            .filter(|text| !text.is_empty())
            .map(|text| text + "\n")
            .collect();
        assert_eq!(texts.join("\n"), plain.stdout, "{name}");
    }
}

fn assert_cleaned(old: &[u8], new: &[u8], text: &str) {
    let (old, new) = (std::str::from_utf8(old).unwrap(), std::str::from_utf8(new).unwrap());
    let id = header_line(old, "WARC-Record-ID").unwrap();
    match header_line(old, "WARC-Type").unwrap() {
        "conversion" => assert_eq!(header_line(new, "WARC-Record-ID"), Some(id)),
        _ => assert_eq!(header_line(new, "WARC-Refers-To"), Some(id)),
    }
    assert_eq!(header_line(new, "WARC-Type"), Some("conversion"));
    for name in ["WARC-Target-URI", "WARC-Date"] {
        assert_eq!(header_line(new, name), header_line(old, name));
    }
    assert_eq!(
        header_line(new, "Content-Length"),
        Some(text.len().to_string().as_str())
    );
    for name in ["WARC-Block-Digest", "WARC-Payload-Digest"] {
        let wanted = header_line(old, name).map(|_| digest(text.as_bytes()));
        assert_eq!(header_line(new, name), wanted.as_deref());
    }
    let counts = ["Unbait-Kept", "Unbait-Removed"].map(|name| header_line(new, name).unwrap_or_default());
    let count: usize = counts
        .iter()
        .flat_map(|counts| counts.split(", "))
        .filter_map(|count| count.split_once('='))
        .map(|(_, count)| count.parse::<usize>().unwrap())
        .sum();
    assert!(count >= 1, "{counts:?}");
}

#[test]
fn every_record_of_a_cleaned_archive_in_gzip_unpacks_alone() {
    let mut corpus = Corpus::new();
    corpus.add("one-member.warc.gz", gzip(archive().concat()), 0, 0);
    let output = corpus.path("new.warc.gz");
    let ended = clean(&[&corpus.path("one-member.warc.gz")], output.to_str().unwrap(), &[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let packed = std::fs::read(output).unwrap();
    let mut rest = packed.as_slice();
    let mut members = 0;
    while !rest.is_empty() {
        let mut member = flate2::bufread::GzDecoder::new(rest);
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        rest = member.into_inner();
        assert!(bytes.starts_with(b"WARC/1.0\r\n") && bytes.ends_with(b"\r\n\r\n"));
        members += 1;
    }
    assert_eq!(members, archive().len() - BAD.len());
}

#[test]
fn archives_and_tables_are_the_same_bytes_each_time() {
    let mut corpus = Corpus::new();
    corpus.add(
        "a.warc.gz",
        archive().iter().map(gzip).collect::<Vec<_>>().concat(),
        0,
        0,
    );
    corpus.add("b.wet", archive().concat(), 0, 0);
    parquet(&corpus.path("rows.parquet"), 20);
    let run = |threads: &str| {
        let target = tempfile::tempdir().unwrap();
        let folder = target.path().to_str().unwrap();
        clean(&[corpus.folder.path()], folder, &["--threads", threads]);
        let (pages, blocks) = (format!("{folder}/pages.parquet"), format!("{folder}/blocks.parquet"));
        score(&corpus, &["--threads", threads, "-o", &pages]);
        score(&corpus, &["--threads", threads, "-o", &blocks, "--per", "block"]);
        ["a.warc.gz", "b.wet", "rows.parquet", "pages.parquet", "blocks.parquet"]
            .map(|name| std::fs::read(target.path().join(name)).unwrap())
    };
    let first = run("1");
    assert!(first == run("3") && first == run("3"));
}

#[test]
fn archives_become_one_archive_and_other_files_are_refused() {
    let corpus = planted();
    let new = corpus.path("all.warc.gz");
    let inputs = [corpus.path("pages.warc"), corpus.path("cut.warc.wet.gz")];
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let ended = clean(&inputs, new.to_str().unwrap(), &[]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(records(&new).len(), 4 + 5);
    for (input, output, problem) in [
        ("lines.jsonl", "new.wet", "lines.jsonl is no web archive"),
        ("page.txt", "new.warc", "page.txt is no web archive"),
        ("pages.warc", "new.parquet", "pages.warc is no Parquet file"),
        ("rows.parquet", "new.warc.gz", "rows.parquet is no web archive"),
    ] {
        let output = corpus.path(output);
        let ended = clean(&[&corpus.path(input)], output.to_str().unwrap(), &[]);
        assert!(ended.code == 2 && ended.stderr.contains(problem), "{}", ended.stderr);
        assert!(!output.exists());
    }
}

/// All rows of a Parquet file.
fn rows(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap()).unwrap();
    let batches: Vec<RecordBatch> = reader
        .with_batch_size(1 << 20)
        .build()
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(batches.len(), 1);
    batches[0].clone()
}

fn strings(batch: &RecordBatch, column: &str) -> Vec<String> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|text| text.unwrap_or("null").to_owned()).collect()
}

/// A file of which every fifth row has no text, and the same pages as JSON lines.
fn rows_and_lines(corpus: &mut Corpus) {
    let with_text = |n: &usize| n % 5 != 3;
    let texts: ArrayRef = Arc::new(StringArray::from_iter((0..30).map(|n| with_text(&n).then(|| text(n)))));
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..30));
    let batch = RecordBatch::try_from_iter([("id", Arc::clone(&numbers)), ("text", texts), ("more", numbers)]).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(7)).build();
    let file = std::fs::File::create(corpus.path("rows.parquet")).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let line = |n| serde_json::json!({"id": n, "text": text(n)}).to_string() + "\n";
    corpus.add(
        "lines.jsonl",
        (0..30).filter(with_text).map(line).collect::<String>(),
        24,
        0,
    );
}

#[test]
fn a_cleaned_parquet_file_has_every_row_that_is_not_bad() {
    let mut corpus = Corpus::new();
    rows_and_lines(&mut corpus);
    let lines = run_with_model("clean", [corpus.path("lines.jsonl")]).stdout;
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let target = tempfile::tempdir().unwrap();
    let errors = target.path().join("errors.jsonl");
    let folder = format!("{}/", target.path().display());
    let source = corpus.path("rows.parquet");
    let ended = clean(&[&source], &folder, &["--errors", errors.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(std::fs::read_to_string(errors).unwrap().lines().count(), 6);
    let new = rows(&target.path().join("rows.parquet"));
    assert_eq!((new.num_rows(), lines.len()), (24, 24));
    let counts = new.column_by_name("unbait").unwrap().as_struct();
    let texts = strings(&new, "text");
    for (at, line) in lines.iter().enumerate() {
        let n = new
            .column_by_name("more")
            .unwrap()
            .as_primitive::<arrow_array::types::Int64Type>()
            .value(at);
        assert_eq!((&line["id"], &line["text"]), (&n.into(), &texts[at].as_str().into()));
        for side in ["kept", "removed"] {
            let of_side = counts.column_by_name(side).unwrap().as_struct();
            for label in of_side.column_names() {
                let count = of_side
                    .column_by_name(label)
                    .unwrap()
                    .as_primitive::<UInt32Type>()
                    .value(at);
                let wanted = &line["metadata"]["unbait"][side][label];
                assert_eq!(u64::from(count), wanted.as_u64().unwrap_or(0), "{side} {label} of {n}");
            }
        }
    }
    let one = target.path().join("one.parquet");
    assert_eq!(clean(&[&source], one.to_str().unwrap(), &[]).code, 1);
    assert!(std::fs::read(&one).unwrap() == std::fs::read(target.path().join("rows.parquet")).unwrap());
    let scored = run_with_model("score", [&one]);
    assert_eq!(
        (scored.code, scored.stdout.lines().count()),
        (0, 24),
        "{}",
        scored.stderr
    );
}

#[test]
fn a_parquet_file_has_the_rows_of_one_and_is_not_packed_again() {
    let corpus = planted();
    let source = corpus.path("rows.parquet");
    std::fs::copy(&source, corpus.path("more.parquet")).unwrap();
    let more = corpus.path("more.parquet");
    for (inputs, output, problem) in [
        (
            vec![source.as_path(), &more],
            "new.parquet",
            "more.parquet is a second one; name a folder",
        ),
        (vec![source.as_path()], "new.parquet.gz", "is packed within"),
    ] {
        let output = corpus.path(output);
        let ended = clean(&inputs, output.to_str().unwrap(), &[]);
        assert!(ended.code == 2 && ended.stderr.contains(problem), "{}", ended.stderr);
        assert!(!output.exists());
    }
    let ended = score(&corpus, &["-o", corpus.path("new.parquet.zst").to_str().unwrap()]);
    assert!(
        ended.code == 2 && ended.stderr.contains("is packed within"),
        "{}",
        ended.stderr
    );
}

#[test]
fn files_without_good_records_keep_their_form() {
    let mut corpus = Corpus::new();
    corpus.add("empty.warc.gz", gzip(""), 0, 0);
    let bad = response(1).replace("Content-Length: 1", "Content-Length: 9");
    corpus.add("bad.wet", bad, 0, 1);
    parquet(&corpus.path("none.parquet"), 0);
    let target = tempfile::tempdir().unwrap();
    let ended = clean(&[corpus.folder.path()], target.path().to_str().unwrap(), &[]);
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(records(&target.path().join("empty.warc.gz")).is_empty());
    assert!(records(&target.path().join("bad.wet")).is_empty());
    let none =
        ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(target.path().join("none.parquet")).unwrap())
            .unwrap();
    assert_eq!(none.metadata().file_metadata().num_rows(), 0);
    assert!(none.schema().field_with_name("unbait").is_ok());
}

/// The blocks of rows as JSON lines have them.
fn assert_blocks(columns: &RecordBatch, at: usize, block: &serde_json::Value) {
    let text = |name: &str| columns.column_by_name(name).unwrap().as_string::<i32>();
    for name in ["label", "text", "tag", "path"] {
        let found = text(name).is_valid(at).then(|| text(name).value(at));
        assert_eq!(block[name].as_str(), found);
    }
    let place = |name: &str| {
        columns
            .column_by_name(name)
            .unwrap()
            .as_primitive::<UInt64Type>()
            .value(at)
    };
    assert_eq!(
        (block["start"].as_u64(), block["end"].as_u64()),
        (Some(place("start")), Some(place("end")))
    );
    let number = columns
        .column_by_name("i")
        .unwrap()
        .as_primitive::<UInt32Type>()
        .value(at);
    assert_eq!(block["i"], number);
    let p = columns.column_by_name("p").unwrap().as_struct();
    assert_eq!(p.num_columns(), block["p"].as_object().unwrap().len());
    for (label, wanted) in block["p"].as_object().unwrap() {
        let found = p.column_by_name(label).unwrap().as_primitive::<Float64Type>().value(at);
        assert_eq!(wanted.as_f64(), Some(found));
    }
}

#[test]
fn a_table_of_pages_says_what_json_lines_say() {
    let corpus = planted();
    let target = tempfile::tempdir().unwrap();
    for labels in [&[][..], &["--labels", "promo,body"]] {
        let lines = score(&corpus, labels).stdout;
        let pages: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let file = target.path().join("pages.parquet");
        let ended = score(&corpus, &[labels, &["-o", file.to_str().unwrap()]].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (1, ""), "{}", ended.stderr);
        let table = rows(&file);
        assert_eq!(table.num_rows(), pages.len());
        let lists = table.column_by_name("blocks").unwrap().as_list::<i32>();
        for (at, page) in pages.iter().enumerate() {
            for name in ["id", "kind", "lang", "url"] {
                assert_eq!(page[name].as_str().unwrap_or("null"), strings(&table, name)[at]);
            }
            let blocks = RecordBatch::from(lists.value(at).as_struct());
            assert_eq!(blocks.num_rows(), page["blocks"].as_array().unwrap().len());
            for (i, block) in page["blocks"].as_array().unwrap().iter().enumerate() {
                assert_blocks(&blocks, i, block);
            }
        }
        score(
            &corpus,
            &[labels, &["-o", file.to_str().unwrap(), "--per", "block"]].concat(),
        );
        let table = rows(&file);
        let blocks = pages.iter().flat_map(|page| page["blocks"].as_array().unwrap());
        let ids = pages.iter().flat_map(|page| {
            page["blocks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|_| page["id"].as_str().unwrap())
        });
        assert_eq!(strings(&table, "id"), ids.collect::<Vec<_>>());
        blocks
            .enumerate()
            .for_each(|(at, block)| assert_blocks(&table, at, block));
    }
}

#[test]
fn a_table_goes_to_standard_output_and_to_a_file_for_each_input() {
    let corpus = planted();
    let file = corpus.path("pages.parquet");
    let input = corpus.path("lines.jsonl.gz");
    assert_eq!(run_with_model("score", [&input, Path::new("-o"), &file]).code, 1);
    let output = unbait(["score", "--format", "parquet", "--model"])
        .arg(model_file())
        .arg(&input)
        .output()
        .unwrap();
    assert!(output.stdout == std::fs::read(&file).unwrap());
    let target = tempfile::tempdir().unwrap();
    let ended = run_with_model(
        "score",
        [
            input.to_str().unwrap(),
            corpus.path("rows.parquet").to_str().unwrap(),
            "--format",
            "parquet",
            "-o",
            target.path().to_str().unwrap(),
        ],
    );
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(std::fs::read(target.path().join("lines.jsonl.parquet")).unwrap() == output.stdout);
    assert_eq!(rows(&target.path().join("rows.parquet")).num_rows(), 20);
}
