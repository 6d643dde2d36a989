//! Recipe and weights of lines together: a line such as a headline to how probable one of two labels is, and the model file.
//!
//! A line without a known word has no score: it is `None`, and never one half.

use crate::analyzer::Language;
use crate::error::{Error, Result};
use crate::label::{Label, LabelSet};
use crate::line_vectorizer::{LineRecipe, LineVectorizer};
use crate::model_file::{
    ModelFile, ModelKind, Provenance, Tensors, double_bytes, doubles, half_bytes, halves, pack_vocabulary, to_bytes,
    unpack_vocabulary, wrong,
};
use crate::ngram_model::NgramModel;
use crate::vocabulary::Vocabulary;
use safetensors::tensor::Dtype;
use serde::{Deserialize, Serialize};

/// The shipped model of clickbait, embedded at build time.
const CLICKBAIT: &[u8] = include_bytes!("../models/clickbait.safetensors");

/// Lines that are turned into vectors together (chosen: their tokens stay in the cache).
const PORTION: usize = 256;

/// Labels of a model of lines.
const LABELS: usize = 2;

/// Scores lines.
#[derive(Clone, Debug)]
pub struct LineClassifier {
    labels: LabelSet,
    scored: Label,
    languages: Vec<String>,
    vectorizer: LineVectorizer,
    vocabulary: Vocabulary,
    ngram: NgramModel,
    provenance: Provenance,
}

/// Why a line has its score.
#[derive(Clone, Debug, PartialEq)]
pub struct LineExplanation {
    /// Log-odds of the scored label against the other one.
    pub log_odds: f64,
    /// The part of it that is the same for every line.
    pub intercept: f64,
    /// Spelling and contribution of each known feature, the largest first; with the intercept they add up to the log-odds.
    pub features: Vec<(String, f64)>,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    labels: LabelSet,
    /// Name of the label whose probability is the score.
    scored: String,
    /// Codes of the languages that it was trained on; empty when nothing said so.
    languages: Vec<String>,
    recipe: LineRecipe,
    provenance: Provenance,
}

impl LineClassifier {
    /// A classifier of trained parts; the score of a line is the probability of the label `scored`.
    ///
    /// # Errors
    /// [`Error::Model`] when there are not two labels, shapes do not agree, or a weight is no finite number.
    pub fn new(
        labels: LabelSet,
        scored: &str,
        recipe: LineRecipe,
        vocabulary: Vocabulary,
        ngram: NgramModel,
        provenance: Provenance,
    ) -> Result<Self> {
        let wrong = |problem: String| wrong("model", problem);
        let scored = labels.parse(scored)?;
        if labels.len() != LABELS {
            return Err(wrong(format!(
                "{} labels; a model of lines has {LABELS}, train it again",
                labels.len()
            )));
        }
        let found = (ngram.columns(), ngram.labels());
        if found != (vocabulary.len(), LABELS) {
            return Err(wrong(format!(
                "weights of shape {found:?} for {} features and {LABELS} labels; train it again",
                vocabulary.len()
            )));
        }
        let weights = ngram.weights().iter().map(|weight| f64::from(*weight));
        if weights
            .chain(ngram.intercept().iter().copied())
            .any(|value| !value.is_finite())
        {
            return Err(wrong("a weight is no finite number; train it again".to_owned()));
        }
        Ok(Self {
            labels,
            scored,
            languages: Vec::new(),
            vectorizer: LineVectorizer::new(recipe)?,
            vocabulary,
            ngram,
            provenance,
        })
    }

    /// The same classifier, trained on these languages, by their codes of ISO 639-1.
    pub fn with_languages(mut self, languages: Vec<String>) -> Self {
        self.languages = languages;
        self
    }

    /// The model of clickbait in English headlines that is embedded in this library.
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with a damaged model file.
    pub fn clickbait() -> Result<Self> {
        Self::from_bytes("built-in model `clickbait`", CLICKBAIT)
    }

    /// The two labels, in their order.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// The name of the label whose probability is the score.
    pub fn scored(&self) -> &str {
        self.labels.name(self.scored)
    }

    /// Whether it was trained on this language, as far as that is known of both.
    pub fn knows(&self, language: Language) -> bool {
        let code = language.code();
        language == Language::UNKNOWN || self.languages.is_empty() || self.languages.iter().any(|known| known == code)
    }

    /// The recipe by which lines become vectors.
    pub fn recipe(&self) -> &LineRecipe {
        self.vectorizer.recipe()
    }

    /// The features that the model knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How the model was made.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    fn other(&self) -> usize {
        LABELS - 1 - self.scored.index()
    }

    /// The score of each line, 0 to 1; `None` for a line without a known word.
    pub fn scores(&self, lines: &[&str]) -> Vec<Option<f64>> {
        let mut scores = Vec::with_capacity(lines.len());
        let mut logs = [0.0; LABELS];
        for portion in lines.chunks(PORTION) {
            self.vectorizer.for_each_row(portion, &self.vocabulary, |row| {
                scores.push((!row.is_empty()).then(|| {
                    self.ngram.row_log_probabilities(row, &mut logs);
                    logs[self.scored.index()].exp()
                }));
            });
        }
        scores
    }

    /// Why a line has its score; `None` for a line without a known word.
    pub fn explain(&self, line: &str) -> Option<LineExplanation> {
        let rows = self.vectorizer.transform(&[line], &self.vocabulary);
        let (scored, other) = (self.scored.index(), self.other());
        let mut features: Vec<(String, f64)> = self
            .ngram
            .contributions(rows.row(0), scored, other)
            .into_iter()
            .map(|(column, contribution)| (self.vocabulary.spelling(column as usize).to_owned(), contribution))
            .collect();
        features.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
        let intercept = self.ngram.intercept()[scored] - self.ngram.intercept()[other];
        let logs = self.ngram.log_probabilities(&rows);
        (!features.is_empty()).then(|| LineExplanation {
            log_odds: logs[[0, scored]] - logs[[0, other]],
            intercept,
            features,
        })
    }

    /// The model file's bytes; the same model gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Model`] when a part is too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let packed = pack_vocabulary(&self.vocabulary)?;
        let weights = half_bytes(self.ngram.weights());
        let intercept = double_bytes(self.ngram.intercept());
        let tensors: Tensors = [
            ("ngram.weights", Dtype::F16, vec![self.ngram.columns(), LABELS], weights),
            ("ngram.intercept", Dtype::F64, vec![LABELS], intercept),
            ("ngram.vocabulary.zst", Dtype::U8, vec![packed.len()], packed),
        ]
        .into_iter()
        .map(|(name, dtype, shape, bytes)| (name.to_owned(), (dtype, shape, bytes)))
        .collect();
        let manifest = Manifest {
            labels: self.labels.clone(),
            scored: self.scored().to_owned(),
            languages: self.languages.clone(),
            recipe: self.recipe().clone(),
            provenance: self.provenance.clone(),
        };
        to_bytes(ModelKind::Lines, &manifest, &tensors)
    }

    /// Reads a model file's bytes; `name` stands in messages.
    ///
    /// # Errors
    /// [`Error::Model`] for a model of pages' blocks, another format number, a wrong checksum, shapes that do not agree,
    /// or bytes that are no model file.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        let file = ModelFile::read(name, bytes, ModelKind::Lines)?;
        let manifest: Manifest = file.manifest()?;
        let labels = LabelSet::new(manifest.labels.names().iter().cloned())?;
        if labels != manifest.labels {
            return Err(file.damaged("its labels are not in their order"));
        }
        let tensors = file.tensors();
        let tensor = |part: &str, dtype: Dtype, last: Option<usize>| {
            let tensor = tensors.get(part).filter(|tensor| {
                tensor.dtype() == dtype && last.is_none_or(|last| tensor.shape().last() == Some(&last))
            });
            let problem = || {
                wrong(
                    name,
                    format!("it has no tensor {part} of {dtype:?} for {LABELS} labels; train it again"),
                )
            };
            tensor.map(|tensor| tensor.data()).ok_or_else(problem)
        };
        let weights = halves(tensor("ngram.weights", Dtype::F16, Some(LABELS))?);
        let intercept = doubles(tensor("ngram.intercept", Dtype::F64, Some(LABELS))?);
        if intercept.len() != LABELS {
            return Err(wrong(name, "intercepts for another number of labels; train it again"));
        }
        let vocabulary = unpack_vocabulary(tensor("ngram.vocabulary.zst", Dtype::U8, None)?).ok_or_else(|| {
            wrong(
                name,
                "the vocabulary cannot be unpacked; copy the file again, or train it again",
            )
        })?;
        let ngram = NgramModel::new(weights, intercept);
        let classifier = Self::new(
            labels,
            &manifest.scored,
            manifest.recipe,
            vocabulary,
            ngram,
            manifest.provenance,
        )
        .map_err(|error| match error {
            Error::Model { problem, .. } => wrong(name, problem),
            other => other,
        })?;
        Ok(classifier.with_languages(manifest.languages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::Classifier;

    fn classifier(scored: &str) -> LineClassifier {
        let vocabulary = Vocabulary::new(["word=<s> this", "word=council", "word=you"]);
        let ngram = NgramModel::new(vec![2.0, -2.0, -1.0, 1.0, 0.5, -0.5], vec![0.25, -0.25]);
        let labels = LabelSet::new(["bait", "news"]).unwrap();
        LineClassifier::new(
            labels,
            scored,
            LineRecipe::default(),
            vocabulary,
            ngram,
            Provenance::default(),
        )
        .unwrap()
    }

    fn refusal(bytes: &[u8]) -> String {
        LineClassifier::from_bytes("m.safetensors", bytes)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn a_score_is_the_probability_of_the_scored_label() {
        let line = ["This is what you did"];
        let bait = classifier("bait").scores(&line)[0].unwrap();
        let news = classifier("news").scores(&line)[0].unwrap();
        assert!(bait > 0.5 && (bait + news - 1.0).abs() < 1e-12, "{bait} {news}");
    }

    #[test]
    fn a_line_without_a_known_word_has_no_score_and_keeps_its_place() {
        let scores = classifier("bait").scores(&["", "council", "相关新闻", "you"]);
        let has_score: Vec<bool> = scores.iter().map(Option::is_some).collect();
        assert_eq!(has_score, [false, true, false, true]);
        assert_eq!(classifier("bait").explain("***"), None);
    }

    #[test]
    fn lines_are_scored_alike_alone_and_among_many() {
        let model = classifier("bait");
        let lines: Vec<String> = (0..PORTION + 3).map(|n| format!("this council {n} you")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let together = model.scores(&lines);
        assert!(
            lines
                .iter()
                .zip(&together)
                .all(|(line, score)| model.scores(&[line])[0] == *score)
        );
    }

    #[test]
    fn an_explanation_adds_up_to_the_log_odds_of_the_score() {
        for scored in ["bait", "news"] {
            let model = classifier(scored);
            let explanation = model.explain("This is what you did").unwrap();
            let sum: f64 = explanation.features.iter().map(|(_, contribution)| contribution).sum();
            assert!((sum + explanation.intercept - explanation.log_odds).abs() < 1e-6);
            let score = model.scores(&["This is what you did"])[0].unwrap();
            assert!(((score / (1.0 - score)).ln() - explanation.log_odds).abs() < 1e-6);
            assert_eq!(explanation.features[0].0, "word=<s> this");
        }
    }

    #[test]
    fn a_saved_model_answers_bit_for_bit_as_before() {
        let model = classifier("news");
        let bytes = model.to_bytes().unwrap();
        let again = LineClassifier::from_bytes("x", &bytes).unwrap();
        let lines = ["This council", "you", "", "nothing"];
        assert_eq!(model.scores(&lines), again.scores(&lines));
        assert_eq!((again.scored(), again.to_bytes().unwrap()), ("news", bytes));
    }

    #[test]
    fn a_model_of_the_other_kind_is_refused_by_both_names() {
        let blocks = Classifier::shipped().unwrap().to_bytes().unwrap();
        let message = refusal(&blocks);
        assert!(
            message.contains("model of pages' blocks") && message.contains("model of lines"),
            "{message}"
        );
        let lines = classifier("bait").to_bytes().unwrap();
        let message = Classifier::from_bytes("m", &lines).unwrap_err().to_string();
        assert!(
            message.contains("model of lines") && message.contains("model of pages' blocks"),
            "{message}"
        );
    }

    #[test]
    fn a_damaged_file_and_shapes_that_do_not_agree_are_refused() {
        let bytes = classifier("bait").to_bytes().unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() - 3] ^= 4;
        assert!(refusal(&flipped).contains("checksum"));
        assert!(refusal(&bytes[..bytes.len() - 9]).contains("damaged"));
        let mut model = classifier("bait");
        model.vocabulary = Vocabulary::new(["word=you"]);
        let message = refusal(&model.to_bytes().unwrap());
        assert!(message.contains("shape (3, 2) for 1 features"), "{message}");
    }

    #[test]
    fn a_language_is_known_unless_others_were_learned() {
        let german = Language::from_tag("de").unwrap();
        let model = classifier("bait");
        assert!(model.knows(german));
        let english = model.with_languages(vec!["en".to_owned()]);
        let again = LineClassifier::from_bytes("x", &english.to_bytes().unwrap()).unwrap();
        assert!(again.knows(Language::from_tag("en").unwrap()) && again.knows(Language::UNKNOWN));
        assert!(!again.knows(german));
    }

    #[test]
    fn three_labels_are_refused() {
        let labels = LabelSet::new(["a", "b", "c"]).unwrap();
        let ngram = NgramModel::new(vec![0.0; 3], vec![0.0; 3]);
        let vocabulary = Vocabulary::new(["word=you"]);
        let made = LineClassifier::new(
            labels,
            "a",
            LineRecipe::default(),
            vocabulary,
            ngram,
            Provenance::default(),
        );
        assert!(made.unwrap_err().to_string().contains("3 labels"));
    }
}
