//! What a style hides from a reader.
//!
//! It reads declarations, as they stand on an element or in a rule of a style sheet. What depends
//! on the medium is left out: text that is shown though it shouldn't be does less harm than a
//! question that is not.

use super::tags::Tag;

/// The declarations of a style in lower case, in order, and whether each is important.
fn declarations(style: &str) -> impl Iterator<Item = (&str, &str, bool)> {
    style.split(';').filter_map(|rule| {
        let (property, value) = rule.split_once(':')?;
        // A comment may stand before the property.
        let property = property.rsplit("*/").next().unwrap_or(property);
        let value = value.trim();
        let important = value.strip_suffix("important").map(str::trim_end);
        Some(match important.and_then(|value| value.strip_suffix('!')) {
            Some(value) => (property.trim(), value.trim_end(), true),
            None => (property.trim(), value, false),
        })
    })
}

/// How much a declaration counts against another: the larger one holds, and of equals the last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    important: bool,
    /// How closely it names the element.
    rank: u8,
    /// The number of its rule.
    order: u32,
}

/// What stands on the element itself is closer than any rule.
const OWN: Weight = Weight { important: false, rank: u8::MAX, order: 0 };

/// What declarations say of one way to hide.
#[derive(Debug, Default, Clone, Copy)]
struct Said(Option<(Weight, bool)>);

impl Said {
    fn add(&mut self, weight: Weight, hides: bool) {
        if self.0.is_none_or(|(before, _)| before <= weight) {
            self.0 = Some((weight, hides));
        }
    }

    fn hides(self) -> Option<bool> {
        self.0.map(|(_, hides)| hides)
    }
}

/// What styles say of whether an element is seen.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Veil {
    /// It is taken out of the page, with all that it holds.
    removed: Said,
    /// It is out of sight in some other way that nothing in it can undo.
    gone: bool,
    /// It is not visible.
    veiled: Said,
    /// It is written too small to see.
    tiny: Said,
    /// It has the colour of its ground.
    faded: Said,
}

impl Veil {
    fn said(&mut self) -> [&mut Said; 4] {
        [&mut self.removed, &mut self.veiled, &mut self.tiny, &mut self.faded]
    }

    /// Adds what another style says.
    pub(super) fn add(&mut self, mut other: Self) {
        self.gone |= other.gone;
        for (said, other) in self.said().into_iter().zip(other.said()) {
            if let Some((weight, hides)) = other.0 {
                said.add(weight, hides);
            }
        }
    }

    /// As said by a selector that names the element so closely.
    pub(super) fn ranked(mut self, rank: u8) -> Self {
        for (weight, _) in self.said().into_iter().filter_map(|said| said.0.as_mut()) {
            weight.rank = rank;
        }
        self
    }

    /// Whether it says that something is hidden.
    pub(super) fn hides(mut self) -> bool {
        self.gone || self.said().iter().any(|said| said.hides() == Some(true))
    }

    /// Whether it says anything.
    pub(super) fn speaks(mut self) -> bool {
        self.gone || self.said().iter().any(|said| said.0.is_some())
    }

    /// Whether it hides an element with all that it holds, whatever is said in there.
    pub(super) fn removes(&self) -> bool {
        self.gone || self.removed.hides() == Some(true)
    }

    /// How an element is written that stands in text written so.
    pub(super) fn over(&self, ink: Ink) -> Ink {
        Ink {
            veiled: self.veiled.hides().unwrap_or(ink.veiled),
            tiny: self.tiny.hides().unwrap_or(ink.tiny),
            faded: self.faded.hides().unwrap_or(ink.faded),
        }
    }
}

/// How text is written, as far as it hides. An element inherits it from the one around it, and
/// may be written otherwise.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink {
    veiled: bool,
    tiny: bool,
    faded: bool,
}

impl Ink {
    pub(super) fn hides(self) -> bool {
        self.veiled || self.tiny || self.faded
    }
}

/// What a style does to what is seen.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Look<'a> {
    veil: Veil,
    /// The colour of the text.
    color: Option<&'a str>,
    /// The background.
    ground: Option<&'a str>,
    /// Whether the background is an image.
    is_image: bool,
}

impl<'a> Look<'a> {
    /// What a tag's own style and attributes do; the style is in lower case.
    pub(super) fn of(tag: &'a Tag) -> Self {
        let given = |value: &'a String| Some(value.as_str()).filter(|value| !value.is_empty());
        let (color, ground) = (given(&tag.color), given(&tag.ground));
        let mut look = Self { color, ground, ..Self::default() };
        if !tag.style.is_empty() {
            look.read(&tag.style, OWN);
        }
        look
    }

    /// What a rule of a style sheet hides; the style is in lower case.
    pub(super) fn of_rule(style: &'a str, order: u32) -> Veil {
        let mut look = Self::default();
        let weight = Weight { order, ..Weight::default() };
        look.read(style, weight);
        // What is white stands on whatever the page has there.
        look.fade(true, weight)
    }

    /// Adds a style.
    fn read(&mut self, style: &'a str, weight: Weight) {
        let (mut flat, mut clipped) = (false, false);
        let veil = &mut self.veil;
        for (property, value, important) in declarations(style) {
            let weight = Weight { important, ..weight };
            match property {
                "display" => veil.removed.add(weight, value == "none"),
                "visibility" if !is_inherited(value) => {
                    veil.veiled.add(weight, matches!(value, "hidden" | "collapse"));
                }
                "opacity" | "max-height" | "max-width" => veil.gone |= size(value) == Some(0.0),
                "font-size" => {
                    if let Some(tiny) = is_tiny(value) {
                        veil.tiny.add(weight, tiny);
                    }
                }
                "font" => {
                    // Of its words the size is the first number that is no weight.
                    let is_size = |word: &&str| !word.bytes().all(|byte| byte.is_ascii_digit());
                    let mut words = value.split([' ', '/']);
                    let word = words.find(|word| *word == "0" || is_size(word) && has_size(word));
                    if let Some(tiny) = is_tiny(word.unwrap_or(value)) {
                        veil.tiny.add(weight, tiny);
                    }
                }
                "height" | "width" => flat |= size(value) == Some(0.0),
                "overflow" => clipped |= value == "hidden",
                // Out of the page.
                "left" | "top" | "text-indent" | "margin-left" => {
                    veil.gone |= size(value).is_some_and(|size| size <= -500.0);
                }
                "color" => self.color = Some(value).filter(|color| !is_inherited(color)),
                "background" | "background-color" => {
                    let own = |ground: &&str| *ground != "initial" && !is_inherited(ground);
                    self.ground = Some(value).filter(own);
                }
                "background-image" => self.is_image |= value.contains('('),
                _ => {}
            }
        }
        veil.gone |= flat && clipped;
    }

    /// Whether the background is another than white.
    pub(super) fn paints(&self) -> bool {
        self.is_image || self.ground.is_some_and(|ground| !is_white(ground))
    }

    /// Whether the element is seen where something or nothing on the page has a background: it is
    /// white where nothing has given it another.
    pub(super) fn veil(&self, is_painted: bool) -> Veil {
        self.fade(is_painted, OWN)
    }

    fn fade(&self, is_painted: bool, weight: Weight) -> Veil {
        let mut veil = self.veil;
        let is_faded = match (self.color, self.ground) {
            (Some("transparent"), _) => Some(true),
            (Some(text), ground) => {
                let (white, plain) = (is_white(text), ground.filter(|_| !self.is_image));
                let same = |ground| text == ground || (white && is_white(ground));
                if plain.is_some_and(same) || (white && !is_painted) {
                    Some(true)
                } else {
                    // Inside white text, what has another colour or ground is seen again.
                    (!white || self.paints()).then_some(false)
                }
            }
            (None, _) => self.paints().then_some(false),
        };
        if let Some(is_faded) = is_faded {
            veil.faded.add(weight, is_faded);
        }
        veil
    }
}

/// Whether a value is that of the element around.
fn is_inherited(value: &str) -> bool {
    matches!(value, "inherit" | "unset" | "revert" | "currentcolor")
}

/// Whether a colour is white.
fn is_white(color: &str) -> bool {
    ["white", "#fff", "#ffffff", "ffffff", "rgb(255,255,255)", "rgb(255, 255, 255)"]
        .iter()
        .any(|white| color.eq_ignore_ascii_case(white))
}

/// Whether text of a size can't be seen; none if that depends on the size around.
fn is_tiny(value: &str) -> Option<bool> {
    let Some(size) = size(value) else {
        let relative = is_inherited(value) || matches!(value, "" | "larger" | "smaller");
        return (!relative).then_some(false);
    };
    if size == 0.0 {
        Some(true)
    } else if value.ends_with(['x', 't']) {
        // One point is a dot.
        Some(size <= 1.0)
    } else {
        let relative = value.ends_with('%') || (value.ends_with("em") && !value.ends_with("rem"));
        (!relative).then_some(false)
    }
}

/// A number with or without its unit.
fn size(value: &str) -> Option<f32> {
    value.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '%').trim_end().parse().ok()
}

/// Whether a word is a number with or without its unit.
fn has_size(word: &str) -> bool {
    size(word).is_some()
}
