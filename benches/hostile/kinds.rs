//! Pages that are made to cost much: each kind repeats what is cheap to write and dear to read, up to any size.
//!
//! A page is as long as it is asked to be, but for its last repetition; nothing in it is random.

/// A kind of hostile page.
pub struct Kind {
    /// What is repeated.
    pub name: &'static str,
    /// Ending of its file: `html` or `txt`.
    pub ending: &'static str,
    /// Makes a page of about this many bytes.
    pub page: fn(usize) -> String,
}

/// Repeats a piece up to a size.
fn again(piece: &str, size: usize) -> String {
    piece.repeat(size.div_ceil(piece.len()))
}

/// Pieces that are told apart by their numbers, up to a size.
fn numbered(size: usize, mut piece: impl FnMut(usize) -> String) -> String {
    let mut page = String::with_capacity(size + 64);
    let mut number = 0;
    while page.len() < size {
        page += &piece(number);
        number += 1;
    }
    page
}

/// One half is a piece, the other half is its end.
fn nested(open: &str, inside: &str, close: &str, size: usize) -> String {
    let times = size / (open.len() + close.len());
    [&open.repeat(times), inside, &close.repeat(times)].concat()
}

/// A word that no other number has, in lower case.
fn word(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

macro_rules! kinds {
    ($($ending:ident $name:literal $page:expr;)*) => {
        /// All of them.
        pub const KINDS: &[Kind] = &[$(Kind { name: $name, ending: stringify!($ending), page: $page },)*];
    };
}

kinds! {
    html "unclosed div" |size| again("<div>", size);
    html "unclosed div with text" |size| again("<div>x", size);
    html "nested div, closed" |size| nested("<div>", "deep", "</div>", size);
    html "unclosed b" |size| again("<b>", size);
    html "unclosed b with text" |size| again("<b>x", size);
    html "b, i and a, closed in the wrong order" |size| again("<b><i><a href=x>y</b></i></a>", size);
    html "b around p, closed inside" |size| again("<b><p>x</b>", size);
    html "a around div, closed inside" |size| again("<a href=x><div>y</a>", size);
    html "nested a" |size| again("<a href=x>y", size);
    html "nested nobr and font" |size| again("<nobr><font color=x>y", size);
    html "end tags of nothing" |size| again("</div></b></p></br>", size);
    html "end tags deep inside" |size| "<div>".repeat(600) + &again("</section></b></h1>x", size);
    html "unknown elements" |size| numbered(size, |n| format!("<x-{}>y", word(n)));
    html "p" |size| again("<p>x", size);
    html "headings" |size| again("<h2>x</h2><p>y", size);
    html "nested lists" |size| again("<ul><li>x", size);
    html "list of links" |size| numbered(size, |n| format!("<li><a href=/{n}>Read {}</a>", word(n)));
    html "br" |size| again("<br>", size);
    html "br and a letter" |size| again("x<br><br>", size);
    html "hr" |size| again("<hr>", size);
    html "pictures" |size| again("<img alt=x>", size);
    html "a picture with a long alt between many blocks" |size| {
        format!("<img alt='{}'>", "y ".repeat(size / 4)) + &again("<p>x", size / 2)
    };
    html "one attribute" |size| format!("<p title='{}'>x", "y".repeat(size));
    html "one class attribute" |size| format!("<p class='{}'>x", numbered(size, |n| word(n) + " "));
    html "a long class around many blocks" |size| {
        format!("<div class='{}'>", numbered(size / 2, |n| word(n) + " ")) + &again("<p>x", size / 2)
    };
    html "long classes around deep blocks" |size| {
        let classes = |n: usize| format!("<div class='{}'>", numbered(size / 1200, |m| word(n * 1000 + m) + " "));
        (0..600).map(classes).collect::<String>() + &again("<p>x", size / 2)
    };
    html "deep blocks with classes of their own" |size| {
        "<div class='a b c d e f g h'>".repeat(600) + &numbered(size, |n| format!("<p class={}>x", word(n)))
    };
    html "a long role around many blocks" |size| {
        format!("<div role='{}{}'>", " ".repeat(size / 4), "y".repeat(size / 4)) + &again("<p>x", size / 2)
    };
    html "a long class on a link that opens again" |size| {
        format!("<a href=x class='{}'>", numbered(size / 2, |n| word(n) + " ")) + &again("<p>x", size / 2)
    };
    html "a long name around many blocks" |size| format!("<y{}>", "y".repeat(size / 2)) + &again("<p>x", size / 2);
    html "deep long names around many blocks" |size| {
        let name = |n: usize| format!("<x-{}-{}>", word(n), "y".repeat(50));
        (0..600).map(name).collect::<String>() + &again("<p>x", size)
    };
    html "one long style" |size| format!("<p style='{}'>x", again("display:none;", size));
    html "many attributes" |size| format!("<p {}>x", numbered(size, |n| word(n) + "=1 "));
    html "many attributes of one name" |size| format!("<p {}>x", again("class=x ", size));
    html "long address around many words" |size| {
        format!("<a href='{}'>", "y".repeat(size / 2)) + &again("<p>word ", size / 2)
    };
    html "text in a table" |size| format!("<table>{}", again("x<b>", size));
    html "nested tables" |size| again("<table><tr><td>x", size);
    html "tables in tables" |size| again("<table>x", size);
    html "rows and cells" |size| format!("<table>{}", again("<tr><td>x", size));
    html "forms in tables" |size| again("<table><form>x</table>", size);
    html "unclosed comment" |size| format!("<p>x<!--{}", "y ".repeat(size / 2));
    html "beginnings of comments" |size| again("<!--", size);
    html "broken comments" |size| again("<!--->x<!- ", size);
    html "unclosed script" |size| format!("<p>x<script>{}", again("<script>", size));
    html "escaped script" |size| format!("<p>x<script><!--{}", again("<script ", size));
    html "unclosed style" |size| format!("<p>x<style>{}", again("a{}", size));
    html "unclosed title" |size| format!("<title>{}", again("x ", size));
    html "unclosed textarea" |size| format!("<p>x<textarea>{}", again("</textare", size));
    html "CDATA" |size| again("<![CDATA[x]]>", size);
    html "unclosed CDATA in svg" |size| format!("<svg><text><![CDATA[{}", again("x ]", size));
    html "processing instructions" |size| again("<?x y?>", size);
    html "select and option" |size| format!("<select>{}", again("<option>x", size));
    html "nested select" |size| again("<select>x", size);
    html "nested template" |size| again("<template>x", size);
    html "nested svg" |size| again("<svg><text>x", size);
    html "svg and HTML in turn" |size| again("<svg><foreignobject><p>x", size);
    html "nested math" |size| again("<math><mi>x", size);
    html "plaintext" |size| format!("<p>x<plaintext>{}", again("<b>y ", size));
    html "buttons" |size| again("<button><p>x", size);
    html "ruby" |size| again("<ruby>x<rt>y", size);
    html "objects" |size| again("<object><a href=x>y", size);
    html "ampersands" |size| again("&", size);
    html "entities" |size| again("&amp;", size);
    html "entities without an end" |size| again("&notit &ampx", size);
    html "long entities" |size| again("&CounterClockwiseContourIntegral;", size);
    html "numbers of characters" |size| again("&#x1F600;&#0;", size);
    html "a number of a character" |size| format!("<p>&#{};", "9".repeat(size));
    html "metadata" |size| again("<meta name=author content=x>", size);
    html "JSON-LD scripts" |size| again("<script type=application/ld+json>{</script>", size);
    html "html tags" |size| again("<html class=x><body id=y>", size);
    html "NUL" |size| "x".repeat(5000) + &"\0".repeat(size);
    html "less than" |size| again("<", size);
    html "one tag name" |size| format!("<p>x<{}>y", "z".repeat(size));
    html "no markup" |size| format!("<p>{}", again("word ", size));
    html "white space" |size| format!("<p>x{}y", again(" \n", size));

    txt "one word" |size| "x".repeat(size);
    txt "one line of words" |size| again("word ", size);
    txt "one line of different words" |size| numbered(size, |n| word(n) + " ");
    txt "one line of short words" |size| again("a b c ", size);
    txt "one line without spaces" |size| again("这是一句话。", size);
    txt "one sentence after the other" |size| again("It was so. ", size);
    txt "combining marks" |size| format!("e{}", again("\u{301}", size));
    txt "combining marks on letters" |size| again("e\u{301}\u{300}\u{302}", size);
    txt "emoji that are joined" |size| again("\u{1f469}\u{200d}", size);
    txt "marks of direction" |size| again("\u{202e}x\u{202c}", size);
    txt "punctuation" |size| again("!?.,;:", size);
    txt "digits" |size| again("1", size);
    txt "capitals" |size| again("READ MORE ", size);
    txt "letters, a line each" |size| again("a\n", size);
    txt "letters, a block each" |size| again("a\n\n", size);
    txt "different words, a block each" |size| numbered(size, |n| word(n) + "\n\n");
    txt "the same block" |size| again("You may also like this story\n\n", size);
    txt "the same block but for a number" |size| numbered(size, |n| format!("You may also like story {n}\n\n"));
    txt "two blocks in turn" |size| again("Read more\n\nRead less\n\n", size);
    txt "headings and blocks" |size| again("Related\n\nOne story that is worth it.\n\n", size);
    txt "blank lines" |size| format!("x{}y", "\n".repeat(size));
    txt "spaces" |size| format!("x{}y", " ".repeat(size));
    txt "carriage returns" |size| again("x\r", size);
    txt "long lines" |size| again(&("word ".repeat(20) + "\n"), size);
    txt "unbroken lines" |size| again(&("a".repeat(70) + "\n"), size);
    txt "NUL behind the beginning" |size| "x ".repeat(2500) + &"\0".repeat(size);
    txt "letters beyond ASCII" |size| again("ǅ İ ß ", size);
    txt "spaces of zero width" |size| again("a\u{200b}", size);
}
