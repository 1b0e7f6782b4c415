//! The command line.

mod connect;
mod demo;
mod impact;
mod init;
mod known_hosts;
mod ledger;
mod rehearse;
mod rollback;
mod scan;
mod windows;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::inventory_args::{InventoryArgs, InventoryCommand, VaultArgs};
pub use connect::{ConnectArgs, HostKeys};
pub use demo::DemoArgs;
pub use impact::ImpactArgs;
pub use init::{InitArgs, SchemaArgs, SchemaOf};
pub use known_hosts::{KnownHostsCheck, KnownHostsCommand, KnownHostsFind, Strictness};
pub use ledger::{LedgerCommand, PruneArgs};
pub use rehearse::RehearseArgs;
pub use rollback::RollbackArgs;
pub use scan::{AdvisoriesCommand, AssetsArgs, CveArgs, FactsArgs, ScanArgs};
pub use windows::WindowsArgs;

/// Takes fleets of Linux hosts through operating-system patch waves over plain SSH: a canary first, then batches, and
/// it stops when hosts fail.
#[derive(Debug, Parser)]
#[command(name = "patchwave", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 every selected host is ok · 1 an internal error of patchwave · 2 wrong usage, or a \
                        file that does not load · 3 refused · 4 stopped early or rolled back, none failed · 5 hosts \
                        unreachable, none failed · 6 hosts failed · 7 the outcome of some hosts is unknown · 8 \
                        updates are pending (scan), or a CVE is not fixed (cve)"
)]
pub struct Cli {
    /// Write more to the log file (-v debug, -vv everything).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Folder of the ledger and the logs [default: $PATCHWAVE_STATE_DIR, else $XDG_STATE_HOME/patchwave].
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a playbook on hosts, wave by wave: the rollout.
    Run(RunArgs),
    /// Show the stages and waves of a rollout without connecting.
    Plan(PlanArgs),
    /// Show what a playbook would bring to each host: packages, reboots, restarts, what would fail. Changes nothing.
    Impact(ImpactArgs),
    /// Rehearse a rollout on simulated hosts that have your hosts' names: where it halts, what is left, what to type.
    ///
    /// Reads the inventory and the playbook as `plan` does. No host is connected to, no hook is started, no message is
    /// sent. Everything goes well except what --fail, --lose, --never-back and --kill-controller ask for. The exit code
    /// is that of the run.
    Rehearse(RehearseArgs),
    /// Continue an interrupted or stopped run.
    Resume(ResumeArgs),
    /// Run a playbook again on the hosts that failed, with the options of that run.
    ///
    /// The command line is shown before it runs, and on a terminal a question is asked.
    Retry(RetryArgs),
    /// Undo what a run changed: its hosts get the packages of before, wave by wave.
    Rollback(RollbackArgs),
    /// Run one command on many hosts; identical output is printed once.
    Exec(ExecArgs),
    /// Show which updates are pending on hosts; changes nothing, and records what it saw.
    Scan(ScanArgs),
    /// Show what a host is, from its newest scan: system, hardware, kernels, containers, services.
    Facts(FactsArgs),
    /// Compare the inventory with the scans: hosts that are new, gone, replaced, stale or without a risk level.
    Assets(AssetsArgs),
    /// Show on which hosts a CVE is fixed, missing, or fixed but not booted, from their newest scans.
    Cve(CveArgs),
    /// Import advisories, which say what a CVE means for which package.
    #[command(subcommand)]
    Advisories(AdvisoriesCommand),
    /// Show when hosts may be started next: their maintenance windows, after freezes.
    Windows(WindowsArgs),
    /// List runs, newest first.
    Runs(RunsArgs),
    /// Show the summary of a run from the ledger.
    Show(ShowArgs),
    /// Show how far a run is, also from another shell: waves, hosts in flight, what it waits for.
    Status(StatusArgs),
    /// Print a run as a document, for a ticket or as JSON.
    Report(ReportArgs),
    /// Show the output of one host in a run.
    Log(LogArgs),
    /// Approve a run that is waiting for approval.
    Approve(RunArg),
    /// Drain a run: no new host starts, hosts in flight finish.
    ///
    /// A second time: hosts stop before their next step. A third time: the run ends at once, jobs on hosts go on.
    Stop(RunArg),
    /// Check and print an inventory.
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Look up trusted host keys.
    #[command(subcommand)]
    KnownHosts(KnownHostsCommand),
    /// Show how ssh_config would reach a host, in the form of `ssh -G`.
    SshConfig(SshConfigArgs),
    /// Verify, prune and rescue the record of all runs.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Make a project in a folder: inventory, playbook, hooks, settings; or around an inventory that you have.
    Init(InitArgs),
    /// Print the JSON Schema of a kind of file, for editors.
    Schema(SchemaArgs),
    /// Try patchwave on an embedded fleet: real SSH on loopback, simulated hosts, nothing to install.
    Demo(DemoArgs),
    /// Print the script that makes a shell complete commands, hosts, groups and runs.
    ///
    /// bash: `source <(patchwave completions bash)` in ~/.bashrc; zsh: the same in ~/.zshrc, after `compinit`; fish:
    /// `patchwave completions fish | source` in ~/.config/fish/config.fish.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them to a folder.
    Man(ManArgs),
}

/// `man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// The page of this command (`run`, `ledger verify`); without it, the first page. To read it: `patchwave man run |
    /// man -l -`.
    #[arg(value_name = "COMMAND")]
    pub words: Vec<String>,
    /// Write the pages of all commands to this folder (`/usr/local/share/man/man1`).
    #[arg(long, value_name = "DIR", conflicts_with = "words")]
    pub dir: Option<PathBuf>,
}

/// `run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// The playbook.
    pub playbook: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Only these hosts: a pattern, `@failed`, `@unfinished`, `@RUN:failed`, `@file`.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Change nothing on any host; show what would be done.
    #[arg(short = 'C', long, visible_alias = "dry-run")]
    pub check: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Start hosts outside their maintenance windows.
    #[arg(long)]
    pub ignore_window: bool,
    /// Change hosts even if another run holds their lease or is still working there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// The state folder is deleted when the program ends (only the demo's).
    #[arg(skip)]
    pub temporary: bool,
    /// The page begins with the packages (`impact`).
    #[arg(skip)]
    pub impact: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The playbook.
    pub playbook: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Only these hosts.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Show the plan of a run with --ignore-window.
    #[arg(long)]
    pub ignore_window: bool,
    /// Print the plan as JSON.
    #[arg(long)]
    pub json: bool,
    /// Show every host by name.
    #[arg(long)]
    pub all: bool,
}

/// `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The run [default: the newest, after a question]. By default it keeps the connection options that it was started
    /// with.
    pub run: Option<String>,
    /// Do not ask whether this is the run to resume.
    #[arg(short, long)]
    pub yes: bool,
    /// Start only these of the waiting hosts. Hosts that were in a step are settled in any case.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Continue although playbook or inventory changed: run the recorded steps with the current variables and files.
    #[arg(long)]
    pub accept_changed_plan: bool,
    /// Change hosts even if another run holds their lease or is still working there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Set the extra variables that the run was started with again; the ledger has only their names.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub vault: VaultArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `retry`.
#[derive(Clone, Debug, Args)]
pub struct RetryArgs {
    /// The run that these hosts failed in [default: the newest that is not a check].
    pub run: Option<String>,
    /// Change nothing on any host; show what would be done.
    #[arg(short = 'C', long, visible_alias = "dry-run")]
    pub check: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Start hosts outside their maintenance windows.
    #[arg(long)]
    pub ignore_window: bool,
    /// Change hosts even if another run holds their lease or is still working there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Print events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Set the extra variables that the run was started with again; the ledger has only their names.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub vault: VaultArgs,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub inventory: InventoryArgs,
    /// Which hosts.
    pub pattern: String,
    /// The command and its arguments; a single argument is a line for `/bin/sh`.
    #[arg(last = true, required_unless_present = "end", value_name = "CMD")]
    pub command: Vec<String>,
    /// Run it with raised rights (sudo, doas or su), whatever the inventory says.
    #[arg(short = 'b', long = "become")]
    pub raise: bool,
    /// Time limit for the command on each host.
    #[arg(long, value_name = "TIME", value_parser = crate::yaml::parse_duration, default_value = "5m")]
    pub timeout: Duration,
    /// Print one JSON object per host on standard output.
    #[arg(long, conflicts_with_all = ["live", "ordered", "diff"])]
    pub json: bool,
    /// Print lines as they arrive, with the host's name before each; standard error stays standard error.
    #[arg(long)]
    pub live: bool,
    /// Like --live, but one host after the other, in the order of the inventory.
    #[arg(long)]
    pub ordered: bool,
    /// Show the output of the largest group of hosts, and only the differences of the others.
    #[arg(long, conflicts_with_all = ["live", "ordered"])]
    pub diff: bool,
    /// Pass standard input, at most 64 MiB, to the command on every host.
    #[arg(long)]
    pub stdin: bool,
    /// Save the unchanged output of each host in DIR, as HOST.out and HOST.err.
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    /// End the command that an interrupted `exec` left running; that `exec` printed the ID.
    #[arg(long, value_name = "ID", conflicts_with_all = ["command", "raise", "json", "live", "ordered", "diff", "stdin", "log_dir"])]
    pub end: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `ssh-config`: the options are those of `ssh`.
#[derive(Clone, Debug, Args)]
pub struct SshConfigArgs {
    /// Read this file instead of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads none.
    #[arg(short = 'F', value_name = "FILE")]
    pub file: Option<String>,
    /// Port.
    #[arg(short, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Login name.
    #[arg(short, value_name = "USER")]
    pub login: Option<String>,
    /// An option as in ssh_config: `Key=value`.
    #[arg(short, value_name = "OPTION")]
    pub option: Vec<String>,
    /// Bastions, as in ProxyJump.
    #[arg(short = 'J', value_name = "JUMPS")]
    pub jumps: Option<String>,
    /// A key file.
    #[arg(short, value_name = "KEY")]
    pub identity: Vec<PathBuf>,
    /// The host, as you would name it to ssh.
    #[arg(value_name = "[USER@]HOST")]
    pub host: String,
}

/// `runs`.
#[derive(Clone, Debug, Args)]
pub struct RunsArgs {
    /// List at most this many.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub number: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// `show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The run [default: the one that is going on, else the newest that is not a check].
    pub run: Option<String>,
    /// Print its events as NDJSON.
    #[arg(long)]
    pub json: bool,
    /// Show every host, including those that are ok.
    #[arg(long)]
    pub all: bool,
}

/// `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The run [default: the one that is going on, else the newest that is not a check].
    pub run: Option<String>,
    /// Follow the run until it ends, then exit with its exit code. Redraws on a terminal; elsewhere one line per event.
    #[arg(short, long)]
    pub watch: bool,
    /// Print one JSON object; with --watch, another one after each change.
    #[arg(long)]
    pub json: bool,
}

/// `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The run [default: the one that is going on, else the newest that is not a check].
    pub run: Option<String>,
    /// The format of the document.
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    pub format: ReportFormat,
}

/// The format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for a ticket.
    Markdown,
    /// One JSON object.
    Json,
}

/// `log`.
#[derive(Clone, Debug, Args)]
#[command(allow_missing_positional = true)]
pub struct LogArgs {
    /// The run [default: the one that is going on, else the newest that is not a check].
    pub run: Option<String>,
    /// The host.
    pub host: String,
}

/// A run.
#[derive(Clone, Debug, Args)]
pub struct RunArg {
    /// The run, or the first letters of its id.
    pub run: String,
}
