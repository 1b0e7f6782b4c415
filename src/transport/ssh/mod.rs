//! The real transport: russh, our own host key check, our own deadlines.
