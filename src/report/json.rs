//! The whole run as one JSON object: stable keys, times in RFC 3339, lengths in seconds.

use serde_json::{Value, json};

use crate::event::{Ground, HostAt, HostState, RunState, StepPhase, StepRef, Tally};

/// The run as one object. Every host of the plan stands in `hosts` with exactly one outcome; `in_flight` is one only while
/// the run is `driven`, and what it would be without its controller is `unknown`.
pub fn json(state: &RunState, driven: bool) -> Value {
    let started = &state.started;
    json!({
        "run": started.run,
        "playbook": started.plan.playbook,
        "playbook_path": started.playbook_path,
        "inventory_paths": started.inventory_paths,
        "limit": started.limit,
        "check": started.check,
        "digest": started.digest,
        "operator": started.operator,
        "controller": started.controller,
        "version": started.version,
        "started_at": state.started_at,
        "last_at": state.last_at,
        "finished": state.finished,
        "resumes": state.resumes,
        "exit_code": state.exit_code(),
        "driven": driven,
        "counts": counts(&state.tally, driven),
        "stages": state.stages.iter().zip(&started.plan.stages).map(|(stage, planned)| json!({
            "name": planned.name,
            "environment": planned.environment,
            "risk": planned.risk,
            "counts": counts(&stage.tally, driven),
            "approved_by": stage.approved_by,
            "waves": stage.waves.iter().zip(&planned.waves).map(|(wave, planned)| json!({
                "canary": planned.canary,
                "counts": counts(&wave.tally, driven),
                "gate": wave.gate.as_ref().map(|(passed, summary)| json!({ "passed": passed, "summary": summary })),
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "hosts": state.hosts.iter().map(|one| host(state, one, driven)).collect::<Vec<_>>(),
    })
}

fn counts(tally: &Tally, driven: bool) -> Value {
    let (in_flight, lost) = if driven { (tally.in_flight, 0) } else { (0, tally.in_flight) };
    json!({
        "total": tally.total,
        "ok": tally.ok,
        "failed": tally.failed,
        "unreachable": tally.unreachable,
        "unknown": tally.unknown + lost,
        "skipped": tally.skipped,
        "in_flight": in_flight,
        "not_started": tally.waiting(),
    })
}

/// How a host stands, in a word.
pub(super) fn standing(host: &HostState, driven: bool) -> &'static str {
    if driven && host.at == HostAt::InFlight { "in_flight" } else { host.outcome().as_str() }
}

fn host(state: &RunState, host: &HostState, driven: bool) -> Value {
    let packages: Vec<_> = host.steps.iter().flat_map(|(_, result)| &result.packages).collect();
    json!({
        "host": host.name,
        "stage": state.plan().stages[host.stage].name,
        "wave": host.wave + 1,
        "outcome": standing(host, driven),
        "current": host.current.as_ref().map(|current| json!({
            "name": step_name(state, current.step),
            "phase": current.step.phase,
            "attempt": current.attempt,
            "since": current.since,
        })),
        "started_at": host.started_at,
        "finished_at": host.finished_at,
        "took_s": host.took(state.last_at).map(|took| took.as_secs_f64()),
        "rebooted": host.rebooted(),
        "packages": packages,
        "leases_taken": host.leases.iter().map(|lease| json!({
            "run": lease.run,
            "owner": lease.owner,
            "age_s": lease.age.as_secs(),
            "stolen": lease.ground == Ground::Stolen,
        })).collect::<Vec<_>>(),
        "steps": host.steps.iter().map(|(step, result)| json!({
            "name": step_name(state, *step),
            "phase": step.phase,
            "verdict": result.verdict,
            "class": result.class,
            "summary": result.summary,
            "detail": result.detail,
            "changed": result.changed,
            "took_s": result.took.as_secs_f64(),
        })).collect::<Vec<_>>(),
    })
}

/// The step's name in its playbook.
pub(super) fn step_name(state: &RunState, step: StepRef) -> &str {
    let list = match step.phase {
        StepPhase::Main | StepPhase::Always => &state.plan().steps,
        StepPhase::OnFailure => &state.plan().on_failure,
        StepPhase::Gate => return "gate",
    };
    list.get(step.index).map_or("", |spec| &spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample::*;

    #[test]
    fn every_host_has_one_outcome_and_the_counts_agree() {
        let mut sample = Sample::of(plan(&[("staging", &["s1"]), ("production", &["p1", "p2 p3"])]));
        sample.good("s1").bad("p1", "lock", "held").start("p2").begin("p2", main_step(0));
        sample.note("p2", main_step(0), "lease.stolen", json!({ "run": "R1", "owner": "bob@jump2", "age_s": 60 }));
        let value = json(&sample.state, false);
        let outcomes: Vec<_> = value["hosts"].as_array().unwrap().iter().map(|h| h["outcome"].clone()).collect();
        assert_eq!(outcomes, ["ok", "failed", "unknown", "not_started"]);
        let expected = json!({
            "total": 4, "ok": 1, "failed": 1, "unreachable": 0, "unknown": 1, "skipped": 0, "in_flight": 0,
            "not_started": 1
        });
        assert_eq!(value["counts"], expected);
        assert_eq!(value["exit_code"], 7);
        let driven = json(&sample.state, true);
        let counted = &driven["counts"];
        assert_eq!((&counted["unknown"], &counted["in_flight"]), (&json!(0), &json!(1)));
        let open = &driven["hosts"][2];
        assert_eq!((&open["outcome"], &open["current"]["name"]), (&json!("in_flight"), &json!("Ready to be patched")));
        let s1 = &value["hosts"][0];
        assert_eq!(s1["packages"][0], json!({ "name": "openssl", "from": "1.0", "to": "1.1" }));
        assert_eq!(
            (&s1["rebooted"], &s1["took_s"], &s1["started_at"]),
            (&json!(true), &json!(3.0), &json!("2026-11-22T02:00:00Z"))
        );
        assert_eq!(value["hosts"][1]["steps"][1]["name"], "Security updates");
        let lease = json!([{ "run": "R1", "owner": "bob@jump2", "age_s": 60, "stolen": true }]);
        assert_eq!((&value["hosts"][2]["leases_taken"], &value["hosts"][0]["leases_taken"]), (&lease, &json!([])));
    }
}
