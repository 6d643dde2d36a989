//! A page to its text blocks, in reading order: no visible text is lost and none stands twice.
//!
//! A block's `text` is collapsed (one space for any white space); its `span` is where it stands in the page, byte for byte.

use crate::ascii::{Bytes, TOGETHER, bits};
use crate::html::{self, Document, ElementId, ElementName, Piece};
use crate::page::{Page, PageKind};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};
use std::ops::Range;

/// How plain text is split into blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Blocks are separated by blank lines; the lines between belong together.
    Blank,
    /// Every line is a block.
    Line,
    /// One of the two, found out for each page; lines that break a sentence are joined again.
    #[default]
    Auto,
}

/// A page as blocks.
#[derive(Debug)]
pub struct Segmented {
    /// HTML or plain text.
    pub kind: PageKind,
    /// The blocks in reading order; spans ascend and do not overlap for plain text.
    pub blocks: Vec<Block>,
    /// The elements around the blocks; `None` for plain text.
    pub document: Option<Document>,
}

/// One text block.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    /// The visible text, trimmed, every run of white space as one space; never empty.
    pub text: String,
    /// Where it stands in [`Page::text`], in bytes, from the first to the last character of its source.
    pub span: Range<usize>,
    /// Where it stands among the elements; `None` for plain text, of which a page can have very many blocks.
    pub markup: Option<Box<Markup>>,
}

/// Where a block of an HTML page stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Markup {
    /// The innermost element that holds all of the block's text.
    pub element: ElementId,
    /// The innermost block-level element around it.
    pub container: ElementId,
    /// Hash of the element names and class words from the root to the container.
    pub path: u64,
    /// Characters inside links, of all characters that are not white space; 0 to 1.
    pub link_density: f32,
    /// Number of links that the block's text stands in.
    pub links: u32,
    /// The first of them.
    pub first_link: Option<ElementId>,
    /// Whether a neighbouring block stands in the same element path with other text, as the items of a list do.
    pub repeats: bool,
    /// Alt text of a picture between the previous block and this one, collapsed; `Some("")` for a picture without one.
    pub picture_before: Option<String>,
    /// The same between this block and the next one.
    pub picture_after: Option<String>,
}

impl Markup {
    /// Everything in it that names an element.
    pub(crate) fn elements_mut(&mut self) -> impl Iterator<Item = &mut ElementId> {
        [&mut self.element, &mut self.container]
            .into_iter()
            .chain(&mut self.first_link)
    }
}

/// Splits a page into its blocks. A page without visible text has none.
pub fn segment(page: &Page, split: Split) -> Segmented {
    match page.kind {
        PageKind::Html => {
            let document = html::parse(&page.text);
            let blocks = html_blocks(&document);
            Segmented {
                kind: page.kind,
                blocks,
                document: Some(document),
            }
        }
        PageKind::Text => Segmented {
            kind: page.kind,
            blocks: text_blocks(&page.text, split),
            document: None,
        },
    }
}

/// White space for segmentation: Unicode's, the byte order mark and the zero-width space.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}'
}

/// Appends `text` to `to` with every run of white space as one space and none at the start of `to`.
fn push_collapsed(to: &mut String, text: &str) {
    if is_collapsed(text) {
        let text = text
            .strip_prefix(' ')
            .filter(|_| to.is_empty() || to.ends_with(' '))
            .unwrap_or(text);
        to.push_str(text);
        return;
    }
    let mut pending = false;
    for word in text.split(is_space) {
        if pending && !to.is_empty() && !to.ends_with(' ') {
            to.push(' ');
        }
        to.push_str(word);
        pending = true;
    }
}

/// Whether the only white space is single spaces.
fn is_collapsed(text: &str) -> bool {
    dispatch!(Level::new(), simd => is_collapsed_with(simd, text))
}

#[inline(always)]
fn is_collapsed_with<S: Simd>(simd: S, text: &str) -> bool {
    let mut ended_in_space = 0;
    for start in (0..text.len()).step_by(TOGETHER) {
        let bytes = Bytes::of(simd, text.as_bytes(), start);
        let own = bits(0, (text.len() - start).min(TOGETHER));
        let spaces = bytes.equal(b' ') & own;
        let doubled = spaces & (spaces << 1 | ended_in_space);
        if (doubled | bytes.between(0, b' ' - 1)) != 0 {
            return false;
        }
        ended_in_space = spaces >> (TOGETHER - 1);
        if bytes.beyond_ascii() & own == 0 {
            continue;
        }
        // first bytes of the white space beyond ASCII
        let mut perhaps = bytes.equal(0xc2) | bytes.between(0xe1, 0xe3) | bytes.equal(0xef);
        while perhaps != 0 {
            let at = start + perhaps.trailing_zeros() as usize;
            if text[at..].chars().next().is_some_and(is_space) {
                return false;
            }
            perhaps &= perhaps - 1;
        }
    }
    true
}

fn collapsed(text: &str) -> String {
    let mut to = String::with_capacity(text.len());
    push_collapsed(&mut to, text);
    to.truncate(to.trim_end_matches(' ').len());
    to
}

// ---- HTML

/// The block that is being put together.
#[derive(Default)]
struct Open {
    text: String,
    span: Option<Range<usize>>,
    element: Option<ElementId>,
    link_chars: usize,
    chars: usize,
    links: u32,
    first_link: Option<ElementId>,
    last_link: Option<ElementId>,
    breaks: u32,
}

fn html_blocks(document: &Document) -> Vec<Block> {
    let facts = ElementFacts::of(document);
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = Open::default();
    let mut picture: Option<String> = None;
    for piece in &document.pieces {
        match piece {
            Piece::Boundary => flush(&mut open, &facts, &mut blocks, &mut picture),
            Piece::LineBreak => {
                open.breaks += 1;
                if open.breaks == 2 {
                    flush(&mut open, &facts, &mut blocks, &mut picture);
                } else if !open.text.is_empty() && !open.text.ends_with(' ') {
                    open.text.push(' ');
                }
            }
            Piece::Image { alt, .. } => {
                let alt = collapsed(document.slice(alt));
                // of several pictures the one with an alt text tells more
                if picture.as_ref().is_none_or(|known| known.is_empty()) {
                    picture = Some(alt);
                }
            }
            Piece::Text { text, source, element } => {
                let run = document.slice(text);
                let chars = run.chars().filter(|c| !is_space(*c)).count();
                if chars == 0 {
                    if !open.text.is_empty() && !open.text.ends_with(' ') && !run.is_empty() {
                        open.text.push(' ');
                    }
                    continue;
                }
                open.breaks = 0;
                push_collapsed(&mut open.text, run);
                open.chars += chars;
                if let Some(link) = facts.link[element.index()] {
                    open.link_chars += chars;
                    if open.last_link != Some(link) {
                        open.links += 1;
                        open.first_link = open.first_link.or(Some(link));
                        open.last_link = Some(link);
                    }
                }
                let source = source.start as usize..source.end as usize;
                open.span = Some(match open.span.take() {
                    None => source,
                    Some(span) => span.start.min(source.start)..span.end.max(source.end),
                });
                open.element = Some(match open.element {
                    None => *element,
                    Some(known) => common_ancestor(document, known, *element),
                });
            }
        }
    }
    flush(&mut open, &facts, &mut blocks, &mut picture);
    if let (Some(alt), Some(last)) = (picture, blocks.last_mut().and_then(|block| block.markup.as_mut())) {
        last.picture_after = Some(alt);
    }
    mark_repeats(&mut blocks);
    blocks
}

fn flush(open: &mut Open, facts: &ElementFacts, blocks: &mut Vec<Block>, picture: &mut Option<String>) {
    let mut block = std::mem::take(open);
    block.text.truncate(block.text.trim_end_matches(' ').len());
    let (Some(element), Some(span), false) = (block.element, block.span, block.text.is_empty()) else {
        return;
    };
    let before = picture.take();
    if let (Some(alt), Some(previous)) = (&before, blocks.last_mut().and_then(|block| block.markup.as_mut())) {
        previous.picture_after = Some(alt.clone());
    }
    let container = facts.container[element.index()];
    blocks.push(Block {
        text: block.text,
        span,
        markup: Some(Box::new(Markup {
            element,
            container,
            path: facts.path[container.index()],
            link_density: block.link_chars as f32 / block.chars.max(1) as f32,
            links: block.links,
            first_link: block.first_link,
            repeats: false,
            picture_before: before,
            picture_after: None,
        })),
    });
}

/// What the segmenter asks of an element, once for each.
struct ElementFacts {
    /// Innermost `a` with an address at or above the element.
    link: Vec<Option<ElementId>>,
    /// Innermost block-level element at or above the element.
    container: Vec<ElementId>,
    /// Hash of the names and class words of the elements from the root to this one.
    path: Vec<u64>,
}

impl ElementFacts {
    fn of(document: &Document) -> Self {
        let mut link: Vec<Option<ElementId>> = Vec::with_capacity(document.elements.len());
        let mut container: Vec<ElementId> = Vec::with_capacity(document.elements.len());
        let mut path: Vec<u64> = Vec::with_capacity(document.elements.len());
        for (id, element) in document.ids().zip(&document.elements) {
            let is_link = element.has_href && element.name == ElementName::A;
            link.push(if is_link {
                Some(id)
            } else {
                element.parent.and_then(|parent| link[parent.index()])
            });
            container.push(match element.parent {
                Some(parent) if !element.name.is_block_level() => container[parent.index()],
                Some(_) | None => id,
            });
            let above = element.parent.map_or(0, |parent| path[parent.index()]);
            let named = mix(above, element.name.as_str());
            path.push(document.classes(id).fold(named, mix));
        }
        Self { link, container, path }
    }
}

fn common_ancestor(document: &Document, mut a: ElementId, mut b: ElementId) -> ElementId {
    while a != b {
        // a parent is opened before its children, so the later element is never an ancestor of the earlier one
        let (early, late) = (a.min(b), a.max(b));
        match document.element(late).parent {
            Some(parent) => (a, b) = (early, parent),
            None => return early,
        }
    }
    a
}

/// The hash of a path that goes on with this word.
fn mix(path: u64, word: &str) -> u64 {
    path.rotate_left(17).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ xxhash_rust::xxh3::xxh3_64(word.as_bytes())
}

fn mark_repeats(blocks: &mut [Block]) {
    let path = |block: &Block| block.markup.as_ref().map(|markup| markup.path);
    for index in 0..blocks.len() {
        let near = index.saturating_sub(2)..(index + 3).min(blocks.len());
        let repeats = near
            .filter(|other| *other != index)
            .any(|other| path(&blocks[other]) == path(&blocks[index]) && blocks[other].text != blocks[index].text);
        if let Some(markup) = blocks[index].markup.as_mut() {
            markup.repeats = repeats;
        }
    }
}

// ---- plain text

/// A line without its surrounding white space: byte range, and its length in characters.
struct Line {
    range: Range<usize>,
    chars: usize,
    /// Whether a blank line stands before it (or it is the first).
    after_blank: bool,
}

fn text_blocks(text: &str, split: Split) -> Vec<Block> {
    let lines = lines(text);
    let joins = |previous: &Line, next: &Line| -> bool {
        let (a, b) = (&text[previous.range.clone()], &text[next.range.clone()]);
        breaks_a_sentence(a, previous.chars, b)
    };
    let by_blank = match split {
        Split::Blank => true,
        Split::Line => false,
        Split::Auto => is_wrapped(text, &lines),
    };
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let mut previous: Option<&Line> = None;
    for line in &lines {
        let same_block = !line.after_blank
            && previous.is_some_and(|previous| {
                if by_blank {
                    split == Split::Blank || !starts_with_bullet(&text[line.range.clone()])
                } else {
                    split == Split::Auto && joins(previous, line)
                }
            });
        match blocks.last_mut() {
            Some(last) if same_block => last.end = line.range.end,
            _ => blocks.push(line.range.clone()),
        }
        previous = Some(line);
    }
    drop(lines);
    blocks
        .into_iter()
        .map(|span| Block {
            text: collapsed(&text[span.clone()]),
            span,
            markup: None,
        })
        .collect()
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut after_blank = true;
    let mut start = 0;
    while start < text.len() {
        let rest = &text.as_bytes()[start..];
        let length = memchr::memchr3(b'\n', b'\r', 0x0c, rest).unwrap_or(rest.len());
        let opened = text[start..start + length].trim_start_matches(is_space);
        let trimmed = opened.trim_end_matches(is_space);
        if trimmed.is_empty() {
            after_blank = true;
        } else {
            let from = start + length - opened.len();
            lines.push(Line {
                range: from..from + trimmed.len(),
                chars: trimmed.chars().count(),
                after_blank,
            });
            after_blank = false;
        }
        start += length;
        if text[start..].starts_with("\r\n") {
            start += 2;
        } else if start < text.len() {
            start += 1;
        }
    }
    lines
}

/// Widest line that counts as hard-wrapped: e-mail and editors wrap at 60 to 100 columns, 120 leaves room (chosen).
const WIDEST_WRAP: usize = 120;
/// Narrowest width that counts as hard-wrapped (chosen).
const NARROWEST_WRAP: usize = 40;
/// Share of single line breaks that must be explained by the width (chosen).
const WRAPPED_SHARE: f64 = 0.6;
/// A shorter line is a label or heading rather than the first half of a sentence (chosen).
const SHORTEST_BROKEN_LINE: usize = 30;

/// Whether the single line breaks of a page are those of hard wrapping: the next line's first word would not have fitted.
fn is_wrapped(text: &str, lines: &[Line]) -> bool {
    let width = lines.iter().map(|line| line.chars).max().unwrap_or(0);
    if !(NARROWEST_WRAP..=WIDEST_WRAP).contains(&width) {
        return false;
    }
    let mut breaks = 0u32;
    let mut wrapped = 0u32;
    for pair in lines.windows(2) {
        if pair[1].after_blank {
            continue;
        }
        breaks += 1;
        let next = &text[pair[1].range.clone()];
        let first_word = next.split(is_space).next().unwrap_or(next).chars().count();
        // a wrapped line is full, and not by chance: at least half the width
        if pair[0].chars + 1 + first_word > width && pair[0].chars * 2 > width {
            wrapped += 1;
        }
    }
    breaks > 0 && f64::from(wrapped) >= WRAPPED_SHARE * f64::from(breaks)
}

/// Whether the break between two lines stands in the middle of a sentence, as extractors leave it around links.
fn breaks_a_sentence(line: &str, chars: usize, next: &str) -> bool {
    let (Some(last), Some(first)) = (line.chars().next_back(), next.chars().next()) else {
        return false;
    };
    if starts_with_bullet(next) {
        return false;
    }
    let ends_open = last.is_alphanumeric() || matches!(last, ',' | ';' | '-' | '–' | '(' | '/' | '&' | '%');
    let continues = first.is_lowercase() || matches!(first, ',' | '.' | ';' | ')' | ':' | '?' | '!' | '’');
    let long_enough = chars >= SHORTEST_BROKEN_LINE || matches!(first, ',' | '.' | ';' | ')');
    ends_open && continues && long_enough
}

/// Whether a line opens as a list item does.
pub fn starts_with_bullet(line: &str) -> bool {
    let mut chars = line.chars();
    match chars.next() {
        Some('•' | '·' | '‣' | '▪' | '●' | '◦' | '■' | '►' | '»' | '›' | '→') => true,
        Some('-' | '*' | '+' | '–' | '—') => chars.next().is_some_and(is_space),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(kind: PageKind, text: &str) -> Page {
        Page::from_text("-", text.to_owned(), Some(kind)).unwrap()
    }

    fn text(split: Split, text: &str) -> Vec<String> {
        segment(&page(PageKind::Text, text), split)
            .blocks
            .into_iter()
            .map(|block| block.text)
            .collect()
    }

    fn html(source: &str) -> Vec<String> {
        segment(&page(PageKind::Html, source), Split::Auto)
            .blocks
            .into_iter()
            .map(|block| block.text)
            .collect()
    }

    #[test]
    fn white_space_is_found_wherever_it_stands() {
        let spaces = [
            "  ", "\n", "\t ", "\u{a0}", "\u{2009}", "\u{3000}", "\u{feff}", "\u{200b}", "\u{85}", "\u{1680}",
        ];
        let others = [" ", "", "’", "ä", "\u{7f}", "東", "\u{1f600}", "\u{2013}", "\u{a9}"];
        for length in (0..200).step_by(3).chain(60..70) {
            let around = |piece: &str| format!("{}{piece}{}", "x".repeat(length), "y".repeat(200 - length));
            for piece in spaces {
                assert!(!is_collapsed(&around(piece)), "{piece:?} after {length}");
            }
            for piece in others {
                assert!(is_collapsed(&around(piece)), "{piece:?} after {length}");
            }
        }
        assert!(is_collapsed(""));
        assert!(!is_collapsed(&format!("{}  ", "x".repeat(63))));
    }

    #[test]
    fn only_single_spaces_are_left_of_white_space() {
        for text in ["a b", "a  b", "a\tb", "a \u{a0} b", "a\u{200b}b", " a b ", "  a\n\nb  "] {
            assert_eq!(collapsed(text), "a b", "{text:?}");
        }
        assert_eq!(collapsed("ä  ö’s ü"), "ä ö’s ü");
    }

    #[test]
    fn blank_lines_separate_blocks_and_single_newlines_do_not() {
        assert_eq!(text(Split::Blank, "a\nb\n\nc"), ["a b", "c"]);
    }

    #[test]
    fn every_line_is_a_block_when_asked() {
        assert_eq!(text(Split::Line, "a\nb\r\n\r\nc\rd"), ["a", "b", "c", "d"]);
    }

    #[test]
    fn auto_takes_lines_as_blocks_when_they_are_no_wrapping() {
        let lines = "Home\nThe council met on Tuesday evening to vote on the new budget for the coming year.\nShare";
        assert_eq!(text(Split::Auto, lines).len(), 3);
    }

    #[test]
    fn auto_joins_hard_wrapped_lines() {
        let wrapped = "The council met on Tuesday evening to vote on\nthe new budget for the coming year, and heard\n\
                       forty residents who had come to speak about\nit.\n\nA second paragraph.";
        assert_eq!(text(Split::Auto, wrapped).len(), 2);
    }

    #[test]
    fn auto_joins_a_sentence_that_was_broken_around_a_link() {
        let broken = "The council voted on the new budget, which was published by\nthe mayor\n, on Tuesday.\nNext one, here it comes, with much more text behind it so that no width is common to all the lines of this page.";
        assert_eq!(
            text(Split::Auto, broken)[0],
            "The council voted on the new budget, which was published by the mayor , on Tuesday."
        );
    }

    #[test]
    fn a_lower_case_menu_is_not_joined() {
        assert_eq!(
            text(Split::Auto, "home\nnews\nabout us\ncontact"),
            ["home", "news", "about us", "contact"]
        );
    }

    #[test]
    fn marks_and_odd_spaces_are_trimmed_but_spans_stay_exact() {
        let source = "\u{feff}\u{a0}One\u{a0}two \r\n\r\n\tthree\t";
        let segmented = segment(&page(PageKind::Text, source), Split::Auto);
        let blocks: Vec<_> = segmented
            .blocks
            .iter()
            .map(|block| (block.text.as_str(), &source[block.span.clone()]))
            .collect();
        assert_eq!(blocks, [("One two", "One\u{a0}two"), ("three", "three")]);
    }

    #[test]
    fn block_elements_and_double_breaks_separate_html_blocks() {
        assert_eq!(
            html("<p>a <b>b</b> c<p>d<br>e<br><br>f<div>g</div>h"),
            ["a b c", "d e", "f", "g", "h"]
        );
    }

    #[test]
    fn a_link_only_block_has_link_density_one() {
        let segmented = segment(
            &page(PageKind::Html, "<p><a href=x>all of it</a></p><p>none of it</p>"),
            Split::Auto,
        );
        let densities: Vec<f32> = segmented
            .blocks
            .iter()
            .filter_map(|block| block.markup.as_ref())
            .map(|m| m.link_density)
            .collect();
        assert_eq!(densities, [1.0, 0.0]);
    }

    #[test]
    fn a_picture_is_known_to_both_its_neighbours() {
        let segmented = segment(
            &page(PageKind::Html, "<p>a</p><img alt='A  dog'><p>b</p><p>c</p>"),
            Split::Auto,
        );
        let markup: Vec<&Markup> = segmented
            .blocks
            .iter()
            .filter_map(|block| block.markup.as_deref())
            .collect();
        assert_eq!(markup[0].picture_after.as_deref(), Some("A dog"));
        assert_eq!(markup[1].picture_before.as_deref(), Some("A dog"));
        assert_eq!(markup[2].picture_before, None);
    }

    #[test]
    fn items_of_a_list_repeat_each_other() {
        let segmented = segment(&page(PageKind::Html, "<h1>x</h1><ul><li>a<li>b</ul>"), Split::Auto);
        let repeats: Vec<bool> = segmented
            .blocks
            .iter()
            .filter_map(|block| block.markup.as_ref())
            .map(|m| m.repeats)
            .collect();
        assert_eq!(repeats, [false, true, true]);
    }

    #[test]
    fn a_block_knows_where_it_stands_in_the_source() {
        let source = "<p>one <i>two</i></p>";
        let segmented = segment(&page(PageKind::Html, source), Split::Auto);
        assert_eq!(&source[segmented.blocks[0].span.clone()], "one <i>two");
    }
}
