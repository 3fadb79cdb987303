//! `postroom suggest --ask` as a person at a terminal meets it: what they took is made, whatever else
//! happens to the files meanwhile.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _};
use std::process::{Child, Command, Stdio};

use crate::support::office::Office;
use crate::workbench::{by_hand, tickets};

/// `suggest --ask` at a terminal.
struct Asked {
    child: Child,
    said: String,
}

impl Asked {
    fn start(office: &Office, train: &str) -> Self {
        let program = env!("CARGO_BIN_EXE_postroom");
        // Without echo, and without the progress bar, which comes and goes.
        let line = format!(
            "stty -echo; '{program}' suggest --dictionaries dictionaries --train '{train}' --ask \
             2>errors"
        );
        let child = Command::new("script")
            .args(["-qec", &line, "/dev/null"])
            .current_dir(office.path(""))
            .env_remove("POSTROOM_CONFIG")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script is needed: `apt-get install bsdutils`");
        Self { child, said: String::new() }
    }

    /// Reads until the next question; what was said since the last.
    fn question(&mut self) -> String {
        const PROMPT: &str = "make what was taken: ";
        let said = self.child.stdout.as_mut().unwrap();
        let mut bytes = Vec::new();
        while !bytes.ends_with(PROMPT.as_bytes()) {
            let mut byte = [0];
            assert_eq!(said.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
        let said = String::from_utf8(bytes).unwrap();
        self.said += &said;
        said
    }

    fn answer(&mut self, answer: &str) {
        let mut keys = self.child.stdin.as_ref().unwrap();
        io::Write::write_all(&mut keys, format!("{answer}\n").as_bytes()).unwrap();
    }

    /// What it says at last, and how it ends.
    fn end(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
        let ended = self.child.wait().unwrap();
        (ended.code().unwrap(), rest.replace('\r', ""))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        // It has ended already, if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn file(office: &Office, name: &str) -> String {
    fs::read_to_string(office.path(&format!("dictionaries/{name}.dict"))).unwrap()
}

#[test]
fn what_somebody_writes_while_a_person_is_asked_stays() {
    let office = by_hand();
    let mut asked = Asked::start(&office, &tickets("train.jsonl"));
    let first = asked.question();
    assert!(first.contains("right team first") && first.contains("access.dict: + "), "{first}");
    assert!(first.contains("`administrative-rights` has answers and no dictionary"), "{first}");
    let term = first.split("access.dict: + ").nth(1).unwrap().split("  ").next().unwrap();
    let meanwhile = file(&office, "access").replace("team access\n", "team access\n# Mine.\n");
    office.write("dictionaries/access.dict", &(meanwhile.clone() + "badge +6\n"));
    asked.answer("y");
    asked.question();
    asked.answer("q");
    let (code, said) = asked.end();
    assert!(code == 0 && said.contains("1 file changed"), "{said}");
    let now = file(&office, "access");
    assert!(now.starts_with(&meanwhile) && now.contains("badge +6\n"), "{now}");
    assert!(now.contains(&format!("[learned]\n{term} ")), "{term}: {now}");
}

#[test]
fn what_was_taken_is_shown_where_it_cant_be_written() {
    let office = by_hand();
    let mut asked = Asked::start(&office, &tickets("train.jsonl"));
    asked.question();
    office.write("dictionaries/access.dict", "team access\n[terms]\npassword 5+\n");
    asked.answer("y");
    asked.question();
    asked.answer("q");
    let (code, said) = asked.end();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("as a patch:\n--- a/dictionaries/access.dict\n"), "{said}");
    assert!(said.contains("\n+[learned]\n"), "{said}");
    assert!(file(&office, "access").contains("5+"));
}

/// All suggestions together keep every example; some of them may not.
#[test]
fn of_what_was_taken_only_what_would_break_an_example_is_left_out() {
    let office = Office::open();
    fs::remove_dir_all(office.path("dictionaries")).unwrap();
    let example = "yes Apple at a discount for you and for me";
    let fruit = format!("team fruit\n\n[terms]\napple +3\n\n[examples]\n{example}\n");
    office.write("dictionaries/fruit.dict", &fruit);
    office.write("dictionaries/sales.dict", "team sales\n\n[terms]\noffer +3\n");
    let mut answers = String::new();
    for n in 0..150 {
        for (label, text) in [
            ("sales", "discount please"),
            ("sales", "discount"),
            ("fruit", "apple discount"),
            ("fruit", "tree"),
        ] {
            writeln!(answers, "{{\"label\":\"{label}\",\"text\":\"{text} {n}\"}}").unwrap();
        }
    }
    office.write("train.jsonl", &answers);
    let mut asked = Asked::start(&office, "train.jsonl");
    let mut taken = 0;
    while taken < 2 {
        // Both bases, without the line that takes points away from sales for apples.
        let is_base = asked.question().contains("~ base");
        asked.answer(if is_base { "y" } else { "n" });
        taken += i32::from(is_base);
    }
    let (code, said) = asked.end();
    assert_eq!(code, 0, "{said}");
    let left_out =
        format!("left out: sales.dict: base 3, which would break the example `{example}`");
    assert!(said.contains(&left_out), "{said}");
    assert_eq!(file(&office, "sales"), "team sales\n\n[terms]\noffer +3\n");
    let fruit = fruit.replace("team fruit\n", "team fruit\nbase -1\n");
    assert_eq!(file(&office, "fruit"), fruit);
    assert_eq!(office.run(&["lint", "dictionaries"]).code, 0);
}
