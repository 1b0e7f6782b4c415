//! `patchwave demo`: the whole main job on the embedded fleet, with the very commands that an operator types.

use std::path::PathBuf;

use super::{
    Failure, World,
    args::{ConnectArgs, DemoArgs, HostKeys, InventoryArgs, RunArgs},
    run::run,
};
use crate::demo::{Demo, DemoOptions};

pub(super) fn demo(args: &DemoArgs, world: &mut World) -> Result<u8, Failure> {
    let options = DemoOptions { hosts: Some(args.hosts as usize), fail: args.fail.clone() };
    let demo = Demo::prepare(&options).map_err(Failure::usage)?;
    let state_dir = demo.project().join("state");
    world.env.insert("SSH_AUTH_SOCK".to_owned(), String::new());
    world.talk(demo.opening());
    let first = walk(&demo, args, None, state_dir.clone(), world)?;
    if first != 6 {
        // The host that was broken on purpose did not stop the rollout: that is not the product that is promised.
        return Err(Failure::internal(format!(
            "the first run should have failed at {}, and ended with {first}",
            demo.broken()
        )));
    }
    world.talk(format_args!("\n{}", demo.intermission()));
    demo.heal().map_err(|error| Failure::internal(format!("the simulated host cannot be repaired: {error}")))?;
    let second = walk(&demo, args, Some("@unfinished"), state_dir, world)?;
    if second != 0 {
        return Ok(second);
    }
    world.talk(format_args!("\n{}", demo.closing()));
    Ok(0)
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
        json: args.json,
        connect: ConnectArgs {
            user: None,
            private_key: None,
            host_keys: HostKeys::Strict,
            known_hosts: Some(demo.fleet().known_hosts()),
            ask_pass: false,
            ask_become_pass: false,
            forks: 256,
            connect_timeout: None,
            auth_timeout: None,
        },
    };
    run(&arguments, state_dir, world)
}
