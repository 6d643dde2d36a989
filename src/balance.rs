//! Probabilities to labels: which labels may be given, from which probability on, and which mistake is the worse one.
//!
//! Only the choice moves: a priority never changes the probabilities, and a threshold is compared with them as they are printed.

use crate::error::{Error, Result};
use crate::label::{Label, LabelSet, USUAL_ORDER};
use ndarray::{Array2, ArrayView1, ArrayView2};

/// Factor on the odds of the kept label when none of its blocks should be lost. Out of fold on the hand-labelled pages it loses
/// 0.02 to 0.06 % of the body words, depending on the view (`models/README.md`, "The balance").
pub const RECALL_ODDS: f64 = 40.0;

/// Factor on the odds of the kept label when nothing else should be kept. Out of fold on the hand-labelled pages it keeps 4 to
/// 12 % of the promo words, depending on the view (`models/README.md`, "The balance").
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

/// How labels are chosen by their probabilities.
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
}

impl Balance {
    /// The most likely of all labels of a set.
    pub fn most_likely(labels: &LabelSet) -> Self {
        Self {
            choice: None,
            thresholds: vec![None; labels.len()],
            odds: vec![1.0; labels.len()],
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
        let allowed = || (0..row.len() as u8).map(Label).filter(|label| self.may_give(*label));
        let over = |label: Label| self.thresholds[label.index()].map(|threshold| row[label.index()] / threshold);
        let reached = allowed().filter_map(|label| over(label).filter(|over| *over >= 1.0).map(|over| (label, over)));
        let weighed = |label: Label| (label, row[label.index()] * self.odds[label.index()]);
        let free = allowed()
            .filter(|label| self.thresholds[label.index()].is_none())
            .map(weighed);
        first_largest(reached)
            .or_else(|| first_largest(free))
            .or_else(|| first_largest(allowed().map(weighed)))
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
