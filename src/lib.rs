//! Postroom sorts a company's support mail, so that nobody has to be "the support team".
//!
//! ```text
//!  source            core: pure, synchronous, no clock, no I/O                     rim
//! ┌────────┐   ┌──────┐   ┌──────────┐   ┌───────────┐   ┌───────┐   ┌────────┐   ┌─────────┐
//! │ IMAP   │──>│ parse│──>│ identify │──>│ classify  │──>│ route │──>│ ledger │──>│ deliver │
//! │ Maildir│   │ mail │   │ who sent │   │ dictionary│   │ decide│   │ one txn│   │ outbox  │
//! └────────┘   └──────┘   │ it?      │   │ + why     │   └───┬───┘   └────────┘   └─────────┘
//!                         └──────────┘   └───────────┘       │ not sure                │ failed
//!                                                            v                         v
//!                                                        ┌─────────────────────────────────┐
//!                                                        │ assist: a person answers        │
//!                                                        └─────────────────────────────────┘
//! ```
//!
//! The modules stand in the order in which a mail meets them. Everything down to [`lint`] is
//! the core: it does no I/O, reads no clock and knows no tokio, SQL or HTTP. [`seams`] has the
//! traits at which the core meets the world; [`rim`] has what stands behind them, and [`cli`] the
//! commands. A test in `tests/` keeps the direction.

pub mod diagnostic;
pub mod mail;
pub mod directory;
pub mod dictionary;
pub mod classify;
pub mod route;
pub mod assist;
pub mod learn;
pub mod lint;

pub mod seams;
pub mod pipeline;
pub mod config;
pub mod serve;
pub mod rim;
pub mod cli;

mod workers;
mod killpoint;
