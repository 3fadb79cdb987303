//! What a word is: how a text falls into words, and which spellings are one word.
//!
//! Terms and mails are read by the same rules, so that a term finds itself. A text falls into
//! *chunks* at ASCII punctuation and white space. A chunk of ASCII letters and digits is one word;
//! any other chunk is brought into normal form (Unicode NFKC, invisible characters dropped) and
//! split by the word rules of UAX #29, with Han, Kana and Thai one word a character. An apostrophe
//! inside a word belongs to it; a hyphen, a full stop or an underscore parts words.
//!
//! It knows characters; it knows nothing of languages, lines or places.

use std::borrow::Cow;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

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
    for chunk in chunks(text) {
        words_of(text, &chunk, &mut each);
    }
}

/// Hands out the words of one chunk of `text`, in order.
pub(crate) fn words_of<'a>(text: &'a str, chunk: &Chunk, mut each: impl FnMut(Word<'a>)) {
    let Some(raw) = text.get(chunk.range.clone()) else { return };
    if chunk.ascii {
        // Most words are in lower case already.
        let is_folded = !raw.bytes().any(|byte| byte.is_ascii_uppercase());
        let folded = if is_folded { raw.into() } else { raw.to_ascii_lowercase().into() };
        each(Word { range: chunk.range.clone(), exact: raw.into(), folded });
        return;
    }
    let normal = Normal::of(raw);
    let mut from = 0;
    for piece in normal.text.split_inclusive(parts_words) {
        for (at, word) in piece.unicode_word_indices() {
            let mut at = from + at;
            for word in one_by_one(word) {
                let range = normal.original(at..at + word.len(), chunk.range.start);
                let (exact, folded) = (word.to_owned().into(), fold(word).into());
                each(Word { range, exact, folded });
                at += word.len();
            }
        }
        from += piece.len();
    }
}

// ------------------------------------------------------------------------------------ chunks --

/// A stretch of text between ASCII separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// Its bytes in the text; never empty.
    pub(crate) range: Range<usize>,
    /// Whether it is one word of ASCII letters, digits and inner apostrophes.
    pub(crate) ascii: bool,
}

/// What a byte means for chunks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Separator,
    Letter,
    Apostrophe,
    Beyond,
}

const CLASSES: [Class; 256] = {
    let mut classes = [Class::Separator; 256];
    let mut byte = 0_u8;
    loop {
        #[allow(clippy::indexing_slicing, reason = "256 classes, and a byte is below 256")]
        let class = &mut classes[byte as usize];
        *class = match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => Class::Letter,
            b'\'' => Class::Apostrophe,
            0x80.. => Class::Beyond,
            _ => Class::Separator,
        };
        if byte == u8::MAX {
            break classes;
        }
        byte += 1;
    }
};

fn class(bytes: &[u8], at: usize) -> Class {
    let byte = bytes.get(at).copied().unwrap_or(b' ');
    CLASSES.get(usize::from(byte)).copied().unwrap_or(Class::Separator)
}

/// The chunks of a text, in order.
pub(crate) fn chunks(text: &str) -> Chunks<'_> {
    Chunks { bytes: text.as_bytes(), at: 0 }
}

/// Iterates over the chunks of a text.
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    #[inline]
    fn next(&mut self) -> Option<Chunk> {
        let start = self.seek(self.at, |eight| eight.alphanumeric | eight.beyond);
        let mut end = self.seek(start, |eight| !eight.alphanumeric & HIGH);
        let mut ascii = true;
        if !matches!(class(self.bytes, end), Class::Separator) {
            (end, ascii) = self.rest(end);
        }
        self.at = end;
        (end > start).then_some(Chunk { range: start..end, ascii })
    }
}

impl Chunks<'_> {
    /// The first byte from `at` on that `wanted` marks, or the end of the text.
    #[inline]
    fn seek(&self, mut at: usize, wanted: impl Fn(Eight) -> u64) -> usize {
        while let Some(ahead) = self.bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let marked = wanted(Eight::of(*ahead));
            if marked != 0 {
                return at + first(marked);
            }
            at += 8;
        }
        let last = self.bytes.get(at..).unwrap_or_default();
        let mut ahead = [0; 8];
        ahead.iter_mut().zip(last).for_each(|(to, byte)| *to = *byte);
        let marked = wanted(Eight::of(ahead));
        at + if marked == 0 { last.len() } else { first(marked).min(last.len()) }
    }

    /// Where a chunk ends that has gone on to `end`, where a byte is that may belong to it, and
    /// whether it is ASCII from there on.
    #[cold]
    fn rest(&self, mut end: usize) -> (usize, bool) {
        let mut ascii = true;
        loop {
            match class(self.bytes, end) {
                Class::Letter => end += 1,
                Class::Beyond => {
                    ascii = false;
                    end += 1;
                }
                // Inside a word, as in "can't"; an apostrophe before white space is a quote.
                Class::Apostrophe
                    if matches!(class(self.bytes, end + 1), Class::Letter | Class::Beyond) =>
                {
                    end += 1;
                }
                Class::Apostrophe | Class::Separator => return (end, ascii),
            }
        }
    }
}

/// The high bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;
/// The low bit of each byte.
const LOW: u64 = 0x0101_0101_0101_0101;

/// What eight bytes are, each by its high bit. Looking at them at once spares a guess a byte
/// where the word ends.
#[derive(Clone, Copy)]
struct Eight {
    alphanumeric: u64,
    beyond: u64,
}

impl Eight {
    #[inline]
    fn of(bytes: [u8; 8]) -> Self {
        let bytes = u64::from_le_bytes(bytes);
        let beyond = bytes & HIGH;
        // Below 0x80 and a number below 0x80 carry nothing into the next byte.
        let low = bytes & !HIGH;
        let from = |first: u8, bytes: u64| bytes + LOW * u64::from(0x80 - first);
        // The letters' case is one bit; what it makes of other bytes is no letter's either.
        let lower = low | (LOW * 0x20);
        let letters = from(b'a', lower) & !from(b'z' + 1, lower);
        let digits = from(b'0', low) & !from(b'9' + 1, low);
        Self { alphanumeric: (letters | digits) & HIGH & !beyond, beyond }
    }
}

/// Which byte is the first that has its high bit set.
#[inline]
fn first(marked: u64) -> usize {
    marked.trailing_zeros() as usize / 8
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

/// Whether a character can compose with the one before it: a mark, a Hangul vowel or final, a
/// half-width (semi-)voiced sound mark.
fn joins(c: char) -> bool {
    is_combining_mark(c) || matches!(c, '\u{1160}'..='\u{11FF}' | '\u{FF9E}' | '\u{FF9F}')
}

/// Soft hyphens, zero-width spaces and joiners, directions, variation selectors: a reader doesn't
/// see them, and a word with them is the word without.
fn invisible(c: char) -> bool {
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

/// The spellings under which a folded word is known: as it is, without diacritics, and with
/// umlauts written out (ä as ae).
pub(crate) fn spellings(folded: &str) -> Vec<Cow<'_, str>> {
    let mut spellings = vec![Cow::Borrowed(folded)];
    if folded.is_ascii() {
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
    fn eight_bytes_at_once_are_what_each_is() {
        for byte in 0..=u8::MAX {
            for place in 0..8 {
                let mut bytes = [b'a', b' ', 0xFF, b'9', 0, b'\'', b'Z', 0x80];
                bytes[place] = byte;
                let eight = Eight::of(bytes);
                let is = |marks: u64| marks.to_le_bytes()[place] == 0x80;
                assert_eq!(is(eight.alphanumeric), byte.is_ascii_alphanumeric(), "{byte}");
                assert_eq!(is(eight.beyond), !byte.is_ascii(), "{byte}");
            }
        }
    }

    #[test]
    fn chunks_end_where_they_should_at_any_place() {
        for before in 0..20 {
            for text in ["a", "it's", "abcdefgh", "abcdefghi", "stra\u{df}e", "a1b2c3d4e5f6g7h8i9"]
            {
                for after in ["", " ", "'", "' ", ".", "  x"] {
                    let whole = format!("{}{text}{after}", " ".repeat(before));
                    assert_eq!(texts(&whole).first(), Some(&text), "{whole:?}");
                }
            }
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
    fn spellings_are_tried() {
        assert_eq!(spellings("störung"), ["störung", "storung", "stoerung"]);
        assert_eq!(spellings("smørrebrød"), ["smørrebrød", "smorrebrod", "smoerrebroed"]);
        assert_eq!(spellings("plain"), ["plain"]);
    }
}
