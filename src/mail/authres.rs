//! `Authentication-Results` fields (RFC 8601), as far as who a sender is depends on them.
//!
//! It reads what a field says; whose field it is, and what that is worth, is for `trust` to know.

use std::fmt;

/// What one field says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Results {
    /// The server that wrote it, in lower case; empty where it names none, as Microsoft's do.
    pub(super) authserv_id: String,
    /// What it found, in its order; empty for `none`.
    pub(super) results: Vec<Finding>,
}

/// The result of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// `dmarc`, `dkim`, `spf`, …
    pub(super) method: String,
    /// `pass`, `fail`, `none`, …
    pub(super) result: String,
    /// What it is about: `header.d` and its value, …
    pub(super) properties: Vec<(String, String)>,
}

impl Finding {
    /// The value of the first property with this name.
    pub(super) fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// As it stands in a field, without comments.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.method, self.result)?;
        self.properties.iter().try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Reads the value of a field. `None` if it is not one that this version of the standard
/// describes: half of an answer is none.
pub(super) fn read(value: &str) -> Option<Results> {
    read_whole(value).ok().flatten()
}

/// A comment or a quoted string has no end: what would follow is anybody's guess.
struct Unfinished;

fn read_whole(value: &str) -> Result<Option<Results>, Unfinished> {
    let mut reader = Reader { rest: value };
    reader.skip()?;
    let start = reader.rest;
    let first = reader.value(&['=', ';'])?;
    reader.skip()?;
    if reader.rest.starts_with('=') {
        // No server's name: what comes first is a result already.
        let mut reader = Reader { rest: start };
        return Ok(Some(Results { authserv_id: String::new(), results: reader.results()? }));
    }
    if !reader.rest.is_empty() && !reader.rest.starts_with(';') {
        // RFC 8601 §2.2: a version other than 1 may mean anything.
        let version = reader.value(&[';'])?;
        reader.skip()?;
        if version != "1" || !(reader.rest.is_empty() || reader.rest.starts_with(';')) {
            return Ok(None);
        }
    }
    reader.eat(';');
    let results = reader.results()?;
    Ok(Some(Results { authserv_id: first.to_lowercase(), results }))
}

/// What is left to read.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// Results up to the end, separated by `;`.
    fn results(&mut self) -> Result<Vec<Finding>, Unfinished> {
        let mut results = Vec::new();
        loop {
            results.extend(self.result()?);
            // What a result goes on with that no grammar knows is passed over.
            while !self.rest.is_empty() && !self.rest.starts_with(';') {
                self.value(&[';'])?;
                self.skip()?;
            }
            if !self.eat(';') {
                return Ok(results);
            }
        }
    }

    /// `method[/version] = result [reason = value] *(ptype.property = value)`; nothing for `none`
    /// and for what is not of this form.
    fn result(&mut self) -> Result<Option<Finding>, Unfinished> {
        let Some((method, result)) = self.pair()? else { return Ok(None) };
        let method = method.split('/').next().unwrap_or_default().trim().to_owned();
        let mut finding = Finding { method, result: result.to_lowercase(), properties: Vec::new() };
        while let Some(property) = self.pair()? {
            finding.properties.push(property);
        }
        Ok(Some(finding))
    }

    /// `name = value`, with comments anywhere; nothing, and nothing read, where none follows.
    fn pair(&mut self) -> Result<Option<(String, String)>, Unfinished> {
        self.skip()?;
        let before = self.rest;
        let mut name = String::new();
        // `dkim / 1 = pass` and `header . d = acme.example` are allowed too.
        while !self.rest.is_empty() && !self.rest.starts_with([';', '=', '"']) {
            name += &self.value(&['=', ';'])?;
            self.skip()?;
        }
        if name.is_empty() || !self.eat('=') {
            self.rest = before;
            return Ok(None);
        }
        self.skip()?;
        let value = self.value(&[';'])?;
        Ok(Some((name.to_lowercase(), value)))
    }

    /// A quoted string, or what goes on to white space, a comment or one of `stops`; both in one,
    /// as in `"a b"@acme.example`. May be empty.
    fn value(&mut self, stops: &[char]) -> Result<String, Unfinished> {
        let mut value = String::new();
        loop {
            if self.eat('"') {
                self.quoted(&mut value)?;
                continue;
            }
            let ends = |c: char| c.is_whitespace() || matches!(c, '(' | '"') || stops.contains(&c);
            let end = self.rest.find(ends).unwrap_or(self.rest.len());
            if end == 0 {
                return Ok(value);
            }
            let (word, rest) = self.rest.split_at_checked(end).ok_or(Unfinished)?;
            value += word;
            self.rest = rest;
        }
    }

    /// The rest of a quoted string.
    fn quoted(&mut self, value: &mut String) -> Result<(), Unfinished> {
        let mut chars = self.rest.chars();
        loop {
            match chars.next().ok_or(Unfinished)? {
                '"' => break,
                '\\' => value.push(chars.next().ok_or(Unfinished)?),
                c => value.push(c),
            }
        }
        self.rest = chars.as_str();
        Ok(())
    }

    /// Passes over white space and comments, which nest.
    fn skip(&mut self) -> Result<(), Unfinished> {
        loop {
            self.rest = self.rest.trim_start();
            if !self.eat('(') {
                return Ok(());
            }
            let mut depth = 1;
            let mut chars = self.rest.chars();
            while depth > 0 {
                match chars.next().ok_or(Unfinished)? {
                    '(' => depth += 1,
                    ')' => depth -= 1,
                    '\\' => drop(chars.next().ok_or(Unfinished)?),
                    _ => {}
                }
            }
            self.rest = chars.as_str();
        }
    }

    fn eat(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What shows, the value, what was read. The first five are from RFC 8601, Appendix B.
    const CASES: [(&str, &str, &str); 20] = [
        ("nothing was checked", "example.org 1; none", "example.org"),
        (
            "one method",
            "example.com;\r\n spf=pass smtp.mailfrom=example.net",
            "example.com; spf=pass smtp.mailfrom=example.net",
        ),
        (
            "several, with comments",
            "example.com;\r\n\tauth=pass (cram-md5) smtp.auth=sender@example.net;\r\n\t\
                 spf=pass smtp.mailfrom=example.net",
            "example.com; auth=pass smtp.auth=sender@example.net; \
                 spf=pass smtp.mailfrom=example.net",
        ),
        (
            "a comment in the middle of everything",
            "foo.example.net (foobar) 1 (baz); dkim (Because I like it) / 1 (One yay) = \
                 (wait for it) fail policy (A dot can go here) . (like that) expired (this \
                 surprised me) = (as I wasn't expecting it) 1362471462",
            "foo.example.net; dkim=fail policy.expired=1362471462",
        ),
        (
            "a property that is an address without a name",
            "example.com; dkim=pass reason=\"good signature\" header.i=@mail-router.example.net",
            "example.com; dkim=pass reason=good signature header.i=@mail-router.example.net",
        ),
        (
            "capitals",
            "Example.COM; DMARC=Pass Header.From=A.example",
            "example.com; dmarc=pass header.from=A.example",
        ),
        (
            "no server's name",
            "spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example;dmarc=pass action=none header.from=a.example;compauth=pass reason=100",
            "; spf=pass smtp.mailfrom=a.example; dmarc=pass action=none header.from=a.example; compauth=pass reason=100",
        ),
        (
            "quoted in a comment's place",
            "a.example; dkim=fail reason=\"; dmarc=pass\" (; dmarc=pass) header.d=b.example",
            "a.example; dkim=fail reason=; dmarc=pass header.d=b.example",
        ),
        ("nested comments", "a.example; (x (y; dmarc=pass) \\) z) spf=none", "a.example; spf=none"),
        (
            "a quoted local part",
            "a.example; spf=pass smtp.mailfrom=\"a; b\"@c.example",
            "a.example; spf=pass smtp.mailfrom=a; b@c.example",
        ),
        (
            "an equals sign in a value",
            "a.example; dkim=pass header.b=ab/c= header.d=d.example",
            "a.example; dkim=pass header.b=ab/c= header.d=d.example",
        ),
        (
            "words that mean nothing",
            "a.example; what is this; spf=pass smtp.mailfrom=c.example",
            "a.example; spf=pass smtp.mailfrom=c.example",
        ),
        ("a quoted name of a server", "\"a.example\"; none", "a.example"),
        ("a server alone", "a.example", "a.example"),
        ("a semicolon at the end", "a.example; spf=none;", "a.example; spf=none"),
        ("another version", "a.example 2; dmarc=pass", "not understood"),
        ("a comment without end", "a.example; (spf=pass", "not understood"),
        ("a quote without end", "a.example; spf=pass reason=\"x", "not understood"),
        ("nothing", "", ""),
        ("white space", " \r\n ", ""),
    ];

    /// What was read, as one line: the server, then each result with its properties.
    fn said(value: &str) -> String {
        let Some(read) = read(value) else { return "not understood".to_owned() };
        let results = read.results.iter().map(|finding| format!("; {finding}"));
        read.authserv_id.clone() + &results.collect::<Vec<_>>().concat()
    }

    #[test]
    fn fields_are_read_as_the_standard_has_them() {
        for (name, value, expected) in CASES {
            assert_eq!(said(value), expected, "{name}");
        }
    }
}
