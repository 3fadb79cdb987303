//! What several tests need: real servers in temporary folders, and waiting for a condition.

pub(crate) mod courier;
pub(crate) mod cyrus;
pub(crate) mod plain_imap;
mod unpacked;
