//! What stands on a terminal after everything that was written to it: as much of one as questions need.

/// The lines of the screen, without trailing blanks and without colours. Lines never scroll away.
pub fn screen(written: &str) -> String {
    let (mut lines, mut row, mut column) = (vec![Vec::new()], 0_usize, 0_usize);
    let mut first_screen = None;
    let mut chars = written.chars();
    while let Some(ch) = chars.next() {
        match ch {
            '\r' => column = 0,
            '\n' => row += 1,
            '\u{1b}' if chars.next() == Some('[') => {
                let rest = chars.as_str();
                let end = rest.find(|ch: char| ch.is_ascii_alphabetic()).unwrap_or(rest.len() - 1);
                let (number, end_word) = (rest[..end].parse().unwrap_or(1_usize), &rest[end..=end]);
                chars = rest[end + 1..].chars();
                match end_word {
                    "A" => row = row.saturating_sub(number),
                    "B" => row += number,
                    "C" => column += number,
                    "H" => {
                        let place = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(1);
                        let mut places = rest[..end].split(';');
                        row = place(places.next()) - 1;
                        column = place(places.next()) - 1;
                    }
                    "h" if &rest[..end] == "?1049" => {
                        first_screen.get_or_insert((std::mem::take(&mut lines), row, column));
                    }
                    "l" if &rest[..end] == "?1049" => {
                        if let Some(before) = first_screen.take() {
                            (lines, row, column) = before;
                        }
                    }
                    "J" if &rest[..end] == "2" => lines.clear(),
                    "D" => column = column.saturating_sub(number),
                    "K" if &rest[..end] == "2" => lines[row].clear(),
                    "K" => lines[row].truncate(column),
                    "J" => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                    _ => {}
                }
            }
            ch => {
                let line: &mut Vec<char> = &mut lines[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = ch;
                column += 1;
            }
        }
        lines.resize(lines.len().max(row + 1), Vec::new());
    }
    let shown = lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n");
    shown.collect::<String>().trim_end().to_owned() + "\n"
}

#[test]
fn the_second_screen_covers_the_first_and_leaves_it_as_it_was() {
    let drawn = "before\r\n\u{1b}[?1049h\u{1b}[2J\u{1b}[2;3Hview";
    assert_eq!(screen(drawn), "\n  view\n");
    assert_eq!(screen(&format!("{drawn}\u{1b}[?1049lafter")), "before\nafter\n");
}

#[test]
fn what_was_wiped_is_gone() {
    assert_eq!(
        screen("one\r\ntwo\r\n\u{1b}[1A\r\u{1b}[2K\u{1b}[1mTWO\u{1b}[0m\r\nthree"),
        "one\nTWO\nthree\n"
    );
    assert_eq!(screen("a question? \u{1b}[?25lno\r\u{1b}[2Kanswered\r\n"), "answered\n");
}
