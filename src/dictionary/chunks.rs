//! Where a text falls into chunks: stretches of letters and digits between ASCII separators.
//!
//! A chunk has ASCII letters and digits, any character beyond ASCII, and apostrophes between two of
//! these. Which words it has is for [`super::words`].
//!
//! Sixty-four bytes are looked at together. What comes of each is one bit, so where chunks begin
//! and end is found without a guess a byte. It knows bytes; it knows nothing of characters.

use std::ops::Range;

/// Hands out the chunks of a text by their bytes in it, in order; none is empty.
pub(crate) fn each_chunk(text: &str, mut each: impl FnMut(Range<usize>)) {
    let mut chunks = Chunks::of(text);
    let mut begun = None;
    while chunks.next < text.len() {
        let block = chunks.next;
        let mut left = chunks.read_block();
        while left != 0 {
            let edge = block + left.trailing_zeros() as usize;
            left &= left - 1;
            match begun.take() {
                Some(start) => each(start..edge),
                None => begun = Some(edge),
            }
        }
    }
    if let Some(start) = begun {
        each(start..text.len());
    }
}

/// Room for the edges of some chunks: the bytes at which they begin and before which they end, in
/// turns.
pub(crate) struct Edges([u32; Self::ENOUGH + BLOCK + 8]);

impl Edges {
    /// With more than so many, no other block is read.
    const ENOUGH: usize = 192;
    /// They are those of at most so many chunks.
    pub(crate) const MOST_CHUNKS: usize = usize::midpoint(Self::ENOUGH, BLOCK);
}

impl Default for Edges {
    fn default() -> Self {
        Self([0; Self::ENOUGH + BLOCK + 8])
    }
}

/// The chunks of a text that were not taken yet, to be taken many at a time.
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    /// Where the next block begins.
    next: usize,
    /// 1 if the last byte before it belongs to a chunk, else 0.
    inside: u64,
    /// Where a chunk begins whose end was not found together with it.
    begun: Option<u32>,
}

impl<'a> Chunks<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), next: 0, inside: 0, begun: None }
    }

    /// Where the next chunks begin and end; none is left if there are none.
    ///
    /// All edges of a block are found together, so that there is one guess a block and not one a
    /// chunk.
    pub(crate) fn take<'e>(&mut self, Edges(edges): &'e mut Edges) -> &'e [[u32; 2]] {
        let mut count = 0;
        if let (Some(start), Some(place)) = (self.begun.take(), edges.first_mut()) {
            *place = start;
            count = 1;
        }
        while count <= Edges::ENOUGH && self.next < self.bytes.len() {
            let block = number(self.next);
            let mut left = self.read_block();
            let further = left.count_ones() as usize;
            for eight in edges.get_mut(count..).unwrap_or_default().as_chunks_mut::<8>().0 {
                // Behind the last one stand numbers that nobody reads.
                for edge in eight {
                    *edge = block + left.trailing_zeros();
                    left &= left.wrapping_sub(1);
                }
                if left == 0 {
                    break;
                }
            }
            count += further;
        }
        if let Some(edge) = edges.get_mut(count)
            && self.next >= self.bytes.len()
        {
            // Whatever is begun ends with the text.
            *edge = number(self.bytes.len());
            count += count % 2;
        } else if count % 2 == 1 {
            // It is handed out with what follows.
            self.begun = edges.get(count - 1).copied();
        }
        edges.get(..count).unwrap_or_default().as_chunks().0
    }

    /// The bytes of the next block at which chunks begin and before which they end, a bit for each.
    #[inline]
    fn read_block(&mut self) -> u64 {
        let begin = self.next;
        self.next += BLOCK;
        let rest = self.bytes.get(begin..).unwrap_or_default();
        let Marks { word, apostrophe } = if let Some(block) = rest.first_chunk() {
            Marks::of(block)
        } else {
            // Behind the end of the text no chunk goes on.
            let mut block = [0; BLOCK];
            block.iter_mut().zip(rest).for_each(|(to, byte)| *to = *byte);
            Marks::of(&block)
        };
        let mut chunk = word;
        if apostrophe != 0 {
            let is_word = |at: Option<usize>| {
                u64::from(at.and_then(|at| self.bytes.get(at)).is_some_and(|byte| is_word(*byte)))
            };
            let before = word << 1 | is_word(begin.checked_sub(1));
            let after = word >> 1 | is_word(Some(self.next)) << 63;
            chunk |= apostrophe & before & after;
        }
        let edges = chunk ^ (chunk << 1 | self.inside);
        self.inside = chunk >> 63;
        edges
    }
}

/// So many bytes are looked at together.
const BLOCK: usize = 64;

/// The high bit of each byte.
const HIGH: u64 = 0x8080_8080_8080_8080;
/// The low bit of each byte.
const LOW: u64 = 0x0101_0101_0101_0101;

/// A place in a text as it is kept; texts are far smaller.
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

/// Whether a byte belongs to a chunk wherever it stands.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii()
}

/// What the bytes of a block are, a bit for each.
struct Marks {
    /// Those that belong to a chunk wherever they stand.
    word: u64,
    apostrophe: u64,
}

impl Marks {
    #[inline]
    fn of(block: &[u8; BLOCK]) -> Self {
        let mut marks = Self { word: 0, apostrophe: 0 };
        let (eights, _) = block.as_chunks::<8>();
        for (bytes, shift) in eights.iter().zip((0..).step_by(8)) {
            let bytes = u64::from_le_bytes(*bytes);
            // Below 0x80 and a number up to 0x80 carry nothing into the next byte.
            let low = bytes & !HIGH;
            let from = |first: u8, bytes: u64| bytes + LOW * u64::from(0x80 - first);
            // The letters' case is one bit; what it makes of other bytes is no letter's either.
            let lower = low | (LOW * 0x20);
            let letters = from(b'a', lower) & !from(b'z' + 1, lower);
            let digits = from(b'0', low) & !from(b'9' + 1, low);
            let apostrophes = from(b'\'', low) & !from(b'\'' + 1, low) & !bytes;
            marks.word |= gathered(letters | digits | bytes) << shift;
            marks.apostrophe |= gathered(apostrophes) << shift;
        }
        marks
    }
}

/// The high bits of eight bytes, side by side.
#[inline]
fn gathered(bytes: u64) -> u64 {
    // Each of the factor's bits brings one of them to its place in the highest byte.
    ((bytes & HIGH) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        each_chunk(text, |chunk| found.extend(text.get(chunk)));
        found
    }

    fn taken(text: &str) -> Vec<&str> {
        let (mut chunks, mut edges, mut taken) = (Chunks::of(text), Edges::default(), Vec::new());
        loop {
            let found = chunks.take(&mut edges);
            if found.is_empty() {
                return taken;
            }
            assert!(found.len() <= Edges::MOST_CHUNKS, "{}", found.len());
            let chunk = |&[start, end]: &[u32; 2]| text.get(start as usize..end as usize);
            taken.extend(found.iter().filter_map(chunk));
        }
    }

    /// The same byte by byte.
    fn found_slowly(text: &str) -> Vec<&str> {
        let bytes = text.as_bytes();
        let is_word =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| is_word(*byte));
        let is_in = |at: usize| {
            let joins = bytes[at] == b'\'' && is_word(at.checked_sub(1)) && is_word(Some(at + 1));
            is_word(Some(at)) || joins
        };
        let places: Vec<usize> = (0..bytes.len()).filter(|at| is_in(*at)).collect();
        let runs = places.chunk_by(|one, next| one + 1 == *next);
        runs.filter_map(|run| text.get(*run.first()?..=*run.last()?)).collect()
    }

    #[test]
    fn chunks_are_the_same_as_byte_by_byte() {
        let long = "x".repeat(1_000);
        for text in ["a b", "a ", " a", "it's", &"a ".repeat(500), &"ab, ".repeat(999), &long] {
            for before in 0..70 {
                for after in ["", " ", "b", &long] {
                    let text = format!("{}{text}{after}", " ".repeat(before));
                    let expected = found_slowly(&text);
                    assert_eq!(found(&text), expected, "{text:?}");
                    assert_eq!(taken(&text), expected, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn bytes_of_a_block_are_what_each_is() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [*b"a \xFF90'Z\x80"; 8].concat();
                block[place] = byte;
                let marks = Marks::of(block.first_chunk().expect("64 bytes"));
                let is = |marks: u64| marks >> place & 1 == 1;
                assert_eq!(is(marks.word), is_word(byte), "{byte} at {place}");
                assert_eq!(is(marks.apostrophe), byte == b'\'', "{byte} at {place}");
            }
        }
    }

    #[test]
    fn chunks_begin_and_end_where_they_should_at_any_place() {
        let long = "long".repeat(40);
        for before in 0..130 {
            for chunk in ["a", "it's", "abcdefgh", "o'o'o", "stra\u{df}e", "ü'ü", &long] {
                for after in ["", " ", "'", "' ", ".", "  x", "''x"] {
                    let whole = format!("{}{chunk}{after}", " ".repeat(before));
                    assert_eq!(found(&whole).first(), Some(&chunk), "{whole:?}");
                    let quoted = format!("{}'{chunk}{after}", " ".repeat(before));
                    assert_eq!(found(&quoted).first(), Some(&chunk), "{quoted:?}");
                }
            }
        }
        assert_eq!(found(""), [""; 0]);
        assert_eq!(taken(""), [""; 0]);
        assert_eq!(found("''' - '"), [""; 0]);
        assert_eq!(found(&"a ".repeat(100)), ["a"; 100]);
    }
}
