//! `unbait train`: labelled pages to a model file, with the figures of its training out of fold.
//!
//! The printed figures are those of models that never saw the pages' sites; the model that is written saw all of them.

use crate::Outcome;
use crate::choice::body_loss;
use crate::figures;
use crate::line_training::{self, LineArgs};
use crate::output::{Results, Unfinished, WholeFile, json, output_path, write_file};
use crate::terminal::in_line;
use crate::training::{DataArgs, FitArgs, MainTextArgs, Steps, complain_from};
use serde::Serialize;
use std::path::{Path, PathBuf};
use unbait::balance::BodyLoss;
use unbait::error::Result;
use unbait::train::{Report, TrainOptions, train};

const EXAMPLE: &str = "\
Example:
  unbait train datasets/ -o my-model.safetensors --report report.json
  unbait train --per line headlines.jsonl -o my-headlines.safetensors";

/// Make a model from labelled pages, or lines.
///
/// Prints the files that were read with their SHA-256, how the fits ended, and figures on held-out sites.
#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Labelled pages: JSON lines, or texts from Label Studio, Prodigy, doccano or fastText; plain, .gz or .zst. Of folders all .jsonl
    /// files are read, and of the .json and .txt files those that hold annotations
    #[arg(value_name = "DATA", required = true)]
    data: Vec<PathBuf>,
    #[command(flatten)]
    reading: DataArgs,
    #[command(flatten)]
    lines: LineArgs,
    /// Number of folds by site, 2 or more
    #[arg(long, value_name = "N", default_value_t = TrainOptions::default().folds)]
    folds: usize,
    #[command(flatten)]
    main_text: MainTextArgs,
    #[command(flatten)]
    fit: FitArgs,
    /// A share of the body words, such as 0.3%, for which the model keeps a threshold that loses no more with 95 % confidence;
    /// besides 0.1%, 0.2%, 0.5%, 1%, 2% and 5%; can be given several times
    #[arg(long, value_name = "SHARE", value_parser = body_loss)]
    max_body_loss: Vec<BodyLoss>,
    /// Make the model alone, without figures on held-out sites and thresholds of --max-body-loss, in a fraction of the time; its labels
    /// are the same
    #[arg(long, conflicts_with_all = ["max_body_loss", "main_text"])]
    no_figures: bool,
    /// Model file to write
    #[arg(short, long, value_name = "MODEL", value_parser = output_path())]
    output: PathBuf,
    /// File for the whole report as JSON
    #[arg(long, value_name = "FILE", value_parser = output_path())]
    report: Option<PathBuf>,
}

#[derive(Serialize)]
struct FullReport<'a> {
    /// Name and SHA-256 of each file that was read.
    files: &'a [(String, String)],
    options: &'a TrainOptions,
    #[serde(flatten)]
    report: &'a Report,
}

impl Args {
    /// Options that only pages have, and whether they are given.
    fn of_pages(&self) -> [(&'static str, bool); 3] {
        [
            ("--main-text", self.main_text.is_given()),
            ("--no-figures", self.no_figures),
            ("--max-body-loss", !self.max_body_loss.is_empty()),
        ]
    }
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<Outcome> {
    crate::use_threads(args.reading.threads)?;
    let mut options = TrainOptions {
        folds: args.folds,
        figures: !args.no_figures,
        ..args.fit.options(args.reading.options()?)
    };
    options.body_losses.extend(&args.max_body_loss);
    for path in std::iter::once(&args.output).chain(&args.report) {
        // a file that cannot be written is better known before hours of training; dropped, it leaves nothing
        WholeFile::create(path, Unfinished::Vanishes).map(drop)?;
    }
    if args.lines.are_lines(&args.reading, &args.fit, &args.of_pages())? {
        let (reading, report) = ((&args.reading, &args.fit), args.report.as_deref());
        return line_training::train(&args.lines, &args.data, reading, args.folds, &args.output, report);
    }
    let mut dataset = args.reading.read(&args.data, &args.fit)?;
    let extractions = args.fit.read_extractions(&dataset)?;
    let main_texts = args.main_text.read()?;
    let named = dataset.errors.len();
    let steps = Steps::default();
    let trained = train(&mut dataset, &extractions, &main_texts, &options, &steps);
    steps.end();
    complain_from(&dataset, named);
    let (classifier, report) = trained?;
    write_file(&args.output, &classifier.to_bytes()?)?;
    if let Some(path) = &args.report {
        write_report(
            path,
            &FullReport {
                files: &dataset.files,
                options: &options,
                report: &report,
            },
        )?;
    }
    let mut results = Results::data();
    for (name, checksum) in dataset.files.iter().chain(&extractions.files) {
        results.write(&format!("{checksum}  {}\n", in_line(name)))?;
    }
    results.write("\n")?;
    results.write(&figures::report(&report))?;
    results.flush()?;
    let failed = [&dataset.errors, &extractions.errors, &main_texts.errors];
    Ok(if failed.iter().all(|errors| errors.is_empty()) {
        Outcome::Done
    } else {
        Outcome::SomeFailed
    })
}

fn write_report(path: &Path, report: &FullReport<'_>) -> Result<()> {
    write_file(path, (json(report)? + "\n").as_bytes())
}
