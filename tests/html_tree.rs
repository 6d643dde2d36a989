//! The visible text that `unbait::html` finds, checked against the tree that html5ever builds, walked with the same rules
//! of visibility; html5ever has no depth limit and no simplifications, so what differs is listed here by name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use html5ever::tendril::TendrilSink;
use html5ever::{Attribute, ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use unbait::html::{self, Piece};

/// A page's visible words, line by line: a block boundary or `<br>` ends a line, and words in a link stand in brackets.
type Lines = Vec<String>;

/// Collects text that arrives in pieces into lines of words.
#[derive(Default)]
struct LineWriter {
    lines: Lines,
    line: String,
    is_in_link: bool,
}

impl LineWriter {
    fn text(&mut self, text: &str, is_in_link: bool) {
        if is_in_link != self.is_in_link {
            self.line.push(if is_in_link { '[' } else { ']' });
            self.is_in_link = is_in_link;
        }
        self.line.push_str(text);
    }

    fn end_line(&mut self) {
        if self.is_in_link {
            self.line.push(']');
            self.is_in_link = false;
        }
        let words: Vec<&str> = self.line.split_whitespace().collect();
        let line = words.join(" ").replace("[ ", "[").replace(" ]", "]");
        if !line.chars().all(|c| "[] ".contains(c)) {
            self.lines.push(line);
        }
        self.line.clear();
    }
}

fn our_lines(source: &str) -> Lines {
    let document = html::parse(source);
    let mut writer = LineWriter::default();
    for piece in &document.pieces {
        match piece {
            Piece::Text { text, element, .. } => {
                writer.text(document.slice(text), document.link(*element).is_some());
            }
            Piece::Boundary | Piece::LineBreak => writer.end_line(),
            Piece::Image { .. } => writer.line.push(' '),
        }
    }
    writer.end_line();
    writer.lines
}

/// `display` other than `inline` in the rendering section of the HTML standard, and options.
const BLOCKS: &str = "address article aside blockquote body caption center colgroup dd details dialog dir div dl dt fieldset \
    figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main menu nav ol optgroup \
    option p plaintext pre search section summary table tbody td tfoot th thead tr ul xmp";

/// Not rendered, or fallback content.
const HIDDEN: &str = "applet audio canvas datalist head iframe meter noembed noframes noscript object progress rp script style \
    template textarea title video";

const HIDDEN_FOREIGN: &str =
    "defs symbol title desc style script metadata clipPath mask pattern marker annotation annotation-xml";

fn is_one_of(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|word| word == name)
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| &*attribute.value)
}

fn is_hidden(name: &str, is_foreign: bool, attributes: &[Attribute]) -> bool {
    let has = |name| attribute(attributes, name).is_some();
    let hidden = attribute(attributes, "hidden");
    // Pages that hide all of themselves are shown by their scripts.
    if matches!(name, "html" | "body") {
        return false;
    }
    is_one_of(if is_foreign { HIDDEN_FOREIGN } else { HIDDEN }, name)
        || hidden.is_some_and(|value| !value.eq_ignore_ascii_case("until-found"))
        || has("popover")
        || (name == "dialog" && !has("open"))
        || attribute(attributes, "style").is_some_and(|style| {
            let style = style.to_lowercase().replace(char::is_whitespace, "");
            let style = style.replace("!important", "");
            style.split(';').any(|declaration| {
                matches!(
                    declaration,
                    "display:none" | "visibility:hidden" | "visibility:collapse"
                )
            })
        })
}

/// A step of the walk: into a node, or out of a block.
enum Step {
    Enter(Handle, bool, bool),
    EndLine,
}

fn browser_lines(source: &str) -> Lines {
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(source);
    let mut writer = LineWriter::default();
    let mut steps = vec![Step::Enter(dom.document.clone(), false, false)];
    while let Some(step) = steps.pop() {
        let (node, mut is_in_link, mut is_undrawn) = match step {
            Step::Enter(node, is_in_link, is_undrawn) => (node, is_in_link, is_undrawn),
            Step::EndLine => {
                writer.end_line();
                continue;
            }
        };
        match &node.data {
            NodeData::Text { contents } if !is_undrawn => {
                writer.text(&contents.borrow(), is_in_link);
            }
            NodeData::Element { name, attrs, .. } => {
                let attributes = attrs.borrow();
                let is_svg = &*name.ns == "http://www.w3.org/2000/svg";
                let is_foreign = &*name.ns != "http://www.w3.org/1999/xhtml";
                let name = &*name.local;
                if is_hidden(name, is_foreign, &attributes) {
                    continue;
                }
                if is_svg {
                    match name {
                        "svg" => is_undrawn = true,
                        "text" | "foreignObject" => is_undrawn = false,
                        _ => {}
                    }
                } else if is_undrawn {
                    continue;
                }
                match name {
                    "br" => writer.end_line(),
                    "img" => writer.line.push(' '),
                    "a" if attribute(&attributes, "href").is_some() => is_in_link = true,
                    _ => {}
                }
                let is_block = if is_foreign {
                    is_svg && name == "text"
                } else {
                    is_one_of(BLOCKS, name)
                };
                if is_block {
                    writer.end_line();
                    steps.push(Step::EndLine);
                }
            }
            _ => {}
        }
        let children = node.children.borrow();
        let children = children.iter().rev();
        steps.extend(children.map(|child| Step::Enter(child.clone(), is_in_link, is_undrawn)));
    }
    writer.end_line();
    writer.lines
}

/// Snippets whose lines and links are exactly those of the browser's tree.
const AGREEING: &[(&str, &str)] = &[
    ("plain text", "one two"),
    ("paragraphs without end tags", "<p>a<p>b<div>c</div>d"),
    ("an end tag without start tag", "a</div>b</span>c</p>d"),
    ("a br end tag", "a</br>b"),
    ("unclosed elements at the end", "<div><b><a href=x>a"),
    (
        "text before and after the body",
        "a<html><head><title>t</title></head><body>b</body>c</html>d",
    ),
    ("body attributes twice", "<body class=a>a<body class=b>b"),
    (
        "head content in the body",
        "<p>a<title>t</title>b<meta name=x>c<link>d<style>e</style>f",
    ),
    ("text in the head", "<head><title>t</title>a<link>b</head>c"),
    ("second head", "<head></head><head>a</head>b"),
    ("div in the head", "<head><div>a</div></head><p>b"),
    ("list items", "<ul><li>a<li>b<ul><li>c</ul>d<li>e</ul>f"),
    ("list item across a div", "<ul><li>a<div>b<li>c</ul>"),
    ("list item end tag through a list", "<ul><li>a<ul>b</li>c</ul>d</ul>"),
    ("definition list", "<dl><dt>a<dd>b<dt>c<dd>d</dl>e"),
    ("nested headings", "<h1>a<h2>b</h1>c</h2>d"),
    ("heading in a div in a heading", "<h1>a<div>b<h2>c</h2></div>d</h1>e"),
    ("button scope", "<p>a<button>b<p>c</button>d</p>e"),
    ("button in a button", "<button>a<button>b</button>c</button>d"),
    ("nested links", "<a href=1>a<a href=2>b</a>c</a>d"),
    ("link across paragraphs", "<a href=1>a<p>b</a>c<p>d"),
    ("link cut by the end of a block", "<div><a href=1>a</div>b<p>c</a>d"),
    ("link around a block, then text", "<a href=1><div>a</div>b</a>c"),
    (
        "link that a deep block keeps",
        "<a href=1>a<div>b<div>c</a>d</div>e</div>f",
    ),
    (
        "link with inline elements",
        "<a href=1><span>a<div>b<i>c</a>d</i>e</div>f",
    ),
    ("link closed after its block", "<p><a href=1><div>a</div></a>b"),
    (
        "link closed out of scope",
        "<a href=1>a<object></a></object>b<table><tr><td></a>c</table>d",
    ),
    ("byte order mark", "\u{feff}a\u{feff}b"),
    (
        "image in an integration point",
        "<svg><desc><image></desc><text>a</text></svg>b",
    ),
    (
        "link in a cell does not leak",
        "<table><tr><td><a href=1>a<td>b</table>c",
    ),
    ("link before a table", "<a href=1>a<table><tr><td>b</table>c</a>d"),
    (
        "hidden link opened again stays hidden",
        "<p><a hidden href=1>a<p>b</a>c",
    ),
    (
        "link opened again in a hidden block",
        "<p><a href=1>a<div hidden>b</div>c</a>d",
    ),
    ("misnested formatting", "<b>a<i>b</b>c</i>d"),
    ("misnested formatting with a block", "<b>a<p>b</b>c</p>d"),
    (
        "formatting around many blocks",
        "<em><strong><div>a<div>b</em>c</div>d</strong>e</div>f",
    ),
    ("nobr in nobr", "<nobr>a<nobr>b</nobr>c</nobr>d"),
    ("font in font", "<font size=1>a<font size=2>b<p>c</font>d</font>e"),
    (
        "entities",
        "&lt;a&gt; &amp;amp; &eacute;&notit; &#x41;&#66; &unknown; &#0; &#x80; &ampx",
    ),
    ("a bare ampersand and angle", "a & b < c << d <3 e &# f &;"),
    ("white space entities", "a&nbsp;b&#10;c"),
    (
        "comments",
        "a<!-- b --!>c<!>d<!-->e<!--->f<!-- <p> -->g<?php h ?>i</ j>k",
    ),
    ("unclosed comment", "a<!-- b <p>c"),
    ("doctype in the body", "a<!doctype html>b"),
    ("cdata in HTML", "a<![CDATA[b]]>c"),
    ("cdata in svg text", "<svg><text><![CDATA[a<b>]]></text></svg>c"),
    ("nul", "a\0b<svg><text>c\0d</text></svg>"),
    ("newlines", "a\r\nb\rc\nd"),
    ("pre", "<pre>\na\nb</pre>\nc<pre>\r\nd</pre>"),
    ("plaintext", "<p>a<plaintext>b</plaintext><p>c&amp;"),
    ("xmp", "<p>a<xmp>b<p>c&amp;</xmp>d"),
    ("textarea", "a<textarea><p>b</textarea>c"),
    ("script", "a<script>b<!--<script>c</script>d--></script>e"),
    ("script end tag in a string", "a<script>'</scripty>' </script >b"),
    ("unclosed script", "a<script>b</p>"),
    ("script comment that ends", "a<script><!-- b --></script>c"),
    (
        "noscript",
        "<head><noscript><p>a</noscript></head>b<noscript><div>c</noscript>d",
    ),
    ("iframe and noembed", "a<iframe><p>b</iframe>c<noembed>d</noembed>e"),
    (
        "object, video, canvas",
        "a<object>b<p>c</object>d<video>e</video><canvas>f</canvas>g<audio>h</audio>i",
    ),
    ("embed is void", "a<embed>b</embed>c"),
    (
        "void elements",
        "a<wbr>b<hr>c<input value=d>e<area>f<br/>g<col>h<source>i",
    ),
    ("self-closing is no end", "<div/>a<span/>b</span>c</div>d<p/>e"),
    (
        "template",
        "a<template><tr><td>b</template>c<table><template><p>d</template><tr><td>e</table>f",
    ),
    (
        "template in the head",
        "<head><template><div>a</div></template><title>t</title></head>b",
    ),
    ("unclosed template", "a<div><template><div>b</div></div>c"),
    (
        "select",
        "a<select><option>b<option selected>c<optgroup label=x><option>d</optgroup></select>e",
    ),
    ("select in select", "<select><option>a<select>b"),
    ("input in select", "<select><option>a<input>b</select>c"),
    (
        "option outside select",
        "<option>a<option>b</option>c<optgroup>d<option>e",
    ),
    ("datalist", "a<datalist><option>b</datalist>c"),
    (
        "details and dialog",
        "<details><summary>a</summary>b</details><dialog>c</dialog><dialog open>d</dialog>e",
    ),
    (
        "hidden",
        "a<p hidden>b<b>c</b></p>d<p hidden=until-found>e</p><i aria-hidden=true>f</i><b popover>g</b>",
    ),
    ("hidden page", "<html hidden><body style=display:none>a"),
    (
        "text out of a hidden table",
        "<table hidden>a<b>b</b><tr><td>c</table>d",
    ),
    ("block out of a hidden link", "<a hidden href=1>a<div>b</a>c</div>d"),
    (
        "style",
        "<p style='DISPLAY : None !important'>a</p><p style='color:red;visibility:hidden'>b</p><p style=display:block>c",
    ),
    ("hidden inline block is no boundary", "a<div hidden>b</div>c"),
    ("ruby", "<ruby>a<rp>(<rt>b<rp>)</ruby>c<ruby>d<rb>e<rtc>f<rt>g</ruby>h"),
    ("form in a form", "<form>a<form>b</form>c</form>d"),
    ("form end tag inside a div", "<form>a<div>b</form>c</div>d"),
    ("fieldset", "<fieldset><legend>a</legend>b</fieldset>c"),
    (
        "table",
        "<table><caption>a</caption><colgroup><col></colgroup><thead><tr><th>b<tbody><tr><td>c<td>d</table>e",
    ),
    ("table without rows", "<table><td>a<th>b<tr><td>c<tfoot><td>d</table>e"),
    ("table parts without a table", "<tr><td>a</td><th>b</tr>c</tbody>d"),
    (
        "table in a table",
        "<table><tr><td><table><tr><td>a</table>b<td>c</table>d",
    ),
    ("table directly in a table", "<table><tr><table><tr><td>a</table>"),
    (
        "end tags across a cell",
        "<div><table><tr><td>a</div>b</p>c</span>d</table>e</div>f",
    ),
    (
        "list item around a table",
        "<ul><li>a<table><tr><td>b<li>c</table>d</ul>",
    ),
    ("caption with a cell", "<table><caption>a<td>b</table>c"),
    (
        "form in a table",
        "<table><form><tr><td>a</form>b</table>c<form>d</form>e",
    ),
    ("table closed by a cell's end", "<table><tr><td>a</table>b</td>c"),
    (
        "inputs and scripts in a table",
        "<table><input type=hidden><script>a</script><style>b</style><tr><td>c</table>",
    ),
    (
        "table in a paragraph",
        "<!doctype html><p>a<table><tr><td>b</table>c</p>d",
    ),
    ("foster parenting of text before all rows", "<table>a<tr><td>b</table>c"),
    (
        "foster parenting of an element before all rows",
        "<table><b>a</b><div>b</div><tr><td>c</table>d",
    ),
    (
        "svg",
        "a<svg><title>b</title><desc>c</desc><defs><text>d</text></defs>e<g><text>f<tspan>g</tspan></text><text>h</text></g></svg>i",
    ),
    ("svg self-closing", "<svg><path/><text/>a<text>b</text></svg>c"),
    (
        "svg style and script",
        "<svg><style>a</style><script>b</script><text>c</text></svg>d",
    ),
    (
        "html in svg",
        "<svg><foreignObject><p>a<div>b</foreignObject><text>c</text></svg>d",
    ),
    ("svg breakout", "<svg><text>a<p>b</p>c</svg>d"),
    ("svg breakout by end tag", "<svg><text>a</p>b</svg>c"),
    (
        "svg link",
        "<svg><a href=1><text>a</text></a></svg>b<a href=2><svg><text>c</text></svg>d</a>e",
    ),
    ("end tag in svg that closes HTML", "<div>a<svg><text>b</div>c"),
    ("svg font", "<svg><font>a<text>b</text></font><font color=red>c</svg>d"),
    (
        "math",
        "a<math><mi>b</mi><mo>+</mo><mtext><p>c</p></mtext><semantics><mn>d</mn><annotation>e</annotation></semantics></math>f",
    ),
    (
        "svg in math",
        "<math><annotation-xml><svg><text>a</text></svg></annotation-xml><mn>b</math>c",
    ),
    (
        "custom elements",
        "<my-box>a<my-box>b</my-box>c</other-box>d</my-box>e<x-y/>f",
    ),
    ("marquee", "<p>a<marquee>b<p>c</marquee>d"),
    ("applet ends no paragraph", "<p>a<applet>b</p>c</applet>d"),
    (
        "frameset",
        "<head></head><frameset><frame></frameset><noframes>a</noframes>",
    ),
    ("image", "a<img alt=b>c<image alt=d>e"),
    ("upper case", "<DIV>a</DIV><A HREF=x>b</A><P>c<P>d<SCRIPT>e</SCRIPT>f"),
    (
        "attributes of all kinds",
        "<a href='>'>a</a><a/href=x>b</a><a x=\"'\" href>c</a><a href=\"x\"title='y'>d</a><p =a>e",
    ),
    ("duplicate attribute", "<p hidden=until-found hidden>a"),
    ("unclosed tag at the end", "a<p class='b"),
    ("angle at the end", "a<"),
    ("slash at the end", "a</"),
];

/// Snippets that differ, and why: browser's lines, ours.
const DIFFERING: &[(&str, &str, &[&str], &[&str])] = &[
    (
        "text that a browser moves in front of the table stays where it was written",
        "<table><tr><td>a</td></tr>b</table>c",
        &["b", "a", "c"],
        &["a", "b", "c"],
    ),
    (
        "so does an element",
        "<table><tr><td>a</td></tr><p>b</p></table>c",
        &["b", "a", "c"],
        &["a", "b", "c"],
    ),
    (
        "and it does not touch the text around the table",
        "a<table>b<tr><td>c</td></tr></table>",
        &["ab", "c"],
        &["a", "b", "c"],
    ),
];

#[test]
fn snippets_give_the_lines_and_links_of_the_browsers_tree() {
    let mut failures = Vec::new();
    for (name, source) in AGREEING {
        let (ours, browser) = (our_lines(source), browser_lines(source));
        if ours != browser {
            failures.push(format!("{name}: {source:?}\n    ours {ours:?}\n browser {browser:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_listed_differences_are_the_only_ones() {
    for (why, source, browser, ours) in DIFFERING {
        assert_eq!(browser_lines(source), *browser, "{why}: {source:?}");
        assert_eq!(our_lines(source), *ours, "{why}: {source:?}");
    }
}

/// Every how many pages of the labelled set are compared: 195 of 971 (chosen: a few seconds in a debug build).
const PAGE_STEP: usize = 5;
/// Share of the words that two readings of a page have to have in common (chosen).
const MIN_COMMON: f64 = 0.98;
/// Share of the pages that have to reach it (chosen).
const MIN_PAGES: f64 = 0.99;

/// `2 |A and B| / (|A| + |B|)` over the multisets of words, 0 to 1; 1 when both are empty.
fn common_words(a: &Lines, b: &Lines) -> f64 {
    let words = |lines: &Lines| -> Vec<String> {
        lines
            .iter()
            .flat_map(|line| line.split(' '))
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (words(a), words(b));
    if a.is_empty() && b.is_empty() {
        return 1.0;
    }
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in &a {
        *counts.entry(word).or_default() += 1;
    }
    let mut common = 0;
    for word in &b {
        if let Some(count) = counts.get_mut(word.as_str())
            && *count > 0
        {
            *count -= 1;
            common += 1;
        }
    }
    2.0 * f64::from(common) / (a.len() + b.len()) as f64
}

#[test]
fn real_pages_give_the_words_of_the_browsers_tree() {
    let folder = std::env::var_os("UNBAIT_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
        PathBuf::from,
    );
    let path = folder.join("labelled-pages.jsonl.zst");
    let Ok(file) = File::open(&path) else {
        println!("skipped: no {}", path.display());
        return;
    };
    let mut decoder = zstd::Decoder::new(file).expect("a zstd stream");
    decoder.window_log_max(27).expect("a window log in range");
    let mut pages = 0;
    let mut below = Vec::new();
    for line in BufReader::new(decoder).lines().step_by(PAGE_STEP) {
        let page: serde_json::Value = serde_json::from_str(&line.expect("UTF-8")).expect("a JSON record");
        let source = page["html"].as_str().expect("html is text");
        let common = common_words(&our_lines(source), &browser_lines(source));
        pages += 1;
        if common < MIN_COMMON {
            below.push((page["id"].to_string(), common));
        }
    }
    println!("{pages} pages, {} below {MIN_COMMON}: {below:?}", below.len());
    assert!(pages > 0, "{} has no pages", path.display());
    let agreeing = 1.0 - below.len() as f64 / pages as f64;
    assert!(agreeing >= MIN_PAGES, "{below:?}");
}
