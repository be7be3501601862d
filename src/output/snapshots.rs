//! Snapshots of the output for people, at several widths and terminal capabilities, stored in `tests/snapshots`.

use super::run_report;
use super::side_by_side::Sort;
use super::terminal::{Terminal, TerminalEnv};
use super::text;
use super::view::ReportView;
use crate::measure::gate::check_all;
use crate::measure::gate::history::GateHistory;
use crate::measure::report::Report;
use crate::measure::testing;
use chrono::FixedOffset;

pub(super) fn view(columns: usize, colour: bool, verbose: bool) -> ReportView {
    let wishes =
        TerminalEnv { columns: Some(columns), no_colour: !colour, force_colour: colour, unicode: true };
    let zone = FixedOffset::east_opt(2 * 3600).unwrap();
    ReportView { terminal: Terminal::new(wishes, true, true, None), verbose, zone }
}

fn shown(view: &ReportView) -> String {
    let gates = ["ttft_p95>2s", "error_rate>50%", "ttfrt_p50>1s"].map(|text| text.parse().unwrap());
    let report = testing::report();
    run_report::report(&report, &check_all(&gates, &report, &GateHistory::default()), Sort::Ttft, view)
}

pub(super) fn assert_picture(name: &str, picture: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../../tests/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, picture));
}

#[test]
fn reports_at_every_width() {
    for columns in [20, 40, 80, 140] {
        assert_picture(&format!("report_{columns}"), &shown(&view(columns, false, false)));
        assert_picture(&format!("report_{columns}_verbose"), &shown(&view(columns, false, true)));
    }
}

#[test]
fn reports_with_colour() {
    assert_picture("report_80_colour", &shown(&view(80, true, false)).replace('\x1b', "␛"));
}

#[test]
fn reports_without_unicode() {
    let mut ascii = view(140, false, true);
    ascii.terminal.unicode = false;
    let shown = shown(&ascii);
    assert!(shown.is_ascii());
    assert_picture("report_140_ascii", &shown);
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    for columns in 12..160 {
        for verbose in [false, true] {
            let shown = shown(&view(columns, false, verbose));
            let wide = shown.lines().find(|line| text::width(line) > columns);
            assert_eq!(wide, None, "at {columns} columns");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = shown(&view(80, false, true));
    assert!(!plain.contains('\x1b'));
    let mut coloured = shown(&view(80, true, true));
    for code in ["1", "31", "33", "32", "2", "0"] {
        coloured = coloured.replace(&format!("\x1b[{code}m"), "");
    }
    assert_eq!(coloured, plain);
}

#[test]
fn a_report_on_nothing_is_still_a_report() {
    let nothing = Report { models: Vec::new(), ..testing::report() };
    let shown = run_report::report(&nothing, &[], Sort::Ttft, &view(80, false, true));
    assert_picture("report_empty", &shown);
}
