//! Cleaned files of every format back to what they were, byte for byte, and nothing written where it should not be.

mod tiny;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tiny::{Ended, run_with_model, unbait};
use unbait::corpus::packed::{Packer, Packing, unpack};

const TEXT: &str = "The ferry sails again from Monday, two years after it was withdrawn to save fuel.";
const PROMO: &str = "Read more: ten ferries that never came back";

/// A folder for files that are read and written.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The files of a folder by their path in it.
    fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let folder = self.path(name);
        let entries = walkdir::WalkDir::new(&folder).into_iter().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| !entry.file_type().is_dir());
        files
            .map(|file| {
                let name = file.path().strip_prefix(&folder).unwrap();
                (
                    name.to_str().unwrap().replace('\\', "/"),
                    std::fs::read(file.path()).unwrap(),
                )
            })
            .collect()
    }

    /// Cleans what `in` holds.
    fn clean(&self, output: &str, options: &[&str]) -> Ended {
        let mut args = vec![self.path("in"), "-o".into(), self.path(output)];
        args.extend(["--sidecar".into(), self.path("undo")]);
        args.extend(options.iter().map(PathBuf::from));
        run_with_model("clean", args)
    }

    fn restore(&self, outputs: &[&str], back: &str, options: &[&str]) -> Ended {
        let mut args: Vec<PathBuf> = outputs.iter().map(|output| self.path(output)).collect();
        args.extend(["--sidecar".into(), self.path("undo"), "-o".into(), self.path(back)]);
        let mut command = unbait(["restore"]);
        command.args(args).args(options).output().unwrap().into()
    }
}

fn packed(packing: Packing, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut packer = Packer::new(Some(packing), Vec::new()).unwrap();
    std::io::Write::write_all(&mut packer, bytes.as_ref()).unwrap();
    packer.finish().unwrap()
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut unpacked = Vec::new();
    let mut source = unpack(Cursor::new(bytes.to_vec())).unwrap();
    source.read_to_end(&mut unpacked).unwrap();
    unpacked
}

/// JSON lines with all that a line can have, bad ones, blank ones, and no end of the last.
fn lines() -> Vec<u8> {
    let mut lines = vec![
        format!("\u{feff}{{\"id\" : 1 ,  \"text\":\"{TEXT}\\n\\n{PROMO}\", \"n\": 1.0e0}}\r\n").into_bytes(),
        format!("  {{\"text\":\"caf\\u00e9 \\/ \\ud83d\\ude00 {TEXT}\\r\\n\\r\\n\\t\\n\\n{PROMO}\\u0000\"}}  \n")
            .into_bytes(),
        b"\n \r\n\n{\"text\":\"not closed\n[]\n{\"text\":7}\n{\"id\":\"\xff\xfe\"}\n\0\0\0\n".to_vec(),
        format!("{{\"text\":\"😀 {TEXT}\",\"metadata\":{{\"unbait\":{{\"old\":[ ]}}}},\"text2\":\"{PROMO}\"}}\n")
            .into_bytes(),
        b"{\"text\":\"\"}\n".to_vec(),
    ];
    for n in 0..400 {
        lines.push(format!("{{\"id\":{n},\"text\":\"{TEXT} {n}\\n\\n{PROMO} {n}\"}}\n").into_bytes());
    }
    lines.push(format!("{{\"id\":\"last\",\"text\":\"{PROMO}\\n\\n{TEXT}\"}}").into_bytes());
    lines.concat()
}

fn archive() -> String {
    let record = |kind: &str, n: usize, block: &str| {
        format!(
            "WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:record:{n}>\r\nWARC-Date: 2024-01-01T00:00:00Z\r\n\
             WARC-Target-URI: https://ferries.example/{n}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{block}\r\n\r\n",
            block.len()
        )
    };
    let page = format!("{TEXT}\n\n{PROMO}\n");
    [
        record("warcinfo", 0, "software: none\0"),
        record("conversion", 1, &page),
        record("conversion", 2, &page).replace("Content-Length: 1", "Content-Length: 9"),
        record("conversion", 3, &page),
    ]
    .concat()
}

fn parquet() -> Vec<u8> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..20).map(|n| format!("{TEXT} {n}\n\n{PROMO}")),
    ));
    let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// Files of all formats at `in`.
fn tree() -> Place {
    let place = Place::new();
    place.put(
        "in/mark.txt",
        format!("\u{feff}{TEXT}\r\n\r\n\r\n{PROMO}\r\n\r\n{TEXT}\r\n"),
    );
    place.put("in/a/no-end.txt", format!("{PROMO}\n\n😀 {TEXT}"));
    place.put(
        "in/a/b/blanks.txt",
        format!("\n\n \t\n\n{TEXT}\n\n\u{a0}\n\n\n{PROMO}\n\n\n"),
    );
    place.put(
        "in/a/b/latin.txt",
        [TEXT.as_bytes(), b"\n\nCaf\xe9 \xe0 la gare\n\n", PROMO.as_bytes()].concat(),
    );
    place.put("in/old mac.txt", format!("{TEXT}\r\r{PROMO}\r"));
    place.put("in/BZh.txt", format!("\nBZh is no bzip2 here. {TEXT}\n\n{PROMO}"));
    place.put("in/promo.txt", PROMO);
    place.put(
        "in/page.html",
        format!("<!doctype html>\r\n<p>{TEXT}<p>caf&eacute;\0</p><a href=/x>{PROMO}</a>\n\n"),
    );
    place.put("in/lines.jsonl", lines());
    place.put("in/bad.jsonl", "no line is good\n\n");
    place.put("in/empty.jsonl", "");
    for packing in Packing::ALL {
        place.put(
            &format!("in/packed/lines.jsonl.{}", packing.ending()),
            packed(packing, lines()),
        );
        place.put(
            &format!("in/packed/page.txt.{}", packing.ending()),
            packed(packing, format!("{TEXT}\n\n{PROMO}")),
        );
    }
    place.put("in/packed/gzip-in-truth.jsonl", packed(Packing::Gzip, lines()));
    let whole = packed(Packing::Gzip, lines());
    place.put("in/packed/cut.jsonl.gz", &whole[..whole.len() - 9]);
    place.put(
        "in/packed/members.jsonl.gz",
        [&whole[..whole.len() / 2], &whole, &[0; 512]].concat(),
    );
    place.put("in/pages.warc", archive());
    place.put("in/pages.warc.gz", packed(Packing::Gzip, archive()));
    place.put("in/rows.parquet", parquet());
    place
}

/// Files that are restored as they stood on disk although they are packed: they cannot be unpacked to their end.
const BROKEN: [&str; 2] = ["packed/cut.jsonl.gz", "packed/members.jsonl.gz"];

/// Asserts that what was restored is what was there; the number of files that were packed anew.
fn assert_restored(place: &Place, back: &str) -> usize {
    let (wanted, found) = (place.files("in"), place.files(back));
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&wanted), names(&found));
    let mut packed = 0;
    for (name, wanted) in &wanted {
        let is_packed = Packing::of_content(wanted).is_some() && !BROKEN.contains(&name.as_str());
        packed += usize::from(is_packed);
        if is_packed {
            assert!(unpacked(wanted) == unpacked(&found[name]), "{name}");
            assert_eq!(Packing::of_content(wanted), Packing::of_content(&found[name]), "{name}");
        } else {
            assert!(*wanted == found[name], "{name}");
        }
    }
    packed
}

#[test]
fn a_folder_of_all_formats_is_restored() {
    let place = tree();
    for options in [&["--threads", "1"], &["--threads", "3"]] {
        assert_eq!(place.clean("cleaned/", options).code, 1);
        let restored = place.restore(&["cleaned"], "back", &["--force"]);
        assert_eq!((restored.code, restored.stderr.as_str()), (0, ""));
        assert!(
            place.files("in") == place.files("back"),
            "packed files too are what they were"
        );
        let cleaned = place.clean("cleaned/", &[&options[..], &["--sidecar-keeps", "content"]].concat());
        assert_eq!(cleaned.code, 1, "{}", cleaned.stderr);
        let restored = place.restore(&["cleaned"], "back", &["--force"]);
        assert_eq!(restored.code, 0, "{}", restored.stderr);
        let packed = assert_restored(&place, "back");
        let note = format!("unbait: {packed} files were packed anew, ");
        assert!(restored.stderr.starts_with(&note), "{}", restored.stderr);
        assert_eq!((restored.stdout.as_str(), restored.stderr.lines().count()), ("", 1));
    }
}

#[test]
fn one_file_of_many_originals_is_restored() {
    let place = tree();
    for output in ["all.txt", "all.txt.gz"] {
        assert_eq!(place.clean(output, &[]).code, 1);
        let restored = place.restore(&[output], "back/", &["--force"]);
        assert_eq!(restored.code, 0, "{}", restored.stderr);
        assert_restored(&place, "back");
    }
}

#[test]
fn html_in_json_lines_is_restored() {
    let place = Place::new();
    let lines = format!(
        "{{ \"html\" :\"<p>{TEXT}<p>caf\\u00e9 \\/ 😀\\r\\n<a href=\\\"/x\\\">{PROMO}</a>\", \"n\":1.50}}\r\n\n{{\"html\":7}}\n{{\"html\":\"<p>\\ud83d\",\"text\":\"old\"}}"
    );
    place.put("in/lines.jsonl", &lines);
    assert_eq!(place.clean("cleaned/", &["--html-key", "html"]).code, 1);
    assert!(place.files("cleaned")["lines.jsonl"].len() > TEXT.len());
    assert_eq!(place.restore(&["cleaned"], "back", &[]).code, 0);
    assert_restored(&place, "back");
}

/// A folder `cleaned` with what `clean` made of two pages.
fn two_pages() -> Place {
    let place = Place::new();
    place.put("in/a.txt", format!("{TEXT}\n\n{PROMO}\n"));
    place.put("in/b/b.html", format!("<p>{TEXT}<p>{PROMO}\n"));
    let cleaned = place.clean("cleaned/", &[]);
    assert_eq!(cleaned.code, 0, "{}", cleaned.stderr);
    place
}

#[test]
fn an_output_that_was_changed_is_named_and_the_others_are_restored() {
    let place = two_pages();
    place.put("cleaned/a.txt", TEXT.replace("Monday", "Sunday"));
    let restored = place.restore(&["cleaned"], "back", &[]);
    assert_eq!(restored.code, 1);
    let wanted = format!("unbait: {}: this is not what ", place.path("cleaned/a.txt").display());
    assert!(restored.stderr.starts_with(&wanted), "{}", restored.stderr);
    assert_eq!(place.files("back").keys().collect::<Vec<_>>(), ["b/b.html"]);
}

#[test]
fn an_output_without_undo_file_and_an_undo_file_without_output_are_named() {
    let place = two_pages();
    place.put("cleaned/new.txt", "");
    std::fs::remove_file(place.path("cleaned/b/b.html.txt")).unwrap();
    // what a run leaves that did not end
    place.put("cleaned/.a.txt.unbait-part", "");
    let restored = place.restore(&["cleaned"], "back", &[]);
    assert_eq!(restored.code, 1);
    let errors: Vec<&str> = restored.stderr.lines().collect();
    let path = |name: &str| place.path(name).display().to_string();
    let without_undo = format!(
        "unbait: {}: there is no undo file for it: {} is wanted; ",
        path("cleaned/new.txt"),
        path("undo/new.txt.undo")
    );
    let without_output = format!(
        "unbait: {}: its output is not there: {} is wanted; ",
        path("undo/b/b.html.txt.undo"),
        path("cleaned/b/b.html.txt")
    );
    assert!(errors[0].starts_with(&without_undo), "{}", restored.stderr);
    assert!(errors[1].starts_with(&without_output), "{}", restored.stderr);
    assert_eq!(errors.len(), 2);
    assert_eq!(place.files("back").keys().collect::<Vec<_>>(), ["a.txt"]);
    // of a file alone, the others are none
    let alone = place.restore(&["cleaned/a.txt"], "alone", &[]);
    assert_eq!((alone.code, alone.stderr.as_str()), (0, ""));
    assert!(place.files("in")["a.txt"] == std::fs::read(place.path("alone")).unwrap());
}

#[test]
fn a_sidecar_in_the_folder_of_the_outputs_is_none_of_them() {
    let place = two_pages();
    std::fs::rename(place.path("undo"), place.path("cleaned/undo")).unwrap();
    let mut command = unbait(["restore"]);
    command
        .arg(place.path("cleaned"))
        .arg("--sidecar")
        .arg(place.path("cleaned/undo"));
    let restored: Ended = command.arg("-o").arg(place.path("back")).output().unwrap().into();
    assert_eq!((restored.code, restored.stderr.as_str()), (0, ""));
    assert_restored(&place, "back");
}

#[test]
fn one_original_goes_to_a_file_that_is_named_and_more_to_a_folder() {
    let place = two_pages();
    let original = |name: &str| place.files("in")[name].clone();
    // a file that is named is replaced, as by other verbs
    for _ in 0..2 {
        assert_eq!(place.restore(&["cleaned/a.txt"], "a-again.txt", &[]).code, 0);
        assert!(std::fs::read(place.path("a-again.txt")).unwrap() == original("a.txt"));
    }
    assert_eq!(place.restore(&["cleaned/a.txt"], "back/", &[]).code, 0);
    std::fs::create_dir(place.path("there")).unwrap();
    assert_eq!(place.restore(&["cleaned/a.txt"], "there", &[]).code, 0);
    for folder in ["back", "there"] {
        assert!(place.files(folder)["a.txt"] == original("a.txt"));
    }
    assert_eq!(place.clean("all.txt", &[]).code, 0);
    let restored = place.restore(&["all.txt"], "all-again.txt", &[]);
    assert_eq!(restored.code, 2);
    assert!(
        restored.stderr.contains("has not one original; name a folder"),
        "{}",
        restored.stderr
    );
    assert!(!place.path("all-again.txt").exists());
}

#[test]
fn a_file_that_is_there_is_replaced_with_force_only() {
    let place = two_pages();
    place.put("back/a.txt", "newer");
    let restored = place.restore(&["cleaned"], "back", &[]);
    assert_eq!(restored.code, 1);
    assert!(
        restored.stderr.contains("a.txt is there already; "),
        "{}",
        restored.stderr
    );
    assert_eq!(place.files("back")["a.txt"], b"newer");
    assert_eq!(place.restore(&["cleaned"], "back", &["--force"]).code, 0);
    assert_restored(&place, "back");
}

#[test]
fn no_second_original_is_written_over_the_first() {
    let place = two_pages();
    assert_eq!(place.clean("all.txt", &[]).code, 0);
    let restored = place.restore(&["cleaned", "all.txt"], "back", &["--force"]);
    assert_eq!(restored.code, 1);
    assert!(
        restored.stderr.contains("a second original would be written to "),
        "{}",
        restored.stderr
    );
    // the undo file of the file is not one of the folder's without an output
    assert_eq!(restored.stderr.lines().count(), 1, "{}", restored.stderr);
}

#[test]
fn an_input_that_is_not_there_costs_no_other() {
    let place = two_pages();
    let inputs = ["in/a.txt", "in/missing.txt", "in/b/b.html"].map(|name| place.path(name));
    let options = [
        "-o".into(),
        place.path("all.txt"),
        "--sidecar".into(),
        place.path("undo"),
    ];
    let cleaned = run_with_model("clean", inputs.into_iter().chain(options));
    assert_eq!(cleaned.code, 1, "{}", cleaned.stderr);
    assert!(
        cleaned.stderr.contains("missing.txt: cannot be read"),
        "{}",
        cleaned.stderr
    );
    let restored = place.restore(&["all.txt"], "back/", &[]);
    assert_eq!(restored.code, 0, "{}", restored.stderr);
    assert_eq!(place.files("back").keys().collect::<Vec<_>>(), ["a.txt", "b.html"]);
}

#[test]
fn nothing_is_written_where_it_is_read() {
    let place = two_pages();
    for (back, name) in [
        ("cleaned/", "cleaned/a.txt"),
        ("undo", "undo/a.txt"),
        ("cleaned/b/new", "cleaned/b/new/a.txt"),
    ] {
        let before = (place.files("cleaned"), place.files("undo"));
        let restored = place.restore(&["cleaned"], back, &["--force"]);
        assert_eq!(restored.code, 2);
        let refused = format!(
            "{} would be written where outputs or undo files are read",
            place.path(name).display()
        );
        assert!(restored.stderr.contains(&refused), "{}", restored.stderr);
        assert_eq!(before, (place.files("cleaned"), place.files("undo")));
    }
    let itself = place.restore(&["cleaned/a.txt"], "cleaned/a.txt", &["--force"]);
    assert!(itself.stderr.contains("would be written where"), "{}", itself.stderr);
}

/// An undo file as somebody who means harm can make it: of an empty output, with an original of this name and content.
fn forged(name: &str, content: &[u8]) -> Vec<u8> {
    let line = |text: String| format!("{:016x} {text}\n", xxhash_rust::xxh3::xxh3_64(text.as_bytes())).into_bytes();
    let piece = |bytes: &[u8]| {
        format!(
            r#"{{"bytes":{},"xxh3":"{:032x}"}}"#,
            bytes.len(),
            xxhash_rust::xxh3::xxh3_128(bytes)
        )
    };
    let name = serde_json::to_string(name).unwrap();
    let frame = zstd::bulk::compress(content, 1).unwrap();
    let part = format!(
        r#"{{"part":{{"original":{},"output":{},"frame":{}}}}}"#,
        piece(content),
        piece(b""),
        piece(&frame)
    );
    [
        b"unbait undo 1\n".to_vec(),
        line(format!(r#"{{"file":{{"name":{name},"packing":null}}}}"#)),
        line(part),
        frame,
        line(format!(r#"{{"end_file":{{"bytes":{}}}}}"#, content.len())),
        line(r#"{"end":{}}"#.to_owned()),
    ]
    .concat()
}

#[test]
fn names_of_an_undo_file_lead_nowhere_outside_of_the_folder() {
    let place = Place::new();
    place.put("cleaned/x.txt", "");
    let restore = |name: &str, back: &str| {
        place.put("undo/x.txt.undo", forged(name, b"harm"));
        place.restore(&["cleaned"], back, &["--force"])
    };
    assert_eq!(restore("a/b.txt", "good/").code, 0);
    assert_eq!(place.files("good")["a/b.txt"], b"harm");
    let absolute = place.path("absolute").to_str().unwrap().to_owned();
    for name in [
        "../up",
        "a/../../up",
        "..",
        "a/..",
        &absolute,
        "",
        "a/",
        "a//b",
        "./a",
        "a\0",
    ] {
        let before = place.files("");
        for back in ["back/", "back"] {
            let restored = restore(name, back);
            assert_eq!(restored.code, 2, "{name}");
            assert!(
                restored.stderr.contains("which is not written: "),
                "{name}: {}",
                restored.stderr
            );
        }
        let mut after = place.files("");
        after.insert("undo/x.txt.undo".to_owned(), before["undo/x.txt.undo"].clone());
        assert_eq!(before, after, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn no_link_is_followed_to_restore_a_file() {
    let place = Place::new();
    place.put("cleaned/x.txt", "");
    place.put("outside/there", "mine");
    std::fs::create_dir(place.path("back")).unwrap();
    std::os::unix::fs::symlink(place.path("outside"), place.path("back/folder")).unwrap();
    std::os::unix::fs::symlink(place.path("outside/there"), place.path("back/file")).unwrap();
    std::os::unix::fs::symlink(place.path("outside/new"), place.path("back/dangling")).unwrap();
    for name in ["folder/new", "folder/new/deep", "folder/there", "file", "dangling"] {
        place.put("undo/x.txt.undo", forged(name, b"harm"));
        let restored = place.restore(&["cleaned"], "back", &["--force"]);
        assert_eq!(restored.code, 2, "{name}");
        assert!(
            restored.stderr.contains("is a link, and none is followed"),
            "{name}: {}",
            restored.stderr
        );
        let outside = place.files("outside");
        assert_eq!(
            outside,
            BTreeMap::from([("there".to_owned(), b"mine".to_vec())]),
            "{name}"
        );
    }
}

#[test]
fn what_an_undo_file_has_is_listed() {
    let place = two_pages();
    let mut command = unbait(["restore", "--list", "--sidecar"]);
    let listed: Ended = command
        .arg(place.path("undo"))
        .arg(place.path("cleaned"))
        .output()
        .unwrap()
        .into();
    assert_eq!((listed.code, listed.stderr.as_str()), (0, ""));
    let lines: Vec<serde_json::Value> = listed
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (line["file"].as_str().unwrap(), line["bytes"].as_u64().unwrap()))
        .collect();
    let wanted = place.files("in");
    let wanted: Vec<_> = wanted
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.len() as u64))
        .collect();
    assert_eq!(found, wanted);
    place.put("undo/a.txt.undo", "no undo file");
    let listed: Ended = command.output().unwrap().into();
    assert_eq!((listed.code, listed.stdout.lines().count()), (1, 1));
}

/// Pieces of pages that are hard to keep.
const PIECES: [&str; 12] = [
    "\r\n", "\n\n", "\r", " \t", "\u{feff}", "\u{a0}", "😀", "\u{2028}", "<p>", "&amp;", TEXT, PROMO,
];

fn piece() -> impl Strategy<Value = Vec<u8>> {
    let texts = proptest::sample::select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec());
    prop_oneof![4 => texts, 1 => proptest::collection::vec(any::<u8>(), 0..4)]
}

fn page() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
}

/// A line that is JSON, one with escapes that nobody needs, or anything.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let json = |text: Vec<u8>| serde_json::json!({"n": 1.5, "text": String::from_utf8_lossy(&text)}).to_string();
    let escaped = move |text| {
        let units = json(text).replace('/', "\\/");
        let units = units.encode_utf16().map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
            Ok(_) | Err(_) => format!("\\u{unit:04x}"),
        });
        units.collect::<String>().into_bytes()
    };
    let json = page().prop_map(move |text| json(text).into_bytes());
    let end = proptest::sample::select(&["\n", "\r\n", " \n", "\n\n"][..]);
    (prop_oneof![json, page().prop_map(escaped), page()], end).prop_map(|(line, end)| [&line, end.as_bytes()].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(8) })]

    #[test]
    fn any_pages_and_lines_are_restored(
        texts in proptest::collection::vec(page(), 1..20),
        files in proptest::collection::vec(proptest::collection::vec(line(), 0..20), 1..6),
    ) {
        let place = Place::new();
        for (n, text) in texts.iter().enumerate() {
            place.put(&format!("in/{n:02}.{}", if n % 2 == 0 { "txt" } else { "html" }), text);
        }
        for (n, lines) in files.iter().enumerate() {
            place.put(&format!("in/lines/{n}.jsonl"), lines.concat());
        }
        let cleaned = place.clean("cleaned/", &[]);
        prop_assert!(cleaned.code < 2, "{}", cleaned.stderr);
        let restored = place.restore(&["cleaned"], "back", &[]);
        prop_assert_eq!(restored.code, 0, "{}", restored.stderr);
        let (wanted, found) = (place.files("in"), place.files("back"));
        for (name, wanted) in &wanted {
            // a page that is no text has no output
            let is_refused = !found.contains_key(name);
            prop_assert!(is_refused || found[name] == *wanted, "{}", name);
            let is_named = cleaned.stderr.contains(&format!("{}: ", place.path("in").join(name).display()));
            prop_assert!(!is_refused || (is_named && !name.starts_with("lines/")), "{}", name);
        }
    }
}
