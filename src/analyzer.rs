//! Text to terms: lower-cased tokens, their stems, and the language that decides which stemmer is used.
//!
//! Digits are written as `0`; a character of a script without spaces is a token of its own, so word n-grams are character n-grams there.

use crate::ascii::{Bytes, TOGETHER, bits};
use crate::vocabulary::{hash_bytes, part};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};
use rust_stemmers::{Algorithm, Stemmer};
use std::cell::RefCell;

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
        if is_plainly_english(text) {
            return Self("en");
        }
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

/// Common words of English that other languages lack or use seldom.
const ENGLISH_WORDS: [&str; 32] = [
    "the", "of", "and", "to", "is", "for", "that", "was", "with", "are", "from", "this", "have", "has", "by", "you",
    "your", "his", "they", "will", "which", "not", "be", "been", "or", "their", "who", "its", "but", "about", "what",
    "were",
];
/// The places of "the" and "and", which Dutch and Danish lack; they share many of the others.
const THE_OR_AND: u32 = 0b101;
/// Words from which a text can be plainly English (chosen).
const PLAIN_WORDS: usize = 12;

/// Whether a text need not be shown to the detector, which takes a tenth of a millisecond: a tenth of its words are common
/// ones of English, three different ones at least, "the" or "and" among them. (It was so for 4,042 of 6,698 real pages in
/// 30 languages; the detector thought otherwise of five: three English ones, and two in English and German.)
fn is_plainly_english(text: &str) -> bool {
    let (mut words, mut common, mut seen) = (0usize, 0usize, 0u32);
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    for word in text
        .as_bytes()
        .split(|byte| !is_letter(byte))
        .filter(|word| !word.is_empty())
    {
        words += 1;
        let known = |known: &&str| word.eq_ignore_ascii_case(known.as_bytes());
        if let Some(at) = ENGLISH_WORDS.iter().position(known) {
            common += 1;
            seen |= 1 << at;
        }
    }
    words >= PLAIN_WORDS && common * 10 >= words && seen.count_ones() >= 3 && seen & THE_OR_AND != 0
}

/// The letters and digits of a text in lower case: those of two texts are the same when these differ in spaces, case and punctuation only.
pub fn letters(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

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
    /// Hash of its stem; of the token itself where the language has no stemmer, the token is no word, or no stem was asked for.
    pub stem: u64,
    /// Where its spelling starts among those of the page.
    start: u32,
    /// Its length in bytes, at most [`LONGEST_TOKEN`].
    pub length: u16,
    /// What it is made of.
    pub kind: TokenKind,
}

/// Bytes of a token that count; what follows is cut (chosen: no word is longer, addresses and binary data are).
pub const LONGEST_TOKEN: usize = 48;

/// A text is mostly ASCII when at most one in as many bytes is not (chosen: text in Latin scripts is, other text is not).
const MOSTLY_ASCII: usize = 8;

/// Bytes of text from one token to the next, about.
const USUAL_TOKEN: usize = 5;

/// The tokens of all blocks of a page.
#[derive(Debug)]
pub struct PageTerms {
    language: Language,
    /// The lower-cased tokens, one behind the other, in UTF-8.
    lower: Vec<u8>,
    tokens: Vec<Token>,
    /// By block: where its tokens end.
    ends: Vec<u32>,
}

impl PageTerms {
    /// The tokens of all blocks of a page, in order, without stems.
    pub fn new<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> Self {
        let (blocks, bytes) = texts
            .clone()
            .fold((0, 0), |(blocks, bytes), text| (blocks + 1, bytes + text.len()));
        let mut terms = Self {
            language: Language::UNKNOWN,
            lower: Vec::with_capacity(bytes + size_of::<u64>()),
            tokens: Vec::with_capacity(bytes / USUAL_TOKEN),
            ends: Vec::with_capacity(blocks),
        };
        dispatch!(Level::new(), simd => terms.tokenize_all(simd, texts));
        terms
    }

    #[inline(always)]
    fn tokenize_all<'a, S: Simd>(&mut self, simd: S, texts: impl Iterator<Item = &'a str>) {
        for text in texts {
            let beyond_ascii = text.bytes().filter(|byte| !byte.is_ascii()).count();
            if beyond_ascii <= text.len() / MOSTLY_ASCII {
                self.tokenize_together(simd, text);
            } else {
                self.tokenize(text);
            }
            self.ends.push(self.tokens.len() as u32);
        }
    }

    /// The same as [`Self::tokenize`] gives, faster when most of the text is ASCII.
    #[inline(always)]
    fn tokenize_together<S: Simd>(&mut self, simd: S, text: &str) {
        let first = self.lower.len();
        // the last bytes are written with what lies beyond the end
        let room = first + text.len() + TOGETHER;
        self.lower.resize(room, 0);
        let mut start = 0;
        while start < text.len() {
            start = self.tokens_of_bytes(simd, text, start, first + start);
        }
        if self.lower.len() == room {
            self.lower.truncate(first + text.len());
        }
    }

    /// Takes the tokens that end within 64 bytes of a text, which are written in lower case to a place of `lower`; returns where the next
    /// bytes start.
    #[inline(always)]
    fn tokens_of_bytes<S: Simd>(&mut self, simd: S, text: &str, start: usize, lower: usize) -> usize {
        let bytes = Bytes::of(simd, text.as_bytes(), start);
        if let Some(to) = self.lower[lower..].first_chunk_mut() {
            bytes.store_lower(to);
        }
        let letters = bytes.between(b'A', b'Z') | bytes.between(b'a', b'z');
        let digits = bytes.between(b'0', b'9');
        let marks = bytes.equal(b'\'');
        let apostrophes = marks & ((letters | digits) << 1) & (letters >> 1);
        let words = letters | digits | apostrophes;
        let symbols = bytes.equal(b'!')
            | bytes.between(b'#', b'&')
            | bytes.between(b'*', b'+')
            | bytes.equal(b'/')
            | bytes.equal(b':')
            | bytes.between(b'<', b'@')
            | bytes.equal(b'|');
        let beyond = bytes.beyond_ascii();
        // as in "l'été"
        let marks_before_beyond = marks & beyond >> 1;
        let is_last = text.len() - start <= TOGETHER;
        let mut rest = words | symbols | beyond;
        while rest != 0 {
            let from = rest.trailing_zeros() as usize;
            let to = if symbols >> from & 1 == 1 {
                self.push_token(lower + from, 1, TokenKind::Symbol);
                from + 1
            } else if beyond >> from & 1 == 1 {
                let at = start + from;
                match class_beyond_ascii(text, at) {
                    Some((Class::Letter | Class::Digit, _)) => return self.word(text, at),
                    Some((class @ (Class::Ideograph | Class::Symbol), size)) => {
                        self.push_character(&text[at..at + size], class);
                        from + size
                    }
                    Some((Class::Nothing, size)) => from + size,
                    None => return text.len(),
                }
            } else {
                let to = (from + (!words >> from).trailing_zeros() as usize).min(TOGETHER);
                // the next byte can be an apostrophe, and what it joins to the word is not known here
                let is_whole = is_last || to < TOGETHER - 1;
                if !is_whole && from > 0 {
                    return start + from;
                }
                let goes_on = to < TOGETHER
                    && (marks_before_beyond >> to & 1 == 1 || beyond >> to & 1 == 1 && goes_on_with(text, start + to));
                if !is_whole || goes_on || to - from >= LONGEST_TOKEN - 4 {
                    return self.word(text, start + from);
                }
                let is_number = digits & bits(from, to) != 0;
                let kind = if is_number { TokenKind::Number } else { TokenKind::Word };
                self.push_token(lower + from, to - from, kind);
                to
            };
            if to >= TOGETHER {
                return start + to;
            }
            rest &= bits(to, TOGETHER);
        }
        start + TOGETHER
    }

    fn push_character(&mut self, character: &str, class: Class) {
        let start = self.lower.len();
        self.lower.extend_from_slice(character.as_bytes());
        let kind = if class == Class::Symbol {
            TokenKind::Symbol
        } else {
            TokenKind::Ideograph
        };
        self.push(start, kind);
    }

    /// Finds the stems in a language, for the first `head` and the last `tail` tokens of each block.
    pub fn find_stems(&mut self, language: Language, head: usize, tail: usize) {
        self.language = language;
        let Some(algorithm) = language.algorithm() else { return };
        let Self {
            lower, tokens, ends, ..
        } = self;
        STEMS.with_borrow_mut(|stems| {
            let mut stems = stems.of(language, algorithm);
            let mut start = 0;
            for end in ends.iter().map(|end| *end as usize) {
                let block = &mut tokens[start..end];
                let middle = head.min(block.len())..block.len().saturating_sub(tail).max(head.min(block.len()));
                let (first, rest) = block.split_at_mut(middle.start);
                for token in first.iter_mut().chain(&mut rest[middle.len()..]) {
                    if token.kind == TokenKind::Word {
                        token.stem = stems.hash(token.word, || lowercase(lower, token));
                    }
                }
                start = end;
            }
        });
    }

    /// The language whose stemmer was used.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Number of blocks.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the page has no block.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The tokens of a block.
    pub fn tokens(&self, block: usize) -> &[Token] {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.tokens[start as usize..self.ends[block] as usize]
    }

    /// The lower-cased spelling of a token.
    pub fn spelling(&self, token: &Token) -> &str {
        lowercase(&self.lower, token).0
    }

    /// The same as UTF-8 bytes.
    #[inline]
    pub fn spelling_bytes(&self, token: &Token) -> &[u8] {
        &self.lower[token.start as usize..][..usize::from(token.length)]
    }

    #[inline(never)]
    fn tokenize(&mut self, text: &str) {
        let mut at = 0;
        while let Some((class, size)) = class_at(text, at) {
            match class {
                Class::Letter | Class::Digit => at = self.word(text, at),
                Class::Ideograph | Class::Symbol => {
                    self.push_character(&text[at..at + size], class);
                    at += size;
                }
                Class::Nothing => at += size,
            }
        }
    }

    /// Takes the word or number that starts at a byte of the text; returns where it ends.
    #[inline(never)]
    fn word(&mut self, text: &str, mut at: usize) -> usize {
        let bytes = text.as_bytes();
        let start = self.lower.len();
        let mut digits = false;
        let mut last_was_mark = true;
        loop {
            // most of most words: ASCII letters and digits
            loop {
                let run = Eight::at(bytes, at);
                let room = (LONGEST_TOKEN - 4).saturating_sub(self.lower.len() - start);
                let end = self.lower.len() + run.length.min(room);
                digits |= run.has_digit_in(room);
                self.lower.extend_from_slice(&run.lower);
                self.lower.truncate(end);
                last_was_mark &= run.length == 0;
                at += run.length;
                if run.length < size_of::<u64>() {
                    break;
                }
            }
            let goes_on = |byte: &u8| *byte == b'\'' || !byte.is_ascii();
            let Some((class, size)) = bytes.get(at).filter(|byte| goes_on(byte)).and(class_at(text, at)) else {
                break;
            };
            let room = self.lower.len() - start < LONGEST_TOKEN - 4;
            match class {
                Class::Digit => {
                    digits = true;
                    last_was_mark = false;
                    if room {
                        self.lower.push(b'0');
                    }
                }
                Class::Letter => {
                    last_was_mark = false;
                    if room {
                        push_lower(&mut self.lower, &text[at..at + size]);
                    }
                }
                // the apostrophe of "don't", whichever way it is typed
                Class::Nothing
                    if !last_was_mark
                        && (size == 1 || text[at..].starts_with('’'))
                        && class_at(text, at + size).is_some_and(|(class, _)| class == Class::Letter) =>
                {
                    last_was_mark = true;
                    if room {
                        self.lower.push(b'\'');
                    }
                }
                Class::Nothing | Class::Ideograph | Class::Symbol => break,
            }
            at += size;
        }
        self.push(start, if digits { TokenKind::Number } else { TokenKind::Word });
        at
    }

    #[inline]
    fn push(&mut self, start: usize, kind: TokenKind) {
        self.push_token(start, self.lower.len() - start, kind);
    }

    #[inline(always)]
    fn push_token(&mut self, start: usize, length: usize, kind: TokenKind) {
        let word = hash_bytes(&self.lower[start..start + length]);
        self.tokens.push(Token {
            word,
            stem: word,
            start: start as u32,
            length: length as u16,
            kind,
        });
    }

    /// The spelling of the token's stem, whether one was asked for or not.
    pub fn stem(&self, token: &Token) -> String {
        let spelling = lowercase(&self.lower, token);
        match self.language.algorithm().filter(|_| token.kind == TokenKind::Word) {
            Some(algorithm) => stem(&Stemmer::create(algorithm), spelling),
            None => spelling.0.to_owned(),
        }
    }
}

fn lowercase<'l>(lower: &'l [u8], token: &Token) -> Lowercase<'l> {
    let bytes = &lower[token.start as usize..token.start as usize + usize::from(token.length)];
    // tokens end at characters, so this never fails
    Lowercase(std::str::from_utf8(bytes).unwrap_or_default())
}

/// Whether a word goes on with the character beyond ASCII at a byte of its text, for all that is known without what follows.
fn goes_on_with(text: &str, at: usize) -> bool {
    match class_beyond_ascii(text, at) {
        Some((Class::Letter | Class::Digit, _)) => true,
        Some((Class::Nothing, _)) => text[at..].starts_with('’'),
        Some((Class::Ideograph | Class::Symbol, _)) | None => false,
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

fn push_lower(to: &mut Vec<u8>, letter: &str) {
    let mut buffer = [0; 4];
    for c in letter.chars() {
        if c.is_uppercase() {
            for lower in c.to_lowercase() {
                to.extend_from_slice(lower.encode_utf8(&mut buffer).as_bytes());
            }
        } else {
            to.extend_from_slice(letter.as_bytes());
        }
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

/// Class of the character at a byte of a text and its size in bytes; `None` at the end.
#[inline(always)]
fn class_at(text: &str, at: usize) -> Option<(Class, usize)> {
    let byte = *text.as_bytes().get(at)?;
    if byte.is_ascii() {
        return Some((ASCII_CLASSES[usize::from(byte)], 1));
    }
    class_beyond_ascii(text, at)
}

#[inline(never)]
fn class_beyond_ascii(text: &str, at: usize) -> Option<(Class, usize)> {
    let c = text[at..].chars().next()?;
    Some((class_of(c), c.len_utf8()))
}

/// Eight bytes of a text, of which those up to the first that is no ASCII letter or digit belong to a word. They are looked at all
/// together, as the bytes of one number.
struct Eight {
    /// In lower case, with `0` for every digit.
    lower: [u8; 8],
    /// Bytes that belong to the word, 0 to 8.
    length: usize,
    /// The highest bit of each byte that is a digit.
    digits: u64,
}

/// This byte eight times.
const fn eight_times(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

impl Eight {
    /// The bytes of a text from one on; beyond its end there are zeros.
    #[inline]
    fn at(text: &[u8], at: usize) -> Self {
        let rest = text.get(at..).unwrap_or_default();
        let eight = match rest.first_chunk() {
            Some(eight) => *eight,
            None => std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0)),
        };
        let bytes = u64::from_le_bytes(eight);
        let highest = eight_times(0x80);
        // sums stay within their bytes, and reach the highest bit from the first byte of a range on
        let low = bytes & !highest;
        let between = |low: u64, first: u8, last: u8| {
            (low + eight_times(0x80 - first)) & !(low + eight_times(0x7f - last)) & !bytes & highest
        };
        let letters = between(low | eight_times(0x20), b'a', b'z');
        let digits = between(low, b'0', b'9');
        let small = bytes | letters >> 2;
        let zeros = small & !((digits >> 3) - (digits >> 7));
        Self {
            lower: zeros.to_le_bytes(),
            length: (!(letters | digits) & highest).trailing_zeros() as usize / 8,
            digits,
        }
    }

    /// Whether the word has a digit among its first `most` bytes here.
    #[inline]
    fn has_digit_in(&self, most: usize) -> bool {
        // without a digit, this is the place behind the last byte
        let first = self.digits.trailing_zeros() as usize / 8;
        first < self.length.min(most)
    }
}

static ASCII_CLASSES: [Class; 128] = {
    let mut classes = [Class::Nothing; 128];
    let mut byte = 0;
    while byte < 128 {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
            b'0'..=b'9' => Class::Digit,
            b'!' | b'#' | b'%' | b'&' | b'*' | b'+' | b'/' | b':' | b'<' | b'=' | b'>' | b'?' | b'@' | b'|' | b'$' => {
                Class::Symbol
            }
            _ => Class::Nothing,
        };
        byte += 1;
    }
    classes
};

/// Class of a character beyond ASCII.
fn class_of(c: char) -> Class {
    match c {
        // general punctuation first: it is what English text has of these
        '\u{2010}'..='\u{2027}' if !matches!(c, '•' | '…') => Class::Nothing,
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

/// Entries of the stem cache, of 16 bytes each (chosen: with a quarter or half of them pages take as long, with more too).
const STEM_CACHE: usize = 1 << 16;

/// Stem hashes of the words seen last, one entry a slot.
struct StemCache {
    slots: Vec<(u64, u64)>,
    stemmer: Option<(Language, Stemmer)>,
}

thread_local! {
    static STEMS: RefCell<StemCache> = RefCell::new(StemCache { slots: vec![(0, 0); STEM_CACHE], stemmer: None });
}

impl StemCache {
    fn of(&mut self, language: Language, algorithm: Algorithm) -> Stems<'_> {
        self.stemmer.take_if(|(known, _)| *known != language);
        let (_, stemmer) = self
            .stemmer
            .get_or_insert_with(|| (language, Stemmer::create(algorithm)));
        let code = language.code().as_bytes();
        Stems {
            slots: &mut self.slots,
            stemmer,
            language_key: (u64::from(code[0]) << 8 | u64::from(code[1])).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    }
}

/// The stem cache as seen by one language.
struct Stems<'c> {
    slots: &'c mut [(u64, u64)],
    stemmer: &'c Stemmer,
    language_key: u64,
}

impl Stems<'_> {
    #[inline]
    fn hash<'w>(&mut self, word: u64, spelling: impl FnOnce() -> Lowercase<'w>) -> u64 {
        let key = word ^ self.language_key;
        let slot = (key >> 32) as usize % STEM_CACHE;
        if self.slots[slot].0 == key {
            return self.slots[slot].1;
        }
        let hash = part(&stem(self.stemmer, spelling()));
        self.slots[slot] = (key, hash);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, language: &str) -> PageTerms {
        let mut terms = PageTerms::new(std::iter::once(text));
        terms.find_stems(Language::from_tag(language).unwrap_or(Language::UNKNOWN), 100, 0);
        terms
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
    fn a_text_has_the_same_tokens_sixty_four_bytes_at_a_time() {
        let pieces = [
            "a",
            "Don't",
            "'",
            "''",
            "x'",
            "'Tis",
            "7th",
            "1'000",
            "o'7",
            " ",
            "  ",
            "|",
            "READ MORE:",
            "-",
            ".",
            "\"",
            "\n",
            "rock'n'roll",
            "don’t",
            "’",
            "über",
            "Straße",
            "»",
            "…",
            "東京",
            "é",
            "“Yes”",
            "12€",
            "½",
            "\u{1f600}",
            "www.example.org/a?b=c&d",
            "antidisestablishmentarianism",
            "<b>",
            "$5,250.00",
            "_",
            "\u{7f}",
            "0123456789012345678901234567890123456789012",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopq",
            "Abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqr",
            "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0123456789abcdefghijk",
        ];
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        for _ in 0..4000 {
            let text: String = (0..next(14)).map(|_| pieces[next(pieces.len())]).collect();
            let all = |terms: &PageTerms| -> Vec<(String, u64, TokenKind)> {
                let tokens = terms.tokens(0).iter();
                tokens
                    .map(|token| (terms.spelling(token).to_owned(), token.word, token.kind))
                    .collect()
            };
            let mut one_by_one = PageTerms::new(std::iter::empty());
            one_by_one.tokenize(&text);
            one_by_one.ends.push(one_by_one.tokens.len() as u32);
            let mut together = PageTerms::new(std::iter::empty());
            dispatch!(Level::new(), simd => together.tokenize_together(simd, &text));
            together.ends.push(together.tokens.len() as u32);
            assert_eq!(all(&together), all(&one_by_one), "{text:?}");
            let either = PageTerms::new(std::iter::once(text.as_str()));
            assert_eq!(all(&either), all(&one_by_one), "{text:?}");
        }
    }

    #[test]
    fn each_byte_belongs_to_a_word_or_not_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..8 {
                let mut text = *b"aZ3Q0xYz";
                text[at] = byte;
                let found = Eight::at(&text, 0);
                let wanted = if byte.is_ascii_alphanumeric() { 8 } else { at };
                assert_eq!(found.length, wanted, "{byte} at {at}");
                let lower = |byte: &u8| {
                    if byte.is_ascii_digit() {
                        b'0'
                    } else {
                        byte.to_ascii_lowercase()
                    }
                };
                let kept: Vec<u8> = text[..wanted].iter().map(lower).collect();
                assert_eq!(found.lower[..wanted], kept, "{byte} at {at}");
                for most in 0..=8 {
                    let digit = text[..wanted.min(most)].iter().any(u8::is_ascii_digit);
                    assert_eq!(found.has_digit_in(most), digit, "{byte} at {at}, {most}");
                }
            }
        }
        assert_eq!(Eight::at(b"ab", 0).length, 2);
        assert_eq!(Eight::at(b"ab", 2).length, 0);
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
                assert_eq!(token.stem, part(&terms.stem(token)));
            }
        }
    }

    #[test]
    fn an_endless_word_is_cut() {
        let long = "a".repeat(1000);
        assert!(spellings(&long)[0].len() <= LONGEST_TOKEN);
    }

    #[test]
    fn only_english_is_plainly_english() {
        assert!(is_plainly_english(
            "The council met on Tuesday and voted to close the bridge, which was built for the railway."
        ));
        for other in [
            "The bridge",
            "Der Rat hat am Dienstag über den neuen Haushalt der Stadt abgestimmt, und die Brücke wird für Autos gesperrt.",
            "Het is de vraag of dat was wat hij wilde, want de brug is er niet voor de fiets maar voor de trein, zo is gebleken.",
            "Le conseil a voté mardi pour fermer le pont, qui a été construit pour le chemin de fer, et non pour les voitures.",
        ] {
            assert!(!is_plainly_english(other), "{other}");
        }
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
