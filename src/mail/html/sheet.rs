//! What the style sheets of a page hide.
//!
//! Of a style sheet it knows the rules for a class or an id; what depends on what an element
//! stands in is left out.

use std::collections::BTreeMap;

use super::style::{Look, Veil};
use super::tags::Tag;

/// More of a style sheet than this is not read.
const LARGEST: usize = 64 * 1024;

/// No element has a longer name, so a page that makes one up is not compared to the end.
const LONGEST_ELEMENT: usize = 32;

/// Whether a style sheet without its own queries is for a reader's screen, by the attribute
/// `media`.
pub(super) fn is_for_screens(media: &str) -> bool {
    let screens = ["", "all", "screen"];
    media.split(',').any(|one| screens.iter().any(|it| one.trim().eq_ignore_ascii_case(it)))
}

/// What is said of a class or an id, by the name of the element that the rule is for, which is
/// empty where it is for all.
type Rules = BTreeMap<String, BTreeMap<Vec<u8>, Veil>>;

/// What the style sheets of a page hide.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    classes: Rules,
    ids: Rules,
    /// How many rules were read.
    read: u32,
    /// Whether anything gets a background, of whatever colour.
    pub(super) paints: bool,
}

impl Sheet {
    fn is_empty(&self) -> bool {
        self.classes.is_empty() && self.ids.is_empty()
    }

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
            self.read = self.read.saturating_add(1);
            let veil = Look::of_rule(&style.to_ascii_lowercase(), self.read);
            // Most sheets hide nothing, so what shows is of interest only behind what hides.
            if veil.hides() || (!self.is_empty() && veil.speaks()) {
                for selector in selectors.split(',') {
                    self.insert(selector.trim(), veil);
                }
            }
        }
    }

    fn insert(&mut self, selector: &str, veil: Veil) {
        let (rules, rank, parts) = match selector.split_once('#') {
            Some(parts) => (&mut self.ids, 2, Some(parts)),
            None => (&mut self.classes, 0, selector.split_once('.')),
        };
        let Some((element, name)) = parts else { return };
        let is_simple = !selector.contains([' ', '>', '+', '~', ':', '['])
            && !element.contains('.')
            && !name.contains(['.', '#']);
        if is_simple && element.len() <= LONGEST_ELEMENT {
            let element = element.trim_start_matches('*').to_ascii_lowercase().into_bytes();
            let veil = veil.ranked(rank + u8::from(!element.is_empty()));
            let rules = rules.entry(name.to_owned()).or_default();
            rules.entry(element).or_default().add(veil);
        }
    }

    /// Adds what is said of an element.
    pub(super) fn add_to(&self, veil: &mut Veil, tag: &Tag) {
        if self.is_empty() || (tag.class.is_empty() && tag.id.is_empty()) {
            return;
        }
        let mut add = |rules: Option<&BTreeMap<Vec<u8>, Veil>>| {
            let Some(rules) = rules else { return };
            let element = Some(&tag.name).filter(|name| name.len() <= LONGEST_ELEMENT);
            let of_element = element.and_then(|name| rules.get(name));
            for rule in rules.get(&[][..]).into_iter().chain(of_element) {
                veil.add(*rule);
            }
        };
        for class in tag.class.split_whitespace() {
            add(self.classes.get(class));
        }
        add(self.ids.get(&tag.id));
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
