//! What `run`, `resume` and `plan` share: from files to a checked plan ([`prepare`]), what has changed since
//! ([`drift`]), and the run itself ([`carry_out`]).

mod agreed;
pub(super) mod carry_out;
pub(super) mod drift;
pub(super) mod experience;
pub(super) mod prepare;
