//! Arguments in, wiring, exit code out.
