//! Options of `ansible-playbook` and `ansible` that are called otherwise here: the error of an unknown option says
//! what to type. Start at [`advise`].

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options, with what there is here.
const OPTIONS: [(&str, &str); 16] = [
    ("--list-hosts", "`patchwave plan PLAYBOOK -i INV --all` lists the hosts, wave by wave"),
    ("--list-tasks", "`patchwave plan PLAYBOOK -i INV` lists the steps"),
    ("--list-tags", NO_TAGS),
    ("--tags", NO_TAGS),
    ("-t", NO_TAGS),
    ("--skip-tags", NO_TAGS),
    ("--syntax-check", "`patchwave plan PLAYBOOK -i INV` checks both files, without a connection"),
    ("-C", "write --check"),
    ("--diff", "--check says for each host what would change"),
    ("-D", "--check says for each host what would change"),
    ("--start-at-task", "`patchwave resume RUN` goes on where a run stopped; a `when:` leaves steps out"),
    ("--step", "`approve: before` in the inventory or a stage asks before its hosts are touched"),
    ("--module-name", NO_MODULES),
    ("-m", NO_MODULES),
    ("-a", NO_MODULES),
    ("--args", NO_MODULES),
];

const NO_TAGS: &str = "there are no tags; use a `when:` and a variable that -e sets";
const NO_MODULES: &str = "there are no modules: `patchwave exec -i INV PATTERN -- COMMAND`";

/// Puts what there is here in the place of clap's guess.
pub(super) fn advise(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return error };
    let name = option.split(['=', ' ']).next().unwrap_or_default();
    let of_exec = matches!(error.get(ContextKind::Usage), Some(usage) if usage.to_string().contains(" exec "));
    let advice = match OPTIONS.iter().find(|(known, _)| *known == name) {
        Some((_, advice)) => (*advice).to_owned(),
        None if of_exec && !name.starts_with('-') => {
            "the command comes behind `--`: exec -i INV PATTERN -- COMMAND".to_owned()
        }
        None => return error,
    };
    error.remove(ContextKind::SuggestedArg);
    error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    error
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::args::Cli;

    #[test]
    fn who_knows_ansible_is_told_what_to_type() {
        for (line, expected) in [
            ("run p.yml -i i.yml --tags a", "there are no tags"),
            ("run p.yml -i i.yml --tags=a", "there are no tags"),
            ("run p.yml -i i.yml -C", "write --check"),
            ("run p.yml -i i.yml --list-hosts", "plan PLAYBOOK -i INV --all"),
            ("plan p.yml -i i.yml --syntax-check", "checks both files"),
            ("exec -i i.yml all -m ping", "there are no modules"),
            ("exec -i i.yml all uptime", "the command comes behind `--`"),
            ("run p.yml -i i.yml --chek", "similar argument exists: '--check'"),
        ] {
            let words = std::iter::once("patchwave").chain(line.split(' '));
            let text = advise(Cli::try_parse_from(words).unwrap_err()).render().to_string();
            assert!(text.contains(expected) && !text.contains("as a value"), "{line}: {text}");
        }
    }
}
