//! Arguments to a balance: which labels may be given, from which probability on, and which mistake is the worse one.
//!
//! Names of labels are checked against the model, so they can be wrong only once it is read.

use clap::ValueEnum;
use unbait::balance::{Balance, Priority};
use unbait::error::Result;
use unbait::label::LabelSet;

/// How labels are chosen by their probabilities.
#[derive(clap::Args)]
pub struct ChoiceArgs {
    /// Labels to choose from, separated by commas; probabilities are among these. Without it: all labels of the model
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    labels: Vec<String>,
    /// Give a label exactly when its probability reaches this, such as promo=0.8; can be given once for each label
    #[arg(long, value_name = "LABEL=P", value_parser = named_number)]
    threshold: Vec<(String, f64)>,
    /// Lose as little body as possible (recall), keep as little else as possible (precision), or neither
    #[arg(long, value_enum, default_value_t = PriorityName::Balanced)]
    priority: PriorityName,
}

#[derive(Clone, Copy, ValueEnum)]
enum PriorityName {
    Recall,
    Balanced,
    Precision,
}

impl ChoiceArgs {
    /// The balance for a model's labels.
    pub fn balance(&self, labels: &LabelSet) -> Result<Balance> {
        let priority = match self.priority {
            PriorityName::Recall => Priority::Recall,
            PriorityName::Balanced => Priority::Balanced,
            PriorityName::Precision => Priority::Precision,
        };
        Balance::new(labels, &self.labels, &self.threshold, priority)
    }
}

/// Parses `NAME=NUMBER`.
pub fn named_number(text: &str) -> Result<(String, f64), String> {
    let (name, number) = text
        .split_once('=')
        .ok_or_else(|| "wanted NAME=NUMBER, such as promo=0.8".to_owned())?;
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    Ok((name.to_owned(), number))
}
