//! What a word is: how a text falls into words, and which spellings are one word.
//!
//! Terms and mails are read by the same rules, so that a term finds itself. A text falls into
//! *chunks* at ASCII punctuation and white space ([`super::chunks`]). A chunk of ASCII is one word;
//! any other chunk is brought into normal form (Unicode NFKC, invisible characters dropped) and
//! split by the word rules of UAX #29, with Han, Kana and Thai one word a character. An apostrophe
//! inside a word belongs to it; a hyphen, a full stop or an underscore parts words.
//!
//! It knows characters; it knows nothing of languages, lines or places.

use std::borrow::Cow;
use std::iter::repeat_n;
use std::ops::{Range, RangeInclusive};

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::chunks::each_chunk;

/// A word of a text, in normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// Its bytes in the text.
    pub(crate) range: Range<usize>,
    /// As written, in normal form.
    pub(crate) exact: Cow<'a, str>,
    /// The same without upper case; ß is ss.
    pub(crate) folded: Cow<'a, str>,
}

/// The words of a text, in order.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    each_word(text, |word| found.push(word));
    found
}

/// Hands out the words of a text, in order.
pub(crate) fn each_word<'a>(text: &'a str, mut each: impl FnMut(Word<'a>)) {
    each_chunk(text, |chunk| words_of(text, chunk, &mut each));
}

/// Hands out the words of one chunk of `text`, in order.
pub(crate) fn words_of<'a>(text: &'a str, chunk: Range<usize>, mut each: impl FnMut(Word<'a>)) {
    let Some(raw) = text.get(chunk.clone()) else { return };
    if raw.is_ascii() {
        // Most words are in lower case already.
        let is_folded = !raw.bytes().any(|byte| byte.is_ascii_uppercase());
        let folded = if is_folded { raw.into() } else { raw.to_ascii_lowercase().into() };
        each(Word { range: chunk, exact: raw.into(), folded });
        return;
    }
    let normal = Normal::of(raw);
    let mut from = 0;
    for piece in normal.text.split_inclusive(parts_words) {
        for (at, word) in piece.unicode_word_indices() {
            let mut at = from + at;
            for word in one_by_one(word) {
                let range = normal.original(at..at + word.len(), chunk.start);
                let (exact, folded) = (word.to_owned().into(), fold(word).into());
                each(Word { range, exact, folded });
                at += word.len();
            }
        }
        from += piece.len();
    }
}

// ------------------------------------------------------------------------------- normal form --

/// A chunk in normal form, with the way back.
struct Normal {
    text: String,
    /// For each byte of `text`, the bytes of the chunk that it came from.
    from: Vec<Range<usize>>,
}

impl Normal {
    fn of(raw: &str) -> Self {
        if raw.chars().all(is_normal) {
            let bytes = |(at, c): (usize, char)| repeat_n(at..at + c.len_utf8(), c.len_utf8());
            let from = raw.char_indices().flat_map(bytes).collect();
            return Self { text: raw.to_owned(), from };
        }
        let mut normal = Self { text: String::with_capacity(raw.len()), from: Vec::new() };
        let mut start = 0;
        let mut cluster = String::new();
        for (at, c) in raw.char_indices() {
            if !(cluster.is_empty() || joins(c) || invisible(c)) {
                normal.push(&cluster, start..at);
                cluster.clear();
                start = at;
            }
            if !invisible(c) {
                cluster.push(straight(c));
            }
        }
        normal.push(&cluster, start..raw.len());
        normal
    }

    /// A character with all that composes with it is normalised at once: NFKC never composes
    /// beyond that, so the parts in sequence are the normal form of the whole.
    fn push(&mut self, cluster: &str, range: Range<usize>) {
        let before = self.text.len();
        self.text.extend(cluster.nfkc());
        self.from.resize(self.from.len() + self.text.len() - before, range);
    }

    /// The bytes of the whole text that `range` came from, for a chunk that begins at `chunk`.
    fn original(&self, range: Range<usize>, chunk: usize) -> Range<usize> {
        let start = self.from.get(range.start).map_or(0, |from| from.start);
        let end = self.from.get(range.end.saturating_sub(1)).map_or(start, |from| from.end);
        chunk + start..chunk + end
    }
}

/// Characters that are their own normal form, whichever of them stand beside each other: ASCII,
/// Latin-1, Cyrillic, Kana, Han and Hangul letters, which nearly all chunks are made of.
fn is_normal(c: char) -> bool {
    matches!(c,
        '\0'..='\u{7F}' | 'À'..='ÿ' | 'А'..='я' | 'ぁ'..='ゖ' | 'ァ'..='ヺ' | '\u{4E00}'..='\u{9FFF}'
        | '가'..='힣')
}

/// Whether a character can compose with the one before it: a mark, a Hangul vowel or final, a
/// half-width (semi-)voiced sound mark.
fn joins(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}')
}

/// Soft hyphens, zero-width spaces and joiners, directions, variation selectors: a reader doesn't
/// see them, and a word with them is the word without.
pub(crate) fn invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2069}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}')
}

/// Typographic apostrophes as the one on the keyboard.
fn straight(c: char) -> char {
    match c {
        '\u{2018}' | '\u{2019}' | '\u{201B}' | '\u{2BC}' | '\u{FF07}' | '\u{B4}' => '\'',
        _ => c,
    }
}

/// ASCII that parts words where UAX #29 would join them, as ASCII chunks are parted.
fn parts_words(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && c != '\''
}

/// Katakana one by one, as UAX #29 has Han, Hiragana and Thai anyway.
fn one_by_one(word: &str) -> impl Iterator<Item = &str> {
    let katakana = word.chars().any(|c| matches!(c, '\u{30A0}'..='\u{30FF}'));
    word.split_inclusive(move |_: char| katakana)
}

/// Without upper case, after Unicode's full case folding as far as words need it.
fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            'ß' | 'ẞ' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            // Lower-casing would leave a dot above the i, which nobody types.
            'İ' => folded.push('i'),
            _ => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

/// Letters with no diacritic to leave out: Han, Kana, Hangul and what stands between them.
const PLAIN: RangeInclusive<char> = '\u{3000}'..='\u{d7a3}';

/// The spellings under which a folded word is known: as it is, without diacritics, and with
/// umlauts written out (ä as ae).
pub(crate) fn spellings(folded: &str) -> Vec<Cow<'_, str>> {
    let mut spellings = vec![Cow::Borrowed(folded)];
    if folded.is_ascii() || folded.chars().all(|c| PLAIN.contains(&c)) {
        return spellings;
    }
    let bare: String =
        folded.nfd().filter(|c| !is_diacritic(*c)).nfc().map(without_stroke).collect();
    let mut written_out = String::with_capacity(folded.len() + 2);
    for c in folded.chars() {
        match c {
            'ä' | 'æ' => written_out.push_str("ae"),
            'ö' | 'ø' | 'œ' => written_out.push_str("oe"),
            'ü' => written_out.push_str("ue"),
            'å' => written_out.push_str("aa"),
            _ => written_out.push(c),
        }
    }
    for spelling in [bare, written_out] {
        if !spellings.contains(&Cow::Borrowed(spelling.as_str())) {
            spellings.push(spelling.into());
        }
    }
    spellings
}

/// Marks that a hurried writer leaves out: Latin, Greek and Cyrillic diacritics, Arabic vowels.
/// Marks of other scripts are letters of their own.
fn is_diacritic(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{64B}'..='\u{65F}' | '\u{670}')
}

/// Letters with a stroke, which don't decompose.
fn without_stroke(c: char) -> char {
    match c {
        'ø' => 'o',
        'ł' => 'l',
        'đ' => 'd',
        'ı' => 'i',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        words(text).iter().filter_map(|word| text.get(word.range.clone())).collect()
    }

    #[test]
    fn a_text_falls_into_words() {
        for (text, expected) in [
            ("Calls-not_connecting.Now", &["calls", "not", "connecting", "now"][..]),
            ("can't 'quoted' it's'", &["can't", "quoted", "it's"]),
            ("can’t ‘quoted’", &["can't", "quoted"]),
            ("Straße STRASSE", &["strasse", "strasse"]),
            ("ser\u{AD}ver ser\u{200B}ver", &["server", "server"]),
            ("ＤＮＳ ５０３", &["dns", "503"]),
            ("u\u{308}ber", &["über"]),
            ("服务器down", &["服", "务", "器", "down"]),
            ("サーバ", &["サ", "ー", "バ"]),
            ("ｶﾞ", &["ガ"]),
            ("“word”—word…", &["word", "word"]),
            ("", &[]),
            ("-- ' ''", &[]),
            ("İstanbul", &["istanbul"]),
        ] {
            let found: Vec<Cow<'_, str>> =
                words(text).into_iter().map(|word| word.folded).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_word_knows_its_place() {
        assert_eq!(texts("x u\u{308}ber y"), ["x", "u\u{308}ber", "y"]);
        assert_eq!(texts("ser\u{AD}ver!"), ["ser\u{AD}ver"]);
        assert_eq!(texts("“Ｄ”"), ["Ｄ"]);
        assert_eq!(texts("服务"), ["服", "务"]);
    }

    #[test]
    fn what_is_normal_needs_no_look_at_what_stands_beside_it() {
        let normal: String = ('\0'..=char::MAX).filter(|c| is_normal(*c)).collect();
        assert_eq!(normal.nfkc().collect::<String>(), normal);
        for c in normal.chars() {
            assert!(!joins(c) && !invisible(c) && straight(c) == c, "{c:?}");
            assert_eq!(c.to_string().nfkc().collect::<String>(), c.to_string(), "{c:?}");
        }
        assert!(normal.chars().count() > 30_000);
    }

    #[test]
    fn spellings_are_tried() {
        assert_eq!(spellings("störung"), ["störung", "storung", "stoerung"]);
        assert_eq!(spellings("smørrebrød"), ["smørrebrød", "smorrebrod", "smoerrebroed"]);
        assert_eq!(spellings("ế"), ["ế", "e"]);
        assert_eq!(spellings("plain"), ["plain"]);
    }

    #[test]
    fn letters_of_the_far_east_have_one_spelling() {
        for c in PLAIN.filter(|c| c.is_alphanumeric()) {
            let folded = fold(&c.nfkc().collect::<String>());
            if folded.chars().all(|c| PLAIN.contains(&c)) {
                let bare: String = folded.nfd().filter(|c| !is_diacritic(*c)).nfc().collect();
                assert_eq!(bare, folded, "{c}");
            }
        }
    }
}
