//! Where a domain ends and its registry begins, by the public suffix list.
//!
//! The list is code, and large: it is asked here alone, so that the binary holds it once. What it
//! lacks is here too: the domains below which a mail provider names its tenants, each of whom is
//! somebody else.

/// Domains of Microsoft 365 below which each name is another company's tenant, beside those of the
/// list.
const TENANTS: [&str; 4] =
    ["mail.onmicrosoft.com", "onmicrosoft.com", "onmicrosoft.us", "partner.onmschina.cn"];
/// Where each domain of Google Workspace has a double for tests: `acme.com.test-google-a.com`.
const DOUBLES: &str = ".test-google-a.com";
/// What Google Workspace signs for a tenant without a key of its own. Between the tenant and this
/// is the day of Google's key: `acme-com.20230601.gappssmtp.com`.
const DATED_TENANTS: &str = "gappssmtp.com";

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
    tenants(domain).or_else(|| psl::suffix_str(domain))
}

/// The part of a domain below which a mail provider names its tenants, if it has one.
fn tenants(domain: &str) -> Option<&str> {
    let below = |above: &str| {
        domain.strip_suffix(above).filter(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if let Some(double) = domain.strip_suffix(DOUBLES) {
        let start = double.len() - psl::suffix_str(double)?.len();
        return domain.get(start..);
    }
    let start = match below(DATED_TENANTS) {
        Some(rest) => {
            rest.strip_suffix('.').and_then(|rest| rest.rfind('.')).map_or(0, |at| at + 1)
        }
        None => TENANTS.iter().find_map(|above| below(above))?.len(),
    };
    domain.get(start..)
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

    #[test]
    fn each_tenant_of_a_mail_provider_is_an_owner() {
        for (domain, owner, above) in [
            ("acme.onmicrosoft.com", Some("acme.onmicrosoft.com"), Some("onmicrosoft.com")),
            ("x.acme.onmicrosoft.com", Some("acme.onmicrosoft.com"), Some("onmicrosoft.com")),
            (
                "acme.mail.onmicrosoft.com",
                Some("acme.mail.onmicrosoft.com"),
                Some("mail.onmicrosoft.com"),
            ),
            ("onmicrosoft.com", None, Some("onmicrosoft.com")),
            ("notonmicrosoft.com", Some("notonmicrosoft.com"), Some("com")),
            (
                "acme-com.20230601.gappssmtp.com",
                Some("acme-com.20230601.gappssmtp.com"),
                Some("20230601.gappssmtp.com"),
            ),
            ("20230601.gappssmtp.com", None, Some("20230601.gappssmtp.com")),
            ("gappssmtp.com", None, Some("gappssmtp.com")),
            (
                "acme.com.test-google-a.com",
                Some("acme.com.test-google-a.com"),
                Some("com.test-google-a.com"),
            ),
        ] {
            assert_eq!((organisation(domain), registry(domain)), (owner, above), "{domain}");
        }
    }
}
