//! The mailboxes of an address field whose form is broken, or stranger than mail-parser reads.
//!
//! It knows where names, comments and addresses stand in a field (RFC 5322 §3.4); it decodes
//! nothing, and has no opinion on whose field it is.

use super::EmailAddress;

/// More of a field is not looked at: what is never closed is looked for to the end, time and again.
const MOST: usize = 4096;

/// Every address in the field's value, in order. Of what stands in quotes, in comments or in
/// encoded words nothing is one, save a quoted local part.
pub(super) fn addresses(value: &str) -> Vec<EmailAddress> {
    let value = without_comments(cut(value, 0, value.floor_char_boundary(MOST)));
    let outline = outline(&value);
    let mut found = Vec::new();
    let mut start = 0;
    for end in ends(&outline) {
        let (outline, value) = (cut(&outline, start, end), cut(&value, start, end));
        let before = found.len();
        let mut at = 0;
        while let Some((from, until)) = brackets(outline, at) {
            found.extend(address(cut(value, from, until)));
            at = until;
        }
        if found.len() == before {
            found.extend(address(value));
        }
        start = end + 1;
    }
    found
}

/// An address, on however many lines it stands.
fn address(text: &str) -> Option<EmailAddress> {
    EmailAddress::parse(&text.lines().map(str::trim).collect::<String>()).ok()
}

/// Where the mailboxes end.
fn ends(outline: &str) -> impl Iterator<Item = usize> {
    let between = outline.match_indices([',', ';']).map(|(at, _)| at);
    between.chain([outline.len()])
}

/// What lies between the next angle brackets.
fn brackets(outline: &str, at: usize) -> Option<(usize, usize)> {
    let from = at + outline.get(at..)?.find('<')? + 1;
    Some((from, from + outline.get(from..)?.find('>')?))
}

fn cut(text: &str, from: usize, until: usize) -> &str {
    text.get(from..until).unwrap_or_default()
}

/// The value without its comments.
fn without_comments(value: &str) -> String {
    pieced(value, |rest| match rest.chars().next() {
        Some('"') => quoted(rest).map(|length| (length, None)),
        Some('(') => comment(rest).map(|length| (length, Some(0))),
        _ => None,
    })
}

/// The value with a space for each byte of what is quoted or encoded, so that only what gives it
/// its form is left, each at its place.
fn outline(value: &str) -> String {
    pieced(value, |rest| {
        let length = match rest.chars().next() {
            Some('"') => quoted(rest),
            Some('=') => encoded_word(rest),
            _ => None,
        };
        length.map(|length| (length, Some(length)))
    })
}

/// The text piece by piece. `piece` says how long the one is that a rest begins with, if it is
/// more than a character, and how many spaces stand in for it, if any are to.
fn pieced(text: &str, piece: impl Fn(&str) -> Option<(usize, Option<usize>)>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, spaces) = piece(rest).unwrap_or((first.len_utf8(), None));
        let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match spaces {
            Some(spaces) => out.extend(std::iter::repeat_n(' ', spaces)),
            None => out.push_str(taken),
        }
        rest = after;
    }
    out
}

/// The length of the quoted string that a text begins with. A quote that is never closed is none.
fn quoted(text: &str) -> Option<usize> {
    closed(text, |c, depth| if c == '"' { 1 - depth } else { depth })
}

/// The length of the comment that a text begins with; they nest.
fn comment(text: &str) -> Option<usize> {
    closed(text, |c, depth| match c {
        '(' => depth + 1,
        ')' => depth - 1,
        _ => depth,
    })
}

/// The length of what a text begins with, up to where `depth` comes back to nothing. A backslash
/// takes the meaning from what is behind it.
fn closed(text: &str, depth: impl Fn(char, usize) -> usize) -> Option<usize> {
    let mut level = 0;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c => level = depth(c, level),
        }
        if level == 0 {
            return Some(at + c.len_utf8());
        }
    }
    None
}

/// The length of the encoded word that a text begins with: `=?charset?q?text?=` (RFC 2047 §2).
fn encoded_word(text: &str) -> Option<usize> {
    let mut parts = text.strip_prefix("=?")?.splitn(3, '?');
    let (charset, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let end = rest.find("?=")?;
    Some(2 + charset.len() + 1 + encoding.len() + 1 + end + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_closed_does_not_stall() {
        for piece in ["(", "\"\\", "=?a?b?x", "<", "é("] {
            assert_eq!(addresses(&piece.repeat(100_000)), [], "{piece}");
        }
    }

    #[test]
    fn addresses_are_found_in_order_and_nothing_else_is_one() {
        for (value, expected) in [
            (
                r#""wile@acme.example" <x@evil.example> <wile@acme.example>"#,
                "x@evil.example wile@acme.example",
            ),
            (r#""x" <x@evil.example>wile@acme.example"#, "x@evil.example"),
            (r#""never closed <joe@acme.example>"#, "joe@acme.example"),
            (r#""wile coyote"@acme.example"#, r#""wile coyote"@acme.example"#),
            (r#"Wile <"wile coyote"@acme.example>"#, r#""wile coyote"@acme.example"#),
            (r#""wile coyote"@acme.example (Wile)"#, r#""wile coyote"@acme.example"#),
            ("(<wile@acme.example>) <x@evil.example>", "x@evil.example"),
            ("(a (b) <wile@acme.example>) <x@evil.example>", "x@evil.example"),
            (r#""\"<wile@acme.example>" <x@evil.example>"#, "x@evil.example"),
            ("=?utf-8?q?<wile@acme.example>?= <x@evil.example>", "x@evil.example"),
            ("=?utf-8?q?=41?= <x@evil.example>", "x@evil.example"),
            ("=?utf-8?q? <x@evil.example>", "x@evil.example"),
            ("Smith, Ann <ann@comma.example>", "ann@comma.example"),
            ("Team: Ann <ann@a.example>, <ben@b.example>;", "ann@a.example ben@b.example"),
            ("<joe(c)@acme.example> <x@b.example>", "joe@acme.example x@b.example"),
            ("<joe@\r\n acme.example>, <x@b.example>", "joe@acme.example x@b.example"),
            ("<> <a@b", ""),
            ("(", ""),
            ("é\"é", ""),
            ("", ""),
        ] {
            let found: Vec<String> = addresses(value).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{value}");
        }
    }
}
