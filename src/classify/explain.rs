//! Why a verdict is what it is, for a person.
