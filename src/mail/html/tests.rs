//! What is seen of a page, what is hidden, and what is marked.

use super::*;

fn check(html: &str, text: &str) {
    assert_eq!(visible(html).text.trim_end(), text, "{html}");
}

#[test]
fn lines_and_words_are_those_that_a_browser_shows() {
    check("one\n  two <b>thr</b>ee", "one two three");
    check("<p>one<p>two</p>three", "one\ntwo\nthree");
    check("one<br>two<br><br><br>three", "one\ntwo\n\nthree");
    check("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc");
    check("a &lt;b&gt; &amp; &uuml;", "a <b> & ü");
    check("<pre>one\n  two</pre>", "one\n  two");
    check("<ul><li>one<li>two</ul>", "one\ntwo");
    check("", "");
    check("<", "<");
    check("a</nothing>b", "ab");
}

#[test]
fn what_is_hidden_is_not_seen() {
    let hidden = [
        "see<div style='display:none'>hidden</div>",
        "see<span style=\"DISPLAY: None !important\">hidden</span>",
        "see<span style='color:red;font-size:0px'>hidden</span>",
        "see<div hidden>hidden</div>",
        "see<div style='opacity:0'><div>hidden</div>hidden</div>",
        "<p style='display:none'>hidden<p>see",
        "<style>a{} .x, p.pre { display : none }</style>see<p class='a pre'>hidden",
        "<style>#pre{visibility:hidden}</style>see<b id=pre>hidden</b>",
        "see<font color=white>hidden</font>",
        "see<i style='color:#FFF'>hidden</i>",
        "see<i style='background:#fff;color:#ffffff'>hidden</i>",
    ];
    for html in hidden {
        check(html, "see");
        assert!(visible(html).hidden, "{html}");
    }
    let plain = [
        "<head><title>t</title><body>see",
        "<head><style>p { display: none }</style></head>see",
        "<script>if (a < b) x()</script>see",
        "see<img style='display:none' alt='x'>",
        "<div style='display:block'>see</div>",
        "<div style='display:none'></div>see",
        "<p style='display:none;display:block'>see",
        "<style>@media print { .x { display: none } } .y { color: red }</style><p class=x>see",
        "<table bgcolor=black><tr><td style='color:#fff'>see</table>",
        "<style>.top { background: navy }</style><p class=top><font color=white>see</font>",
        "<iframe>fall-back</iframe>see",
        "<font color=white><table><tr><td bgcolor=red>see</table></font>",
    ];
    for html in plain {
        check(html, "see");
        assert!(!visible(html).hidden, "{html}");
    }
}

#[test]
fn what_is_in_an_element_can_be_seen_though_the_element_is_not() {
    let plain = [
        "<td style='font-size:0px;padding:10px'><div style='font-size:13px'>see</div></td>",
        "<div style='font-size:0'><b style='font:italic 700 12px/1.5 Arial'>see</b></div>",
        "<div style='visibility:hidden'><p style='visibility:visible'>see</p></div>",
        "<td bgcolor=navy style='color:navy'><span style='color:yellow'>see</span></td>",
    ];
    for html in plain {
        check(html, "see");
        assert!(!visible(html).hidden, "{html}");
    }
    let hidden = [
        "see<div style='font-size:0'>hidden<p>hidden</p></div>",
        "see<div style='font-size:0'><p style='font-size:2em'>hidden</p></div>",
        "see<b style='font:bold 0/0 a'>hidden</b>",
        "<div style='font-size:0'>hidden<b style='font-size:9pt'>see</b>hidden</div>",
        "see<div style='visibility:hidden'><b style='visibility:inherit'>hidden</b></div>",
        "see<div style='display:none'><p style='display:block;font-size:12px'>hidden</p></div>",
        "see<i style='color:transparent'>hidden</i>",
    ];
    for html in hidden {
        check(html, "see");
        assert!(visible(html).hidden, "{html}");
    }
}

#[test]
fn of_several_styles_the_one_that_counts_in_a_browser_does() {
    let plain = [
        "<style media=print>.x { display: none }</style><p class=x>see",
        "<style>.x { display: none } .x { display: block }</style><p class=x>see",
        "<style>.x { display: none } p.x { display: block }</style><p class=x>see",
        "<style>.x { display: none }</style><p class=x style='display:block'>see",
        "<style>.x.y, b .x, p.x:hover { display: none }</style><p class=x>see",
        "<p style='mso-hide:all'>see",
        "<p style='color:inherit;background-color:inherit'>see",
        "<p style='color:initial;background:initial'>see",
        "<td style='background-image:url(a.png)'><p style='color:#fff'>see",
    ];
    for html in plain {
        check(html, "see");
        assert!(!visible(html).hidden, "{html}");
    }
    let hidden = [
        "<style media='Screen, print'>.x { display: none }</style>see<p class=x>hidden",
        "<style>P.x { display: none } .x { display: block }</style>see<p class=x>hidden",
        "<style>#x { display: none } .x { display: block }</style>see<p id=x class=x>hidden",
        "<style>.x{display:none!important}</style>see<p class=x style='display:block'>hidden",
        "<style>.x{font-size:0}</style>see<p class=x style='display:block'>hidden",
    ];
    for html in hidden {
        check(html, "see");
        assert!(visible(html).hidden, "{html}");
    }
}

#[test]
fn what_is_left_open_ends_with_what_it_stands_in() {
    let hides = "<span style='display:none'>hidden";
    for html in [
        format!("<p>{hides}</p><p>see</p>"),
        format!("<p>{hides}<p>see</p>"),
        format!("<div><div>{hides}<div>hidden</div></div>see</div>"),
        format!("<table><tr><td>{hides}</td><td>see</td></tr></table>"),
        format!("<table><tr><td>{hides}</tr><tr><td>see</table>"),
        format!("<table><tr><td>{hides}</table>see"),
        format!("{hides}</p></div>hidden</span>see"),
        format!("<p>{hides}<br><b>hidden</b></span>see</p>"),
        "<p><font color=white>hidden</p><p>hidden</font>see</p>".to_owned(),
    ] {
        check(&html, "see");
        assert!(visible(&html).hidden, "{html}");
    }
    check("<p>one <svg width=1 /></p>two", "one\ntwo");
    check("<p>one <svg><svg/><text>x</text></svg></p>two", "one\ntwo");
}

#[test]
fn quotes_and_signatures_are_marked() {
    let html = "new<blockquote>old<blockquote>older</blockquote>old</blockquote>new\
                <div class=\"x gmail_signature\">me<div>here</div></div>\
                <div class='gmail_quote'>on … wrote<div>first</div></div>\
                <p class=MsoAutoSig>we</p><hr><div id=divRplyFwdMsg>From: you</div>the rest";
    let seen = visible(html);
    let marked: Vec<_> = seen
        .marked
        .iter()
        .map(|(at, place)| (seen.text.get(at.clone()).unwrap_or_default(), *place))
        .collect();
    assert_eq!(
        marked,
        [
            ("old\nolder\nold\n", TextPlace::Quoted),
            ("me\nhere\n", TextPlace::Signature),
            ("on … wrote\nfirst\n", TextPlace::Quoted),
            ("we\n", TextPlace::Signature),
            ("From: you\nthe rest\n", TextPlace::Quoted)
        ]
    );
}

#[test]
fn only_the_names_of_mail_programs_mark_a_signature() {
    for (tag, expected) in [
        ("div id=Signature", true),
        ("div id=x_Signature", true),
        ("p class='a Signature'", true),
        ("div class=protonmail_signature_block", true),
        ("div id=SignatureRequired", false),
        ("div class=ContractSignatureRequest", false),
    ] {
        let signed = [(0..3, TextPlace::Signature)];
        let expected = if expected { &signed[..] } else { &[] };
        assert_eq!(visible(&format!("<{tag}>me")).marked, expected, "{tag}");
    }
}
