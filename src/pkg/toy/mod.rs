//! A package manager that no distribution has, for the tests: the example of a new one. It keeps several versions of a
//! name side by side, as others do with kernels, and its repair takes three commands. Its database is the file `toy` of
//! a host that is a folder; outside this folder, only its line in `ALL` names it.

mod manager;
mod read;
mod walk;

pub(super) use manager::Toy;
