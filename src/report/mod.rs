//! Events in, documents out.
