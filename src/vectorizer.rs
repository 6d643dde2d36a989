//! Blocks to sparse vectors: the recipe that training and scoring share.
//!
//! A feature's value depends on its block alone, never on the vocabulary, so dropping columns changes no other value.

use crate::analyzer::{Language, PageTerms, Token, TokenKind};
use crate::context::{self, Context};
use crate::error::{Error, Result};
use crate::segment::Segmented;
use crate::shape::{self, Shape};
use crate::structure::{self, Structure};
use crate::vocabulary::{Family, Group, HashedMap, Sink, Vocabulary, hash_bytes};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

/// How blocks become vectors; part of a model, so that training and scoring agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Longest word n-gram, 1 to 3.
    pub word_ngrams: usize,
    /// Tokens at the start of a block whose n-grams count.
    pub head_tokens: usize,
    /// Tokens at the end of a block whose n-grams count.
    pub tail_tokens: usize,
    /// Characters of a character n-gram, 2 to 8.
    pub char_ngrams: usize,
    /// Words at the start and at the end of a block whose character n-grams count.
    pub char_words: usize,
    /// Length of each feature group's part of the vector, in the order of [`Group::ALL`], each 0 to 10; 0 leaves the group out.
    pub lengths: [f32; Group::ALL.len()],
}

impl Default for Recipe {
    /// What the shipped model uses (`models/README.md` has the measurements).
    fn default() -> Self {
        Self {
            word_ngrams: 2,
            head_tokens: 24,
            tail_tokens: 8,
            char_ngrams: 4,
            char_words: 3,
            lengths: Group::ALL.map(default_length),
        }
    }
}

/// Length of a group's part of the vector before all are scaled together, picked by macro F1 over folds by site.
fn default_length(group: Group) -> f32 {
    match group {
        Group::Words | Group::Classes => 2.0,
        Group::Containers => 0.5,
        Group::Characters
        | Group::Shape
        | Group::Position
        | Group::Overlap
        | Group::Heading
        | Group::Neighbours
        | Group::Elements => 1.0,
    }
}

impl Recipe {
    /// The same without these groups of features.
    pub fn without(mut self, groups: &[Group]) -> Self {
        for group in groups {
            self.lengths[group.index()] = 0.0;
        }
        self
    }

    /// Checks the ranges that the fields document.
    ///
    /// # Errors
    /// [`Error::Option`] that names the field.
    pub fn validate(&self) -> Result<()> {
        let wrong = |problem: String| {
            Err(Error::Option {
                option: "recipe",
                problem,
            })
        };
        if !(1..=3).contains(&self.word_ngrams) {
            return wrong(format!("word_ngrams is {}, wanted 1 to 3", self.word_ngrams));
        }
        if !(2..=8).contains(&self.char_ngrams) {
            return wrong(format!("char_ngrams is {}, wanted 2 to 8", self.char_ngrams));
        }
        if self.lengths.iter().any(|length| !(0.0..=10.0).contains(length))
            || self.lengths.iter().all(|length| *length == 0.0)
        {
            return wrong(format!(
                "lengths are {:?}, wanted 0 to 10 each and one above 0",
                self.lengths
            ));
        }
        Ok(())
    }
}

/// Entries of a row of a text page, about.
const USUAL_ENTRIES: usize = 64;

/// Sparse rows, one behind the other (CSR): shape (blocks, columns).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseMatrix {
    offsets: Vec<usize>,
    columns: Vec<u32>,
    values: Vec<f32>,
}

impl SparseMatrix {
    /// A matrix without rows.
    pub fn new() -> Self {
        Self {
            offsets: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Makes room for rows of the usual length.
    fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
        self.columns.reserve(rows * USUAL_ENTRIES);
        self.values.reserve(rows * USUAL_ENTRIES);
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of stored entries.
    pub fn entries(&self) -> usize {
        self.columns.len()
    }

    /// The stored columns and values of a row.
    #[inline]
    pub fn row(&self, row: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[row]..self.offsets[row + 1];
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Appends a row.
    pub fn push(&mut self, entries: impl Iterator<Item = (u32, f32)>) {
        for (column, value) in entries {
            self.columns.push(column);
            self.values.push(value);
        }
        self.offsets.push(self.columns.len());
    }

    /// Appends a row of features.
    pub(crate) fn push_row(&mut self, row: Row<'_>) {
        self.push(row.entries());
    }

    /// Appends the rows of another matrix.
    pub fn append(&mut self, other: &Self) {
        let base = self.columns.len();
        self.columns.extend_from_slice(&other.columns);
        self.values.extend_from_slice(&other.values);
        self.offsets
            .extend(other.offsets[1..].iter().map(|offset| base + offset));
    }
}

/// The features of one block, as they come: those of a group one behind the other, all with one value.
#[derive(Clone, Copy, Debug)]
pub struct Row<'r> {
    /// One for each feature; `none` for one that has no column, and for one that stands in the row already.
    columns: &'r [u32],
    /// Where the features of each group end, and their value.
    groups: &'r [(usize, f32)],
    none: u32,
}

impl<'r> Row<'r> {
    /// The value and the columns of each group. A column that is the number of the vocabulary's columns stands for nothing.
    #[inline]
    pub fn groups(self) -> impl Iterator<Item = (f32, &'r [u32])> {
        let mut start = 0;
        self.groups.iter().map(move |(end, value)| {
            let columns = &self.columns[start..*end];
            start = *end;
            (*value, columns)
        })
    }

    /// The columns and values that are stored.
    pub fn entries(self) -> impl Iterator<Item = (u32, f32)> {
        let known = move |column: &u32| *column != self.none;
        self.groups()
            .flat_map(move |(value, columns)| columns.iter().copied().filter(known).map(move |column| (column, value)))
    }

    /// Whether nothing is stored.
    pub fn is_empty(self) -> bool {
        self.columns.iter().all(|column| *column == self.none)
    }
}

/// What the page model asks of a block besides its scores.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockFacts {
    /// Length in word units.
    pub words: f32,
    /// Number of the group of blocks in the same element path; each block its own group in plain text.
    pub path_group: u32,
    /// Number of the group of blocks in the same parent container; each block its own group in plain text.
    pub parent_group: u32,
    /// The nearest short block above that could be its heading.
    pub heading: Option<u32>,
    /// A block elsewhere on the page with the same words, the nearest one.
    pub twin: Option<u32>,
    /// What it looks like and what stands around it, in the order of [`measure_names`], each 0 to 1.
    pub measures: [f32; MEASURES],
}

/// Number of a block's measures.
pub const MEASURES: usize = shape::MEASURES.len() + context::MEASURES.len() + structure::MEASURES.len();

/// The names of a block's measures: its shape, its surroundings, and its markup, which is zero in plain text.
pub fn measure_names() -> impl Iterator<Item = &'static str> {
    let first = shape::MEASURES.iter().chain(&context::MEASURES);
    first.chain(&structure::MEASURES).copied()
}

/// The vectors of a page's blocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// Shape (blocks, columns of the vocabulary).
    pub rows: SparseMatrix,
    /// One for each block.
    pub facts: Vec<BlockFacts>,
    /// The language that the page was read in.
    pub language: Language,
}

/// Where the features of a page's blocks go, block by block.
pub trait BlockSink: Sink {
    /// All features of one block have been handed over.
    fn end_block(&mut self);
}

/// Turns blocks into vectors by a recipe.
#[derive(Clone, Debug)]
pub struct Vectorizer {
    recipe: Recipe,
    scales: Scales,
}

impl Vectorizer {
    /// A vectorizer for a recipe.
    ///
    /// # Errors
    /// [`Error::Option`] when the recipe is out of its ranges.
    pub fn new(recipe: Recipe) -> Result<Self> {
        recipe.validate()?;
        let length = recipe.lengths.iter().map(|length| length * length).sum::<f32>().sqrt();
        let scales = Scales::new(recipe.lengths.map(|group| group / length));
        Ok(Self { recipe, scales })
    }

    /// The recipe.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The vectors of a page's blocks in the columns of a vocabulary. Each row has a length of 1 at most.
    pub fn transform(&self, segmented: &Segmented, vocabulary: &Vocabulary) -> Vectors {
        let mut rows = SparseMatrix::new();
        rows.reserve(segmented.blocks.len());
        let (language, facts) = self.for_each_row(segmented, vocabulary, |row| rows.push_row(row));
        Vectors { rows, facts, language }
    }

    /// Hands over each row that [`Vectorizer::transform`] would give, in order; returns the page's language and the blocks' facts.
    pub fn for_each_row(
        &self,
        segmented: &Segmented,
        vocabulary: &Vocabulary,
        take: impl FnMut(Row<'_>),
    ) -> (Language, Vec<BlockFacts>) {
        self.visit(segmented, &mut RowSink::new(&self.scales, vocabulary, take))
    }

    /// Hands over all features of all blocks, in order; returns the page's language and the blocks' facts.
    pub fn visit<S: BlockSink>(&self, segmented: &Segmented, sink: &mut S) -> (Language, Vec<BlockFacts>) {
        let blocks = &segmented.blocks;
        let language = page_language(segmented);
        let mut terms = PageTerms::new(blocks.iter().map(|block| block.text.as_str()));
        let (head, tail) = (self.recipe.head_tokens, self.recipe.tail_tokens);
        terms.find_stems(language, head.max(STEMS_FOR_OTHERS), tail);
        let shapes: Vec<Shape> = blocks
            .iter()
            .enumerate()
            .map(|(at, block)| Shape::of(&block.text, terms.tokens(at)))
            .collect();
        let context = Context::new(&terms, &shapes);
        let structure = Structure::new(segmented.document.as_ref(), blocks, &terms, &shapes, &context);
        let mut chosen = Chosen {
            lengths: &self.recipe.lengths,
            sink,
        };
        let mut hashes = Vec::new();
        for (at, shape) in shapes.iter().enumerate() {
            self.word_ngrams(&terms, at, &mut hashes, &mut chosen);
            self.char_ngrams(&terms, at, &mut chosen);
            shape.features(&mut chosen);
            context.features(at, &mut chosen);
            if let Some(structure) = &structure {
                structure.features(at, &mut chosen);
            }
            chosen.sink.end_block();
        }
        (language, facts(segmented, &shapes, &context, structure.as_ref()))
    }

    fn word_ngrams<S: Sink>(&self, terms: &PageTerms, block: usize, hashes: &mut Vec<u64>, sink: &mut S) {
        if self.recipe.lengths[Group::Words.index()] == 0.0 {
            return;
        }
        let tokens = terms.tokens(block);
        let (head, tail) = (self.recipe.head_tokens, self.recipe.tail_tokens);
        let longest = self.recipe.word_ngrams;
        if tokens.len() <= head + tail {
            word_ngrams_of(terms, tokens, longest, (true, true), hashes, sink);
        } else {
            word_ngrams_of(terms, &tokens[..head], longest, (true, false), hashes, sink);
            word_ngrams_of(
                terms,
                &tokens[tokens.len() - tail..],
                longest,
                (false, true),
                hashes,
                sink,
            );
        }
    }

    fn char_ngrams<S: Sink>(&self, terms: &PageTerms, block: usize, sink: &mut S) {
        if self.recipe.lengths[Group::Characters.index()] == 0.0 {
            return;
        }
        let tokens = terms.tokens(block);
        let count = self.recipe.char_words;
        let tail = tokens.len().saturating_sub(count).max(count);
        for (at, token) in tokens.iter().enumerate() {
            if token.kind != TokenKind::Word || (at >= count && at < tail) {
                continue;
            }
            char_ngrams_of(terms, token, self.recipe.char_ngrams, sink);
        }
    }
}

const START: &str = "<s>";
const END: &str = "</s>";
const START_HASH: u64 = hash_bytes(START.as_bytes());
const END_HASH: u64 = hash_bytes(END.as_bytes());
/// Tokens at the start of a block whose stems others than its own n-grams ask for: headings and neighbours.
const STEMS_FOR_OTHERS: usize = 12;
const WORDS: Family = Family::new("word", Group::Words);
const CHARACTERS: Family = Family::new("char", Group::Characters);

/// The word n-grams of a run of tokens, up to the `longest`, with marks where it `opens` and `closes` the block; `hashes` is scratch.
#[inline]
pub(crate) fn word_ngrams_of<S: Sink>(
    terms: &PageTerms,
    tokens: &[Token],
    longest: usize,
    (opens, closes): (bool, bool),
    hashes: &mut Vec<u64>,
    sink: &mut S,
) {
    hashes.clear();
    hashes.extend(opens.then_some(START_HASH));
    let first = hashes.len();
    hashes.extend(tokens.iter().map(|token| token.stem));
    let end = hashes.len();
    hashes.extend(closes.then_some(END_HASH));
    let spell = |range: std::ops::Range<usize>| {
        let words: Vec<String> = range
            .map(|at| match at.checked_sub(first).map(|at| tokens.get(at)) {
                None => START.to_owned(),
                Some(Some(token)) => terms.stem(token),
                Some(None) => END.to_owned(),
            })
            .collect();
        words.join(" ")
    };
    for (at, a) in hashes.iter().copied().enumerate() {
        if at >= first && at < end {
            sink.add(&WORDS, WORDS.hash1(a), || spell(at..at + 1));
        }
        if longest >= 2
            && let Some(b) = hashes.get(at + 1).copied()
        {
            sink.add(&WORDS, WORDS.hash2(a, b), || spell(at..at + 2));
            if longest >= 3
                && let Some(c) = hashes.get(at + 2).copied()
            {
                sink.add(&WORDS, WORDS.hash3(a, b, c), || spell(at..at + 3));
            }
        }
    }
}

/// The n-grams of `size` characters of a token, with `_` at both ends of it.
#[inline]
pub(crate) fn char_ngrams_of<S: Sink>(terms: &PageTerms, token: &Token, size: usize, sink: &mut S) {
    let padded = Padded::new(terms.spelling_bytes(token));
    padded.windows(size, |window| {
        sink.add(&CHARACTERS, CHARACTERS.hash1(hash_bytes(window)), || {
            String::from_utf8_lossy(window).into_owned()
        });
    });
}

/// A word with `_` at both ends, on the stack: a token has [`crate::analyzer::LONGEST_TOKEN`] bytes at most.
struct Padded {
    bytes: [u8; crate::analyzer::LONGEST_TOKEN + 2],
    length: usize,
}

impl Padded {
    fn new(word: &[u8]) -> Self {
        let mut bytes = [b'_'; crate::analyzer::LONGEST_TOKEN + 2];
        bytes[1..=word.len()].copy_from_slice(word);
        Self {
            bytes,
            length: word.len() + 2,
        }
    }

    /// Calls `window` with the bytes of every run of `size` characters, or with the whole if it is shorter.
    fn windows(&self, size: usize, mut window: impl FnMut(&[u8])) {
        let bytes = &self.bytes[..self.length];
        if bytes.is_ascii() && bytes.len() >= size {
            // the usual size has code of its own, in which nothing depends on it
            if size == 4 {
                bytes
                    .windows(4)
                    .filter_map(<[u8]>::first_chunk::<4>)
                    .for_each(|four| window(four));
            } else {
                bytes.windows(size).for_each(window);
            }
            return;
        }
        let Ok(text) = std::str::from_utf8(bytes) else { return };
        let mut ends = text
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .skip(size - 1)
            .peekable();
        if ends.peek().is_none() {
            window(bytes);
            return;
        }
        for ((start, _), end) in text.char_indices().zip(ends) {
            window(&bytes[start..end]);
        }
    }
}

/// Passes on the features of the groups that the recipe has.
struct Chosen<'a, S> {
    lengths: &'a [f32; Group::ALL.len()],
    sink: &'a mut S,
}

impl<S: Sink> Sink for Chosen<'_, S> {
    #[inline]
    fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
        if self.lengths[family.group.index()] > 0.0 {
            self.sink.add(family, hash, spell);
        }
    }

    #[inline(always)]
    fn add_steps<const PARTS: usize>(&mut self, family: &'static Family, steps: [usize; PARTS]) {
        if self.lengths[family.group.index()] > 0.0 {
            self.sink.add_steps(family, steps);
        }
    }
}

/// Makes rows: looks features up, counts each column once, scales each group to its length, and hands each row to `take`.
pub(crate) struct RowSink<'a, T> {
    scales: &'a Scales,
    vocabulary: &'a Vocabulary,
    take: T,
    /// The features of the block at hand, by group.
    features: [Features; Group::ALL.len()],
    /// The row of the block at hand.
    columns: Vec<u32>,
    groups: Vec<(usize, f32)>,
    /// Which columns the block at hand has.
    seen: Seen,
}

/// Columns that were found in a block.
#[derive(Default)]
struct Seen {
    /// By column: the block that it was found in last, by `mark`.
    marks: Vec<u8>,
    mark: u8,
}

thread_local! {
    /// That of the page before: it is as large as the vocabulary, which takes longer to clear than a short page takes.
    static SEEN: RefCell<Seen> = RefCell::default();
}

impl Seen {
    /// Begins a block.
    fn clear(&mut self) {
        self.mark = self.mark.checked_add(1).unwrap_or_else(|| {
            self.marks.fill(0);
            1
        });
    }

    /// Adds a column, which has a mark; returns whether it is new to the block.
    #[inline(always)]
    fn insert(&mut self, column: usize) -> bool {
        let mark = &mut self.marks[column];
        let is_new = *mark != self.mark;
        *mark = self.mark;
        is_new
    }
}

impl<T> Drop for RowSink<'_, T> {
    fn drop(&mut self) {
        SEEN.set(std::mem::take(&mut self.seen));
    }
}

/// The value of a feature by its group, and by how many features of that group the block has.
#[derive(Clone, Debug)]
pub(crate) struct Scales {
    /// Length of each group's part of a vector.
    lengths: [f32; Group::ALL.len()],
    /// The values for the usual numbers of features, from none on; a square root and a division for each would take as long as the sums.
    usual: Vec<[f32; Group::ALL.len()]>,
}

/// Features of a group that a block has at most, for nearly all blocks.
const USUAL_FEATURES: usize = 128;

impl Scales {
    /// The values with which the groups' parts of a vector have these lengths.
    pub fn new(lengths: [f32; Group::ALL.len()]) -> Self {
        let usual = (0..USUAL_FEATURES)
            .map(|features| lengths.map(|length| length / (features.max(1) as f32).sqrt()))
            .collect();
        Self { lengths, usual }
    }

    #[inline]
    fn of(&self, group: usize, features: usize) -> f32 {
        let usual = self.usual.get(features).map(|values| values[group]);
        usual.unwrap_or_else(|| self.lengths[group] / (features as f32).sqrt())
    }
}

/// The features of one group that a block has.
#[derive(Default)]
struct Features {
    /// Hashes of those that can come again, and are looked up all together.
    hashes: Vec<u64>,
    /// Columns of those that a block has once.
    steps: Vec<u32>,
}

impl<'a, T: FnMut(Row<'_>)> RowSink<'a, T> {
    /// A sink that scales the groups so.
    pub fn new(scales: &'a Scales, vocabulary: &'a Vocabulary, take: T) -> Self {
        let mut seen = SEEN.take();
        // the last one is for those that have no column
        if seen.marks.len() <= vocabulary.len() {
            seen.marks.resize(vocabulary.len() + 1, 0);
        }
        Self {
            scales,
            vocabulary,
            take,
            features: Default::default(),
            columns: Vec::new(),
            groups: Vec::new(),
            seen,
        }
    }
}

impl<T: FnMut(Row<'_>)> Sink for RowSink<'_, T> {
    #[inline]
    fn add(&mut self, family: &'static Family, hash: u64, _: impl FnOnce() -> String) {
        self.features[family.group.index()].hashes.push(hash);
    }

    #[inline(always)]
    fn add_steps<const PARTS: usize>(&mut self, family: &'static Family, steps: [usize; PARTS]) {
        let column = self.vocabulary.step_column(family, steps);
        self.features[family.group.index()].steps.push(column);
    }
}

impl<T: FnMut(Row<'_>)> BlockSink for RowSink<'_, T> {
    fn end_block(&mut self) {
        self.seen.clear();
        let none = self.vocabulary.len() as u32;
        self.seen.insert(none as usize);
        self.columns.clear();
        self.groups.clear();
        for (group, features) in self.features.iter_mut().enumerate() {
            let count = features.hashes.len() + features.steps.len();
            if count == 0 {
                continue;
            }
            // no branch depends on what is found: half of the features are not, in no order that could be foreseen
            self.columns.extend(features.hashes.drain(..).map(|hash| {
                let column = self.vocabulary.column_or_none(hash).min(none);
                if self.seen.insert(column as usize) {
                    column
                } else {
                    none
                }
            }));
            self.columns
                .extend(features.steps.drain(..).map(|column| column.min(none)));
            self.groups.push((self.columns.len(), self.scales.of(group, count)));
        }
        (self.take)(Row {
            columns: &self.columns,
            groups: &self.groups,
            none,
        });
    }
}

/// Bytes of a page's longest blocks from which its language is told (chosen: enough for any detector, and bounds the cost).
const LANGUAGE_BYTES: usize = 320;

/// Blocks that are looked at for that (chosen).
const LANGUAGE_BLOCKS: usize = 8;

/// The language of a page: by its longest blocks; for HTML without enough text by its `lang`.
fn page_language(segmented: &Segmented) -> Language {
    let mut longest: Vec<(std::cmp::Reverse<usize>, usize)> = segmented
        .blocks
        .iter()
        .enumerate()
        .map(|(at, block)| (std::cmp::Reverse(block.text.len()), at))
        .collect();
    if longest.len() > LANGUAGE_BLOCKS {
        longest.select_nth_unstable(LANGUAGE_BLOCKS);
        longest.truncate(LANGUAGE_BLOCKS);
    }
    longest.sort_unstable();
    let mut sample = String::with_capacity(LANGUAGE_BYTES + LANGUAGE_BLOCKS);
    for (_, at) in longest {
        let text = segmented.blocks[at].text.as_str();
        let room = LANGUAGE_BYTES.saturating_sub(sample.len());
        let end = (0..=room.min(text.len()))
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        sample.push_str(&text[..end]);
        sample.push(' ');
    }
    match Language::detect(&sample) {
        Language::UNKNOWN => segmented
            .document
            .as_ref()
            .and_then(|document| document.lang.as_deref())
            .and_then(Language::from_tag)
            .unwrap_or(Language::UNKNOWN),
        found => found,
    }
}

fn facts(segmented: &Segmented, shapes: &[Shape], context: &Context, structure: Option<&Structure>) -> Vec<BlockFacts> {
    let mut groups: HashedMap<u32> = HashedMap::default();
    let mut number = |key: u64| {
        let next = groups.len() as u32;
        *groups.entry(key).or_insert(next)
    };
    let document = segmented.document.as_ref();
    segmented
        .blocks
        .iter()
        .zip(shapes)
        .enumerate()
        .map(|(at, (block, shape))| {
            let (path_group, parent_group) = match (document, &block.markup) {
                (Some(document), Some(markup)) => {
                    let parent = document
                        .element(markup.container)
                        .parent
                        .map_or(0, |parent| parent.index() as u64 + 1);
                    let path = number(markup.path);
                    (path, number(GROUP_PARENT.hash1(parent)))
                }
                _ => (at as u32, at as u32),
            };
            BlockFacts {
                words: shape.words,
                path_group,
                parent_group,
                heading: context.heading(at).map(|heading| heading as u32),
                twin: context.twin(at).map(|twin| twin as u32),
                measures: measures(shape, context, structure, at),
            }
        })
        .collect()
}

/// The measures of one block, in the order of [`measure_names`].
fn measures(shape: &Shape, context: &Context, structure: Option<&Structure>, block: usize) -> [f32; MEASURES] {
    let mut all = [0.0; MEASURES];
    let (shaped, rest) = all.split_at_mut(shape::MEASURES.len());
    let (around, marked) = rest.split_at_mut(context::MEASURES.len());
    shaped.copy_from_slice(&shape.measures());
    around.copy_from_slice(&context.measures(block));
    if let Some(structure) = structure {
        marked.copy_from_slice(&structure.measures(block));
    }
    all
}

const GROUP_PARENT: Family = Family::new("parent", Group::Containers);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Page, PageKind};
    use crate::segment::{Split, segment};

    struct Spellings(Vec<Vec<String>>);

    impl Sink for Spellings {
        fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
            let spelling = format!("{}={}", family.name, spell());
            assert_eq!(crate::vocabulary::hash_of_spelling(&spelling), hash, "{spelling}");
            self.0.last_mut().unwrap().push(spelling);
        }
    }

    impl BlockSink for Spellings {
        fn end_block(&mut self) {
            self.0.push(Vec::new());
        }
    }

    fn segmented(kind: PageKind, text: &str) -> Segmented {
        segment(&Page::from_text("-", text.to_owned(), Some(kind)).unwrap(), Split::Auto)
    }

    fn spellings(recipe: Recipe, text: &str) -> Vec<Vec<String>> {
        let mut sink = Spellings(vec![Vec::new()]);
        Vectorizer::new(recipe)
            .unwrap()
            .visit(&segmented(PageKind::Text, text), &mut sink);
        sink.0
    }

    #[test]
    fn word_ngrams_have_marks_at_the_ends_of_the_block() {
        let recipe = Recipe {
            word_ngrams: 3,
            ..Recipe::default()
        };
        let found = &spellings(recipe, "Read more")[0];
        for wanted in [
            "word=read",
            "word=<s> read",
            "word=<s> read more",
            "word=read more </s>",
            "word=more </s>",
        ] {
            assert!(found.iter().any(|feature| feature == wanted), "{wanted}: {found:?}");
        }
        assert!(!found.iter().any(|feature| feature == "word=<s>"));
    }

    #[test]
    fn only_head_and_tail_of_a_long_block_count() {
        let recipe = Recipe {
            head_tokens: 2,
            tail_tokens: 1,
            ..Recipe::default()
        };
        let found = &spellings(recipe, "alpha beta gamma delta epsilon")[0];
        assert!(found.contains(&"word=alpha beta".to_owned()) && found.contains(&"word=epsilon </s>".to_owned()));
        assert!(
            !found
                .iter()
                .any(|feature| feature.contains("gamma") && feature.starts_with("word="))
        );
    }

    #[test]
    fn character_ngrams_are_padded_and_cut_at_characters() {
        let recipe = Recipe {
            char_ngrams: 3,
            ..Recipe::default()
        };
        let found = &spellings(recipe, "süß")[0];
        let chars: Vec<&str> = found
            .iter()
            .filter_map(|feature| feature.strip_prefix("char="))
            .collect();
        assert_eq!(chars, ["_sü", "süß", "üß_"]);
    }

    #[test]
    fn a_group_of_length_zero_is_left_out() {
        let recipe = Recipe::default().without(&[Group::Shape]);
        assert!(
            !spellings(recipe, "Read more")[0]
                .iter()
                .any(|feature| feature.starts_with("length="))
        );
    }

    #[test]
    fn a_column_is_counted_once_a_block_on_a_page_of_any_length() {
        static WORD: Family = Family::new("w", Group::Words);
        let (scales, vocabulary) = (Scales::new([1.0; Group::ALL.len()]), Vocabulary::new(["w=a", "w=b"]));
        let mut rows = SparseMatrix::new();
        let mut sink = RowSink::new(&scales, &vocabulary, |row| rows.push_row(row));
        let hash = |word| WORD.hash1(crate::vocabulary::part(word));
        // marks of blocks are bytes, and begin anew
        for block in 0..600 {
            for word in ["a", "x", "a", if block % 300 == 0 { "b" } else { "a" }] {
                sink.add(&WORD, hash(word), || word.to_owned());
            }
            sink.end_block();
        }
        drop(sink);
        for block in 0..600 {
            let wanted: &[u32] = if block % 300 == 0 { &[0, 1] } else { &[0] };
            assert_eq!(rows.row(block).0, wanted, "block {block}");
        }
    }

    #[test]
    fn a_row_as_it_comes_has_the_entries_of_a_row_that_is_kept() {
        let page = Page::from_text(
            "-",
            "A boat waits by a boat\n\nRead more".to_owned(),
            Some(PageKind::Text),
        )
        .unwrap();
        let segmented = segment(&page, Split::Auto);
        let vocabulary = Vocabulary::new(["word=boat", "word=read", "length=3", "word=read more"]);
        let vectorizer = Vectorizer::new(Recipe::default()).unwrap();
        let rows = vectorizer.transform(&segmented, &vocabulary).rows;
        assert_eq!(rows.rows(), 2);
        let (mut row_number, mut kept) = (0, 0);
        vectorizer.for_each_row(&segmented, &vocabulary, |row| {
            let (columns, values) = rows.row(row_number);
            let entries: Vec<(u32, f32)> = columns.iter().copied().zip(values.iter().copied()).collect();
            assert_eq!(row.entries().collect::<Vec<_>>(), entries);
            assert_eq!(row.is_empty(), entries.is_empty());
            kept += entries.len();
            row_number += 1;
        });
        assert!(kept >= 3, "{kept}");
    }

    #[test]
    fn rows_are_never_longer_than_one() {
        let text =
            "Home\n\nThe council met on Tuesday and voted to close the bridge.\n\nhome home home home\n\n相关新闻";
        let mut sink = Spellings(vec![Vec::new()]);
        let vectorizer = Vectorizer::new(Recipe::default()).unwrap();
        let page = segmented(PageKind::Text, text);
        vectorizer.visit(&page, &mut sink);
        let mut all: Vec<String> = sink.0.concat();
        all.sort();
        all.dedup();
        let vectors = vectorizer.transform(&page, &Vocabulary::new(all));
        assert_eq!(vectors.rows.rows(), 4);
        for row in 0..vectors.rows.rows() {
            let length: f32 = vectors
                .rows
                .row(row)
                .1
                .iter()
                .map(|value| value * value)
                .sum::<f32>()
                .sqrt();
            assert!(length > 0.5 && length <= 1.0 + 1e-5, "{length}");
        }
    }

    #[test]
    fn a_group_that_comes_again_is_scaled_as_one_and_a_repeated_feature_stands_once() {
        static HEADING: Family = Family::new("h", Group::Heading);
        static ELEMENT: Family = Family::new("e", Group::Elements);
        let vocabulary = Vocabulary::new(["e=x", "h=x", "h=y"]);
        let mut rows = SparseMatrix::new();
        let scales = Scales::new([1.0; Group::ALL.len()]);
        let mut sink = RowSink::new(&scales, &vocabulary, |row| rows.push_row(row));
        let mut add = |family: &'static Family, word: &str| {
            sink.add(family, family.hash1(crate::vocabulary::part(word)), || word.to_owned());
        };
        add(&HEADING, "x");
        add(&ELEMENT, "x");
        add(&HEADING, "y");
        add(&HEADING, "y");
        add(&HEADING, "unknown");
        sink.end_block();
        sink.end_block();
        drop(sink);
        assert_eq!(rows.row(0), (&[1, 2, 0][..], &[0.5, 0.5, 1.0][..]));
        assert_eq!(rows.row(1), (&[][..], &[][..]));
    }

    #[test]
    fn a_smaller_vocabulary_changes_no_other_value() {
        let page = segmented(PageKind::Text, "Read more about it");
        let vectorizer = Vectorizer::new(Recipe::default()).unwrap();
        let value = |spellings: &[&str]| {
            let vocabulary = Vocabulary::new(spellings);
            vectorizer.transform(&page, &vocabulary).rows.row(0).1[0]
        };
        assert_eq!(value(&["word=read", "word=more"]), value(&["word=read"]));
    }

    #[test]
    fn a_recipe_out_of_range_is_refused() {
        assert!(
            Vectorizer::new(Recipe {
                word_ngrams: 4,
                ..Recipe::default()
            })
            .is_err()
        );
        assert!(
            Vectorizer::new(Recipe {
                lengths: [0.0; Group::ALL.len()],
                ..Recipe::default()
            })
            .is_err()
        );
    }
}
