//! A small model, trained once for each test binary on the labelled pages of this repository.
//!
//! It is trained to be quick, not to be good: a test that is about quality takes the shipped model.
#![allow(dead_code, reason = "not every test binary needs all of it")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use unbait::classifier::Classifier;
use unbait::dataset::Dataset;
use unbait::train::{Silent, TrainOptions, train};
use unbait::view::View;

/// Options that train in seconds.
pub fn options() -> TrainOptions {
    TrainOptions {
        views: vec![View::Html, View::Text],
        folds: 2,
        most_features: 2_000,
        penalty: 3.0,
        page_penalty: 30.0,
        tolerance: 1e-2,
        min_sites: 3,
        allow_early_stop: true,
        ..TrainOptions::default()
    }
}

/// The labelled pages of this repository.
pub fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets")
}

/// Some of the labelled pages: every `step`th.
pub fn some_pages(step: usize) -> Dataset {
    let mut dataset = Dataset::read(&[datasets()]).unwrap();
    let pages = std::mem::take(&mut dataset.pages);
    dataset.pages = pages.into_iter().step_by(step).collect();
    dataset
}

/// The model.
pub fn classifier() -> &'static Classifier {
    static MODEL: OnceLock<Classifier> = OnceLock::new();
    MODEL.get_or_init(|| {
        train(
            &mut some_pages(2),
            &unbait::extraction::Extractions::default(),
            &unbait::main_text::MainTexts::default(),
            &options(),
            &Silent,
        )
        .unwrap()
        .0
    })
}

/// The model's file in a folder of its own, which lives as long as the test binary.
pub fn model_file() -> &'static Path {
    static FILE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = FILE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.safetensors");
        std::fs::write(&path, classifier().to_bytes().unwrap()).unwrap();
        (folder, path)
    });
    path
}

/// The tool with these arguments.
pub fn unbait<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_unbait"));
    command.args(args).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// What the tool wrote and how it ended.
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs a verb with the small model.
pub fn run_with_model<S: AsRef<std::ffi::OsStr>>(verb: &str, args: impl IntoIterator<Item = S>) -> Ended {
    let mut command = unbait([verb, "--model"]);
    command.arg(model_file()).args(args).output().unwrap().into()
}
