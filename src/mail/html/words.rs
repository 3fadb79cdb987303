//! White space in the text of a page, of which any amount is one blank.
//!
//! It knows bytes; it knows nothing of tags.

/// Whether a byte is white space to HTML.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

/// Where words end that have one blank between two of them, so that they can be taken at once.
pub(super) fn end(bytes: &[u8]) -> usize {
    let mut before = 0;
    let end = bytes.iter().position(|&byte| {
        // No white space is above the blank, and most bytes are.
        let is_end = byte <= b' ' && is_space(byte) && (byte != b' ' || before == b' ');
        before = byte;
        is_end
    });
    let end = end.unwrap_or(bytes.len());
    // A blank before other white space is none between words.
    end - usize::from(end > 0 && bytes.get(end - 1) == Some(&b' '))
}

#[cfg(test)]
mod tests {
    use super::end;

    #[test]
    fn words_end_where_anything_but_one_blank_is() {
        for (text, expected) in
            [("a b c", 5), ("a b  c", 3), ("a b \nc", 3), ("a\nb", 1), ("a ", 1), ("", 0)]
        {
            assert_eq!(end(text.as_bytes()), expected, "{text:?}");
        }
    }
}
