//! "How wrong is this": what hosts say of their own clocks, and what is in no figure.

use super::{cells, scrolling};
use crate::domain::series_change::WatchedFigure::Ttft;
use crate::output::units;
use crate::report::contents::{LeftOutSamples, ReportContents, ReportedCalibration};
use maud::{Markup, html};

/// The section with its heading.
pub fn section(contents: &ReportContents) -> Markup {
    html! {
        section aria-labelledby="trust" {
            h2 id="trust" { "How wrong is this" }
            p {
                "Every measuring host measures its own clock against a program that knows when its tokens left. The error is what was \
                 measured minus what is true."
            }
            @if contents.calibrations.is_empty() {
                p { b { "No host has told how wrong its clock is" } " in this time: take differences of a few milliseconds for nothing." }
            } @else {
                (scrolling("Errors of measuring hosts", &calibrations(&contents.calibrations)))
            }
            h3 { "What is in no figure" }
            (left_out(&contents.left_out))
        }
    }
}

fn calibrations(all: &[ReportedCalibration]) -> Markup {
    html! {
        table {
            caption { "Error of the time to first token on each measuring host, newest calibration" }
            thead {
                tr {
                    @for name in ["Runner", "Mean error", "99 % are within", "Streams at once", "Calibrated", "Fit to publish"] {
                        th scope="col" { (name) }
                    }
                }
            }
            tbody {
                @for one in all {
                    tr {
                        th scope="row" { bdi { (cells::word(&one.runner, "unnamed")) } }
                        td { (cells::maybe(Ttft, one.ttft_error_mean)) }
                        td { (cells::maybe(Ttft, one.ttft_error_p99)) }
                        td { @match one.streams { Some(streams) => { (streams) } None => { (cells::nothing()) } } }
                        td { (cells::moment(one.at)) }
                        td { (if one.may_publish { "yes" } else { "no" }) }
                    }
                }
            }
        }
    }
}

fn left_out(left_out: &LeftOutSamples) -> Markup {
    let LeftOutSamples { attempts, failures, without_ttft, without_tokens_per_second, elsewhere } = *left_out;
    let rows = [
        ("Attempts under the compared circumstances", attempts),
        ("Failed: in the share answered, and in no speed", failures),
        (
            "Answered, but no sound time to first token: the host may have moved it, or no text was visible",
            without_ttft,
        ),
        ("Answered, but no sound rate of tokens", without_tokens_per_second),
        ("Attempts under other circumstances: another question, connection or runner", elsewhere),
    ];
    let table = html! {
        table {
            caption { "Attempts of daemons in this time. Requests that people make by hand are not counted at all." }
            thead { tr { th scope="col" { "What" } th scope="col" { "Attempts" } } }
            tbody {
                @for (what, count) in rows {
                    tr { th.words scope="row" { (what) } td { (units::grouped(count)) } }
                }
            }
        }
    };
    scrolling("Attempts that are in no figure", &table)
}
