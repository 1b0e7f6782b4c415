//! `patchwave demo`: a whole rollout on the embedded fleet, with the commands that an operator would type. Its ledger
//! is removed at the end unless it is kept, so its runs show no commands that need it. The last line can be typed.

use std::path::Path;

use tokio::sync::mpsc;

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, DemoArgs, HostKeys, InventoryArgs, RunArgs, VaultArgs},
        command::run::run,
        connect::runtime::runtime,
    },
    command::quote,
    demo::{Demo, DemoOptions},
    engine::{self, Signal},
    event::RunState,
    ledger::Ledger,
};

/// The exit code of a run in which a host failed.
const FAILED: u8 = 6;
/// The exit code of a run that stopped early.
const STOPPED: u8 = 4;

pub(in crate::cli) fn demo(args: &DemoArgs, world: &mut World) -> Result<u8, Failure> {
    // First, so that a signal cannot leave anything behind.
    let mut stops = Stops::listen(world)?;
    let options = DemoOptions { hosts: Some(args.hosts as usize), fail: args.fail.clone() };
    let mut demo = Demo::prepare(&options).map_err(Failure::usage)?;
    let state_dir = demo.project().join("state");
    // Simulated hosts must not see the operator's own agent.
    world.env.remove("SSH_AUTH_SOCK");
    world.talk(demo.opening());
    let end = DemoRuns { demo: &demo, args, state_dir: &state_dir, stops: &mut stops }.run_all(world);
    let keep = args.keep || (matches!(end, Ok(End::Whole)) && wants_it(args, world));
    let keep = keep && state_dir.exists();
    if keep {
        demo.keep();
    }
    // Stops the hosts.
    drop(demo);
    let code = match end? {
        End::Whole if keep => 0,
        End::Whole => {
            world.talk("\nTo start with your own hosts, make a project in a new folder:\npatchwave init patching");
            0
        }
        End::Stopped(code) => {
            world.talk("\nThe demo was stopped, and its simulated hosts are gone.");
            code
        }
        End::Other(code) => {
            world.talk("\nThe demo did not go as planned; see the output of its last run above. Its hosts are gone.");
            code
        }
    };
    if keep {
        look_around(&state_dir, world);
    }
    Ok(code)
}

/// Asks whether to keep the record, at the end of the demo.
fn wants_it(args: &DemoArgs, world: &World) -> bool {
    let asked = world.stdin_is_terminal && world.stderr_is_terminal && !args.json;
    let question = "Keep the record of these runs, to look around in it? Type yes: ";
    asked && world.prompt.line(question).is_some_and(|answer| answer.eq_ignore_ascii_case("yes"))
}

/// Shows what can be typed to look at the record.
fn look_around(state_dir: &Path, world: &mut World) {
    let typed = |path: &Path| {
        let path = path.display().to_string();
        quote(&path).unwrap_or(path)
    };
    let folder = state_dir.ancestors().nth(2).unwrap_or(state_dir);
    world.talk(format_args!(
        "\nThe record of these runs is kept, the simulated hosts are gone. When you are done: rm -r {}\n\
         To look around (also with `log`, `report` and `ledger verify` in the place of `show`):\n\
         patchwave --state-dir {dir} show\n\
         patchwave --state-dir {dir} runs",
        typed(folder),
        dir = typed(state_dir)
    ));
}

/// How the demo ended.
enum End {
    /// As intended.
    Whole,
    /// It was stopped.
    Stopped(u8),
    /// A run ended with another exit code.
    Other(u8),
}

/// The demo while it runs.
struct DemoRuns<'a> {
    demo: &'a Demo,
    args: &'a DemoArgs,
    state_dir: &'a Path,
    stops: &'a mut Stops,
}

impl DemoRuns<'_> {
    fn run_all(&mut self, world: &mut World) -> Result<End, Failure> {
        if let Err(end) = self.one_run(None, FAILED, world)? {
            return Ok(end);
        }
        world.talk(format_args!("\n{}", self.demo.intermission()));
        let cannot = |error| Failure::internal(format!("the simulated host cannot be repaired: {error}"));
        self.demo.heal().map_err(cannot)?;
        if let Err(end) = self.one_run(Some("@unfinished".to_owned()), 0, world)? {
            return Ok(end);
        }
        world.talk(format_args!("\n{}", self.demo.closing()));
        Ok(End::Whole)
    }

    /// One run that should end with this exit code; an error ends the demo.
    fn one_run(&mut self, limit: Option<String>, expected: u8, world: &mut World) -> Result<Result<(), End>, Failure> {
        if self.stops.came() {
            return Ok(Err(End::Stopped(STOPPED)));
        }
        let limited = limit.iter().map(|limit| format!(" --limit {limit}")).collect::<String>();
        world.talk(format_args!("What `patchwave run PLAYBOOK -i INVENTORY --yes{limited}` does:\n"));
        let code = run(&self.arguments(limit), self.state_dir.to_owned(), world)?;
        let state = newest(self.state_dir)?;
        Ok(match () {
            () if self.stops.came() || state.stop.is_some() => Err(End::Stopped(code)),
            () if code != expected => Err(End::Other(code)),
            () => Ok(()),
        })
    }

    fn arguments(&self, limit: Option<String>) -> RunArgs {
        RunArgs {
            playbook: self.demo.playbook(),
            inventory: InventoryArgs {
                inventory: vec![self.demo.inventory()],
                lenient: false,
                extra_vars: Vec::new(),
                vault: VaultArgs::default(),
            },
            limit,
            check: false,
            yes: true,
            ignore_window: false,
            steal_lease: false,
            json: self.args.json,
            temporary: true,
            impact: false,
            connect: ConnectArgs {
                ssh_config: Some("none".to_owned()),
                user: None,
                private_key: None,
                host_keys: HostKeys::Strict,
                known_hosts: Some(self.demo.fleet().known_hosts()),
                ask_pass: false,
                ask_become_pass: false,
                password_command: None,
                become_password_command: None,
                forks: 256,
                connect_rate: 0,
                connect_timeout: None,
                auth_timeout: None,
            },
        }
    }
}

/// The newest run.
fn newest(state_dir: &Path) -> Result<RunState, Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    let run = ledger.last_run()?.ok_or_else(|| Failure::internal("the ledger is empty"))?;
    Ok(ledger.state(&run)?)
}

/// Signals that stop the demo, also between two of its runs: a signal that killed the program would leave its hosts.
struct Stops {
    inbox: mpsc::Receiver<Signal>,
    _runtime: Option<tokio::runtime::Runtime>,
}

impl Stops {
    fn listen(world: &World) -> Result<Self, Failure> {
        let (signals, inbox) = mpsc::channel(16);
        if !world.signals {
            return Ok(Self { inbox, _runtime: None });
        }
        let runtime = runtime()?;
        {
            let _inside = runtime.enter();
            engine::listen(signals).map_err(|e| Failure::internal(format!("signals cannot be handled: {e}")))?;
        }
        Ok(Self { inbox, _runtime: Some(runtime) })
    }

    /// Whether a signal came since the last call.
    fn came(&mut self) -> bool {
        self.inbox.try_recv().is_ok()
    }
}
