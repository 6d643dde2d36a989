//! Arguments to a balance: which labels may be given, from which probability on, and which mistake is the worse one.
//!
//! Names of labels are checked against the model, so they can be wrong only once it is read.

use clap::ValueEnum;
use std::collections::BTreeMap;
use unbait::balance::{Balance, BodyLoss, Priority};
use unbait::classifier::Classifier;
use unbait::error::{Error, Result};
use unbait::label::LabelSet;
use unbait::page::{Page, PageKind};

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
    /// Lose no more than this share of the body words, such as 0.5%: body is given exactly from the probability on that the model
    /// keeps for it, or for the next smaller share that it has
    #[arg(long, value_name = "SHARE", value_parser = body_loss, conflicts_with = "priority")]
    max_body_loss: Option<BodyLoss>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PriorityName {
    Recall,
    Balanced,
    Precision,
}

/// The balance for each kind of page that a model has thresholds for, and why there is none for the others.
pub struct Balances(BTreeMap<&'static str, Result<Balance>>);

impl ChoiceArgs {
    /// The balances for a model; an error when no kind of page has one.
    pub fn balances(&self, classifier: &Classifier) -> Result<Balances> {
        let kinds = [PageKind::Html, PageKind::Text].into_iter();
        let mut balances: BTreeMap<&'static str, Result<Balance>> = kinds
            .filter(|kind| classifier.kind(*kind).is_some())
            .map(|kind| (kind.as_str(), self.balance(classifier, kind)))
            .collect();
        if balances.values().all(Result::is_err)
            && let Some((_, balance)) = balances.pop_first()
        {
            balance?;
        }
        Ok(Balances(balances))
    }

    /// The names of the labels to choose from, in their order.
    pub fn names<'a>(&self, labels: &'a LabelSet) -> Vec<&'a str> {
        let names = labels.names().iter().map(String::as_str);
        names
            .filter(|name| self.labels.is_empty() || self.labels.iter().any(|wanted| wanted == name))
            .collect()
    }

    fn balance(&self, classifier: &Classifier, kind: PageKind) -> Result<Balance> {
        let labels = classifier.labels();
        if let Some(loss) = self.max_body_loss {
            let threshold = classifier.body_threshold(kind, loss)?.threshold;
            return Balance::losing_at_most(labels, &self.labels, &self.threshold, threshold);
        }
        let priority = match self.priority {
            PriorityName::Recall => Priority::Recall,
            PriorityName::Balanced => Priority::Balanced,
            PriorityName::Precision => Priority::Precision,
        };
        Balance::new(labels, &self.labels, &self.threshold, priority)
    }
}

impl Balances {
    /// The balance for a page.
    pub fn of(&self, page: &Page) -> Result<&Balance> {
        match self.0.get(page.kind.as_str()) {
            Some(Ok(balance)) => Ok(balance),
            Some(Err(error)) => Err(Error::Model {
                name: page.id.clone(),
                problem: error.to_string(),
            }),
            None => Err(Error::Model {
                name: page.id.clone(),
                problem: format!(
                    "the model was not trained on {} pages; use another model",
                    page.kind.as_str()
                ),
            }),
        }
    }
}

/// Parses the share of body words that may be lost.
pub fn body_loss(text: &str) -> Result<BodyLoss, String> {
    text.parse().map_err(|error| match error {
        Error::Option { problem, .. } => problem,
        other => other.to_string(),
    })
}

/// Parses `NAME=NUMBER`.
pub fn named_number(text: &str) -> Result<(String, f64), String> {
    let (name, number) = text
        .split_once('=')
        .ok_or_else(|| "wanted NAME=NUMBER, such as promo=0.8".to_owned())?;
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
    Ok((name.to_owned(), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use unbait::balance::{LossTable, LossThreshold};

    fn losing(share: &str) -> ChoiceArgs {
        ChoiceArgs {
            labels: Vec::new(),
            threshold: Vec::new(),
            priority: PriorityName::Balanced,
            max_body_loss: Some(share.parse().unwrap()),
        }
    }

    fn table(threshold: f64) -> LossTable {
        let loss = "0.5%".parse().unwrap();
        LossTable::new(vec![LossThreshold { loss, threshold }]).unwrap()
    }

    fn page(kind: PageKind) -> Page {
        Page::from_text("harbour", "The ferry is late.".to_owned(), Some(kind)).unwrap()
    }

    #[test]
    fn each_kind_of_page_has_its_own_threshold() {
        let model = Classifier::shipped()
            .unwrap()
            .with_body_losses([(PageKind::Html, table(0.25)), (PageKind::Text, table(0.125))]);
        let balances = losing("1%").balances(&model).unwrap();
        for (kind, threshold) in [(PageKind::Html, 0.25), (PageKind::Text, 0.125)] {
            let wanted = Balance::losing_at_most(model.labels(), &[], &[], threshold).unwrap();
            assert_eq!(*balances.of(&page(kind)).unwrap(), wanted);
        }
    }

    #[test]
    fn a_page_of_a_kind_without_threshold_fails_by_its_name_and_others_do_not() {
        let model = Classifier::shipped()
            .unwrap()
            .with_body_losses([(PageKind::Html, table(0.25))]);
        let balances = losing("0.5%").balances(&model).unwrap();
        assert!(balances.of(&page(PageKind::Html)).is_ok());
        let message = balances.of(&page(PageKind::Text)).unwrap_err().to_string();
        assert!(
            message.starts_with("harbour: ") && message.contains("text pages"),
            "{message}"
        );
        assert!(losing("0.1%").balances(&model).is_err());
    }
}
