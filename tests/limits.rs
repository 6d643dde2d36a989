//! `--max-page-size`: larger pages are named and never held whole, in every format, and the others go on.

mod tiny;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use tiny::{Ended, model_file, run_with_model, unbait};
use unbait::corpus::packed::{Packer, Packing};

/// What a page may have in these tests, as it is given, and in bytes.
const LIMIT: (&str, usize) = ("100K", 100 << 10);

/// A text of this many bytes.
fn text(bytes: usize) -> String {
    "A word. ".repeat(bytes.div_ceil(8))[..bytes].to_owned()
}

fn packed(packing: Packing, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = Packer::new(Some(packing), Vec::new()).unwrap();
    packer.write_all(bytes.as_ref()).unwrap();
    packer.finish().unwrap()
}

fn line(id: &str, text: &str) -> String {
    format!("{}\n", serde_json::json!({"id": id, "text": text}))
}

fn response(id: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{header}\r\n");
    let length = head.len() + body.len();
    let record =
        format!("WARC/1.0\r\nWARC-Type: response\r\nWARC-Record-ID: <{id}>\r\nContent-Length: {length}\r\n\r\n");
    [record.as_bytes(), head.as_bytes(), body, b"\r\n\r\n"].concat()
}

fn parquet(path: &Path, texts: &[&str]) {
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..texts.len()).map(|n| format!("row-{n}")),
    ));
    let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
    let batch = RecordBatch::try_from_iter([("id", ids), ("text", texts)]).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn score(folder: &Path, most: &str) -> Ended {
    run_with_model("score", ["--max-page-size", most, folder.to_str().unwrap()])
}

fn ids(ended: &Ended) -> Vec<String> {
    let id = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].clone();
    ended
        .stdout
        .lines()
        .map(|line| id(line).as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_larger_page_is_named_with_the_option_and_the_others_go_on_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let write = |name: &str, bytes: &[u8]| std::fs::write(path(name), bytes).unwrap();
    let (fits, large) = (text(LIMIT.1), text(LIMIT.1 + 1));
    write("fits.txt", fits.as_bytes());
    write("large.txt", large.as_bytes());
    for packing in Packing::ALL {
        write(&format!("large.html.{}", packing.ending()), &packed(packing, &large));
    }
    write("large", large.as_bytes());
    let lines = [line("fits", &fits), line("large", &large), line("last", "Text.")].concat();
    write("lines.jsonl", lines.as_bytes());
    let (zipped, zstd) = (packed(Packing::Gzip, &large), packed(Packing::Zstd, &large));
    let records = [
        response("urn:fits", "", fits.as_bytes()),
        response("urn:large", "", large.as_bytes()),
        response("urn:gzip", "Content-Encoding: gzip\r\n", &zipped),
        response("urn:zstd", "Content-Encoding: zstd\r\n", &zstd),
        response("urn:last", "", b"Text."),
    ];
    write("pages.warc", &records.concat());
    parquet(&path("rows.parquet"), &[&fits, &large, "Text."]);

    let ended = score(folder.path(), LIMIT.0);
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let fits_txt = path("fits.txt").display().to_string();
    assert_eq!(
        ids(&ended),
        [
            fits_txt.as_str(),
            "fits",
            "last",
            "urn:fits",
            "urn:last",
            "row-0",
            "row-2"
        ]
    );
    let problem = format!(
        "the page has more than {} bytes when it is unpacked; allow more with --max-page-size",
        LIMIT.1
    );
    let named: Vec<&str> = ended.stderr.lines().filter(|line| line.contains(&problem)).collect();
    let large = |name: &str| format!("unbait: {}: {problem}", path(name).display());
    let record = |name: &str, place: &str, id: &str| {
        format!("unbait: {}: record {place}: {id}: {problem}", path(name).display())
    };
    let wanted = [
        large("large"),
        large("large.html.bz2"),
        large("large.html.gz"),
        large("large.html.xz"),
        large("large.html.zst"),
        large("large.txt"),
        record(
            "lines.jsonl",
            &format!("2 at byte {}", line("fits", &fits).len()),
            "large",
        ),
        record("pages.warc", &format!("2 at byte {}", records[0].len()), "urn:large"),
        record(
            "pages.warc",
            &format!("3 at byte {}", records[..2].concat().len()),
            "urn:gzip",
        ),
        record(
            "pages.warc",
            &format!("4 at byte {}", records[..3].concat().len()),
            "urn:zstd",
        ),
        record("rows.parquet", "2", "row-1"),
    ];
    assert_eq!(named.len(), wanted.len(), "{}", ended.stderr);
    for (named, wanted) in named.iter().zip(&wanted) {
        assert!(named.starts_with(wanted), "{named}\n{wanted}");
    }
    let more = score(folder.path(), "101k");
    assert_eq!((more.code, ids(&more).len()), (0, 18), "{}", more.stderr);
}

#[test]
fn one_page_that_is_too_large_is_nothing_done() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("a.txt");
    std::fs::write(&page, text(LIMIT.1 + 1)).unwrap();
    for verb in ["score", "clean", "stats", "explain"] {
        let ended = run_with_model(verb, ["--max-page-size", LIMIT.0, page.to_str().unwrap()]);
        assert_eq!(ended.code, 2, "{verb}");
        assert!(
            ended.stderr.contains("a.txt: the page has more than 102400 bytes"),
            "{verb}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_size_that_makes_no_sense_is_wrong_usage() {
    for (size, problem) in [
        ("0", "wanted 1 to 1G"),
        ("2G", "wanted 1 to 1G"),
        ("64MB", "wanted a number of bytes"),
    ] {
        let ended = run_with_model("score", ["--max-page-size", size, "x.txt"]);
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains(problem), "{}", ended.stderr);
    }
    assert_eq!(run_with_model("score", ["--max-page-size", "1G", file!()]).code, 0);
}

/// Address space that the tool may have below, in KiB: what it takes without any page, and room for some pages of the limit.
#[cfg(unix)]
const ADDRESS_SPACE: usize = 192 << 10;

#[test]
#[cfg(unix)]
fn no_bomb_is_ever_held_whole() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = vec![b'x'; 320 << 20];
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("bomb.txt.gz", &packed(Packing::Gzip, &bomb));
    write("bomb.txt.zst", &packed(Packing::Zstd, &bomb));
    let coded = response("urn:bomb", "Content-Encoding: gzip\r\n", &packed(Packing::Gzip, &bomb));
    write("bomb.warc", &[coded, response("urn:last", "", b"Text.")].concat());
    let mut lines = packed(Packing::Zstd, [b"{\"text\":\"", &bomb[..]].concat());
    lines.extend(packed(Packing::Zstd, ["\"}\n", &line("last", "Text.")].concat()));
    write("bomb.jsonl.zst", &lines);
    let ended: Ended = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {ADDRESS_SPACE} || exit 77; exec \"$@\""))
        .arg("sh")
        .arg(unbait([""; 0]).get_program())
        .args(["score", "--threads", "1", "--max-page-size", LIMIT.0, "--model"])
        .arg(model_file())
        .arg(folder.path())
        .output()
        .unwrap()
        .into();
    if ended.code == 77 {
        eprintln!("skipped: the address space cannot be limited here");
        return;
    }
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert_eq!(ids(&ended), ["last", "urn:last"], "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("--max-page-size").count(), 4, "{}", ended.stderr);
}
