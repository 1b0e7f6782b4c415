//! The integration tests: one binary, so that it links once.

mod cli;
mod contract;
mod demo_fleet;
mod docs;
mod exec;
mod fault_matrix;
mod fuzz_corpus;
mod guard;
mod inventory_corpus;
mod known_hosts_check;
mod settings_answers;
mod simulation;
mod ssh;
mod ssh_agent;
mod ssh_auth;
mod ssh_bastion;
mod ssh_certificates;
mod ssh_config;
mod ssh_exec;
mod ssh_host_keys;
mod ssh_login_shell;
mod ssh_password;
mod ssh_proxy_command;
mod ssh_throttle;
mod steps_lab;
mod support;
