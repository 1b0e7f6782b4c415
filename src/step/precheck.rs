//! `precheck`: is the host fit to be patched? Only looks. Reports everything that is wrong at once, and remembers what
//! was already wrong (`baseline`).
//!
//! Command lines on the host, through `/bin/sh -c`: `df -P -k -- PATH`, `cat /proc/loadavg`.

use super::{Ended, StepCx, baseline, command, disk, packages, remote, services};
use crate::{
    command::{Command, Output, Query, Unreadable, printable},
    event::StepResult,
    pkg::Class,
    playbook::Precheck,
};

const DISK: &str = r#"for p; do
  f=${PATCHWAVE_ROOT-}$p
  if [ -d "$f" ] || [ -e "$f" ]; then df -P -k -- "$f" 2>/dev/null | tail -n 1; else echo missing; fi
done
echo end"#;

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &Precheck) -> Ended {
    let mut wrong = Vec::new();
    let asks = asks(cx, spec);
    remote::ask_ahead(cx, asks).await?;
    if !spec.disk_free.is_empty() {
        disks(cx, spec, &mut wrong).await?;
    }
    if spec.packages_healthy {
        wrong.extend(packages::check(cx).await?);
    }
    if let Some(most) = spec.load_below {
        let load = remote::ask(cx, &load()).await?;
        if load >= most {
            wrong.push(StepResult::failed("load", format!("the load is {load:.2}, not below {most}")));
        }
    }
    if let Some(list) = &spec.services {
        let names = services::names(cx, list)?;
        if !names.is_empty() {
            let states = remote::ask(cx, &services::states(&names)).await?;
            wrong.extend(services::not_active(&states).map(|down| StepResult::failed("service", down)));
        }
    }
    if let Some(line) = &spec.command {
        let output = command::check(cx, line).await?;
        if !output.success() {
            wrong.push(StepResult::failed("command", format!("the check command: {}", output.exit)).said(&output));
        }
    }
    if !wrong.is_empty() {
        return Ok(together(wrong));
    }
    let result = StepResult::ok("ready to be patched");
    // Without it, verify counts old journal lines as new. That is not a reason to leave a host unpatched.
    let now = remote::ask(cx, &baseline::query(None, cx.rights())).await;
    Ok(match now.ok().and_then(|since| serde_json::to_value(since.seen).ok()) {
        Some(seen) => result.var("baseline", seen),
        None => result,
    })
}

/// All that it will ask, as far as that is known by now.
fn asks(cx: &StepCx<'_>, spec: &Precheck) -> Vec<Command> {
    let mut asks = Vec::new();
    if !spec.disk_free.is_empty() {
        asks.push(free(spec).command);
    }
    if spec.packages_healthy {
        asks.extend(packages::check_asks(cx));
    }
    if spec.load_below.is_some() {
        asks.push(load().command);
    }
    let names = spec.services.as_ref().and_then(|list| services::names(cx, list).ok()).unwrap_or_default();
    if !names.is_empty() {
        asks.push(services::states(&names).command);
    }
    asks.push(baseline::query(None, cx.rights()).command);
    asks
}

fn free(spec: &Precheck) -> Query<Vec<Option<u64>>> {
    let count = spec.disk_free.len();
    Query::new(Command::sh("disk-free", DISK, spec.disk_free.keys().cloned()), move |output| free_kib(output, count))
}

async fn disks(cx: &mut StepCx<'_>, spec: &Precheck, wrong: &mut Vec<StepResult>) -> Result<(), Box<StepResult>> {
    let free = remote::ask(cx, &free(spec)).await?;
    for ((path, least), free) in spec.disk_free.iter().zip(free) {
        match free {
            Some(free) if free >= least.div_ceil(1024) => {}
            Some(free) => {
                let (free, least) = (disk::size(free.saturating_mul(1024)), disk::size(*least));
                wrong.push(packages::failed(Class::Disk, format!("{path} has {free} free, {least} needed")));
            }
            None => wrong.push(packages::failed(Class::Disk, format!("{path} does not exist or cannot be measured"))),
        }
    }
    Ok(())
}

/// One line of `df -P` per path; `None` for a path that is not there.
fn free_kib(output: &Output, count: usize) -> Result<Vec<Option<u64>>, Unreadable> {
    let text = output.text();
    let lines: Vec<&str> = text.lines().collect();
    match lines.split_last() {
        Some((&"end", lines)) if lines.len() == count => Ok(lines.iter().map(|line| disk::free_kib(line)).collect()),
        _ => Err(Unreadable::new(format!("cannot read the free space: {}", output.last_lines(1)))),
    }
}

fn load() -> Query<f64> {
    Query::new(Command::sh("load", r#"cat "${PATCHWAVE_ROOT-}/proc/loadavg""#, [""; 0]), |output| {
        let text = output.text();
        let first = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
        first.filter(|load| load.is_finite()).ok_or_else(|| Unreadable::new(format!("load {:?}", printable(&text))))
    })
}

/// Several failures as one: the first gives the class, the summary names them all.
pub(super) fn together(mut wrong: Vec<StepResult>) -> StepResult {
    if wrong.len() == 1 {
        return wrong.remove(0);
    }
    let summary = wrong.iter().map(|result| result.summary.as_str()).collect::<Vec<_>>().join("; ");
    let class = wrong.first().map(|result| result.class.clone()).unwrap_or_default();
    let help = wrong.iter_mut().find_map(|result| result.help.take());
    let mut result = StepResult::failed(&class, summary).detail(wrong.into_iter().flat_map(|result| result.detail));
    result.help = help;
    result
}
