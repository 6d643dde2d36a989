//! What stands around a block: where it is in the page, its neighbours, the heading above, its twins, words shared with the page.
//!
//! Everything is computed once for the page, in time linear in its blocks; nothing here knows a label.

use crate::analyzer::{PageTerms, Token, TokenKind};
use crate::shape::{Shape, flag, saturated, share_step, step};
use crate::vocabulary::{Family, Group, HashedMap, Sink};

/// The tables of one page that the features of its blocks are read from.
pub struct Context<'p> {
    terms: &'p PageTerms,
    shapes: &'p [Shape],
    /// Paragraphs before each block, and in all as the last entry.
    paragraphs_before: Vec<u32>,
    /// The nearest paragraph before each block.
    previous_paragraph: Vec<Option<usize>>,
    /// The nearest paragraph after each block.
    next_paragraph: Vec<Option<usize>>,
    /// The nearest block above each that could be its heading.
    heading: Vec<Option<usize>>,
    content: ContentWords,
    /// Where each content word of each block stands in the page, by the numbers of `content`.
    places: Vec<Places>,
    /// Blocks with the same tokens.
    repeats: Repeats,
    /// Blocks with the same first words.
    openings: Repeats,
    /// By block: bit `d - 1` is set when the block `d` further on is a near repeat, for `d` up to [`TWIN_REACH`].
    twins_after: Vec<u8>,
}

/// Where a word stands in the page.
#[derive(Clone, Copy, Default)]
struct Places {
    /// Blocks that have it, a block counted once.
    blocks: u32,
    /// Paragraphs among them.
    paragraphs: u32,
}

/// A heading has at most this many word units (chosen: "Das könnte Sie auch interessieren" has five).
const LONGEST_HEADING: f32 = 6.5;
/// A heading is looked for this many blocks up (chosen: longer lists of teasers are rare).
const HEADING_REACH: usize = 40;
/// Content words of a block that count (chosen; bounds the cost of a long block).
const MOST_CONTENT_WORDS: usize = 48;
/// Letters' bytes from which a word is a content word (chosen: most function words of Latin scripts are shorter).
const CONTENT_BYTES: u16 = 5;
/// Words that make the opening of a block, for truncated repeats (chosen).
const OPENING_WORDS: usize = 5;
/// Share of common words from which neighbours are near repeats (chosen).
const TWIN_SHARE: f32 = 0.7;
/// Neighbours in which a near repeat is looked for, on both sides (chosen).
const TWIN_REACH: usize = 3;

impl<'p> Context<'p> {
    /// The tables for a page's blocks: one shape and one range of terms for each.
    pub fn new(terms: &'p PageTerms, shapes: &'p [Shape]) -> Self {
        assert_eq!(terms.len(), shapes.len(), "a shape for each block");
        let count = shapes.len();
        let content = ContentWords::new(terms);
        let mut places: Vec<Places> = Vec::with_capacity(content.words.len());
        for (block, shape) in shapes.iter().enumerate() {
            for number in content.numbers(block) {
                if *number as usize == places.len() {
                    places.push(Places::default());
                }
                let place = &mut places[*number as usize];
                place.blocks += 1;
                place.paragraphs += u32::from(shape.is_paragraph);
            }
        }
        let exact: Vec<u64> = (0..count).map(|block| sequence_hash(terms.tokens(block))).collect();
        let opening = |block| terms.tokens(block).get(..OPENING_WORDS).map(sequence_hash);
        let (previous_paragraph, next_paragraph) = nearest_paragraphs(shapes);
        let twins_after = (0..count)
            .map(|block| {
                (1..=TWIN_REACH)
                    .filter(|distance| block + distance < count && are_twins(&exact, &content, block, block + distance))
                    .fold(0, |bits, distance| bits | 1 << (distance - 1))
            })
            .collect();
        Self {
            terms,
            shapes,
            paragraphs_before: paragraphs_before(shapes),
            previous_paragraph,
            next_paragraph,
            heading: headings(shapes),
            content,
            places,
            repeats: Repeats::new(exact.iter().copied().map(Some)),
            openings: Repeats::new((0..count).map(opening)),
            twins_after,
        }
    }

    /// What the page model asks of the surroundings of one block, in the order of [`MEASURES`], each 0 to 1.
    pub fn measures(&self, block: usize) -> [f32; MEASURES.len()] {
        let near = |distance: Option<usize>, half: f32| {
            distance.map_or(0.0, |distance| 1.0 - saturated(distance as f32 - 1.0, half))
        };
        let since = self.previous_paragraph[block].map(|at| block - at);
        let until = self.next_paragraph[block].map(|at| at - block);
        let heading = self.heading[block];
        let above = heading.map(|at| block - at);
        let before = self.paragraphs_before[block];
        let after = self.paragraphs_before[self.shapes.len()] - self.paragraphs_before[block + 1];
        let (elsewhere, in_paragraphs) = self.shared(block);
        let words = self.content.numbers(block).len();
        let share = |found: u32| found as f32 / words.max(1) as f32;
        let repeats = self
            .repeats
            .around(block)
            .map_or(0, |(first, last)| side(block as u32, first, last));
        let openings = self
            .openings
            .around(block)
            .map_or(0, |(first, last)| side(block as u32, first, last));
        [
            near(since, 2.0),
            near(since, 10.0),
            near(until, 2.0),
            near(until, 10.0),
            saturated(before as f32, 5.0),
            saturated(after as f32, 5.0),
            share(elsewhere),
            share(in_paragraphs),
            saturated(words as f32, 5.0),
            flag(repeats & 1 != 0),
            flag(repeats & 2 != 0),
            flag(openings & 1 != 0),
            flag(openings & 2 != 0),
            flag(self.has_twin_before(block, 1)),
            flag(self.has_twin_before(block, 2)),
            flag(self.has_twin_before(block, 3)),
            flag(self.has_twin_after(block, 1)),
            flag(self.has_twin_after(block, 2)),
            flag(self.has_twin_after(block, 3)),
            saturated(self.shapes.len() as f32, 60.0),
            saturated(block as f32, 20.0),
            near(above, 2.0),
            near(above, 10.0),
            heading.map_or(0.0, |at| self.shapes[at].words / LONGEST_HEADING),
            flag(heading.is_some_and(|at| self.shapes[at].ends_sentence())),
        ]
    }

    /// Hands over the features of position, overlap, heading and neighbours of one block.
    pub fn features<S: Sink>(&self, block: usize, sink: &mut S) {
        self.position(block, sink);
        self.overlap(block, sink);
        self.heading_words(block, sink);
        self.neighbours(block, sink);
    }

    fn position<S: Sink>(&self, block: usize, sink: &mut S) {
        let count = self.shapes.len();
        let length = self.shapes[block].coarse_step;
        let tenth = block * 10 / count;
        let from_end = count - 1 - block;
        let all = self.paragraphs_before[count];
        let before = self.paragraphs_before[block];
        let after = all - self.paragraphs_before[block + 1];
        let (before, after) = (count_step(before as usize), count_step(after as usize));
        let since = self.previous_paragraph[block].map_or(9, |at| distance_step(block - at));
        let until = self.next_paragraph[block].map_or(9, |at| distance_step(at - block));
        sink.add_steps(&TENTH, [tenth, length]);
        sink.add_steps(&FROM_START, [distance_step(block)]);
        sink.add_steps(&FROM_END, [distance_step(from_end)]);
        sink.add_steps(&PARAGRAPHS, [before, after]);
        sink.add_steps(&PARAGRAPHS_LENGTH, [before, after, length]);
        sink.add_steps(&SINCE, [since, length]);
        sink.add_steps(&UNTIL, [until, length]);
        sink.add_steps(&SINCE_UNTIL, [since, until]);
        sink.add_steps(
            &PAGE_BLOCKS,
            [step(count as f32, &[1.5, 5.5, 15.5, 40.5, 100.5, 250.5])],
        );
    }

    fn overlap<S: Sink>(&self, block: usize, sink: &mut S) {
        let shape = &self.shapes[block];
        let length = shape.coarse_step;
        let at = block as u32;
        if let Some((first, last)) = self.repeats.around(block) {
            sink.add_steps(&REPEAT, [side(at, first, last), length]);
        }
        if let Some((first, last)) = self.openings.around(block) {
            sink.add_steps(&SAME_OPENING, [side(at, first, last), length]);
        }
        for distance in 1..=TWIN_REACH {
            if self.has_twin_before(block, distance) {
                sink.add_steps(&TWIN_BEFORE, [distance, length]);
            }
            if self.has_twin_after(block, distance) {
                sink.add_steps(&TWIN_AFTER, [distance, length]);
            }
        }
        let numbers = self.content.numbers(block);
        let (elsewhere, in_paragraphs) = self.shared(block);
        let share = |found: u32| {
            if numbers.is_empty() {
                6
            } else {
                share_step(found as f32 / numbers.len() as f32)
            }
        };
        let (elsewhere, in_paragraphs) = (share(elsewhere), share(in_paragraphs));
        sink.add_steps(&SHARED, [elsewhere, length]);
        sink.add_steps(&SHARED_PARAGRAPHS, [in_paragraphs, length]);
    }

    /// Of the content words of a block, how many stand elsewhere on the page, and how many in other paragraphs.
    fn shared(&self, block: usize) -> (u32, u32) {
        let own_paragraph = u32::from(self.shapes[block].is_paragraph);
        let (mut elsewhere, mut in_paragraphs) = (0u32, 0u32);
        for number in self.content.numbers(block) {
            let places = self.places[*number as usize];
            elsewhere += u32::from(places.blocks > 1);
            in_paragraphs += u32::from(places.paragraphs > own_paragraph);
        }
        (elsewhere, in_paragraphs)
    }

    fn has_twin_after(&self, block: usize, distance: usize) -> bool {
        self.twins_after[block] & (1 << (distance - 1)) != 0
    }

    fn has_twin_before(&self, block: usize, distance: usize) -> bool {
        block >= distance && self.has_twin_after(block - distance, distance)
    }

    fn heading_words<S: Sink>(&self, block: usize, sink: &mut S) {
        let Some(heading) = self.heading[block] else {
            sink.add_steps(&HEADING_DISTANCE, [9]);
            return;
        };
        let distance = distance_step(block - heading);
        sink.add_steps(&HEADING_DISTANCE, [distance, self.shapes[heading].ending as usize]);
        let tokens = self.terms.tokens(heading);
        self.words(tokens.iter().take(LONGEST_HEADING as usize), &HEADING_WORD, sink);
        for pair in tokens.windows(2).take(LONGEST_HEADING as usize) {
            let hash = HEADING_PAIR.hash2(pair[0].stem, pair[1].stem);
            sink.add(&HEADING_PAIR, hash, || {
                format!("{} {}", self.terms.stem(&pair[0]), self.terms.stem(&pair[1]))
            });
        }
    }

    fn neighbours<S: Sink>(&self, block: usize, sink: &mut S) {
        let at = |offset: isize| block.checked_add_signed(offset).filter(|at| *at < self.shapes.len());
        let coarse = |offset: isize| at(offset).map_or(9, |at| self.shapes[at].coarse_step);
        let fine = |offset: isize| {
            at(offset).map_or((99, 99), |at| {
                (self.shapes[at].length_step, self.shapes[at].ending as usize)
            })
        };
        for (family, offset) in [(&BEFORE, -1), (&AFTER, 1), (&BEFORE_2, -2), (&AFTER_2, 2)] {
            let (length, ending) = fine(offset);
            sink.add_steps(family, [length, ending]);
        }
        sink.add_steps(&LENGTHS, [coarse(-1), coarse(0), coarse(1)]);
        sink.add_steps(&LENGTHS_AROUND, [coarse(-2), coarse(0), coarse(2)]);
        let mean = |range: std::ops::Range<usize>| {
            let sum: f32 = range.clone().map(|at| self.shapes[at].words.min(60.0)).sum();
            step(sum / range.len().max(1) as f32, &[2.0, 4.0, 7.0, 12.0, 20.0, 35.0])
        };
        let before = mean(block.saturating_sub(5)..block);
        let after = mean((block + 1).min(self.shapes.len())..(block + 6).min(self.shapes.len()));
        sink.add_steps(&DENSITY, [before, coarse(0), after]);
        for (family, offset) in [(&WORD_BEFORE, -1), (&WORD_AFTER, 1)] {
            if let Some(at) = at(offset).filter(|at| self.shapes[*at].words <= NEIGHBOUR_WORDS) {
                self.words(self.terms.tokens(at).iter().take(4), family, sink);
            }
        }
    }

    fn words<'t, S: Sink>(&self, tokens: impl Iterator<Item = &'t Token>, family: &'static Family, sink: &mut S) {
        for token in tokens {
            sink.add(family, family.hash1(token.stem), || self.terms.stem(token));
        }
    }

    /// Content words of a block, sorted, each once, 48 at most.
    pub fn content(&self, block: usize) -> &[u64] {
        self.content.words(block)
    }

    /// The nearest block above that could be the heading of a block.
    pub fn heading(&self, block: usize) -> Option<usize> {
        self.heading[block]
    }

    /// Another block with the same words: a neighbour, else the first or last one of the page.
    pub fn twin(&self, block: usize) -> Option<usize> {
        for distance in 1..=TWIN_REACH {
            if self.has_twin_before(block, distance) {
                return Some(block - distance);
            }
            if self.has_twin_after(block, distance) {
                return Some(block + distance);
            }
        }
        let (first, last) = self.repeats.around(block)?;
        [first, last].into_iter().map(|at| at as usize).find(|at| *at != block)
    }
}

/// The names of what [`Context::measures`] gives.
pub const MEASURES: [&str; 25] = [
    "just after a paragraph",
    "soon after a paragraph",
    "just before a paragraph",
    "soon before a paragraph",
    "paragraphs before",
    "paragraphs after",
    "share of words that stand elsewhere",
    "share of words that stand in paragraphs",
    "content words",
    "stands before, too",
    "stands after, too",
    "begins like a block before",
    "begins like a block after",
    "like the block before",
    "like the second block before",
    "like the third block before",
    "like the block after",
    "like the second block after",
    "like the third block after",
    "blocks on the page",
    "blocks before",
    "just under a heading",
    "soon under a heading",
    "length of the heading above",
    "a sentence as heading above",
];

/// Word units up to which a neighbour's own words are looked at (chosen).
const NEIGHBOUR_WORDS: f32 = 8.5;

const TENTH: Family = Family::of_steps("tenth+length", Group::Position);
const FROM_START: Family = Family::of_steps("from-start", Group::Position);
const FROM_END: Family = Family::of_steps("from-end", Group::Position);
const PARAGRAPHS: Family = Family::of_steps("paragraphs-before+after", Group::Position);
const PARAGRAPHS_LENGTH: Family = Family::of_steps("paragraphs-before+after+length", Group::Position);
const SINCE: Family = Family::of_steps("since-paragraph+length", Group::Position);
const UNTIL: Family = Family::of_steps("until-paragraph+length", Group::Position);
const SINCE_UNTIL: Family = Family::of_steps("since+until-paragraph", Group::Position);
const PAGE_BLOCKS: Family = Family::of_steps("page-blocks", Group::Position);
const REPEAT: Family = Family::of_steps("repeat+length", Group::Overlap);
const SAME_OPENING: Family = Family::of_steps("same-opening+length", Group::Overlap);
const TWIN_BEFORE: Family = Family::of_steps("twin-before+length", Group::Overlap);
const TWIN_AFTER: Family = Family::of_steps("twin-after+length", Group::Overlap);
const SHARED: Family = Family::of_steps("shared+length", Group::Overlap);
const SHARED_PARAGRAPHS: Family = Family::of_steps("shared-with-paragraphs+length", Group::Overlap);
const HEADING_DISTANCE: Family = Family::of_steps("heading-distance", Group::Heading);
const HEADING_WORD: Family = Family::new("heading", Group::Heading);
const HEADING_PAIR: Family = Family::new("heading-pair", Group::Heading);
const BEFORE: Family = Family::of_steps("before", Group::Neighbours);
const AFTER: Family = Family::of_steps("after", Group::Neighbours);
const BEFORE_2: Family = Family::of_steps("before-2", Group::Neighbours);
const AFTER_2: Family = Family::of_steps("after-2", Group::Neighbours);
const LENGTHS: Family = Family::of_steps("lengths", Group::Neighbours);
const LENGTHS_AROUND: Family = Family::of_steps("lengths-around", Group::Neighbours);
const DENSITY: Family = Family::of_steps("density", Group::Neighbours);
const WORD_BEFORE: Family = Family::new("word-before", Group::Neighbours);
const WORD_AFTER: Family = Family::new("word-after", Group::Neighbours);

/// Whether two blocks have most of their content words in common (all their tokens when they have none).
fn are_twins(exact: &[u64], content: &ContentWords, a: usize, b: usize) -> bool {
    if exact[a] == exact[b] {
        return true;
    }
    let (a, b) = (content.words(a), content.words(b));
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    // the share of common words is at most the ratio of the lengths
    short >= 2 && short as f32 >= TWIN_SHARE * long as f32 && jaccard(a, b) >= TWIN_SHARE
}

/// Which side of a block its repeats stand on: 1 before, 2 after, 3 both.
fn side(at: u32, first: u32, last: u32) -> usize {
    usize::from(first < at) + 2 * usize::from(last > at)
}

/// A count as one of seven steps.
fn count_step(count: usize) -> usize {
    static STEPS: [u8; 27] = steps([1, 2, 4, 7, 13, 26]);
    usize::from(STEPS[count.min(26)])
}

/// A distance in blocks as one of nine steps.
pub fn distance_step(distance: usize) -> usize {
    static STEPS: [u8; 102] = steps([1, 2, 3, 5, 9, 17, 41, 101]);
    usize::from(STEPS[distance.min(101)])
}

/// For each number below `N`, how many of the (ascending) first numbers of steps it has reached.
const fn steps<const N: usize, const STEPS: usize>(firsts: [usize; STEPS]) -> [u8; N] {
    let mut table = [0; N];
    let mut number = 0;
    while number < N {
        let mut step = 0;
        while step < STEPS && firsts[step] <= number {
            step += 1;
        }
        table[number] = step as u8;
        number += 1;
    }
    table
}

/// Share of the words of either that are words of both; both sorted, each word once.
pub fn jaccard(a: &[u64], b: &[u64]) -> f32 {
    let both = common(a, b);
    both as f32 / (a.len() + b.len() - both).max(1) as f32
}

/// Number of words that stand in both; both sorted, each word once.
pub fn common(a: &[u64], b: &[u64]) -> usize {
    let (mut i, mut j, mut both) = (0, 0, 0);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    both
}

/// The content words of all blocks of a page.
struct ContentWords {
    words: Vec<u64>,
    /// Parallel to `words`: number of the word in the page, in the order of first places.
    numbers: Vec<u32>,
    /// By block: where its words end.
    ends: Vec<u32>,
}

impl ContentWords {
    fn new(terms: &PageTerms) -> Self {
        let mut words = Vec::new();
        let mut ends = Vec::with_capacity(terms.len());
        for block in 0..terms.len() {
            append_content_words(terms.tokens(block), &mut words);
            ends.push(words.len() as u32);
        }
        let mut known: HashedMap<u32> = HashedMap::with_capacity_and_hasher(words.len(), Default::default());
        let numbers = words
            .iter()
            .map(|word| {
                let next = known.len() as u32;
                *known.entry(*word).or_insert(next)
            })
            .collect();
        Self { words, numbers, ends }
    }

    fn range(&self, block: usize) -> std::ops::Range<usize> {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[block] as usize
    }

    fn words(&self, block: usize) -> &[u64] {
        &self.words[self.range(block)]
    }

    fn numbers(&self, block: usize) -> &[u32] {
        &self.numbers[self.range(block)]
    }
}

/// The words of a block that carry its topic: long words, and pairs of ideographs; sorted, each once.
pub fn content_words(tokens: &[Token]) -> Vec<u64> {
    let mut words = Vec::new();
    append_content_words(tokens, &mut words);
    words
}

fn append_content_words(tokens: &[Token], words: &mut Vec<u64>) {
    let start = words.len();
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            TokenKind::Word if token.length >= CONTENT_BYTES => words.push(token.word),
            TokenKind::Ideograph => {
                if let Some(next) = tokens.get(index + 1).filter(|next| next.kind == TokenKind::Ideograph) {
                    words.push(PAIR.hash2(token.word, next.word));
                }
            }
            TokenKind::Word | TokenKind::Number | TokenKind::Symbol => {}
        }
        if words.len() - start == MOST_CONTENT_WORDS {
            break;
        }
    }
    let own = &mut words[start..];
    own.sort_unstable();
    let mut kept = start;
    for at in start..words.len() {
        if kept == start || words[kept - 1] != words[at] {
            words[kept] = words[at];
            kept += 1;
        }
    }
    words.truncate(kept);
}

const PAIR: Family = Family::new("pair", Group::Overlap);

fn sequence_hash(tokens: &[Token]) -> u64 {
    SEQUENCE.hash_all(tokens.iter().map(|token| token.word))
}

const SEQUENCE: Family = Family::new("sequence", Group::Overlap);

/// Blocks that are alike. Looked up once a block while it is made: on a long page, every look-up waits for memory.
struct Repeats {
    /// By block: the number of what it is like, in the order of first places; `None` for a block that is like nothing.
    numbers: Vec<Option<u32>>,
    /// By number: the first and the last block.
    ends: Vec<(u32, u32)>,
}

impl Repeats {
    /// The blocks of a page by their keys; those with equal keys are alike.
    fn new(keys: impl ExactSizeIterator<Item = Option<u64>>) -> Self {
        let mut known: HashedMap<u32> = HashedMap::with_capacity_and_hasher(keys.len(), Default::default());
        let mut ends: Vec<(u32, u32)> = Vec::with_capacity(keys.len());
        let numbers = (0..)
            .zip(keys)
            .map(|(at, key)| {
                let number = *known.entry(key?).or_insert(ends.len() as u32);
                match ends.get_mut(number as usize) {
                    Some((_, last)) => *last = at,
                    None => ends.push((at, at)),
                }
                Some(number)
            })
            .collect();
        Self { numbers, ends }
    }

    /// The first and the last block that are like this one, if there are two.
    fn around(&self, block: usize) -> Option<(u32, u32)> {
        let (first, last) = self.ends[self.numbers[block]? as usize];
        (first != last).then_some((first, last))
    }
}

fn paragraphs_before(shapes: &[Shape]) -> Vec<u32> {
    let mut before = Vec::with_capacity(shapes.len() + 1);
    let mut count = 0;
    before.push(0);
    for shape in shapes {
        count += u32::from(shape.is_paragraph);
        before.push(count);
    }
    before
}

fn nearest_paragraphs(shapes: &[Shape]) -> (Vec<Option<usize>>, Vec<Option<usize>>) {
    let nearest = |order: &mut dyn Iterator<Item = usize>| {
        let mut nearest = vec![None; shapes.len()];
        let mut last = None;
        for at in order {
            nearest[at] = last;
            if shapes[at].is_paragraph {
                last = Some(at);
            }
        }
        nearest
    };
    (nearest(&mut (0..shapes.len())), nearest(&mut (0..shapes.len()).rev()))
}

fn headings(shapes: &[Shape]) -> Vec<Option<usize>> {
    let mut last: Option<usize> = None;
    let mut headings = Vec::with_capacity(shapes.len());
    for (at, shape) in shapes.iter().enumerate() {
        headings.push(last.filter(|last| at - last <= HEADING_REACH));
        if shape.words <= LONGEST_HEADING && !shape.ends_sentence() {
            last = Some(at);
        }
    }
    headings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::Language;

    struct Spellings(Vec<String>);

    impl Sink for Spellings {
        fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
            let spelling = format!("{}={}", family.name, spell());
            assert_eq!(crate::vocabulary::hash_of_spelling(&spelling), hash, "{spelling}");
            self.0.push(spelling);
        }
    }

    fn features(texts: &[&str], block: usize) -> Vec<String> {
        let mut terms = PageTerms::new(texts.iter().copied());
        terms.find_stems(Language::from_tag("en").unwrap(), 12, 0);
        let shapes: Vec<Shape> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Shape::of(text, terms.tokens(at)))
            .collect();
        let mut sink = Spellings(Vec::new());
        Context::new(&terms, &shapes).features(block, &mut sink);
        sink.0
    }

    fn has(features: &[String], start: &str) -> bool {
        features.iter().any(|feature| feature.starts_with(start))
    }

    const PARAGRAPH: &str = "The council voted on Tuesday to close the harbour bridge for eleven weeks while engineers replace its bearings and repaint it.";

    #[test]
    fn a_repeat_is_seen_from_both_sides() {
        let page = [
            "A boat in the harbour of Port Ellery",
            "Something else",
            "A boat in the harbour of Port Ellery",
        ];
        assert!(has(&features(&page, 0), "repeat+length=2"));
        assert!(has(&features(&page, 2), "repeat+length=1"));
        assert!(!has(&features(&page, 1), "repeat"));
    }

    #[test]
    fn a_near_repeat_beside_the_block_is_a_twin() {
        let page = [
            "Fishing boats wait beneath the harbour bridge on Tuesday",
            "Fishing boats wait beneath the harbour bridge, Tuesday",
        ];
        assert!(has(&features(&page, 0), "twin-after+length=1"));
        assert!(has(&features(&page, 1), "twin-before+length=1"));
        let other = [
            "Fishing boats wait beneath the harbour bridge on Tuesday",
            "Engineers repaint every single railing before winter",
        ];
        assert!(!has(&features(&other, 0), "twin"));
    }

    #[test]
    fn words_that_stand_in_paragraphs_are_shared() {
        let page = [
            PARAGRAPH,
            "Engineers replace bearings",
            "Celebrity divorce shocks viewers",
        ];
        assert!(features(&page, 1).contains(&"shared-with-paragraphs+length=5 0".to_owned()));
        assert!(features(&page, 2).contains(&"shared-with-paragraphs+length=0 1".to_owned()));
    }

    #[test]
    fn the_heading_above_gives_its_words() {
        let page = [
            PARAGRAPH,
            "You May Also Like",
            "Celebrity divorce shocks viewers who had expected better things of him",
        ];
        let found = features(&page, 2);
        assert!(
            has(&found, "heading=like") && has(&found, "heading-pair=also like"),
            "{found:?}"
        );
        assert!(!has(&features(&page, 1), "heading="));
    }

    #[test]
    fn distance_from_the_last_paragraph_is_told() {
        let page = [PARAGRAPH, "One", "Two"];
        assert!(has(&features(&page, 2), "since-paragraph+length=2"));
        assert!(has(&features(&page, 1), "since-paragraph+length=1"));
        assert!(has(&features(&page, 0), "since-paragraph+length=9"));
    }

    #[test]
    fn neighbours_give_their_lengths_and_words() {
        let page = ["Share this", PARAGRAPH, "Comments"];
        let found = features(&page, 1);
        assert!(
            has(&found, "word-before=share") && has(&found, "word-after=comment") && has(&found, "lengths=0 3 0"),
            "{found:?}"
        );
    }

    #[test]
    fn steps_of_counts_and_distances_begin_where_they_are_said_to() {
        let found = |step: fn(usize) -> usize, upto: usize| -> Vec<usize> {
            (1..upto).filter(|number| step(*number) > step(number - 1)).collect()
        };
        assert_eq!(found(count_step, 300), [1, 2, 4, 7, 13, 26]);
        assert_eq!(found(distance_step, 300), [1, 2, 3, 5, 9, 17, 41, 101]);
        assert_eq!(
            (count_step(0), count_step(9999), distance_step(0), distance_step(9999)),
            (0, 6, 0, 8)
        );
    }

    #[test]
    fn common_words_are_counted_in_sorted_lists() {
        assert_eq!(common(&[1, 3, 5], &[2, 3, 5, 9]), 2);
        assert!((jaccard(&[1, 3], &[3]) - 0.5).abs() < 1e-6);
        assert!((jaccard(&[], &[])).abs() < 1e-6);
    }
}
