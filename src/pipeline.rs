//! The stages of a mail, one after the other.
