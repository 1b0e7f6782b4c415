//! Restarting units in detached jobs, sshd last, and proving afterwards that they run and that a new login works.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::{
    sort::{is_ssh, short},
    survey::Survey,
};
use crate::{
    command::Command,
    event::StepResult,
    playbook::ServiceState,
    step::{
        StepCx,
        job::{self, JobSpec},
        remote, service, services,
    },
    transport::NoSink,
};

/// What will be restarted. The note `services`; a resumed attempt goes on with it.
const NOTE: &str = "services";
const JOB: &str = "restart";
const SSH_JOB: &str = "restart-ssh";

/// One after the other, so that the log says which one hangs.
const RESTART: &str = r#"code=0
if [ "$1" = reexec ]; then systemctl daemon-reexec || { code=$?; echo "systemctl daemon-reexec: exit code $code"; }; fi
shift
for u; do
  echo "restarting $u"
  systemctl restart -- "$u" || { code=$?; echo "systemctl restart $u: exit code $code"; }
done
exit "$code""#;
/// A server that cannot read its configuration would not come back.
const RESTART_SSH: &str = r#"for u; do
  case $u in ssh*) ! command -v sshd >/dev/null 2>&1 || sshd -t || { echo "sshd refuses its configuration; it was not restarted"; exit 78; } ;; esac
  echo "restarting $u"
  systemctl restart -- "$u" || exit
done"#;

/// How long a new login may take to work again.
const LOGIN: Duration = Duration::from_secs(60);
const TRY: Duration = Duration::from_secs(15);

/// What is restarted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restarts {
    /// Process 1 loads itself again.
    pub manager: bool,
    /// Units, without those that logins come in through.
    pub units: Vec<String>,
    /// Those.
    pub ssh: Vec<String>,
}

impl Restarts {
    /// Of what was found.
    pub(super) fn of(survey: &Survey) -> Self {
        let (ssh, units) = survey.restart.iter().cloned().partition(|unit| is_ssh(unit));
        Self { manager: survey.manager, units, ssh }
    }

    /// What an earlier controller had begun to restart in this attempt.
    pub(super) fn begun(cx: &StepCx<'_>) -> Option<Self> {
        let noted = cx.notes.get(NOTE).filter(|_| job::is_recalled(cx, JOB))?;
        serde_json::from_value(noted.clone()).ok()
    }

    /// There is nothing to restart.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn all(&self) -> Vec<String> {
        self.units.iter().chain(&self.ssh).cloned().collect()
    }

    /// Their names, as people say them.
    pub(super) fn names(&self) -> Vec<String> {
        let manager = self.manager.then(|| "systemd".to_owned());
        manager.into_iter().chain(self.all().iter().map(|unit| short(unit).to_owned())).collect()
    }

    /// Restarts them and proves that they run.
    ///
    /// # Errors
    /// The step's result: class `service`, `no-login`, those of a job, and those of a lost host.
    pub(super) async fn run(&self, cx: &mut StepCx<'_>) -> Result<(), Box<StepResult>> {
        cx.journal.progress(&format!("restarting {}", self.names().join(", ")));
        cx.journal.note(NOTE, serde_json::to_value(self).unwrap_or(Value::Null)).await?;
        let reexec = if self.manager { "reexec" } else { "-" };
        let mut wrong = Vec::new();
        let words = std::iter::once(reexec.to_owned()).chain(self.units.iter().cloned());
        wrong.extend(started(cx, JOB, RESTART, words).await?);
        if !self.ssh.is_empty() {
            wrong.extend(started(cx, SSH_JOB, RESTART_SSH, self.ssh.iter().cloned()).await?);
        }
        logs_in(cx).await?;
        let all = self.all();
        if !all.is_empty() {
            let states = service::settle(cx, ServiceState::Restarted, &all).await?;
            if let Some(down) = services::not_active(&states) {
                let summary = format!("after their restart: {down}");
                let help = format!("check it on the host: systemctl status {}", all.join(" "));
                return Err(Box::new(StepResult::failed("service", summary).detail(wrong).help(help)));
            }
        }
        if let Some(first) = wrong.first() {
            let summary = format!("services were not all restarted: {first}");
            let help = "check them on the host (systemctl status UNIT, sshd -t), then run again with --limit @failed";
            return Err(Box::new(StepResult::failed("service", summary).detail(wrong.clone()).help(help)));
        }
        Ok(())
    }
}

/// Runs one job; what it said, if it did not end well.
async fn started(
    cx: &mut StepCx<'_>,
    name: &'static str,
    script: &str,
    words: impl Iterator<Item = String>,
) -> Result<Vec<String>, Box<StepResult>> {
    let command = Command::sh("restart", script, words).privileged(true);
    let end = job::run(cx, &JobSpec::new(name, command)).await?;
    if end.success() {
        return Ok(Vec::new());
    }
    let mut said = end.last_lines(8);
    // The line that says what failed comes first.
    said.sort_by_key(|line| !(line.contains(": exit code ") || line.starts_with("sshd refuses")));
    if said.is_empty() {
        said.push(end.exit.to_string());
    }
    Ok(said)
}

/// Proves that a new login works: a connection that is open proves nothing about the next one.
async fn logs_in(cx: &mut StepCx<'_>) -> Result<(), Box<StepResult>> {
    cx.journal.progress("checking that a new login works");
    let until = Instant::now() + LOGIN;
    let hello = Command::sh("new-login", "echo here", [""; 0]).timeout(TRY);
    loop {
        cx.heard.forget();
        cx.link.close().await;
        let error = match timeout(TRY, cx.link.exec(&hello, &mut NoSink)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => Some(error),
            Err(_) => {
                cx.link.close().await;
                None
            }
        };
        let hopeless = error.as_ref().is_some_and(|error| !remote::may_pass(error));
        if hopeless || Instant::now() >= until {
            let why = error.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
            let summary = format!("a new login does not work after services were restarted: {why}");
            let help = "look at its console: systemctl status ssh sshd; journalctl -u ssh -u sshd";
            return Err(Box::new(StepResult::failed("no-login", summary).help(help)));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
