//! `wait_for`: one condition, checked again and again until it holds or the step runs out of time.
//!
//! Command lines on the host, through `/bin/sh -c`: `[ -e PATH ]`.

use std::time::Duration;

use super::{Ended, StepCx, command, http, remote};
use crate::{
    command::{Command, Exit},
    event::{StepResult, Verdict},
    playbook::{Condition, WaitFor},
};

const CONNECT: Duration = Duration::from_secs(5);
const SHORTEST: Duration = Duration::from_millis(100);

pub(super) async fn run(cx: &mut StepCx<'_>, spec: &WaitFor) -> Ended {
    if cx.check {
        return Ok(StepResult::would("would wait for it"));
    }
    loop {
        let why = match holds(cx, &spec.condition).await? {
            Ok(()) => return Ok(StepResult::ok("it holds")),
            Err(why) => why,
        };
        if cx.remaining().is_zero() {
            return Ok(StepResult::failed("timeout", format!("timed out: {why}")));
        }
        cx.journal.progress(&why);
        tokio::time::sleep(spec.interval.max(SHORTEST).min(cx.remaining())).await;
    }
}

/// The inner error says why it does not hold yet. That the host is away for the moment is one of the reasons.
async fn holds(cx: &mut StepCx<'_>, condition: &Condition) -> Result<Result<(), String>, Box<StepResult>> {
    match condition {
        Condition::Port { host, port } => {
            let address = match host {
                Some(host) => cx.scope.render(host)?,
                None => cx.link.target().address.clone(),
            };
            let connected = cx.controller.connects(&address, *port, CONNECT.min(cx.remaining())).await;
            Ok(connected.map_err(|why| format!("{address} port {port}: {why}")))
        }
        Condition::Http(check) => http::holds(cx, check).await,
        Condition::Path(path) => {
            let path = cx.scope.render(path)?;
            let test = r#"[ -e "${PATCHWAVE_ROOT-}$1" ]"#;
            let command = Command::sh("path-exists", test, [&path]).privileged(cx.rights());
            match remote::read(cx, &command).await {
                Ok(output) if output.success() => Ok(Ok(())),
                Ok(output) if output.exit == Exit::Code(1) => Ok(Err(format!("{path} does not exist"))),
                Ok(output) => Ok(Err(format!("cannot check {path}: {}", output.last_lines(1)))),
                Err(error) if error.unreachable() && remote::may_pass(&error) => Ok(Err(error.to_string())),
                Err(error) => Err(error.into()),
            }
        }
        Condition::Command(line) => match command::check(cx, line).await {
            Ok(output) if output.success() => Ok(Ok(())),
            Ok(output) => Ok(Err(format!("the command: {} {}", output.exit, output.last_lines(1)))),
            Err(result) if result.verdict == Verdict::Unreachable => Ok(Err(result.summary)),
            Err(result) => Err(result),
        },
    }
}
