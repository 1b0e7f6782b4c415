//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Takes fleets of Linux hosts through operating-system patch waves over plain SSH: canary first, in batches, and it
/// stops when a host fails.
#[derive(Debug, Parser)]
#[command(name = "patchwave", version, max_term_width = 100, arg_required_else_help = true)]
#[command(
    after_help = "Exit codes: 0 every selected host is ok · 1 a fault of patchwave · 2 usage, or a file that does \
                        not load · 3 refused · 4 stopped early, none failed · 5 hosts unreachable, none failed · \
                        6 hosts failed · 7 some outcome is unknown"
)]
pub struct Cli {
    /// Write more to the log file (-v debug, -vv everything).
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else $XDG_STATE_HOME/patchwave].
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take hosts through a playbook: the rollout.
    Run(RunArgs),
    /// Show the stages and waves of a rollout, without a connection.
    Plan(PlanArgs),
    /// Continue an interrupted or stopped run.
    Resume(ResumeArgs),
    /// Run one command on many hosts; identical output is folded.
    Exec(ExecArgs),
    /// List runs, newest first.
    Runs(RunsArgs),
    /// Show a run: its summary, read back from the ledger.
    Show(ShowArgs),
    /// Show how far a run is, also while another shell drives it: waves, hosts in flight, what it waits for.
    Status(StatusArgs),
    /// Print a run as a document, for a ticket or for machines.
    Report(ReportArgs),
    /// Show the output of one host in a run.
    Log(LogArgs),
    /// Approve a run that waits for approval.
    Approve(RunArg),
    /// Let a run drain: no new host starts, hosts in flight finish.
    ///
    /// A second time: hosts stop before their next step. A third time: it leaves at once, jobs on hosts go on.
    Stop(RunArg),
    /// Check and print an inventory.
    #[command(subcommand)]
    Inventory(InventoryCommand),
    /// Look up trusted host keys.
    #[command(subcommand)]
    KnownHosts(KnownHostsCommand),
    /// Show how a host would be reached by ssh_config, in the form of `ssh -G`.
    SshConfig(SshConfigArgs),
    /// The run history: verify, prune and repair it.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Try it on an embedded fleet: real SSH on loopback, simulated hosts, nothing to install.
    Demo(DemoArgs),
    /// Print shell completion.
    Completions {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page.
    Man,
}

/// Where hosts come from, and what is set from the command line.
#[derive(Clone, Debug, Args)]
pub struct InventoryArgs {
    /// An inventory file; may be given several times.
    #[arg(short, long, value_name = "FILE", required = true)]
    pub inventory: Vec<PathBuf>,
    /// A variable, as `key=value`, or `@file.yml`; wins over all others.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
}

/// How hosts are reached.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Connection")]
pub struct ConnectArgs {
    /// Log in as this user, unless the inventory says otherwise.
    #[arg(short, long, value_name = "USER")]
    pub user: Option<String>,
    /// A private key, unless the inventory says otherwise.
    #[arg(long, visible_alias = "key-file", value_name = "FILE")]
    pub private_key: Option<PathBuf>,
    /// Read this ssh_config in place of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads none. The inventory wins
    /// over it.
    #[arg(short = 'F', long, value_name = "FILE")]
    pub ssh_config: Option<String>,
    /// What to do with a host key that is not on file.
    #[arg(long, value_name = "POLICY", default_value = "strict")]
    pub host_keys: HostKeys,
    /// Trusted host keys, in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts.
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Option<PathBuf>,
    /// Ask for the login password.
    #[arg(short = 'k', long)]
    pub ask_pass: bool,
    /// Ask for the password of sudo or su.
    #[arg(short = 'K', long)]
    pub ask_become_pass: bool,
    /// Read the login password from this command's output (run once on this machine by `/bin/sh`, trailing newline
    /// stripped), e.g. from a password manager.
    #[arg(long, value_name = "CMD", conflicts_with = "ask_pass")]
    pub password_command: Option<String>,
    /// Read the password of sudo or su from this command's output, as --password-command.
    #[arg(long, value_name = "CMD", conflicts_with = "ask_become_pass")]
    pub become_password_command: Option<String>,
    /// Maximum number of hosts in flight.
    #[arg(short, long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub forks: u32,
    /// Most new connections per second, after the first few; 0: no limit.
    #[arg(long, value_name = "N", default_value_t = 200)]
    pub connect_rate: u32,
    /// Limit for name lookup and TCP connect, and as much again for the handshake.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub connect_timeout: Option<Duration>,
    /// Timeout for authentication.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub auth_timeout: Option<Duration>,
}

/// What to do with a host key that is not on file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HostKeys {
    /// Refuse the host.
    Strict,
    /// Record the key; a changed key is refused all the same.
    AcceptNew,
    /// Ask at the terminal, one host after the other, and record what is confirmed.
    Ask,
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
    /// Change nothing on any host; say what would be done.
    #[arg(long, visible_alias = "dry-run")]
    pub check: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
    /// Start hosts outside their maintenance window.
    #[arg(long)]
    pub ignore_window: bool,
    /// Change hosts even if another run holds their lease or still works there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// The state folder goes when the program ends (the demo's).
    #[arg(skip)]
    pub temporary: bool,
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
    /// The plan as JSON.
    #[arg(long)]
    pub json: bool,
    /// Show every host by name.
    #[arg(long)]
    pub all: bool,
}

/// `resume`.
#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The run [default: the newest]. Connection options default to those it was started with.
    pub run: Option<String>,
    /// Start only these of the hosts that wait; open hosts are settled all the same.
    #[arg(short, long, value_name = "PATTERN")]
    pub limit: Option<String>,
    /// Continue even though the playbook or inventory changed: run the recorded steps with the current variables.
    #[arg(long)]
    pub accept_changed_plan: bool,
    /// Change hosts even if another run holds their lease or still works there; this is recorded.
    #[arg(long)]
    pub steal_lease: bool,
    /// Events as NDJSON on standard output; the summary goes to standard error.
    #[arg(long)]
    pub json: bool,
    /// Values of the extra variables that the run was started with.
    #[arg(short = 'e', long = "extra-vars", value_name = "K=V")]
    pub extra_vars: Vec<String>,
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
    /// The command and its arguments; one argument alone is a line for `/bin/sh`.
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
    /// Run it as root (sudo or su), whatever the inventory says.
    #[arg(short = 'b', long = "become")]
    pub raise: bool,
    /// Timeout for the command on each host.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "5m")]
    pub timeout: Duration,
    /// One JSON object per host on standard output.
    #[arg(long, conflicts_with_all = ["live", "ordered", "diff"])]
    pub json: bool,
    /// Lines as they come, each behind its host's name; standard error stays standard error.
    #[arg(long)]
    pub live: bool,
    /// As --live, but one host after the other in the inventory's order.
    #[arg(long)]
    pub ordered: bool,
    /// Show the largest group of hosts whole, the others as what differs from it.
    #[arg(long, conflicts_with_all = ["live", "ordered"])]
    pub diff: bool,
    /// Give standard input, at most 64 MiB, to the command on every host.
    #[arg(long)]
    pub stdin: bool,
    /// Keep what each host says in DIR, byte by byte, as HOST.out and HOST.err.
    #[arg(long, value_name = "DIR")]
    pub log_dir: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub connect: ConnectArgs,
}

/// `ssh-config`: the options are those of `ssh`.
#[derive(Clone, Debug, Args)]
pub struct SshConfigArgs {
    /// Read this file in place of ~/.ssh/config and /etc/ssh/ssh_config; `none` reads none.
    #[arg(short = 'F', value_name = "FILE")]
    pub file: Option<String>,
    /// Port.
    #[arg(short, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Login name.
    #[arg(short, value_name = "USER")]
    pub login: Option<String>,
    /// An option as in the file: `Key=value`.
    #[arg(short, value_name = "OPTION")]
    pub option: Vec<String>,
    /// Bastions, as in ProxyJump.
    #[arg(short = 'J', value_name = "JUMPS")]
    pub jumps: Option<String>,
    /// A key file.
    #[arg(short, value_name = "KEY")]
    pub identity: Vec<PathBuf>,
    /// The host, as it would be named to ssh.
    #[arg(value_name = "[USER@]HOST")]
    pub host: String,
}

/// `runs`.
#[derive(Clone, Debug, Args)]
pub struct RunsArgs {
    /// At most this many.
    #[arg(short = 'n', long, default_value_t = 20)]
    pub number: usize,
    /// As JSON.
    #[arg(long)]
    pub json: bool,
}

/// `show`.
#[derive(Clone, Debug, Args)]
pub struct ShowArgs {
    /// The run; the newest when it is not given.
    pub run: Option<String>,
    /// Its events as NDJSON.
    #[arg(long)]
    pub json: bool,
    /// Show every host, also those that are ok.
    #[arg(long)]
    pub all: bool,
}

/// `status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The run; the newest when it is not given.
    pub run: Option<String>,
    /// Stay until the run ends, and end with its exit code: redrawn on a terminal, one line per event elsewhere.
    #[arg(short, long)]
    pub watch: bool,
    /// As one JSON object; with --watch one whenever something has changed.
    #[arg(long)]
    pub json: bool,
}

/// `report`.
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The run; the newest when it is not given.
    pub run: Option<String>,
    /// The document's form.
    #[arg(long, value_name = "FORMAT", default_value = "markdown")]
    pub format: ReportFormat,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for a ticket.
    Markdown,
    /// One JSON object.
    Json,
}

/// `log`.
#[derive(Clone, Debug, Args)]
pub struct LogArgs {
    /// The run.
    pub run: String,
    /// The host.
    pub host: String,
}

/// A run.
#[derive(Clone, Debug, Args)]
pub struct RunArg {
    /// The run, or the first letters of its id.
    pub run: String,
}

/// `ledger …`.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check every record against its hash chain, and the whole file.
    Verify {
        /// Only this run.
        run: Option<String>,
        /// Look for this hash as well, which was noted at the end of a run, or is in its report: it finds a record that
        /// was cut or rewritten with hashes that fit.
        #[arg(long, value_name = "HASH", value_parser = crate::ledger::noted_head)]
        head: Option<String>,
    },
    /// Delete old runs, with their logs.
    Prune(PruneArgs),
    /// Make a new ledger of the good events of each run; the damaged file is kept.
    Salvage,
    /// Print where the database is.
    Path,
}

/// `ledger prune`.
#[derive(Clone, Debug, Args)]
pub struct PruneArgs {
    /// Keep the newest N runs.
    #[arg(long, value_name = "N", required_unless_present = "older_than", conflicts_with = "older_than")]
    pub keep_runs: Option<usize>,
    /// Forget runs of which nothing was recorded for so long (`180d`).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub older_than: Option<Duration>,
    /// Also forget runs some of whose hosts are open: begun and not settled.
    #[arg(long)]
    pub with_open: bool,
    /// Do not ask for confirmation.
    #[arg(short, long)]
    pub yes: bool,
}

/// `inventory …`.
#[derive(Clone, Debug, Subcommand)]
pub enum InventoryCommand {
    /// Report all problems of the inventory at once.
    Check(InventoryArgs),
    /// The hosts of a pattern, one a line.
    Hosts {
        #[command(flatten)]
        #[allow(missing_docs)]
        inventory: InventoryArgs,
        /// Which hosts.
        #[arg(default_value = "all")]
        pattern: String,
    },
    /// Groups, hosts and variables as JSON, as `ansible-inventory --list` prints them; secrets are masked.
    List(InventoryArgs),
    /// Print the tree of groups.
    Graph(InventoryArgs),
}

/// `known-hosts …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KnownHostsCommand {
    /// The verdict on a server with these keys: accept, changed, unknown or revoked. Records nothing. The exit code is
    /// 0 for accept, else 3.
    Check(KnownHostsCheck),
    /// The numbers of the lines that name a host, as `ssh-keygen -F` finds them.
    Find(KnownHostsFind),
}

/// `known-hosts check`.
#[derive(Clone, Debug, Args)]
pub struct KnownHostsCheck {
    /// The host, as it is connected to.
    #[arg(long, value_name = "HOST")]
    pub host: String,
    /// Its port.
    #[arg(long, value_name = "PORT", default_value_t = 22)]
    pub port: u16,
    /// The server's host keys and certificates: lines of `.pub` files, or of `ssh-keyscan`.
    #[arg(long, value_name = "FILE")]
    pub server_keys: PathBuf,
    /// What an unknown key means. A changed or revoked key is never accepted.
    #[arg(long, value_name = "HOW", default_value = "yes")]
    pub strict: Strictness,
    /// A known_hosts file; may be given several times [default: ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts].
    #[arg(long, value_name = "FILE")]
    pub known_hosts: Vec<PathBuf>,
    /// The name that the keys are on file under, in place of host and port.
    #[arg(long, value_name = "NAME")]
    pub host_key_alias: Option<String>,
}

/// `StrictHostKeyChecking` of `known-hosts check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Strictness {
    /// An unknown key is refused.
    Yes,
    /// It would be recorded.
    AcceptNew,
    /// It would be recorded, too.
    No,
}

/// `known-hosts find`.
#[derive(Clone, Debug, Args)]
pub struct KnownHostsFind {
    /// The name, as it stands in the file: `web01`, `[web01]:2222`.
    pub name: String,
    /// The file [default: ~/.ssh/known_hosts].
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// How many simulated hosts.
    #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=2000))]
    pub hosts: u32,
    /// The host that fails (default: one in the middle of production).
    #[arg(long, value_name = "HOST")]
    pub fail: Option<String>,
    /// Keep the record of the demo's runs, to look around in it; the simulated hosts are gone all the same.
    #[arg(long)]
    pub keep: bool,
    /// Events as NDJSON on standard output.
    #[arg(long)]
    pub json: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::yaml::parse_duration(text)
}
