//! Domains at which anybody can have an address, so that the domain says nothing of the company.
//!
//! The list holds the providers that customers' people really use; the configuration adds to it.
//! It is not a list of throw-away addresses: those are nobody's customers.

/// Whether anybody can have an address at this domain, which is in normal form.
pub(super) fn is_listed(domain: &str) -> bool {
    // Most companies' domains are longer than any of these.
    domain.len() <= LONGEST && DOMAINS.binary_search(&domain).is_ok()
}

/// How long the longest of the domains is.
const LONGEST: usize = {
    let mut longest = 0;
    let mut rest = DOMAINS;
    while let [domain, others @ ..] = rest {
        if domain.len() > longest {
            longest = domain.len();
        }
        rest = others;
    }
    longest
};

/// In alphabetical order, so that it can be searched by halves.
const DOMAINS: &[&str] = &[
    "126.com",
    "163.com",
    "aim.com",
    "alice.it",
    "aol.com",
    "aol.de",
    "arcor.de",
    "att.net",
    "bellsouth.net",
    "bigpond.com",
    "bk.ru",
    "bluewin.ch",
    "bol.com.br",
    "btinternet.com",
    "centrum.cz",
    "charter.net",
    "chello.at",
    "comcast.net",
    "cox.net",
    "daum.net",
    "duck.com",
    "earthlink.net",
    "email.cz",
    "fastmail.com",
    "fastmail.fm",
    "foxmail.com",
    "free.fr",
    "freenet.de",
    "gmail.com",
    "gmx.at",
    "gmx.ch",
    "gmx.com",
    "gmx.de",
    "gmx.net",
    "googlemail.com",
    "hanmail.net",
    "hey.com",
    "hispeed.ch",
    "hotmail.co.uk",
    "hotmail.com",
    "hotmail.de",
    "hotmail.es",
    "hotmail.fr",
    "hotmail.it",
    "icloud.com",
    "ig.com.br",
    "inbox.lv",
    "inbox.ru",
    "interia.pl",
    "kabelbw.de",
    "kolabnow.com",
    "kpnmail.nl",
    "laposte.net",
    "libero.it",
    "list.ru",
    "live.co.uk",
    "live.com",
    "live.de",
    "live.fr",
    "live.nl",
    "lycos.com",
    "mac.com",
    "mail.bg",
    "mail.com",
    "mail.de",
    "mail.ru",
    "mailbox.org",
    "me.com",
    "msn.com",
    "mweb.co.za",
    "naver.com",
    "neuf.fr",
    "ntlworld.com",
    "o2.pl",
    "o2online.de",
    "onet.pl",
    "online.de",
    "online.no",
    "optonline.net",
    "optusnet.com.au",
    "orange.fr",
    "outlook.at",
    "outlook.com",
    "outlook.de",
    "outlook.es",
    "outlook.fr",
    "pm.me",
    "posteo.de",
    "posteo.net",
    "proton.me",
    "protonmail.ch",
    "protonmail.com",
    "qq.com",
    "rambler.ru",
    "rediffmail.com",
    "rocketmail.com",
    "rogers.com",
    "runbox.com",
    "sapo.pt",
    "sbcglobal.net",
    "seznam.cz",
    "sfr.fr",
    "shaw.ca",
    "sina.com",
    "sky.com",
    "skynet.be",
    "sohu.com",
    "startmail.com",
    "sympatico.ca",
    "t-online.de",
    "talktalk.net",
    "telenet.be",
    "telia.com",
    "terra.com.br",
    "tin.it",
    "tiscali.it",
    "tuta.com",
    "tuta.io",
    "tutanota.com",
    "tutanota.de",
    "ukr.net",
    "unitybox.de",
    "uol.com.br",
    "verizon.net",
    "virgilio.it",
    "virginmedia.com",
    "vodafone.de",
    "volny.cz",
    "wanadoo.fr",
    "web.de",
    "wp.pl",
    "xs4all.nl",
    "ya.ru",
    "yahoo.ca",
    "yahoo.co.in",
    "yahoo.co.jp",
    "yahoo.co.uk",
    "yahoo.com",
    "yahoo.com.au",
    "yahoo.com.br",
    "yahoo.de",
    "yahoo.es",
    "yahoo.fr",
    "yahoo.it",
    "yandex.com",
    "yandex.ru",
    "yeah.net",
    "ymail.com",
    "ziggo.nl",
    "zoho.com",
    "zohomail.com",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_order_and_in_normal_form() {
        assert!(DOMAINS.is_sorted_by(|a, b| a < b), "keep the list in alphabetical order");
        for domain in DOMAINS {
            assert_eq!(crate::mail::address::normal_domain(domain).as_deref(), Some(*domain));
        }
    }

    #[test]
    fn only_whole_domains_are_listed() {
        assert!(is_listed("gmail.com"));
        assert!(!is_listed("acme.example"));
        assert!(!is_listed("notgmail.com"));
    }
}
