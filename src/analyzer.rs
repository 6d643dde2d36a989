//! Text to terms: lower-cased tokens, their stems, and the language that decides which stemmer is used.
//!
//! Digits are written as `0`; a character of a script without spaces is a token of its own, so word n-grams are character n-grams there.

use crate::vocabulary::part;
use rust_stemmers::{Algorithm, Stemmer};
use std::cell::RefCell;
use std::ops::Range;

/// A language by its code of ISO 639-1 where there is one (ISO 639-3 otherwise); `und` when it is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Language(&'static str);

impl Language {
    /// The language that nothing is known of.
    pub const UNKNOWN: Self = Self("und");

    /// The code, such as `en`.
    pub fn code(self) -> &'static str {
        self.0
    }

    /// The language of a text: by its words, if they tell it well enough, else [`Language::UNKNOWN`].
    pub fn detect(text: &str) -> Self {
        match whatlang::detect(text) {
            Some(found) if found.is_reliable() || text.len() >= SURE_BYTES => Self(two_letter_code(found.lang())),
            Some(_) | None => Self::UNKNOWN,
        }
    }

    /// The language with this code or tag (`de`, `de-AT`), if it is one that is told apart here.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?.to_ascii_lowercase();
        whatlang::Lang::all()
            .iter()
            .map(|lang| two_letter_code(*lang))
            .find(|code| *code == primary)
            .map(Self)
    }

    fn algorithm(self) -> Option<Algorithm> {
        Some(match self.0 {
            "ar" => Algorithm::Arabic,
            "da" => Algorithm::Danish,
            "de" => Algorithm::German,
            "el" => Algorithm::Greek,
            "en" => Algorithm::English,
            "es" => Algorithm::Spanish,
            "fi" => Algorithm::Finnish,
            "fr" => Algorithm::French,
            "hu" => Algorithm::Hungarian,
            "it" => Algorithm::Italian,
            "nl" => Algorithm::Dutch,
            "no" => Algorithm::Norwegian,
            "pt" => Algorithm::Portuguese,
            "ro" => Algorithm::Romanian,
            "ru" => Algorithm::Russian,
            "sv" => Algorithm::Swedish,
            "ta" => Algorithm::Tamil,
            "tr" => Algorithm::Turkish,
            _ => return None,
        })
    }
}

/// Bytes of running text from which the most likely language is taken even when the detector is unsure (chosen).
const SURE_BYTES: usize = 200;

fn two_letter_code(lang: whatlang::Lang) -> &'static str {
    use whatlang::Lang;
    match lang {
        Lang::Afr => "af",
        Lang::Aka => "ak",
        Lang::Amh => "am",
        Lang::Ara => "ar",
        Lang::Aze => "az",
        Lang::Bel => "be",
        Lang::Ben => "bn",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        Lang::Ces => "cs",
        Lang::Cmn => "zh",
        Lang::Dan => "da",
        Lang::Deu => "de",
        Lang::Ell => "el",
        Lang::Eng => "en",
        Lang::Epo => "eo",
        Lang::Est => "et",
        Lang::Fin => "fi",
        Lang::Fra => "fr",
        Lang::Guj => "gu",
        Lang::Heb => "he",
        Lang::Hin => "hi",
        Lang::Hrv => "hr",
        Lang::Hun => "hu",
        Lang::Hye => "hy",
        Lang::Ind => "id",
        Lang::Ita => "it",
        Lang::Jav => "jv",
        Lang::Jpn => "ja",
        Lang::Kan => "kn",
        Lang::Kat => "ka",
        Lang::Khm => "km",
        Lang::Kor => "ko",
        Lang::Lat => "la",
        Lang::Lav => "lv",
        Lang::Lit => "lt",
        Lang::Mal => "ml",
        Lang::Mar => "mr",
        Lang::Mkd => "mk",
        Lang::Mya => "my",
        Lang::Nep => "ne",
        Lang::Nld => "nl",
        Lang::Nob => "no",
        Lang::Ori => "or",
        Lang::Pan => "pa",
        Lang::Pes => "fa",
        Lang::Pol => "pl",
        Lang::Por => "pt",
        Lang::Ron => "ro",
        Lang::Rus => "ru",
        Lang::Sin => "si",
        Lang::Slk => "sk",
        Lang::Slv => "sl",
        Lang::Sna => "sn",
        Lang::Spa => "es",
        Lang::Srp => "sr",
        Lang::Swe => "sv",
        Lang::Tam => "ta",
        Lang::Tel => "te",
        Lang::Tgl => "tl",
        Lang::Tha => "th",
        Lang::Tuk => "tk",
        Lang::Tur => "tr",
        Lang::Ukr => "uk",
        Lang::Urd => "ur",
        Lang::Uzb => "uz",
        Lang::Vie => "vi",
        Lang::Yid => "yi",
        Lang::Zul => "zu",
        // a language that a later version of the detector knows
        other => other.code(),
    }
}

/// What a token is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters.
    Word,
    /// Digits, perhaps with letters.
    Number,
    /// One character of a script that is written without spaces.
    Ideograph,
    /// One symbol or punctuation mark that carries meaning in short blocks.
    Symbol,
}

/// One token of a page.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// Hash of the lower-cased token.
    pub word: u64,
    /// Where it stands in [`PageTerms::lower`].
    pub start: u32,
    /// Its length in bytes, at most [`LONGEST_TOKEN`].
    pub length: u16,
    /// What it is made of.
    pub kind: TokenKind,
}

/// Bytes of a token that count; what follows is cut (chosen: no word is longer, addresses and binary data are).
pub const LONGEST_TOKEN: usize = 48;

/// The tokens of all blocks of a page.
#[derive(Debug)]
pub struct PageTerms {
    /// The language whose stemmer is used.
    pub language: Language,
    /// The lower-cased tokens, one behind the other.
    pub lower: String,
    tokens: Vec<Token>,
    ranges: Vec<Range<usize>>,
}

impl PageTerms {
    /// The tokens of all blocks of a page, in order.
    pub fn new<'a>(texts: impl Iterator<Item = &'a str>, language: Language) -> Self {
        let mut terms = Self {
            language,
            lower: String::new(),
            tokens: Vec::new(),
            ranges: Vec::new(),
        };
        for text in texts {
            let start = terms.tokens.len();
            terms.tokenize(text);
            terms.ranges.push(start..terms.tokens.len());
        }
        terms
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether the page has no block.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The tokens of a block.
    pub fn tokens(&self, block: usize) -> &[Token] {
        &self.tokens[self.ranges[block].clone()]
    }

    /// The lower-cased spelling of a token.
    pub fn spelling(&self, token: &Token) -> &str {
        &self.lower[token.start as usize..token.start as usize + usize::from(token.length)]
    }

    fn tokenize(&mut self, text: &str) {
        let mut chars = text.char_indices().peekable();
        while let Some((_, c)) = chars.next() {
            match class_of(c) {
                Class::Letter | Class::Digit => {
                    let start = self.lower.len();
                    let mut digits = false;
                    let mut current = c;
                    loop {
                        let class = class_of(current);
                        if self.lower.len() - start < LONGEST_TOKEN - 4 {
                            if class == Class::Digit {
                                digits = true;
                                self.lower.push('0');
                            } else {
                                push_lower(&mut self.lower, current);
                            }
                        }
                        match chars.peek() {
                            Some((_, next)) if matches!(class_of(*next), Class::Letter | Class::Digit) => {
                                current = *next;
                                chars.next();
                            }
                            // the apostrophe of "don't", whichever way it is typed
                            Some((at, '\'' | '’'))
                                if text[*at..].chars().nth(1).is_some_and(|c| class_of(c) == Class::Letter) =>
                            {
                                current = '\'';
                                chars.next();
                            }
                            _ => break,
                        }
                    }
                    self.push(start, if digits { TokenKind::Number } else { TokenKind::Word });
                }
                Class::Ideograph => {
                    let start = self.lower.len();
                    self.lower.push(c);
                    self.push(start, TokenKind::Ideograph);
                }
                Class::Symbol => {
                    let start = self.lower.len();
                    self.lower.push(c);
                    self.push(start, TokenKind::Symbol);
                }
                Class::Nothing => {}
            }
        }
    }

    fn push(&mut self, start: usize, kind: TokenKind) {
        let word = part(&self.lower[start..]);
        let length = self.lower.len() - start;
        self.tokens.push(Token {
            word,
            start: start as u32,
            length: length as u16,
            kind,
        });
    }

    /// Hash of the token's stem (of the token itself where the language has no stemmer or the token is no word).
    pub fn stem_hash(&self, token: &Token) -> u64 {
        let Some(algorithm) = self.language.algorithm().filter(|_| token.kind == TokenKind::Word) else {
            return token.word;
        };
        STEMS.with_borrow_mut(|stems| stems.hash(algorithm, self.language, token.word, Lowercase(self.spelling(token))))
    }

    /// The spelling of the token's stem.
    pub fn stem(&self, token: &Token) -> String {
        let spelling = self.spelling(token);
        match self.language.algorithm().filter(|_| token.kind == TokenKind::Word) {
            Some(algorithm) => stem(&Stemmer::create(algorithm), Lowercase(spelling)),
            None => spelling.to_owned(),
        }
    }
}

/// Text that is in lower case: rust-stemmers gives wrong stems for any other.
#[derive(Clone, Copy)]
struct Lowercase<'a>(&'a str);

fn stem(stemmer: &Stemmer, word: Lowercase<'_>) -> String {
    let stem = stemmer.stem(word.0);
    if stem.is_empty() {
        word.0.to_owned()
    } else {
        stem.into_owned()
    }
}

fn push_lower(to: &mut String, c: char) {
    if c.is_ascii() {
        to.push(c.to_ascii_lowercase());
    } else if c.is_uppercase() {
        to.extend(c.to_lowercase());
    } else {
        to.push(c);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Ideograph,
    Symbol,
    Nothing,
}

fn class_of(c: char) -> Class {
    if c.is_ascii() {
        return match c {
            'a'..='z' | 'A'..='Z' => Class::Letter,
            '0'..='9' => Class::Digit,
            '!' | '#' | '%' | '&' | '*' | '+' | '/' | ':' | '<' | '=' | '>' | '?' | '@' | '|' | '$' => Class::Symbol,
            _ => Class::Nothing,
        };
    }
    match c {
        // Hiragana, Katakana, CJK ideographs with extensions and compatibility forms
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}' => {
            Class::Ideograph
        }
        // Thai, Lao, Myanmar, Khmer
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Class::Ideograph,
        '©' | '®' | '…' | '»' | '«' | '›' | '‹' | '→' | '←' | '•' | '·' | '€' | '£' | '¥' | '▶' | '►' | '×' | '✓'
        | '★' | '☆' => Class::Symbol,
        '【' | '】' | '｜' | '：' | '？' | '！' | '《' | '》' => Class::Symbol,
        _ if c.is_alphabetic() || is_combining(c) => Class::Letter,
        _ if c.is_numeric() => Class::Digit,
        '\u{1f300}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' => Class::Symbol,
        _ => Class::Nothing,
    }
}

/// Marks that belong to the letter before them (combining diacritics, Indic vowel signs).
fn is_combining(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036f}' | '\u{0591}'..='\u{05c7}' | '\u{064b}'..='\u{065f}' | '\u{0900}'..='\u{0dff}')
}

/// Entries of the stem cache: 2^14 of 16 bytes stay in the second-level cache (chosen).
const STEM_CACHE: usize = 1 << 14;

/// Stem hashes of the words seen last, one entry a slot.
struct StemCache {
    slots: Vec<(u64, u64)>,
    stemmer: Option<(Language, Stemmer)>,
}

thread_local! {
    static STEMS: RefCell<StemCache> = RefCell::new(StemCache { slots: vec![(0, 0); STEM_CACHE], stemmer: None });
}

impl StemCache {
    fn hash(&mut self, algorithm: Algorithm, language: Language, word: u64, spelling: Lowercase<'_>) -> u64 {
        let code = language.code().as_bytes();
        let key = word ^ (u64::from(code[0]) << 8 | u64::from(code[1])).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let slot = (key >> 32) as usize % STEM_CACHE;
        if self.slots[slot].0 == key {
            return self.slots[slot].1;
        }
        let stemmer = match &self.stemmer {
            Some((known, stemmer)) if *known == language => stemmer,
            _ => &self.stemmer.insert((language, Stemmer::create(algorithm))).1,
        };
        let hash = part(&stem(stemmer, spelling));
        self.slots[slot] = (key, hash);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, language: &str) -> PageTerms {
        PageTerms::new(
            std::iter::once(text),
            Language::from_tag(language).unwrap_or(Language::UNKNOWN),
        )
    }

    fn spellings(text: &str) -> Vec<String> {
        let terms = terms(text, "und");
        terms
            .tokens(0)
            .iter()
            .map(|token| terms.spelling(token).to_owned())
            .collect()
    }

    #[test]
    fn tokens_are_lower_case_words_and_symbols_with_digits_as_zero() {
        assert_eq!(
            spellings("Don’t PAY €1,250 | ÄRGER…"),
            ["don't", "pay", "€", "0", "000", "|", "ärger", "…"]
        );
    }

    #[test]
    fn ideographs_are_tokens_of_their_own() {
        assert_eq!(spellings("相关新闻 abc"), ["相", "关", "新", "闻", "abc"]);
    }

    #[test]
    fn stems_follow_the_language() {
        let english = terms("Advertise advertised", "en");
        let stems: Vec<String> = english.tokens(0).iter().map(|token| english.stem(token)).collect();
        assert_eq!(stems, ["advertis", "advertis"]);
        let none = terms("Advertised", "zu");
        assert_eq!(none.stem(&none.tokens(0)[0]), "advertised");
    }

    #[test]
    fn the_cached_hash_is_that_of_the_stem() {
        for language in ["en", "de", "pl"] {
            let terms = terms("Nachrichten houses Wiadomości häuser nachrichten", language);
            for token in terms.tokens(0).iter().chain(terms.tokens(0)) {
                assert_eq!(terms.stem_hash(token), part(&terms.stem(token)));
            }
        }
    }

    #[test]
    fn an_endless_word_is_cut() {
        let long = "a".repeat(1000);
        assert!(spellings(&long)[0].len() <= LONGEST_TOKEN);
    }

    #[test]
    fn languages_are_detected_and_named() {
        assert_eq!(
            Language::detect("Der Rat hat am Dienstag über den neuen Haushalt der Stadt abgestimmt.").code(),
            "de"
        );
        assert_eq!(Language::detect("12345").code(), "und");
        assert_eq!(Language::from_tag("pt-BR").unwrap().code(), "pt");
        assert_eq!(Language::from_tag("tlh"), None);
    }
}
