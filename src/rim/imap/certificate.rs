//! What is wrong with a server's certificate, and how to mend it.
//!
//! It knows what rustls found; whether to trust a certificate is not decided here.

use rustls::CertificateError;

/// One sentence for a person who set up a mailbox.
pub(super) fn refused(host: &str, why: &CertificateError) -> String {
    #[allow(clippy::wildcard_enum_match_arm, reason = "most are named by rustls well enough")]
    match why {
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "the certificate that was shown for `{host}` is for {}: set `host` to a name that it is \
             for",
            names(presented)
        ),
        CertificateError::NotValidForName => format!(
            "the certificate that was shown for `{host}` is for another name: set `host` to a name \
             that it is for"
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => format!(
            "the certificate of `{host}` has expired: its server needs a new one, unless the clock \
             here is wrong"
        ),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => format!(
            "the certificate of `{host}` is not valid yet: set the clock here, unless its server has \
             the wrong one"
        ),
        // The second is what is left where two authorities have one name.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
            "the certificate of `{host}` is not trusted, since nobody known here signed it: name the \
             certificate of the authority that did in `ca_file`"
        ),
        // rustls passes this one on from webpki, without a variant of its own.
        other if format!("{other:?}").contains("CaUsedAsEndEntity") => format!(
            "the certificate of `{host}` is that of an authority, as those that sign themselves \
             often are, and not that of a server: give the server one that an authority signed and \
             name that authority's in `ca_file`, or one that signs itself with `CA:FALSE`, and name \
             that"
        ),
        other => format!("the certificate of `{host}` is not trusted: {other}"),
    }
}

/// The names that a certificate is for, as rustls shows them.
fn names(presented: &[String]) -> String {
    let shown: Vec<String> = presented
        .iter()
        .take(5)
        .map(|name| {
            let name = name.strip_prefix("DnsName(\"").and_then(|it| it.strip_suffix("\")"));
            name.map(|name| format!("`{name}`"))
        })
        .zip(presented)
        .map(|(plain, shown)| plain.unwrap_or_else(|| shown.clone()))
        .collect();
    if shown.is_empty() { "no name at all".to_owned() } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn each_fault_says_how_to_mend_it() {
        let other_name = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("imap.callwise.example").unwrap(),
            presented: presented.iter().map(|name| (*name).to_owned()).collect(),
        };
        for (why, says) in [
            (other_name(&["DnsName(\"mail.callwise.example\")"]), "is for `mail.callwise.example`"),
            (other_name(&[]), "is for no name at all: set `host`"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "clock"),
            (CertificateError::UnknownIssuer, "`ca_file`"),
            (CertificateError::BadSignature, "`ca_file`"),
            (CertificateError::Revoked, "is not trusted: "),
        ] {
            let said = refused("imap.callwise.example", &why);
            assert!(said.contains(says), "{why:?}: {said}");
            assert!(said.contains("`imap.callwise.example`"), "{said}");
        }
    }
}
