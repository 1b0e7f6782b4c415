//! Patterns of names in the configuration of a host's package manager.

use globset::{Glob, GlobSet, GlobSetBuilder};

/// What matches any of them. A pattern that cannot be read matches nothing.
pub(in crate::pkg) fn globs(patterns: &[String]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        builder.add(glob);
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}
