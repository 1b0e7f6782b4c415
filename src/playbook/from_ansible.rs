//! What people write who know Ansible's tasks, and what it is here. Knows no value. Start at [`instead`].

/// Keys of a task, with what to write in a step.
const KEYS: [(&str, &str); 61] = [
    ("shell", "`command: LINE`, which is read by /bin/sh"),
    ("raw", "`command: LINE`"),
    ("package", UPGRADE),
    ("systemd", "`service: { name: NAME, state: restarted }`"),
    ("systemd_service", "`service: { name: NAME, state: restarted }`"),
    ("template", "`copy: { content: TEXT, dest: PATH }`; templates in the text are rendered"),
    ("uri", "`verify: { http: [URL] }`, or `wait_for: { http: URL }`"),
    ("win_reboot", "`reboot: required`"),
    ("assert", "`precheck: { command: LINE }`"),
    ("fail", "`precheck: { command: LINE }`"),
    ("stat", LOOK),
    ("slurp", LOOK),
    ("setup", LOOK),
    ("gather_facts", LOOK),
    ("debug", LOOK),
    ("set_fact", "`vars:` of the playbook, or `register`"),
    ("file", CHANGE),
    ("lineinfile", CHANGE),
    ("blockinfile", CHANGE),
    ("replace", CHANGE),
    ("user", CHANGE),
    ("sysctl", CHANGE),
    ("mount", CHANGE),
    ("get_url", CHANGE),
    ("unarchive", CHANGE),
    ("block", ONE_LIST),
    ("include_tasks", ONE_LIST),
    ("import_tasks", ONE_LIST),
    ("include_role", ONE_LIST),
    ("import_role", ONE_LIST),
    ("local_action", "`on: controller` beside the step"),
    ("delegate_to", "`on: controller`, for the jump box"),
    ("loop", "one step for each item, or a loop in the command line"),
    ("with_items", "one step for each item, or a loop in the command line"),
    ("until", "`retries` and `retry_delay`, or `wait_for`"),
    ("delay", "`retry_delay`"),
    ("changed_when", "`command: { run: LINE, changes: false }` for what only looks"),
    ("failed_when", "`command: { run: LINE, ok_codes: [0, 1] }`"),
    ("ignore_errors", "`command: { run: LINE, ok_codes: [0, 1] }`"),
    ("tags", "`when:` with a variable that -e sets"),
    ("no_log", "nothing: secrets are hidden by their names and values"),
    ("package_facts", LOOK),
    ("service_facts", LOOK),
    ("meta", "nothing: there are no handlers to flush, and nothing is cached"),
    ("wait_for_connection", "nothing: `reboot` waits until the host is back; `pause` only waits"),
    ("rescue", "`on_failure:` of the playbook, for a host that failed"),
    ("always", "`undrain`, which also runs for a host that failed; other steps go into `on_failure:`"),
    ("include_vars", "`vars:` of the playbook, or `group_vars/` beside the inventory"),
    ("include", ONE_LIST),
    ("args", "the keys of the step itself: `command: { run: LINE, environment: {} }`"),
    ("vars", "`vars:` of the playbook"),
    ("environment", "`command: { run: LINE, environment: { NAME: VALUE } }`"),
    ("async", NOTHING_LONG),
    ("poll", NOTHING_LONG),
    ("run_once", "a `gate` in `rollout:`, which runs once after each wave"),
    ("throttle", WAVES),
    ("any_errors_fatal", WAVES),
    ("become_user", "`ansible_become_user` in the inventory; steps that change packages need root"),
    ("become_method", "`ansible_become_method` in the inventory: sudo, doas or su"),
    ("check_mode", "`command: { run: LINE, changes: false }`, which also runs with --check"),
    ("listen", HANDLERS),
];

/// Keys of a play, with what to write in a playbook.
const KEYS_OF_PLAYS: [(&str, &str); 24] = [
    ("tasks", "`steps`"),
    ("pre_tasks", "`steps`, before the others: `precheck`, `drain`"),
    ("post_tasks", "`steps`, after the others: `verify`, `undrain`"),
    ("roles", ONE_LIST),
    ("handlers", HANDLERS),
    ("serial", WAVES),
    ("max_fail_percentage", "`rollout: { max_failures: 10% }`; the default is 0"),
    ("any_errors_fatal", "nothing: the first failed host halts the run, unless `max_failures` allows more"),
    ("throttle", "`spread` in `rollout:`, or --forks"),
    ("strategy", "`rollout: { mode: sliding }` for what `free` is used for"),
    ("order", "`rollout: { stages: [...] }`, each with the pattern of its hosts"),
    ("become", BECOME),
    ("become_user", BECOME),
    ("become_method", BECOME),
    ("remote_user", "`ansible_user` in the inventory, or --user"),
    ("user", "`ansible_user` in the inventory, or --user"),
    ("connection", "`ansible_connection` in the inventory; hosts are reached by SSH"),
    ("port", "`ansible_port` in the inventory"),
    ("gather_facts", "nothing: steps look at the host themselves; `patchwave scan` looks at all of it"),
    ("vars_files", "`-e @FILE`, or `group_vars/` beside the inventory"),
    ("vars_prompt", "`-e NAME=VALUE`, or `-e @FILE`"),
    ("environment", "`command: { run: LINE, environment: { NAME: VALUE } }` of a step"),
    ("import_playbook", "one run for each playbook, with a shell script around them"),
    ("tags", "`when:` of a step, with a variable that -e sets"),
];

const UPGRADE: &str = "`upgrade: { scope: security }`, or `{ scope: packages, packages: [NAME] }`";
const LOOK: &str = "`command: { run: LINE, changes: false }` with `register`";
const CHANGE: &str = "`command: LINE`, `script:` or `copy:`";
const HANDLERS: &str = "a step with `when: NAME.changed`, where NAME is the `register` of the step before it";
const WAVES: &str = "`canary`, `batch` and `max_failures` in `rollout:` or under `patchwave` in the inventory";
const BECOME: &str =
    "`ansible_become`, `ansible_become_user`, `ansible_become_method` in the inventory; a step has `become`";
const NOTHING_LONG: &str = "nothing: commands run detached from the connection; their limit is `timeout`";
const ONE_LIST: &str = "its steps in the one list `steps`";

/// What to write instead of a key that Ansible has and a step has not. `package_modules` are those of Ansible that
/// install packages.
pub(super) fn instead(key: &str, package_modules: &[&str]) -> Option<String> {
    let short = ["ansible.builtin.", "ansible.posix.", "community.general."];
    let name = short.iter().find_map(|of| key.strip_prefix(of));
    let plain = name.unwrap_or(key);
    let known = KEYS.iter().find(|(known, _)| *known == plain).map(|(_, instead)| *instead);
    match (known.or_else(|| package_modules.contains(&plain).then_some(UPGRADE)), name) {
        (Some(instead), _) => Some(format!("that is Ansible's; here it is {instead}")),
        (None, Some(name)) => Some(format!("that is Ansible's; if there is such a step here, it is `{name}`")),
        (None, None) => None,
    }
}

/// What to write instead of a key that a play has and a playbook has not.
pub(super) fn instead_in_play(key: &str) -> Option<String> {
    let (_, instead) = KEYS_OF_PLAYS.iter().find(|(known, _)| *known == key)?;
    Some(format!("that is Ansible's; here it is {instead}"))
}

/// What to write instead of a task that notifies handlers.
pub(super) fn instead_of_handlers() -> String {
    format!("`notify` is a step that sends a message; for a handler of Ansible, write {HANDLERS}")
}
