//! `patchwave demo`: the whole main job on the embedded fleet, with the very commands that an operator types.

use std::path::PathBuf;

use crate::{
    cli::{
        Failure, World,
        args::{ConnectArgs, DemoArgs, HostKeys, InventoryArgs, RunArgs},
        command::run::run,
    },
    demo::{Demo, DemoOptions},
    ledger::Ledger,
};

/// The exit code of a run in which a host failed.
const FAILED: u8 = 6;

pub(in crate::cli) fn demo(args: &DemoArgs, world: &mut World) -> Result<u8, Failure> {
    let options = DemoOptions { hosts: Some(args.hosts as usize), fail: args.fail.clone() };
    let demo = Demo::prepare(&options).map_err(Failure::usage)?;
    let state_dir = demo.project().join("state");
    // The operator's own agent has no business with simulated hosts.
    world.env.remove("SSH_AUTH_SOCK");
    world.talk(demo.opening());
    let first = walk(&demo, args, None, state_dir.clone(), world)?;
    if first != FAILED {
        let broken = demo.broken();
        return Err(Failure::internal(format!("the first run should have failed at {broken}, and ended with {first}")));
    }
    let halted = last_run(&state_dir)?;
    world.talk(format_args!("\n{}", demo.intermission()));
    demo.heal().map_err(|error| Failure::internal(format!("the simulated host cannot be repaired: {error}")))?;
    let second = walk(&demo, args, Some("@failed"), state_dir.clone(), world)?;
    if second != 0 {
        return Ok(second);
    }
    if halted.1 > 0 {
        world.talk("\nThe repaired host is fine. Now the hosts that had not been started:\n");
        let third = walk(&demo, args, Some(&format!("@{}:not_started", halted.0)), state_dir, world)?;
        if third != 0 {
            return Ok(third);
        }
    }
    world.talk(format_args!("\n{}", demo.closing()));
    Ok(0)
}

/// The newest run, and how many of its hosts were never started.
fn last_run(state_dir: &std::path::Path) -> Result<(String, usize), Failure> {
    let ledger = Ledger::open_read_only(state_dir)?;
    let run = ledger.last_run()?.ok_or_else(|| Failure::internal("the ledger is empty"))?;
    let state = ledger.state(&run)?;
    Ok((run.to_string(), state.tally.waiting()))
}

fn walk(
    demo: &Demo,
    args: &DemoArgs,
    limit: Option<&str>,
    state_dir: PathBuf,
    world: &mut World,
) -> Result<u8, Failure> {
    let limited = limit.map(|limit| format!(" --limit {limit}")).unwrap_or_default();
    world.talk(format_args!("$ patchwave run playbooks/rolling-patch.yml -i inventories/demo.yml --yes{limited}\n"));
    let arguments = RunArgs {
        playbook: demo.playbook(),
        inventory: InventoryArgs { inventory: vec![demo.inventory()], extra_vars: Vec::new() },
        limit: limit.map(str::to_owned),
        check: false,
        yes: true,
        ignore_window: false,
        steal_lease: false,
        json: args.json,
        connect: ConnectArgs {
            ssh_config: Some("none".to_owned()),
            user: None,
            private_key: None,
            host_keys: HostKeys::Strict,
            known_hosts: Some(demo.fleet().known_hosts()),
            ask_pass: false,
            ask_become_pass: false,
            password_command: None,
            become_password_command: None,
            forks: 256,
            connect_rate: 0,
            connect_timeout: None,
            auth_timeout: None,
        },
    };
    run(&arguments, state_dir, world)
}
