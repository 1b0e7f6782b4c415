//! The embedded fleet: SSH servers on loopback.
