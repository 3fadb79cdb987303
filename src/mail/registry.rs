//! Where a domain ends and its registry begins, by the public suffix list.
//!
//! The list is code, and large: it is asked here alone, so that the binary holds it once.

/// The part of a domain that its owner registered; `None` for a registry, or another domain below
/// which names are given away.
#[inline(never)]
#[must_use]
pub fn organisation(domain: &str) -> Option<&str> {
    let registry = registry(domain)?;
    let before = domain.strip_suffix(registry)?.strip_suffix('.')?;
    let from = before.rfind('.').map_or(0, |dot| dot + 1);
    domain.get(from..).filter(|_| !before.is_empty())
}

/// The part of a domain below which others register theirs: `com`, `co.uk`, `github.io`.
#[inline(never)]
#[must_use]
pub fn registry(domain: &str) -> Option<&str> {
    psl::suffix_str(domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_its_owners_part_and_its_registrys() {
        for (domain, owner, above) in [
            ("acme.com", Some("acme.com"), Some("com")),
            ("mail.eu.acme.co.uk", Some("acme.co.uk"), Some("co.uk")),
            ("ann.github.io", Some("ann.github.io"), Some("github.io")),
            ("github.io", None, Some("github.io")),
            ("co.uk", None, Some("co.uk")),
            ("com", None, Some("com")),
            ("acme.example", Some("acme.example"), Some("example")),
            ("xn--mller-kva.de", Some("xn--mller-kva.de"), Some("de")),
            ("", None, None),
            (".com", None, Some("com")),
        ] {
            assert_eq!((organisation(domain), registry(domain)), (owner, above), "{domain}");
            assert_eq!(organisation(domain), psl::domain_str(domain), "{domain}");
        }
    }
}
