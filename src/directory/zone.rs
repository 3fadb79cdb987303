//! Time zones by their names in the IANA database.
//!
//! The database is a table like that of the freemail domains; jiff has it from the system, where
//! it is kept up to date, or else from the binary.

use std::fmt;

use jiff::tz::TimeZone;

use crate::diagnostic::nearest;

/// A name that no time zone has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadZone(String);

impl fmt::Display for BadZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a time zone", self.0)
    }
}

impl BadZone {
    /// The way out.
    #[must_use]
    pub fn help(&self) -> String {
        let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        // Of `Berlin`, the part behind the slash is what was meant.
        let city = |name: &&String| {
            name.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(&self.0))
        };
        let near = known.iter().find(city).map(String::as_str);
        match near.or_else(|| nearest(&self.0, known.iter().map(String::as_str))) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write a name of the IANA database, as `Europe/Berlin`".to_owned(),
        }
    }
}

/// The time zone with this name.
///
/// # Errors
/// [`BadZone`] if there is none.
pub fn named(name: &str) -> Result<TimeZone, BadZone> {
    TimeZone::get(name).map_err(|_| BadZone(name.to_owned()))
}
