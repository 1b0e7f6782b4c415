//! `rollback:`: brings back the packages that upgrades changed, in exact versions, as one detached transaction. Knows
//! no package manager by name and trusts no exit code. Start at [`run`]. `plan.rs` says what is to be done, `kernel.rs`
//! which kernels stay and which one the next boot starts; `verdict.rs` judges the result by the packages.

mod carry_out;
mod kernel;
mod plan;
mod run;
#[cfg(test)]
mod tests;
mod verdict;

pub use run::run;
