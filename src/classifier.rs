//! Recipe and weights together: a page to labelled blocks, and the model file.
//!
//! The model file holds everything that scoring needs: what changes a feature stands in the recipe, never in an option of scoring.

use crate::analyzer::Language;
use crate::balance::{BodyLoss, LossTable, LossThreshold};
use crate::convolution::{DILATIONS, Network, UNITS};
use crate::error::{Error, Result};
use crate::html::ElementId;
use crate::label::{Label, LabelSet};
pub use crate::model_file::{FORMAT, Provenance};
use crate::model_file::{
    ModelFile, ModelKind, Tensors, double_bytes, doubles, half_bytes, halves, pack_vocabulary, to_bytes,
    unpack_vocabulary, wrong,
};
use crate::ngram_model::NgramModel;
use crate::page::{Page, PageKind};
use crate::page_features::{feature_count, feature_names, page_features};
use crate::page_model::{PageContributions, PageModel};
use crate::segment::{Block, Segmented, Split, segment};
use crate::vectorizer::{BlockFacts, Recipe, SparseMatrix, Vectorizer, Vectors};
use crate::vocabulary::Vocabulary;
use ndarray::{Array1, Array2, ArrayView2};
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The shipped model, embedded at build time.
const SHIPPED: &[u8] = include_bytes!("../models/blocks.safetensors");

/// Most blocks that are labelled together; a page of more is labelled in parts of as many, each as if it were a page (chosen: no page that
/// people read has as many, and what is known of so many blocks takes about 50 MB).
pub const MOST_BLOCKS: usize = 1 << 16;

/// Largest weight, of either sign, that a model file may have (chosen: some 400 times the largest that the shipped model has): the layers
/// of the network multiply numbers, and what overflows gives no probability.
const MOST_WEIGHT: f64 = 1e4;

/// The two models for one kind of page.
#[derive(Clone, Debug)]
pub struct KindModel {
    /// The features that the n-gram model knows.
    pub vocabulary: Vocabulary,
    /// Scores of one block.
    pub ngram: NgramModel,
    /// Final probabilities of a page's blocks.
    pub page: PageModel,
}

/// Labels the blocks of pages.
#[derive(Clone, Debug)]
pub struct Classifier {
    labels: LabelSet,
    vectorizer: Vectorizer,
    kinds: BTreeMap<&'static str, KindModel>,
    /// By kind of page; without an entry there is no threshold.
    body_losses: BTreeMap<String, LossTable>,
    provenance: Provenance,
}

/// A page with its labelled blocks.
#[derive(Debug)]
pub struct LabelledPage {
    /// The blocks and, for HTML, the elements around them.
    pub segmented: Segmented,
    /// The language that the page was read in.
    pub language: Language,
    /// Length of each block in word units.
    pub words: Vec<f32>,
    /// Probabilities, shape (blocks, labels), each row summing to 1.
    pub probabilities: Array2<f64>,
    /// The most likely label of each block.
    pub labels: Vec<Label>,
}

impl LabelledPage {
    /// The blocks with their labels, in reading order.
    pub fn blocks(&self) -> impl Iterator<Item = (&Block, Label)> {
        self.segmented.blocks.iter().zip(self.labels.iter().copied())
    }
}

/// Why a block got its label: what spoke for it against the next likely label.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The label.
    pub label: Label,
    /// The label that it is compared with: the most likely other one.
    pub against: Label,
    /// The n-gram model's log-odds of the first against the second.
    pub ngram_log_odds: f64,
    /// The part of it that is the same for every block.
    pub ngram_intercept: f64,
    /// Spelling and contribution of each feature of the block, the largest first; with the intercept they add up to the log-odds.
    pub ngram: Vec<(String, f64)>,
    /// The page model's log-odds of the first against the second.
    pub page_log_odds: f64,
    /// The part of it that no page feature is in: the intercepts, and the biases of the network's active units.
    pub page_constant: f64,
    /// Name and contribution of each page feature of the block, of the blocks before it and of those after it, the largest first; with
    /// the constant they add up to the log-odds.
    pub page: Vec<(String, f64)>,
}

/// What explanations of a page's blocks are read from.
struct PageScores {
    rows: SparseMatrix,
    /// Log-probabilities of the n-gram model, shape (blocks, labels).
    ngram: Array2<f64>,
    /// Shape (blocks, page features), row-major.
    features: Vec<f32>,
    /// Final log-probabilities, shape (blocks, labels).
    last: Array2<f64>,
}

impl Classifier {
    /// A classifier of trained parts.
    ///
    /// # Errors
    /// [`Error::Model`] when no kind of page has a model or their shapes do not agree.
    pub fn new(
        labels: LabelSet,
        recipe: Recipe,
        kinds: BTreeMap<&'static str, KindModel>,
        provenance: Provenance,
    ) -> Result<Self> {
        let wrong = |problem: String| Error::Model {
            name: "model".to_owned(),
            problem,
        };
        if kinds.is_empty() {
            return Err(wrong(
                "it has no weights for any kind of page; train it again".to_owned(),
            ));
        }
        let page_features = feature_count(labels.len());
        for (kind, model) in &kinds {
            let (columns, count) = (model.vocabulary.len(), labels.len());
            let found = (model.ngram.columns(), model.ngram.labels());
            if found != (columns, count) {
                return Err(wrong(format!(
                    "{kind}: weights of shape {found:?} for {columns} features and {count} labels; train it again"
                )));
            }
            let found = (model.page.network().inputs(), model.page.intercept().len());
            if found != (page_features, count) {
                return Err(wrong(format!(
                    "{kind}: a page model of {} page features and {} labels, wanted {page_features} and {count}; train it again",
                    found.0, found.1
                )));
            }
        }
        Ok(Self {
            labels,
            vectorizer: Vectorizer::new(recipe)?,
            kinds,
            body_losses: BTreeMap::new(),
            provenance,
        })
    }

    /// The same classifier with these thresholds of `body` by kind of page, in place of those that it had.
    pub fn with_body_losses(mut self, tables: impl IntoIterator<Item = (PageKind, LossTable)>) -> Self {
        self.body_losses = tables
            .into_iter()
            .filter(|(_, table)| !table.is_empty())
            .map(|(kind, table)| (kind.as_str().to_owned(), table))
            .collect();
        self
    }

    /// The model that is embedded in this library.
    ///
    /// # Errors
    /// [`Error::Model`] when the library was built with a damaged model file.
    pub fn shipped() -> Result<Self> {
        Self::from_bytes("built-in model `blocks`", SHIPPED)
    }

    /// The labels, in their order.
    pub fn labels(&self) -> &LabelSet {
        &self.labels
    }

    /// How the model was made.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The recipe by which blocks become vectors.
    pub fn recipe(&self) -> &Recipe {
        self.vectorizer.recipe()
    }

    /// The models for a kind of page, if it was trained on such pages.
    pub fn kind(&self, kind: PageKind) -> Option<&KindModel> {
        self.kinds.get(kind.as_str())
    }

    /// The threshold of `body` that loses no more than this share of its words on a kind of page, with 95 % confidence
    /// ([`LossTable::at_most`]).
    ///
    /// # Errors
    /// [`Error::Option`] when the model has none for so small a loss.
    pub fn body_threshold(&self, kind: PageKind, loss: BodyLoss) -> Result<LossThreshold> {
        let none = LossTable::default();
        let table = self.body_losses.get(kind.as_str()).unwrap_or(&none);
        table.at_most(loss, kind.as_str())
    }

    /// Labels the blocks of a page: the four hops from bytes to labelled blocks, after [`Page::from_bytes`].
    ///
    /// # Errors
    /// [`Error::Model`] when the model was not trained on this kind of page.
    pub fn classify(&self, page: &Page, split: Split) -> Result<LabelledPage> {
        self.kind_or_error(page.kind)?;
        self.classify_segmented(segment(page, split))
    }

    /// Labels the blocks of a page that was segmented already; more than [`MOST_BLOCKS`] in parts.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn classify_segmented(&self, segmented: Segmented) -> Result<LabelledPage> {
        let model = self.kind_or_error(segmented.kind)?;
        let mut language = None;
        let mut words = Vec::with_capacity(segmented.blocks.len());
        let mut probabilities = Vec::with_capacity(segmented.blocks.len() * self.labels.len());
        let segmented = in_parts(segmented, |part| {
            let (read_in, facts, part) = self.probabilities(model, part);
            language.get_or_insert(read_in);
            words.extend(facts.iter().map(|fact| fact.words));
            probabilities.extend(part);
        });
        let shape = (segmented.blocks.len(), self.labels.len());
        let probabilities = Array2::from_shape_vec(shape, probabilities).expect("a row for each block");
        Ok(LabelledPage {
            segmented,
            language: language.unwrap_or(Language::UNKNOWN),
            words,
            labels: most_likely(probabilities.view()),
            probabilities,
        })
    }

    /// The language of a page, facts of its blocks, and the probabilities of their labels, shape (blocks, labels).
    fn probabilities(&self, model: &KindModel, segmented: &Segmented) -> (Language, Vec<BlockFacts>, Array2<f64>) {
        let (blocks, labels) = (segmented.blocks.len(), self.labels.len());
        let mut ngram = Vec::with_capacity(blocks * labels);
        let (language, facts) = self.vectorizer.for_each_row(segmented, &model.vocabulary, |row| {
            let start = ngram.len();
            ngram.resize(start + labels, 0.0);
            model.ngram.row_log_probabilities(row, &mut ngram[start..]);
        });
        let ngram = Array2::from_shape_vec((blocks, labels), ngram).expect("a row for each block");
        let probabilities = model.page.probabilities(ngram.view(), &facts);
        (language, facts, probabilities)
    }

    /// Why one block of a page gets its label.
    ///
    /// # Errors
    /// As [`Classifier::classify`]; [`Error::Option`] when the page has no such block.
    pub fn explain(&self, page: &Page, split: Split, block: usize) -> Result<Explanation> {
        let mut explanations = self.explain_blocks(page, split, |at| at == block)?;
        explanations.pop().ok_or_else(|| Error::Option {
            option: "--block",
            problem: format!(
                "{} has {} blocks, counted from 0; there is no block {block}",
                page.id,
                segment(page, split).blocks.len()
            ),
        })
    }

    /// Why the blocks of a page get their labels, for those whose numbers are wanted, in reading order.
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn explain_blocks(
        &self,
        page: &Page,
        split: Split,
        wanted: impl Fn(usize) -> bool,
    ) -> Result<Vec<Explanation>> {
        let model = self.kind_or_error(page.kind)?;
        let mut explanations = Vec::new();
        let mut first = 0;
        in_parts(segment(page, split), |part| {
            let blocks = part.blocks.len();
            if (first..first + blocks).any(&wanted) {
                let scores = self.scores(model, part);
                let wanted = (0..blocks).filter(|block| wanted(first + block));
                explanations.extend(wanted.map(|block| self.explain_block(model, &scores, block)));
            }
            first += blocks;
        });
        Ok(explanations)
    }

    fn scores(&self, model: &KindModel, segmented: &Segmented) -> PageScores {
        let Vectors { rows, facts, .. } = self.vectorizer.transform(segmented, &model.vocabulary);
        let ngram = model.ngram.log_probabilities(&rows);
        let features = page_features(ngram.view(), &facts);
        let last = model.page.log_probabilities(&features);
        PageScores {
            rows,
            ngram,
            features,
            last,
        }
    }

    fn explain_block(&self, model: &KindModel, scores: &PageScores, block: usize) -> Explanation {
        let PageScores {
            rows,
            ngram,
            features,
            last,
        } = scores;
        let (label, against) = two_likeliest(last.row(block).to_vec().as_slice());
        let mut by_feature: Vec<(String, f64)> = model
            .ngram
            .contributions(rows.row(block), label.index(), against.index())
            .into_iter()
            .map(|(column, contribution)| (model.vocabulary.spelling(column as usize).to_owned(), contribution))
            .collect();
        let PageContributions {
            own,
            before,
            after,
            constant,
        } = model
            .page
            .contributions(features, block, label.index(), against.index());
        let names = feature_names(self.labels.names());
        let named = |parts: Vec<f64>, of: &str| -> Vec<(String, f64)> {
            let names = names.iter().map(|name| format!("{of}{name}"));
            names.zip(parts).collect()
        };
        let mut by_page = named(own, "");
        by_page.extend(named(before, "blocks before: "));
        by_page.extend(named(after, "blocks after: "));
        for list in [&mut by_feature, &mut by_page] {
            list.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then_with(|| a.0.cmp(&b.0)));
        }
        let difference = |row: ndarray::ArrayView1<'_, f64>| row[label.index()] - row[against.index()];
        Explanation {
            label,
            against,
            ngram_log_odds: difference(ngram.row(block)),
            ngram_intercept: model.ngram.intercept()[label.index()] - model.ngram.intercept()[against.index()],
            ngram: by_feature,
            page_log_odds: difference(last.row(block)),
            page_constant: constant,
            page: by_page,
        }
    }

    fn kind_or_error(&self, kind: PageKind) -> Result<&KindModel> {
        self.kind(kind).ok_or_else(|| Error::Model {
            name: "model".to_owned(),
            problem: format!(
                "it was not trained on {} pages; use another model, or train with a --view that has them",
                kind.as_str()
            ),
        })
    }

    // ---- the model file

    /// The model file's bytes; the same model gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Model`] when a part is too large for the format.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut tensors = Tensors::new();
        for (kind, model) in &self.kinds {
            let labels = self.labels.len();
            let packed = pack_vocabulary(&model.vocabulary)?;
            let mut put = |name: &str, dtype, shape: Vec<usize>, bytes| {
                tensors.insert(format!("{kind}.{name}"), (dtype, shape, bytes))
            };
            put(
                "ngram.weights",
                Dtype::F16,
                vec![model.ngram.columns(), labels],
                half_bytes(model.ngram.weights()),
            );
            put(
                "ngram.intercept",
                Dtype::F64,
                vec![labels],
                double_bytes(model.ngram.intercept()),
            );
            put("ngram.vocabulary.zst", Dtype::U8, vec![packed.len()], packed);
            put(
                "page.weights",
                Dtype::F64,
                vec![model.page.weights().nrows(), labels],
                double_bytes(model.page.weights()),
            );
            put(
                "page.intercept",
                Dtype::F64,
                vec![labels],
                double_bytes(model.page.intercept()),
            );
            let network = model.page.network();
            for ((name, shape), weights) in network_tensors(network.inputs()).into_iter().zip(network.parts()) {
                let bytes = weights.iter().flat_map(|weight| weight.to_le_bytes()).collect();
                put(&name, Dtype::F32, shape, bytes);
            }
        }
        let manifest = Manifest {
            labels: self.labels.clone(),
            recipe: self.vectorizer.recipe().clone(),
            kinds: self.kinds.keys().map(|kind| (*kind).to_owned()).collect(),
            body_losses: self.body_losses.clone(),
            provenance: self.provenance.clone(),
        };
        to_bytes(ModelKind::Blocks, &manifest, &tensors)
    }

    /// Reads a model file's bytes; `name` stands in messages.
    ///
    /// # Errors
    /// [`Error::Model`] for another format number, a wrong checksum, shapes that do not agree, or bytes that are no model file.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        let file = ModelFile::read(name, bytes, ModelKind::Blocks)?;
        let manifest: Manifest = file.manifest()?;
        let labels = LabelSet::new(manifest.labels.names().iter().cloned())?;
        if labels != manifest.labels {
            return Err(file.damaged("its labels are not in their order"));
        }
        let views = file.tensors();
        let mut kinds = BTreeMap::new();
        for kind in [PageKind::Html, PageKind::Text].map(PageKind::as_str) {
            if manifest.kinds.iter().any(|known| known == kind) {
                kinds.insert(kind, read_kind(name, kind, &views, labels.len())?);
            }
        }
        let mut classifier =
            Self::new(labels, manifest.recipe, kinds, manifest.provenance).map_err(|error| match error {
                Error::Model { problem, .. } => wrong(name, problem),
                other => other,
            })?;
        classifier.body_losses = manifest.body_losses;
        Ok(classifier)
    }
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    labels: LabelSet,
    recipe: Recipe,
    kinds: Vec<String>,
    /// Models that were made before there were bounds on lost words have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    body_losses: BTreeMap<String, LossTable>,
    provenance: Provenance,
}

fn read_kind(name: &str, kind: &str, tensors: &BTreeMap<&str, TensorView<'_>>, labels: usize) -> Result<KindModel> {
    let wrong = |problem: String| wrong(name, problem);
    let tensor = |part: &str, dtype: Dtype, columns: Option<usize>| {
        let name = format!("{kind}.{part}");
        let tensor = tensors
            .get(name.as_str())
            .ok_or_else(|| wrong(format!("it has no tensor {name}; train it again")))?;
        let shape_fits = columns.is_none_or(|columns| tensor.shape().last() == Some(&columns));
        if tensor.dtype() != dtype || !shape_fits {
            return Err(wrong(format!(
                "tensor {name} is {:?} of shape {:?}, wanted {dtype:?} with {labels} labels; train it again",
                tensor.dtype(),
                tensor.shape()
            )));
        }
        Ok(tensor.data())
    };
    let weights = halves(tensor("ngram.weights", Dtype::F16, Some(labels))?);
    let intercept = doubles(tensor("ngram.intercept", Dtype::F64, Some(labels))?);
    let page_weights = doubles(tensor("page.weights", Dtype::F64, Some(labels))?);
    let page_intercept = doubles(tensor("page.intercept", Dtype::F64, Some(labels))?);
    if intercept.len() != labels || page_intercept.len() != labels {
        return Err(wrong(format!(
            "{kind}: intercepts for another number of labels than {labels}; train it again"
        )));
    }
    let rows = page_weights.len() / labels;
    let inputs = feature_count(labels);
    if rows != UNITS + inputs {
        return Err(wrong(format!(
            "{kind}: page weights of {rows} rows, wanted {}; train it again",
            UNITS + inputs
        )));
    }
    let mut network = Network::zero(inputs);
    for ((name, shape), weights) in network_tensors(inputs).into_iter().zip(network.parts_mut()) {
        let bytes = tensor(&name, Dtype::F32, shape.last().copied())?;
        if bytes.len() != weights.len() * 4 {
            return Err(wrong(format!(
                "tensor {kind}.{name} is not of shape {shape:?}; train it again"
            )));
        }
        for (weight, bytes) in weights.iter_mut().zip(bytes.chunks_exact(4)) {
            *weight = f32::from_le_bytes(std::array::from_fn(|at| bytes[at]));
        }
    }
    let network_parts = network.parts();
    let network_weights = network_parts.iter().copied().flatten();
    let all = weights.iter().chain(network_weights).map(|weight| f64::from(*weight));
    if all
        .chain(intercept.iter().chain(&page_weights).chain(&page_intercept).copied())
        .any(|value| value.is_nan() || value.abs() > MOST_WEIGHT)
    {
        return Err(wrong(format!(
            "{kind}: a weight is no number from -{MOST_WEIGHT} to {MOST_WEIGHT}; train it again"
        )));
    }
    let packed = tensor("ngram.vocabulary.zst", Dtype::U8, None)?;
    let vocabulary = unpack_vocabulary(packed).ok_or_else(|| {
        wrong(format!(
            "{kind}: the vocabulary cannot be unpacked; copy the file again, or train it again"
        ))
    })?;
    let page_weights = Array2::from_shape_vec((rows, labels), page_weights)
        .map_err(|error| wrong(format!("{kind}: page weights ({error}); train it again")))?;
    Ok(KindModel {
        vocabulary,
        ngram: NgramModel::new(weights, intercept),
        page: PageModel::new(network, page_weights, Array1::from_vec(page_intercept)),
    })
}

/// Names and shapes of the tensors of a network, in the order of its parts.
fn network_tensors(inputs: usize) -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![
        ("page.first.weights".to_owned(), vec![inputs, UNITS]),
        ("page.first.bias".to_owned(), vec![UNITS]),
    ];
    for dilation in DILATIONS {
        for tap in ["before", "own", "after"] {
            tensors.push((format!("page.dilation-{dilation}.{tap}"), vec![UNITS, UNITS]));
        }
        tensors.push((format!("page.dilation-{dilation}.bias"), vec![UNITS]));
    }
    tensors
}

/// Hands over a page part by part, each a page of at most [`MOST_BLOCKS`] with the elements around them, and gives it back.
fn in_parts(segmented: Segmented, take: impl FnMut(&Segmented)) -> Segmented {
    in_parts_of(MOST_BLOCKS, segmented, take)
}

fn in_parts_of(most: usize, mut segmented: Segmented, mut take: impl FnMut(&Segmented)) -> Segmented {
    if segmented.blocks.len() <= most {
        take(&segmented);
        return segmented;
    }
    for blocks in segmented.blocks.chunks_mut(most) {
        let mut part = Segmented {
            kind: segmented.kind,
            blocks: blocks.iter_mut().map(std::mem::take).collect(),
            document: None,
        };
        let places = segmented.document.as_ref().map(|document| {
            let (excerpt, places) = document.excerpt(elements(&mut part.blocks).map(|element| *element));
            part.document = Some(excerpt);
            places
        });
        if let Some(places) = &places {
            elements(&mut part.blocks).for_each(|element| *element = places.here(*element));
        }
        take(&part);
        if let Some(places) = &places {
            elements(&mut part.blocks).for_each(|element| *element = places.whole(*element));
        }
        for (block, taken) in blocks.iter_mut().zip(part.blocks) {
            *block = taken;
        }
    }
    segmented
}

/// Everything in the blocks that names an element.
fn elements(blocks: &mut [Block]) -> impl Iterator<Item = &mut ElementId> {
    let markups = blocks.iter_mut().filter_map(|block| block.markup.as_mut());
    markups.flat_map(|markup| markup.elements_mut())
}

/// The most likely label of each row; of equals the first in the labels' order.
pub fn most_likely(probabilities: ArrayView2<'_, f64>) -> Vec<Label> {
    probabilities
        .rows()
        .into_iter()
        .map(|row| two_likeliest(row.to_vec().as_slice()).0)
        .collect()
}

/// The most likely label and the next one; of equals the first in the labels' order.
fn two_likeliest(scores: &[f64]) -> (Label, Label) {
    let mut order: Vec<u8> = (0..scores.len() as u8).collect();
    order.sort_by(|a, b| {
        scores[usize::from(*b)]
            .total_cmp(&scores[usize::from(*a)])
            .then(a.cmp(b))
    });
    (Label(order[0]), Label(order[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_page_have_the_elements_around_their_blocks_and_leave_no_trace() {
        let item = |n: usize| format!("<li class=c{n}><b><a href=/{n}>Link {n}</a></b> <p>Text {n}</p></li>");
        let items: String = (0..5).map(item).collect();
        let html = format!("<html lang=de><title>T</title><div class=outer><ul>{items}</ul><p>Last</div>");
        let page = Page::from_text("-", html, Some(PageKind::Html)).unwrap();
        let around = |page: &Segmented, at: usize| -> Vec<String> {
            let (document, markup) = (
                page.document.as_ref().unwrap(),
                page.blocks[at].markup.as_ref().unwrap(),
            );
            let said = |id: ElementId| {
                let classes: Vec<&str> = document.classes(id).collect();
                format!(
                    "{} {classes:?} {:?}",
                    document.element(id).name.as_str(),
                    document.href(id)
                )
            };
            let ways = [Some(markup.element), Some(markup.container), markup.first_link];
            let ways = ways.into_iter().flatten();
            ways.flat_map(|from| document.ancestors(from).map(said)).collect()
        };
        let whole = segment(&page, Split::Auto);
        let mut first = 0;
        let back = in_parts_of(3, segment(&page, Split::Auto), |part| {
            let document = part.document.as_ref().unwrap();
            assert_eq!(
                (document.title.as_deref(), document.lang.as_deref()),
                (Some("T"), Some("de"))
            );
            for at in 0..part.blocks.len() {
                assert_eq!(part.blocks[at].text, whole.blocks[first + at].text);
                assert_eq!(around(part, at), around(&whole, first + at));
            }
            assert!(document.elements.len() < whole.document.as_ref().unwrap().elements.len());
            first += part.blocks.len();
        });
        assert_eq!(first, whole.blocks.len());
        assert_eq!((back.blocks, back.document), (whole.blocks, whole.document));
    }

    fn classifier() -> Classifier {
        let labels = LabelSet::new(["body", "promo"]).unwrap();
        let vocabulary = Vocabulary::new(["word=like", "word=the"]);
        let ngram = NgramModel::new(vec![-2.0, 2.0, 1.0, -1.0], vec![0.25, -0.25]);
        let inputs = feature_count(2);
        let mut network = Network::zero(inputs);
        for (number, part) in network.parts_mut().into_iter().enumerate() {
            let sign = |at: usize| if (at * 7 + number).is_multiple_of(3) { -1.0 } else { 1.0 };
            for (at, weight) in part.iter_mut().enumerate() {
                *weight = 0.05 * sign(at);
            }
        }
        let page = PageModel::new(
            network,
            Array2::from_shape_fn(
                (UNITS + inputs, 2),
                |(row, label)| if label == row % 2 { 0.3 } else { -0.3 },
            ),
            Array1::from_vec(vec![0.1, 0.0]),
        );
        let kinds = BTreeMap::from([(
            "text",
            KindModel {
                vocabulary,
                ngram,
                page,
            },
        )]);
        Classifier::new(labels, Recipe::default(), kinds, Provenance::default()).unwrap()
    }

    fn page(text: &str) -> Page {
        Page::from_text("-", text.to_owned(), Some(PageKind::Text)).unwrap()
    }

    #[test]
    fn weights_that_can_overflow_are_refused_and_the_largest_give_probabilities() {
        let with = |weight: f64| {
            let mut classifier = classifier();
            let inputs = feature_count(2);
            let mut network = Network::zero(inputs);
            network
                .parts_mut()
                .into_iter()
                .for_each(|part| part.fill(weight as f32));
            let weights = Array2::from_elem((UNITS + inputs, 2), weight);
            let model = classifier.kinds.get_mut("text").unwrap();
            model.page = PageModel::new(network, weights, Array1::from_elem(2, weight));
            Classifier::from_bytes("x", &classifier.to_bytes().unwrap())
        };
        let largest = with(MOST_WEIGHT).unwrap();
        let labelled = largest
            .classify(&page("Like\n\nThe ferry\n\nThe end"), Split::Auto)
            .unwrap();
        assert!(
            labelled
                .probabilities
                .rows()
                .into_iter()
                .all(|row| (row.sum() - 1.0).abs() < 1e-9)
        );
        for weight in [MOST_WEIGHT + 1.0, f64::INFINITY, f64::NAN] {
            let problem = with(weight).unwrap_err().to_string();
            assert!(
                problem.contains("a weight is no number from -10000 to 10000"),
                "{problem}"
            );
        }
    }

    #[test]
    fn probabilities_have_a_row_for_each_block_and_sum_to_one() {
        let labelled = classifier()
            .classify(&page("The council met.\n\nYou may also like"), Split::Auto)
            .unwrap();
        assert_eq!(labelled.probabilities.dim(), (2, 2));
        for row in labelled.probabilities.rows() {
            assert!((row.sum() - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn contributions_and_intercepts_add_up_to_the_log_odds() {
        let classifier = classifier();
        let page = page("The council met.\n\nYou may also like the weather");
        for block in 0..2 {
            let why = classifier.explain(&page, Split::Auto, block).unwrap();
            let sum = |list: &[(String, f64)]| list.iter().map(|(_, contribution)| contribution).sum::<f64>();
            assert!((sum(&why.ngram) + why.ngram_intercept - why.ngram_log_odds).abs() < 1e-6);
            assert!((sum(&why.page) + why.page_constant - why.page_log_odds).abs() < 1e-5);
            assert!(why.page_log_odds >= 0.0 && why.label != why.against);
        }
    }

    #[test]
    fn a_block_that_is_not_there_cannot_be_explained() {
        let message = classifier()
            .explain(&page("One."), Split::Auto, 7)
            .unwrap_err()
            .to_string();
        assert!(message.contains("has 1 blocks"), "{message}");
    }

    #[test]
    fn a_kind_that_was_not_trained_is_refused() {
        let html = Page::from_text("-", "<p>x".to_owned(), Some(PageKind::Html)).unwrap();
        assert!(
            classifier()
                .classify(&html, Split::Auto)
                .unwrap_err()
                .to_string()
                .contains("html")
        );
    }

    #[test]
    fn a_saved_model_is_the_same_model() {
        let bytes = classifier().to_bytes().unwrap();
        let again = Classifier::from_bytes("x", &bytes).unwrap();
        assert_eq!(again.to_bytes().unwrap(), bytes);
        let page = page("The council met.\n\nYou may also like");
        let probabilities = |classifier: &Classifier| classifier.classify(&page, Split::Auto).unwrap().probabilities;
        assert_eq!(probabilities(&again), probabilities(&classifier()));
    }

    fn table(threshold: f64) -> LossTable {
        let loss = BodyLoss::new(0.005).unwrap();
        LossTable::new(vec![LossThreshold { loss, threshold }]).unwrap()
    }

    #[test]
    fn a_saved_model_keeps_its_thresholds_by_kind() {
        let model =
            classifier().with_body_losses([(PageKind::Text, table(0.125)), (PageKind::Html, LossTable::default())]);
        let again = Classifier::from_bytes("x", &model.to_bytes().unwrap()).unwrap();
        let loss = "0.6%".parse().unwrap();
        assert_eq!(again.body_threshold(PageKind::Text, loss).unwrap().threshold, 0.125);
        assert!(again.body_threshold(PageKind::Html, loss).is_err());
        assert_ne!(model.to_bytes().unwrap(), classifier().to_bytes().unwrap());
    }

    #[test]
    fn thresholds_are_covered_by_the_checksum() {
        let bytes = classifier()
            .with_body_losses([(PageKind::Text, table(0.125))])
            .to_bytes()
            .unwrap();
        let from = b"0.125";
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        let mut other = bytes.clone();
        other[at] = b'9';
        assert!(refusal(&other).contains("checksum"), "{}", refusal(&other));
    }

    #[test]
    fn a_model_without_thresholds_is_read_and_says_so() {
        let bytes = classifier().to_bytes().unwrap();
        assert!(!bytes.windows(11).any(|window| window == b"body_losses"));
        let again = Classifier::from_bytes("x", &bytes).unwrap();
        let message = again
            .body_threshold(PageKind::Text, "5%".parse().unwrap())
            .unwrap_err()
            .to_string();
        assert!(message.contains("no thresholds"), "{message}");
    }

    #[test]
    fn the_shipped_model_is_read() {
        assert!(Classifier::shipped().unwrap().kind(PageKind::Html).is_some());
    }

    fn refusal(bytes: &[u8]) -> String {
        Classifier::from_bytes("m.safetensors", bytes).unwrap_err().to_string()
    }

    #[test]
    fn a_flipped_bit_or_a_missing_end_is_refused() {
        let bytes = classifier().to_bytes().unwrap();
        for at in [bytes.len() - 3, bytes.len() / 2, 40] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            assert!(refusal(&flipped).starts_with("m.safetensors: "));
        }
        assert!(refusal(&bytes[..bytes.len() - 9]).contains("damaged"));
        assert!(refusal(b"").contains("damaged"));
    }

    #[test]
    fn another_format_number_is_refused_with_its_number() {
        let bytes = classifier().to_bytes().unwrap();
        let from = br#"{\"format\":2,"#;
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        let mut other = bytes.clone();
        other[at + from.len() - 2] = b'7';
        assert!(refusal(&other).contains("format 7"), "{}", refusal(&other));
    }

    #[test]
    fn another_safetensors_file_is_refused() {
        let data = [0u8; 4];
        let view = TensorView::new(Dtype::U8, vec![4], &data).unwrap();
        let bytes = safetensors::serialize([("x", view)], None).unwrap();
        assert!(refusal(&bytes).contains("not one of unbait"), "{}", refusal(&bytes));
    }

    #[test]
    fn shapes_that_do_not_agree_are_refused() {
        let mut model = classifier();
        let kind = model.kinds.get_mut("text").unwrap();
        kind.vocabulary = Vocabulary::new(["word=like"]);
        let message = refusal(&model.to_bytes().unwrap());
        assert!(message.contains("shape (2, 2) for 1 features"), "{message}");
    }

    #[test]
    fn of_equally_likely_labels_the_first_is_given() {
        assert_eq!(
            most_likely(ndarray::arr2(&[[0.5, 0.5], [0.2, 0.8]]).view()),
            [Label(0), Label(1)]
        );
    }
}
