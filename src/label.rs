//! Label names to small indices and back: the labels of a data set, in one fixed order.
//!
//! The set comes from the data, never from the code; only the order of the four usual names is fixed here.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The usual names in the order in which they are listed and printed; other names follow by spelling.
pub const USUAL_ORDER: [&str; 4] = ["body", "caption", "promo", "other"];

/// The most labels that one model can have: a label is stored in one byte, and 64 is more than any guide needs (chosen).
pub const MOST_LABELS: usize = 64;

/// Index of a label in its [`LabelSet`], from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(pub u8);

impl Label {
    /// The index as a column number.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The label names of a data set or a model, each once, in their fixed order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabelSet {
    names: Vec<String>,
}

impl LabelSet {
    /// The set of the names given, in the usual order, whatever the order they come in.
    ///
    /// # Errors
    /// [`Error::Labels`] when there are fewer than two or more than [`MOST_LABELS`] names, or one is empty or holds white space or a comma.
    pub fn new<I, S>(names: I) -> Result<Self>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        if let Some(bad) = names.iter().find(|name| !is_valid_name(name)) {
            return Err(Error::Labels {
                problem: format!("the label name {bad:?} is empty or holds white space, `,` or `=`"),
            });
        }
        names.sort_by_key(|name| (usual_rank(name), name.clone()));
        names.dedup();
        if names.len() < 2 || names.len() > MOST_LABELS {
            return Err(Error::Labels {
                problem: format!("{} different labels; a model needs 2 to {MOST_LABELS}", names.len()),
            });
        }
        Ok(Self { names })
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether the set is empty; never true for one that [`LabelSet::new`] made.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a label of this set.
    ///
    /// # Panics
    /// When the label belongs to a larger set.
    pub fn name(&self, label: Label) -> &str {
        &self.names[label.index()]
    }

    /// The label with this name, if the set has it.
    pub fn find(&self, name: &str) -> Option<Label> {
        let index = self.names.iter().position(|known| known == name)?;
        u8::try_from(index).ok().map(Label)
    }

    /// The label with this name.
    ///
    /// # Errors
    /// [`Error::UnknownLabel`], which lists the names of the set.
    pub fn parse(&self, name: &str) -> Result<Label> {
        self.find(name).ok_or_else(|| Error::UnknownLabel {
            name: name.to_owned(),
            known: self.names.join(", "),
        })
    }

    /// All labels in order.
    pub fn iter(&self) -> impl Iterator<Item = Label> + use<> {
        (0..self.names.len()).filter_map(|index| u8::try_from(index).ok().map(Label))
    }
}

/// Whether a label can have this name: it is not empty and holds no white space, `,` or `=`.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ',' || c == '=')
}

fn usual_rank(name: &str) -> usize {
    USUAL_ORDER
        .iter()
        .position(|usual| *usual == name)
        .unwrap_or(USUAL_ORDER.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_come_first_and_others_by_spelling() {
        let set = LabelSet::new(["zebra", "other", "ad", "body", "promo", "body"]).unwrap();
        assert_eq!(set.names(), ["body", "promo", "other", "ad", "zebra"]);
    }

    #[test]
    fn one_label_is_refused() {
        assert!(LabelSet::new(["body", "body"]).is_err());
    }

    #[test]
    fn a_name_with_a_comma_is_refused() {
        assert!(LabelSet::new(["body", "a,b"]).is_err());
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let set = LabelSet::new(["body", "promo"]).unwrap();
        assert_eq!(set.parse("promo").unwrap(), Label(1));
        let message = set.parse("advert").unwrap_err().to_string();
        assert!(
            message.contains("advert") && message.contains("body, promo"),
            "{message}"
        );
    }
}
