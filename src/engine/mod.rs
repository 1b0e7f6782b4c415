//! The only concurrent code: one dispatcher, one task per host.
