//! The page that `eval --html` writes: whole, readable for programs too, and closed to the world.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use html5gum::{Token, Tokenizer};

use crate::support::office::Office;

/// Tags that have no end.
const VOID: [&str; 5] = ["meta", "link", "input", "br", "wbr"];

/// What a page is made of.
#[derive(Default)]
struct Page {
    /// Every tag's name with its attributes, in order.
    tags: Vec<(String, Vec<(String, String)>)>,
    /// What a person reads.
    text: String,
    /// What styles and scripts say.
    code: String,
}

impl Page {
    /// Reads a page that has no mistake in it, and each tag's end where it belongs.
    fn read(html: &str) -> Self {
        let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let mut page = Self::default();
        let mut open: Vec<String> = Vec::new();
        for token in Tokenizer::new(html) {
            match token.unwrap() {
                Token::StartTag(tag) => {
                    let name = string(&tag.name);
                    if !tag.self_closing && !VOID.contains(&name.as_str()) {
                        open.push(name.clone());
                    }
                    let attributes = tag.attributes.iter();
                    let attributes =
                        attributes.map(|(name, value)| (string(name), string(&value.value)));
                    page.tags.push((name, attributes.collect()));
                }
                Token::EndTag(tag) => assert_eq!(open.pop(), Some(string(&tag.name)), "{open:?}"),
                Token::String(text) => {
                    let is_code = open.iter().any(|tag| tag == "style" || tag == "script");
                    let to = if is_code { &mut page.code } else { &mut page.text };
                    to.push_str(&string(&text.value));
                }
                Token::Comment(_) | Token::Doctype(_) => {}
                Token::Error(error) => panic!("{error:?} within {open:?}"),
            }
        }
        assert!(open.is_empty(), "{open:?} never end");
        page
    }

    /// The values of all attributes of a name.
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let attributes = self.tags.iter().flat_map(|(_, attributes)| attributes);
        attributes.filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    fn count(&self, tag: &str) -> usize {
        self.tags.iter().filter(|(name, _)| name == tag).count()
    }

    /// Nothing on it asks for anything from elsewhere, and nothing hides in an attribute.
    fn is_closed(&self) {
        for href in self.values("href").chain(self.values("xlink:href")) {
            assert!(href.starts_with('#') || href == "data:,", "{href}");
        }
        for (tag, attributes) in &self.tags {
            let known = ["iframe", "object", "embed", "img", "base"].contains(&tag.as_str());
            assert!(!known, "a <{tag}>");
            for (name, value) in attributes {
                let loads = ["src", "srcset", "action", "data", "poster"].contains(&name.as_str());
                assert!(!loads && !name.starts_with("on"), "<{tag} {name}=\"{value}\">");
            }
        }
        for word in ["url(", "@import", "http", "fetch", "import(", "innerHTML", "eval("] {
            assert!(!self.code.contains(word), "{word} in a style or script");
        }
        let policy = self.values("content").find(|value| value.starts_with("default-src"));
        assert!(policy.unwrap().starts_with("default-src 'none'; style-src 'unsafe-inline'"));
        assert_eq!((self.count("script"), self.count("style")), (1, 1));
    }

    /// What is named is there, once.
    fn is_linked(&self) {
        let ids: Vec<&str> = self.values("id").collect();
        let known: BTreeSet<&str> = ids.iter().copied().collect();
        assert_eq!(ids.len(), known.len(), "{ids:?}");
        let labels = self.values("aria-labelledby").flat_map(str::split_whitespace);
        let links = self.values("href").filter_map(|href| href.strip_prefix('#'));
        for id in labels.chain(links).chain(self.values("for")) {
            assert!(known.contains(id), "nothing is called {id}");
        }
    }
}

fn tickets(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tickets").join(name).display().to_string()
}

/// The page of dictionaries, measured on labelled mail.
fn page(office: &Office, dictionaries: &str, data: &str) -> Page {
    let arguments = ["eval", "--dictionaries", dictionaries, "--data", data, "--html", "page.html"];
    let told = office.run(&arguments).well();
    assert!(told.contains("right team first"), "the table is printed as well: {told}");
    let page = Page::read(&fs::read_to_string(office.path("page.html")).unwrap());
    page.is_closed();
    page.is_linked();
    page
}

#[test]
fn a_page_holds_what_was_measured() {
    let office = Office::open();
    let (train, dev) = (tickets("train.jsonl"), tickets("dev.jsonl"));
    let drafts =
        ["suggest", "--from-scratch", "--train", &train, "--out", "new", "--max-lines", "50"];
    office.run(&drafts).well();
    fs::remove_file(office.path("new/calibration.toml")).unwrap();
    let page = page(&office, "new", &dev);
    for id in ["coverage", "reliability", "teams", "confusion", "lines"] {
        assert!(page.values("id").any(|found| found == id), "{id} is missing");
    }
    let charts = page.values("role").filter(|role| *role == "img").count();
    assert_eq!(charts, 2, "charts that those who don't see them are told of");
    assert_eq!(page.count("desc"), 2);
    for words in [
        "of 100 mails have the right team first; ",
        "could go by themselves with 95% right.",
        "on 250 mails",
        "until you run postroom calibrate",
        "hardware.dict:",
        "The commonest mistakes",
    ] {
        assert!(page.text.contains(words), "`{words}` is missing");
    }
    // Nine teams with the one for nobody's mail: 81 cells, those of mistakes with their share.
    let right = page.values("class").filter(|class| *class == "right").count();
    assert_eq!(right, 9 + 1, "the diagonal, and its colour in the legend");
    assert!(page.values("title").any(|title| title.starts_with("hardware → ")));
    let sortable = page.values("class").filter(|class| class.contains("sortable")).count();
    assert_eq!(sortable, 2);
}

#[test]
fn words_that_look_like_markup_stay_words() {
    let office = Office::open();
    let term = "</script><script>alert(1)</script>";
    office.write(
        "hostile/billing.dict",
        &format!("team billing\nbase -2\n\n[terms]\n{term} +9\n\"'&amp;<b>x +3\ninvoice +9\n"),
    );
    let data = "<i>&\"mail'.jsonl";
    office.write(
        data,
        "{\"label\": \"billing\", \"text\": \"invoice script alert\", \"id\": \"<b>\"}\n",
    );
    let page = page(&office, "hostile", data);
    assert!(page.text.contains(term), "{}", page.text);
    assert!(page.text.contains(data));
    assert_eq!((page.count("b"), page.count("i"), page.count("script")), (0, 0, 1));
}

#[test]
fn a_page_is_written_whole_or_not_at_all() {
    let office = Office::open();
    office.write("mail.jsonl", "{\"label\": \"billing\", \"text\": \"invoice\"}\n");
    for place in ["absent/page.html", "dictionaries"] {
        let arguments = ["eval", "--data", "mail.jsonl", "--html", place];
        let ran = office.run(&arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{place}: {ran:?}");
        assert!(ran.err.contains(place), "{}", ran.err);
    }
    office.write("page.html", "old");
    office.run(&["eval", "--data", "mail.jsonl", "--json", "--html", "page.html"]).objects();
    let text = fs::read_to_string(office.path("page.html")).unwrap();
    assert!(text.ends_with("</html>\n") || text.ends_with("</html>"), "{text}");
}
