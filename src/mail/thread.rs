//! Message-IDs: a mail's own, and those of the mails that it answers.
//!
//! Read leniently, since programs write them in every way: folded, with blanks inside, without
//! brackets, or a thousand of them. It knows nothing of tickets.

use super::charset::lossy;
use super::fields::Fields;

/// More ids of mails that are answered than this are not kept.
const MAX_ANSWERS: usize = 50;
/// A longer id is none: RFC 5322 §2.1.1 allows no longer line.
pub const MAX_ID: usize = 998;

/// The mail's own id: that of the first Message-ID, without angle brackets.
pub(super) fn message_id(fields: &Fields<'_>) -> Option<String> {
    ids(fields.first("message-id")?).into_iter().next()
}

/// Ids of the mails that it answers: In-Reply-To, then References from the newest back; no id
/// twice, and not its own.
pub(super) fn answers(fields: &Fields<'_>, own: Option<&str>) -> Vec<String> {
    let replied = fields.all("in-reply-to").flat_map(ids);
    let referred: Vec<String> = fields.all("references").flat_map(ids).collect();
    let mut answers: Vec<String> = Vec::new();
    for id in replied.take(MAX_ANSWERS).chain(referred.into_iter().rev()) {
        if answers.len() == MAX_ANSWERS {
            break;
        }
        if own != Some(&id) && !answers.contains(&id) {
            answers.push(id);
        }
    }
    answers
}

/// The ids in a field's value, in order.
pub(super) fn ids(value: &[u8]) -> Vec<String> {
    let text = lossy(value);
    let bracketed: Vec<String> = text
        .split('<')
        .skip(1)
        .filter_map(|piece| piece.split_once('>'))
        .filter_map(|(id, _)| plain(id))
        .collect();
    if !bracketed.is_empty() {
        return bracketed;
    }
    // Without brackets, words that look like ids are: "In-Reply-To: Your mail of Monday" has none.
    let words = text.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
    words
        .map(|word| word.trim_matches(['<', '>']))
        .filter(|w| w.contains('@'))
        .filter_map(plain)
        .collect()
}

/// An id without blanks and control characters, which folding and careless programs leave in it.
fn plain(id: &str) -> Option<String> {
    let id: String = if id.bytes().all(|byte| byte.is_ascii_graphic()) {
        id.to_owned()
    } else {
        id.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect()
    };
    (!id.is_empty() && id.len() <= MAX_ID).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_however_they_are_written() {
        let cases: [(&str, &str, &[&str]); 8] = [
            ("one", "<a@b.example>", &["a@b.example"]),
            ("several, folded", "<a@b>\r\n\t<c@d>  <e@f>", &["a@b", "c@d", "e@f"]),
            ("folded inside", "<a@very-\r\n long.example>", &["a@very-long.example"]),
            ("with blanks", "< a b@c >", &["ab@c"]),
            ("with words around", "Ann's message of \"Monday\" <a@b> (sic)", &["a@b"]),
            ("without brackets", "a@b, c@d", &["a@b", "c@d"]),
            ("no id at all", "Your mail of Monday", &[]),
            ("cut off", "<a@b> <c@d", &["a@b"]),
        ];
        for (name, value, expected) in cases {
            assert_eq!(ids(value.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn of_five_hundred_references_the_last_count() {
        let references: Vec<String> = (0..500).map(|n| format!("<{n}@x>\r\n ")).collect();
        let references = references.concat();
        let raw = format!("In-Reply-To: <499@x>\r\nReferences: {references}\r\n\r\n");
        let answers = answers(&Fields::read(raw.as_bytes()), Some("497@x"));
        assert_eq!(answers.len(), MAX_ANSWERS);
        assert_eq!(answers[..4], ["499@x", "498@x", "496@x", "495@x"]);
    }
}
