//! Lines such as headlines to sparse vectors, by their words alone: n-grams of words and of the characters within words.
//!
//! Case, marks, length and the name of an outlet behind the line tell a publisher's style; they count only when a recipe asks for them.

use crate::analyzer::{PageTerms, Token, TokenKind};
use crate::error::{Error, Result};
use crate::vectorizer::{BlockSink, Row, RowSink, Scales, SparseMatrix, char_ngrams_of, word_ngrams_of};
use crate::vocabulary::{Family, Group, Sink, Vocabulary, number, number_spelling, part};
use serde::{Deserialize, Serialize};

/// What a line looks like besides its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Surface {
    /// How many of its words begin with a capital letter, and how many have no other letters.
    Case,
    /// Its punctuation marks and symbols.
    Punctuation,
    /// Its number of words.
    Length,
}

impl Surface {
    /// All of them in order.
    pub const ALL: [Self; 3] = [Self::Case, Self::Punctuation, Self::Length];

    /// The name in lower case, such as `case`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Punctuation => "punctuation",
            Self::Length => "length",
        }
    }

    /// The one with this name.
    ///
    /// # Errors
    /// [`Error::Option`] that lists the names when there is none.
    pub fn parse(name: &str) -> Result<Self> {
        let named = Self::ALL.into_iter().find(|surface| surface.as_str() == name);
        named.ok_or_else(|| Error::Option {
            option: "--surface",
            problem: format!(
                "there is no {name:?}; wanted some of {}",
                Self::ALL.map(Self::as_str).join(", ")
            ),
        })
    }
}

/// How lines become vectors; part of a model, so that training and scoring agree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineRecipe {
    /// Longest word n-gram, 1 to 3.
    pub word_ngrams: usize,
    /// Characters of a character n-gram, 2 to 8.
    pub char_ngrams: usize,
    /// Tokens at the start of a line that count, 1 to 1000.
    pub tokens: usize,
    /// Length of the word n-grams' part of the vector, 0 to 10; 0 leaves them out.
    pub word_length: f32,
    /// The same for the character n-grams.
    pub char_length: f32,
    /// What counts besides the words, each once.
    pub surface: Vec<Surface>,
}

impl Default for LineRecipe {
    /// What the shipped model uses (`models/README.md` has the measurements).
    fn default() -> Self {
        Self {
            word_ngrams: 3,
            char_ngrams: 4,
            tokens: 48,
            word_length: 2.0,
            char_length: 1.0,
            surface: Vec::new(),
        }
    }
}

/// Length of the surface's part of the vector, before all are scaled together (chosen: half of that of the character n-grams).
const SURFACE_LENGTH: f32 = 0.5;

impl LineRecipe {
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
        if !(1..=1000).contains(&self.tokens) {
            return wrong(format!("tokens is {}, wanted 1 to 1000", self.tokens));
        }
        let lengths = [self.word_length, self.char_length];
        if lengths.iter().any(|length| !(0.0..=10.0).contains(length)) || lengths == [0.0; 2] {
            return wrong(format!(
                "word_length and char_length are {lengths:?}, wanted 0 to 10 each and one above 0"
            ));
        }
        Ok(())
    }

    fn has(&self, surface: Surface) -> bool {
        self.surface.contains(&surface)
    }

    /// By group, what the length of its part of the vector is when the whole has length 1.
    fn scales(&self) -> [f32; Group::ALL.len()] {
        let mut scales = [0.0; Group::ALL.len()];
        scales[Group::Words.index()] = self.word_length;
        scales[Group::Characters.index()] = self.char_length;
        if !self.surface.is_empty() {
            scales[Group::Shape.index()] = SURFACE_LENGTH;
        }
        let length = scales.iter().map(|scale| scale * scale).sum::<f32>().sqrt();
        scales.map(|scale| scale / length)
    }
}

const CAPITALIZED: Family = Family::new("capitalized", Group::Shape);
const CAPITALS: Family = Family::new("capitals", Group::Shape);
const MARK: Family = Family::new("mark", Group::Shape);
const LENGTH: Family = Family::new("length", Group::Shape);

/// Steps in which the share of words with a capital letter is told (chosen).
const CAPITALIZED_STEPS: usize = 5;
/// Words in capitals from which all numbers are alike (chosen).
const MOST_CAPITALS: usize = 3;
/// Tokens from which all lengths are alike (chosen: headlines have fewer).
const MOST_LENGTH: usize = 25;

/// Turns lines into vectors by a recipe.
#[derive(Clone, Debug)]
pub struct LineVectorizer {
    recipe: LineRecipe,
    scales: Scales,
}

impl LineVectorizer {
    /// A vectorizer for a recipe.
    ///
    /// # Errors
    /// [`Error::Option`] when the recipe is out of its ranges.
    pub fn new(recipe: LineRecipe) -> Result<Self> {
        recipe.validate()?;
        let scales = Scales::new(recipe.scales());
        Ok(Self { recipe, scales })
    }

    /// The recipe.
    pub fn recipe(&self) -> &LineRecipe {
        &self.recipe
    }

    /// The vectors of lines in the columns of a vocabulary, shape (lines, columns). Each row has a length of 1 at most.
    pub fn transform(&self, lines: &[&str], vocabulary: &Vocabulary) -> SparseMatrix {
        let mut rows = SparseMatrix::new();
        self.for_each_row(lines, vocabulary, |row| rows.push_row(row));
        rows
    }

    /// Hands over each row that [`LineVectorizer::transform`] would give, in order.
    pub fn for_each_row(&self, lines: &[&str], vocabulary: &Vocabulary, take: impl FnMut(Row<'_>)) {
        self.visit(lines, &mut RowSink::new(&self.scales, vocabulary, take));
    }

    /// Hands over all features of all lines, in order.
    pub fn visit<S: BlockSink>(&self, lines: &[&str], sink: &mut S) {
        let terms = PageTerms::new(lines.iter().map(|line| without_outlet(line)));
        let (mut hashes, mut counted) = (Vec::new(), Vec::new());
        let keeps_symbols = self.recipe.has(Surface::Punctuation);
        for (at, line) in lines.iter().enumerate() {
            let tokens = terms.tokens(at).iter();
            counted.clear();
            counted.extend(
                tokens
                    .filter(|token| keeps_symbols || token.kind != TokenKind::Symbol)
                    .take(self.recipe.tokens),
            );
            if !counted.is_empty() {
                self.features(&terms, &counted, line, &mut hashes, sink);
            }
            sink.end_block();
        }
    }

    fn features<S: Sink>(&self, terms: &PageTerms, tokens: &[Token], line: &str, hashes: &mut Vec<u64>, sink: &mut S) {
        if self.recipe.word_length > 0.0 {
            word_ngrams_of(terms, tokens, self.recipe.word_ngrams, (true, true), hashes, sink);
        }
        if self.recipe.char_length > 0.0 {
            for token in tokens.iter().filter(|token| token.kind == TokenKind::Word) {
                char_ngrams_of(terms, token, self.recipe.char_ngrams, sink);
            }
        }
        for surface in &self.recipe.surface {
            match surface {
                Surface::Case => case_features(without_outlet(line), sink),
                Surface::Punctuation => mark_features(without_outlet(line), sink),
                Surface::Length => {
                    let count = tokens.len().min(MOST_LENGTH);
                    sink.add(&LENGTH, LENGTH.hash1(number(count)), || number_spelling(count));
                }
            }
        }
    }
}

fn case_features<S: Sink>(line: &str, sink: &mut S) {
    let words = || line.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty());
    let count = words().count();
    let capitalized = words().filter(|word| word.starts_with(char::is_uppercase)).count();
    let capitals = words().filter(|word| word.chars().nth(1).is_some() && word.chars().all(char::is_uppercase));
    let step = CAPITALIZED_STEPS * capitalized / count.max(1);
    let capitals = capitals.count().min(MOST_CAPITALS);
    sink.add(&CAPITALIZED, CAPITALIZED.hash1(number(step)), || number_spelling(step));
    sink.add(&CAPITALS, CAPITALS.hash1(number(capitals)), || {
        number_spelling(capitals)
    });
}

fn mark_features<S: Sink>(line: &str, sink: &mut S) {
    let mut buffer = [0; 4];
    for mark in line
        .chars()
        .filter(|c| !c.is_alphanumeric() && !c.is_whitespace() && !c.is_control())
    {
        let mark: &str = mark.encode_utf8(&mut buffer);
        sink.add(&MARK, MARK.hash1(part(mark)), || mark.to_owned());
    }
}

/// Words that the name of an outlet behind a headline has at most (chosen: "The New York Times").
const MOST_OUTLET_WORDS: usize = 4;
/// Words that must stand before it (chosen: what is left is still a line).
const FEWEST_WORDS_BEFORE: usize = 3;
/// Marks between a headline and its outlet, with a space on both sides.
const OUTLET_MARKS: [char; 6] = ['|', '-', '–', '—', '·', '•'];

/// The line without the outlet or section names that may stand behind it: `Council approves budget | Ellingham Post`.
fn without_outlet(line: &str) -> &str {
    let mut line = line;
    while let Some(before) = before_outlet(line) {
        line = before;
    }
    line
}

fn before_outlet(line: &str) -> Option<&str> {
    let mark = line
        .char_indices()
        .rev()
        .find(|(at, c)| OUTLET_MARKS.contains(c) && stands_apart(line, *at, c.len_utf8()))?;
    let (before, behind) = (
        line[..mark.0].trim_end(),
        line[mark.0 + mark.1.len_utf8()..].trim_start(),
    );
    let is_name = behind.starts_with(char::is_alphabetic)
        && behind.split_whitespace().nth(MOST_OUTLET_WORDS).is_none()
        && before.split_whitespace().nth(FEWEST_WORDS_BEFORE - 1).is_some();
    is_name.then_some(before)
}

/// Whether the mark of `size` bytes at a byte of the line has a space on both sides.
fn stands_apart(line: &str, at: usize, size: usize) -> bool {
    let is_space = |byte: Option<&u8>| byte == Some(&b' ');
    let bytes = line.as_bytes();
    at > 0 && is_space(bytes.get(at - 1)) && is_space(bytes.get(at + size))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn spellings(surface: &[Surface], line: &str) -> Vec<String> {
        let recipe = LineRecipe {
            surface: surface.to_vec(),
            ..LineRecipe::default()
        };
        let mut sink = Spellings(vec![Vec::new()]);
        LineVectorizer::new(recipe).unwrap().visit(&[line], &mut sink);
        sink.0.swap_remove(0)
    }

    #[test]
    fn words_and_their_characters_count_with_marks_at_both_ends() {
        let found = spellings(&[], "This is why");
        for wanted in [
            "word=<s> this",
            "word=this is",
            "word=why",
            "word=why </s>",
            "char=_thi",
            "char=why_",
        ] {
            assert!(found.iter().any(|feature| feature == wanted), "{wanted}: {found:?}");
        }
    }

    #[test]
    fn case_marks_and_the_outlet_make_no_difference() {
        let plain = spellings(&[], "ten halls you will love");
        for other in [
            "Ten Halls You Will Love!",
            "TEN HALLS YOU WILL LOVE",
            "Ten halls you will love | Harbour Post",
            "Ten halls you will love? - The Ellingham Evening Post",
            "“Ten halls” you will love — Culture | Harbour Post",
        ] {
            assert_eq!(spellings(&[], other), plain, "{other}");
        }
    }

    #[test]
    fn what_stands_behind_a_mark_is_an_outlet_only_if_it_is_short_and_enough_stands_before() {
        for whole in [
            "Ferry late - again",
            "Council approves budget - and this is what it means",
            "Rovers beat United 3 - 2",
            "A well-known harbour-side hall",
        ] {
            assert_eq!(without_outlet(whole), whole);
        }
        assert_eq!(
            without_outlet("Council approves budget - Post"),
            "Council approves budget"
        );
    }

    #[test]
    fn each_surface_adds_its_features_and_no_other() {
        let line = "Ten HALLS you love!";
        let plain = spellings(&[], line);
        let added = |surface: Surface| -> Vec<String> {
            let found = spellings(&[surface], line);
            found.into_iter().filter(|feature| !plain.contains(feature)).collect()
        };
        assert_eq!(added(Surface::Case), ["capitalized=2", "capitals=1"]);
        assert_eq!(added(Surface::Length), ["length=4"]);
        let marks = added(Surface::Punctuation);
        assert!(
            marks.contains(&"mark=!".to_owned()) && marks.contains(&"word=love !".to_owned()),
            "{marks:?}"
        );
    }

    #[test]
    fn a_line_without_words_has_no_features() {
        assert!(spellings(&[], "").is_empty());
        assert!(spellings(&[], " *** ").is_empty());
        assert!(spellings(&[Surface::Length, Surface::Case], "...").is_empty());
    }

    #[test]
    fn only_the_first_tokens_of_a_line_count() {
        let long = "word ".repeat(100);
        assert_eq!(spellings(&[], &long), spellings(&[], &"word ".repeat(48)));
    }

    #[test]
    fn rows_have_a_length_of_one() {
        let vectorizer = LineVectorizer::new(LineRecipe::default()).unwrap();
        let mut sink = Spellings(vec![Vec::new()]);
        vectorizer.visit(&["This is why"], &mut sink);
        let mut all = sink.0.concat();
        all.sort();
        all.dedup();
        let rows = vectorizer.transform(&["This is why", ""], &Vocabulary::new(all));
        let length = |row: usize| rows.row(row).1.iter().map(|value| value * value).sum::<f32>().sqrt();
        assert!((length(0) - 1.0).abs() < 1e-5, "{}", length(0));
        assert_eq!(length(1), 0.0);
    }

    #[test]
    fn a_recipe_out_of_range_is_refused() {
        for recipe in [
            LineRecipe {
                word_ngrams: 4,
                ..LineRecipe::default()
            },
            LineRecipe {
                char_ngrams: 1,
                ..LineRecipe::default()
            },
            LineRecipe {
                tokens: 0,
                ..LineRecipe::default()
            },
            LineRecipe {
                word_length: 0.0,
                char_length: 0.0,
                ..LineRecipe::default()
            },
        ] {
            assert!(LineVectorizer::new(recipe).is_err());
        }
    }

    #[test]
    fn surfaces_are_found_by_their_names_and_others_are_refused() {
        for surface in Surface::ALL {
            assert_eq!(Surface::parse(surface.as_str()).unwrap(), surface);
        }
        let message = Surface::parse("colour").unwrap_err().to_string();
        assert!(message.contains("case, punctuation, length"), "{message}");
    }
}
