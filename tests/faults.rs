//! Faults of the world around: full disks, inputs that end or fail in the middle, models that are replaced, kills. What is there under a name
//! is whole, and what was lost is named.

mod tiny;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use tiny::{Ended, datasets, model_file, run_with_model, unbait};
use unbait::corpus::packed::{Packer, Packing};

fn text(n: usize) -> String {
    format!("Paragraph {n} of a page that is long enough to be one.\n\nRead more: story {n}")
}

fn line(n: usize) -> String {
    format!("{}\n", serde_json::json!({"id": format!("line-{n}"), "text": text(n)}))
}

fn lines(count: usize) -> String {
    (0..count).map(line).collect()
}

fn conversion(n: usize) -> String {
    let text = text(n);
    format!(
        "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Record-ID: <urn:record:{n}>\r\nContent-Length: {}\r\n\r\n{text}\r\n\r\n",
        text.len()
    )
}

/// Packed with the least effort, which for bzip2 means in the smallest blocks.
fn packed(packing: Packing, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    if packing == Packing::Bzip2 {
        let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        packer.write_all(bytes.as_ref()).unwrap();
        return packer.finish().unwrap();
    }
    let mut packer = Packer::new(Some(packing), Vec::new()).unwrap();
    packer.write_all(bytes.as_ref()).unwrap();
    packer.finish().unwrap()
}

fn parquet(rows: usize) -> Vec<u8> {
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(text)));
    let batch = RecordBatch::try_from_iter([("text", texts)]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

// ---- full disks

/// Blocks of 1024 bytes that a file may have where the disk is full (`ulimit -f`; of dash 512).
const BLOCKS: &str = "8";

/// The tool, in this folder, where no file can become longer than some kilobytes.
#[cfg(unix)]
fn on_a_full_disk(folder: &Path, arguments: &[&str]) -> Ended {
    // a signal would tell of it otherwise
    let script = format!("trap '' XFSZ; ulimit -f {BLOCKS}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(unbait([""; 0]).get_program());
    command.args(arguments).current_dir(folder).output().unwrap().into()
}

#[test]
#[cfg(unix)]
fn a_full_disk_is_named_and_nothing_is_left_under_any_name() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("lines.jsonl", lines(400).as_bytes());
    write("pages.warc", (0..400).map(conversion).collect::<String>().as_bytes());
    write("rows.parquet", &parquet(2_000));
    let words: String = (0..4_000u64)
        .map(|n| format!("Word {} of a line.\n", n * n * 7919 % 65_537))
        .collect();
    write("words.txt", words.as_bytes());
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let html = datasets().join("html.jsonl");
    let (html, model) = (html.to_str().unwrap(), model_file().to_str().unwrap());
    let keep = ["--keep", "body,promo,other,caption"];
    let before = names(folder.path());
    let runs: [&[&str]; 14] = [
        &["score", "lines.jsonl", "-o", "out.jsonl"],
        &[
            "score",
            "lines.jsonl",
            "-o",
            "out.jsonl.gz",
            "--format",
            "label-studio",
            "--threads",
            "2",
        ],
        &["score", "words.txt", "-o", "out.parquet"],
        &["score", "lines.jsonl", "-o", "folder/"],
        &["clean", "lines.jsonl", "-o", "out.jsonl"],
        &["clean", "words.txt", "-o", "out.txt.zst"],
        &["clean", "pages.warc", "-o", "out.warc"],
        &["clean", "rows.parquet", "-o", "out.parquet"],
        &["clean", "pages.warc", "-o", "folder/"],
        &[
            "clean",
            "lines.jsonl",
            "-o",
            "out.jsonl",
            "--removed",
            "removed.jsonl",
            "--keep",
            "caption",
        ],
        &[
            "score",
            "lines.jsonl",
            "-o",
            "/dev/null",
            "--html-key",
            "none",
            "--errors",
            "errors.jsonl",
        ],
        &[
            "stats",
            "words.txt",
            "--top",
            "4000",
            "--lines-of",
            "body",
            "-o",
            "out.txt",
        ],
        &["export", html, "-o", "out.labels"],
        &[
            "train",
            html,
            "-o",
            "out.safetensors",
            "--view",
            "html",
            "--folds",
            "2",
            "--min-sites",
            "4",
            "--tolerance",
            "0.1",
            "--allow-early-stop",
        ],
    ];
    for run in runs {
        let mut arguments = run.to_vec();
        // the shipped model calls the words' lines body, so that stats has many to list
        if ["score", "clean"].contains(&run[0]) {
            arguments.extend(["--model", model]);
        }
        if run[0] == "clean" && !run.contains(&"--keep") {
            arguments.extend(keep);
        }
        let ended = on_a_full_disk(folder.path(), &arguments);
        assert_eq!(ended.code, 2, "{run:?}: {}", ended.stderr);
        let told = ended
            .stderr
            .contains("cannot be written; nothing was left under this name: File too large");
        assert!(told, "{run:?}: {}", ended.stderr);
        assert_eq!(names(folder.path()), before, "{run:?}");
        assert!(names(&folder.path().join("folder")).is_empty(), "{run:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_run_that_met_a_full_disk_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lines.jsonl"), lines(20_000)).unwrap();
    let model = model_file().to_str().unwrap();
    let arguments = [
        "clean",
        "lines.jsonl",
        "--model",
        model,
        "--resume",
        "--threads",
        "1",
        "-o",
    ];
    let into = |output: &'static str| [&arguments[..], &[output]].concat();
    let undisturbed: Ended = unbait(into("whole.jsonl"))
        .current_dir(folder.path())
        .output()
        .unwrap()
        .into();
    assert_eq!(undisturbed.code, 0, "{}", undisturbed.stderr);
    let ended = on_a_full_disk(folder.path(), &into("out.jsonl"));
    assert_eq!(ended.code, 2, "{}", ended.stderr);
    assert!(!folder.path().join("out.jsonl").exists());
    let again: Ended = unbait(into("out.jsonl"))
        .current_dir(folder.path())
        .output()
        .unwrap()
        .into();
    assert_eq!(again.code, 0, "{}", again.stderr);
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(read("out.jsonl") == read("whole.jsonl"));
}

#[test]
#[cfg(target_os = "linux")]
fn results_that_cannot_be_written_to_standard_output_are_an_error_of_every_verb() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("a.txt");
    std::fs::write(&page, text(1)).unwrap();
    let data = datasets().join("text.jsonl");
    for (verb, input) in [
        ("score", &page),
        ("clean", &page),
        ("stats", &page),
        ("explain", &page),
        ("eval", &data),
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = unbait([verb, "--model"]);
        command.arg(model_file()).arg(input).stdout(full);
        if verb == "clean" {
            command.args(["--keep", "body,promo,other,caption"]);
        }
        let ended: Ended = command.output().unwrap().into();
        assert_eq!(ended.code, 2, "{verb}");
        let told = "standard output: cannot be written: No space left on device";
        assert!(ended.stderr.contains(told), "{verb}: {}", ended.stderr);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_without_room_is_named_and_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("lines.jsonl"), lines(3_000)).unwrap();
    let small = folder.path().join("small");
    std::fs::create_dir(&small).unwrap();
    // mounted where nobody else sees it
    let script = "mount -t tmpfs -o size=64k none small 2>/dev/null || exit 77; \
        \"$@\"; code=$?; ls -A small | sed 's/^/left: /'; exit $code";
    let output = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script, "sh"])
        .arg(unbait([""; 0]).get_program())
        .args(["score", "lines.jsonl", "-o", "small/out.jsonl", "--model"])
        .arg(model_file())
        .current_dir(folder.path())
        .output();
    match output.map(Ended::from) {
        Ok(ended) if ended.code == 2 => {
            let told = "small/out.jsonl: cannot be written; nothing was left under this name: No space left on device";
            assert!(ended.stderr.contains(told), "{}", ended.stderr);
            assert_eq!(ended.stdout, "");
        }
        Ok(ended) if ended.code == 77 || ended.stderr.starts_with("unshare") => {
            eprintln!("skipped: no file system can be mounted here");
        }
        Ok(ended) => panic!("{}: {}", ended.code, ended.stderr),
        Err(_) => eprintln!("skipped: there is no `unshare` here"),
    }
}

// ---- inputs that end early or fail

/// Scores what comes on standard input as lines of text; ids in their order.
fn score_stdin(bytes: &[u8], options: &[&str]) -> (Ended, Vec<String>) {
    let mut child = unbait(["score", "--model"])
        .arg(model_file())
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || {
        // what is refused is not read to its end
        let _ = input.write_all(&bytes);
    });
    let ended: Ended = child.wait_with_output().unwrap().into();
    writer.join().unwrap();
    let id = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["id"].as_str().unwrap().to_owned()
    };
    let ids = ended.stdout.lines().map(id).collect();
    (ended, ids)
}

#[test]
fn of_a_pipe_that_ends_early_everything_before_is_scored_and_the_cut_is_named() {
    let (lines, archive) = (lines(3_000), (0..3_000).map(conversion).collect::<String>());
    for (name, bytes, id) in [
        ("lines", lines.into_bytes(), "line-"),
        ("archive", archive.into_bytes(), "urn:record:"),
    ] {
        for packing in [
            None,
            Some(Packing::Gzip),
            Some(Packing::Zstd),
            Some(Packing::Bzip2),
            Some(Packing::Xz),
        ] {
            let mut cut = packing.map_or(bytes.clone(), |packing| packed(packing, &bytes));
            cut.truncate(cut.len() * 9 / 10 + 3);
            for threads in ["1", "2"] {
                let (ended, ids) = score_stdin(&cut, &["--threads", threads]);
                let what = format!("{name} {packing:?}: {} of 3000: {}", ids.len(), ended.stderr);
                assert_eq!(ended.code, 1, "{what}");
                assert!(
                    ids.iter().enumerate().all(|(n, found)| *found == format!("{id}{n}")),
                    "{what}"
                );
                assert!(!ids.is_empty(), "{what}");
                let named = format!("unbait: -: record {} at byte ", ids.len() + 1);
                assert!(ended.stderr.starts_with(&named), "{what}");
                assert!(
                    ended.stderr.ends_with(&format!("{} pages, 1 bad\n", ids.len())),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn a_cut_page_in_a_pipe_is_an_error_when_its_packing_tells() {
    let page = text(1).repeat(2_000);
    for packing in Packing::ALL {
        let bytes = packed(packing, &page);
        let (ended, ids) = score_stdin(&bytes[..bytes.len() / 2], &["--as", "text"]);
        assert_eq!((ended.code, ids.len()), (2, 0), "{packing:?}");
        assert!(
            ended.stderr.starts_with("unbait: -: cannot be read: "),
            "{packing:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn a_cut_parquet_file_is_named_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = parquet(100);
    std::fs::write(folder.path().join("a.parquet"), &bytes[..bytes.len() - 100]).unwrap();
    std::fs::write(folder.path().join("b.parquet"), &bytes).unwrap();
    let ended = run_with_model("score", [folder.path()]);
    assert_eq!((ended.code, ended.stdout.lines().count()), (1, 100), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("a.parquet: no Parquet file, or its end is broken"),
        "{}",
        ended.stderr
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_that_cannot_be_read_on_is_named_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("b.txt");
    std::fs::write(&good, text(1)).unwrap();
    // no page stands at its beginning
    let broken = Path::new("/proc/self/mem");
    for kind in ["text", "jsonl", "warc"] {
        let arguments = [broken, &good, Path::new("--as"), Path::new(kind)];
        let ended = run_with_model("score", arguments);
        assert_ne!(ended.code, 0, "{kind}: {}", ended.stderr);
        let named = ended
            .stderr
            .lines()
            .any(|line| line.starts_with("unbait: /proc/self/mem: ") && line.contains("Input/output error"));
        assert!(named, "{kind}: {}", ended.stderr);
        assert!(
            kind != "text" || (ended.code, ended.stdout.lines().count()) == (1, 1),
            "{}",
            ended.stderr
        );
    }
}

// ---- models that are replaced

#[test]
fn a_model_is_read_once_so_that_another_one_in_its_place_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.safetensors");
    let whole = std::fs::read(model_file()).unwrap();
    let pages = lines(2_000);
    let wanted = score_stdin(pages.as_bytes(), &["--threads", "2"]).0.stdout;
    let replacements: [&dyn Fn(&Path); 3] = [
        &|model| std::fs::write(model, &whole[..whole.len() / 2]).unwrap(),
        &|model| std::fs::write(model, b"something else").unwrap(),
        &|model| std::fs::remove_file(model).unwrap(),
    ];
    for replace in replacements {
        std::fs::write(&model, &whole).unwrap();
        let mut child = unbait(["score", "--threads", "2", "--model"])
            .arg(&model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let (first, rest) = pages.split_at(pages.len() / 2);
        let (first, rest) = (first.to_owned(), rest.to_owned());
        let (told, replaced) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            input.write_all(first.as_bytes()).unwrap();
            replaced.recv().unwrap();
            input.write_all(rest.as_bytes()).unwrap();
        });
        let mut results = BufReader::new(child.stdout.take().unwrap());
        let mut found = String::new();
        results.read_line(&mut found).unwrap();
        replace(&model);
        told.send(()).unwrap();
        std::io::Read::read_to_string(&mut results, &mut found).unwrap();
        writer.join().unwrap();
        let ended: Ended = child.wait_with_output().unwrap().into();
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert!(found == wanted);
    }
}

// ---- kills

#[test]
#[cfg(unix)]
fn nothing_stands_under_its_name_while_it_is_written_and_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for (verb, output) in [
        ("score", "out.jsonl"),
        ("score", "out.jsonl.gz"),
        ("clean", "out.jsonl"),
        ("clean", "folder/"),
    ] {
        let output: PathBuf = folder.path().join(output);
        let mut child = unbait([verb, "--threads", "1", "--model"])
            .arg(model_file())
            .arg("-o")
            .arg(&output)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        // more than pipes and buffers hold, so that some of it is written when this returns
        input.write_all(lines(4_000).as_bytes()).unwrap();
        let shown = |folder: &Path| -> Vec<String> {
            let files = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap());
            let names = files
                .filter(|entry| entry.file_type().is_file())
                .map(|entry| entry.file_name().to_owned());
            names
                .map(|name| name.to_string_lossy().into_owned())
                .filter(|name| !name.starts_with('.'))
                .collect()
        };
        assert_eq!(
            shown(folder.path()),
            Vec::<String>::new(),
            "{verb} {}",
            output.display()
        );
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(
            shown(folder.path()),
            Vec::<String>::new(),
            "{verb} {}",
            output.display()
        );
    }
}
