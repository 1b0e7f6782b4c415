//! Events in, characters on a screen out.
