//! Findings as programs read them: SARIF for code scanning, annotations of a GitHub workflow.
//!
//! Of SARIF 2.1.0 (OASIS, 27 March 2020) only what says where and what: a handful of members, for
//! which a crate with all of its types would be a long compile.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::diagnostic::Diagnostic;

/// The findings as one SARIF log.
pub(super) fn sarif(findings: &[Diagnostic]) -> Value {
    let codes: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rule =
        |code: &&str| json!({ "id": code, "shortDescription": { "text": code.replace('-', " ") } });
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "postroom",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(rule).collect::<Vec<_>>(),
            } },
            // Columns are counted in characters (§3.14.27).
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(result).collect::<Vec<_>>(),
        }],
    })
}

fn result(finding: &Diagnostic) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&finding.file) } });
    if finding.line > 0 {
        let mut region = json!({ "startLine": finding.line });
        if finding.column > 0
            && let Some(region) = region.as_object_mut()
        {
            region.insert("startColumn".to_owned(), finding.column.into());
            // The column after the last one (§3.30.8).
            region.insert("endColumn".to_owned(), (finding.column + finding.width).into());
        }
        if let Some(place) = place.as_object_mut() {
            place.insert("region".to_owned(), region);
        }
    }
    json!({
        "ruleId": finding.code,
        "level": finding.severity.to_string(),
        "message": { "text": said(finding) },
        "locations": [{ "physicalLocation": place }],
    })
}

fn said(finding: &Diagnostic) -> String {
    match &finding.help {
        Some(help) => format!("{}. {help}", finding.message),
        None => finding.message.clone(),
    }
}

/// A path as a URI reference (RFC 3986, §4.1).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string never fails.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    // An absolute path is one of this machine.
    if uri.starts_with('/') { format!("file://{uri}") } else { uri }
}

/// The findings as workflow commands, a line each.
pub(super) fn github(findings: &[Diagnostic]) -> String {
    let mut out = String::new();
    for finding in findings {
        let _ = write!(out, "::{} file={}", finding.severity, property(&finding.file));
        if finding.line > 0 {
            let _ = write!(out, ",line={}", finding.line);
        }
        if finding.column > 0 {
            let end = finding.column + finding.width.max(1) - 1;
            let _ = write!(out, ",col={},endColumn={end}", finding.column);
        }
        let title = property(finding.code);
        let _ = writeln!(out, ",title={title}::{}", data(&said(finding)));
    }
    out
}

/// A command ends with its line, and `%` begins an escape.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Properties end at `,` and the last one at `::` too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> [Diagnostic; 3] {
        [
            Diagnostic::error("a b.dict", "bad-weight", "`3+` is not\na weight")
                .at(12, 8, 2, "störung 3+")
                .help("write `+3`: 100%"),
            Diagnostic::error("/x,y:z.dict", "empty", "it is empty").warning(),
            Diagnostic::error("ü.dict", "empty", "it is empty").at(3, 0, 0, "line"),
        ]
    }

    #[test]
    fn annotations_are_escaped() {
        assert_eq!(
            github(&findings()),
            "::error file=a b.dict,line=12,col=8,endColumn=9,title=bad-weight::`3+` is not%0Aa \
             weight. write `+3`: 100%25\n\
             ::warning file=/x%2Cy%3Az.dict,title=empty::it is empty\n\
             ::error file=ü.dict,line=3,title=empty::it is empty\n"
        );
    }

    #[test]
    fn sarif_has_what_its_schema_requires() {
        let log = sarif(&findings());
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["name"], "postroom");
        let rules: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .unwrap()
            .iter()
            .map(|rule| rule["id"].as_str().unwrap())
            .collect();
        assert_eq!(rules, ["bad-weight", "empty"]);
        let place = |at: usize| &run["results"][at]["locations"][0]["physicalLocation"];
        for (at, uri, region, level) in [
            (0, "a%20b.dict", json!({"startLine": 12, "startColumn": 8, "endColumn": 10}), "error"),
            (1, "file:///x%2Cy%3Az.dict", Value::Null, "warning"),
            (2, "%C3%BC.dict", json!({"startLine": 3}), "error"),
        ] {
            let result = &run["results"][at];
            assert_eq!(place(at)["artifactLocation"]["uri"], uri);
            assert_eq!(place(at)["region"], region);
            assert_eq!(result["level"], level);
            assert!(rules.contains(&result["ruleId"].as_str().unwrap()));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        }
        assert_eq!(sarif(&[])["runs"][0]["results"], json!([]), "no finding is a result too");
    }
}
