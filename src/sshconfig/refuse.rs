//! What is said and would change where or how we connect, but is not followed: told with its place.

use super::{
    Place, Problem,
    gather::Gathered,
    keyword::{Keyword, Refusal},
    table::KEYWORDS,
};

/// Keywords that refuse the host, with what is said of each: the `late` ones only when we connect.
pub(super) fn refusals(gathered: &Gathered, late: bool) -> impl Iterator<Item = Problem> {
    KEYWORDS.iter().filter_map(move |keyword| {
        let refusal = keyword.refusal().filter(|refusal| refusal.late == late)?;
        refused(gathered, keyword, refusal)
    })
}

fn refused(gathered: &Gathered, keyword: &Keyword, refusal: &Refusal) -> Option<Problem> {
    let name = keyword.name;
    let text = match gathered.list(name) {
        Some(words) => words.join(" "),
        None => gathered.text(name)?.to_owned(),
    };
    if refusal.fine.iter().any(|word| word.eq_ignore_ascii_case(&text)) {
        return None;
    }
    let shown = match text.as_str() {
        "true" => "yes",
        "false" => "no",
        text => text,
    };
    let mut problem = at(gathered, name, format!("{name} {shown} {}; patchwave does not do that", refusal.would));
    problem.help = Some(refusal.help).filter(|help| !help.is_empty()).map(str::to_owned);
    Some(problem)
}

/// A problem where `keyword` was said.
pub(super) fn at(gathered: &Gathered, keyword: &str, message: String) -> Problem {
    let place = gathered.place(keyword).cloned();
    Problem { place: place.unwrap_or(Place { path: "ssh_config".into(), line: 0 }), message, help: None }
}
