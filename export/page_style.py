"""The style sheet of the page of a proof, for light and dark screens and for paper."""

STYLE = """
:root {
  --paper: #fbfaf8; --card: #ffffff; --ink: #1f2328; --soft: #5d6670; --rule: #dfe2e6;
  --passed: #1a7f4b; --failed: #c2321f; --not-run: #8a6100;
  --reference: #b07a00; --candidate: #1e63d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --card: #1d2126; --ink: #e8eaed; --soft: #9aa4af; --rule: #343a42;
    --passed: #4cc38a; --failed: #ff7b68; --not-run: #f0b94a;
    --reference: #ffd23a; --candidate: #6ea3ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1rem 4rem; overflow-wrap: anywhere; }
header { border-left: 6px solid; padding: .2rem 0 .2rem 1.2rem; }
header h1 { font-size: 1.5rem; line-height: 1.3; font-weight: 500; margin: .2rem 0;
  color: var(--ink); }
header ul, header p { color: var(--ink); margin: .5rem 0; }
header ul { padding-left: 1.2rem; }
header .status { font-size: 1.1rem; font-weight: 700; text-transform: uppercase;
  letter-spacing: .06em; color: inherit; margin: 0; }
.passed { color: var(--passed); } .failed { color: var(--failed); }
.not-run { color: var(--not-run); }
.look { font-family: ui-monospace, monospace; font-size: .95em; font-weight: 600; }
.stages { display: flex; flex-wrap: wrap; gap: .6rem; list-style: none; padding: 0;
  margin: 1.4rem 0; }
.stages li { border: 1px solid var(--rule); border-radius: 8px; padding: .35rem .8rem;
  background: var(--card); }
.stages b { color: var(--ink); font-weight: 600; margin-right: .4rem; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .4rem 1.2rem 1.2rem; margin: 1.2rem 0; }
h2 { font-size: 1.15rem; margin: .8rem 0 .6rem; } h3 { font-size: 1rem; margin: 1rem 0 .4rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .32rem 1rem .32rem 0; border-top: 1px solid var(--rule);
  vertical-align: top; font-weight: 400; }
tbody tr:first-child > * { border-top: 0; }
thead + tbody tr:first-child > * { border-top: 1px solid var(--rule); }
thead th { color: var(--soft); font-size: .85rem; border-top: 0; }
tbody th { color: var(--soft); min-width: 11rem; }
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--soft); }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font-size: 12px; stroke: none; }
svg .middle { text-anchor: middle; } svg .end { text-anchor: end; }
svg .grid { stroke: var(--rule); }
svg line.limit { stroke: var(--failed); stroke-dasharray: 5 4; }
svg text.limit { fill: var(--failed); }
svg polyline { fill: none; stroke: currentColor; stroke-width: 1.8; }
svg g circle { fill: currentColor; }
svg .mark { fill: transparent; stroke: var(--failed); stroke-width: 2.5; }
.reference { color: var(--reference); } .candidate { color: var(--candidate); }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: .4rem 0; }
.key { color: var(--ink); font-size: .9rem; }
.key::before { content: ""; display: inline-block; width: 1.1em; height: .5em;
  border-radius: 2px; margin-right: .5em; vertical-align: .1em; background: var(--soft); }
.key.reference::before { background: var(--reference); }
.key.candidate::before { background: var(--candidate); }
.key.drawn-reference::before { background: #ffd200; }
.key.drawn-candidate::before { background: #1e90ff; }
.key.drawn-other::before { background: #eb1ea0; opacity: .6; }
.key.drawn-on::before, .key.drawn-off::before { width: .8em; height: .8em; border-radius: 50%;
  border: 1.5px solid #fff; outline: 1px solid var(--rule); vertical-align: -.05em; }
.key.drawn-on::before { background: #2ecc40; } .key.drawn-off::before { background: #ff4136; }
.cases { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figure img { display: block; width: 100%; border-radius: 6px; }
figcaption { font-size: .85rem; color: var(--soft); padding-top: .3rem; }
figcaption b { color: var(--ink); }
@media print { section { break-inside: avoid; } }
"""
