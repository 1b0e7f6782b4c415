//! Reads a mapping key by key and reports everything that is wrong with it at once.
