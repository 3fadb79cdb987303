//! How a domain looks to a person, whatever letters it is made of.
//!
//! It knows scripts and look-alikes (Unicode UTS #39); it knows nothing of customers.

use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;
use unicode_security::confusable_detection::skeleton;

use crate::mail::address::in_unicode;
use crate::mail::registry::{organisation, registry};

/// A shorter name is not looked for in a domain: too many words are as short.
const WORD: usize = 3;
/// A name of so many letters is found also in the midst of a word.
const INSIDE: usize = 5;

/// A domain and how it looks.
pub(super) struct Look<'a> {
    /// In normal form.
    pub(super) domain: &'a str,
    /// As people write it, without accents.
    pub(super) plain: String,
    /// With one letter for all that look like it: equal for domains that look the same.
    pub(super) skeleton: String,
}

impl<'a> Look<'a> {
    /// The look of a domain in normal form.
    pub(super) fn of(domain: &'a str) -> Self {
        let unicode = in_unicode(domain).unwrap_or_else(|| domain.to_owned());
        let plain = if unicode.is_ascii() {
            unicode.clone()
        } else {
            let bare = unicode.nfd().filter(|c| !is_combining_mark(*c));
            bare.flat_map(char::to_lowercase).collect()
        };
        Self { domain, plain, skeleton: skeleton_of(&unicode) }
    }

    /// Whether the name of another domain, or all of it, stands in this one.
    pub(super) fn has_name_of(&self, other: &Look<'_>) -> bool {
        let inside = self.domain.match_indices(other.domain);
        let dotted =
            |at: usize| at == 0 || self.domain.get(..at).is_some_and(|it| it.ends_with('.'));
        let ends = |at: usize| {
            let rest = self.domain.get(at + other.domain.len()..);
            rest.is_none_or(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if inside.map(|(at, _)| at).any(|at| dotted(at) && ends(at)) {
            return true;
        }
        let name = other.name();
        // A skeleton can have more letters: an `m` is an `rn`.
        let (letters, name) = (name.chars().count(), skeleton_of(&name));
        // What is below a registry is its owner's choice: there the name can stand.
        letters >= WORD
            && labels(self.domain).any(|label| {
                let label = in_unicode(label).unwrap_or_else(|| label.to_owned());
                let mut words =
                    label.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
                words.any(|word| {
                    let word = skeleton_of(word);
                    word == name || (letters >= INSIDE && word.contains(&name))
                })
            })
    }

    /// The label that its owner registered.
    fn name(&self) -> String {
        let own = organisation(self.domain).unwrap_or(self.domain);
        let label = own.split('.').next().unwrap_or_default();
        in_unicode(label).unwrap_or_else(|| label.to_owned())
    }
}

/// A domain without its last label.
pub(super) fn stem(domain: &str) -> &str {
    domain.rsplit_once('.').map_or("", |(stem, _)| stem)
}

/// The labels of a domain that are not its registry's.
fn labels(domain: &str) -> impl Iterator<Item = &str> {
    let registry = registry(domain).unwrap_or_default();
    domain.strip_suffix(registry).unwrap_or(domain).split('.')
}

/// The skeletons of the characters of ASCII, of which most domains are made: looking each up in the
/// standard's table takes thirty times as long.
static ASCII: LazyLock<Vec<String>> = LazyLock::new(|| {
    (0..128).map(|byte: u8| slow_skeleton(&char::from(byte).to_string())).collect()
});

fn skeleton_of(text: &str) -> String {
    if !text.is_ascii() {
        return slow_skeleton(text);
    }
    text.bytes().filter_map(|byte| ASCII.get(usize::from(byte))).map(String::as_str).collect()
}

/// Without accents and in lower case: the standard's skeletons have an `O` for a zero.
fn slow_skeleton(text: &str) -> String {
    let bare = skeleton(text).filter(|c| !is_combining_mark(*c));
    bare.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_that_look_the_same_have_one_skeleton() {
        for (one, other, same) in [
            ("xn--cme-5cd.example", "acme.example", true),
            ("xn--mller-kva.example", "muller.example", true),
            ("acrne.example", "acme.example", true),
            ("g0ogle.example", "google.example", true),
            ("paypa1.example", "paypal.example", true),
            ("acme.example", "acne.example", false),
        ] {
            assert_eq!(Look::of(one).skeleton == Look::of(other).skeleton, same, "{one} {other}");
        }
    }

    #[test]
    fn a_name_is_found_in_a_domain() {
        for (domain, other, found) in [
            ("acme.example.com", "acme.example", true),
            ("acme-support.example", "acme.example", true),
            ("support.acme.co.uk", "acme.example", true),
            ("xn--cme-support-xij.example", "acme.example", true),
            ("globexpay.example", "globex.example", true),
            ("x.ab.example.com", "ab.example", true),
            ("notacme.example", "acme.example", false),
            ("ab-support.example", "ab.example", false),
            ("support.example", "support.acme.example", false),
            ("shop.acme.com", "com.example", false),
        ] {
            assert_eq!(Look::of(domain).has_name_of(&Look::of(other)), found, "{domain} {other}");
        }
    }
}
