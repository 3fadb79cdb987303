//! What styles hide from a reader.
//!
//! It reads declarations as they stand on an element, and of a style sheet the rules that hide a
//! class or an id. What depends on the medium or on what an element stands in is left out: text
//! that is shown though it shouldn't be does less harm than a question that is not.

use std::collections::BTreeSet;

use super::tags::Tag;

/// The declarations of a style in lower case, in order.
fn declarations(style: &str) -> impl Iterator<Item = (&str, &str)> {
    style.split(';').filter_map(|rule| {
        let (property, value) = rule.split_once(':')?;
        // A comment may stand before the property.
        let property = property.rsplit("*/").next().unwrap_or(property);
        Some((property.trim(), value.trim().trim_end_matches("!important").trim_end()))
    })
}

/// What a style does to what is seen.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Look<'a> {
    /// It hides.
    pub(super) hides: bool,
    /// The colour of the text.
    color: Option<&'a str>,
    /// The background.
    ground: Option<&'a str>,
}

impl<'a> Look<'a> {
    /// What a tag's own style and attributes do; the style is in lower case.
    pub(super) fn of(tag: &'a Tag) -> Self {
        let given = |value: &'a String| Some(value.as_str()).filter(|value| !value.is_empty());
        let mut look = Self { color: given(&tag.color), ground: given(&tag.ground), hides: false };
        look.read(&tag.style);
        look
    }

    /// Adds a style. Of two values the last one counts.
    fn read(&mut self, style: &'a str) {
        let (mut display, mut visibility, mut gone) = (false, false, false);
        let (mut flat, mut clipped) = (false, false);
        for (property, value) in declarations(style) {
            match property {
                "display" => display = value == "none",
                "visibility" => visibility = matches!(value, "hidden" | "collapse"),
                "mso-hide" => gone |= value == "all",
                "opacity" | "max-height" | "max-width" => gone |= size(value) == Some(0.0),
                // One point is a dot.
                "font-size" => {
                    let small = |size| size == 0.0 || (size <= 1.0 && value.ends_with(['x', 't']));
                    gone |= size(value).is_some_and(small);
                }
                "height" | "width" => flat |= size(value) == Some(0.0),
                "overflow" => clipped |= value == "hidden",
                // Out of the page.
                "left" | "top" | "text-indent" | "margin-left" => {
                    gone |= size(value).is_some_and(|size| size <= -500.0);
                }
                "color" => self.color = Some(value),
                "background" | "background-color" => self.ground = Some(value),
                _ => {}
            }
        }
        self.hides |= display || visibility || gone || (flat && clipped) || self.is_invisible();
    }

    /// Whether the text has the colour of its own background, or none.
    fn is_invisible(&self) -> bool {
        match (self.color, self.ground) {
            (Some("transparent"), _) => true,
            (Some(text), Some(ground)) => text == ground || (is_white(text) && is_white(ground)),
            _ => false,
        }
    }

    /// Whether the text is white.
    pub(super) fn writes_white(&self) -> bool {
        self.color.is_some_and(is_white)
    }

    /// Whether the background is another than white.
    pub(super) fn paints(&self) -> bool {
        self.ground.is_some_and(|ground| !is_white(ground))
    }

    /// Whether the text can be seen inside white text.
    pub(super) fn shows(&self) -> bool {
        self.paints() || self.color.is_some_and(|color| !is_white(color))
    }
}

/// Whether a colour is white.
fn is_white(color: &str) -> bool {
    ["white", "#fff", "#ffffff", "ffffff", "rgb(255,255,255)", "rgb(255, 255, 255)"]
        .iter()
        .any(|white| color.eq_ignore_ascii_case(white))
}

/// A number with or without its unit.
fn size(value: &str) -> Option<f32> {
    value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').trim_end().parse().ok()
}

/// More of a style sheet than this is not read.
const LARGEST: usize = 64 * 1024;

/// What the style sheets of a page hide: classes with a `.` in front, ids with a `#`, and with
/// the name of an element before it where the rule is for that alone.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    hidden: BTreeSet<String>,
    /// Whether anything gets a background, of whatever colour.
    pub(super) paints: bool,
}

impl Sheet {
    /// Reads a style sheet, or a piece of one.
    pub(super) fn read(&mut self, sheet: &str) {
        self.paints |= sheet.contains("background");
        let mut rest = sheet.get(..sheet.floor_char_boundary(LARGEST)).unwrap_or(sheet);
        while let Some((selectors, after)) = rest.split_once('{') {
            // What stands before it may end a comment, another rule or a medium.
            let selectors = selectors.rsplit(['}', '/', ';']).next().unwrap_or_default().trim();
            if selectors.starts_with('@') {
                rest = behind_block(after);
                continue;
            }
            let (style, after) = after.split_once('}').unwrap_or((after, ""));
            rest = after;
            let mut look = Look::default();
            let style = style.to_ascii_lowercase();
            look.read(&style);
            if look.hides {
                let simple = |selector: &&str| {
                    selector.contains(['.', '#'])
                        && !selector.contains([' ', '>', '+', '~', ':', '['])
                };
                let selectors = selectors.split(',').map(str::trim).filter(simple);
                self.hidden.extend(selectors.map(str::to_owned));
            }
        }
    }

    /// Whether an element is hidden.
    pub(super) fn hides(&self, tag: &Tag) -> bool {
        if self.hidden.is_empty() || (tag.class.is_empty() && tag.id.is_empty()) {
            return false;
        }
        let element = String::from_utf8_lossy(&tag.name);
        let is_hidden = |selector: &str| {
            self.hidden.contains(selector) || self.hidden.contains(&format!("{element}{selector}"))
        };
        tag.class.split_whitespace().any(|class| is_hidden(&format!(".{class}")))
            || is_hidden(&format!("#{}", tag.id))
    }
}

/// What follows a block that was opened.
fn behind_block(sheet: &str) -> &str {
    let mut open = 1;
    for (at, c) in sheet.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return sheet.get(at + 1..).unwrap_or_default();
        }
    }
    ""
}
