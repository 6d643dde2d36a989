//! Bad input to named errors: no panic, nothing else is lost, and the exit code tells.

mod tiny;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tiny::{Ended, model_file, run_with_model, unbait};

/// A folder with these files, which lives as long as the value.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn score(paths: &[PathBuf]) -> Ended {
    run_with_model("score", paths)
}

fn records(ended: &Ended) -> Vec<serde_json::Value> {
    ended
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn texts(record: &serde_json::Value) -> Vec<&str> {
    record["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["text"].as_str().unwrap())
        .collect()
}

const GOOD: &[u8] = b"A first paragraph that is long enough.\n\nAnd a second one.\n";

#[test]
fn an_empty_file_is_a_page_without_blocks() {
    let folder = folder(&[("empty.txt", b""), ("spaces.html", b"<p> \n</p>")]);
    let ended = score(&[folder.path().to_owned()]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert!(records(&ended).iter().all(|record| texts(record).is_empty()));
    assert_eq!(ended.stderr.matches("no visible text").count(), 2, "{}", ended.stderr);
}

#[test]
fn a_binary_file_is_named_and_the_others_go_on() {
    let folder = folder(&[
        ("a.txt", b"%PDF-1.7\n\x00\x01"),
        ("b.txt", GOOD),
        ("c.txt", &[0, 159, 0, 0, 7, 0, 0, 9]),
    ]);
    let ended = score(&[folder.path().to_owned()]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("a.txt: this is no text or HTML (a PDF file)"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("c.txt: this is no text or HTML"),
        "{}",
        ended.stderr
    );
    assert_eq!(texts(&records(&ended)[0]).len(), 2);
}

#[test]
fn a_big_file_on_one_line_is_one_block() {
    let line = "word ".repeat(1_000_000);
    let folder = folder(&[("big.txt", line.as_bytes())]);
    let ended = score(&[folder.path().join("big.txt")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(records(&ended)[0]["blocks"][0]["end"], 4_999_999);
}

#[test]
fn a_big_page_on_one_line_is_read() {
    let page = format!(
        "<html><body><p>{}</p></body></html>",
        "some <b>bold</b> words, ".repeat(200_000)
    );
    let folder = folder(&[("big.html", page.as_bytes())]);
    let ended = score(&[folder.path().join("big.html")]);
    assert_eq!(
        (ended.code, records(&ended)[0]["blocks"].as_array().unwrap().len()),
        (0, 1),
        "{}",
        ended.stderr
    );
}

#[test]
fn deeply_nested_elements_are_read() {
    let page = format!("{}deep inside{}", "<div>".repeat(200_000), "</div>".repeat(200_000));
    let folder = folder(&[("deep.html", page.as_bytes())]);
    let ended = score(&[folder.path().join("deep.html")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(texts(&records(&ended)[0]), ["deep inside"]);
}

#[test]
fn many_deep_blocks_are_read() {
    let page = "<div>x".repeat(200_000);
    let folder = folder(&[("deep.html", page.as_bytes())]);
    let ended = run_with_model("clean", [folder.path().join("deep.html")]);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
}

#[test]
fn invalid_utf8_is_read_and_told() {
    let folder = folder(&[("bad.html", b"<meta charset=utf-8><p>abc \xff\xfe def")]);
    let ended = score(&[folder.path().join("bad.html")]);
    assert_eq!(ended.code, 0);
    assert_eq!(texts(&records(&ended)[0]), ["abc \u{fffd}\u{fffd} def"]);
    assert!(
        ended.stderr.contains("bad.html: some bytes are no UTF-8"),
        "{}",
        ended.stderr
    );
}

#[test]
fn utf16_is_read_with_offsets_in_utf8() {
    let bytes: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain("Grüße\n\naus Köln".encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let folder = folder(&[("wide.txt", &bytes)]);
    let ended = score(&[folder.path().join("wide.txt")]);
    let record = &records(&ended)[0];
    assert_eq!(texts(record), ["Grüße", "aus Köln"]);
    assert_eq!(
        (&record["blocks"][1]["start"], &record["blocks"][1]["end"]),
        (&9.into(), &18.into())
    );
}

#[test]
fn a_missing_file_is_named_with_its_cause() {
    let folder = folder(&[("b.txt", GOOD)]);
    let (missing, there) = (folder.path().join("nothing.txt"), folder.path().join("b.txt"));
    let ended = score(&[missing.clone(), there]);
    assert_eq!(ended.code, 1);
    assert_eq!(records(&ended).len(), 1);
    let named = format!("unbait: {}: cannot be read: ", missing.display());
    assert!(ended.stderr.starts_with(&named), "{}", ended.stderr);
    assert_eq!(score(&[missing]).code, 2, "nothing could be read at all");
}

#[test]
fn a_folder_without_pages_is_an_error() {
    let folder = folder(&[("a.csv", b"x"), (".hidden.txt", b"x")]);
    let ended = score(&[folder.path().to_owned()]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("no page in"), "{}", ended.stderr);
}

#[test]
#[cfg(unix)]
fn a_folder_without_rights_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("b.txt", GOOD)]);
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read_dir(&closed).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let ended = score(&[folder.path().to_owned()]);
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(ended.code, 1);
    assert_eq!(records(&ended).len(), 1);
    assert!(ended.stderr.contains("closed: cannot be read"), "{}", ended.stderr);
}

#[test]
fn an_unknown_encoding_is_wrong_usage() {
    let folder = folder(&[("b.txt", GOOD)]);
    let ended = run_with_model(
        "score",
        ["--encoding", "utf-9", folder.path().join("b.txt").to_str().unwrap()],
    );
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("unknown encoding \"utf-9\""), "{}", ended.stderr);
}

#[test]
fn a_dash_is_no_file_to_write() {
    let folder = folder(&[("b.txt", GOOD)]);
    let refused = [
        "score b.txt -o -",
        "score b.txt --errors -",
        "clean b.txt -o -",
        "clean b.txt --removed -",
        "stats b.txt -o -",
        "restore b.txt --sidecar . -o -",
        "train b.txt -o -",
        "train b.txt -o m.safetensors --report -",
        "eval b.txt --errors -",
        "export b.txt -o -",
        "import b.labels --pages . -o -",
    ];
    let run = |arguments: &str| -> Ended {
        let mut command = unbait(arguments.split(' '));
        command.current_dir(folder.path()).output().unwrap().into()
    };
    for arguments in refused {
        let ended = run(arguments);
        assert_eq!(ended.code, 2, "{arguments}: {}", ended.stderr);
        assert!(
            ended.stderr.contains("name a file (./- for one of this name)"),
            "{}",
            ended.stderr
        );
        assert!(!folder.path().join("-").exists(), "{arguments}");
    }
    assert_eq!(run("clean b.txt -o ./-").code, 0);
    assert!(folder.path().join("-").exists());
}

// ---- model files

fn with_model_bytes(bytes: &[u8]) -> Ended {
    let folder = folder(&[("b.txt", GOOD), ("model.safetensors", bytes)]);
    let model = folder.path().join("model.safetensors");
    let ended: Ended = unbait(["score", "--model"])
        .arg(model)
        .arg(folder.path().join("b.txt"))
        .output()
        .unwrap()
        .into();
    assert_eq!(ended.code, 2);
    assert!(ended.stdout.is_empty());
    assert!(ended.stderr.contains("model.safetensors: "), "{}", ended.stderr);
    ended
}

#[test]
fn a_truncated_model_is_refused() {
    let bytes = std::fs::read(model_file()).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        with_model_bytes(&bytes[..length]);
    }
}

#[test]
fn a_model_with_a_flipped_bit_is_refused() {
    let bytes = std::fs::read(model_file()).unwrap();
    for step in 0..12 {
        let mut flipped = bytes.clone();
        let at = step * (bytes.len() - 1) / 11;
        flipped[at] ^= 1 << (step % 8);
        with_model_bytes(&flipped);
    }
}

#[test]
fn a_model_of_another_format_is_refused_with_both_numbers() {
    let bytes = std::fs::read(model_file()).unwrap();
    let wanted = b"{\\\"format\\\":2,";
    let at = bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    let mut other = bytes.clone();
    other[at + wanted.len() - 2] = b'7';
    let ended = with_model_bytes(&other);
    assert!(
        ended
            .stderr
            .contains("it has format 7, this version of unbait reads format 2"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    with_model_bytes(b"PK\x03\x04 not a model at all, but long enough to have a header length in it");
}

// ---- labelled pages

/// Lines of labelled pages on four sites, with labels that can be learned, after a first line of the caller's.
fn labelled(first_line: &str) -> String {
    let mut lines = format!("{first_line}\n");
    for site in 0..4 {
        for page in 0..2 {
            let mut blocks = Vec::new();
            for n in 0..3 {
                blocks.push(serde_json::json!({"text": format!("The river rose again on day {n} and the people of the town went to look."), "label": "body"}));
            }
            for n in 0..3 {
                blocks.push(serde_json::json!({"text": format!("READ MORE: Story number {n}"), "label": "promo"}));
            }
            lines.push_str(&format!(
                "{}\n",
                serde_json::json!({"id": format!("site{site}/page{page}"), "blocks": blocks})
            ));
        }
    }
    lines
}

fn train(data: &str, more: &[&str]) -> (Ended, bool) {
    let folder = folder(&[("pages.jsonl", data.as_bytes())]);
    let model = folder.path().join("model.safetensors");
    let quick = [
        "--folds",
        "2",
        "--min-sites",
        "2",
        "--tolerance",
        "0.01",
        "--allow-early-stop",
    ];
    let ended = unbait(["train"])
        .arg(folder.path())
        .arg("-o")
        .arg(&model)
        .args(quick)
        .args(more)
        .output()
        .unwrap()
        .into();
    let files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(files.len() <= 2, "no half-written file is left: {files:?}");
    (ended, model.exists())
}

#[test]
fn an_unknown_key_is_named_and_the_page_is_used() {
    let page =
        r#"{"id":"x/y","lable":"body","blocks":[{"text":"The town went to look at the river.","label":"body"}]}"#;
    let (ended, has_model) = train(&labelled(page), &[]);
    assert_eq!((ended.code, has_model), (0, true), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("pages.jsonl:1: the key \"lable\""),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.contains("9 pages of 5 sites"), "{}", ended.stdout);
}

#[test]
fn a_wrong_label_is_named_with_its_page() {
    let page = r#"{"id":"x/y","blocks":[{"text":"The town.","label":"advert"}]}"#;
    let (ended, has_model) = train(&labelled(page), &["--labels", "body,promo"]);
    assert_eq!((ended.code, has_model), (2, false));
    assert!(
        ended
            .stderr
            .contains("page \"x/y\" has the label \"advert\"; --labels allows body, promo"),
        "{}",
        ended.stderr
    );
    let (ended, has_model) = train(&labelled(page), &[]);
    assert_eq!(
        (ended.code, has_model),
        (2, false),
        "a label on one site only cannot be learned"
    );
    assert!(
        ended.stderr.contains("\"advert\"") && ended.stderr.contains("x/y"),
        "{}",
        ended.stderr
    );
}

#[test]
fn blocks_that_do_not_stand_in_their_page_are_named_and_left_out() {
    let page = r#"{"id":"x/y","html":"<p>One two three","blocks":[{"text":"Four five six seven","label":"body"}]}"#;
    let (ended, has_model) = train(&labelled(page), &[]);
    assert_eq!((ended.code, has_model), (1, true), "{}", ended.stderr);
    assert!(ended.stderr.contains("x/y: 4 of 4 words"), "{}", ended.stderr);
    assert!(ended.stdout.contains("8 pages of 4 sites"), "{}", ended.stdout);
}

#[test]
fn a_bad_line_is_named_with_file_and_line_and_nothing_else_is_lost() {
    let (ended, has_model) = train(&labelled("{\"id\": \"x\", \"blocks\": ["), &[]);
    assert_eq!((ended.code, has_model), (1, true), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("pages.jsonl:1: no labelled page"),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.contains("8 pages of 4 sites"), "{}", ended.stdout);
}

#[test]
fn data_of_bad_lines_only_is_an_error() {
    let (ended, has_model) = train("{}\nnothing\n", &[]);
    assert_eq!((ended.code, has_model), (2, false));
    assert!(ended.stderr.contains("pages.jsonl:2: "), "{}", ended.stderr);
}

#[test]
fn a_label_that_the_model_lacks_is_an_error_of_eval() {
    let data = labelled("").replace("promo", "advert");
    let folder = folder(&[("pages.jsonl", data.as_bytes())]);
    let ended = run_with_model("eval", [folder.path()]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("has the label \"advert\", which the model lacks"),
        "{}",
        ended.stderr
    );
}

// ---- output

#[test]
fn a_closed_pipe_is_no_error() {
    let folder = folder(&[("big.txt", "A line of text.\n\n".repeat(20_000).as_bytes())]);
    let mut child = unbait(["score", "--format", "text", "--model"])
        .arg(model_file())
        .arg(folder.path().join("big.txt"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert!(first.ends_with("\tA line of text.\n"), "{first}");
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
}

#[test]
fn a_file_in_a_folder_that_is_not_there_is_an_error_and_nothing_is_written() {
    let folder = folder(&[("b.txt", GOOD)]);
    let target = folder.path().join("no/such/folder/out.txt");
    let ended = run_with_model(
        "clean",
        [folder.path().join("b.txt").as_path(), Path::new("-o"), target.as_path()],
    );
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("out.txt: cannot be written"), "{}", ended.stderr);
}

#[test]
fn an_output_file_appears_only_when_something_could_be_read() {
    let folder = folder(&[("a.txt", b"%PDF-1.7"), ("b.txt", GOOD)]);
    let target = folder.path().join("out.md");
    let clean = |page: &str| {
        run_with_model(
            "clean",
            [
                folder.path().join(page).as_path(),
                Path::new("-o"),
                target.as_path(),
                Path::new("--keep"),
                Path::new("body,caption,promo,other"),
            ],
        )
    };
    assert_eq!(clean("a.txt").code, 2);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left");
    assert_eq!(clean("b.txt").code, 0);
    assert_eq!(std::fs::read(&target).unwrap(), GOOD);
}

#[test]
fn escape_sequences_do_not_reach_the_terminal() {
    let folder = folder(&[("a.txt", "red \u{1b}[31mtext\u{202e} here\n".as_bytes())]);
    let page = folder.path().join("a.txt");
    let ended = run_with_model("score", ["--format", "terminal", page.to_str().unwrap()]);
    assert!(
        ended.stdout.contains(r"red \u001b[31mtext\u202e here"),
        "{}",
        ended.stdout
    );
    assert!(!ended.stdout.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn standard_input_is_read() {
    let mut child = unbait(["score", "--model"])
        .arg(model_file())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(GOOD).unwrap();
    let ended: Ended = child.wait_with_output().unwrap().into();
    assert_eq!(records(&ended)[0]["id"], "-");
    assert_eq!(texts(&records(&ended)[0]).len(), 2);
}

#[test]
fn colours_are_for_terminals_or_on_request() {
    let folder = folder(&[("a.txt", GOOD)]);
    let page = folder.path().join("a.txt");
    let colours = |when: &str| {
        run_with_model(
            "score",
            ["--format", "terminal", "--color", when, page.to_str().unwrap()],
        )
        .stdout
        .contains('\u{1b}')
    };
    assert!(colours("always"));
    assert!(!colours("never") && !colours("auto"));
}

#[test]
fn a_help_text_has_an_example_of_each_verb() {
    for verb in ["score", "clean", "explain", "train", "eval"] {
        let ended: Ended = unbait([verb, "--help"]).output().unwrap().into();
        assert!(
            ended.code == 0 && ended.stdout.contains(&format!("Example:\n  unbait {verb} ")),
            "{}",
            ended.stdout
        );
    }
}
