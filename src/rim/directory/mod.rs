//! Where the directory is had from: files, a database, a service, people's calendars.
//!
//! Whatever the source, the core gets the same: texts of the documented shape for tables, and
//! answers and absences for what changes by the minute.

mod calendars;
mod service;
mod sql;

pub use calendars::{Calendars, Trouble};
pub use service::Service;
pub use sql::{AWAY, Tables, read as read_tables};
