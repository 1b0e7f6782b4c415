//! What the program says about itself, and about a command line that it does not understand.

use crate::support::cli::Desk;

#[test]
fn the_program() {
    insta::assert_snapshot!(Desk::empty().run("--help").page(), @r#"
    exit code 0
    -- stdout
    Takes fleets of Linux hosts through operating-system patch waves over plain SSH: canary first, in
    batches, and it stops when a host fails

    Usage: patchwave [OPTIONS] <COMMAND>

    Commands:
      run          Take hosts through a playbook: the rollout
      plan         Show the stages and waves of a rollout, without a connection
      resume       Go on with an interrupted or stopped run
      exec         Run one command on many hosts; identical output is folded
      runs         List runs, newest first
      show         Show a run: its summary, read back from the ledger
      status       Show how far a run is, also while another shell drives it: waves, hosts in flight,
                   what it waits for
      report       Print a run as a document, for a ticket or for machines
      log          Show what one host said in a run
      approve      Let a run that waits for approval go on
      stop         Let a run drain: no new host starts, hosts in flight finish
      inventory    What an inventory means
      known-hosts  What the files of trusted host keys say
      ssh-config   Show how a host would be reached by ssh_config, in the form of `ssh -G`
      ledger       The record of all runs: where it is, whether it is whole, what may go
      demo         The whole thing on an embedded fleet: real SSH on loopback, simulated hosts, nothing
                   to install
      completions  Print shell completion
      man          Print the manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
      -V, --version          Print version

    Exit codes: 0 every selected host is ok · 1 a fault of patchwave · 2 usage, or a file that does not
    load · 3 refused · 4 stopped early, none failed · 5 hosts unreachable, none failed · 6 hosts failed
    · 7 some outcome is unknown
    "#);
}

#[test]
fn run() {
    insta::assert_snapshot!(Desk::empty().run("run --help").page(), @r#"
    exit code 0
    -- stdout
    Take hosts through a playbook: the rollout

    Usage: patchwave run [OPTIONS] --inventory <FILE> <PLAYBOOK>

    Arguments:
      <PLAYBOOK>
              The playbook

    Options:
      -i, --inventory <FILE>
              An inventory file; may be given several times

      -v, --verbose...
              More in the log file (-v debug, -vv everything)

      -e, --extra-vars <K=V>
              A variable, as `key=value`, or `@file.yml`; wins over all others

          --state-dir <DIR>
              Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
              $XDG_STATE_HOME/patchwave]

      -l, --limit <PATTERN>
              Only these hosts: a pattern, `@failed`, `@unfinished`, `@RUN:failed`, `@file`

          --check
              Change nothing on any host; say what would be done

              [alias: --dry-run]

      -y, --yes
              Do not ask for confirmation

          --ignore-window
              Start hosts outside their maintenance window

          --steal-lease
              Change hosts even if another run has their lease; who it was taken from is recorded

          --json
              Events as NDJSON on standard output; the summary goes to standard error

      -h, --help
              Print help (see a summary with '-h')

    Connection:
      -u, --user <USER>
              Log in as this user, unless the inventory says otherwise

          --private-key <FILE>
              A private key, unless the inventory says otherwise

              [alias: --key-file]

          --host-keys <POLICY>
              What to do with a host key that is not on file

              Possible values:
              - strict:     Refuse the host
              - accept-new: Record the key; a changed key is refused all the same
              - ask:        Ask at the terminal, one host after the other, and record what is confirmed

              [default: strict]

          --known-hosts <FILE>
              Trusted host keys, in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts

      -k, --ask-pass
              Ask for the login password

      -K, --ask-become-pass
              Ask for the password of sudo or su

      -f, --forks <N>
              Most hosts in flight

              [default: 256]

          --connect-rate <N>
              Most new connections per second, after the first few; 0: no limit

              [default: 200]

          --connect-timeout <TIME>
              Limit for name lookup and TCP connect

          --auth-timeout <TIME>
              Limit for authentication
    "#);
}

#[test]
fn exec() {
    insta::assert_snapshot!(Desk::empty().run("exec --help").page(), @r#"
    exit code 0
    -- stdout
    Run one command on many hosts; identical output is folded

    Usage: patchwave exec [OPTIONS] --inventory <FILE> <PATTERN> -- <CMD>...

    Arguments:
      <PATTERN>
              Which hosts

      <CMD>...
              The command and its arguments; one argument alone is a line for `/bin/sh`

    Options:
      -i, --inventory <FILE>
              An inventory file; may be given several times

      -v, --verbose...
              More in the log file (-v debug, -vv everything)

      -e, --extra-vars <K=V>
              A variable, as `key=value`, or `@file.yml`; wins over all others

          --state-dir <DIR>
              Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
              $XDG_STATE_HOME/patchwave]

      -r, --become
              Run it with raised rights, whatever the inventory says

          --timeout <TIME>
              Limit for the command on each host

              [default: 5m]

          --json
              One JSON object per host on standard output

      -h, --help
              Print help (see a summary with '-h')

    Connection:
      -u, --user <USER>
              Log in as this user, unless the inventory says otherwise

          --private-key <FILE>
              A private key, unless the inventory says otherwise

              [alias: --key-file]

          --host-keys <POLICY>
              What to do with a host key that is not on file

              Possible values:
              - strict:     Refuse the host
              - accept-new: Record the key; a changed key is refused all the same
              - ask:        Ask at the terminal, one host after the other, and record what is confirmed

              [default: strict]

          --known-hosts <FILE>
              Trusted host keys, in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts

      -k, --ask-pass
              Ask for the login password

      -K, --ask-become-pass
              Ask for the password of sudo or su

      -f, --forks <N>
              Most hosts in flight

              [default: 256]

          --connect-rate <N>
              Most new connections per second, after the first few; 0: no limit

              [default: 200]

          --connect-timeout <TIME>
              Limit for name lookup and TCP connect

          --auth-timeout <TIME>
              Limit for authentication
    "#);
}

#[test]
fn the_smaller_ones() {
    let desk = Desk::empty();
    let page = |command: &str| desk.run(&format!("{command} --help")).ended(0).page();
    let pages: String = [
        "plan",
        "resume",
        "runs",
        "show",
        "status",
        "report",
        "log",
        "approve",
        "stop",
        "inventory",
        "inventory hosts",
        "ledger verify",
        "ledger prune",
        "demo",
        "completions",
        "man",
    ]
    .map(page)
    .concat();
    insta::assert_snapshot!(pages, @r#"
    exit code 0
    -- stdout
    Show the stages and waves of a rollout, without a connection

    Usage: patchwave plan [OPTIONS] --inventory <FILE> <PLAYBOOK>

    Arguments:
      <PLAYBOOK>  The playbook

    Options:
      -i, --inventory <FILE>  An inventory file; may be given several times
      -v, --verbose...        More in the log file (-v debug, -vv everything)
      -e, --extra-vars <K=V>  A variable, as `key=value`, or `@file.yml`; wins over all others
          --state-dir <DIR>   Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                              $XDG_STATE_HOME/patchwave]
      -l, --limit <PATTERN>   Only these hosts
          --json              The plan as JSON
          --all               Every host by name
      -h, --help              Print help
    exit code 0
    -- stdout
    Go on with an interrupted or stopped run

    Usage: patchwave resume [OPTIONS] [RUN]

    Arguments:
      [RUN]
              The run; the newest when it is not given

    Options:
      -l, --limit <PATTERN>
              Start only these of the hosts that wait; open hosts are settled all the same

      -v, --verbose...
              More in the log file (-v debug, -vv everything)

          --accept-changed-plan
              Go on although playbook or inventory have changed. The recorded steps are carried out,
              with the variables of now

          --state-dir <DIR>
              Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
              $XDG_STATE_HOME/patchwave]

          --steal-lease
              Change hosts even if another run has their lease; who it was taken from is recorded

          --json
              Events as NDJSON on standard output; the summary goes to standard error

      -e, --extra-vars <K=V>
              Values of the extra variables that the run was started with

      -h, --help
              Print help (see a summary with '-h')

    Connection:
      -u, --user <USER>
              Log in as this user, unless the inventory says otherwise

          --private-key <FILE>
              A private key, unless the inventory says otherwise

              [alias: --key-file]

          --host-keys <POLICY>
              What to do with a host key that is not on file

              Possible values:
              - strict:     Refuse the host
              - accept-new: Record the key; a changed key is refused all the same
              - ask:        Ask at the terminal, one host after the other, and record what is confirmed

              [default: strict]

          --known-hosts <FILE>
              Trusted host keys, in place of ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts

      -k, --ask-pass
              Ask for the login password

      -K, --ask-become-pass
              Ask for the password of sudo or su

      -f, --forks <N>
              Most hosts in flight

              [default: 256]

          --connect-rate <N>
              Most new connections per second, after the first few; 0: no limit

              [default: 200]

          --connect-timeout <TIME>
              Limit for name lookup and TCP connect

          --auth-timeout <TIME>
              Limit for authentication
    exit code 0
    -- stdout
    List runs, newest first

    Usage: patchwave runs [OPTIONS]

    Options:
      -n, --number <NUMBER>  At most this many [default: 20]
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --json             As JSON
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Show a run: its summary, read back from the ledger

    Usage: patchwave show [OPTIONS] [RUN]

    Arguments:
      [RUN]  The run; the newest when it is not given

    Options:
          --json             Its events as NDJSON
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --all              Every host, also the ones that are fine
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Show how far a run is, also while another shell drives it: waves, hosts in flight, what it waits for

    Usage: patchwave status [OPTIONS] [RUN]

    Arguments:
      [RUN]  The run; the newest when it is not given

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
      -w, --watch            Stay until the run ends, and end with its exit code: redrawn on a terminal,
                             one line per event elsewhere
          --json             As one JSON object; with --watch one whenever something has changed
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Print a run as a document, for a ticket or for machines

    Usage: patchwave report [OPTIONS] [RUN]

    Arguments:
      [RUN]
              The run; the newest when it is not given

    Options:
          --format <FORMAT>
              The document's form

              Possible values:
              - markdown: A page for a ticket
              - json:     One JSON object

              [default: markdown]

      -v, --verbose...
              More in the log file (-v debug, -vv everything)

          --state-dir <DIR>
              Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
              $XDG_STATE_HOME/patchwave]

      -h, --help
              Print help (see a summary with '-h')
    exit code 0
    -- stdout
    Show what one host said in a run

    Usage: patchwave log [OPTIONS] <RUN> <HOST>

    Arguments:
      <RUN>   The run
      <HOST>  The host

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Let a run that waits for approval go on

    Usage: patchwave approve [OPTIONS] <RUN>

    Arguments:
      <RUN>  The run, or the first letters of its id

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Let a run drain: no new host starts, hosts in flight finish

    Usage: patchwave stop [OPTIONS] <RUN>

    Arguments:
      <RUN>  The run, or the first letters of its id

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    What an inventory means

    Usage: patchwave inventory [OPTIONS] <COMMAND>

    Commands:
      check  Everything that is wrong with it, at once
      hosts  The hosts of a pattern, one a line
      list   Groups, hosts and variables as JSON, as `ansible-inventory --list` prints them; secrets are
             masked
      graph  The tree of groups
      help   Print this message or the help of the given subcommand(s)

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    The hosts of a pattern, one a line

    Usage: patchwave inventory hosts [OPTIONS] --inventory <FILE> [PATTERN]

    Arguments:
      [PATTERN]  Which hosts [default: all]

    Options:
      -i, --inventory <FILE>  An inventory file; may be given several times
      -v, --verbose...        More in the log file (-v debug, -vv everything)
      -e, --extra-vars <K=V>  A variable, as `key=value`, or `@file.yml`; wins over all others
          --state-dir <DIR>   Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                              $XDG_STATE_HOME/patchwave]
      -h, --help              Print help
    exit code 0
    -- stdout
    Check every record against its hash chain, and the whole file

    Usage: patchwave ledger verify [OPTIONS] [RUN]

    Arguments:
      [RUN]  Only this run

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Forget old runs, with their logs

    Usage: patchwave ledger prune [OPTIONS]

    Options:
          --keep-runs <N>      Keep the newest N runs
      -v, --verbose...         More in the log file (-v debug, -vv everything)
          --older-than <TIME>  Forget runs of which nothing was recorded for so long (`180d`)
          --state-dir <DIR>    Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                               $XDG_STATE_HOME/patchwave]
          --with-open          Also forget runs some of whose hosts are open: begun and not settled
      -y, --yes                Do not ask
      -h, --help               Print help
    exit code 0
    -- stdout
    The whole thing on an embedded fleet: real SSH on loopback, simulated hosts, nothing to install

    Usage: patchwave demo [OPTIONS]

    Options:
          --hosts <N>        How many simulated hosts [default: 24]
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --fail <HOST>      The host that fails (default: one in the middle of production)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
          --json             Events as NDJSON on standard output
      -h, --help             Print help
    exit code 0
    -- stdout
    Print shell completion

    Usage: patchwave completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  For which shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    exit code 0
    -- stdout
    Print the manual page

    Usage: patchwave man [OPTIONS]

    Options:
      -v, --verbose...       More in the log file (-v debug, -vv everything)
          --state-dir <DIR>  Where the ledger and the logs live [default: $PATCHWAVE_STATE_DIR, else
                             $XDG_STATE_HOME/patchwave]
      -h, --help             Print help
    "#);
}

#[test]
fn no_line_of_help_is_wider_than_a_page() {
    let desk = Desk::empty();
    for command in ["", "run", "plan", "resume", "exec", "runs", "show", "log", "inventory check", "demo"] {
        let said = desk.run(&format!("{command} --help")).ended(0);
        let long: Vec<&str> = said.out.lines().filter(|line| line.chars().count() > 100).collect();
        assert!(long.is_empty(), "{command}: {long:#?}");
    }
}

#[test]
fn completions_and_the_manual_page() {
    let desk = Desk::empty();
    for shell in ["bash", "zsh", "fish"] {
        desk.run(&format!("completions {shell}")).ended(0).says(&["patchwave", "exec", "known-hosts"]);
    }
    desk.run("man").ended(0).says(&[".TH patchwave 1", "Exit codes"]);
    // What bash makes of it.
    let script = desk.write("patchwave.bash", &desk.run("completions bash").out);
    let bash = std::process::Command::new("bash").arg("-n").arg(script).status();
    assert!(bash.is_ok_and(|status| status.success()), "bash does not read its completion");
}

#[test]
fn a_command_line_that_is_not_understood() {
    let desk = Desk::empty();
    for (line, says) in [
        ("", "Usage: patchwave"),
        ("rnu", "tip: a similar subcommand exists: 'run"),
        ("run play.yml", "--inventory <FILE>"),
        ("run play.yml -i inv.yml --forks 0", "0 is not in 1..=100000"),
        ("run play.yml -i inv.yml --connect-timeout soon", "soon"),
        ("run play.yml -i inv.yml --host-keys maybe", "possible values: strict, accept-new"),
        ("exec -i inv.yml all", "CMD"),
        ("exec -i inv.yml all true", "unexpected argument 'true'"),
        ("completions csh", "possible values: bash"),
        ("approve", "<RUN>"),
        ("demo --hosts 0", "0 is not in 1..=2000"),
        ("demo --hosts 3 --fail mail", "--fail mail: no simulated host has this name"),
    ] {
        let said = desk.run(line).ended(2).says(&[says]);
        assert_eq!(said.out, "", "{line}");
    }
}
