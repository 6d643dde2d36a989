//! Hostile pages through `score`: seconds, and bytes of memory for each byte of the page, by kind and size.
//!
//! Each page is a process of its own under `/usr/bin/time`, on one thread. `UNBAIT_HOSTILE_MB=1,8,64` sets the sizes in MiB (1 without it),
//! `UNBAIT_HOSTILE_KIND` names the kinds that are wanted by a part of their names. The last kinds are ordinary pages one after the other.

mod kinds;
#[path = "../pages/mod.rs"]
mod pages;

use kinds::KINDS;
use std::path::Path;
use std::process::Command;

/// Size in MiB when nothing else is asked for.
const SIZES: &str = "1";

/// What a page took.
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
    let sizes = std::env::var("UNBAIT_HOSTILE_MB").unwrap_or_else(|_| SIZES.to_owned());
    let wanted = std::env::var("UNBAIT_HOSTILE_KIND").unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let base = measure(folder.path(), "txt", "").kib;
    println!("without a page: {} MiB", base >> 10);
    println!(
        "{:48} {:>5} {:>9} {:>10} {:>12}",
        "kind", "MiB", "seconds", "peak, MiB", "bytes a byte"
    );
    let mut most = (0.0, "");
    for size in sizes
        .split(',')
        .map(|size| size.parse::<usize>().expect("sizes in MiB"))
    {
        let kinds = KINDS
            .iter()
            .map(|kind| (kind.name, kind.ending, (kind.page)(size << 20)));
        let ordinary = [
            ("ordinary HTML", "html", html(size << 20)),
            ("ordinary text", "txt", text(size << 20)),
        ];
        for (name, ending, page) in kinds.chain(ordinary).filter(|(name, ..)| name.contains(&wanted)) {
            let run = measure(folder.path(), ending, &page);
            let share = (run.kib.saturating_sub(base) << 10) as f64 / page.len() as f64;
            println!(
                "{name:48} {size:5} {:9.2} {:10} {share:12.1}",
                run.seconds,
                run.kib >> 10
            );
            if share > most.0 {
                most = (share, name);
            }
        }
    }
    println!(
        "most: {:.1} bytes of memory for each byte of the page ({})",
        most.0, most.1
    );
}

/// Real or invented pages one after the other.
fn html(size: usize) -> String {
    one_after_the_other(&pages::sources(), "", size)
}

/// Their blocks as text, one after the other.
fn text(size: usize) -> String {
    let blocks: Vec<String> = pages::sources()
        .into_iter()
        .flat_map(|source| {
            let page = unbait::page::Page::from_text("x", source, Some(unbait::page::PageKind::Html)).expect("a page");
            unbait::segment::segment(&page, unbait::segment::Split::Auto).blocks
        })
        .map(|block| block.text)
        .collect();
    one_after_the_other(&blocks, "\n\n", size)
}

fn one_after_the_other(pieces: &[String], between: &str, size: usize) -> String {
    let mut page = String::new();
    for piece in pieces.iter().cycle() {
        if page.len() >= size {
            break;
        }
        page.push_str(piece);
        page.push_str(between);
    }
    page
}

fn measure(folder: &Path, ending: &str, page: &str) -> Run {
    let path = folder.join("page").with_extension(ending);
    std::fs::write(&path, page).expect("room for a page");
    let output = Command::new("/usr/bin/time")
        .args([
            "-f",
            "%e %M",
            env!("CARGO_BIN_EXE_unbait"),
            "score",
            "--threads",
            "1",
            "--max-page-size",
            "1G",
        ])
        .arg(&path)
        .arg("-o")
        .arg(folder.join("out.jsonl"))
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
