//! Labels every text block of a web page, plain text or HTML: `body` (the article), `caption`, `promo` (teasers, "You May Also
//! Like" lists, newsletter pitches) or `other` (menus, bylines, legal), with a probability for each.
//!
//! ```
//! use unbait::classifier::Classifier;
//! use unbait::page::{Page, PageOptions};
//! use unbait::segment::Split;
//!
//! let classifier = Classifier::shipped()?;
//! let text = "The council voted on Tuesday to close the harbour bridge for eleven weeks while its bearings are replaced.\n\n\
//!             You May Also Like\n\nTen celebrities who never came back from their holidays, and number four will shock you";
//! let page = Page::from_bytes("page.txt", text.as_bytes(), &PageOptions::default())?;
//! let labelled = classifier.classify(&page, Split::Auto)?;
//! let labels: Vec<&str> = labelled.blocks().map(|(_, label)| classifier.labels().name(label)).collect();
//! assert_eq!(labels, ["body", "promo", "promo"]);
//! # Ok::<(), unbait::error::Error>(())
//! ```
//!
//! # What flows through
//!
//! One page, four hops; [`classifier::Classifier::classify`] is the only function that names them all:
//!
//! [`page::Page::from_bytes`] (bytes to text, HTML or plain) → [`segment::segment`] (text blocks in reading order) →
//! [`vectorizer::Vectorizer::transform`] (sparse vectors) → [`ngram_model::NgramModel`] (each block by itself) and
//! [`page_model::PageModel`] (each block in the light of its page) → labelled blocks.
//!
//! One training set: [`dataset::Dataset::read`] → [`view::view_page`] (as HTML, as plain text, as an extractor leaves it) →
//! split by site → vocabulary and n-gram model of the training sites → its out-of-fold scores → page model → model file.
//! [`train::train`] is that plan.
//!
//! # Rooms
//!
//! A module uses those above it only; `tests/layers.rs` holds it to that.
//!
//! | layer | module | what it is |
//! | --- | --- | --- |
//! | words | [`label`], [`error`] | label names in order; everything that can go wrong, where, and what to do |
//! | page | `ascii` | bytes of text to bit masks |
//! | | [`page`], [`html`], [`segment`] | bytes to text; markup to text runs with their elements; a page to its blocks |
//! | features | [`vocabulary`], [`analyzer`] | terms to columns; text to tokens and stems |
//! | | [`shape`], [`context`], [`structure`] | a block without its words; what stands around it; its elements |
//! | | [`vectorizer`] | the recipe that training and scoring share |
//! | | [`line_vectorizer`] | the same for lines by themselves, such as headlines |
//! | model | [`ngram_model`] | scores of one block |
//! | | [`page_features`], [`convolution`], [`page_model`] | a page's scores as inputs; a network over its blocks; final probabilities |
//! | | [`model_file`] | tensors and a manifest to bytes, and back |
//! | | [`classifier`], [`balance`] | recipe and weights together; probabilities to labels |
//! | | [`line_classifier`] | lines to scores, with a model file of their own |
//! | exchange | [`exchange`] | labelled blocks to records of annotation and corpus tools; annotated texts back |
//! | learning | [`evaluate`], [`dataset`], [`view`] | figures; labelled pages; the ways in which they are met |
//! | | [`extraction`], [`label_file`] | what extractors left of labelled pages; labels without their pages |
//! | | [`corrections`] | labels of labelled pages put right |
//! | | [`main_text`] | pages with their main text, to judge what is kept of them |
//! | | [`risk`] | thresholds that lose no more than a share of the article's words |
//! | | `solver_vector` | the vectors of the solver that fits n-gram models |
//! | | [`ngram_fit`] | sparse rows and gold to an n-gram model |
//! | | [`page_fit`] | page features and gold to a page model |
//! | | [`train`] | labelled pages to a classifier |
//! | | [`line_set`], [`line_train`] | labelled lines; labelled lines to a model of lines |
//! | corpus | [`heavy_hitters`], [`stats`] | the heaviest names of a stream; labelled pages to what a corpus is made of |
//! | | [`corpus`] | files of a corpus to records and pages, and back: JSON lines, WARC and Parquet, packed or not; cleaned files to what they were |
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod analyzer;
mod ascii;
pub mod balance;
pub mod classifier;
pub mod context;
pub mod convolution;
pub mod corpus;
pub mod corrections;
pub mod dataset;
pub mod error;
pub mod evaluate;
pub mod exchange;
pub mod extraction;
pub mod heavy_hitters;
pub mod html;
pub mod label;
pub mod label_file;
pub mod line_classifier;
pub mod line_set;
pub mod line_train;
pub mod line_vectorizer;
pub mod main_text;
pub mod model_file;
pub mod ngram_fit;
pub mod ngram_model;
pub mod page;
pub mod page_features;
pub mod page_fit;
pub mod page_model;
pub mod risk;
pub mod segment;
pub mod shape;
mod solver_vector;
pub mod stats;
pub mod structure;
pub mod train;
pub mod vectorizer;
pub mod view;
pub mod vocabulary;
