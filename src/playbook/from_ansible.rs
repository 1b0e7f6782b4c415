//! What people write who know Ansible's tasks, and what it is here. Knows no value. Start at [`instead`].

/// Keys of a task, with what to write in a step.
const KEYS: [(&str, &str); 41] = [
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
];

const UPGRADE: &str = "`upgrade: { scope: security }`, or `{ scope: packages, packages: [NAME] }`";
const LOOK: &str = "`command: { run: LINE, changes: false }` with `register`";
const CHANGE: &str = "`command: LINE`, `script:` or `copy:`";
const ONE_LIST: &str = "its steps in the one list `steps`";

/// What to write instead of a key that Ansible has and a step has not.
pub(super) fn instead(key: &str) -> Option<String> {
    let short = ["ansible.builtin.", "ansible.posix.", "community.general."];
    let name = short.iter().find_map(|of| key.strip_prefix(of));
    let known = KEYS.iter().find(|(known, _)| *known == name.unwrap_or(key)).map(|(_, instead)| *instead);
    match (known, name) {
        (Some(instead), _) => Some(format!("that is Ansible's; here it is {instead}")),
        (None, Some(name)) => Some(format!("that is Ansible's; if there is such a step here, it is `{name}`")),
        (None, None) => None,
    }
}
