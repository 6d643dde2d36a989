//! Text for people to the terminal: wrapped to its width, coloured by label, harmless.
//!
//! Pages may hold escape sequences and marks that turn the reading direction; they are spelled out and never obeyed.

use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use unbait::label::{Label, LabelSet, USUAL_ORDER};
use unicode_width::UnicodeWidthChar;

/// Columns when the output is no terminal (chosen: as terminals have had since the VT100).
const USUAL_WIDTH: usize = 80;

/// Width of the terminal in columns.
pub fn width() -> usize {
    terminal_size::terminal_size().map_or(USUAL_WIDTH, |(width, _)| usize::from(width.0))
}

/// The text with every character that a terminal would obey spelled as in JSON, such as `\u001b`; line ends and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let ends_line = c == '\r' && rest.peek() == Some(&'\n');
        if is_obeyed(c) && !ends_line {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same in one line: line ends and tabs are spelled, too. For what has no lines of its own, such as names of files, which would else
/// say anything they like at the beginning of a line.
pub fn in_line(text: &str) -> Cow<'_, str> {
    if !text.contains(['\r', '\n', '\t']) {
        return visible(text);
    }
    let spelled = text.replace('\r', "\\r").replace('\n', "\\n").replace('\t', "\\t");
    Cow::Owned(visible(&spelled).into_owned())
}

/// Control characters, and those that set the reading direction (Unicode Standard Annex 9, section 2; the Unicode Standard, section 23.3,
/// for older ones), break lines, or put notes between them (section 23.8).
fn is_obeyed(c: char) -> bool {
    let directs = matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}'
    );
    directs || (c.is_control() && c != '\n' && c != '\t')
}

/// Lines of at most `width` columns, broken at spaces, and inside words that are longer than a line.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let columns: usize = word.chars().map(columns).sum();
        if used > 0 && used + 1 + columns > width {
            lines.push(String::new());
            used = 0;
        } else if used > 0 {
            push(&mut lines, ' ');
            used += 1;
        }
        for c in word.chars() {
            let wide = self::columns(c);
            if used + wide > width {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, c);
            used += wide;
        }
    }
    lines
}

fn push(lines: &mut [String], c: char) {
    if let Some(line) = lines.last_mut() {
        line.push(c);
    }
}

/// Columns that a text takes.
pub fn text_width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The text in one line with everything visible; of one that takes more than `width` columns the beginning, with an ellipsis.
pub fn cut(text: &str, width: usize) -> String {
    let line = text.replace(['\n', '\t'], " ");
    let shown = visible(&line);
    if text_width(&shown) <= width {
        return shown.into_owned();
    }
    let mut used = columns('…');
    let fits = shown.chars().take_while(|c| {
        used += columns(*c);
        used <= width
    });
    fits.chain(['…']).collect()
}

fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// The style of a label: each usual name has its colour, other names get the remaining ones in turn.
pub fn style(labels: &LabelSet, label: Label) -> Style {
    const REMAINING: [AnsiColor; 4] = [
        AnsiColor::Blue,
        AnsiColor::Red,
        AnsiColor::Yellow,
        AnsiColor::BrightCyan,
    ];
    let color = match labels.name(label) {
        "body" => AnsiColor::Green,
        "caption" => AnsiColor::Cyan,
        "promo" => AnsiColor::Magenta,
        "other" => AnsiColor::BrightBlack,
        _ => {
            let usual = labels
                .names()
                .iter()
                .filter(|name| USUAL_ORDER.contains(&name.as_str()))
                .count();
            REMAINING[label.index().saturating_sub(usual) % REMAINING.len()]
        }
    };
    color.on_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(visible("a\u{1b}[31mb\u{202e}c\u{9b}d"), "a\\u001b[31mb\\u202ec\\u009bd");
        assert_eq!(visible("x\ry\u{7f}\u{2066}\u{0}"), "x\\u000dy\\u007f\\u2066\\u0000");
    }

    #[test]
    fn what_is_in_one_line_begins_no_other() {
        assert_eq!(in_line("a\nb\r\nc\td\u{1b}"), "a\\nb\\r\\nc\\td\\u001b");
        assert_eq!(in_line("línea שלום"), "línea שלום");
    }

    #[test]
    fn harmless_text_stays_as_it_is() {
        let text = "línea\tuno\r\nשלום 你好 👍🏽\n";
        assert_eq!(visible(text), text);
    }

    #[test]
    fn lines_break_at_spaces_and_inside_long_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(wrapped("你好世界", 5), ["你好", "世界"]);
    }

    #[test]
    fn a_cut_text_takes_no_more_columns_and_stands_in_one_line() {
        assert_eq!(cut("one\ttwo\nthree", 13), "one two three");
        assert_eq!(cut("one two three", 12), "one two thr…");
        assert_eq!(cut("你好世界", 8), "你好世界");
        assert_eq!(
            (cut("你好世界", 7), text_width(&cut("你好世界", 6))),
            ("你好世…".to_owned(), 5)
        );
        assert_eq!(cut("a\u{1b}b", 9), "a\\u001bb");
    }

    #[test]
    fn labels_have_different_colours() {
        let labels = LabelSet::new(["body", "caption", "promo", "other", "ad", "menu"]).unwrap();
        let styles: std::collections::HashSet<Style> = labels.iter().map(|label| style(&labels, label)).collect();
        assert_eq!(styles.len(), 6);
        assert_eq!(style(&labels, Label(4)), AnsiColor::Blue.on_default());
    }
}
