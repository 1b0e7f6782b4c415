//! The tree of a YAML document, each node with its place.
