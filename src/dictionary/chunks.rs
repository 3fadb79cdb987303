//! Where a text falls into chunks: stretches of letters and digits between ASCII separators.
//!
//! A chunk has ASCII letters and digits, any character beyond ASCII, and apostrophes between two of
//! these. Which words it has is for [`super::words`].
//!
//! Sixty-four bytes are looked at together. What comes of each is one bit, so where chunks begin
//! and end is found without a guess a byte. It knows bytes; it knows nothing of characters.

use std::ops::Range;

/// The chunks of a text by their bytes in it, in order; none is empty.
pub(crate) fn chunks(text: &str) -> Chunks<'_> {
    Chunks { bytes: text.as_bytes(), block: 0, next: 0, edges: 0, inside: 0, begun: None }
}

/// Room for the edges of some chunks.
pub(crate) struct Edges([u32; Self::ENOUGH + BLOCK + 8]);

impl Edges {
    /// With more than so many edges, no other block is read.
    const ENOUGH: usize = 192;
    /// They are those of at most so many chunks.
    pub(crate) const MOST_CHUNKS: usize = usize::midpoint(Self::ENOUGH, BLOCK);

    /// Where chunks begin and end, the first `count` numbers.
    pub(crate) fn pairs(&self, count: usize) -> &[[u32; 2]] {
        self.0.get(..count).unwrap_or_default().as_chunks().0
    }
}

impl Default for Edges {
    fn default() -> Self {
        Self([0; Self::ENOUGH + BLOCK + 8])
    }
}

/// Iterates over the chunks of a text.
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    /// Where the block begins that is being read, and the next one.
    block: usize,
    next: usize,
    /// The bytes of the block at which chunks begin and before which they end, in turns, as far as
    /// they were not handed out.
    edges: u64,
    /// 1 if the last byte of the block belongs to a chunk, else 0.
    inside: u64,
    /// Where a chunk begins whose end was not handed out with it.
    begun: Option<u32>,
}

impl Iterator for Chunks<'_> {
    type Item = Range<usize>;

    #[inline]
    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.edge()?;
        let end = self.edge().unwrap_or(self.bytes.len());
        Some(start..end)
    }
}

impl Chunks<'_> {
    /// Where the next chunk begins, or ends if one was begun; `None` at the end of the text.
    #[inline]
    fn edge(&mut self) -> Option<usize> {
        while self.edges == 0 {
            if self.next >= self.bytes.len() {
                return None;
            }
            self.read_block();
        }
        let edge = self.block + self.edges.trailing_zeros() as usize;
        self.edges &= self.edges - 1;
        Some(edge)
    }

    /// Writes where the next chunks begin and end, in turns, to `edges`; says how many numbers these
    /// are, which is 0 at the end of the text.
    ///
    /// All edges of a block are handed out together, so that there is one guess a block and not one
    /// a chunk.
    pub(crate) fn take_edges(&mut self, edges: &mut Edges) -> usize {
        let mut count = usize::from(self.begun.is_some());
        if let (Some(start), Some(place)) = (self.begun.take(), edges.0.first_mut()) {
            *place = start;
        }
        while count <= Edges::ENOUGH {
            if self.edges == 0 {
                if self.next >= self.bytes.len() {
                    if count % 2 == 1
                        && let Some(place) = edges.0.get_mut(count)
                    {
                        *place = number(self.bytes.len());
                        count += 1;
                    }
                    return count;
                }
                self.read_block();
            }
            let (block, mut left) = (number(self.block), self.edges);
            let further = left.count_ones() as usize;
            for eight in edges.0.get_mut(count..).unwrap_or_default().as_chunks_mut::<8>().0 {
                // Behind the last one stand numbers that nobody reads.
                for edge in eight {
                    *edge = block + left.trailing_zeros();
                    left &= left.wrapping_sub(1);
                }
                if left == 0 {
                    break;
                }
            }
            self.edges = 0;
            count += further;
        }
        // A chunk that is not at its end here is handed out with the next ones.
        if count % 2 == 1 {
            count -= 1;
            self.begun = edges.0.get(count).copied();
        }
        count
    }

    #[inline]
    fn read_block(&mut self) {
        self.block = self.next;
        self.next += BLOCK;
        let rest = self.bytes.get(self.block..).unwrap_or_default();
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
            let before = word << 1 | is_word(self.block.checked_sub(1));
            let after = word >> 1 | is_word(Some(self.next)) << 63;
            chunk |= apostrophe & before & after;
        }
        self.edges = chunk ^ (chunk << 1 | self.inside);
        self.inside = chunk >> 63;
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
        chunks(text).filter_map(|range| text.get(range)).collect()
    }

    /// The same with many at once.
    fn found_in_blocks(text: &str) -> Vec<&str> {
        let (mut chunks, mut edges, mut found) = (chunks(text), Edges::default(), Vec::new());
        loop {
            match chunks.take_edges(&mut edges) {
                0 => break found,
                count => {
                    let pairs = edges.pairs(count);
                    assert!(pairs.len() <= Edges::MOST_CHUNKS, "{}", pairs.len());
                    let range = |[start, end]: &[u32; 2]| *start as usize..*end as usize;
                    found.extend(pairs.iter().filter_map(|pair| text.get(range(pair))));
                }
            }
        }
    }

    #[test]
    fn chunks_are_the_same_one_by_one_and_many_at_once() {
        let long = "x".repeat(1_000);
        for text in ["a b", "a ", " a", "it's", &"a ".repeat(500), &"ab, ".repeat(999), &long] {
            for before in 0..70 {
                for after in ["", " ", "b", &long] {
                    let text = format!("{}{text}{after}", " ".repeat(before));
                    assert_eq!(found_in_blocks(&text), found(&text), "{text:?}");
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
        assert_eq!(found_in_blocks(""), [""; 0]);
        assert_eq!(found("''' - '"), [""; 0]);
        assert_eq!(found(&"a ".repeat(100)), ["a"; 100]);
    }
}
