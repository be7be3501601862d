//! Renders the man pages from the command definition: one for each command, with its examples and the exit statuses.

use super::{Cli, EXIT_STATUS, examples};
use clap::{Command, CommandFactory};
use std::collections::BTreeMap;
use std::io;

/// The name of the program, and the first word of every page's name.
const PROGRAM: &str = "llmbench";

/// Every page, by the name of its command with hyphens between: `llmbench-models-add`.
///
/// # Errors
/// None in practice: pages are rendered into memory.
pub fn man_pages() -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut pages = BTreeMap::new();
    let mut definition = Cli::command();
    definition.build();
    render(&definition, PROGRAM, &mut pages)?;
    Ok(pages)
}

/// The pages of a command and of everything below it.
fn render(command: &Command, name: &str, pages: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    let mut page = Vec::new();
    // clap takes names that live as long as the program; there are some fifty, and the program ends soon.
    let lasting: &'static str = Box::leak(name.to_owned().into_boxed_str());
    let named = command.clone().name(lasting).display_name(lasting).version(None::<&'static str>);
    let named = named.long_version(None::<&'static str>);
    // No date and no version: a release does not rewrite every page.
    clap_mangen::Man::new(named).date("").source(PROGRAM).render(&mut page)?;
    page.extend(below_the_options(command, name).into_bytes());
    pages.insert(name.to_owned(), page);
    for below in shown(command) {
        render(below, &format!("{name}-{}", below.get_name()), pages)?;
    }
    Ok(())
}

/// The commands below that have pages.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| below.get_name() != "help" && !below.is_hide_set())
}

/// The sections that clap does not know: examples, exit statuses, other pages.
fn below_the_options(command: &Command, name: &str) -> String {
    // Hyphens of commands are hyphens for whoever copies them.
    let roff = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut sections = String::new();
    let path = name.trim_start_matches(PROGRAM).trim_start_matches('-').replace('-', " ");
    let examples = examples::of(&path);
    if !examples.is_empty() {
        sections.push_str(".SH EXAMPLES\n");
    }
    for (typed, does) in examples {
        sections.push_str(&format!(".TP\n\\fB{}\\fR\n{}\n", roff(typed), roff(does)));
    }
    // The first page has them from its help.
    if name != PROGRAM {
        sections.push_str(".SH \"EXIT STATUS\"\n.nf\n");
        EXIT_STATUS.lines().skip(1).for_each(|line| sections.push_str(&format!("{}\n", roff(line))));
        sections.push_str(".fi\n");
    }
    let above = name.rsplit_once('-').map(|(above, _)| above.to_owned());
    let below = shown(command).map(|below| format!("{name}-{}", below.get_name()));
    let others: Vec<String> =
        above.into_iter().chain(below).map(|other| format!("\\fB{}\\fR(1)", roff(&other))).collect();
    sections + &format!(".SH \"SEE ALSO\"\n{}\n", others.join(", "))
}
