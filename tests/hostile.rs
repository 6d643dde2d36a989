//! Hostile pages: what comes out of them, and that time grows with their size and not with its square.

#[path = "../benches/hostile/kinds.rs"]
mod kinds;
mod tiny;

use kinds::{KINDS, Kind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tiny::{Ended, classifier, run_with_model};
use unbait::classifier::{LabelledPage, MOST_BLOCKS};
use unbait::html::{MOST_CLASS_BYTES, MOST_HREF_BYTES, MOST_ID_BYTES, MOST_NAME_BYTES};
use unbait::page::{Page, PageKind};
use unbait::segment::Split;

fn labelled(kind: PageKind, text: String) -> LabelledPage {
    let page = Page::from_text("x", text, Some(kind)).unwrap();
    classifier().classify(&page, Split::Auto).unwrap()
}

fn texts(labelled: &LabelledPage) -> Vec<&str> {
    labelled.blocks().map(|(block, _)| block.text.as_str()).collect()
}

fn html(page: impl Into<String>) -> Vec<String> {
    let labelled = labelled(PageKind::Html, page.into());
    texts(&labelled).into_iter().map(str::to_owned).collect()
}

fn plain(page: impl Into<String>) -> Vec<String> {
    let labelled = labelled(PageKind::Text, page.into());
    texts(&labelled).into_iter().map(str::to_owned).collect()
}

// ---- cost

/// Sizes whose times are compared, in bytes.
const SIZES: [usize; 2] = [20_000, 160_000];

/// What the larger one may take, besides its share: what does not grow at all, on a machine that has other work (chosen).
const ROOM: Duration = Duration::from_millis(700);

/// How often a time is taken before it counts.
const ATTEMPTS: usize = 4;

fn time_of(kind: &Kind, size: usize) -> Duration {
    let page_kind = PageKind::of_name(Path::new(&format!("x.{}", kind.ending))).unwrap();
    let page = Page::from_text(kind.name, (kind.page)(size), Some(page_kind)).unwrap();
    let start = Instant::now();
    let labelled = classifier().classify(&page, Split::Auto).unwrap();
    let time = start.elapsed();
    assert_eq!(labelled.labels.len(), labelled.segmented.blocks.len(), "{}", kind.name);
    let sums = labelled.probabilities.rows().into_iter().map(|row| row.sum());
    assert!(sums.into_iter().all(|sum| (sum - 1.0).abs() < 1e-9), "{}", kind.name);
    time
}

/// Whether eight times as much takes about eight times as long: 64 times is what a cost that grows as the square would take.
fn is_linear(kind: &Kind) -> bool {
    let [small, large] = SIZES.map(|size| time_of(kind, size));
    large <= 2 * (SIZES[1] / SIZES[0]) as u32 * small + ROOM
}

fn assert_linear(ending: &str) {
    for kind in KINDS.iter().filter(|kind| kind.ending == ending) {
        assert!(
            (0..ATTEMPTS).any(|_| is_linear(kind)),
            "{}: costs more than its size",
            kind.name
        );
    }
}

#[test]
fn time_grows_with_the_size_of_every_kind_of_html() {
    assert_linear("html");
}

#[test]
fn time_grows_with_the_size_of_every_kind_of_text() {
    assert_linear("txt");
}

// ---- what comes out

#[test]
fn one_tag_open_many_times_is_one_block() {
    for tag in [
        "<b>",
        "<div>",
        "<a href=x>",
        "<font>",
        "<x-y>",
        "<table>",
        "<svg>",
        "<button>",
    ] {
        let page = format!(
            "{}deep{}",
            tag.repeat(100_000),
            if tag == "<svg>" { "<p>est" } else { "est" }
        );
        assert_eq!(
            html(page).concat(),
            if tag == "<svg>" { "est" } else { "deepest" },
            "{tag}"
        );
    }
}

#[test]
fn formatting_that_closes_in_the_wrong_order_keeps_all_text_in_order() {
    let blocks = html("<b><p>x</b>".repeat(5_000));
    assert_eq!((blocks.len(), blocks.concat()), (5_000, "x".repeat(5_000)));
    let blocks = html("<b><i><a href=x>y</b></i></a>".repeat(5_000));
    assert_eq!(blocks, ["y".repeat(5_000)]);
}

#[test]
fn text_in_tables_stays_where_it_was_written() {
    let blocks = html(format!("<table>{}", "x<tr><td>y".repeat(3_000)));
    assert_eq!(blocks.concat(), "xy".repeat(3_000));
    assert_eq!(html("<table><tr><td>x".repeat(3_000)).concat(), "x".repeat(3_000));
}

#[test]
fn line_breaks_alone_are_no_blocks_and_two_of_them_end_one() {
    assert!(html("<br>".repeat(200_000)).is_empty());
    assert_eq!(html("x<br><br>".repeat(20_000)), vec!["x"; 20_000]);
}

#[test]
fn attributes_are_no_text_however_long_or_many() {
    let long = "y ".repeat(500_000);
    for name in ["title", "class", "id", "href", "style", "role", "itemprop", "data-x"] {
        assert_eq!(html(format!("<p {name}='{long}'>x")), ["x"], "{name}");
    }
    let many: String = (0..100_000).map(|n| format!(" a{n}=1")).collect();
    assert_eq!(html(format!("<p{many}>x")), ["x"]);
}

#[test]
fn long_names_and_attributes_are_cut_where_elements_keep_them() {
    let long = "é".repeat(MOST_CLASS_BYTES);
    let page = format!("<x-{long} class='a {long}' id='{long}' role='{long}' itemprop='{long}'><a href='/{long}'>x");
    let labelled = labelled(PageKind::Html, page);
    let document = labelled.segmented.document.as_ref().unwrap();
    let id = document.ids().find(|id| document.id(*id).is_some()).unwrap();
    assert_eq!(document.element(id).name.as_str().len(), MOST_NAME_BYTES);
    let classes: Vec<usize> = document.classes(id).map(str::len).collect();
    assert_eq!(classes, [1, MOST_CLASS_BYTES - 2]);
    for text in [document.id(id), document.role(id), document.itemprop(id)] {
        assert_eq!(text.unwrap().len(), MOST_ID_BYTES);
    }
    // one byte less: a character is kept whole or not at all
    let link = document.ids().find_map(|id| document.href(id)).unwrap();
    assert_eq!(link.len(), MOST_HREF_BYTES - 1);
}

#[test]
fn runs_of_entities_are_their_characters() {
    assert_eq!(html("&amp;".repeat(50_000)), ["&".repeat(50_000)]);
    assert_eq!(html("&#x1F600;".repeat(50_000)), ["\u{1f600}".repeat(50_000)]);
    assert_eq!(html("&".repeat(50_000)), ["&".repeat(50_000)]);
    // a number beyond Unicode, and none: what the HTML standard puts in their place
    assert_eq!(html(format!("<p>&#{};&#0;", "9".repeat(50_000))), ["\u{fffd}\u{fffd}"]);
}

#[test]
fn what_is_never_closed_hides_or_shows_as_in_a_browser() {
    let rest = "<p>y ".repeat(50_000);
    for (open, shown) in [
        ("<!--", false),
        ("<script>", false),
        ("<style>", false),
        ("<textarea>", false),
        ("<title>", false),
        ("<template>", false),
        ("<noscript>", false),
        ("<iframe>", false),
        ("<object>", false),
        ("<svg><desc>", false),
        ("<select>", true),
        ("<plaintext>", true),
        ("<xmp>", true),
        ("<![CDATA[", true),
        ("<?", true),
        ("</", true),
    ] {
        let blocks = html(format!("<p>x{open}{rest}"));
        let text = blocks.concat();
        assert!(text.starts_with('x'), "{open}");
        assert_eq!(text.matches('y').count() > 40_000, shown, "{open}: {}", blocks.len());
    }
}

#[test]
fn nul_bytes_are_no_text_in_html_and_stay_in_plain_text() {
    let words = "Some words. ".repeat(1000);
    assert_eq!(html(format!("<p>{words}x\0\0\0y")), [format!("{words}xy")]);
    assert_eq!(plain(format!("{words}x\0\0\0y")), [format!("{words}x\0\0\0y")]);
}

#[test]
fn one_word_of_any_length_is_one_block() {
    for word in [
        "x".repeat(3_000_000),
        format!("e{}", "\u{301}".repeat(500_000)),
        "👩\u{200d}".repeat(200_000),
    ] {
        assert_eq!(plain(word.clone()), std::slice::from_ref(&word));
        assert_eq!(html(format!("<p>{word}")), [word]);
    }
}

#[test]
fn blocks_of_one_letter_are_all_there() {
    assert_eq!(plain("a\n\n".repeat(30_000)), vec!["a"; 30_000]);
    assert_eq!(
        plain("You may also like this\n\n".repeat(10_000)),
        vec!["You may also like this"; 10_000]
    );
    assert!(plain("\n \u{200b}\r\n\t".repeat(50_000)).is_empty());
}

#[test]
fn more_blocks_than_are_labelled_together_are_labelled_in_parts() {
    let lines = |from: usize, to: usize| (from..to).map(|n| format!("{}\n", n % 10)).collect::<String>();
    let (first, second) = (lines(0, MOST_BLOCKS), lines(MOST_BLOCKS, MOST_BLOCKS + 500));
    let whole = Page::from_text("x", format!("{first}{second}"), Some(PageKind::Text)).unwrap();
    let found = classifier().classify(&whole, Split::Line).unwrap();
    assert_eq!(found.labels.len(), MOST_BLOCKS + 500);
    let part = Page::from_text("x", second, Some(PageKind::Text)).unwrap();
    let wanted = classifier().classify(&part, Split::Line).unwrap();
    assert_eq!(found.labels[MOST_BLOCKS..], wanted.labels);
    assert_eq!(
        found.probabilities.slice(ndarray::s![MOST_BLOCKS.., ..]),
        wanted.probabilities
    );
    let why = classifier().explain(&whole, Split::Line, MOST_BLOCKS + 7).unwrap();
    assert_eq!(why, classifier().explain(&part, Split::Line, 7).unwrap());
    assert!(classifier().explain(&whole, Split::Line, MOST_BLOCKS + 500).is_err());
}

// ---- records

fn score_lines(lines: &str) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, lines).unwrap();
    run_with_model("score", [path.to_str().unwrap(), "--format", "text"])
}

#[test]
fn hostile_records_are_read_or_named_and_the_others_go_on() {
    let good = r#"{"text": "Some words."}"#;
    let deep = "[".repeat(100_000);
    let keys: String = (0..100_000).map(|n| format!("\"k{n}\": 1, ")).collect();
    for (line, problem) in [
        (
            format!(r#"{{"more": {deep}{}, "text": "Some words."}}"#, "]".repeat(100_000)),
            None,
        ),
        (format!(r#"{{"more": {deep}, "text": "x"}}"#), Some("no JSON object")),
        (
            r#"{"text": "half \ud83d of a pair"}"#.to_owned(),
            Some("half of a surrogate pair"),
        ),
        (
            r#"{"text": "x", "id": "\udc00"}"#.to_owned(),
            Some("half of a surrogate pair"),
        ),
        (format!(r#"{{{keys}"text": "Some words."}}"#), None),
        (
            format!(r#"{{{keys}"x": 1}}"#),
            Some("no key \"text\" (there are: k0, k1, "),
        ),
        (format!(r#"{{"text": "{}"}}"#, r"\u0041".repeat(100_000)), None),
        (format!(r#"{{"text": {}}}"#, "9".repeat(100_000)), Some("wanted text")),
        ("{\"text\": \"x\u{1b}\"}".to_owned(), Some("control character")),
    ] {
        let ended = score_lines(&format!("{line}\n{good}\n"));
        let end = &line[line.len().saturating_sub(40)..];
        assert_eq!(ended.code, i32::from(problem.is_some()), "{end}: {}", ended.stderr);
        assert_eq!(
            ended.stdout.matches('\t').count(),
            1 + usize::from(problem.is_none()),
            "{end}"
        );
        assert!(
            ended.stderr.contains(problem.unwrap_or_default()),
            "{end}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.lines().all(|line| line.len() < 5_000),
            "{end}: {}",
            ended.stderr.len()
        );
    }
}

// ---- what a terminal would obey

/// Obeyed by a terminal: an escape, a control character beyond ASCII, and a turn of the reading direction.
const OBEYED: [char; 4] = ['\u{1b}', '\u{9b}', '\u{202e}', '\u{7}'];

/// A name that would say something else in a line of its own, turn the direction, and colour what follows.
const NAME: &str = "a\nunbait: all is well\u{202e}\u{9b}31m\u{1b}]0;x\u{7}";

fn assert_harmless(what: &str, said: &str) {
    assert!(!said.contains(OBEYED), "{what}: {said:?}");
    assert!(
        said.lines().all(|line| line.starts_with("unbait: ")),
        "{what}: {said:?}"
    );
    assert!(
        !said.lines().any(|line| line.starts_with("unbait: all is well")),
        "{what}: {said:?}"
    );
}

/// A folder of hostile names, of pages that are read and of those that are not.
#[cfg(unix)]
fn hostile_names() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: String, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write(
        format!("{NAME}.txt"),
        format!("Some words {}.\n", String::from_iter(OBEYED)).as_bytes(),
    );
    write(format!("{NAME}.html"), b"\x89PNG\r\n\x1a\n\0\0\0\0");
    let name = serde_json::to_string(NAME).unwrap();
    let lines = [
        format!("{{\"id\": {name}, \"text\": 7}}"),
        format!("{{\"id\": {name}, \"lable\": 1, {name}: 2, \"blocks\": [{{\"text\": \"x\", \"label\": {name}}}]}}"),
        format!(
            "{{\"id\": {name}, \"html\": \"<p>a b c\", \"blocks\": [{{\"text\": \"d e f\", \"label\": \"body\"}}]}}"
        ),
        format!("{{\"id\": {name}, \"url\": {name}, \"lang\": \"en\", \"blocks\": [[1, \"body\"]]}}"),
        NAME.to_owned(),
    ];
    write(format!("{NAME}.jsonl"), lines.join("\n").as_bytes());
    write(format!("{NAME}.toml"), format!("{name} = 1\n").as_bytes());
    write(format!("{NAME}.safetensors"), b"no model");
    folder
}

#[test]
#[cfg(unix)]
fn names_of_files_and_records_are_harmless_in_every_verbs_messages() {
    let folder = hostile_names();
    let root = folder.path().to_str().unwrap();
    let path = |ending: &str| format!("{root}/{NAME}.{ending}");
    let (lines, model, config, none) = (path("jsonl"), path("safetensors"), path("toml"), path("none"));
    let out = format!("{root}/{NAME}-out");
    let runs: [&[&str]; 23] = [
        &["score", root],
        &["score", root, "--strict", "--errors", "/dev/null"],
        &["score", &none],
        &["score", root, "--model", &model],
        &["score", root, "--config", &config],
        &["score", root, "--encoding", NAME],
        &["score", root, "--threshold", "x\u{1b}=1"],
        &["score", root, NAME],
        &["clean", root, "--keep", NAME],
        &["clean", root, "-o", &out, "--resume"],
        &["clean", root],
        &["stats", root],
        &["explain", &lines],
        &["explain", &model],
        &["train", &lines, "-o", &out],
        &["train", &lines, "-o", &out, "--labels", "body"],
        &["train", root, "--corrections", &lines, "-o", &out],
        &["eval", &lines],
        &["eval", "--main-text", &lines],
        &["export", &lines, "-o", &out],
        &["import", &lines, "--pages", root, "-o", &out],
        &["restore", root, "--sidecar", root, "-o", &out],
        &["restore", &lines, "--sidecar", &lines, "--list"],
    ];
    for run in runs {
        let ended: Ended = tiny::unbait(run).output().unwrap().into();
        assert_harmless(&format!("{run:?}"), &ended.stderr);
    }
}

#[test]
#[cfg(unix)]
fn a_wrong_argument_that_is_quoted_is_harmless() {
    for arguments in [
        vec!["score", "--\u{1b}[31m"],
        vec!["\u{1b}[31m"],
        vec!["score", "--top\u{202e}", "x"],
    ] {
        let ended: Ended = tiny::unbait(&arguments).output().unwrap().into();
        assert_eq!(ended.code, 2);
        assert!(
            !ended.stderr.contains(OBEYED) && !ended.stderr.is_empty(),
            "{:?}",
            ended.stderr
        );
    }
}

/// What a terminal is sent on standard output by a command; `None` when no terminal can be had.
#[cfg(unix)]
fn on_a_terminal(arguments: &[PathBuf]) -> Option<String> {
    let quoted = |argument: &PathBuf| format!("'{}'", argument.display());
    let program = PathBuf::from(tiny::unbait([""; 0]).get_program());
    let words: Vec<String> = std::iter::once(&program).chain(arguments).map(quoted).collect();
    let output = std::process::Command::new("script")
        .args(["-qec", &format!("{} 2>/dev/null", words.join(" ")), "/dev/null"])
        .stdin(std::process::Stdio::null())
        .env("NO_COLOR", "1")
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
#[cfg(unix)]
fn pages_and_names_are_harmless_on_a_terminal_in_every_verbs_results() {
    let folder = hostile_names();
    let page = folder.path().join(format!("{NAME}.txt"));
    let model = tiny::model_file().to_owned();
    let words = |words: &str| words.split(' ').map(PathBuf::from).collect::<Vec<_>>();
    let runs = [
        "score",
        "score --format jsonl",
        "score --format tsv",
        "score --format text",
        "score --format fasttext",
        "clean",
        "clean --keep body,promo,other,caption",
        "explain",
        "explain --format json",
        "explain --block 0",
        "stats --lines-of body",
        "stats --format json",
    ];
    for run in runs {
        let mut arguments = words(run);
        arguments.extend([PathBuf::from("--model"), model.clone(), page.clone()]);
        let Some(shown) = on_a_terminal(&arguments) else {
            eprintln!("skipped: there is no `script` here");
            return;
        };
        assert!(!shown.contains(OBEYED), "{run}: {shown:?}");
        assert!(
            !shown.lines().any(|line| line.starts_with("unbait: all is well")),
            "{run}: {shown:?}"
        );
        assert!(run.starts_with("clean") || !shown.trim().is_empty(), "{run}");
    }
}
