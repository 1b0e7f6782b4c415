//! One attempt of a step, whatever its kind: its lease before, what its kind does, its guard after.

use serde_json::json;

use super::{
    Ended, StepCx,
    act::{act, first_asks},
    guard, job,
    kinds::{Recovery, begins_with_a_job, recovery, runs_once, takes_lease},
    lease, remote, result,
};
use crate::{
    event::{StepResult, Verdict},
    hint::Hint,
    playbook::Side,
};

/// Runs one attempt of a step to its end. With `register`, the variable of that name is among the result's.
pub async fn run(cx: &mut StepCx<'_>) -> StepResult {
    let began = tokio::time::Instant::now();
    cx.guard = guard::recall(cx);
    let ended = match attempt(cx).await {
        Err(early) if job::is_noted(cx) => Err(result::unseen("a job of this step was started before", early)),
        Err(early) if cx.resumed && takes_lease(cx.spec) && recovery(cx.spec) == Recovery::Rerun => {
            Err(result::unseen("this step was started before", early))
        }
        Err(early) if cx.resumed && cx.spec.on == Side::Controller && runs_once(&cx.spec.kind) => {
            Err(result::unasked(early))
        }
        ended => ended,
    };
    let result = ended.unwrap_or_else(|early| *early);
    let result = lease::told(cx, result);
    let result = guard::hand_on(cx, result);
    let mut result = guard::settle(cx, result).await;
    result.took = began.elapsed();
    result.help = result.help.map(|help| Hint::read(&help).of_run(&cx.run.0).to_string());
    if let Some(name) = &cx.spec.register
        && !result.vars.contains_key(name)
    {
        let failed = !matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
        let seen = json!({ "changed": result.changed, "failed": failed, "summary": result.summary });
        result.vars.insert(name.clone(), seen);
    }
    result
}

async fn attempt(cx: &mut StepCx<'_>) -> Ended {
    // A step that is taken over and noted something had its lease before: it goes on even while the host is away.
    // A note that it was about to take the lease from another run does not prove that it did.
    let goes_on = cx.resumed && cx.notes.keys().any(|key| !key.starts_with("lease."));
    if takes_lease(cx.spec) && !cx.check && !goes_on {
        // A job's start asks by itself. But an earlier controller may have ended before it asked: then the job must
        // not be noted before the lease is this run's, or a lease that is missing later would mean that the host lost
        // the job.
        let start_asks = cx.leased && !cx.resumed && begins_with_a_job(cx.spec);
        if !start_asks {
            let asks = std::iter::once(lease::first_ask(cx)).chain(first_asks(cx, &cx.spec.kind)).collect();
            remote::ask_ahead(cx, asks).await?;
            lease::acquire(cx).await?;
        }
        // Recorded before the first change: a controller that continues this walk must find the same machine.
        if let Some(query) = cx.link.id_query() {
            let id = remote::ask(cx, &query).await?;
            cx.link.learn_id(id);
        }
        if let Some(machine) = cx.link.take_news() {
            let (key, value) = machine.note();
            cx.journal.note(key, value).await?;
        }
    }
    let spec = cx.spec;
    let ended = act(cx, &spec.kind).await;
    let fine = |result: &StepResult| matches!(result.verdict, Verdict::Ok | Verdict::Skipped);
    match (guard::would(cx)?.filter(|_| cx.check), ended) {
        (Some(would), Ok(mut result)) if fine(&result) => {
            result.forecast.iter_mut().for_each(|forecast| forecast.notes.push(would.clone()));
            let summary = format!("{}; {would}", result.summary);
            Ok(StepResult { summary, found_work: true, ..result })
        }
        (_, ended) => ended,
    }
}
