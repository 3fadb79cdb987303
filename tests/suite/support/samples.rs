//! The company that the sample mails in `fixtures/` were written for.

use std::path::Path;

use postroom::config::parse::parse;
use postroom::pipeline::Rules;
use postroom::serve::rules;

/// The rules of the company that the samples were written for.
pub(crate) fn sample_rules() -> Rules {
    let root = env!("CARGO_MANIFEST_DIR");
    let text = format!(
        "dictionaries = \"{root}/dictionaries\"\n[store]\nurl = \"sqlite:unused.db\"\n\
         [directory]\ncustomers = \"{root}/fixtures/customers.csv\"\n\
         people = \"{root}/fixtures/people.csv\"\nown_domains = [\"callwise.example\"]\n\
         last_rung = \"technical-support\"\n\
         [[alias]]\naddress = \"support@callwise.example\"\n\
         [[alias]]\naddress = \"billing@callwise.example\"\nteam = \"billing\"\n\
         [[mailbox]]\nname = \"support\"\nmaildir = \"unused\"\n"
    );
    let (config, _) = parse("postroom.toml", &text, Path::new("/")).expect("a good configuration");
    rules::load(&config).map_err(|findings| format!("{findings:?}")).expect("good files").rules
}
