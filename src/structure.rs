//! Where a block stands among the elements of an HTML page: names, class words, links, and what its containers hold.
//!
//! Containers that hold nothing but one another count once, so that wrappers around wrappers make no difference.

use crate::analyzer::PageTerms;
use crate::context::{Context, common, content_words, distance_step};
use crate::html::{Document, ElementId, ElementName};
use crate::segment::{Block, Markup};
use crate::shape::{Shape, flag, saturated, share_step, step};
use crate::vocabulary::{Family, Group, HashedMap, Sink, part};

/// The tables of one HTML page that the features of its blocks are read from.
pub struct Structure<'p> {
    document: &'p Document,
    blocks: &'p [Block],
    shapes: &'p [Shape],
    /// By element: what it holds.
    holds: Vec<Holdings>,
    /// By element: hashes and spellings of its class and id words.
    words: Vec<std::ops::Range<u32>>,
    word_hashes: Vec<(u64, WordSource)>,
    word_spellings: Vec<String>,
    /// Word units in paragraphs on the whole page.
    paragraph_words: f32,
    /// By element: bits of the landmarks that it is or stands in.
    inside: Vec<u32>,
    /// By element: where to go on upwards.
    above: Vec<Above>,
    /// By path: number of blocks, and the sum of their word units.
    paths: HashedMap<(u32, f32)>,
    /// Content words of the page's title, sorted.
    title: Vec<u64>,
    /// Content words of the page's description, sorted.
    description: Vec<u64>,
    /// The first block in an `h1`.
    first_h1: Option<usize>,
    /// Content words of the alt texts before and after each block.
    pictures: Vec<[Option<Vec<u64>>; 2]>,
    context: &'p Context<'p>,
    terms: &'p PageTerms,
    /// The host that most links with a host name: the page's own, as far as the page tells.
    own_host: Option<String>,
}

/// What an element holds.
#[derive(Clone, Copy, Default)]
struct Holdings {
    blocks: u32,
    /// The first block inside, if there is one.
    first: Option<u32>,
    words: f32,
    link_words: f32,
    paragraph_words: f32,
}

/// The nearest ancestors of an element that something is read from, so that the way up is short in deep pages too; the element itself
/// where it has no such ancestor.
#[derive(Clone, Copy)]
struct Above {
    /// One of a block-level name.
    block_level: ElementId,
    /// One that has a role or a property.
    described: ElementId,
    /// One that holds more blocks.
    wider: ElementId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WordSource {
    Class,
    Id,
}

/// Ancestors whose class words count, from the innermost (chosen; bounds the cost of deep pages).
const CLASS_REACH: usize = 24;
/// Innermost ancestors whose class words also count by their level (chosen).
const NEAR_LEVELS: usize = 3;
/// Words of one class or id attribute that count (chosen; utility frameworks write dozens).
const MOST_CLASS_WORDS: usize = 16;
/// Distinct containers around a block that are described (chosen).
const CONTAINER_LEVELS: usize = 5;

impl<'p> Structure<'p> {
    /// The tables for a page; `None` for plain text.
    pub fn new(
        document: Option<&'p Document>,
        blocks: &'p [Block],
        terms: &'p PageTerms,
        shapes: &'p [Shape],
        context: &'p Context<'p>,
    ) -> Option<Self> {
        let document = document?;
        let mut structure = Self {
            document,
            blocks,
            shapes,
            holds: vec![Holdings::default(); document.elements.len()],
            words: Vec::with_capacity(document.elements.len()),
            word_hashes: Vec::new(),
            word_spellings: Vec::new(),
            paragraph_words: 0.0,
            inside: landmarks(document),
            above: Vec::with_capacity(document.elements.len()),
            paths: HashedMap::default(),
            title: topic(document.title.as_deref().unwrap_or("")),
            description: topic(metadata(document, &["og:description", "description"])),
            first_h1: None,
            pictures: Vec::with_capacity(blocks.len()),
            context,
            terms,
            own_host: own_host(document),
        };
        structure.read_class_words();
        structure.read_blocks();
        structure.find_ways_up();
        Some(structure)
    }

    fn read_class_words(&mut self) {
        for id in self.document.ids() {
            let start = self.word_hashes.len();
            let classes = self.document.classes(id).map(|word| (word, WordSource::Class));
            let ids = self.document.id(id).into_iter().map(|word| (word, WordSource::Id));
            for (raw, source) in classes.chain(ids) {
                split_identifier(raw, |word| {
                    if self.word_hashes.len() - start < MOST_CLASS_WORDS {
                        self.word_hashes.push((part(word), source));
                        self.word_spellings.push(word.to_owned());
                    }
                });
            }
            self.words.push(start as u32..self.word_hashes.len() as u32);
        }
    }

    fn read_blocks(&mut self) {
        for (at, (block, shape)) in self.blocks.iter().zip(self.shapes).enumerate() {
            let Some(markup) = &block.markup else { continue };
            let holds = &mut self.holds[markup.element.index()];
            holds.blocks += 1;
            holds.first = holds.first.or(Some(at as u32));
            holds.words += shape.words;
            holds.link_words += shape.words * markup.link_density;
            if shape.is_paragraph {
                holds.paragraph_words += shape.words;
                self.paragraph_words += shape.words;
            }
            let path = self.paths.entry(markup.path).or_default();
            path.0 += 1;
            path.1 += shape.words;
            let alt = |text: &Option<String>| text.as_deref().map(topic);
            self.pictures
                .push([alt(&markup.picture_before), alt(&markup.picture_after)]);
            if self.inside[markup.element.index()] & landmark(&ElementName::H1) != 0 {
                self.first_h1 = self.first_h1.or(Some(at));
            }
        }
        // children come after their parents, so one pass from the end adds everything up
        for (id, element) in self.document.ids().zip(&self.document.elements).rev() {
            if let Some(parent) = element.parent {
                let held = self.holds[id.index()];
                let holds = &mut self.holds[parent.index()];
                holds.blocks += held.blocks;
                holds.first = match (holds.first, held.first) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => a.or(b),
                };
                holds.words += held.words;
                holds.link_words += held.link_words;
                holds.paragraph_words += held.paragraph_words;
            }
        }
    }

    fn find_ways_up(&mut self) {
        for (id, element) in self.document.ids().zip(&self.document.elements) {
            let Some(parent) = element.parent else {
                self.above.push(Above {
                    block_level: id,
                    described: id,
                    wider: id,
                });
                continue;
            };
            let parents = self.above[parent.index()];
            // the parent, or what is nearest above it
            let nearest = |is_parent: bool, parents: ElementId| match is_parent {
                true => parent,
                false if parents != parent => parents,
                false => id,
            };
            let is_described = self.document.role(parent).or(self.document.itemprop(parent)).is_some();
            let blocks = |id: ElementId| self.holds[id.index()].blocks;
            self.above.push(Above {
                block_level: nearest(self.document.element(parent).name.is_block_level(), parents.block_level),
                described: nearest(is_described, parents.described),
                wider: nearest(blocks(parent) > blocks(id), parents.wider),
            });
        }
    }

    /// An element, what is nearest above it, and so on.
    fn up(&self, from: ElementId, nearest: fn(&Above) -> ElementId) -> impl Iterator<Item = ElementId> {
        std::iter::successors(Some(from), move |&id| {
            let above = nearest(&self.above[id.index()]);
            (above != id).then_some(above)
        })
    }

    /// What the page model asks of the markup of one block, in the order of [`MEASURES`], each 0 to 1.
    pub fn measures(&self, block: usize) -> [f32; MEASURES.len()] {
        let Some(markup) = &self.blocks[block].markup else {
            return [0.0; MEASURES.len()];
        };
        let own = self.context.content(block);
        let both = common(own, &self.title) as f32;
        [
            markup.link_density,
            saturated(markup.links as f32, 2.0),
            flag(markup.repeats),
            flag(markup.picture_before.is_some()),
            flag(markup.picture_after.is_some()),
            both / own.len().max(1) as f32,
            both / self.title.len().max(1) as f32,
        ]
    }

    /// Hands over the features of elements, classes and containers of one block.
    pub fn features<S: Sink>(&self, block: usize, sink: &mut S) {
        let Some(markup) = &self.blocks[block].markup else {
            return;
        };
        self.elements(block, markup, sink);
        self.pictures(block, sink);
        self.address(block, markup, sink);
        self.section_headings(block, markup, sink);
        self.page_title(block, sink);
        self.class_words(markup, sink);
        self.containers(block, markup, sink);
    }

    fn elements<S: Sink>(&self, block: usize, markup: &Markup, sink: &mut S) {
        let length = self.shapes[block].coarse_step;
        let name = |id: ElementId| self.document.element(id).name.as_str();
        let inner = name(markup.element);
        sink.add(&INNER, INNER.hash1(part(inner)), || inner.to_owned());
        let inside = self.inside[markup.element.index()];
        let is_block_level = |id: &ElementId| self.document.element(*id).name.is_block_level();
        let outwards = self.up(markup.element, |above| above.block_level);
        let path: Vec<&str> = outwards.filter(is_block_level).take(3).map(name).collect();
        for id in self.up(markup.element, |above| above.described) {
            if let Some(role) = self.document.role(id) {
                sink.add(&ROLE, ROLE.hash1(part(first_word(role))), || {
                    first_word(role).to_owned()
                });
            }
            if let Some(property) = self.document.itemprop(id) {
                sink.add(&PROPERTY, PROPERTY.hash1(part(first_word(property))), || {
                    first_word(property).to_owned()
                });
            }
        }
        for (_, landmark) in LANDMARKS
            .iter()
            .enumerate()
            .filter(|(flag, _)| inside & (1 << flag) != 0)
        {
            let landmark = landmark.as_str();
            sink.add(&INSIDE, INSIDE.hash1(part(landmark)), || landmark.to_owned());
        }
        for (count, family) in [(1, &CONTAINER), (2, &PATH_2), (3, &PATH_3)] {
            if let Some(names) = path.get(..count) {
                sink.add(family, family.hash_all(names.iter().map(|name| part(name))), || {
                    names.join(" ")
                });
            }
        }
        let links = link_step(markup.link_density);
        sink.add_steps(&LINKS, [links, self.shapes[block].length_step]);
        if let Some(tag) = path.first() {
            let hash = LINKS_TAG.hash3(
                part(tag),
                crate::vocabulary::number(links),
                crate::vocabulary::number(length),
            );
            sink.add(&LINKS_TAG, hash, || format!("{tag} {links} {length}"));
        }
        sink.add_steps(&LINK_COUNT, [(markup.links as usize).min(5), length]);
        sink.add_steps(&REPEATS, [usize::from(markup.repeats), links]);
        for (family, neighbour) in [(&BEFORE, block.checked_sub(1)), (&AFTER, Some(block + 1))] {
            let found = neighbour
                .and_then(|at| self.blocks.get(at))
                .and_then(|block| block.markup.as_ref());
            match found {
                Some(other) => {
                    let tag = name(other.container);
                    let links = link_step(other.link_density);
                    let near =
                        self.document.element(markup.container).parent == self.document.element(other.container).parent;
                    let hash = family.hash3(
                        part(tag),
                        crate::vocabulary::number(links),
                        crate::vocabulary::number(usize::from(near)),
                    );
                    sink.add(family, hash, || format!("{tag} {links} {}", usize::from(near)));
                }
                None => sink.add_steps(family, [9]),
            }
        }
    }

    fn pictures<S: Sink>(&self, block: usize, sink: &mut S) {
        let length = self.shapes[block].coarse_step;
        for (family, alt) in [
            (&PICTURE_BEFORE, &self.pictures[block][0]),
            (&PICTURE_AFTER, &self.pictures[block][1]),
        ] {
            if let Some(alt) = alt {
                let own = self.context.content(block);
                let both = common(own, alt);
                let like = if alt.is_empty() {
                    7
                } else {
                    share_step(both as f32 / alt.len().min(own.len()).max(1) as f32)
                };
                sink.add_steps(family, [like, length]);
            }
        }
    }

    /// Where the block's first link leads: what kind of address, how deep, and whether it repeats the block's words.
    fn address<S: Sink>(&self, block: usize, markup: &Markup, sink: &mut S) {
        let Some(href) = markup.first_link.and_then(|link| self.document.href(link)) else {
            return;
        };
        let length = self.shapes[block].coarse_step;
        let links = link_step(markup.link_density);
        let (kind, path) = address_kind(href, self.own_host.as_deref());
        let depth = path.split('/').filter(|part| !part.is_empty()).count();
        let digits = path.bytes().filter(u8::is_ascii_digit).count();
        sink.add_steps(&ADDRESS, [kind as usize, length, links]);
        sink.add_steps(
            &ADDRESS_DEPTH,
            [depth.min(6), step(digits as f32, &[0.5, 3.5, 7.5]), length],
        );
        let slug = topic(path);
        let own = self.context.content(block);
        let share = if slug.is_empty() || own.is_empty() {
            6
        } else {
            share_step(common(own, &slug) as f32 / own.len() as f32)
        };
        sink.add_steps(&ADDRESS_WORDS, [share, slug.len().min(6), length]);
        split_identifier(path.split(['?', '#']).next().unwrap_or(path), |word| {
            sink.add(&ADDRESS_WORD, ADDRESS_WORD.hash1(part(word)), || word.to_owned());
        });
    }

    /// The words of the short blocks that open the containers around the block: the headings of its section.
    fn section_headings<S: Sink>(&self, block: usize, markup: &Markup, sink: &mut S) {
        let mut last = block;
        let mut found = 0;
        for id in self.up(markup.element, |above| above.wider) {
            let Some(first) = self.holds[id.index()].first.map(|first| first as usize) else {
                continue;
            };
            if first == last || first == block {
                continue;
            }
            last = first;
            if self.shapes[first].words <= SECTION_WORDS {
                let tokens = self.terms.tokens(first);
                for token in tokens.iter().take(SECTION_WORDS as usize) {
                    sink.add(&SECTION, SECTION.hash1(token.stem), || self.terms.stem(token));
                }
                for pair in tokens.windows(2).take(SECTION_WORDS as usize) {
                    let hash = SECTION_PAIR.hash2(pair[0].stem, pair[1].stem);
                    sink.add(&SECTION_PAIR, hash, || {
                        format!("{} {}", self.terms.stem(&pair[0]), self.terms.stem(&pair[1]))
                    });
                }
            }
            found += 1;
            if found == SECTION_LEVELS {
                break;
            }
        }
        sink.add_steps(&SECTIONS, [found]);
    }

    fn page_title<S: Sink>(&self, block: usize, sink: &mut S) {
        let own = self.context.content(block);
        let length = self.shapes[block].coarse_step;
        for (family, words) in [(&TITLE, &self.title), (&DESCRIPTION, &self.description)] {
            let both = common(own, words) as f32;
            if both > 0.0 {
                sink.add_steps(
                    family,
                    [
                        share_step(both / own.len() as f32),
                        share_step(both / words.len() as f32),
                        length,
                    ],
                );
            }
        }
        let h1 = match self.first_h1 {
            None => 99,
            Some(at) if at <= block => distance_step(block - at),
            Some(at) => 10 + distance_step(at - block),
        };
        sink.add_steps(&FROM_H1, [h1, length]);
    }

    fn class_words<S: Sink>(&self, markup: &Markup, sink: &mut S) {
        let mut level = 0;
        for id in self.document.ancestors(markup.element).take(CLASS_REACH) {
            let range = self.words[id.index()].start as usize..self.words[id.index()].end as usize;
            let is_block = self.document.element(id).name.is_block_level();
            for at in range {
                let (hash, source) = self.word_hashes[at];
                let spell = || self.word_spellings[at].clone();
                match source {
                    WordSource::Class => sink.add(&CLASS, CLASS.hash1(hash), spell),
                    WordSource::Id => sink.add(&ID, ID.hash1(hash), spell),
                }
                if level < NEAR_LEVELS {
                    let family = [&CLASS_0, &CLASS_1, &CLASS_2][level];
                    sink.add(family, family.hash1(hash), spell);
                }
            }
            level += usize::from(is_block);
        }
    }

    fn containers<S: Sink>(&self, block: usize, markup: &Markup, sink: &mut S) {
        let length = self.shapes[block].coarse_step;
        let mut level = 0;
        let mut steps_to_content = None;
        for id in self.up(markup.element, |above| above.wider) {
            let holds = self.holds[id.index()];
            let share = holds.paragraph_words / self.paragraph_words.max(1.0);
            if steps_to_content.is_none() && share >= 0.5 {
                steps_to_content = Some((level, step(share, &[0.6, 0.8, 0.95])));
            }
            if level > 0 && level < CONTAINER_LEVELS {
                let family = [&HOLDS_1, &HOLDS_2, &HOLDS_3, &HOLDS_4][level - 1];
                let links = link_step(holds.link_words / holds.words.max(1.0));
                let words = step(holds.words, &[5.0, 15.0, 40.0, 100.0, 300.0, 1000.0]);
                sink.add_steps(family, [links, words, length]);
                let shares = [&SHARE_1, &SHARE_2, &SHARE_3, &SHARE_4][level - 1];
                let mean = step(
                    holds.words / holds.blocks.max(1) as f32,
                    &[2.0, 4.0, 7.0, 12.0, 20.0, 35.0],
                );
                sink.add_steps(shares, [step(share, &[0.0, 0.1, 0.5, 0.9]), mean, length]);
            }
            level += 1;
            // nothing further up counts
            if level >= CONTAINER_LEVELS && (steps_to_content.is_some() || self.paragraph_words == 0.0) {
                break;
            }
        }
        let (steps, share) = steps_to_content.unwrap_or((20, 9));
        sink.add_steps(&CONTENT, [steps.min(20), length]);
        sink.add_steps(&CONTENT_SHARE, [steps.min(20), share, length]);
        let (count, words) = self.paths.get(&markup.path).copied().unwrap_or_default();
        let mean = step(words / count.max(1) as f32, &[2.0, 4.0, 7.0, 12.0, 20.0, 35.0]);
        sink.add_steps(
            &SAME_PATH,
            [step(count as f32, &[1.5, 3.5, 7.5, 15.5, 40.5]), mean, length],
        );
    }
}

/// A block of at most this many word units that opens a container can be its heading (chosen).
const SECTION_WORDS: f32 = 8.5;
/// Containers around a block whose openings are looked at (chosen).
const SECTION_LEVELS: usize = 3;

/// What kind of address a link has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AddressKind {
    /// A place on the same page.
    Fragment,
    /// A script.
    Script,
    /// Mail, telephone and the like.
    Scheme,
    /// A path of the same host.
    Path,
    /// A full address of the page's own host.
    OwnHost,
    /// A full address of another host.
    OtherHost,
}

/// The kind of an address, and its part behind the host.
fn address_kind<'h>(href: &'h str, own_host: Option<&str>) -> (AddressKind, &'h str) {
    let href = href.trim();
    if href.is_empty() || href.starts_with('#') {
        return (AddressKind::Fragment, "");
    }
    match host_and_path(href) {
        Some((host, path)) if own_host == Some(host) => (AddressKind::OwnHost, path),
        Some((_, path)) => (AddressKind::OtherHost, path),
        None => match href.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("javascript") => (AddressKind::Script, ""),
            Some((scheme, _)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => (AddressKind::Scheme, ""),
            Some(_) | None => (AddressKind::Path, href),
        },
    }
}

/// Host without `www.` and path of an address that names a host.
fn host_and_path(href: &str) -> Option<(&str, &str)> {
    let rest = href
        .strip_prefix("//")
        .or_else(|| href.strip_prefix("https://"))
        .or_else(|| href.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = &rest[..end];
    Some((host.strip_prefix("www.").unwrap_or(host), &rest[end..]))
}

/// The host that most of a page's links name; of equals the first by spelling.
fn own_host(document: &Document) -> Option<String> {
    let mut counts: std::collections::BTreeMap<&str, u32> = std::collections::BTreeMap::new();
    for id in document.ids() {
        if let Some((host, _)) = document.href(id).and_then(host_and_path) {
            *counts.entry(host).or_default() += 1;
        }
    }
    let most = counts.values().copied().max()?;
    counts
        .into_iter()
        .find(|(_, count)| *count == most)
        .map(|(host, _)| host.to_owned())
}

/// Elements whose mere presence above a block says something.
const LANDMARKS: [ElementName; 27] = [
    ElementName::Nav,
    ElementName::Header,
    ElementName::Footer,
    ElementName::Aside,
    ElementName::Article,
    ElementName::Main,
    ElementName::Section,
    ElementName::Figure,
    ElementName::Figcaption,
    ElementName::Form,
    ElementName::Button,
    ElementName::Label,
    ElementName::Li,
    ElementName::Table,
    ElementName::Blockquote,
    ElementName::Pre,
    ElementName::Time,
    ElementName::A,
    ElementName::H1,
    ElementName::H2,
    ElementName::H3,
    ElementName::H4,
    ElementName::Option,
    ElementName::Dl,
    ElementName::Address,
    ElementName::P,
    ElementName::Picture,
];

/// Bit of a landmark; none for other names.
fn landmark(name: &ElementName) -> u32 {
    let place = LANDMARKS.iter().position(|landmark| landmark == name);
    place.map_or(0, |place| 1 << place)
}

/// By element: the bits of the elements from the root to it.
fn landmarks(document: &Document) -> Vec<u32> {
    let mut inside: Vec<u32> = Vec::with_capacity(document.elements.len());
    for element in &document.elements {
        let above = element.parent.map_or(0, |parent| inside[parent.index()]);
        inside.push(above | landmark(&element.name));
    }
    inside
}

const INNER: Family = Family::new("inner", Group::Elements);
const CONTAINER: Family = Family::new("element", Group::Elements);
const PATH_2: Family = Family::new("path-2", Group::Elements);
const PATH_3: Family = Family::new("path-3", Group::Elements);
const INSIDE: Family = Family::new("inside", Group::Elements);
const ROLE: Family = Family::new("role", Group::Elements);
const PROPERTY: Family = Family::new("itemprop", Group::Elements);
const LINKS: Family = Family::of_steps("links+length", Group::Elements);
const LINKS_TAG: Family = Family::new("element+links+length", Group::Elements);
const LINK_COUNT: Family = Family::of_steps("link-count+length", Group::Elements);
const REPEATS: Family = Family::of_steps("repeats+links", Group::Elements);
const BEFORE: Family = Family::new("element-before", Group::Elements);
const AFTER: Family = Family::new("element-after", Group::Elements);
const PICTURE_BEFORE: Family = Family::of_steps("picture-before", Group::Elements);
const PICTURE_AFTER: Family = Family::of_steps("picture-after", Group::Elements);
const ADDRESS: Family = Family::of_steps("address+length+links", Group::Elements);
const ADDRESS_DEPTH: Family = Family::of_steps("address-depth+digits+length", Group::Elements);
const ADDRESS_WORDS: Family = Family::of_steps("address-words-shared", Group::Elements);
const ADDRESS_WORD: Family = Family::new("address-word", Group::Classes);
const SECTION: Family = Family::new("section", Group::Heading);
const SECTION_PAIR: Family = Family::new("section-pair", Group::Heading);
const SECTIONS: Family = Family::of_steps("sections", Group::Heading);
const TITLE: Family = Family::of_steps("title", Group::Elements);
const DESCRIPTION: Family = Family::of_steps("description", Group::Elements);
const FROM_H1: Family = Family::of_steps("from-h1+length", Group::Elements);
const CLASS: Family = Family::new("class", Group::Classes);
const ID: Family = Family::new("id", Group::Classes);
const CLASS_0: Family = Family::new("class-0", Group::Classes);
const CLASS_1: Family = Family::new("class-1", Group::Classes);
const CLASS_2: Family = Family::new("class-2", Group::Classes);
const HOLDS_1: Family = Family::of_steps("holds-1", Group::Containers);
const HOLDS_2: Family = Family::of_steps("holds-2", Group::Containers);
const HOLDS_3: Family = Family::of_steps("holds-3", Group::Containers);
const HOLDS_4: Family = Family::of_steps("holds-4", Group::Containers);
const SHARE_1: Family = Family::of_steps("share-1", Group::Containers);
const SHARE_2: Family = Family::of_steps("share-2", Group::Containers);
const SHARE_3: Family = Family::of_steps("share-3", Group::Containers);
const SHARE_4: Family = Family::of_steps("share-4", Group::Containers);
const CONTENT: Family = Family::of_steps("content-steps+length", Group::Containers);
const CONTENT_SHARE: Family = Family::of_steps("content-steps+share+length", Group::Containers);
const SAME_PATH: Family = Family::of_steps("same-path", Group::Containers);

/// The names of what [`Structure::measures`] gives.
pub const MEASURES: [&str; 7] = [
    "share in links",
    "links",
    "stands in a row of its like",
    "a picture before it",
    "a picture after it",
    "share of words in the page's title",
    "share of the page's title",
];

/// A link density as one of five steps.
fn link_step(density: f32) -> usize {
    step(density, &[0.001, 0.33, 0.66, 0.999])
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("-")
}

/// Bytes of a title, a description, an alt text or an address whose words count (chosen: those that people wrote are shorter, and a page of
/// many blocks is asked for its title once for each part).
const MOST_TOPIC_BYTES: usize = 4096;

fn topic(text: &str) -> Vec<u64> {
    let end = (0..=text.len().min(MOST_TOPIC_BYTES))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let terms = PageTerms::new(std::iter::once(&text[..end.unwrap_or(0)]));
    content_words(terms.tokens(0))
}

fn metadata<'d>(document: &'d Document, names: &[&str]) -> &'d str {
    names
        .iter()
        .find_map(|name| document.metadata.iter().find(|(known, _)| known == name))
        .map_or("", |(_, content)| content.as_str())
}

/// Longest class or id word that counts, in bytes (chosen: longer ones are generated).
const LONGEST_CLASS_WORD: usize = 24;

/// Splits a class or id at hyphens, underscores, digits and capitals, in lower case: `relatedPosts__item-2` has related, posts, item.
fn split_identifier(raw: &str, mut word: impl FnMut(&str)) {
    let mut current = String::new();
    let mut last_lower = false;
    let mut finish = |current: &mut String| {
        if current.len() > 1 && current.len() <= LONGEST_CLASS_WORD {
            word(current);
        }
        current.clear();
    };
    for c in raw.chars() {
        if !c.is_alphabetic() {
            finish(&mut current);
            last_lower = false;
            continue;
        }
        if c.is_uppercase() && last_lower {
            finish(&mut current);
        }
        last_lower = c.is_lowercase();
        if c.is_ascii() {
            current.push(c.to_ascii_lowercase());
        } else {
            current.extend(c.to_lowercase());
        }
    }
    finish(&mut current);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{Page, PageKind};
    use crate::segment::{Split, segment};

    struct Spellings(Vec<String>);

    impl Sink for Spellings {
        fn add(&mut self, family: &'static Family, hash: u64, spell: impl FnOnce() -> String) {
            let spelling = format!("{}={}", family.name, spell());
            assert_eq!(crate::vocabulary::hash_of_spelling(&spelling), hash, "{spelling}");
            self.0.push(spelling);
        }
    }

    /// What `look` gives for the structure of a page.
    fn with_structure<T>(html: &str, look: impl FnOnce(&Structure<'_>) -> T) -> T {
        let page = Page::from_text("-", html.to_owned(), Some(PageKind::Html)).unwrap();
        let segmented = segment(&page, Split::Auto);
        let terms = PageTerms::new(segmented.blocks.iter().map(|block| block.text.as_str()));
        let shapes: Vec<Shape> = segmented
            .blocks
            .iter()
            .enumerate()
            .map(|(at, block)| Shape::of(&block.text, terms.tokens(at)))
            .collect();
        let context = Context::new(&terms, &shapes);
        let document = segmented.document.as_ref();
        look(&Structure::new(document, &segmented.blocks, &terms, &shapes, &context).unwrap())
    }

    /// The features of the block with this text.
    fn features(html: &str, text: &str) -> Vec<String> {
        with_structure(html, |structure| {
            let at = structure.blocks.iter().position(|block| block.text == text).unwrap();
            let mut sink = Spellings(Vec::new());
            structure.features(at, &mut sink);
            sink.0
        })
    }

    fn has(features: &[String], start: &str) -> bool {
        features.iter().any(|feature| feature.starts_with(start))
    }

    #[test]
    fn the_ways_up_pass_what_all_ancestors_have() {
        let page = "<div role=main><b><i><p>a</p></i></b><section><em itemprop=x><b><div>b <u><s>c</s></u></div></b></em><p>d\
                    </section></div><nav><ul role=menu><li><a><b>e</b></a><li>f</ul></nav>";
        with_structure(page, |structure| {
            let document = structure.document;
            let is_block_level = |id: &ElementId| document.element(*id).name.is_block_level();
            let is_described = |id: &ElementId| document.role(*id).or(document.itemprop(*id)).is_some();
            let found = |from: ElementId, nearest: fn(&Above) -> ElementId, is: &dyn Fn(&ElementId) -> bool| {
                let up: Vec<ElementId> = structure.up(from, nearest).collect();
                assert!(up[1..].iter().all(is), "nothing else on the way");
                up.into_iter().filter(is).collect::<Vec<_>>()
            };
            for from in document.ids() {
                let ancestors =
                    |is: &dyn Fn(&ElementId) -> bool| document.ancestors(from).filter(is).collect::<Vec<_>>();
                assert_eq!(
                    found(from, |above| above.block_level, &is_block_level),
                    ancestors(&is_block_level)
                );
                assert_eq!(
                    found(from, |above| above.described, &is_described),
                    ancestors(&is_described)
                );
                let holds = |id: ElementId| structure.holds[id.index()].blocks;
                let mut wider: Vec<ElementId> = document.ancestors(from).collect();
                wider.dedup_by_key(|id| holds(*id));
                assert_eq!(structure.up(from, |above| above.wider).collect::<Vec<_>>(), wider);
            }
        });
    }

    #[test]
    fn of_a_long_topic_the_beginning_counts() {
        // short words are no topic
        let behind = |words: usize| topic(&format!("{}omega", "a b ".repeat(words)));
        assert_eq!(behind(100), topic("omega"));
        assert!(behind(MOST_TOPIC_BYTES).is_empty());
        // no character is cut
        for before in 0..3 {
            topic(&("x".repeat(before) + &"\u{20ac}".repeat(MOST_TOPIC_BYTES)));
        }
    }

    #[test]
    fn identifiers_are_split_into_words() {
        let mut words = Vec::new();
        split_identifier("relatedPosts__item-2 x", |word| words.push(word.to_owned()));
        assert_eq!(words, ["related", "posts", "item"]);
    }

    #[test]
    fn class_words_of_the_block_and_above_are_given() {
        let found = features("<div class=relatedPosts><ul><li id=teaser-1>x</ul></div>", "x");
        for wanted in [
            "class=related",
            "class=posts",
            "id=teaser",
            "class-0=teaser",
            "class-2=related",
        ] {
            assert!(has(&found, wanted), "{wanted}: {found:?}");
        }
    }

    #[test]
    fn names_and_landmarks_are_given() {
        let found = features("<nav><ul><li><a href=x>x</a></ul></nav>", "x");
        for wanted in [
            "inner=a",
            "element=li",
            "path-2=li ul",
            "path-3=li ul nav",
            "inside=nav",
            "inside=a",
        ] {
            assert!(has(&found, wanted), "{wanted}: {found:?}");
        }
        assert!(!has(&found, "inside=footer"));
    }

    #[test]
    fn link_density_counts_with_length() {
        assert!(has(&features("<p><a href=x>x</a></p>", "x"), "links+length=4 0"));
        assert!(has(&features("<p><a>x</a></p>", "x"), "links+length=0 0"));
    }

    #[test]
    fn a_picture_with_the_same_words_is_seen() {
        let found = features("<img alt='Fishing boats'><p>Fishing boats</p>", "Fishing boats");
        assert!(has(&found, "picture-before=5"), "{found:?}");
        let found = features("<img alt='Church tower'><p>Fishing boats</p>", "Fishing boats");
        assert!(has(&found, "picture-before=0"), "{found:?}");
        assert!(!has(&features("<p>Fishing boats</p>", "Fishing boats"), "picture"));
    }

    #[test]
    fn addresses_are_told_apart() {
        let table = [
            ("#top", AddressKind::Fragment, ""),
            ("javascript:void(0)", AddressKind::Script, ""),
            ("mailto:a@b.example", AddressKind::Scheme, ""),
            ("/news/a-b", AddressKind::Path, "/news/a-b"),
            ("https://www.own.example/x", AddressKind::OwnHost, "/x"),
            ("//other.example", AddressKind::OtherHost, ""),
        ];
        for (href, kind, path) in table {
            assert_eq!(address_kind(href, Some("own.example")), (kind, path), "{href}");
        }
    }

    #[test]
    fn a_link_whose_address_has_the_words_of_the_block_is_a_teaser_by_its_looks() {
        let found = features(
            "<p><a href=/news/harbour-bridge-closes>Harbour bridge closes</a></p>",
            "Harbour bridge closes",
        );
        assert!(has(&found, "address-words-shared=5 3"), "{found:?}");
        assert!(has(&found, "address-word=harbour"), "{found:?}");
        let found = features(
            "<p><a href=/about>Harbour bridge closes</a></p>",
            "Harbour bridge closes",
        );
        assert!(has(&found, "address-words-shared=0 1"), "{found:?}");
    }

    #[test]
    fn the_heading_of_the_section_is_given_to_all_its_blocks() {
        let page = "<div><h3>Most read</h3><ul><li>alpha<li>beta<li>gamma</ul></div><p>delta</p>";
        assert!(has(&features(page, "gamma"), "section-pair=most read"));
        assert!(!has(&features(page, "delta"), "section-pair=alpha"));
        assert!(!has(&features(page, "Most read"), "section="));
    }

    #[test]
    fn the_page_title_is_recognised() {
        let found = features(
            "<title>Harbour bridge closes</title><h1>Harbour bridge closes</h1>",
            "Harbour bridge closes",
        );
        assert!(has(&found, "title=5 5"), "{found:?}");
    }

    #[test]
    fn the_way_to_the_content_is_counted_without_empty_wrappers() {
        let paragraph = "word ".repeat(40);
        let page = |open: &str, close: &str| {
            format!(
                "<body>{open}<article><p>{paragraph}</p><p>{paragraph}!</p><p>own</p></article>{close}<div>side</div>"
            )
        };
        let (plain, wrapped) = (page("", ""), page("<div><div>", "</div></div>"));
        for html in [&plain, &wrapped] {
            assert!(has(&features(html, "own"), "content-steps+length=1 "), "{html}");
            assert!(
                has(&features(html, "side"), "content-steps+length=1 ")
                    || has(&features(html, "side"), "content-steps+length=2 ")
            );
        }
    }
}
