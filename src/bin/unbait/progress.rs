//! How far a run is, on a terminal: bytes, records, rate and time left; else nothing.
//!
//! Nothing is shown when results go to the terminal too, where the line would stand between them.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often the line is drawn again (chosen).
const REDRAWN: Duration = Duration::from_millis(200);

/// The line that says how far a run is.
pub struct Progress(Option<Line>);

struct Line {
    /// Counts bytes.
    bar: ProgressBar,
    bytes_read: Arc<AtomicU64>,
    records: AtomicU64,
}

impl Progress {
    /// Begins the line, unless results come on standard output between (`has_results_between`) and that is a terminal too; `total` finds
    /// out how many bytes there are to read, when somebody will see it.
    pub fn new(total: impl FnOnce() -> Option<u64>, bytes_read: &Arc<AtomicU64>, has_results_between: bool) -> Self {
        if !std::io::stderr().is_terminal() || (has_results_between && std::io::stdout().is_terminal()) {
            return Self(None);
        }
        let bar = match total() {
            Some(total) => styled(
                ProgressBar::new(total),
                "[{bar:30}] {binary_bytes} of {binary_total_bytes}, {msg}, {binary_bytes_per_sec}, {eta} left",
            ),
            None => styled(
                ProgressBar::no_length(),
                "{spinner} {binary_bytes}, {msg}, {binary_bytes_per_sec}, {elapsed}",
            ),
        };
        bar.enable_steady_tick(REDRAWN);
        Self(Some(Line {
            bar,
            bytes_read: Arc::clone(bytes_read),
            records: AtomicU64::new(0),
        }))
    }

    /// One more record is done.
    pub fn advance(&self) {
        let Some(line) = &self.0 else { return };
        let records = line.records.fetch_add(1, Ordering::Relaxed) + 1;
        let seconds = line.bar.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { records as f64 / seconds } else { 0.0 };
        line.bar.set_message(format!("{records} records, {rate:.0}/s"));
        line.bar.set_position(line.bytes_read.load(Ordering::Relaxed));
    }

    /// Does something that writes on the terminal.
    pub fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(line) => line.bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the line away.
    pub fn end(self) {
        if let Some(line) = self.0 {
            line.bar.finish_and_clear();
        }
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
