//! docs/windows.md: its inventory and its settings are loaded, and its commands print what the page shows.

use super::page;
use crate::support::cli::Desk;

#[test]
fn the_commands_of_the_page_print_what_it_shows() {
    let mut desk = Desk::empty();
    desk.columns = Some(100);
    let of_page =
        |language: &str| page::blocks(language).into_iter().filter(|block| block.page.ends_with("windows.md"));
    for block in of_page("yaml") {
        let name = block.text.lines().next().unwrap().trim_start_matches("# ");
        let inventory = if name == "patchwave.yml" { "inventory: inventories/windows.yml\n" } else { "" };
        desk.write(name, &format!("{inventory}{}", block.text));
    }
    let calendar = |event: &str| format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{event}\nEND:VEVENT\nEND:VCALENDAR\n");
    desk.write("calendars/de-by.ics", &calendar("SUMMARY:Heilige Drei Könige\nDTSTART:20270106\nRRULE:FREQ=YEARLY"));
    desk.write("calendars/patching.ics", &calendar("SUMMARY:Trade fair\nDTSTART:20270301T060000Z\nDURATION:P5D"));
    let mut shown = 0;
    for block in of_page("console") {
        let (line, expected) = block.text.split_once('\n').unwrap();
        let typed = line.strip_prefix("$ patchwave ").unwrap();
        let said = desk.run(typed).ended(0);
        assert_eq!(said.out, format!("{}\n", expected.trim_end()), "{}", block.place());
        shown += 1;
    }
    assert!(shown > 0);
}
