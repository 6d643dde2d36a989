//! Labelled pages to what a corpus is made of: its words by label, by place in the page, by language and by host, and its most frequent
//! lines.
//!
//! Words are counted as whole numbers of halves, so that sums are exact; shares are of words and not of blocks, of which a menu has most.

use crate::analyzer::letters;
use crate::classifier::LabelledPage;
use crate::dataset::host;
use crate::heavy_hitters::{HeavyHitter, HeavyHitters};
use crate::label::{Label, LabelSet};
use ndarray::{Array2, ArrayView2};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::ops::AddAssign;
use xxhash_rust::xxh3::xxh3_128;

/// Hosts and lines that are kept count of at once (chosen: some ten megabytes; no count is further off than all by this).
pub const CAPACITY: usize = 1 << 16;

/// Parts that a page is cut into (chosen).
pub const PARTS: usize = 10;

/// Characters of a line or a host that are kept (chosen: a name of the Domain Name System has at most 253, RFC 1035 section 2.3.4).
pub const LONGEST_NAME: usize = 253;

/// A number of words, as the models count them: a character of a script without spaces is half a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words {
    halves: u64,
}

impl Words {
    /// From half words.
    pub fn from_halves(halves: u64) -> Self {
        Self { halves }
    }

    /// In half words.
    pub fn halves(self) -> u64 {
        self.halves
    }

    /// From a block's length in word units.
    fn of_block(words: f32) -> Self {
        // a length is halves by two, and small enough to be exact
        Self::from_halves((words * 2.0).round() as u64)
    }
}

impl AddAssign for Words {
    fn add_assign(&mut self, more: Self) {
        self.halves += more.halves;
    }
}

impl Sum for Words {
    fn sum<I: Iterator<Item = Self>>(words: I) -> Self {
        Self::from_halves(words.map(Self::halves).sum())
    }
}

impl fmt::Display for Words {
    /// With a comma every three digits, and with `.5` where there is a half.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let half = if self.halves.is_multiple_of(2) { "" } else { ".5" };
        out.pad(&format!("{}{half}", grouped(self.halves / 2)))
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.halves.is_multiple_of(2) {
            serializer.serialize_u64(self.halves / 2)
        } else {
            serializer.serialize_f64(self.halves as f64 / 2.0)
        }
    }
}

/// A number with a comma every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// What one page adds; made by [`PageStats::of`] wherever the page is, and small.
#[derive(Clone, Debug)]
pub struct PageStats {
    language: &'static str,
    host: Option<String>,
    /// By label.
    blocks: Vec<u64>,
    words: Vec<Words>,
    /// Sum of the probabilities of each label, each times its block's words.
    expected: Vec<f64>,
    /// Shape (parts, labels), in twentieths of a word: halves of words, cut into [`PARTS`].
    parts: Array2<u64>,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
struct Line {
    key: u128,
    text: String,
}

impl PageStats {
    /// Of a page and its address. `labels` and `probabilities`, of shape (blocks, labels), are those that its blocks were given, which need
    /// not be the most likely ones; the texts of blocks of the label `lines_of` are counted as lines.
    ///
    /// # Panics
    /// When there is not one label and one row of probabilities for each block.
    pub fn of(
        page: &LabelledPage,
        url: Option<&str>,
        labels: &[Label],
        probabilities: ArrayView2<'_, f64>,
        lines_of: Option<Label>,
    ) -> Self {
        let count = probabilities.ncols();
        assert_eq!(
            (labels.len(), probabilities.nrows()),
            (page.words.len(), page.words.len())
        );
        let mut stats = Self {
            language: page.language.code(),
            host: url.and_then(host).map(|host| shortened(&host)),
            blocks: vec![0; count],
            words: vec![Words::default(); count],
            expected: vec![0.0; count],
            parts: Array2::zeros((PARTS, count)),
            lines: Vec::new(),
        };
        let lengths: Vec<Words> = page.words.iter().map(|words| Words::of_block(*words)).collect();
        let all: Words = lengths.iter().copied().sum();
        let mut before = Words::default();
        for (at, (label, words)) in labels.iter().zip(lengths).enumerate() {
            stats.blocks[label.index()] += 1;
            stats.words[label.index()] += words;
            for (sum, probability) in stats.expected.iter_mut().zip(probabilities.row(at)) {
                *sum += probability * words.halves() as f64 / 2.0;
            }
            let after = Words::from_halves(before.halves() + words.halves());
            stats.place(*label, before, after, all);
            before = after;
            if lines_of == Some(*label) {
                stats.lines.push(Line::new(&page.segmented.blocks[at].text));
            }
        }
        stats
    }

    /// Adds the words between two places of a page with `all` words to the parts that they stand in.
    fn place(&mut self, label: Label, before: Words, after: Words, all: Words) {
        // a half word is cut into as many pieces as there are parts, so that a part begins with a piece
        let pieces = |words: Words| words.halves() * PARTS as u64;
        for part in 0..PARTS {
            let (from, to) = (all.halves() * part as u64, all.halves() * (part as u64 + 1));
            let inside = pieces(after).min(to).saturating_sub(pieces(before).max(from));
            self.parts[[part, label.index()]] += inside;
        }
    }

    /// Number of the page's words.
    fn all_words(&self) -> Words {
        self.words.iter().copied().sum()
    }
}

impl Line {
    /// Lines are the same that have the same letters and digits; those without any, that are the same text.
    fn new(text: &str) -> Self {
        let letters = letters(text);
        let same = if letters.is_empty() { text } else { &letters };
        Self {
            key: xxh3_128(same.as_bytes()),
            text: shortened(text),
        }
    }
}

/// The text, or what fits into [`LONGEST_NAME`] characters with an ellipsis.
fn shortened(text: &str) -> String {
    if text.chars().nth(LONGEST_NAME).is_none() {
        return text.to_owned();
    }
    text.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
}

/// Pages of a language or of a host.
#[derive(Clone, Debug, Default)]
struct Group {
    pages: u64,
    /// By label.
    words: Vec<Words>,
}

impl Group {
    fn add(&mut self, page: &PageStats) {
        self.pages += 1;
        add_up(&mut self.words, &page.words);
    }
}

/// Adds numbers to sums, which may not be there yet.
fn add_up<T: Copy + Default + AddAssign>(sums: &mut Vec<T>, more: &[T]) {
    sums.resize(sums.len().max(more.len()), T::default());
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += *more;
    }
}

/// What a corpus is made of, as far as its pages were added. Memory does not grow with the corpus.
#[derive(Clone, Debug)]
pub struct CorpusStats {
    labels: LabelSet,
    lines_of: Option<Label>,
    pages: u64,
    blocks: Vec<u64>,
    words: Vec<Words>,
    expected: Vec<f64>,
    parts: Array2<u64>,
    languages: BTreeMap<&'static str, Group>,
    without_address: u64,
    hosts: HeavyHitters<Group>,
    all_lines: u64,
    lines: HeavyHitters<()>,
}

impl CorpusStats {
    /// Of no pages yet. `lines_of` is the label of the blocks whose texts are counted, as [`PageStats::of`] was told.
    pub fn new(labels: LabelSet, lines_of: Option<Label>) -> Self {
        let count = labels.len();
        Self {
            labels,
            lines_of,
            pages: 0,
            blocks: vec![0; count],
            words: vec![Words::default(); count],
            expected: vec![0.0; count],
            parts: Array2::zeros((PARTS, count)),
            languages: BTreeMap::new(),
            without_address: 0,
            hosts: HeavyHitters::new(CAPACITY),
            all_lines: 0,
            lines: HeavyHitters::new(CAPACITY),
        }
    }

    /// Adds a page; pages added in the same order give the same report to the last digit.
    pub fn add(&mut self, page: &PageStats) {
        self.pages += 1;
        add_up(&mut self.blocks, &page.blocks);
        add_up(&mut self.words, &page.words);
        add_up(&mut self.expected, &page.expected);
        self.parts += &page.parts;
        self.languages.entry(page.language).or_default().add(page);
        match &page.host {
            Some(host) => {
                let words = page.all_words().halves();
                self.hosts.add(xxh3_128(host.as_bytes()), host, words).add(page);
            }
            None => self.without_address += 1,
        }
        self.all_lines += page.lines.len() as u64;
        for line in &page.lines {
            self.lines.add(line.key, &line.text, 1);
        }
    }

    /// All there is to say, with at most this many hosts and lines.
    pub fn report(&self, top: usize) -> StatsReport {
        let all: Words = self.words.iter().copied().sum();
        let labels = self.labels.iter().map(|label| {
            let at = label.index();
            LabelStats {
                label: self.labels.name(label).to_owned(),
                blocks: self.blocks[at],
                words: self.words[at],
                share: share(self.words[at].halves() as f64, all.halves() as f64),
                expected: share(self.expected[at], all.halves() as f64 / 2.0),
            }
        });
        StatsReport {
            pages: self.pages,
            blocks: self.blocks.iter().sum(),
            words: all,
            labels: labels.collect(),
            parts: self
                .parts
                .rows()
                .into_iter()
                .map(|part| self.shares(&part.to_vec()))
                .collect(),
            languages: self.languages(),
            hosts: self.hosts(top),
            lines: self.lines_of.map(|label| self.lines(label, top)),
        }
    }

    /// The share of each label in all that was counted by label.
    fn shares(&self, counts: &[u64]) -> Shares {
        let all: u64 = counts.iter().sum();
        let shares = self.labels.iter().map(|label| {
            // a group without a page has no counts
            let count = counts.get(label.index()).copied().unwrap_or(0);
            (self.labels.name(label).to_owned(), share(count as f64, all as f64))
        });
        Shares(shares.collect())
    }

    fn shares_of(&self, group: &Group) -> Shares {
        let halves: Vec<u64> = group.words.iter().map(|words| words.halves()).collect();
        self.shares(&halves)
    }

    fn languages(&self) -> Vec<LanguageStats> {
        let one = |(language, group): (&&'static str, &Group)| LanguageStats {
            language,
            pages: group.pages,
            words: group.words.iter().copied().sum(),
            share: self.shares_of(group),
        };
        let mut languages: Vec<LanguageStats> = self.languages.iter().map(one).collect();
        // of equals the first by name, as they are sorted by it already
        languages.sort_by_key(|language| std::cmp::Reverse((language.words, language.pages)));
        languages
    }

    fn hosts(&self, top: usize) -> HostsStats {
        let one = |hitter: &HeavyHitter<Group>| HostStats {
            host: hitter.name.clone(),
            pages: hitter.value.pages,
            at_least: Words::from_halves(hitter.at_least),
            at_most: Words::from_halves(hitter.at_most),
            share: self.shares_of(&hitter.value),
        };
        HostsStats {
            without_address: self.without_address,
            capacity: self.hosts.capacity(),
            kept: self.hosts.len(),
            others_at_most: Words::from_halves(self.hosts.others_at_most()),
            top: self.hosts.heaviest(top).into_iter().map(one).collect(),
        }
    }

    fn lines(&self, label: Label, top: usize) -> LinesStats {
        let one = |hitter: &HeavyHitter<()>| LineStats {
            text: hitter.name.clone(),
            at_least: hitter.at_least,
            at_most: hitter.at_most,
        };
        LinesStats {
            label: self.labels.name(label).to_owned(),
            lines: self.all_lines,
            capacity: self.lines.capacity(),
            kept: self.lines.len(),
            others_at_most: self.lines.others_at_most(),
            top: self.lines.heaviest(top).into_iter().map(one).collect(),
        }
    }
}

/// A part of a whole, 0 to 1; `None` of nothing.
fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// A share to six decimals (chosen: as probabilities are written).
fn rounded(share: Option<f64>) -> Option<f64> {
    share.map(|share| (share * 1e6).round() / 1e6)
}

fn serialize_share<S: Serializer>(share: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    rounded(*share).serialize(serializer)
}

/// What a corpus is made of. All shares are 0 to 1, and `None` where there are no words; they are serialized to six decimals.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatsReport {
    /// Number of pages.
    pub pages: u64,
    /// Number of their blocks.
    pub blocks: u64,
    /// Number of their words.
    pub words: Words,
    /// Each label, in the labels' order.
    pub labels: Vec<LabelStats>,
    /// The words in each of [`PARTS`] parts of the pages, from the first to the last; every page is cut into parts of as many words.
    pub parts: Vec<Shares>,
    /// Each language, the one with the most words first.
    pub languages: Vec<LanguageStats>,
    /// The hosts with the most words.
    pub hosts: HostsStats,
    /// The most frequent lines of one label; `None` when no label's lines were counted.
    pub lines: Option<LinesStats>,
}

/// The blocks of one label.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelStats {
    /// The label's name.
    pub label: String,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of their words.
    pub words: Words,
    /// Their share of all words.
    #[serde(serialize_with = "serialize_share")]
    pub share: Option<f64>,
    /// The share of all words that is to be expected by the probabilities of all blocks: their mean over words (Bella, Ferri,
    /// Hernández-Orallo and Ramírez-Quintana 2010, "Quantification via probability estimators", ICDM 2010). The given labels count
    /// likely ones as certain ones.
    #[serde(serialize_with = "serialize_share")]
    pub expected: Option<f64>,
}

/// The share of each label, in the labels' order.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares(pub Vec<(String, Option<f64>)>);

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(label, share)| (label, rounded(*share))))
    }
}

/// The pages of one language.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LanguageStats {
    /// Its code, such as `en`; `und` of pages whose language is not known.
    pub language: &'static str,
    /// Number of pages.
    pub pages: u64,
    /// Number of their words.
    pub words: Words,
    /// The labels' shares of these words.
    pub share: Shares,
}

/// The hosts of the pages' addresses, without `www.`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostsStats {
    /// Number of pages that have no address.
    pub without_address: u64,
    /// How many hosts are kept count of at most.
    pub capacity: usize,
    /// How many are.
    pub kept: usize,
    /// The most words that a host can have of which no count is kept; 0 while all are.
    pub others_at_most: Words,
    /// The hosts with the most words for certain.
    pub top: Vec<HostStats>,
}

/// The pages of one host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostStats {
    /// Its name, cut behind [`LONGEST_NAME`] characters.
    pub host: String,
    /// Number of its pages that were counted.
    pub pages: u64,
    /// Number of their words: the host has no fewer.
    pub at_least: Words,
    /// It has no more; the same number unless the host was not kept count of for a time.
    pub at_most: Words,
    /// The labels' shares of the words that were counted.
    pub share: Shares,
}

/// The lines of one label. A line is the text of a block; lines are the same that have the same letters and digits, whatever their case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LinesStats {
    /// The label's name.
    pub label: String,
    /// Number of all its lines.
    pub lines: u64,
    /// How many different lines are kept count of at most.
    pub capacity: usize,
    /// How many are.
    pub kept: usize,
    /// The most times that a line can stand of which no count is kept; 0 while all are.
    pub others_at_most: u64,
    /// The lines that stand most times for certain.
    pub top: Vec<LineStats>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LineStats {
    /// As it was spelled first, cut behind [`LONGEST_NAME`] characters.
    pub text: String,
    /// How many times it was counted: it stands no fewer times.
    pub at_least: u64,
    /// It stands no more times; the same number unless the line was not kept count of for a time.
    pub at_most: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::Language;
    use crate::page::{Page, PageKind};
    use crate::segment::{Split, segment};
    use ndarray::arr2;

    const BODY: Label = Label(0);
    const PROMO: Label = Label(1);

    fn labels() -> LabelSet {
        LabelSet::new(["body", "promo"]).unwrap()
    }

    /// A page of a text whose lines have these words and labels; every block is what it is with a probability of 0.75.
    fn page(text: &str, blocks: &[(f32, Label)]) -> LabelledPage {
        let page = Page::from_text("x.txt", text.to_owned(), Some(PageKind::Text)).unwrap();
        let probability = |label: Label| if label == BODY { [0.75, 0.25] } else { [0.25, 0.75] };
        let rows: Vec<[f64; 2]> = blocks.iter().map(|(_, label)| probability(*label)).collect();
        LabelledPage {
            segmented: segment(&page, Split::Line),
            language: Language::detect(
                "the council of the town and the harbour is to be closed and that was the end of it",
            ),
            words: blocks.iter().map(|(words, _)| *words).collect(),
            probabilities: arr2(&rows),
            labels: blocks.iter().map(|(_, label)| *label).collect(),
        }
    }

    fn stats_of(page: &LabelledPage, url: Option<&str>) -> PageStats {
        PageStats::of(page, url, &page.labels, page.probabilities.view(), Some(PROMO))
    }

    fn report(pages: &[PageStats]) -> StatsReport {
        let mut stats = CorpusStats::new(labels(), Some(PROMO));
        pages.iter().for_each(|page| stats.add(page));
        stats.report(9)
    }

    fn shares(shares: &Shares) -> [Option<f64>; 2] {
        [shares.0[0].1, shares.0[1].1]
    }

    #[test]
    fn numbers_have_a_comma_every_three_digits_and_words_show_their_half() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(Words::from_halves(2_469).to_string(), "1,234.5");
        assert_eq!(format!("{:>6}", Words::from_halves(4)), "     2");
        let json = |halves| serde_json::to_string(&Words::from_halves(halves)).unwrap();
        assert_eq!((json(2_469), json(4)), ("1234.5".to_owned(), "2".to_owned()));
    }

    #[test]
    fn blocks_and_words_are_counted_by_label() {
        let report = report(&[stats_of(
            &page("a\nb\nc", &[(3.0, BODY), (0.5, PROMO), (0.5, PROMO)]),
            None,
        )]);
        let of = |label: &LabelStats| (label.blocks, label.words.halves(), label.share, label.expected);
        assert_eq!((report.pages, report.blocks, report.words.halves()), (1, 3, 8));
        assert_eq!(of(&report.labels[0]), (1, 6, Some(0.75), Some(0.625)));
        assert_eq!(of(&report.labels[1]), (2, 2, Some(0.25), Some(0.375)));
    }

    #[test]
    fn a_page_is_cut_into_parts_of_as_many_words() {
        // three of four words are body, so that the eighth part is half of each
        let report = report(&[stats_of(&page("a\nb", &[(3.0, BODY), (1.0, PROMO)]), None)]);
        let bodies: Vec<Option<f64>> = report.parts.iter().map(|part| shares(part)[0]).collect();
        let wanted = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0].map(Some);
        assert_eq!(bodies, wanted);
    }

    #[test]
    fn parts_of_long_and_short_pages_are_added_up_by_words() {
        let long = stats_of(&page("a", &[(30.0, BODY)]), None);
        let short = stats_of(&page("a", &[(10.0, PROMO)]), None);
        for part in report(&[long, short]).parts {
            assert_eq!(shares(&part), [Some(0.75), Some(0.25)]);
        }
    }

    #[test]
    fn shares_are_written_to_six_decimals_in_the_labels_order() {
        let report = report(&[stats_of(&page("a\nb", &[(1.0, PROMO), (2.0, BODY)]), None)]);
        let json = serde_json::to_string(&report.languages[0].share).unwrap();
        assert_eq!(json, r#"{"body":0.666667,"promo":0.333333}"#);
        let json = serde_json::to_string(&report.labels[1]).unwrap();
        assert_eq!(
            json,
            r#"{"label":"promo","blocks":1,"words":1,"share":0.333333,"expected":0.416667}"#
        );
    }

    #[test]
    fn without_words_no_share_is_known() {
        let report = report(&[stats_of(&page("", &[]), None)]);
        assert_eq!((report.pages, report.blocks), (1, 0));
        assert_eq!((report.labels[0].share, report.labels[0].expected), (None, None));
        assert_eq!(shares(&report.parts[0]), [None, None]);
        assert_eq!(shares(&report.languages[0].share), [None, None]);
    }

    #[test]
    fn hosts_are_those_of_addresses_and_languages_those_of_pages() {
        let of = |words, url| stats_of(&page("a", &[(words, BODY)]), url);
        let report = report(&[
            of(2.0, Some("https://www.harbour.example/news?x=1")),
            of(9.0, Some("http://tarn.example:8080/")),
            of(3.0, Some("https://harbour.example/sport")),
            of(4.0, None),
        ]);
        let hosts: Vec<_> = report
            .hosts
            .top
            .iter()
            .map(|host| (&host.host[..], host.pages, host.at_least.halves()))
            .collect();
        assert_eq!(hosts, [("tarn.example", 1, 18), ("harbour.example", 2, 10)]);
        assert_eq!((report.hosts.without_address, report.hosts.kept), (1, 2));
        assert_eq!(report.hosts.top[0].at_most.halves(), 18);
        let language = &report.languages[0];
        assert_eq!(
            (language.language, language.pages, language.words.halves()),
            ("en", 4, 36)
        );
    }

    #[test]
    fn the_language_with_the_most_words_comes_first() {
        let english = stats_of(&page("a", &[(2.0, BODY)]), None);
        let unknown = LabelledPage {
            language: Language::UNKNOWN,
            ..page("a", &[(3.0, PROMO)])
        };
        let report = report(&[english, stats_of(&unknown, None)]);
        let languages: Vec<&str> = report.languages.iter().map(|language| language.language).collect();
        assert_eq!(languages, ["und", "en"]);
        assert_eq!(shares(&report.languages[0].share), [Some(0.0), Some(1.0)]);
    }

    #[test]
    fn lines_of_one_label_are_the_same_by_their_letters_and_digits() {
        let text = "Read more!\nread  MORE\nRead more\n***\n---\n***";
        let blocks = [
            (2.0, PROMO),
            (2.0, PROMO),
            (2.0, BODY),
            (0.0, PROMO),
            (0.0, PROMO),
            (0.0, PROMO),
        ];
        let lines = report(&[stats_of(&page(text, &blocks), None)]).lines.unwrap();
        let found: Vec<_> = lines
            .top
            .iter()
            .map(|line| (&line.text[..], line.at_least, line.at_most))
            .collect();
        assert_eq!(found, [("***", 2, 2), ("Read more!", 2, 2), ("---", 1, 1)]);
        assert_eq!((lines.lines, lines.kept, lines.label), (5, 3, "promo".to_owned()));
    }

    #[test]
    fn without_a_label_no_lines_are_counted() {
        let page = page("a", &[(1.0, PROMO)]);
        let mut stats = CorpusStats::new(labels(), None);
        stats.add(&PageStats::of(
            &page,
            None,
            &page.labels,
            page.probabilities.view(),
            None,
        ));
        assert_eq!(stats.report(9).lines, None);
    }

    #[test]
    fn a_long_line_is_cut_and_still_told_from_others() {
        let long = "x".repeat(LONGEST_NAME);
        let lines = report(&[stats_of(
            &page(&format!("{long}y\n{long}z\n{long}"), &[(1.0, PROMO); 3]),
            None,
        )]);
        let lines = lines.lines.unwrap();
        assert_eq!(lines.kept, 3);
        let length = |at: usize| lines.top[at].text.chars().count();
        assert_eq!([length(0), length(1), length(2)], [LONGEST_NAME; 3]);
        assert_eq!(lines.top.iter().filter(|line| line.text.ends_with('…')).count(), 2);
    }

    #[test]
    fn no_more_hosts_and_lines_than_asked_for_are_told() {
        let mut stats = CorpusStats::new(labels(), Some(PROMO));
        stats.add(&stats_of(
            &page("a\nb", &[(1.0, PROMO), (1.0, PROMO)]),
            Some("http://a.example/"),
        ));
        stats.add(&stats_of(&page("c", &[(1.0, PROMO)]), Some("http://b.example/")));
        let report = stats.report(1);
        assert_eq!((report.hosts.top.len(), report.hosts.kept), (1, 2));
        let lines = report.lines.unwrap();
        assert_eq!((lines.top.len(), lines.kept), (1, 3));
    }
}
