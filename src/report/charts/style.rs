//! The style of all charts: sizes, and colours for light, dark and paper.

/// Goes into the `<style>` of a page, once. Colours are chosen to differ in brightness, so that nobody needs to tell hues
/// apart: dark marks on a light page, bright ones on a dark page. Paper is light.
pub(super) const STYLE: &str = "\
.chart{--c-quiet:#565e6b;--c-grid:#e1e4e9;--c-tier:#f0f3f7;--c-odd:#fafbfc;--c-main:#1b65a6;--c-pale:#9cc0e0;--c-band:#c9ddf0;\
--c-mark:#14181f;--c-bad:#b3261e;--c-change:#8a4b00;--c-when:#f3dfc1;\
--h0:#d6e6f5;--h1:#b9d5ed;--h2:#95c0e2;--h3:#63a2d3;--h4:#3a80bd;--h5:#1b5c9a;--h6:#093768;\
display:block;width:100%;max-width:32rem;height:auto;fill:currentColor;font:11px system-ui,sans-serif;print-color-adjust:exact;\
-webkit-print-color-adjust:exact}\
@media screen and (prefers-color-scheme:dark){\
.chart{--c-quiet:#a9b2bf;--c-grid:#2c333d;--c-tier:#1d232c;--c-odd:#181c23;--c-main:#6fb2ee;--c-pale:#38628a;--c-band:#24435f;\
--c-mark:#f4f6f9;--c-bad:#ff8f85;--c-change:#f2b661;--c-when:#4a3a20;\
--h0:#1a3a58;--h1:#1d4b75;--h2:#236096;--h3:#2f7abb;--h4:#4d97d3;--h5:#86bdea;--h6:#cfe5f9}}\
.chart path{fill:none}\
.chart a text{fill:var(--c-main);text-decoration:underline}\
.chart .quiet{fill:var(--c-quiet)}\
.chart .value{font-variant-numeric:tabular-nums}\
.chart .grid{stroke:var(--c-grid);stroke-width:.7}\
.chart .tier{fill:var(--c-tier)}\
.chart .tier.odd{fill:var(--c-odd)}\
.chart .spread{stroke:var(--c-pale);stroke-width:3}\
.chart .interval{stroke:var(--c-main);stroke-width:8}\
.chart .median{stroke:var(--c-mark);stroke-width:2}\
.chart .band{fill:var(--c-band)}\
.chart .alone{stroke:var(--c-band);stroke-width:3}\
.chart .line{stroke:var(--c-main);stroke-width:1.3;stroke-linejoin:round}\
.chart .point{fill:var(--c-main)}\
.chart .level{stroke:var(--c-mark);stroke-width:1.3;stroke-dasharray:4 3}\
.chart .failure{stroke:var(--c-bad);stroke-width:1.2}\
.chart .when{fill:var(--c-when)}\
.chart path.change{stroke:var(--c-change);stroke-width:1.3}\
.chart text.change{fill:var(--c-change);font-weight:bold}\
.chart .bar{fill:var(--c-main)}\
.chart .cross{stroke:var(--c-pale);stroke-width:1.3}\
.chart a:focus-visible{outline:2px solid var(--c-main)}\
.chart .none{fill:var(--c-odd);stroke:var(--c-grid);stroke-width:.7}\
.chart .h0{fill:var(--h0)}.chart .h1{fill:var(--h1)}.chart .h2{fill:var(--h2)}.chart .h3{fill:var(--h3)}\
.chart .h4{fill:var(--h4)}.chart .h5{fill:var(--h5)}.chart .h6{fill:var(--h6)}";
