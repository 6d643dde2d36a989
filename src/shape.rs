//! What a block looks like without its words: length, case, punctuation, how it opens and ends.
//!
//! Lengths count in word units: a word is one, a character of a script without spaces half of one.

use crate::analyzer::{Token, TokenKind};
use crate::ascii::{Bytes, TOGETHER, bits};
use crate::segment::starts_with_bullet;
use crate::vocabulary::{Family, Group, Sink};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

/// How a block opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A capital letter.
    Upper,
    /// A small letter.
    Lower,
    /// A letter of a script without case.
    Uncased,
    /// A digit.
    Digit,
    /// A quotation mark.
    Quote,
    /// A bullet or dash.
    Bullet,
    /// Anything else.
    Mark,
}

/// How a block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A letter.
    Letter,
    /// A full stop.
    Stop,
    /// A question mark.
    Question,
    /// An exclamation mark.
    Exclamation,
    /// Three dots.
    Ellipsis,
    /// A colon.
    Colon,
    /// A quotation mark or bracket after the end of a sentence.
    ClosedSentence,
    /// A quotation mark or bracket after anything else.
    Closing,
    /// A digit.
    Digit,
    /// An arrow or angle mark, as "read more »" has.
    Arrow,
    /// Anything else.
    Mark,
}

impl Ending {
    fn ends_sentence(self) -> bool {
        match self {
            Self::Stop | Self::Question | Self::Exclamation | Self::ClosedSentence => true,
            Self::Letter | Self::Ellipsis | Self::Colon | Self::Closing | Self::Digit | Self::Arrow | Self::Mark => {
                false
            }
        }
    }
}

/// The shape of one block.
#[derive(Clone, Debug, PartialEq)]
pub struct Shape {
    /// Length in word units.
    pub words: f32,
    /// Length in characters.
    pub chars: usize,
    /// How it opens.
    pub opening: Opening,
    /// How it ends.
    pub ending: Ending,
    /// Share of the words that begin with a capital letter, 0 to 1; `None` without a word.
    pub capitalized: Option<f32>,
    /// Share of the letters that are capitals, 0 to 1.
    pub capitals: f32,
    /// Share of the characters that are digits, 0 to 1.
    pub digits: f32,
    /// Words in capitals at the start, as in "AROUND 10,000 soldiers ..."; 0 when the whole block is in capitals.
    pub opening_capitals: usize,
    /// Ends of sentences inside the block and at its end.
    pub sentences: usize,
    /// Quotation marks.
    pub quotes: usize,
    /// Commas.
    pub commas: usize,
    /// Separators such as `|`, `·`, `/`, `•`.
    pub separators: usize,
    /// Words of at most three letters in lower case, a share of all words; `None` without a word.
    pub short_words: Option<f32>,
    /// Whether it has a number that looks like a year.
    pub year: bool,
    /// Whether it has a time or date written in digits, such as 10:30 or 24.12.2025.
    pub clock: bool,
    /// Whether it has an address: `@`, `www.` or `://`.
    pub address: bool,
    /// The length as one of 12 steps, each about half again as long as the one before.
    pub length_step: usize,
    /// The length as one of 5 steps.
    pub coarse_step: usize,
    /// Whether the block is long enough to be running text.
    pub is_paragraph: bool,
}

/// Word units from which a block that ends like a sentence is a paragraph (chosen; jusText's "short" ends at 70 characters, about 12 words).
const PARAGRAPH_WORDS: f32 = 15.0;
/// Word units from which any block is a paragraph (chosen; jusText's "long" begins at 200 characters, about 35 words).
const LONG_WORDS: f32 = 35.0;

impl Shape {
    /// The shape of a block with its tokens.
    pub fn of(text: &str, tokens: &[Token]) -> Self {
        let mut counts = Counts {
            opened: true,
            ..Counts::default()
        };
        dispatch!(Level::new(), simd => counts.read(simd, text));
        let halves: usize = tokens
            .iter()
            .map(|token| match token.kind {
                TokenKind::Word | TokenKind::Number => 2,
                TokenKind::Ideograph => 1,
                TokenKind::Symbol => 0,
            })
            .sum();
        let words = halves as f32 / 2.0;
        let share = |part: usize| {
            if counts.words == 0 {
                None
            } else {
                Some(part as f32 / counts.words as f32)
            }
        };
        let all_capitals = counts.lower == 0;
        let ending = ending(text);
        Self {
            words,
            chars: counts.chars,
            opening: opening(text),
            ending,
            capitalized: share(counts.capitalized),
            capitals: counts.upper as f32 / (counts.upper + counts.lower).max(1) as f32,
            digits: counts.digits as f32 / counts.chars.max(1) as f32,
            opening_capitals: if all_capitals { 0 } else { counts.opening_capitals },
            sentences: counts.sentences,
            quotes: counts.quotes,
            commas: counts.commas,
            separators: counts.separators,
            short_words: share(counts.short_words),
            year: counts.year,
            clock: counts.clock,
            address: counts.address,
            length_step: step(words, &[1.5, 2.5, 3.5, 5.5, 8.5, 12.5, 18.5, 27.5, 40.5, 60.5, 100.5]),
            coarse_step: step(words, &[3.5, 8.5, 18.5, 40.5]),
            is_paragraph: words >= LONG_WORDS || (words >= PARAGRAPH_WORDS && ending.ends_sentence()),
        }
    }

    /// Whether the block ends like a sentence.
    pub fn ends_sentence(&self) -> bool {
        self.ending.ends_sentence()
    }

    /// What the page model asks of the shape, in the order of [`MEASURES`], each 0 to 1.
    pub fn measures(&self) -> [f32; MEASURES.len()] {
        let mut measures = [0.0; MEASURES.len()];
        let (numbers, kinds) = measures.split_at_mut(NUMBERS);
        numbers.copy_from_slice(&[
            saturated(self.words, 3.0),
            saturated(self.words, 15.0),
            (self.words / 60.0).min(1.0),
            saturated(self.chars as f32, 60.0),
            self.capitalized.unwrap_or(0.0),
            flag(self.capitalized.is_none()),
            self.capitals,
            self.digits,
            saturated(self.opening_capitals as f32, 2.0),
            saturated(self.sentences as f32, 2.0),
            saturated(self.quotes as f32, 2.0),
            saturated(self.commas as f32, 3.0),
            saturated(self.separators as f32, 2.0),
            self.short_words.unwrap_or(0.0),
            flag(self.year),
            flag(self.clock),
            flag(self.address),
            flag(self.is_paragraph),
        ]);
        kinds[self.opening as usize] = 1.0;
        kinds[OPENINGS + self.ending as usize] = 1.0;
        measures
    }

    /// Hands over the features of the shape group.
    pub fn features<S: Sink>(&self, sink: &mut S) {
        let length = self.length_step;
        let ending = self.ending as usize;
        let opening = self.opening as usize;
        let capitalized = self.capitalized.map_or(6, share_step);
        sink.add_steps(&LENGTH, [length]);
        sink.add_steps(
            &CHARS,
            [step(
                self.chars as f32,
                &[2.5, 5.5, 10.5, 20.5, 35.5, 55.5, 80.5, 120.5, 180.5, 300.5, 600.5],
            )],
        );
        sink.add_steps(&ENDING, [ending]);
        sink.add_steps(&OPENING, [opening]);
        sink.add_steps(&CAPITALIZED, [capitalized]);
        sink.add_steps(&CAPITALS, [share_step(self.capitals)]);
        sink.add_steps(&DIGITS, [step(self.digits, &[0.001, 0.05, 0.15, 0.3, 0.6])]);
        sink.add_steps(&SENTENCES, [self.sentences.min(5)]);
        sink.add_steps(&QUOTES, [self.quotes.min(3)]);
        sink.add_steps(&COMMAS, [step(self.commas as f32, &[0.5, 1.5, 2.5, 4.5, 8.5])]);
        sink.add_steps(&SEPARATORS, [self.separators.min(4)]);
        sink.add_steps(
            &SHORT_WORDS,
            [self
                .short_words
                .map_or(6, |share| step(share, &[0.001, 0.1, 0.2, 0.35, 0.5]))],
        );
        if self.opening_capitals > 0 {
            sink.add_steps(&OPENING_CAPITALS, [self.opening_capitals.min(4), self.coarse_step]);
        }
        let flags = usize::from(self.year) + 2 * usize::from(self.clock) + 4 * usize::from(self.address);
        if flags > 0 {
            sink.add_steps(&FLAGS, [flags, self.coarse_step]);
        }
        sink.add_steps(&LENGTH_ENDING, [length, ending]);
        sink.add_steps(&LENGTH_OPENING, [length, opening]);
        sink.add_steps(&LENGTH_CAPITALIZED, [length, capitalized]);
    }
}

/// Measures that are numbers; the others tell the kinds of opening and ending.
const NUMBERS: usize = 18;
/// Kinds of opening.
const OPENINGS: usize = 7;

/// The names of what [`Shape::measures`] gives.
pub const MEASURES: [&str; NUMBERS + OPENINGS + 11] = [
    "a few words long",
    "a sentence long",
    "a paragraph long",
    "characters",
    "share of capitalized words",
    "no word",
    "share of capital letters",
    "share of digits",
    "words in capitals at the start",
    "sentences",
    "quotation marks",
    "commas",
    "separators",
    "share of short words",
    "a year",
    "a time or date",
    "an address",
    "a paragraph",
    "begins with a capital letter",
    "begins with a small letter",
    "begins with a letter without case",
    "begins with a digit",
    "begins with a quotation mark",
    "begins with a bullet",
    "begins with a mark",
    "ends with a letter",
    "ends with a full stop",
    "ends with a question mark",
    "ends with an exclamation mark",
    "ends with three dots",
    "ends with a colon",
    "ends with a sentence in quotes or brackets",
    "ends with a closing quote or bracket",
    "ends with a digit",
    "ends with an arrow",
    "ends with a mark",
];

/// A number from 0 up as 0 to 1, with one half at `half`.
pub fn saturated(number: f32, half: f32) -> f32 {
    number / (number + half)
}

/// 1 or 0.
pub fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

const LENGTH: Family = Family::of_steps("length", Group::Shape);
const CHARS: Family = Family::of_steps("chars", Group::Shape);
const ENDING: Family = Family::of_steps("ending", Group::Shape);
const OPENING: Family = Family::of_steps("opening", Group::Shape);
const CAPITALIZED: Family = Family::of_steps("capitalized", Group::Shape);
const CAPITALS: Family = Family::of_steps("capitals", Group::Shape);
const DIGITS: Family = Family::of_steps("digits", Group::Shape);
const SENTENCES: Family = Family::of_steps("sentences", Group::Shape);
const QUOTES: Family = Family::of_steps("quotes", Group::Shape);
const COMMAS: Family = Family::of_steps("commas", Group::Shape);
const SEPARATORS: Family = Family::of_steps("separators", Group::Shape);
const SHORT_WORDS: Family = Family::of_steps("short-words", Group::Shape);
const OPENING_CAPITALS: Family = Family::of_steps("opening-capitals", Group::Shape);
const FLAGS: Family = Family::of_steps("year-clock-address", Group::Shape);
const LENGTH_ENDING: Family = Family::of_steps("length+ending", Group::Shape);
const LENGTH_OPENING: Family = Family::of_steps("length+opening", Group::Shape);
const LENGTH_CAPITALIZED: Family = Family::of_steps("length+capitalized", Group::Shape);

/// Number of `limits` (ascending) that `value` is above.
pub fn step(value: f32, limits: &[f32]) -> usize {
    // all are compared: a loop that stops at the first would be guessed wrong most of the time
    limits.iter().map(|limit| u32::from(value > *limit)).sum::<u32>() as usize
}

/// A share as one of six steps; none and all have their own.
pub fn share_step(share: f32) -> usize {
    step(share, &[0.001, 0.25, 0.5, 0.75, 0.999])
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    chars: usize,
    upper: usize,
    lower: usize,
    digits: usize,
    words: usize,
    capitalized: usize,
    short_words: usize,
    opening_capitals: usize,
    /// Whether no word has ended the run of words in capitals at the start.
    opened: bool,
    sentences: usize,
    quotes: usize,
    commas: usize,
    separators: usize,
    year: bool,
    clock: bool,
    address: bool,
}

/// Letters and digits of one word.
#[derive(Clone, Copy, Default)]
struct WordCounts {
    letters: usize,
    upper: usize,
    lower: usize,
    digits: usize,
    first_letter_upper: bool,
}

impl Counts {
    #[inline(always)]
    fn read<S: Simd>(&mut self, simd: S, text: &str) {
        let mut start = Some(0);
        while let Some(at) = start {
            start = self.read_bytes(simd, text, at);
        }
    }

    /// Counts the words that end within 64 bytes of a text; returns where the next one starts, if there is one.
    #[inline(always)]
    fn read_bytes<S: Simd>(&mut self, simd: S, text: &str, start: usize) -> Option<usize> {
        let bytes = Bytes::of(simd, text.as_bytes(), start);
        let spaces = bytes.equal(b' ');
        let (upper, lower) = (bytes.between(b'A', b'Z'), bytes.between(b'a', b'z'));
        let digits = bytes.between(b'0', b'9');
        let separators = bytes.equal(b'|') | bytes.equal(b'/') | bytes.equal(b'>');
        let left = text.len() - start;
        let beyond = bytes.beyond_ascii();
        let mut from = 0;
        // bytes of words that are counted one by one
        let mut one_by_one = 0;
        let next = loop {
            let spaces = spaces.checked_shr(from as u32).unwrap_or(0);
            let to = (from + spaces.trailing_zeros() as usize).min(TOGETHER).min(left);
            if to == TOGETHER && left > TOGETHER {
                if from > 0 {
                    break Some(start + from);
                }
                // a word of more bytes
                let end = start + memchr::memchr(b' ', &text.as_bytes()[start..]).unwrap_or(left);
                self.any_word(&text[start..end]);
                self.chars += usize::from(end < text.len());
                return (end < text.len()).then_some(end + 1);
            }
            let own = bits(from, to);
            let word = &text[start + from..start + to];
            from = to + 1;
            if beyond & own != 0 {
                one_by_one |= own;
                self.any_word(word);
                if to == left {
                    break None;
                }
                continue;
            }
            let (upper, lower) = (upper & own, lower & own);
            let letters = upper | lower;
            let first_letter = letters & letters.wrapping_neg();
            let counts = WordCounts {
                letters: letters.count_ones() as usize,
                upper: upper.count_ones() as usize,
                lower: lower.count_ones() as usize,
                digits: (digits & own).count_ones() as usize,
                first_letter_upper: upper & first_letter != 0,
            };
            self.word(word, counts, separators & own != 0);
            if to == left {
                break None;
            }
        };
        let read = bits(0, from.min(left).min(TOGETHER)) & !one_by_one;
        let count = |mask: u64| (mask & read).count_ones() as usize;
        self.chars += count(u64::MAX);
        self.quotes += count(bytes.equal(b'"'));
        self.commas += count(bytes.equal(b','));
        self.separators += count(separators);
        self.address |= count(bytes.equal(b'@')) > 0;
        next
    }

    fn any_word(&mut self, word: &str) {
        let mut counts = WordCounts::default();
        for c in word.chars() {
            self.chars += 1;
            if c.is_ascii_digit() {
                counts.digits += 1;
            } else if c.is_alphabetic() {
                let is_upper = c.is_uppercase();
                if counts.letters == 0 {
                    counts.first_letter_upper = is_upper;
                }
                counts.letters += 1;
                counts.upper += usize::from(is_upper);
                counts.lower += usize::from(c.is_lowercase());
            } else {
                self.mark(c);
            }
        }
        self.word(word, counts, true);
    }

    /// Takes a word with its counts; `slash` tells whether it can hold one.
    #[inline(always)]
    fn word(&mut self, word: &str, counts: WordCounts, slash: bool) {
        let WordCounts {
            letters,
            upper,
            lower,
            digits,
            first_letter_upper,
        } = counts;
        self.upper += upper;
        self.lower += lower;
        self.digits += digits;
        if letters > 0 {
            self.words += 1;
            self.capitalized += usize::from(first_letter_upper);
            self.short_words += usize::from(letters <= 3 && upper == 0);
        }
        if digits > 0 {
            self.year |= digits == 4
                && word
                    .trim_matches(|c: char| !c.is_ascii_digit())
                    .parse::<u32>()
                    .is_ok_and(|n| (1900..2100).contains(&n));
            self.clock |= digits >= 2 && is_clock(word);
        }
        self.address |= word.starts_with("www.") || (slash && word.contains("://"));
        if self.opened {
            if letters >= 2 && upper == letters {
                self.opening_capitals += 1;
            } else if letters > 0 || digits == 0 {
                self.opened = false;
            }
        }
        if letters > 1 && matches!(word.as_bytes().last(), Some(b'.' | b'?' | b'!')) {
            self.sentences += 1;
        }
    }

    fn mark(&mut self, c: char) {
        match c {
            '"' | '“' | '”' | '„' | '«' | '»' | '「' | '」' => self.quotes += 1,
            ',' | '，' | '、' => self.commas += 1,
            '|' | '·' | '/' | '•' | '›' | '｜' | '>' => self.separators += 1,
            '。' | '！' | '？' => self.sentences += 1,
            '@' => self.address = true,
            _ => {}
        }
    }
}

/// A time (10:30) or a date (24.12.2025, 2025-12-24, 12/24/25) in digits.
fn is_clock(word: &str) -> bool {
    let trimmed = word.trim_matches(|c: char| !c.is_ascii_digit());
    let parts = trimmed.split([':', '.', '-', '/']);
    let mut count = 0;
    for part in parts {
        count += 1;
        if part.is_empty() || part.len() > 4 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
    }
    count == 3 || (count == 2 && trimmed.contains(':'))
}

fn opening(text: &str) -> Opening {
    if starts_with_bullet(text) {
        return Opening::Bullet;
    }
    match text.chars().next() {
        Some('"' | '“' | '„' | '«' | '‘' | '\'' | '‚' | '‹' | '「' | '”' | '’') => Opening::Quote,
        Some(c) if c.is_uppercase() => Opening::Upper,
        Some(c) if c.is_lowercase() => Opening::Lower,
        Some(c) if c.is_numeric() => Opening::Digit,
        Some(c) if c.is_alphabetic() => Opening::Uncased,
        Some(_) | None => Opening::Mark,
    }
}

fn ending(text: &str) -> Ending {
    let mut chars = text.chars().rev();
    let Some(last) = chars.next() else { return Ending::Mark };
    match last {
        '…' => Ending::Ellipsis,
        '.' if text.ends_with("...") => Ending::Ellipsis,
        '.' | '。' | '｡' => Ending::Stop,
        '?' | '？' => Ending::Question,
        '!' | '！' => Ending::Exclamation,
        ':' | '：' => Ending::Colon,
        '"' | '”' | '’' | '\'' | '»' | '“' | ')' | ']' | '」' | '）' | '』' => match chars.next() {
            Some('.' | '!' | '?' | '…' | ',' | '。' | '！' | '？') => Ending::ClosedSentence,
            Some(' ') if last == '»' => Ending::Arrow,
            Some(_) | None => Ending::Closing,
        },
        '>' | '›' | '→' | '▶' | '►' => Ending::Arrow,
        c if c.is_numeric() => Ending::Digit,
        c if c.is_alphabetic() => Ending::Letter,
        _ => Ending::Mark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::PageTerms;

    fn shape(text: &str) -> Shape {
        let terms = PageTerms::new(std::iter::once(text));
        Shape::of(text, terms.tokens(0))
    }

    #[test]
    fn a_text_has_the_same_counts_sixty_four_bytes_at_a_time() {
        let pieces = [
            "Read",
            "more:",
            "A",
            "the",
            "10:30",
            "2025",
            "24.12.2025",
            "\"Yes,\"",
            "|",
            "NASA",
            "a/b>c",
            "me@x.org",
            "www.x.org",
            "https://example.org/news",
            "It's",
            "",
            "-",
            "Stop.",
            "WHY?",
            "1st",
            "Mc",
            "$5",
            "„Ja“,",
            "Über",
            "ÉTÉ",
            "東京。",
            "·",
            "don’t",
            "abcdefghijklmnopqrstuvwxyz",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789abc",
            "Abc,defghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz0123456789!",
        ];
        let mut state = 7u64;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % below
        };
        let mut long = "x".repeat(300);
        long.push_str(" End.");
        let texts = (0..4000).map(|_| {
            let words: Vec<&str> = (0..next(16)).map(|_| pieces[next(pieces.len())]).collect();
            words.join(" ")
        });
        for text in texts.chain([long]) {
            let opened = || Counts {
                opened: true,
                ..Counts::default()
            };
            let (mut together, mut one_by_one) = (opened(), opened());
            dispatch!(Level::new(), simd => together.read(simd, &text));
            for (at, word) in text.split(' ').enumerate() {
                one_by_one.chars += usize::from(at > 0);
                one_by_one.any_word(word);
            }
            assert_eq!(together, one_by_one, "{text:?}");
        }
    }

    #[test]
    fn endings_are_told_apart() {
        let table = [
            ("It rained.", Ending::Stop),
            ("It rained…", Ending::Ellipsis),
            ("It rained...", Ending::Ellipsis),
            ("Why?", Ending::Question),
            ("No!", Ending::Exclamation),
            ("He said:", Ending::Colon),
            ("“It rained.”", Ending::ClosedSentence),
            ("A film (2020)", Ending::Closing),
            ("Page 3", Ending::Digit),
            ("Read more »", Ending::Arrow),
            ("More →", Ending::Arrow),
            ("Home", Ending::Letter),
            ("下雨了。", Ending::Stop),
        ];
        for (text, wanted) in table {
            assert_eq!(shape(text).ending, wanted, "{text}");
        }
    }

    #[test]
    fn openings_are_told_apart() {
        let table = [
            ("Home", Opening::Upper),
            ("home", Opening::Lower),
            ("3 ways", Opening::Digit),
            ("“Yes”", Opening::Quote),
            ("• Apples", Opening::Bullet),
            ("- Apples", Opening::Bullet),
            ("新闻", Opening::Uncased),
            ("© 2025", Opening::Mark),
        ];
        for (text, wanted) in table {
            assert_eq!(shape(text).opening, wanted, "{text}");
        }
    }

    #[test]
    fn capitals_at_the_start_count_up_to_the_first_other_word() {
        assert_eq!(shape("AROUND 10,000 soldiers face it").opening_capitals, 1);
        assert_eq!(shape("THE QUEEN has left").opening_capitals, 2);
        assert_eq!(shape("A man has left").opening_capitals, 0);
        assert_eq!(shape("ALL OF IT").opening_capitals, 0);
    }

    #[test]
    fn shares_are_of_words_and_letters() {
        let shape = shape("Read More about it");
        assert_eq!(shape.capitalized, Some(0.5));
        assert!((shape.capitals - 2.0 / 15.0).abs() < 1e-6);
        assert_eq!(shape.short_words, Some(0.25));
        assert_eq!(super::tests::shape("2025").capitalized, None);
    }

    #[test]
    fn years_clocks_and_addresses_are_seen() {
        assert!(shape("In 2019, it rained").year && !shape("In 3019 it rained").year);
        assert!(
            shape("at 10:30").clock
                && shape("24.12.2025").clock
                && !shape("1.5 million").clock
                && !shape("10.30").clock
        );
        assert!(shape("write to me@mail.example").address && shape("see www.mail.example").address);
        assert!(shape("see https://mail.example").address && !shape("and/or: none").address);
    }

    #[test]
    fn ideographs_count_half_a_word() {
        assert!((shape("下雨了啊").words - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_paragraph_is_long_or_ends_like_a_sentence() {
        let words = |n: usize, end: &str| "word ".repeat(n).trim_end().to_owned() + end;
        assert!(shape(&words(20, ".")).is_paragraph);
        assert!(!shape(&words(20, "")).is_paragraph);
        assert!(shape(&words(40, "")).is_paragraph);
        assert!(!shape(&words(5, ".")).is_paragraph);
    }
}
