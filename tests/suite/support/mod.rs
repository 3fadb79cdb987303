//! What several tests need: real servers in temporary folders, and waiting for a condition.

pub(crate) mod courier;
pub(crate) mod cyrus;
pub(crate) mod plain_imap;
mod unpacked;
pub(crate) mod broken;
pub(crate) mod dovecot;
pub(crate) mod imap;
pub(crate) mod office;
pub(crate) mod scripted_imap;
pub(crate) mod reference;
pub(crate) mod samples;
pub(crate) mod postgres;
pub(crate) mod service;
pub(crate) mod wait;
