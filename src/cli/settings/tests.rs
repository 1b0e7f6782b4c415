use super::*;

fn line(text: &str) -> Vec<OsString> {
    std::iter::once("patchwave").chain(text.split(' ')).map(OsString::from).collect()
}

fn settings(aliases: &[(&str, &str)]) -> Settings {
    let alias = |(name, words): &(&str, &str)| Alias {
        name: (*name).to_owned(),
        words: words.split(' ').map(str::to_owned).collect(),
    };
    Settings { aliases: aliases.iter().map(alias).collect(), ..Settings::default() }
}

#[test]
fn an_alias_stands_for_words_at_the_place_of_the_command_and_nowhere_else() {
    let settings = settings(&[("wave", "run patch.yml --yes"), ("web", "exec web")]);
    for (typed, meant) in [
        ("wave --limit web", "run patch.yml --yes --limit web"),
        ("-v --state-dir wave wave -C", "-v --state-dir wave run patch.yml --yes -C"),
        ("web -- wave", "exec web -- wave"),
        ("exec wave -- web", "exec wave -- web"),
        ("-v", "-v"),
    ] {
        assert_eq!(settings.expand(&line(typed)), line(meant), "{typed}");
    }
    assert_eq!(settings.expand(&[]), [""; 0].map(OsString::from));
}
