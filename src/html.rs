//! HTML to the runs of text that a reader sees, each with its chain of enclosing elements; offsets come in two kinds, bytes
//! of the input (`source`) and bytes of [`Document::text`] (`text`), and mixing them up compiles.
//!
//! The tokens are those of the WHATWG tokenizer `html5gum`; tree construction (section 13.2.6 of the HTML standard) is done
//! here on a stack of open elements only, without building a tree: implied end tags, scopes, table and foreign content are
//! the standard's. Five things are simpler than there: text that a browser moves in front of a table stays where it was
//! written; of the formatting elements only links are opened again after a block cut them short; a table ends an open
//! paragraph also in quirks mode; a template is hidden even if it declares a shadow root; a frameset after text is ignored.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::ops::Range;
use std::sync::Arc;

use html5gum::{Emitter, Error as TokenizerError, State, Tokenizer};

/// Deepest element, counted from the root at 0, and the most elements open at once: Blink's `kMaximumHTMLParserDOMTreeDepth`.
/// It bounds every search of the stack, and so makes parsing linear.
pub const MAX_DEPTH: usize = 512;

/// Longest input in bytes (chosen: a NUL can become three bytes of text, and every offset has to fit a `u32`).
pub const MAX_INPUT: usize = 1 << 30;

/// Bytes of a `class` attribute that are kept (the longest of the 2,560 labelled pages has 7,435). What stands around many blocks is read
/// for each of them, so that without these limits a page could cost the square of its length.
pub const MOST_CLASS_BYTES: usize = 8192;

/// Bytes of an `href` that are kept (the longest of the 2,560 labelled pages has 3,333).
pub const MOST_HREF_BYTES: usize = 4096;

/// Bytes of an `id`, `role` or `itemprop` that are kept (the longest of the 2,560 labelled pages has 925).
pub const MOST_ID_BYTES: usize = 1024;

/// Bytes of an unknown element's name that are kept (chosen: custom elements have 30 and fewer).
pub const MOST_NAME_BYTES: usize = 64;

/// The page descriptions that [`Document::metadata`] keeps, as spelled in `name` or `property`, lower case (chosen).
pub const METADATA_NAMES: [&str; 5] = ["og:title", "og:description", "og:site_name", "description", "author"];

/// The element's `display` is block-like: it starts and ends a line.
const BLOCK: u16 = 1;
/// "Special" in the standard's stack of open elements (13.2.4.2).
const SPECIAL: u16 = 1 << 1;
/// Its start tag closes a paragraph that is open in button scope (13.2.6.4.7).
const CLOSES_P: u16 = 1 << 2;
/// Ends the search of "has an element in scope" (13.2.4.2).
const SCOPE: u16 = 1 << 3;
/// Has no content and no end tag.
const VOID: u16 = 1 << 4;
/// A formatting element (13.2.4.3): its end tag runs the adoption agency algorithm.
const FORMATTING: u16 = 1 << 5;
/// Closed by "generate implied end tags".
const IMPLIED_END: u16 = 1 << 6;
/// Not rendered, whatever its attributes: `display: none` in section 15.3.1, or fallback content.
const HIDDEN: u16 = 1 << 7;
/// Inserts a marker into the list of active formatting elements.
const MARKER: u16 = 1 << 8;
/// Its start tag leaves foreign content (13.2.6.5).
const BREAKOUT: u16 = 1 << 9;
/// Its end tag is looked for in the default scope and closes everything inside.
const SCOPED_END: u16 = 1 << 10;
/// Its content is not markup and not shown, or it is metadata: allowed before the body, never on the stack.
const HEAD_CONTENT: u16 = 1 << 11;

macro_rules! element_names {
    ($($variant:ident $spelling:literal $($flag:ident)*;)*) => {
        /// Name of an element, lower case; names that HTML, SVG and MathML do not use often keep their spelling in `Other`.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs)]
        pub enum ElementName {
            $($variant,)*
            /// Any other name, such as that of a custom element.
            Other(Arc<str>),
        }

        impl ElementName {
            /// The spelling in a tag, lower case.
            pub fn as_str(&self) -> &str {
                match self {
                    $(ElementName::$variant => $spelling,)*
                    ElementName::Other(name) => name,
                }
            }

            fn tag(&self) -> Tag {
                match self {
                    $(ElementName::$variant => Tag::$variant,)*
                    ElementName::Other(_) => Tag::Other,
                }
            }
        }

        /// A known name without the spelling of unknown ones: small enough for the stack.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        enum Tag { $($variant,)* Other }

        impl Tag {
            const FLAGS: &'static [u16] = &[$(0 $(| $flag)*,)* 0];

            #[cfg(test)]
            const ALL: &'static [(Tag, &'static str)] = &[$((Tag::$variant, $spelling),)*];

            #[inline]
            #[allow(non_upper_case_globals)] // a pattern has to be a constant
            fn from_lower_case(name: &[u8]) -> Tag {
                $(const $variant: &[u8] = $spelling.as_bytes();)*
                match name { $($variant => Tag::$variant,)* _ => Tag::Other }
            }

            fn element_name(self) -> Option<ElementName> {
                match self {
                    $(Tag::$variant => Some(ElementName::$variant),)*
                    Tag::Other => None,
                }
            }
        }
    };
}

// Block-level: section 15.3 of the HTML standard (display: block, list-item, table and its parts), and options.
element_names! {
    A "a" FORMATTING;
    Abbr "abbr";
    Address "address" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Annotation "annotation";
    AnnotationXml "annotation-xml";
    Applet "applet" SPECIAL SCOPE HIDDEN MARKER SCOPED_END;
    Area "area" VOID SPECIAL;
    Article "article" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Aside "aside" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Audio "audio" HIDDEN;
    B "b" FORMATTING BREAKOUT;
    Base "base" VOID SPECIAL HEAD_CONTENT;
    Basefont "basefont" VOID SPECIAL HEAD_CONTENT;
    Bdi "bdi";
    Bdo "bdo";
    Bgsound "bgsound" VOID SPECIAL HEAD_CONTENT;
    Big "big" FORMATTING BREAKOUT;
    Blockquote "blockquote" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Body "body" BLOCK SPECIAL BREAKOUT;
    Br "br" VOID SPECIAL BREAKOUT;
    Button "button" SPECIAL SCOPED_END;
    Canvas "canvas" HIDDEN;
    Caption "caption" BLOCK SPECIAL SCOPE MARKER;
    Center "center" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Cite "cite";
    Code "code" FORMATTING BREAKOUT;
    Col "col" VOID SPECIAL;
    Colgroup "colgroup" BLOCK SPECIAL;
    Data "data";
    Datalist "datalist" HIDDEN;
    Dd "dd" BLOCK SPECIAL CLOSES_P IMPLIED_END BREAKOUT SCOPED_END;
    Defs "defs";
    Del "del";
    Desc "desc";
    Details "details" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Dfn "dfn";
    Dialog "dialog" BLOCK CLOSES_P SCOPED_END;
    Dir "dir" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Div "div" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Dl "dl" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Dt "dt" BLOCK SPECIAL CLOSES_P IMPLIED_END BREAKOUT SCOPED_END;
    Em "em" FORMATTING BREAKOUT;
    Embed "embed" VOID SPECIAL BREAKOUT;
    Fieldset "fieldset" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Figcaption "figcaption" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Figure "figure" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Font "font" FORMATTING;
    Footer "footer" BLOCK SPECIAL CLOSES_P SCOPED_END;
    ForeignObject "foreignobject";
    Form "form" BLOCK SPECIAL CLOSES_P;
    Frame "frame" VOID SPECIAL;
    Frameset "frameset" BLOCK SPECIAL;
    G "g";
    H1 "h1" BLOCK SPECIAL CLOSES_P BREAKOUT;
    H2 "h2" BLOCK SPECIAL CLOSES_P BREAKOUT;
    H3 "h3" BLOCK SPECIAL CLOSES_P BREAKOUT;
    H4 "h4" BLOCK SPECIAL CLOSES_P BREAKOUT;
    H5 "h5" BLOCK SPECIAL CLOSES_P BREAKOUT;
    H6 "h6" BLOCK SPECIAL CLOSES_P BREAKOUT;
    Head "head" SPECIAL BREAKOUT HIDDEN;
    Header "header" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Hgroup "hgroup" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Hr "hr" BLOCK VOID SPECIAL CLOSES_P BREAKOUT;
    Html "html" BLOCK SPECIAL SCOPE;
    I "i" FORMATTING BREAKOUT;
    Iframe "iframe" SPECIAL HIDDEN;
    Img "img" VOID SPECIAL BREAKOUT;
    Input "input" VOID SPECIAL;
    Ins "ins";
    Kbd "kbd";
    Keygen "keygen" VOID SPECIAL;
    Label "label";
    Legend "legend" BLOCK;
    Li "li" BLOCK SPECIAL CLOSES_P IMPLIED_END BREAKOUT;
    Link "link" VOID SPECIAL HEAD_CONTENT;
    Listing "listing" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Main "main" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Map "map";
    Mark "mark";
    Marquee "marquee" SPECIAL SCOPE MARKER SCOPED_END;
    Math "math";
    Menu "menu" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Meta "meta" VOID SPECIAL BREAKOUT HEAD_CONTENT;
    Meter "meter" HIDDEN;
    Mi "mi";
    Mn "mn";
    Mo "mo";
    Ms "ms";
    Mtext "mtext";
    Nav "nav" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Nobr "nobr" FORMATTING BREAKOUT;
    Noembed "noembed" SPECIAL HIDDEN;
    Noframes "noframes" SPECIAL HIDDEN HEAD_CONTENT;
    Noscript "noscript" SPECIAL HIDDEN HEAD_CONTENT;
    Object "object" SPECIAL SCOPE HIDDEN MARKER SCOPED_END;
    Ol "ol" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Optgroup "optgroup" BLOCK IMPLIED_END;
    Option "option" BLOCK IMPLIED_END;
    Output "output";
    P "p" BLOCK SPECIAL CLOSES_P IMPLIED_END BREAKOUT;
    Param "param" VOID SPECIAL;
    Path "path";
    Picture "picture";
    Plaintext "plaintext" BLOCK SPECIAL CLOSES_P;
    Pre "pre" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Progress "progress" HIDDEN;
    Q "q";
    Rb "rb" IMPLIED_END;
    Rp "rp" IMPLIED_END HIDDEN;
    Rt "rt" IMPLIED_END;
    Rtc "rtc" IMPLIED_END;
    Ruby "ruby" BREAKOUT;
    S "s" FORMATTING BREAKOUT;
    Samp "samp";
    Script "script" SPECIAL HIDDEN HEAD_CONTENT;
    Search "search" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Section "section" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Select "select" SPECIAL SCOPE SCOPED_END;
    Slot "slot";
    Small "small" FORMATTING BREAKOUT;
    Source "source" VOID SPECIAL;
    Span "span" BREAKOUT;
    Strike "strike" FORMATTING BREAKOUT;
    Strong "strong" FORMATTING BREAKOUT;
    Style "style" SPECIAL HIDDEN HEAD_CONTENT;
    Sub "sub" BREAKOUT;
    Summary "summary" BLOCK SPECIAL CLOSES_P SCOPED_END;
    Sup "sup" BREAKOUT;
    Svg "svg";
    Symbol "symbol";
    Table "table" BLOCK SPECIAL SCOPE CLOSES_P BREAKOUT;
    Tbody "tbody" BLOCK SPECIAL;
    Td "td" BLOCK SPECIAL SCOPE MARKER;
    Template "template" SPECIAL SCOPE HIDDEN MARKER HEAD_CONTENT;
    Text "text";
    Textarea "textarea" SPECIAL HIDDEN;
    Tfoot "tfoot" BLOCK SPECIAL;
    Th "th" BLOCK SPECIAL SCOPE MARKER;
    Thead "thead" BLOCK SPECIAL;
    Time "time";
    Title "title" SPECIAL HIDDEN HEAD_CONTENT;
    Tr "tr" BLOCK SPECIAL;
    Track "track" VOID SPECIAL;
    Tspan "tspan";
    Tt "tt" FORMATTING BREAKOUT;
    U "u" FORMATTING BREAKOUT;
    Ul "ul" BLOCK SPECIAL CLOSES_P BREAKOUT SCOPED_END;
    Use "use";
    Var "var" BREAKOUT;
    Video "video" HIDDEN;
    Wbr "wbr" VOID SPECIAL;
    Xmp "xmp" BLOCK SPECIAL CLOSES_P;
}

impl ElementName {
    /// Whether a browser without author styles starts a new line for this element: section 15.3 of the HTML standard
    /// (block, list item, table and its parts), and options. Unknown names are inline, as in browsers.
    pub fn is_block_level(&self) -> bool {
        self.tag().is(BLOCK)
    }
}

impl Tag {
    #[inline]
    fn is(self, flag: u16) -> bool {
        Self::FLAGS[self as usize] & flag != 0
    }

    fn is_heading(self) -> bool {
        matches!(self, Tag::H1 | Tag::H2 | Tag::H3 | Tag::H4 | Tag::H5 | Tag::H6)
    }

    fn is_table_structure(self) -> bool {
        matches!(
            self,
            Tag::Table | Tag::Tbody | Tag::Tfoot | Tag::Thead | Tag::Tr | Tag::Colgroup
        )
    }
}

/// Which element of a [`Document`]: an index into [`Document::elements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ElementId(u32);

impl ElementId {
    /// The root, `html`, which every document has.
    pub const ROOT: ElementId = ElementId(0);

    /// Position in [`Document::elements`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One element: a start tag, or one that the standard implies. Its attributes are asked of the [`Document`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Name, lower case.
    pub name: ElementName,
    /// The enclosing element; `None` for the root only.
    pub parent: Option<ElementId>,
    /// Number of ancestors, 0 to [`MAX_DEPTH`]; deeper elements become siblings there.
    pub depth: u16,
    /// Whether it has an `href` attribute; with the name `a` that makes it a link.
    pub has_href: bool,
    /// Bytes of its start tag in the input, `<` to `>`; empty if the element is implied.
    pub source: Range<u32>,
    classes: Range<u32>,
    id: Range<u32>,
    role: Range<u32>,
    itemprop: Range<u32>,
    href: Range<u32>,
}

/// What stands at one place of the page, in document order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A run of visible text, with no tag or comment inside.
    Text {
        /// Bytes of [`Document::text`], never empty: entities decoded, newlines normalized, white space as written.
        text: Range<u32>,
        /// Bytes of the input that the run was written as.
        source: Range<u32>,
        /// The innermost element around it.
        element: ElementId,
    },
    /// One or more visible block-level elements were opened or closed here. Never twice in a row.
    Boundary,
    /// `<br>`.
    LineBreak,
    /// `<img>`.
    Image {
        /// Bytes of [`Document::text`] with its `alt` attribute; empty if it has none.
        alt: Range<u32>,
        /// The `img` element itself.
        element: ElementId,
    },
}

/// A page as [`parse`] reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Visible text and image descriptions, one after another without separators; only [`Document::pieces`] tells them apart.
    pub text: String,
    /// Everything visible in document order.
    pub pieces: Vec<Piece>,
    /// Every element that can hold visible text, and every visible `img`, in the order in which they were opened; the first
    /// is the root, `html`.
    pub elements: Vec<Element>,
    /// Text of the first `title`, white space stripped and collapsed as in `document.title`; `None` if that is empty.
    pub title: Option<String>,
    /// The `lang` attribute of `html`, trimmed; `None` if that is empty.
    pub lang: Option<String>,
    /// Name, lower case, and content of each `meta` whose `property` or `name` is one of [`METADATA_NAMES`]; content is
    /// trimmed and never empty.
    pub metadata: Vec<(String, String)>,
    /// Bytes of the input that are the bodies of `<script type="application/ld+json">`.
    pub json_ld: Vec<Range<u32>>,
    attributes: String,
}

/// Where the elements of an excerpt stand in the whole document.
pub(crate) struct Places(Vec<ElementId>);

impl Places {
    /// The id in the excerpt of an element of the whole.
    ///
    /// # Panics
    /// When the element is not in the excerpt.
    pub fn here(&self, whole: ElementId) -> ElementId {
        let place = self.0.binary_search(&whole).expect("an element of the excerpt");
        ElementId(place as u32)
    }

    /// The id in the whole of an element of the excerpt.
    pub fn whole(&self, here: ElementId) -> ElementId {
        self.0[here.index()]
    }
}

impl Document {
    /// These elements and those around them as a document of their own, which costs as much as they are and not as the whole; it has no
    /// text and no pieces.
    pub(crate) fn excerpt(&self, wanted: impl IntoIterator<Item = ElementId>) -> (Self, Places) {
        let mut places = Places(vec![ElementId::ROOT]);
        let mut seen = HashSet::from([ElementId::ROOT]);
        for id in wanted {
            places.0.extend(self.ancestors(id).take_while(|id| seen.insert(*id)));
        }
        places.0.sort_unstable();
        let mut excerpt = Self {
            text: String::new(),
            pieces: Vec::new(),
            elements: Vec::with_capacity(places.0.len()),
            title: self.title.clone(),
            lang: self.lang.clone(),
            metadata: self.metadata.clone(),
            json_ld: Vec::new(),
            attributes: String::new(),
        };
        // elements that were opened again share their values, which can be long
        let mut moved: HashMap<Range<u32>, u32> = HashMap::new();
        for id in &places.0 {
            let mut element = self.element(*id).clone();
            element.parent = element.parent.map(|parent| places.here(parent));
            let Element {
                classes,
                id,
                role,
                itemprop,
                href,
                ..
            } = &mut element;
            for range in [classes, id, role, itemprop, href] {
                let length = range.end - range.start;
                let start = *moved.entry(range.clone()).or_insert_with(|| {
                    let start = excerpt.attributes.len() as u32;
                    excerpt.attributes.push_str(self.attribute(range));
                    start
                });
                *range = start..start + length;
            }
            excerpt.elements.push(element);
        }
        (excerpt, places)
    }

    /// The ids of all elements in the order of [`Document::elements`].
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = ElementId> + ExactSizeIterator + use<> {
        (0..self.elements.len()).map(|index| ElementId(index as u32))
    }

    /// The element with this id.
    pub fn element(&self, id: ElementId) -> &Element {
        &self.elements[id.index()]
    }

    /// The words of the `class` attribute, as spelled, in its first [`MOST_CLASS_BYTES`].
    pub fn classes(&self, id: ElementId) -> impl Iterator<Item = &str> {
        self.attribute(&self.element(id).classes).split_ascii_whitespace()
    }

    /// The `id` attribute, as spelled, up to [`MOST_ID_BYTES`]; `None` if missing or empty.
    pub fn id(&self, id: ElementId) -> Option<&str> {
        Some(self.attribute(&self.element(id).id)).filter(|value| !value.is_empty())
    }

    /// The `role` attribute, as spelled, up to [`MOST_ID_BYTES`]; `None` if missing or empty.
    pub fn role(&self, id: ElementId) -> Option<&str> {
        Some(self.attribute(&self.element(id).role)).filter(|value| !value.is_empty())
    }

    /// The `href` attribute, as spelled, up to [`MOST_HREF_BYTES`]; `None` if missing or empty.
    pub fn href(&self, id: ElementId) -> Option<&str> {
        Some(self.attribute(&self.element(id).href)).filter(|value| !value.is_empty())
    }

    /// The `itemprop` attribute, as spelled, up to [`MOST_ID_BYTES`]; `None` if missing or empty.
    pub fn itemprop(&self, id: ElementId) -> Option<&str> {
        Some(self.attribute(&self.element(id).itemprop)).filter(|value| !value.is_empty())
    }

    /// The element itself, its parent, and so on to the root.
    pub fn ancestors(&self, id: ElementId) -> impl Iterator<Item = ElementId> {
        std::iter::successors(Some(id), |&id| self.element(id).parent)
    }

    /// The innermost link around the element or the element itself: an `a` with `href`.
    pub fn link(&self, id: ElementId) -> Option<ElementId> {
        self.ancestors(id).find(|&id| {
            let element = self.element(id);
            element.has_href && element.name == ElementName::A
        })
    }

    /// The text in a range that a [`Piece`] of this document names.
    pub fn slice(&self, text: &Range<u32>) -> &str {
        &self.text[text.start as usize..text.end as usize]
    }

    fn attribute(&self, range: &Range<u32>) -> &str {
        &self.attributes[range.start as usize..range.end as usize]
    }
}

/// Reads a page, or any other text: no input is an error.
///
/// Visible means visible in a browser with scripts and without style sheets: the standard's `display: none` elements,
/// fallback content, `hidden`, closed `dialog`s and popovers, and inline styles that hide are left out with all they
/// contain; `details` count as open, and hiding `html` or `body` is ignored, as scripts undo it. White space between two block boundaries is left out.
///
/// # Panics
/// If the input is longer than [`MAX_INPUT`] bytes.
pub fn parse(html: &str) -> Document {
    assert!(
        html.len() <= MAX_INPUT,
        "HTML of {} bytes; at most {MAX_INPUT} can be read",
        html.len()
    );
    // html5gum hands the emitter to the tokenizer for good, so the result leaves through a borrow.
    let mut document = Document {
        text: String::with_capacity(html.len() / 8),
        pieces: Vec::new(),
        elements: Vec::new(),
        title: None,
        lang: None,
        metadata: Vec::new(),
        json_ld: Vec::new(),
        attributes: String::new(),
    };
    // A byte order mark is no text, although a decoder may have left it.
    let after_mark = html.strip_prefix('\u{feff}').unwrap_or(html);
    let position = html.len() - after_mark.len();
    let builder = Builder::new(html.as_bytes(), position, &mut document);
    match Tokenizer::new_with_emitter(after_mark, builder).finish() {
        Ok(()) => document,
    }
}

/// Whether an inline style takes the element out of sight: `display: none`, or `visibility: hidden` or `collapse`.
/// Of several declarations the last counts, one with `!important` before all others.
fn style_hides(style: &str) -> bool {
    let mut display = (false, false);
    let mut visibility = (false, false);
    for declaration in declarations(style) {
        let Some((property, value)) = declaration.split_once(':') else {
            continue;
        };
        let property = property.trim();
        let mut value = value.trim();
        let mut important = false;
        if let Some((before, after)) = value.rsplit_once('!')
            && after.trim().eq_ignore_ascii_case("important")
        {
            value = before.trim();
            important = true;
        }
        let is = |word: &str| value.eq_ignore_ascii_case(word);
        let (winner, hides) = if property.eq_ignore_ascii_case("display") {
            (&mut display, is("none"))
        } else if property.eq_ignore_ascii_case("visibility") {
            (&mut visibility, is("hidden") || is("collapse"))
        } else {
            continue;
        };
        if important || !winner.1 {
            *winner = (hides, important);
        }
    }
    display.0 || visibility.0
}

/// The declarations of a style attribute: split at semicolons outside quotes and parentheses, where addresses hold them.
fn declarations(style: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    let mut parentheses = 0u32;
    style.split(move |c: char| {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => parentheses += 1,
            (None, ')') => parentheses = parentheses.saturating_sub(1),
            (None, ';') => return parentheses == 0,
            (None, _) => {}
        }
        false
    })
}

/// The attributes that are read; the others are skipped as they are tokenized.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Attribute {
    Alt,
    Class,
    Content,
    FontLook,
    Hidden,
    Href,
    Id,
    Itemprop,
    Lang,
    Name,
    Open,
    Popover,
    Property,
    Role,
    Style,
    Type,
}

/// The beginning of a value that is kept, cut between characters.
fn beginning(value: &[u8], most: usize) -> Cow<'_, str> {
    let continues = |at: usize| value.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let end = (0..=most.min(value.len())).rev().find(|at| !continues(*at));
    String::from_utf8_lossy(&value[..end.unwrap_or(0)])
}

impl Attribute {
    /// Bytes of it that an element keeps.
    fn most_bytes(self) -> usize {
        match self {
            Self::Class => MOST_CLASS_BYTES,
            Self::Href => MOST_HREF_BYTES,
            _ => MOST_ID_BYTES,
        }
    }

    const COUNT: usize = Attribute::Type as usize + 1;

    fn from_lower_case(name: &[u8]) -> Option<Attribute> {
        Some(match name {
            b"alt" => Attribute::Alt,
            b"class" => Attribute::Class,
            b"color" | b"face" | b"size" => Attribute::FontLook,
            b"content" => Attribute::Content,
            b"hidden" => Attribute::Hidden,
            b"href" | b"xlink:href" => Attribute::Href,
            b"id" => Attribute::Id,
            b"itemprop" => Attribute::Itemprop,
            b"lang" => Attribute::Lang,
            b"name" => Attribute::Name,
            b"open" => Attribute::Open,
            b"popover" => Attribute::Popover,
            b"property" => Attribute::Property,
            b"role" => Attribute::Role,
            b"style" => Attribute::Style,
            b"type" => Attribute::Type,
            _ => return None,
        })
    }
}

/// The start or end tag that the tokenizer is reading.
#[derive(Default)]
struct CurrentTag {
    name: Vec<u8>,
    is_end: bool,
    is_self_closing: bool,
    /// Name of the attribute being read, while it is still growing.
    attribute_name: Vec<u8>,
    /// Whether the name is complete, and then whether and where the value is kept.
    attribute: AttributeProgress,
    /// One bit an attribute.
    present: u32,
    values: Vec<u8>,
    ranges: [(u32, u32); Attribute::COUNT],
}

#[derive(Clone, Copy, Default)]
enum AttributeProgress {
    #[default]
    None,
    Name,
    Kept(Attribute),
    Skipped,
}

impl CurrentTag {
    fn reset(&mut self, is_end: bool) {
        self.name.clear();
        self.is_end = is_end;
        self.is_self_closing = false;
        self.attribute_name.clear();
        self.attribute = AttributeProgress::None;
        self.present = 0;
        self.values.clear();
    }

    /// The attribute's name is complete: decides whether its value is kept. Of two with one name, the first counts.
    #[inline]
    fn complete_name(&mut self) {
        if let AttributeProgress::Name = self.attribute {
            self.attribute = match Attribute::from_lower_case(&self.attribute_name) {
                Some(attribute) if !self.is_end && !self.has(attribute) => {
                    self.present |= 1 << attribute as u32;
                    let at = self.values.len() as u32;
                    self.ranges[attribute as usize] = (at, at);
                    AttributeProgress::Kept(attribute)
                }
                Some(_) | None => AttributeProgress::Skipped,
            };
        }
    }

    fn has(&self, attribute: Attribute) -> bool {
        self.present & (1 << attribute as u32) != 0
    }

    fn value(&self, attribute: Attribute) -> Option<&[u8]> {
        self.has(attribute).then(|| {
            let (start, end) = self.ranges[attribute as usize];
            &self.values[start as usize..end as usize]
        })
    }

    fn trimmed(&self, attribute: Attribute) -> String {
        let value = self.value(attribute).unwrap_or_default();
        String::from_utf8_lossy(value.trim_ascii()).into_owned()
    }

    /// Whether the element and all it contains is out of sight.
    fn hides(&self, tag: Tag) -> bool {
        if tag.is(HIDDEN) {
            return true;
        }
        if self.present == 0 {
            return tag == Tag::Dialog;
        }
        // Pages that hide all of themselves are shown by their scripts.
        if tag == Tag::Body {
            return false;
        }
        if let Some(value) = self.value(Attribute::Hidden)
            && !value.eq_ignore_ascii_case(b"until-found")
        {
            return true;
        }
        if (tag == Tag::Dialog && !self.has(Attribute::Open)) || self.has(Attribute::Popover) {
            return true;
        }
        self.value(Attribute::Style)
            .is_some_and(|style| style_hides(&String::from_utf8_lossy(style)))
    }
}

/// Where a new start tag stands in respect to the innermost table, cell or caption: the insertion modes of 13.2.6.4.9 to 15.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TablePlace {
    Flow,
    Cell,
    Caption,
    Table,
    Section,
    Row,
    Colgroup,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Namespace {
    Html,
    Svg,
    MathMl,
}

/// How far the document is: the insertion modes around "in body".
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    BeforeBody,
    Body,
    Frameset,
}

/// An entry of the stack of open elements.
#[derive(Clone, Copy)]
struct Open {
    element: ElementId,
    /// `Other` in foreign content, so that no rule for HTML elements applies there.
    tag: Tag,
    /// Equal for equal names.
    key: u32,
    namespace: Namespace,
    /// Foreign, but with HTML inside: an HTML or MathML text integration point.
    is_integration_point: bool,
    place: TablePlace,
    in_template: bool,
    /// It hides what is in it.
    hides: bool,
    /// It or an element around it hides.
    hidden: bool,
    /// In SVG, where text is drawn only inside `text`.
    undrawn: bool,
    /// Closing it emits a boundary.
    is_block: bool,
}

impl Open {
    fn is_special(&self) -> bool {
        self.tag.is(SPECIAL) || self.is_integration_point
    }

    fn ends_scope(&self) -> bool {
        self.tag.is(SCOPE) || self.is_integration_point
    }

    fn is_foreign(&self) -> bool {
        self.namespace != Namespace::Html
    }
}

/// The link that is open in the list of active formatting elements, since the last marker.
#[derive(Clone, Copy)]
struct ActiveLink {
    element: ElementId,
    hides: bool,
    is_on_stack: bool,
}

/// Tree construction: receives what the tokenizer reads, fills the document.
struct Builder<'d> {
    html: &'d [u8],
    document: &'d mut Document,
    /// Bytes of the input read so far.
    position: usize,
    /// Where the last `<` stood.
    tag_start: usize,
    current: CurrentTag,
    /// The run of text being read.
    run: Vec<u8>,
    run_start: usize,
    run_end: usize,
    /// The newline directly after `<pre>` is not text.
    skips_newline: bool,
    phase: Phase,
    /// Never empty: the root stays.
    stack: Vec<Open>,
    /// How many of each tag are on the stack, so that an end tag without a start tag costs nothing.
    counts: [u16; Tag::FLAGS_LEN],
    /// One for each marker on the stack, and one for the document.
    links: Vec<Option<ActiveLink>>,
    form: Option<ElementId>,
    /// The element whose content is not markup, while it is open.
    raw: Option<Tag>,
    /// Where the body of a JSON-LD script began.
    json_ld_start: Option<usize>,
    title: Option<Vec<u8>>,
    in_title: bool,
    other_names: HashMap<Vec<u8>, u32>,
    other_spellings: Vec<Arc<str>>,
}

impl Tag {
    const FLAGS_LEN: usize = Tag::FLAGS.len();
}

/// Names beyond the known ones are numbered from here, so that one number identifies any name.
const FIRST_OTHER_KEY: u32 = 256;

impl<'d> Builder<'d> {
    /// Reads `html` from a byte on.
    fn new(html: &'d [u8], position: usize, document: &'d mut Document) -> Self {
        let mut builder = Builder {
            html,
            document,
            position,
            tag_start: 0,
            current: CurrentTag::default(),
            run: Vec::new(),
            run_start: 0,
            run_end: 0,
            skips_newline: false,
            phase: Phase::BeforeBody,
            stack: Vec::with_capacity(MAX_DEPTH),
            counts: [0; Tag::FLAGS_LEN],
            links: vec![None],
            form: None,
            raw: None,
            json_ld_start: None,
            title: None,
            in_title: false,
            other_names: HashMap::new(),
            other_spellings: Vec::new(),
        };
        builder.document.elements.push(Element {
            name: ElementName::Html,
            parent: None,
            depth: 0,
            has_href: false,
            source: 0..0,
            classes: 0..0,
            id: 0..0,
            role: 0..0,
            itemprop: 0..0,
            href: 0..0,
        });
        builder.stack.push(Open {
            element: ElementId::ROOT,
            tag: Tag::Html,
            key: Tag::Html as u32,
            namespace: Namespace::Html,
            is_integration_point: false,
            place: TablePlace::Flow,
            in_template: false,
            hides: false,
            hidden: false,
            undrawn: false,
            is_block: true,
        });
        builder
    }

    #[inline]
    fn top(&self) -> &Open {
        &self.stack[self.stack.len() - 1]
    }

    // ---- pieces ----

    fn boundary(&mut self) {
        let pieces = &mut self.document.pieces;
        if let [before @ .., Piece::Text { text, .. }] = pieces.as_slice()
            && matches!(before, [] | [.., Piece::Boundary])
            && self.document.text[text.start as usize..text.end as usize]
                .bytes()
                .all(|byte| byte.is_ascii_whitespace())
        {
            self.document.text.truncate(text.start as usize);
            pieces.pop();
        }
        if !matches!(pieces.last(), Some(Piece::Boundary)) {
            pieces.push(Piece::Boundary);
        }
    }

    /// Ends the run of text, if one is open.
    #[inline]
    fn flush(&mut self) {
        if !self.run.is_empty() {
            self.flush_run();
        }
    }

    fn flush_run(&mut self) {
        let top = *self.top();
        let is_misplaced = top.tag.is_table_structure();
        if is_misplaced && self.run.iter().all(u8::is_ascii_whitespace) {
            self.run.clear();
            return;
        }
        let element = if is_misplaced {
            // A browser moves this text in front of the table.
            if !top.hidden {
                self.boundary();
            }
            self.foster_parent().element
        } else {
            self.reopen_link();
            if self.top().hidden {
                self.run.clear();
                return;
            }
            self.top().element
        };
        let start = self.document.text.len() as u32;
        self.document.text.push_str(&String::from_utf8_lossy(&self.run));
        self.run.clear();
        self.document.pieces.push(Piece::Text {
            text: start..self.document.text.len() as u32,
            source: self.run_start as u32..self.run_end as u32,
            element,
        });
        if is_misplaced && !top.hidden {
            self.boundary();
        }
    }

    // ---- elements ----

    /// A new element with the attributes of the current tag.
    fn record(&mut self, name: ElementName, parent: ElementId) -> ElementId {
        let attributes = &mut self.document.attributes;
        let current = &self.current;
        let mut keep = |attribute| {
            let start = attributes.len() as u32;
            if let Some(value) = current.value(attribute) {
                attributes.push_str(&beginning(value, attribute.most_bytes()));
            }
            start..attributes.len() as u32
        };
        let (classes, id, role, itemprop, href) = if current.present == 0 {
            (0..0, 0..0, 0..0, 0..0, 0..0)
        } else {
            (
                keep(Attribute::Class),
                keep(Attribute::Id),
                keep(Attribute::Role),
                keep(Attribute::Itemprop),
                keep(Attribute::Href),
            )
        };
        self.add(Element {
            name,
            parent: Some(parent),
            depth: 0,
            has_href: current.has(Attribute::Href),
            source: self.tag_start as u32..self.position as u32,
            classes,
            id,
            role,
            itemprop,
            href,
        })
    }

    /// A new element that no tag was written for.
    fn record_implied(&mut self, name: ElementName, parent: ElementId) -> ElementId {
        let at = self.tag_start as u32;
        self.add(Element {
            name,
            parent: Some(parent),
            depth: 0,
            has_href: false,
            source: at..at,
            classes: 0..0,
            id: 0..0,
            role: 0..0,
            itemprop: 0..0,
            href: 0..0,
        })
    }

    /// Another element like this one, under another parent.
    fn record_again(&mut self, id: ElementId, parent: ElementId) -> ElementId {
        let mut element = self.document.element(id).clone();
        element.parent = Some(parent);
        self.add(element)
    }

    /// Adds an element that has a parent, and sets its depth.
    fn add(&mut self, mut element: Element) -> ElementId {
        let elements = &mut self.document.elements;
        if let Some(parent) = element.parent {
            let above = &elements[parent.index()];
            if usize::from(above.depth) >= MAX_DEPTH {
                element.parent = above.parent;
                element.depth = above.depth;
            } else {
                element.depth = above.depth + 1;
            }
        }
        elements.push(element);
        ElementId(elements.len() as u32 - 1)
    }

    /// Key and name of the current tag.
    fn name(&mut self, tag: Tag) -> (u32, ElementName) {
        if let Some(name) = tag.element_name() {
            return (tag as u32, name);
        }
        let index = match self.other_names.get(&self.current.name) {
            Some(&index) => index,
            None => {
                let index = self.other_spellings.len() as u32;
                let spelling = beginning(&self.current.name, MOST_NAME_BYTES);
                self.other_spellings.push(spelling.into());
                self.other_names.insert(self.current.name.clone(), index);
                index
            }
        };
        (
            FIRST_OTHER_KEY + index,
            ElementName::Other(self.other_spellings[index as usize].clone()),
        )
    }

    /// Key of the current tag's name; `None` if no element has had that name.
    fn known_key(&self, tag: Tag) -> Option<u32> {
        match tag {
            Tag::Other => self
                .other_names
                .get(&self.current.name)
                .map(|index| FIRST_OTHER_KEY + index),
            _ => Some(tag as u32),
        }
    }

    /// Where a new element or text goes while the current node is part of a table's structure: the table's parent.
    fn foster_parent(&self) -> &Open {
        let table = self
            .stack
            .iter()
            .rposition(|open| matches!(open.tag, Tag::Table | Tag::Template));
        &self.stack[table.unwrap_or(0).saturating_sub(1)]
    }

    // ---- the stack ----

    /// Opens the current tag as an HTML element.
    fn push(&mut self, tag: Tag) {
        let hides = self.current.hides(tag);
        let (key, name) = self.name(tag);
        self.make_room();
        let parent = *self.parent_for(tag);
        let element = self.record(name, parent.element);
        self.enter(element, &parent, tag, key, hides);
    }

    /// Opens an HTML element that no tag was written for.
    fn push_implied(&mut self, tag: Tag, name: ElementName) {
        self.make_room();
        let parent = *self.parent_for(tag);
        let element = self.record_implied(name, parent.element);
        self.enter(element, &parent, tag, tag as u32, false);
    }

    /// At the deepest level a new element takes the place of the last one.
    fn make_room(&mut self) {
        if self.stack.len() >= MAX_DEPTH {
            self.pop();
        }
    }

    fn parent_for(&self, tag: Tag) -> &Open {
        let is_table_part = tag.is_table_structure() || matches!(tag, Tag::Caption | Tag::Td | Tag::Th | Tag::Template);
        if self.top().tag.is_table_structure() && (!is_table_part || tag == Tag::Table) {
            self.foster_parent()
        } else {
            self.top()
        }
    }

    fn enter(&mut self, element: ElementId, parent: &Open, tag: Tag, key: u32, hides: bool) {
        let above = self.top();
        let hidden = parent.hidden || parent.undrawn || hides;
        let place = match tag {
            Tag::Table => TablePlace::Table,
            Tag::Tbody | Tag::Tfoot | Tag::Thead => TablePlace::Section,
            Tag::Tr => TablePlace::Row,
            Tag::Td | Tag::Th => TablePlace::Cell,
            Tag::Caption => TablePlace::Caption,
            Tag::Colgroup => TablePlace::Colgroup,
            Tag::Template => TablePlace::Flow,
            _ => above.place,
        };
        self.enter_open(Open {
            element,
            tag,
            key,
            namespace: Namespace::Html,
            is_integration_point: false,
            place,
            in_template: above.in_template || tag == Tag::Template,
            hides,
            hidden,
            undrawn: false,
            is_block: !hidden && tag.is(BLOCK),
        });
    }

    fn enter_open(&mut self, open: Open) {
        if open.is_block {
            self.boundary();
        }
        if open.tag.is(MARKER) {
            self.links.push(None);
        }
        self.counts[open.tag as usize] += 1;
        self.stack.push(open);
    }

    /// Closes the current node; the root stays open.
    fn pop(&mut self) {
        if self.stack.len() <= 1 {
            return;
        }
        if let Some(open) = self.stack.pop() {
            self.forget(&open);
            if open.is_block {
                self.boundary();
            }
        }
    }

    /// Bookkeeping for an element that left the stack.
    fn forget(&mut self, open: &Open) {
        self.counts[open.tag as usize] -= 1;
        if open.tag == Tag::A
            && let Some(Some(link)) = self.links.last_mut()
        {
            link.is_on_stack = false;
        }
        if open.tag.is(MARKER) {
            self.links.pop();
        }
    }

    /// Closes everything above this many elements.
    fn truncate(&mut self, len: usize) {
        while self.stack.len() > len.max(1) {
            self.pop();
        }
    }

    /// Index on the stack of the innermost element of this name that an end tag can close.
    fn in_scope(&self, tag: Tag) -> Option<usize> {
        self.find(tag, Open::ends_scope)
    }

    fn in_button_scope(&self, tag: Tag) -> Option<usize> {
        self.find(tag, |open| open.ends_scope() || open.tag == Tag::Button)
    }

    fn in_list_scope(&self, tag: Tag) -> Option<usize> {
        self.find(tag, |open| open.ends_scope() || matches!(open.tag, Tag::Ol | Tag::Ul))
    }

    fn in_table_scope(&self, tag: Tag) -> Option<usize> {
        self.find(tag, |open| matches!(open.tag, Tag::Table | Tag::Template | Tag::Html))
    }

    #[inline]
    fn find(&self, tag: Tag, is_limit: impl Fn(&Open) -> bool) -> Option<usize> {
        if self.counts[tag as usize] == 0 {
            return None;
        }
        for (index, open) in self.stack.iter().enumerate().rev() {
            if open.tag == tag {
                return Some(index);
            }
            if is_limit(open) {
                return None;
            }
        }
        None
    }

    fn close_paragraph(&mut self) {
        if let Some(index) = self.in_button_scope(Tag::P) {
            self.truncate(index);
        }
    }

    /// "Generate implied end tags", except for one name.
    fn close_implied(&mut self, except: Option<Tag>) {
        while self.top().tag.is(IMPLIED_END) && Some(self.top().tag) != except {
            self.pop();
        }
    }

    /// Before an item (`li`, or `dd` and `dt`): closes the one before.
    fn close_item(&mut self, names: &[Tag]) {
        if names.iter().all(|&name| self.counts[name as usize] == 0) {
            return;
        }
        for (index, open) in self.stack.iter().enumerate().rev() {
            if names.contains(&open.tag) {
                self.truncate(index);
                return;
            }
            if open.is_special() && !matches!(open.tag, Tag::Address | Tag::Div | Tag::P) {
                return;
            }
        }
    }

    /// The adoption agency algorithm as far as it changes which elements are open: the formatting element is closed, the
    /// blocks inside it stay open. Text after this is not inside it; for a link the open blocks are recorded anew to show it.
    fn close_formatting(&mut self, tag: Tag) {
        let index = self.in_scope(tag);
        if tag == Tag::A
            && let Some(slot) = self.links.last_mut()
            && (index.is_some() || slot.is_some_and(|link| !link.is_on_stack))
        {
            *slot = None;
        }
        let Some(index) = index else {
            return;
        };
        let Some(last_block) = self.stack[index..].iter().rposition(Open::is_special) else {
            self.truncate(index);
            return;
        };
        self.truncate(index + last_block + 1);
        let inside = self.stack.split_off(index);
        for open in &inside {
            self.counts[open.tag as usize] -= 1;
        }
        for mut open in inside.into_iter().skip(1) {
            // A browser, too, drops the other inline elements in between.
            if !open.is_special() && !open.tag.is(FORMATTING) {
                continue;
            }
            let above = *self.top();
            if tag == Tag::A {
                open.element = self.record_again(open.element, above.element);
            }
            let was_hidden = open.hidden;
            open.hidden = above.hidden || above.undrawn || open.hides;
            if was_hidden && !open.hidden && open.tag.is(BLOCK) {
                open.is_block = true;
                self.boundary();
            }
            self.counts[open.tag as usize] += 1;
            self.stack.push(open);
        }
    }

    /// "Reconstruct the active formatting elements", for links: a block's end closed the link, but not its end tag.
    fn reopen_link(&mut self) {
        let Some(&Some(link)) = self.links.last() else {
            return;
        };
        if link.is_on_stack {
            return;
        }
        self.make_room();
        let parent = *self.parent_for(Tag::A);
        let element = self.record_again(link.element, parent.element);
        self.enter(element, &parent, Tag::A, Tag::A as u32, link.hides);
        if let Some(slot) = self.links.last_mut() {
            *slot = Some(ActiveLink {
                element,
                hides: link.hides,
                is_on_stack: true,
            });
        }
    }

    // ---- start tags ----

    fn start_tag(&mut self) -> Option<State> {
        let tag = Tag::from_lower_case(&self.current.name);
        if self.is_for_foreign_content() {
            let is_font_with_look = tag == Tag::Font && self.current.has(Attribute::FontLook);
            if !tag.is(BREAKOUT) && !is_font_with_look {
                self.foreign_start(tag, self.top().namespace);
                return None;
            }
            self.leave_foreign_content();
        }
        match tag {
            Tag::Other if self.current.name == b"image" => self.html_start(Tag::Img),
            tag => self.html_start(tag),
        }
    }

    /// Whether the rules for foreign content apply to this start tag.
    fn is_for_foreign_content(&self) -> bool {
        let top = self.top();
        match top.namespace {
            Namespace::Html => false,
            Namespace::MathMl if top.is_integration_point => {
                matches!(&*self.current.name, b"mglyph" | b"malignmark")
            }
            Namespace::Svg | Namespace::MathMl => !top.is_integration_point,
        }
    }

    fn leave_foreign_content(&mut self) {
        while self.top().is_foreign() && !self.top().is_integration_point {
            self.pop();
        }
    }

    fn foreign_start(&mut self, tag: Tag, namespace: Namespace) {
        if self.current.is_self_closing {
            return;
        }
        let above = *self.parent_for(Tag::Other);
        let hides = match tag {
            Tag::Defs | Tag::Symbol | Tag::Title | Tag::Desc | Tag::Style | Tag::Script => true,
            Tag::Annotation | Tag::AnnotationXml => true,
            _ => matches!(
                &*self.current.name,
                b"metadata" | b"clippath" | b"mask" | b"pattern" | b"marker"
            ),
        };
        let hides = hides || self.current.hides(Tag::Other);
        let hidden = above.hidden || hides;
        let undrawn = match (namespace, tag) {
            (Namespace::Svg, Tag::Text | Tag::ForeignObject) => false,
            (Namespace::Svg, Tag::Svg) => true,
            _ => above.undrawn,
        };
        let is_integration_point = match namespace {
            Namespace::Svg => matches!(tag, Tag::ForeignObject | Tag::Desc | Tag::Title),
            Namespace::MathMl => {
                matches!(tag, Tag::Mi | Tag::Mo | Tag::Mn | Tag::Ms | Tag::Mtext)
            }
            Namespace::Html => false,
        };
        let (key, name) = self.name(tag);
        self.make_room();
        // Drawings have thousands of elements without text.
        let element = if hidden {
            above.element
        } else {
            self.record(name, above.element)
        };
        self.enter_open(Open {
            element,
            tag: Tag::Other,
            key,
            namespace,
            is_integration_point,
            place: self.top().place,
            in_template: self.top().in_template,
            hides,
            hidden,
            undrawn,
            // Each is drawn at a place of its own.
            is_block: !hidden && !undrawn && namespace == Namespace::Svg && tag == Tag::Text,
        });
    }

    fn html_start(&mut self, tag: Tag) -> Option<State> {
        if self.phase == Phase::BeforeBody && !self.top().in_template {
            match tag {
                Tag::Head => return None,
                Tag::Frameset => {
                    self.phase = Phase::Frameset;
                    return None;
                }
                Tag::Body => {
                    self.phase = Phase::Body;
                    self.push(Tag::Body);
                    return None;
                }
                Tag::Html => {}
                _ if tag.is(HEAD_CONTENT) => {}
                _ => self.imply_body(),
            }
        }
        if self.phase == Phase::Frameset && !matches!(tag, Tag::Noframes | Tag::Html) {
            return None;
        }
        // Nothing visible stands in a column group.
        if self.top().place == TablePlace::Colgroup && self.top().tag == Tag::Colgroup && tag != Tag::Col {
            self.pop();
        }
        match tag {
            Tag::Html => self.merge_attributes(ElementId::ROOT, true),
            Tag::Body => {
                if let Some(body) = self.stack.get(1).filter(|open| open.tag == Tag::Body) {
                    self.merge_attributes(body.element, false);
                }
            }
            Tag::Head | Tag::Frameset | Tag::Frame => {}
            Tag::Caption
            | Tag::Col
            | Tag::Colgroup
            | Tag::Tbody
            | Tag::Tfoot
            | Tag::Thead
            | Tag::Tr
            | Tag::Td
            | Tag::Th => self.table_part(tag),
            Tag::Meta => self.meta(),
            Tag::Base | Tag::Basefont | Tag::Bgsound | Tag::Link => {}
            Tag::Template => self.push(tag),
            Tag::Title => {
                self.in_title = self.title.is_none() && !self.top().in_template;
                if self.in_title {
                    self.title = Some(Vec::new());
                }
                return self.raw_text(tag, State::RcData);
            }
            Tag::Script => {
                let kind = self.current.value(Attribute::Type).unwrap_or_default();
                let essence = kind.split(|&byte| byte == b';').next().unwrap_or_default();
                if essence.trim_ascii().eq_ignore_ascii_case(b"application/ld+json") {
                    self.json_ld_start = Some(self.position);
                }
                return self.raw_text(tag, State::ScriptData);
            }
            Tag::Style | Tag::Noscript | Tag::Noframes | Tag::Iframe | Tag::Noembed => {
                return self.raw_text(tag, State::RawText);
            }
            Tag::Textarea => return self.raw_text(tag, State::RcData),
            Tag::Xmp => {
                self.close_paragraph();
                self.push(tag);
                return self.raw_text(tag, State::RawText);
            }
            Tag::Plaintext => {
                self.close_paragraph();
                self.push(tag);
                return self.raw_text(tag, State::PlainText);
            }
            _ => self.flow_start(tag),
        }
        None
    }

    fn raw_text(&mut self, tag: Tag, state: State) -> Option<State> {
        self.raw = Some(tag);
        self.run_start = self.position;
        Some(state)
    }

    fn imply_body(&mut self) {
        self.phase = Phase::Body;
        self.push_implied(Tag::Body, ElementName::Body);
    }

    /// A second `html` or `body` tag adds the attributes that the first lacked.
    fn merge_attributes(&mut self, id: ElementId, is_root: bool) {
        if is_root && self.document.lang.is_none() {
            let lang = self.current.trimmed(Attribute::Lang);
            self.document.lang = Some(lang).filter(|lang| !lang.is_empty());
        }
        let attributes = &mut self.document.attributes;
        let element = &mut self.document.elements[id.index()];
        if element.source.start == element.source.end {
            element.source = self.tag_start as u32..self.position as u32;
        }
        for (attribute, range) in [
            (Attribute::Class, &mut element.classes),
            (Attribute::Id, &mut element.id),
            (Attribute::Role, &mut element.role),
            (Attribute::Itemprop, &mut element.itemprop),
        ] {
            if range.start == range.end
                && let Some(value) = self.current.value(attribute)
            {
                let start = attributes.len() as u32;
                attributes.push_str(&beginning(value, attribute.most_bytes()));
                *range = start..attributes.len() as u32;
            }
        }
    }

    fn meta(&mut self) {
        for attribute in [Attribute::Property, Attribute::Name] {
            let name = self.current.trimmed(attribute).to_ascii_lowercase();
            if METADATA_NAMES.contains(&name.as_str()) {
                let content = self.current.trimmed(Attribute::Content);
                if !content.is_empty() {
                    self.document.metadata.push((name, content));
                }
                return;
            }
        }
    }

    /// A start tag of a table's part: closes what stands between it and the table, opens the parts that were left out.
    fn table_part(&mut self, tag: Tag) {
        loop {
            match self.top().place {
                TablePlace::Flow => return,
                TablePlace::Cell => self.close_until(&[Tag::Td, Tag::Th]),
                TablePlace::Caption => self.close_until(&[Tag::Caption]),
                TablePlace::Colgroup => {
                    self.close_to(&[Tag::Colgroup]);
                    if tag == Tag::Col {
                        return;
                    }
                    self.pop();
                }
                TablePlace::Table => {
                    self.close_to(&[Tag::Table]);
                    match tag {
                        Tag::Td | Tag::Th | Tag::Tr => {
                            self.push_implied(Tag::Tbody, ElementName::Tbody);
                        }
                        Tag::Col => return self.push_implied(Tag::Colgroup, ElementName::Colgroup),
                        _ => return self.push(tag),
                    }
                }
                TablePlace::Section => {
                    self.close_to(&[Tag::Tbody, Tag::Tfoot, Tag::Thead]);
                    match tag {
                        Tag::Td | Tag::Th => self.push_implied(Tag::Tr, ElementName::Tr),
                        Tag::Tr => return self.push(tag),
                        _ => self.pop(),
                    }
                }
                TablePlace::Row => {
                    self.close_to(&[Tag::Tr]);
                    match tag {
                        Tag::Td | Tag::Th => return self.push(tag),
                        _ => self.pop(),
                    }
                }
            }
        }
    }

    /// Closes what is open inside the innermost of these.
    fn close_to(&mut self, tags: &[Tag]) {
        while self.stack.len() > 1 && !tags.contains(&self.top().tag) {
            self.pop();
        }
    }

    /// Closes the innermost of these with all inside.
    fn close_until(&mut self, tags: &[Tag]) {
        self.close_to(tags);
        self.pop();
    }

    /// A start tag in the body, other than those that have been dealt with.
    fn flow_start(&mut self, tag: Tag) {
        if tag.is(CLOSES_P) {
            match tag {
                Tag::Form if self.form.is_some() && !self.top().in_template => return,
                Tag::Form if self.top().place_is_inside_table() => {
                    // It stays empty there.
                    let parent = self.top().element;
                    self.form = Some(self.record(ElementName::Form, parent));
                    return;
                }
                Tag::Li => self.close_item(&[Tag::Li]),
                Tag::Dd | Tag::Dt => self.close_item(&[Tag::Dd, Tag::Dt]),
                Tag::Table if self.top().place_is_inside_table() => {
                    // A table directly inside a table ends it.
                    self.end_table();
                }
                _ => {}
            }
            self.close_paragraph();
            match tag {
                Tag::Hr => {
                    if self.in_scope(Tag::Select).is_some() {
                        self.close_implied(None);
                    }
                    if !self.top().hidden && !self.current.hides(tag) {
                        self.boundary();
                    }
                    return;
                }
                _ if tag.is_heading() && self.top().tag.is_heading() => self.pop(),
                _ => {}
            }
            self.push(tag);
            match tag {
                Tag::Pre | Tag::Listing => self.skips_newline = true,
                Tag::Form if !self.top().in_template => self.form = Some(self.top().element),
                _ => {}
            }
            return;
        }
        match tag {
            Tag::A => {
                // A link inside a link ends the outer one.
                if let Some(&Some(link)) = self.links.last() {
                    if link.is_on_stack {
                        self.close_formatting(Tag::A);
                    }
                    if let Some(slot) = self.links.last_mut() {
                        *slot = None;
                    }
                }
            }
            Tag::Nobr if self.in_scope(Tag::Nobr).is_some() => self.close_formatting(Tag::Nobr),
            Tag::Button => {
                if let Some(index) = self.in_scope(Tag::Button) {
                    self.truncate(index);
                }
            }
            Tag::Select => {
                if let Some(index) = self.in_scope(Tag::Select) {
                    self.truncate(index);
                    return;
                }
            }
            Tag::Option | Tag::Optgroup => {
                if self.in_scope(Tag::Select).is_some() {
                    let except = (tag == Tag::Option).then_some(Tag::Optgroup);
                    self.close_implied(except);
                } else if self.top().tag == Tag::Option {
                    self.pop();
                }
            }
            Tag::Input => {
                if let Some(index) = self.in_scope(Tag::Select) {
                    self.truncate(index);
                }
            }
            Tag::Rb | Tag::Rtc | Tag::Rp | Tag::Rt => {
                if self.in_scope(Tag::Ruby).is_some() {
                    let except = matches!(tag, Tag::Rp | Tag::Rt).then_some(Tag::Rtc);
                    self.close_implied(except);
                }
                self.push(tag);
                return;
            }
            _ => {}
        }
        match tag {
            _ if tag.is(VOID) => self.void(tag),
            Tag::Svg | Tag::Math => {
                self.reopen_link();
                let namespace = match tag {
                    Tag::Svg => Namespace::Svg,
                    _ => Namespace::MathMl,
                };
                self.foreign_start(tag, namespace);
            }
            _ => {
                self.reopen_link();
                self.push(tag);
                if tag == Tag::A {
                    let element = self.top().element;
                    let hides = self.current.hides(tag);
                    if let Some(slot) = self.links.last_mut() {
                        *slot = Some(ActiveLink {
                            element,
                            hides,
                            is_on_stack: true,
                        });
                    }
                }
            }
        }
    }

    fn void(&mut self, tag: Tag) {
        let parent = self.parent_for(tag);
        if parent.hidden || parent.undrawn || self.current.hides(tag) {
            return;
        }
        match tag {
            Tag::Br => {
                self.reopen_link();
                self.document.pieces.push(Piece::LineBreak);
            }
            Tag::Img => {
                self.reopen_link();
                let parent = self.parent_for(tag).element;
                let element = self.record(ElementName::Img, parent);
                let start = self.document.text.len() as u32;
                if let Some(alt) = self.current.value(Attribute::Alt) {
                    self.document.text.push_str(&String::from_utf8_lossy(alt));
                }
                self.document.pieces.push(Piece::Image {
                    alt: start..self.document.text.len() as u32,
                    element,
                });
            }
            _ => {}
        }
    }

    // ---- end tags ----

    fn end_tag(&mut self) {
        let tag = Tag::from_lower_case(&self.current.name);
        if self.top().is_foreign() {
            if matches!(tag, Tag::Br | Tag::P) {
                self.leave_foreign_content();
            } else {
                let Some(key) = self.known_key(tag) else {
                    return;
                };
                for (index, open) in self.stack.iter().enumerate().rev() {
                    if !open.is_foreign() {
                        break;
                    }
                    if open.key == key {
                        self.truncate(index);
                        return;
                    }
                }
            }
        }
        if self.phase == Phase::BeforeBody && !self.top().in_template {
            if !matches!(tag, Tag::Body | Tag::Html | Tag::Br) {
                return;
            }
            self.imply_body();
        }
        self.html_end(tag);
    }

    fn html_end(&mut self, tag: Tag) {
        match tag {
            // The body stays open: what follows its end tag is still put into it.
            Tag::Html | Tag::Body | Tag::Head => {}
            Tag::P => match self.in_button_scope(Tag::P) {
                Some(index) => self.truncate(index),
                None => {
                    // An empty paragraph.
                    if !self.top().hidden {
                        self.boundary();
                    }
                }
            },
            Tag::Br => {
                if !self.top().hidden {
                    self.document.pieces.push(Piece::LineBreak);
                }
            }
            Tag::Li => {
                if let Some(index) = self.in_list_scope(Tag::Li) {
                    self.truncate(index);
                }
            }
            Tag::Form => self.end_form(),
            Tag::Table => self.end_table(),
            Tag::Template => {
                if let Some(index) = self.stack.iter().rposition(|open| open.tag == tag) {
                    self.truncate(index);
                }
            }
            Tag::Tbody | Tag::Tfoot | Tag::Thead | Tag::Tr | Tag::Td | Tag::Th | Tag::Caption | Tag::Colgroup => {
                if let Some(index) = self.in_table_scope(tag) {
                    self.truncate(index);
                }
            }
            _ if tag.is_heading() => {
                let index = [Tag::H1, Tag::H2, Tag::H3, Tag::H4, Tag::H5, Tag::H6]
                    .into_iter()
                    .filter_map(|heading| self.in_scope(heading))
                    .max();
                if let Some(index) = index {
                    self.truncate(index);
                }
            }
            _ if tag.is(SCOPED_END) => {
                if let Some(index) = self.in_scope(tag) {
                    self.truncate(index);
                }
            }
            _ if tag.is(FORMATTING) => self.close_formatting(tag),
            _ => self.end_other(tag),
        }
    }

    fn end_other(&mut self, tag: Tag) {
        if self.counts[tag as usize] == 0 {
            return;
        }
        let Some(key) = self.known_key(tag) else {
            return;
        };
        for (index, open) in self.stack.iter().enumerate().rev() {
            if open.key == key && !open.is_foreign() {
                self.truncate(index);
                return;
            }
            if open.is_special() {
                return;
            }
        }
    }

    fn end_table(&mut self) {
        if let Some(index) = self.in_table_scope(Tag::Table) {
            self.truncate(index);
        }
    }

    /// The form leaves the stack; what is open inside it stays open.
    fn end_form(&mut self) {
        if self.top().in_template {
            if let Some(index) = self.in_scope(Tag::Form) {
                self.truncate(index);
            }
            return;
        }
        let Some(form) = self.form.take() else {
            return;
        };
        let Some(index) = self.in_scope(Tag::Form) else {
            return;
        };
        if self.stack[index].element != form {
            return;
        }
        self.close_implied(None);
        if index + 1 >= self.stack.len() {
            self.truncate(index);
        } else {
            let open = self.stack.remove(index);
            self.forget(&open);
            // Its box lasts as long as that of its child.
            self.stack[index].is_block |= open.is_block;
        }
    }

    // ---- text ----

    #[inline]
    fn characters(&mut self, mut value: &[u8]) {
        if let Some(raw) = self.raw {
            if self.in_title {
                if let Some(title) = &mut self.title {
                    title.extend_from_slice(value);
                }
                return;
            }
            if raw.is(HIDDEN) {
                return;
            }
        }
        let top = self.top();
        if top.hidden || top.undrawn {
            // What does not belong into a table leaves it, even if the table is hidden.
            if !top.tag.is_table_structure() || self.foster_parent().hidden {
                return;
            }
        }
        if self.skips_newline {
            // Directly after `<pre>`.
            self.skips_newline = false;
            if let [b'\n', rest @ ..] = value {
                value = rest;
                self.restart_run(rest.len());
            }
        }
        if value == b"\0" {
            // Dropped in HTML, replaced in foreign content.
            if !self.top().is_foreign() {
                return;
            }
            value = "\u{fffd}".as_bytes();
        }
        match self.phase {
            Phase::Body => {}
            Phase::Frameset => return,
            Phase::BeforeBody => {
                let text = value.trim_ascii_start();
                if text.len() < value.len() {
                    self.restart_run(text.len());
                    value = text;
                }
                if value.is_empty() {
                    return;
                }
                self.imply_body();
            }
        }
        self.run.extend_from_slice(value);
        self.run_end = self.position;
    }

    /// The run starts only with the last of the bytes read, because what came before is no text.
    fn restart_run(&mut self, len: usize) {
        self.run_start = self.position.saturating_sub(len);
        // The tokenizer has yet to skip the second half of this newline.
        let around = self.position.wrapping_sub(1)..self.position.wrapping_add(1);
        if len == 0 && self.html.get(around) == Some(b"\r\n") {
            self.run_start += 1;
        }
    }

    fn finish(&mut self) {
        self.flush();
        if let Some(title) = &self.title {
            let title = String::from_utf8_lossy(title);
            let words: Vec<&str> = title.split_ascii_whitespace().collect();
            self.document.title = Some(words.join(" ")).filter(|title| !title.is_empty());
        }
    }
}

impl Open {
    /// Inside a table, but not in a cell or caption of it.
    fn place_is_inside_table(&self) -> bool {
        match self.place {
            TablePlace::Flow | TablePlace::Cell | TablePlace::Caption => false,
            TablePlace::Table | TablePlace::Section | TablePlace::Row | TablePlace::Colgroup => true,
        }
    }
}

impl Emitter for Builder<'_> {
    type Token = Infallible;

    fn set_last_start_tag(&mut self, _: Option<&[u8]>) {}

    fn emit_eof(&mut self) {
        self.finish();
    }

    fn emit_error(&mut self, _: TokenizerError) {}

    #[inline]
    fn should_emit_errors(&mut self) -> bool {
        false
    }

    #[inline]
    fn pop_token(&mut self) -> Option<Infallible> {
        None
    }

    #[inline]
    fn init_string(&mut self) {
        // The tokenizer says this again after each entity.
        if self.run.is_empty() {
            self.run_start = self.position;
        }
    }

    #[inline]
    fn emit_string(&mut self, value: &[u8]) {
        self.characters(value);
    }

    #[inline]
    fn init_start_tag(&mut self) {
        self.current.reset(false);
    }

    #[inline]
    fn init_end_tag(&mut self) {
        self.current.reset(true);
    }

    fn init_comment(&mut self) {
        self.flush();
        self.skips_newline = false;
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        self.flush();
        self.skips_newline = false;
        self.current.complete_name();
        if !self.current.is_end {
            return self.start_tag();
        }
        if let Some(raw) = self.raw.take() {
            // The tokenizer lets only the matching end tag through.
            self.in_title = false;
            if let Some(start) = self.json_ld_start.take() {
                self.document.json_ld.push(start as u32..self.tag_start as u32);
            }
            if raw == Tag::Xmp {
                self.close_until(&[Tag::Xmp]);
            }
        } else {
            self.end_tag();
        }
        None
    }

    fn emit_current_comment(&mut self) {}

    fn emit_current_doctype(&mut self) {}

    #[inline]
    fn set_self_closing(&mut self) {
        self.current.is_self_closing = true;
    }

    fn set_force_quirks(&mut self) {}

    #[inline]
    fn push_tag_name(&mut self, name: &[u8]) {
        self.current.name.extend_from_slice(name);
    }

    fn push_comment(&mut self, _: &[u8]) {}

    fn push_doctype_name(&mut self, _: &[u8]) {}

    fn init_doctype(&mut self) {
        self.flush();
    }

    #[inline]
    fn init_attribute(&mut self) {
        self.current.complete_name();
        self.current.attribute_name.clear();
        self.current.attribute = AttributeProgress::Name;
    }

    #[inline]
    fn push_attribute_name(&mut self, name: &[u8]) {
        self.current.attribute_name.extend_from_slice(name);
    }

    #[inline]
    fn push_attribute_value(&mut self, value: &[u8]) {
        let current = &mut self.current;
        current.complete_name();
        if let AttributeProgress::Kept(attribute) = current.attribute {
            current.values.extend_from_slice(value);
            current.ranges[attribute as usize].1 = current.values.len() as u32;
        }
    }

    fn set_doctype_public_identifier(&mut self, _: &[u8]) {}

    fn set_doctype_system_identifier(&mut self, _: &[u8]) {}

    fn push_doctype_public_identifier(&mut self, _: &[u8]) {}

    fn push_doctype_system_identifier(&mut self, _: &[u8]) {}

    #[inline]
    fn start_open_tag(&mut self) {
        self.tag_start = self.position.saturating_sub(1);
    }

    fn current_is_appropriate_end_tag_token(&mut self) -> bool {
        self.current.is_end
            && self
                .raw
                .is_some_and(|raw| raw == Tag::from_lower_case(&self.current.name))
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.top().is_foreign()
    }

    #[inline]
    fn move_position(&mut self, offset: isize) {
        self.position = self.position.saturating_add_signed(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces as text: a run with the names of its elements below `body`, `|` for a boundary, `/` for a line break.
    fn outline(html: &str) -> String {
        let document = parse(html);
        let mut parts = Vec::new();
        for piece in &document.pieces {
            parts.push(match piece {
                Piece::Text { text, element, .. } => {
                    format!("{}({:?})", path(&document, *element), document.slice(text))
                }
                Piece::Boundary => "|".to_owned(),
                Piece::LineBreak => "/".to_owned(),
                Piece::Image { alt, element } => {
                    format!("{}[{}]", path(&document, *element), document.slice(alt))
                }
            });
        }
        let outline = parts.join(" ");
        // The body's own boundaries stand in every outline.
        outline.strip_prefix("| ").unwrap_or(&outline).to_owned()
    }

    fn path(document: &Document, id: ElementId) -> String {
        let mut names: Vec<&str> = document
            .ancestors(id)
            .map(|id| document.element(id).name.as_str())
            .filter(|name| !matches!(*name, "html" | "body"))
            .collect();
        names.reverse();
        names.join(">")
    }

    /// All visible text; boundaries and line breaks become one space.
    fn visible(html: &str) -> String {
        let document = parse(html);
        let mut visible = String::new();
        for piece in &document.pieces {
            match piece {
                Piece::Text { text, .. } => visible.push_str(document.slice(text)),
                Piece::Boundary | Piece::LineBreak => visible.push(' '),
                Piece::Image { .. } => {}
            }
        }
        visible.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The element around the run that contains this text.
    fn element_of(document: &Document, wanted: &str) -> ElementId {
        let found = document.pieces.iter().find_map(|piece| match piece {
            Piece::Text { text, element, .. } if document.slice(text).contains(wanted) => Some(*element),
            _ => None,
        });
        found.expect("the text is in the page")
    }

    #[test]
    fn text_has_its_elements_and_blocks_have_boundaries() {
        assert_eq!(outline("<div>a<b>b</b></div>c"), r#"div("a") div>b("b") | ("c")"#);
        assert_eq!(outline("a<span>b</span>"), r#"("a") span("b")"#);
        assert_eq!(outline("a<my-element>b</my-element>"), r#"("a") my-element("b")"#);
    }

    #[test]
    fn a_line_break_is_no_boundary() {
        assert_eq!(outline("a<br>b"), r#"("a") / ("b")"#);
        assert_eq!(outline("a</br>b"), r#"("a") / ("b")"#);
    }

    #[test]
    fn boundaries_never_repeat_and_white_space_between_them_is_dropped() {
        assert_eq!(outline("a<div>\n <p>\n</p></div>\n"), r#"("a") | ("\n")"#);
        assert_eq!(outline("<p> a </p>"), r#"p(" a ") |"#);
        assert_eq!(outline("<p> <i> </i>"), r#"p(" ") p>i(" ")"#);
    }

    #[test]
    fn an_image_stands_in_order_with_its_description() {
        assert_eq!(
            outline("a<figure><img alt='x &amp; y'>b</figure><img>"),
            r#"("a") | figure>img[x & y] figure("b") | img[]"#
        );
        assert_eq!(outline("<img hidden alt=a><div hidden><img alt=b></div>c"), r#"("c")"#);
    }

    #[test]
    fn source_is_the_bytes_that_a_run_was_written_as() {
        let html = "<p>\u{e9}&amp;b<i>&lt;</i>c<3 d\r\ne<!-- -->f<pre>\r\ng</pre><a <b>h< i";
        let document = parse(html);
        let sources: Vec<(&str, &str)> = document
            .pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Text { text, source, .. } => {
                    Some((document.slice(text), &html[source.start as usize..source.end as usize]))
                }
                _ => None,
            })
            .collect();
        assert_eq!(
            sources,
            [
                ("\u{e9}&b", "\u{e9}&amp;b"),
                ("<", "&lt;"),
                ("c<3 d\ne", "c<3 d\r\ne"),
                ("f", "f"),
                ("g", "g"),
                ("h< i", "h< i"),
            ]
        );
    }

    #[test]
    fn source_of_text_before_the_body_starts_at_its_first_letter() {
        for (html, start) in [
            (" \n a b", 3),
            ("<head> \t</head>  a b", 17),
            ("\u{feff} a b", 4),
            ("\r\na b", 2),
            (" \r\n\r\n&#97; b", 5),
            ("&#97; b", 0),
        ] {
            let document = parse(html);
            let text = document.pieces.iter().find_map(|piece| match piece {
                Piece::Text { text, source, .. } => Some((document.slice(text), source.clone())),
                _ => None,
            });
            assert_eq!(text, Some(("a b", start..html.len() as u32)), "{html:?}");
        }
    }

    #[test]
    fn source_of_an_element_is_its_start_tag_and_empty_if_implied() {
        let html = "a<table class=x ><td>b";
        let document = parse(html);
        let sources: Vec<(&str, &str)> = document
            .elements
            .iter()
            .map(|element| {
                let source = &element.source;
                (element.name.as_str(), &html[source.start as usize..source.end as usize])
            })
            .collect();
        assert_eq!(
            sources,
            [
                ("html", ""),
                ("body", ""),
                ("table", "<table class=x >"),
                ("tbody", ""),
                ("tr", ""),
                ("td", "<td>"),
            ]
        );
    }

    #[test]
    fn attributes_are_kept_as_spelled() {
        let document = parse(
            "<div CLASS=' Big  story\n&amp;x ' id=Main role=main itemprop='a b' class=second>a</div>\
             <i id='' class>b</i><a href>c</a><a name=x>d</a>",
        );
        let a = element_of(&document, "a");
        assert_eq!(document.classes(a).collect::<Vec<_>>(), ["Big", "story", "&x"]);
        assert_eq!(document.id(a), Some("Main"));
        assert_eq!(document.role(a), Some("main"));
        assert_eq!(document.itemprop(a), Some("a b"));
        assert_eq!(document.href(a), None);
        let b = element_of(&document, "b");
        assert_eq!(document.classes(b).count(), 0);
        assert_eq!(document.id(b), None);
        assert!(document.element(element_of(&document, "c")).has_href);
        let link = parse("<a HREF='/a?b&amp;c'>x</a>");
        assert_eq!(link.href(element_of(&link, "x")), Some("/a?b&c"));
        assert!(!document.element(element_of(&document, "d")).has_href);
    }

    #[test]
    fn a_second_html_or_body_tag_adds_missing_attributes() {
        let document = parse("<html lang=de><body class=a><html id=r lang=en><body class=b id=c>x");
        let body = element_of(&document, "x");
        assert_eq!(document.classes(body).collect::<Vec<_>>(), ["a"]);
        assert_eq!(document.id(body), Some("c"));
        assert_eq!(document.id(ElementId::ROOT), Some("r"));
        assert_eq!(document.lang.as_deref(), Some("de"));
    }

    #[test]
    fn a_link_is_an_a_with_an_address() {
        let document = parse("<a href=x>a<b>b</b></a><a>c</a><area href=x>d<base href=x>");
        let is_link = |text| document.link(element_of(&document, text)).is_some();
        assert!(is_link("a") && is_link("b"));
        assert!(!is_link("c") && !is_link("d"));
    }

    #[test]
    fn an_excerpt_has_what_was_wanted_and_what_is_around_it() {
        let long = "x".repeat(MOST_CLASS_BYTES);
        let document = parse(&format!(
            "<div id=a><b class={long}><p>a<p>b</p></b></div><div id=b role=main><i>c"
        ));
        let wanted = [
            element_of(&document, "c"),
            element_of(&document, "b"),
            element_of(&document, "a"),
        ];
        let (excerpt, places) = document.excerpt(wanted);
        for id in wanted {
            let said = |document: &Document, id: ElementId| -> Vec<String> {
                let of = |id| (document.element(id).name.clone(), document.id(id), document.role(id));
                let classes = |id| document.classes(id).collect::<String>();
                document
                    .ancestors(id)
                    .map(|id| format!("{:?} {}", of(id), classes(id)))
                    .collect()
            };
            assert_eq!(said(&excerpt, places.here(id)), said(&document, id));
            assert_eq!(places.whole(places.here(id)), id);
        }
        assert!(
            excerpt.attributes.len() < 2 * MOST_CLASS_BYTES,
            "a value that is shared stands once"
        );
        let (excerpt, _) = document.excerpt([element_of(&document, "c")]);
        let names: Vec<&str> = excerpt.elements.iter().map(|element| element.name.as_str()).collect();
        assert_eq!(names, ["html", "body", "div", "i"]);
        assert_eq!(document.excerpt([]).0.elements.len(), 1);
    }

    #[test]
    fn ancestors_go_to_the_root_and_depth_counts_them() {
        let document = parse("<div><p>a");
        let p = element_of(&document, "a");
        let names: Vec<&str> = document
            .ancestors(p)
            .map(|id| document.element(id).name.as_str())
            .collect();
        assert_eq!(names, ["p", "div", "body", "html"]);
        assert_eq!(document.element(p).depth, 3);
        let depths: Vec<u16> = document.ids().map(|id| document.element(id).depth).collect();
        assert_eq!(depths, [0, 1, 2, 3]);
    }

    #[test]
    fn title_language_and_metadata_are_read() {
        let document = parse(
            "<html lang=' pt-BR '><head><title>\n A &amp;  B </title><title>no</title>\
             <meta property=OG:Title content=' t '><meta name=description content=d>\
             <meta name=author content=''><meta name=keywords content=k></head>\
             <svg><title>no</title></svg><meta name=author content=a>",
        );
        assert_eq!(document.title.as_deref(), Some("A & B"));
        assert_eq!(document.lang.as_deref(), Some("pt-BR"));
        let metadata: Vec<(&str, &str)> = document
            .metadata
            .iter()
            .map(|(name, content)| (name.as_str(), content.as_str()))
            .collect();
        assert_eq!(metadata, [("og:title", "t"), ("description", "d"), ("author", "a")]);
        let empty = parse("<title> </title>a");
        assert_eq!((empty.title, empty.lang), (None, None));
    }

    #[test]
    fn json_ld_is_found_by_its_bytes() {
        let html = "<script type='Application/LD+JSON; charset=utf-8'>{\"a\": \"<b>\"}</script>\
                    <script>no</script><script type=application/ld+json><!-- [] --></script>\
                    <script type=application/ld+json>{ cut";
        let bodies: Vec<&str> = parse(html)
            .json_ld
            .iter()
            .map(|range| &html[range.start as usize..range.end as usize])
            .collect();
        assert_eq!(bodies, ["{\"a\": \"<b>\"}", "<!-- [] -->"]);
    }

    #[test]
    fn a_paragraph_ends_before_a_block_but_not_inside_a_button() {
        assert_eq!(outline("<button>a<button>b"), r#"button("a") button("b")"#);
        assert_eq!(outline("<p>a<div>b"), r#"p("a") | div("b")"#);
        assert_eq!(outline("<p>a<span>b"), r#"p("a") p>span("b")"#);
        assert_eq!(outline("<p>a<button><div>b"), r#"p("a") | p>button>div("b")"#);
        assert_eq!(outline("a</p>b"), r#"("a") | ("b")"#);
    }

    #[test]
    fn items_end_the_item_before_but_not_one_around_their_list() {
        assert_eq!(outline("<li><address>a<li>b"), r#"li>address("a") | li("b")"#);
        assert_eq!(outline("<li><p>a<li>b"), r#"li>p("a") | li("b")"#);
        assert_eq!(outline("<ul><li>a<li>b"), r#"ul>li("a") | ul>li("b")"#);
        assert_eq!(outline("<ul><li>a<ul><li>b"), r#"ul>li("a") | ul>li>ul>li("b")"#);
        assert_eq!(outline("<dl><dt>a<dd>b"), r#"dl>dt("a") | dl>dd("b")"#);
        assert_eq!(outline("<ul><li><div>a<li>b"), r#"ul>li>div("a") | ul>li("b")"#);
        assert_eq!(
            outline("<ul><li><section>a<li>b"),
            r#"ul>li>section("a") | ul>li>section>li("b")"#
        );
        assert_eq!(outline("<li>a<ul></li>b"), r#"li("a") | li>ul("b")"#);
    }

    #[test]
    fn a_heading_ends_the_heading_before() {
        assert_eq!(outline("<h1>a<h2>b"), r#"h1("a") | h2("b")"#);
        assert_eq!(outline("<h1>a</h3>b"), r#"h1("a") | ("b")"#);
    }

    #[test]
    fn options_end_options() {
        assert_eq!(outline("<select><option>a<hr>b"), r#"select>option("a") | select("b")"#);
        assert_eq!(
            outline("<select><option>a<option>b<optgroup><option>c<optgroup><option>d</select>e"),
            r#"select>option("a") | select>option("b") | select>optgroup>option("c") | select>optgroup>option("d") | ("e")"#
        );
        assert_eq!(outline("<option>a<option>b"), r#"option("a") | option("b")"#);
        assert_eq!(outline("<select>a<input>b"), r#"select("a") ("b")"#);
        assert_eq!(outline("<select>a<select>b"), r#"select("a") ("b")"#);
    }

    #[test]
    fn ruby_texts_end_each_other() {
        assert_eq!(
            outline("<ruby>a<rt>b<rt>c</ruby>"),
            r#"ruby("a") ruby>rt("b") ruby>rt("c")"#
        );
        assert_eq!(
            outline("<ruby>a<rtc>b<rt>c</ruby>"),
            r#"ruby("a") ruby>rtc("b") ruby>rtc>rt("c")"#
        );
    }

    #[test]
    fn table_parts_that_were_left_out_are_opened() {
        assert_eq!(
            outline("<table><colgroup><template>x</template><td>a"),
            r#"table>tbody>tr>td("a")"#
        );
        assert_eq!(
            outline("<table><td>a<th>b<tr><td>c"),
            r#"table>tbody>tr>td("a") | table>tbody>tr>th("b") | table>tbody>tr>td("c")"#
        );
        assert_eq!(
            outline("<table><col><caption>a<tr><td>b<tfoot><td>c"),
            r#"table>caption("a") | table>tbody>tr>td("b") | table>tfoot>tr>td("c")"#
        );
        assert_eq!(outline("<td>a</td>b"), r#"("a") ("b")"#);
    }

    #[test]
    fn an_end_tag_does_not_reach_out_of_a_cell() {
        assert_eq!(
            outline("<div><table><td>a</div>b</table>c"),
            r#"div>table>tbody>tr>td("a") div>table>tbody>tr>td("b") | div("c")"#
        );
        assert_eq!(outline("<div><b>a</div>b"), r#"div>b("a") | ("b")"#);
    }

    #[test]
    fn a_table_directly_in_a_table_ends_it() {
        assert_eq!(outline("<table><tr><table><td>a"), r#"table>tbody>tr>td("a")"#);
        assert_eq!(
            outline("<table><td><table><td>a"),
            r#"table>tbody>tr>td>table>tbody>tr>td("a")"#
        );
    }

    #[test]
    fn what_does_not_belong_into_a_table_stays_in_place_but_not_inside() {
        assert_eq!(
            outline("<div><table><td>a</td>b<i>c</i></table>d"),
            r#"div>table>tbody>tr>td("a") | div("b") | div>i("c") | div("d")"#
        );
    }

    #[test]
    fn a_link_ends_the_link_around_it() {
        assert_eq!(outline("<a>a<a>b"), r#"a("a") a("b")"#);
        assert_eq!(outline("<a>a<table><td><a>b"), r#"a("a") | a>table>tbody>tr>td>a("b")"#);
    }

    #[test]
    fn a_link_goes_on_after_a_block_cut_it_until_its_end_tag() {
        assert_eq!(outline("<p><a>a<p>b</a>c"), r#"p>a("a") | p>a("b") p("c")"#);
        assert_eq!(outline("<p><a>a</a><p>b"), r#"p>a("a") | p("b")"#);
        assert_eq!(outline("<div><a>a</div></a>b"), r#"div>a("a") | ("b")"#);
    }

    #[test]
    fn the_end_of_a_link_leaves_its_blocks_open() {
        assert_eq!(outline("<nobr>a<nobr>b"), r#"nobr("a") nobr("b")"#);
        assert_eq!(
            outline("<a>a<div>b</a>c</div>d"),
            r#"a("a") | a>div("b") div("c") | ("d")"#
        );
        assert_eq!(outline("<b>a<div>b</b>c</div>d").matches('|').count(), 2);
        assert_eq!(outline("<b>a<i>b</b>c"), r#"b("a") b>i("b") ("c")"#);
    }

    #[test]
    fn an_end_tag_that_matches_nothing_is_ignored() {
        assert_eq!(outline("<p>a</i></div></x-y></svg>b"), r#"p("a") p("b")"#);
        assert_eq!(outline("<x-y>a<div>b</x-y>c").matches("x-y>div").count(), 2);
        assert_eq!(outline("<x-y>a<i>b</x-y>c"), r#"x-y("a") x-y>i("b") ("c")"#);
    }

    #[test]
    fn a_form_in_a_form_is_ignored_and_its_end_tag_closes_nothing_else() {
        assert_eq!(
            outline("<form>a<b>b</form>c</b>d"),
            r#"form("a") form>b("b") form>b("c") | ("d")"#
        );
        assert_eq!(outline("<form>a<form>b"), r#"form("a") form("b")"#);
        assert_eq!(
            outline("<form><div>a</form>b</div>c<form>d"),
            r#"form>div("a") form>div("b") | ("c") | form("d")"#
        );
        assert_eq!(outline("<table><form><td>a"), r#"table>tbody>tr>td("a")"#);
    }

    #[test]
    fn what_browsers_do_not_show_is_left_out() {
        for html in [
            "<script>x</script>",
            "<script><!--<script>x</script>x--></script>",
            "<style>x</style>",
            "<template>x<p>x</template>",
            "<noscript>x<p>x</noscript>",
            "<textarea>x<p></textarea>",
            "<title>x</title>",
            "<iframe>x</iframe>",
            "<object>x</object>",
            "<video>x</video>",
            "<audio>x</audio>",
            "<canvas>x</canvas>",
            "<datalist><option>x</datalist>",
            "<dialog>x</dialog>",
            "<progress>x</progress>",
            "<ruby><rp>x</ruby>",
            "<i hidden>x<b>x</b></i>",
            "<i popover>x</i>",
            "<input value=x>",
            "<!-- x -->",
            "<!x>",
            "<![CDATA[x]]>",
            "<svg>x<title>x</title><defs><text>x</text></defs></svg>",
            "<math><annotation>x</annotation></math>",
        ] {
            assert_eq!(visible(&format!("a{html}b")), "ab", "{html}");
        }
    }

    #[test]
    fn what_browsers_show_is_kept() {
        for html in [
            "<i aria-hidden=true>x</i>",
            "<i hidden=until-found>x</i>",
            "<i style='display:block'>x</i>",
            "<svg><text>x</text></svg>",
            "<svg><foreignObject>x</foreignObject></svg>",
            "<svg><text><![CDATA[x]]></text></svg>",
            "<math><mi>x</mi></math>",
            "<dialog open>x</dialog>",
            "<details>x</details>",
            "<select><option>x</select>",
            "<xmp>x</xmp>",
            "<button>x</button>",
        ] {
            let words = visible(&format!("a{html}b")).replace(' ', "");
            assert_eq!(words, "axb", "{html}");
        }
        assert_eq!(visible("a<plaintext>&amp;</plaintext>"), "a &amp;</plaintext>");
        assert_eq!(visible("<html hidden><body style='display: none'>a"), "a");
    }

    #[test]
    fn a_hidden_block_is_no_boundary() {
        assert_eq!(outline("a<table hidden>b<td>x</table>c"), r#"("a") ("b") ("c")"#);
        assert_eq!(outline("<a hidden>x<div>x</a>b</div>c"), r#"div("b") | ("c")"#);
        assert_eq!(outline("<p>a<a hidden>x<p>x</a>b"), r#"p("a") | p("b")"#);
        assert_eq!(outline("a<div hidden>x</div>b"), r#"("a") ("b")"#);
    }

    #[test]
    fn inline_styles_hide_by_the_last_or_the_important_declaration() {
        for style in [
            "display:none",
            "DISPLAY : NONE ;",
            "color:red;display:none!important",
            "display:none ! important; display:block",
            "display:block;display:none",
            "visibility:hidden",
            "visibility: collapse",
            "background:url(a;b);display:none",
            "content:';';display:none",
        ] {
            assert!(style_hides(style), "{style}");
        }
        for style in [
            "",
            "display",
            "display:none;display:block",
            "display:block!important;display:none",
            "x-display:none",
            "display:inline",
            "background:url(;display:none;)",
            "content:';display:none;'",
            "visibility:visible",
        ] {
            assert!(!style_hides(style), "{style}");
        }
    }

    #[test]
    fn head_content_does_not_start_the_body_and_text_does() {
        assert_eq!(visible("<head> <title>x</title> <link> a<title>x</title>b"), "ab");
        assert_eq!(visible("<frameset><frame>x</frameset>"), "");
    }

    #[test]
    fn text_after_the_body_is_in_it() {
        assert_eq!(outline("<div>a</body></html>b"), r#"div("a") div("b")"#);
    }

    #[test]
    fn foreign_elements_end_by_slash_and_html_leaves_them() {
        assert_eq!(outline("<svg><text>a</p>b"), r#"svg>text("a") | ("b")"#);
        assert_eq!(outline("<svg><g/><text>a<p>b"), r#"svg>text("a") | p("b")"#);
        assert_eq!(outline("<svg><text/><text>a"), r#"svg>text("a")"#);
        assert_eq!(
            outline("<math><mi>a<i>b</i></math>c"),
            r#"math>mi("a") math>mi>i("b") ("c")"#
        );
        assert_eq!(outline("<svg><font><text>a"), r#"svg>font>text("a")"#);
        assert_eq!(outline("<svg><font size=1>a"), r#"font("a")"#);
    }

    #[test]
    fn the_newline_after_pre_is_dropped_and_nuls_are_no_text() {
        assert_eq!(outline("<pre><i>\na"), r#"pre>i("\na")"#);
        assert_eq!(outline("<pre><!-- -->\na"), r#"pre("\na")"#);
        assert_eq!(outline("<pre>\n\na"), r#"pre("\na")"#);
        assert_eq!(outline("<div>\na"), r#"div("\na")"#);
        assert_eq!(outline("a\0b"), r#"("ab")"#);
    }

    #[test]
    fn names_know_their_spelling_and_their_line_breaks() {
        assert_eq!(ElementName::Blockquote.as_str(), "blockquote");
        assert_eq!(ElementName::Other("x-y".into()).as_str(), "x-y");
        for name in [
            ElementName::P,
            ElementName::Td,
            ElementName::Option,
            ElementName::Legend,
        ] {
            assert!(name.is_block_level(), "{name:?}");
        }
        for name in [
            ElementName::A,
            ElementName::Button,
            ElementName::Label,
            ElementName::Select,
            ElementName::Other("div-x".into()),
        ] {
            assert!(!name.is_block_level(), "{name:?}");
        }
    }

    /// The known names for which something holds, in alphabetical order.
    fn names_where(holds: impl Fn(&str) -> bool) -> String {
        let names = Tag::ALL.iter().map(|&(_, name)| name);
        names.filter(|name| holds(name)).collect::<Vec<_>>().join(" ")
    }

    // The lists below are those of the HTML standard (sections named), written down apart from the table of names.

    #[test]
    fn the_blocks_are_those_of_the_rendering_section() {
        // 15.3.2 to 15.3.14: display block, list-item and table; and optgroup, option.
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(BLOCK)),
            "address article aside blockquote body caption center colgroup dd details dialog dir div dl dt fieldset \
             figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu \
             nav ol optgroup option p plaintext pre search section summary table tbody td tfoot th thead tr ul xmp"
        );
    }

    #[test]
    fn the_paragraph_enders_are_those_of_the_standard() {
        // 13.2.6.4.7: "If the stack of open elements has a p element in button scope, then close a p element."
        assert_eq!(
            names_where(|name| {
                let document = parse(&format!("<p>a<{name} open>b</{name}><svg><text>c"));
                let c = element_of(&document, "c");
                !document
                    .ancestors(c)
                    .any(|id| document.element(id).name == ElementName::P)
                    && !matches!(name, "frameset" | "body" | "script" | "style" | "title")
            }),
            "address article aside blockquote center dd details dialog dir div dl dt fieldset figcaption figure footer form \
             h1 h2 h3 h4 h5 h6 header hgroup hr li listing main menu nav ol p plaintext pre search section summary table ul \
             xmp"
        );
    }

    #[test]
    fn the_void_elements_are_those_of_the_standard() {
        // 13.1.2, and basefont, bgsound, frame, keygen, param as the tree construction has them.
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(VOID)),
            "area base basefont bgsound br col embed frame hr img input keygen link meta param source track wbr"
        );
    }

    #[test]
    fn the_formatting_elements_are_those_of_the_standard() {
        // 13.2.4.3
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(FORMATTING)),
            "a b big code em font i nobr s small strike strong tt u"
        );
    }

    #[test]
    fn the_special_elements_are_those_of_the_standard() {
        // 13.2.4.2
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(SPECIAL)),
            "address applet area article aside base basefont bgsound blockquote body br button caption center col colgroup dd \
             details dir div dl dt embed fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header \
             hgroup hr html iframe img input keygen li link listing main marquee menu meta nav noembed noframes noscript \
             object ol p param plaintext pre script search section select source style summary table tbody td template \
             textarea tfoot th thead title tr track ul wbr xmp"
        );
    }

    #[test]
    fn the_scope_limits_are_those_of_the_standard() {
        // 13.2.4.2, "has a particular element in scope"
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(SCOPE)),
            "applet caption html marquee object select table td template th"
        );
    }

    #[test]
    fn the_names_that_leave_foreign_content_are_those_of_the_standard() {
        // 13.2.6.5
        assert_eq!(
            names_where(|name| Tag::from_lower_case(name.as_bytes()).is(BREAKOUT)),
            "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li listing menu meta \
             nobr ol p pre ruby s small span strike strong sub sup table tt u ul var"
        );
    }

    #[test]
    fn the_end_tags_with_scope_implied_ends_and_markers_are_those_of_the_standard() {
        // 13.2.6.4.7, 13.2.6.3 and 13.2.4.3
        let names_with = |flag| names_where(|name| Tag::from_lower_case(name.as_bytes()).is(flag));
        assert_eq!(
            names_with(SCOPED_END),
            "address applet article aside blockquote button center dd details dialog dir div dl dt fieldset figcaption figure \
             footer header hgroup listing main marquee menu nav object ol pre search section select summary ul"
        );
        assert_eq!(names_with(IMPLIED_END), "dd dt li optgroup option p rb rp rt rtc");
        assert_eq!(names_with(MARKER), "applet caption marquee object td template th");
    }

    #[test]
    fn deep_nesting_keeps_all_text_within_the_depth_limit() {
        let mut html = String::new();
        for word in 0..2_000 {
            html.push_str(&format!("<div><b>w{word} "));
        }
        html.push_str(&"</div>x ".repeat(2_000));
        let document = parse(&html);
        assert_eq!(visible(&html).split(' ').count(), 4_000);
        assert!(
            document
                .elements
                .iter()
                .all(|element| usize::from(element.depth) <= MAX_DEPTH)
        );
    }

    #[test]
    fn hostile_nesting_is_read_in_linear_time() {
        let start = std::time::Instant::now();
        for unit in [
            "<div>",
            "<b>",
            "<a href=x>",
            "<p>",
            "<li>",
            "</div>",
            "</x>",
            "<table>",
            "<td>",
            "<b><p>",
            "<a><p>",
            "<a><div>",
            "<a><div></a>",
            "<svg>",
            "<math><mi>",
            "<select><option>",
            "<x-y>",
            "<button>",
            "<form></form>",
            "<b></p></b>",
            "<table><tr><td><a>",
            "&",
            "<",
            "<!--",
            "<i <",
            "<template>",
            "<object><b>",
            "<b><div></b>",
            "<font size=1><div>x</font>",
        ] {
            let html = unit.repeat(100_000);
            assert_eq!(parse(&html), parse(&html), "{unit}");
        }
        // 29 times 200,000: a quadratic step would take minutes each.
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    #[test]
    fn pieces_are_in_order_and_cover_all_text_once() {
        // Tag soup from a linear congruential generator (Knuth, MMIX).
        let parts = [
            "<a href=x>",
            "</a>",
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<table>",
            "<tr>",
            "<td>",
            "</table>",
            "<b>",
            "</b>",
            "<svg>",
            "<text>",
            "</svg>",
            "<li>",
            "<select>",
            "<option>",
            "<i hidden>",
            "</i>",
            "<form>",
            "</form>",
            "<template>",
            "</template>",
            "text ",
            "&amp;",
            "\u{20ac}",
            "\0",
            "<",
            "&",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "<pre>",
            "\r\n",
            "<x-y>",
            "</x-y>",
            "<math>",
            "<mi>",
        ];
        let mut state = 1u64;
        for _ in 0..2_000 {
            let mut html = String::new();
            for _ in 0..40 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                html.push_str(parts[(state >> 33) as usize % parts.len()]);
            }
            let document = parse(&html);
            let (mut text_end, mut source_end) = (0, 0);
            let mut was_boundary = false;
            for piece in &document.pieces {
                if let Piece::Text { text, source, element } = piece {
                    assert_eq!(text.start, text_end, "{html:?}");
                    assert!(text.start < text.end, "{html:?}");
                    assert!(source_end <= source.start && source.start < source.end, "{html:?}");
                    assert!(
                        html.get(source.start as usize..source.end as usize).is_some(),
                        "{html:?}"
                    );
                    assert!(element.index() < document.elements.len());
                    (text_end, source_end) = (text.end, source.end);
                }
                let is_boundary = *piece == Piece::Boundary;
                assert!(!(is_boundary && was_boundary), "{html:?}");
                was_boundary = is_boundary;
            }
            assert_eq!(text_end as usize, document.text.len(), "{html:?}");
        }
    }
}
