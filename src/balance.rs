//! Probabilities to labels: which labels may be given, from which probability on, and which mistake is the worse one.
//!
//! Only the choice moves: a priority never changes the probabilities, and a threshold is compared with them as they are printed.

use crate::error::{Error, Result};
use crate::label::{Label, LabelSet, USUAL_ORDER};
use ndarray::{Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Factor on the odds of the kept label when none of its blocks should be lost. Out of fold on the hand-labelled pages it loses
/// 0.05 to 0.13 % of the body words, depending on the view (`models/README.md`, "The balance").
pub const RECALL_ODDS: f64 = 100.0;

/// Factor on the odds of the kept label when nothing else should be kept. Out of fold on the hand-labelled pages it keeps 5 to
/// 10 % of the promo words, depending on the view (`models/README.md`, "The balance").
pub const PRECISION_ODDS: f64 = 0.05;

/// Which mistake is the worse one: to lose a block of the kept label, or to keep another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// Losing is worse: the kept label is given more often.
    Recall,
    /// Both are equally bad: the most likely label.
    #[default]
    Balanced,
    /// Keeping is worse: the kept label is given less often.
    Precision,
}

impl Priority {
    /// All priorities, from the one that keeps most.
    pub const ALL: [Self; 3] = [Self::Recall, Self::Balanced, Self::Precision];

    /// `recall`, `balanced` or `precision`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Recall => "recall",
            Self::Balanced => "balanced",
            Self::Precision => "precision",
        }
    }

    /// The factor on the odds of the kept label.
    fn odds(self) -> f64 {
        match self {
            Self::Recall => RECALL_ODDS,
            Self::Balanced => 1.0,
            Self::Precision => PRECISION_ODDS,
        }
    }
}

/// The option that names a [`BodyLoss`], as it stands in messages.
const MAX_BODY_LOSS: &str = "--max-body-loss";

/// The largest share of the words of `body` blocks that may be lost, above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct BodyLoss(f64);

impl BodyLoss {
    /// A share above 0 and below 1.
    ///
    /// # Errors
    /// [`Error::Option`] for any other number.
    pub fn new(share: f64) -> Result<Self> {
        if share > 0.0 && share < 1.0 {
            return Ok(Self(share));
        }
        Err(Error::Option {
            option: MAX_BODY_LOSS,
            problem: format!("{share}; wanted a share above 0 and below 100 %, such as 0.5% or 0.005"),
        })
    }

    /// The share, above 0 and below 1.
    pub fn share(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for BodyLoss {
    type Error = Error;

    fn try_from(share: f64) -> Result<Self> {
        Self::new(share)
    }
}

impl From<BodyLoss> for f64 {
    fn from(loss: BodyLoss) -> Self {
        loss.0
    }
}

impl FromStr for BodyLoss {
    type Err = Error;

    /// Reads `0.5%` and `0.005` as the same number.
    fn from_str(text: &str) -> Result<Self> {
        // moving the point in the text, not dividing: both spellings give the same bits
        let share = match text.trim().strip_suffix('%') {
            Some(percent) => format!("{}e-2", percent.trim_end()).parse(),
            None => text.trim().parse(),
        };
        let share: f64 = share.map_err(|_| Error::Option {
            option: MAX_BODY_LOSS,
            problem: format!("{text:?} is no number; wanted a share such as 0.5% or 0.005"),
        })?;
        Self::new(share).map_err(|_| Error::Option {
            option: MAX_BODY_LOSS,
            problem: format!("{text}; wanted a share above 0 and below 100 %, such as 0.5% or 0.005"),
        })
    }
}

impl fmt::Display for BodyLoss {
    /// In percent, to ten decimals: `0.5 %`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} %", (self.0 * 1e12).round() / 1e10)
    }
}

/// A loss with the threshold that keeps to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossThreshold {
    /// The largest share of body words that is lost.
    pub loss: BodyLoss,
    /// The probability of `body` from which on a block is kept, above 0 and up to 1.
    pub threshold: f64,
}

/// The thresholds of `body` by the loss that they keep to, for one kind of page: losses strictly rising, thresholds not falling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<LossThreshold>", into = "Vec<LossThreshold>")]
pub struct LossTable(Vec<LossThreshold>);

impl LossTable {
    /// A table of these rows.
    ///
    /// # Errors
    /// [`Error::Model`] when losses do not rise, thresholds fall, or one is not above 0 and up to 1.
    pub fn new(rows: Vec<LossThreshold>) -> Result<Self> {
        let rise = |pair: &[LossThreshold]| pair[0].loss < pair[1].loss && pair[0].threshold <= pair[1].threshold;
        let is_probability = |row: &LossThreshold| row.threshold > 0.0 && row.threshold <= 1.0;
        if rows.windows(2).all(rise) && rows.iter().all(is_probability) {
            return Ok(Self(rows));
        }
        let rows: Vec<(f64, f64)> = rows.iter().map(|row| (row.loss.share(), row.threshold)).collect();
        Err(Error::Model {
            name: "thresholds by loss".to_owned(),
            problem: format!("{rows:?}; wanted rising losses, with thresholds above 0 and up to 1 that do not fall"),
        })
    }

    /// The rows, smallest loss first.
    pub fn rows(&self) -> &[LossThreshold] {
        &self.0
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The row with the largest loss that is not above this one.
    ///
    /// # Errors
    /// [`Error::Option`] when there is none; `pages` says in the message which pages the table is for, such as `html`.
    pub fn at_most(&self, loss: BodyLoss, pages: &str) -> Result<LossThreshold> {
        if let Some(row) = self.0.iter().rev().find(|row| row.loss <= loss) {
            return Ok(*row);
        }
        let stored: Vec<String> = self.0.iter().map(|row| row.loss.to_string()).collect();
        let problem = if stored.is_empty() {
            format!(
                "the model has no thresholds for a loss of body words on {pages} pages; \
                 train one with `unbait train --max-body-loss`, without --no-figures, on pages of more sites, or give --priority recall"
            )
        } else {
            format!(
                "{loss} is less than the losses that the model has thresholds for on {pages} pages ({}); give one of these, \
                 train a model with `unbait train --max-body-loss` on pages of more sites, or give --priority recall",
                stored.join(", ")
            )
        };
        Err(Error::Option {
            option: MAX_BODY_LOSS,
            problem,
        })
    }
}

impl TryFrom<Vec<LossThreshold>> for LossTable {
    type Error = Error;

    fn try_from(rows: Vec<LossThreshold>) -> Result<Self> {
        Self::new(rows)
    }
}

impl From<LossTable> for Vec<LossThreshold> {
    fn from(table: LossTable) -> Self {
        table.0
    }
}

/// How labels are chosen by their probabilities.
///
/// With a bound on lost words ([`Balance::losing_at_most`]) `body` is given exactly when its probability reaches the bound's
/// threshold, before all else; what follows is about the other labels then.
///
/// A label with a threshold is given exactly when its probability reaches it; of several that do, the one that exceeds its
/// threshold by the largest factor. Otherwise it is the most likely label without a threshold, after the priority's factor on
/// the odds of the kept label (`body`). If every label has a threshold and none is reached, it is the most likely of all.
/// Of equals it is the first in the labels' order.
#[derive(Clone, Debug, PartialEq)]
pub struct Balance {
    /// The labels that may be given, in their order; `None` for all.
    choice: Option<Vec<Label>>,
    /// The threshold of each label, above 0 and up to 1.
    thresholds: Vec<Option<f64>>,
    /// The factor on the odds of each label.
    odds: Vec<f64>,
    /// The label that is given exactly when its probability reaches this, whatever the others' are.
    first: Option<(Label, f64)>,
}

impl Balance {
    /// The most likely of all labels of a set.
    pub fn most_likely(labels: &LabelSet) -> Self {
        Self {
            choice: None,
            thresholds: vec![None; labels.len()],
            odds: vec![1.0; labels.len()],
            first: None,
        }
    }

    /// A balance for the labels of a model: the names that may be given (none: all), thresholds by name, and a priority.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`] for a name that the model lacks; [`Error::Option`] for a threshold that is not above 0 and up to 1,
    /// for one of a label that may not be given, and for a priority when the kept label `body` may not be given.
    pub fn new(labels: &LabelSet, choice: &[String], thresholds: &[(String, f64)], priority: Priority) -> Result<Self> {
        let mut balance = Self::most_likely(labels);
        if !choice.is_empty() {
            let mut chosen: Vec<Label> = choice.iter().map(|name| labels.parse(name)).collect::<Result<_>>()?;
            chosen.sort_unstable();
            chosen.dedup();
            balance.choice = Some(chosen);
        }
        for (name, threshold) in thresholds {
            let label = labels.parse(name)?;
            let wrong = |problem: String| Error::Option {
                option: "--threshold",
                problem,
            };
            if !(*threshold > 0.0 && *threshold <= 1.0) {
                return Err(wrong(format!(
                    "{name}={threshold}; wanted a probability above 0 and up to 1"
                )));
            }
            if !balance.may_give(label) {
                return Err(wrong(format!(
                    "{name} is not among the labels to choose from; add it to --labels"
                )));
            }
            balance.thresholds[label.index()] = Some(*threshold);
        }
        if priority != Priority::Balanced {
            let kept = labels
                .find(USUAL_ORDER[0])
                .filter(|kept| balance.may_give(*kept))
                .ok_or_else(|| Error::Option {
                    option: "--priority",
                    problem: format!(
                        "there is no label {:?} to choose, whose recall or precision it is about",
                        USUAL_ORDER[0]
                    ),
                })?;
            balance.odds[kept.index()] = priority.odds();
        }
        Ok(balance)
    }

    /// A balance in which `body` is given exactly when its probability reaches `threshold`, above 0 and up to 1; the names that may
    /// be given and thresholds of the other labels as for [`Balance::new`].
    ///
    /// Among fewer labels `body` is only more likely, so that a limited choice loses no more than all labels do.
    ///
    /// # Errors
    /// As [`Balance::new`]; [`Error::Option`] when `body` may not be given or has another threshold.
    pub fn losing_at_most(
        labels: &LabelSet,
        choice: &[String],
        thresholds: &[(String, f64)],
        threshold: f64,
    ) -> Result<Self> {
        assert!(threshold > 0.0 && threshold <= 1.0, "a probability above 0");
        let wrong = |problem: String| Error::Option {
            option: MAX_BODY_LOSS,
            problem,
        };
        let mut balance = Self::new(labels, choice, thresholds, Priority::Balanced)?;
        let body = labels
            .find(USUAL_ORDER[0])
            .filter(|body| balance.may_give(*body))
            .ok_or_else(|| {
                wrong(format!(
                    "there is no label {:?} to choose, whose words may be lost",
                    USUAL_ORDER[0]
                ))
            })?;
        if let Some(other) = balance.thresholds[body.index()] {
            return Err(wrong(format!(
                "it sets the threshold of {name:?}, and so does --threshold {name}={other}; give one of the two",
                name = USUAL_ORDER[0]
            )));
        }
        balance.first = Some((body, threshold));
        Ok(balance)
    }

    /// Whether a label may be given.
    pub fn may_give(&self, label: Label) -> bool {
        self.choice.as_ref().is_none_or(|choice| choice.contains(&label))
    }

    /// The probabilities among the labels that may be given, shape (blocks, labels): 0 for the others, each row summing to 1.
    /// A row in which all labels that may be given have probability 0 becomes uniform over them.
    pub fn probabilities(&self, probabilities: ArrayView2<'_, f64>) -> Array2<f64> {
        let mut limited = probabilities.to_owned();
        let Some(choice) = &self.choice else { return limited };
        for mut row in limited.rows_mut() {
            let sum: f64 = choice.iter().map(|label| row[label.index()]).sum();
            let share = |label: &Label| {
                if sum > 0.0 {
                    row[label.index()] / sum
                } else {
                    1.0 / choice.len() as f64
                }
            };
            let shares: Vec<f64> = choice.iter().map(share).collect();
            row.fill(0.0);
            for (label, share) in choice.iter().zip(shares) {
                row[label.index()] = share;
            }
        }
        limited
    }

    /// The label of each block, from probabilities of shape (blocks, labels) that [`Balance::probabilities`] gave.
    pub fn labels(&self, probabilities: ArrayView2<'_, f64>) -> Vec<Label> {
        probabilities.rows().into_iter().map(|row| self.label(row)).collect()
    }

    fn label(&self, row: ArrayView1<'_, f64>) -> Label {
        assert_eq!(row.len(), self.thresholds.len(), "a probability for each label");
        if let Some((first, _)) = self.first.filter(|(first, from)| row[first.index()] >= *from) {
            return first;
        }
        let missed = self.first.map(|(first, _)| first);
        let is_allowed = |label: &Label| self.may_give(*label) && missed != Some(*label);
        let allowed = || (0..row.len() as u8).map(Label).filter(is_allowed);
        let over = |label: Label| self.thresholds[label.index()].map(|threshold| row[label.index()] / threshold);
        let reached = allowed().filter_map(|label| over(label).filter(|over| *over >= 1.0).map(|over| (label, over)));
        let weighed = |label: Label| (label, row[label.index()] * self.odds[label.index()]);
        let free = allowed()
            .filter(|label| self.thresholds[label.index()].is_none())
            .map(weighed);
        first_largest(reached)
            .or_else(|| first_largest(free))
            .or_else(|| first_largest(allowed().map(weighed)))
            .or(missed)
            .unwrap_or(Label(0))
    }
}

/// The label with the largest value; of equals the first.
fn first_largest(values: impl Iterator<Item = (Label, f64)>) -> Option<Label> {
    values
        .reduce(|best, next| if next.1 > best.1 { next } else { best })
        .map(|(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    fn names() -> LabelSet {
        LabelSet::new(["body", "caption", "promo", "other"]).unwrap()
    }

    fn balance(choice: &[&str], thresholds: &[(&str, f64)], priority: Priority) -> Result<Balance> {
        let choice: Vec<String> = choice.iter().map(|name| (*name).to_owned()).collect();
        let thresholds: Vec<(String, f64)> = thresholds
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        Balance::new(&names(), &choice, &thresholds, priority)
    }

    fn label(balance: &Balance, row: [f64; 4]) -> String {
        let probabilities = balance.probabilities(arr2(&[row]).view());
        names().name(balance.labels(probabilities.view())[0]).to_owned()
    }

    #[test]
    fn without_anything_the_most_likely_label_is_given_and_of_equals_the_first() {
        let balance = balance(&[], &[], Priority::Balanced).unwrap();
        assert_eq!(balance, Balance::most_likely(&names()));
        assert_eq!(label(&balance, [0.1, 0.2, 0.4, 0.3]), "promo");
        assert_eq!(label(&balance, [0.1, 0.4, 0.4, 0.1]), "caption");
    }

    #[test]
    fn a_limited_choice_renormalises() {
        let balance = balance(&["promo", "body"], &[], Priority::Balanced).unwrap();
        let found = balance.probabilities(arr2(&[[0.1, 0.5, 0.3, 0.1]]).view());
        assert!((found[[0, 0]] - 0.25).abs() < 1e-12 && (found[[0, 2]] - 0.75).abs() < 1e-12);
        assert_eq!((found[[0, 1]], found[[0, 3]]), (0.0, 0.0));
        assert_eq!(label(&balance, [0.1, 0.5, 0.3, 0.1]), "promo");
    }

    #[test]
    fn a_row_without_any_chance_becomes_uniform_over_the_choice() {
        let balance = balance(&["caption", "other"], &[], Priority::Balanced).unwrap();
        let found = balance.probabilities(arr2(&[[1.0, 0.0, 0.0, 0.0]]).view());
        assert_eq!(found, arr2(&[[0.0, 0.5, 0.0, 0.5]]));
    }

    #[test]
    fn a_threshold_is_reached_at_its_very_value_and_not_below() {
        let balance = balance(&[], &[("promo", 0.8)], Priority::Balanced).unwrap();
        assert_eq!(label(&balance, [0.1, 0.1, 0.8, 0.0]), "promo");
        assert_eq!(label(&balance, [0.1, 0.11, 0.79, 0.0]), "caption");
    }

    #[test]
    fn a_low_threshold_gives_a_label_that_is_not_the_most_likely() {
        let balance = balance(&[], &[("promo", 0.2)], Priority::Balanced).unwrap();
        assert_eq!(label(&balance, [0.7, 0.0, 0.25, 0.05]), "promo");
    }

    #[test]
    fn of_several_reached_thresholds_the_one_exceeded_most_counts() {
        let balance = balance(&[], &[("body", 0.5), ("promo", 0.1)], Priority::Balanced).unwrap();
        assert_eq!(label(&balance, [0.6, 0.0, 0.3, 0.1]), "promo");
        assert_eq!(label(&balance, [0.9, 0.0, 0.1, 0.0]), "body");
    }

    #[test]
    fn without_a_label_that_has_no_threshold_the_most_likely_counts() {
        let balance = balance(&["body", "promo"], &[("body", 0.9), ("promo", 0.9)], Priority::Balanced).unwrap();
        assert_eq!(label(&balance, [0.4, 0.0, 0.6, 0.0]), "promo");
    }

    #[test]
    fn recall_gives_body_more_often_and_precision_less_often() {
        let given = |priority, body: f64| label(&balance(&[], &[], priority).unwrap(), [body, 0.0, 1.0 - body, 0.0]);
        let edge = |odds: f64| 1.0 / (1.0 + odds);
        for (priority, odds) in [
            (Priority::Recall, RECALL_ODDS),
            (Priority::Balanced, 1.0),
            (Priority::Precision, PRECISION_ODDS),
        ] {
            assert_eq!(given(priority, edge(odds) + 1e-6), "body");
            assert_eq!(given(priority, edge(odds) - 1e-6), "promo");
        }
    }

    #[test]
    fn a_priority_does_not_change_probabilities_nor_what_reaches_a_threshold() {
        let balance = balance(&[], &[("promo", 0.6)], Priority::Recall).unwrap();
        let row = [0.35, 0.0, 0.65, 0.0];
        assert_eq!(balance.probabilities(arr2(&[row]).view()), arr2(&[row]));
        assert_eq!(label(&balance, row), "promo");
        assert_eq!(label(&balance, [0.2, 0.0, 0.5, 0.3]), "body");
    }

    #[test]
    fn a_priority_without_body_is_an_error() {
        let labels = LabelSet::new(["keep", "drop"]).unwrap();
        assert!(Balance::new(&labels, &[], &[], Priority::Recall).is_err());
        assert!(Balance::new(&labels, &[], &[], Priority::Balanced).is_ok());
        assert!(balance(&["promo", "other"], &[], Priority::Precision).is_err());
    }

    fn loss(text: &str) -> BodyLoss {
        text.parse().unwrap()
    }

    #[test]
    fn a_loss_in_percent_and_as_a_share_is_the_same_number() {
        for (percent, share) in [
            ("0.5%", "0.005"),
            ("0.3 %", "0.003"),
            (" 7%", "0.07"),
            ("99.9%", ".999"),
        ] {
            assert_eq!(loss(percent), loss(share), "{percent}");
        }
        assert_eq!(loss("0.3%").to_string(), "0.3 %");
        assert_eq!(loss("0.05").to_string(), "5 %");
    }

    #[test]
    fn a_loss_that_is_no_share_is_refused_with_what_was_given() {
        for text in [
            "0", "0%", "-1%", "-0.1", "100%", "1", "5", "nan", "inf", "", "%", "half", "1%%", "1e-1%",
        ] {
            let message = text.parse::<BodyLoss>().unwrap_err().to_string();
            let given = message.contains(text) && message.contains("0.5% or 0.005");
            assert!(given && message.starts_with("--max-body-loss: "), "{text}: {message}");
        }
        assert!(BodyLoss::new(f64::NAN).is_err() && BodyLoss::new(1.0).is_err());
    }

    fn rows(rows: &[(f64, f64)]) -> Result<LossTable> {
        let row = |(loss, threshold): &(f64, f64)| LossThreshold {
            loss: BodyLoss::new(*loss).unwrap(),
            threshold: *threshold,
        };
        LossTable::new(rows.iter().map(row).collect())
    }

    #[test]
    fn a_loss_between_two_takes_the_smaller_one_and_one_below_all_is_an_error() {
        let table = rows(&[(0.005, 0.1), (0.02, 0.3)]).unwrap();
        let found = |share: &str| table.at_most(loss(share), "html").map(|row| row.threshold);
        assert_eq!(found("0.5%").unwrap(), 0.1);
        assert_eq!(found("1.9%").unwrap(), 0.1);
        assert_eq!(found("50%").unwrap(), 0.3);
        let message = found("0.4%").unwrap_err().to_string();
        for part in ["0.4 %", "html pages", "0.5 %, 2 %", "--priority recall", "unbait train"] {
            assert!(message.contains(part), "{message}");
        }
        let message = LossTable::default()
            .at_most(loss("5%"), "text")
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("no thresholds") && message.contains("text pages"),
            "{message}"
        );
    }

    #[test]
    fn a_table_out_of_order_or_range_is_refused() {
        assert!(rows(&[(0.01, 0.1), (0.02, 0.1)]).is_ok());
        assert!(rows(&[(0.01, 0.1), (0.01, 0.2)]).is_err());
        assert!(rows(&[(0.01, 0.2), (0.02, 0.1)]).is_err());
        for threshold in [0.0, 1.1, f64::NAN] {
            assert!(rows(&[(0.01, threshold)]).is_err());
        }
        let read = |text: &str| serde_json::from_str::<LossTable>(text);
        assert!(read(r#"[{"loss":0.005,"threshold":0.9}]"#).is_ok());
        assert!(read(r#"[{"loss":0.005,"threshold":9.5}]"#).is_err());
        assert!(read(r#"[{"loss":1.5,"threshold":0.9}]"#).is_err());
    }

    fn losing(choice: &[&str], thresholds: &[(&str, f64)], threshold: f64) -> Result<Balance> {
        let choice: Vec<String> = choice.iter().map(|name| (*name).to_owned()).collect();
        let thresholds: Vec<(String, f64)> = thresholds
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        Balance::losing_at_most(&names(), &choice, &thresholds, threshold)
    }

    #[test]
    fn under_a_bound_body_is_given_exactly_from_its_threshold_on() {
        let balance = losing(&[], &[], 0.1).unwrap();
        assert_eq!(label(&balance, [0.1, 0.0, 0.9, 0.0]), "body");
        assert_eq!(label(&balance, [0.09, 0.0, 0.91, 0.0]), "promo");
        // a high threshold: body is the most likely label and is not given
        let balance = losing(&[], &[], 0.9).unwrap();
        assert_eq!(label(&balance, [0.8, 0.05, 0.1, 0.05]), "promo");
    }

    #[test]
    fn under_a_bound_no_other_threshold_takes_a_block_from_body() {
        let balance = losing(&[], &[("promo", 0.2)], 0.3).unwrap();
        assert_eq!(label(&balance, [0.3, 0.0, 0.7, 0.0]), "body");
        assert_eq!(label(&balance, [0.29, 0.4, 0.21, 0.1]), "promo");
        assert_eq!(label(&balance, [0.29, 0.4, 0.19, 0.12]), "caption");
    }

    #[test]
    fn under_a_bound_a_choice_of_body_alone_is_body() {
        assert_eq!(
            label(&losing(&["body"], &[], 0.5).unwrap(), [0.0, 0.0, 1.0, 0.0]),
            "body"
        );
    }

    #[test]
    fn a_bound_needs_body_without_another_threshold() {
        let message = losing(&["promo", "other"], &[], 0.5).unwrap_err().to_string();
        assert!(
            message.starts_with("--max-body-loss: ") && message.contains("\"body\""),
            "{message}"
        );
        let message = losing(&[], &[("body", 0.4)], 0.5).unwrap_err().to_string();
        assert!(message.contains("--threshold body=0.4"), "{message}");
    }

    #[test]
    fn unknown_labels_and_impossible_thresholds_are_errors() {
        assert!(balance(&["advert"], &[], Priority::Balanced).is_err());
        assert!(balance(&[], &[("advert", 0.5)], Priority::Balanced).is_err());
        for threshold in [0.0, -0.1, 1.1, f64::NAN] {
            assert!(balance(&[], &[("promo", threshold)], Priority::Balanced).is_err());
        }
        assert!(balance(&["body"], &[("promo", 0.5)], Priority::Balanced).is_err());
    }
}
