//! `patchwave exec`.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use futures::StreamExt;

use super::{
    Failure, World,
    args::ExecArgs,
    commands::print,
    past::Past,
    prepare::load_inventory,
    rollout::{forks, runtime, transport},
    roster::{Hosts, Overlay},
};
use crate::{
    command::Command,
    engine::{Answer, fan_out},
    transport::NoSink,
    ui,
};

pub(super) fn exec(args: &ExecArgs, state_dir: PathBuf, world: &mut World) -> Result<u8, Failure> {
    let inventory = load_inventory(&args.inventory, world)?;
    let past = Past { state_dir, playbook: None };
    let selected = inventory.select(&args.pattern, &past).map_err(Failure::usage)?;
    let overlay = Overlay::new(&args.connect, world)?;
    let hosts = Hosts::new(Arc::new(inventory), Default::default(), &selected, &overlay)?;
    let targets = hosts.targets(&selected);
    let raise = args.raise || targets.iter().any(|target| target.escalation.on);
    let command = match args.command.as_slice() {
        [line] => Command::sh("the command", line, [""; 0]),
        words => Command::reads("the command", words.iter().cloned()),
    };
    // A command of a person may change the host: it is never sent twice.
    let mut command = command.changing().privileged(raise).timeout(args.timeout);
    command.keep = 1 << 20;
    let transport = transport(&args.connect, world)?;
    let forks = forks(args.connect.forks, world);
    let runtime = runtime()?;
    let mut results: Vec<ui::ExecResult> = runtime.block_on(async {
        fan_out(transport, targets, Arc::new(command), forks, |_| NoSink).map(answered).collect().await
    });
    let order: HashMap<_, _> = selected.iter().zip(0..).collect();
    results.sort_by_key(|result| order.get(&result.host).copied());
    if args.json {
        for value in ui::exec_json(&results) {
            print(world, &format!("{value}\n"))?;
        }
    } else {
        let most = if world.stdout_is_terminal { 4 * usize::from(world.width()) } else { usize::MAX };
        let (blocks, counts) = ui::exec_text(&results, most, world.paint(world.stdout_is_terminal));
        print(world, &blocks)?;
        world.talk(counts.trim_end());
    }
    Ok(ui::exec_exit_code(&results))
}

fn answered(answer: Answer) -> ui::ExecResult {
    let Answer { host, result, took } = answer;
    match result {
        Ok(output) => ui::ExecResult {
            host,
            took,
            end: output.exit.into(),
            dropped: output.dropped,
            stdout: output.stdout,
            stderr: output.stderr,
        },
        Err(error) => ui::ExecResult {
            host,
            took,
            end: ui::ExecEnd::NoAnswer {
                class: error.class().to_owned(),
                unknown: error.outcome_unknown(),
                why: error.to_string(),
                // The same limit is a step's in a run; here it is an option.
                help: match error.class() {
                    "command-timeout" => Some("`--timeout` sets how long it may take".to_owned()),
                    _ => error.help().map(str::to_owned),
                },
            },
            dropped: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
        },
    }
}
