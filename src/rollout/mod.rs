//! Plan and state in, the next directive out. Pure.
