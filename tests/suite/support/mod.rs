//! What several tests need: real servers in temporary folders, and waiting for a condition.

pub(crate) mod postgres;
