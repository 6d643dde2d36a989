//! Figures to tables for people: precision, recall and F1 of each label with intervals, and confusion counts.
//!
//! What is undefined is printed `-`.

use crate::terminal::{in_line, text_width};
use std::borrow::Cow;
use unbait::balance::Priority;
use unbait::evaluate::{Calibration, Estimate, Figures, Overlap, OverlapFigures};
use unbait::label::USUAL_ORDER;
use unbait::main_text::{LEAST_GOLD_RECALL, MainTextReport};
use unbait::risk::{LossFigures, LossReport, least_loss};
use unbait::train::{LanguageFigures, Report, ViewReport};
use unbait::view::View;

/// One line with the macro F1 of each language; nothing where all pages are of one.
fn languages(figures: &ViewReport) -> String {
    if figures.languages.len() < 2 {
        return String::new();
    }
    let one = |(language, figures): (&String, &LanguageFigures)| {
        format!("{language} {} of {} pages", estimate(&figures.macro_f1), figures.pages)
    };
    let all: Vec<String> = figures.languages.iter().map(one).collect();
    format!("macro F1 by language: {}\n", all.join("; "))
}

/// Rows of cells to lines: the first column flush left, the others flush right, two spaces between.
pub fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<Cow<'_, str>>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| in_line(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| text_width(cell))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let room = " ".repeat(width.saturating_sub(text_width(cell)));
            if column == 0 {
                format!("{cell}{room}")
            } else {
                format!("{room}{cell}")
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A figure with three decimals and its interval.
pub fn estimate(estimate: &Estimate) -> String {
    match (estimate.value, estimate.low, estimate.high) {
        (Some(value), Some(low), Some(high)) => format!("{value:.3} [{low:.3}, {high:.3}]"),
        (Some(value), _, _) => format!("{value:.3}"),
        (None, _, _) => "-".to_owned(),
    }
}

/// The figures by label, and below them those of all labels.
pub fn by_label(unit: &str, figures: &Figures) -> String {
    let header = [unit, "precision", "recall", "F1", "support"]
        .map(str::to_owned)
        .to_vec();
    let labels = figures.labels.iter().map(|label| {
        let support = format!("{:.0}", label.support);
        vec![
            label.label.clone(),
            estimate(&label.precision),
            estimate(&label.recall),
            estimate(&label.f1),
            support,
        ]
    });
    let overall = [("macro F1", &figures.macro_f1), ("accuracy", &figures.accuracy)].map(|(name, figure)| {
        vec![
            name.to_owned(),
            String::new(),
            String::new(),
            estimate(figure),
            String::new(),
        ]
    });
    table(&std::iter::once(header).chain(labels).chain(overall).collect::<Vec<_>>())
}

/// How far probabilities are from what they say.
pub fn calibration(calibration: &Calibration) -> String {
    format!(
        "expected calibration error: {}\n",
        calibration
            .error
            .map_or_else(|| "-".to_owned(), |error| format!("{error:.4}"))
    )
}

/// Counts of gold labels (rows) that were given each label (columns).
pub fn confusion(figures: &Figures) -> String {
    let names = figures.labels.iter().map(|label| label.label.clone());
    let header = std::iter::once("gold / predicted".to_owned())
        .chain(names.clone())
        .collect();
    let rows = names.zip(&figures.confusion).map(|(name, counts)| {
        std::iter::once(name)
            .chain(counts.iter().map(|count| format!("{count:.0}")))
            .collect()
    });
    table(&std::iter::once(header).chain(rows).collect::<Vec<Vec<String>>>())
}

/// Everything that a training or a cross-validation found out.
pub fn report(report: &Report) -> String {
    let mut text = format!(
        "{} pages of {} sites; intervals are 95 %, over pages\n",
        report.pages, report.sites
    );
    let blocks: Vec<String> = report
        .blocks
        .iter()
        .map(|(label, count)| format!("{label} {count}"))
        .collect();
    text.push_str(&format!("labelled blocks: {}\n", blocks.join(", ")));
    text.push_str(&format!(
        "words of the blocks that do not stand in the pages: {} of {}; blocks of the pages without a label: {}\n",
        report.unmatched_words, report.gold_words, report.unlabelled_blocks
    ));
    if !report.fits.is_empty() {
        text.push('\n');
        text.push_str(&fits(report));
    }
    for (view, figures) in &report.views {
        text.push_str(&format!(
            "\n{view} view, {} pages, out of {} folds by site\n",
            figures.blocks.pages, report.folds
        ));
        text.push_str(&by_label("by blocks", &figures.blocks));
        text.push_str(&format!(
            "macro F1 of the n-gram model alone: {}\n",
            estimate(&figures.ngram.macro_f1)
        ));
        text.push_str(&calibration(&figures.calibration));
        text.push('\n');
        text.push_str(&by_label("by words", &figures.words));
        text.push('\n');
        text.push_str(&confusion(&figures.blocks));
        text.push_str(&priorities(figures));
        text.push_str(&languages(figures));
    }
    text.push_str(&body_losses(&report.body_losses));
    text.push_str(&missing_losses(report));
    if !report.after_extractors.is_empty() {
        text.push('\n');
        text.push_str(&after_extractors(report));
    }
    if let Some(report) = &report.main_text {
        text.push('\n');
        text.push_str(&main_text(report));
    }
    text
}

/// What bounds on lost `body` words do, a row for each loss and view, with an empty line before.
pub fn body_losses(reports: &[LossReport]) -> String {
    let header = [
        "words by --max-body-loss",
        "view",
        &format!("{} from", USUAL_ORDER[0]),
        &format!("{} lost", USUAL_ORDER[0]),
        "at most (95 %)",
        &format!("{} kept", USUAL_ORDER[2]),
        "",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for report in reports {
        let mut loss = report.loss.to_string();
        for (kind, threshold) in &report.thresholds {
            let views = View::ALL.iter().filter(|view| view.kind().as_str() == kind);
            let mut views: Vec<&str> = views.map(|view| view.as_str()).collect();
            views.retain(|view| report.views.contains_key(*view));
            if views.is_empty() {
                // all sites are enough and a part of them is not: a threshold without figures
                views.push(kind);
            }
            for view in views {
                let start = [std::mem::take(&mut loss), view.to_owned(), format!("{threshold:.6}")];
                rows.push(start.into_iter().chain(loss_cells(report.views.get(view))).collect());
            }
        }
    }
    if rows.len() == 1 {
        return String::new();
    }
    format!("\n{}", table(&rows))
}

fn loss_cells(figures: Option<&LossFigures>) -> [String; 4] {
    let Some(figures) = figures else {
        return ["-"; 4].map(str::to_owned);
    };
    let percent = |share: f64| format!("{:.3} %", share * 100.0);
    let promo = figures.kept.get(USUAL_ORDER[2]).copied().flatten();
    [
        percent(figures.lost),
        percent(figures.upper),
        promo.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0)),
        if figures.held { "held" } else { "not held" }.to_owned(),
    ]
}

/// A sentence for each kind of page that has too few sites for some of the losses, with an empty line before.
fn missing_losses(report: &Report) -> String {
    let mut text = String::new();
    for (kind, sites) in &report.body_sites {
        let missing = report
            .body_losses
            .iter()
            .filter(|loss| !loss.thresholds.contains_key(kind));
        let missing: Vec<String> = missing.map(|report| report.loss.to_string()).collect();
        if !missing.is_empty() {
            if text.is_empty() {
                text.push('\n');
            }
            text.push_str(&format!(
                "no threshold of {kind} pages for a {} loss of {}: {sites} sites can show no less than {:.2} %; label pages of more sites\n",
                USUAL_ORDER[0],
                missing.join(", "),
                least_loss(*sites) * 100.0
            ));
        }
    }
    text
}

/// Which words stay with each priority when only the article is kept.
fn priorities(figures: &ViewReport) -> String {
    let percent = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{:.2} %", share * 100.0));
    let mut rows = Vec::new();
    for priority in Priority::ALL.map(Priority::as_str) {
        let Some(words) = figures.priorities.get(priority) else {
            continue;
        };
        if rows.is_empty() {
            let names = words.kept.keys().map(|label| format!("{label} kept"));
            let header = ["words by --priority".to_owned(), format!("{} lost", USUAL_ORDER[0])];
            rows.push(header.into_iter().chain(names).collect());
        }
        let kept = words.kept.values().copied().map(percent);
        rows.push(
            [priority.to_owned(), percent(words.lost)]
                .into_iter()
                .chain(kept)
                .collect(),
        );
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("\n{}", table(&rows))
}

/// What is gained after each extractor by keeping only the article, by priority.
fn after_extractors(report: &Report) -> String {
    let header = ["after an extractor", "pages", "kept", "precision", "recall", "F1"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![header];
    for (name, figures) in &report.after_extractors {
        let row = |name: &str, pages: String, kept: &str, overlap: &Overlap| {
            let number = |value: f64| format!("{value:.4}");
            vec![
                name.to_owned(),
                pages,
                kept.to_owned(),
                number(overlap.precision),
                number(overlap.recall),
                number(overlap.f1),
            ]
        };
        rows.push(row(name, figures.pages.to_string(), "all", &figures.before));
        for priority in Priority::ALL.map(Priority::as_str) {
            if let Some(after) = figures.after.get(priority) {
                rows.push(row("", String::new(), priority, after));
            }
        }
    }
    table(&rows)
}

/// What is kept of pages with main text, of all and by kind of page.
pub fn main_text(report: &MainTextReport) -> String {
    let mut text = format!(
        "words kept against main text, {} pages; means over pages, intervals are 95 %, over pages\n",
        report.all.pages
    );
    if report.need_scripts > 0 {
        text.push_str(&format!(
            "pages left out that need JavaScript (gold_recall under {LEAST_GOLD_RECALL}): {}\n",
            report.need_scripts
        ));
    }
    if report.without_words > 0 {
        text.push_str(&format!(
            "pages left out without a word of main text: {}\n",
            report.without_words
        ));
    }
    let header = ["page type", "pages", "kept", "precision", "recall", "F1"]
        .map(str::to_owned)
        .to_vec();
    let mut rows = vec![header];
    let by_type = report.page_types.iter().map(|(name, figures)| (name.as_str(), figures));
    for (name, figures) in std::iter::once(("all", &report.all)).chain(by_type) {
        let row = |name: &str, pages: String, kept: &str, of: &OverlapFigures| {
            let [precision, recall, f1] = [&of.precision, &of.recall, &of.f1].map(estimate);
            vec![name.to_owned(), pages, kept.to_owned(), precision, recall, f1]
        };
        rows.push(row(name, figures.pages.to_string(), "everything", &figures.everything));
        for priority in Priority::ALL.map(Priority::as_str) {
            if let Some(kept) = figures.kept.get(priority) {
                rows.push(row("", String::new(), priority, kept));
            }
        }
    }
    text + &table(&rows)
}

fn fits(report: &Report) -> String {
    let header = ["fit", "rows", "columns", "iterations", "gradient norm", ""]
        .map(str::to_owned)
        .to_vec();
    let rows = report.fits.iter().map(|fit| {
        vec![
            format!("{} model, {} pages", fit.model, fit.kind),
            fit.rows.to_string(),
            fit.columns.to_string(),
            fit.iterations.map_or_else(|| "-".to_owned(), |count| count.to_string()),
            format!("{:.2e}", fit.gradient_norm),
            if fit.stopped_early {
                "stopped early".to_owned()
            } else {
                String::new()
            },
        ]
    });
    table(&std::iter::once(header).chain(rows).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_undefined_is_a_dash() {
        assert_eq!(
            estimate(&Estimate {
                value: None,
                low: None,
                high: None
            }),
            "-"
        );
        assert_eq!(
            estimate(&Estimate {
                value: Some(0.5),
                low: Some(0.25),
                high: Some(1.0)
            }),
            "0.500 [0.250, 1.000]"
        );
    }

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["a".to_owned(), "10".to_owned()],
            vec!["long".to_owned(), "5".to_owned()],
        ];
        assert_eq!(table(&rows), "a     10\nlong   5\n");
        let wide = [
            vec!["港".to_owned(), "1".to_owned()],
            vec!["abc".to_owned(), "2".to_owned()],
        ];
        assert_eq!(table(&wide), "港   1\nabc  2\n");
    }
}
