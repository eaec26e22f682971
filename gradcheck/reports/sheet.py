"""The page's style sheet."""

SHEET = """
:root { color-scheme: light dark; --ink: #1d2129; --soft: #667085; --line: #e4e7ec; --paper: #ffffff; --card: #f8f9fb;
  --pass: #18794e; --fail: #c62a2f; --inconclusive: #a15c00; --claim: #c62a2f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ec; --soft: #98a2b3; --line: #343a46; --paper: #14171c;
  --card: #1b1f26; --pass: #4cc38a; --fail: #ff6369; --inconclusive: #f1a10d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 26px; margin: 0; }
h1, h2, p, li, td { overflow-wrap: anywhere; }
h2 { font-size: 19px; margin: 36px 0 6px; } h3 { font-size: 15px; margin: 0 0 4px; }
header { display: flex; align-items: baseline; gap: 14px; flex-wrap: wrap; padding-bottom: 14px;
  border-bottom: 1px solid var(--line); }
article + article { margin-top: 70px; }
.badge { color: #fff; border-radius: 5px; padding: 1px 10px; font-weight: 600; }
.badge.pass { background: #18794e; } .badge.fail { background: #c62a2f; } .badge.inconclusive { background: #a15c00; }
.soft, figcaption, .key { color: var(--soft); } .soft { font-size: 14px; }
code, pre, td, th, svg text { font-family: ui-monospace, "SFMono-Regular", "DejaVu Sans Mono", Menlo, monospace; }
code { font-size: 13px; }
table { border-collapse: collapse; margin: 16px 0; font-size: 13px; }
th, td { white-space: nowrap; } td.note { white-space: normal; min-width: 180px; } td.note:empty { min-width: 0; }
th { text-align: left; font-weight: 600; color: var(--soft); }
th, td { padding: 4px 18px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.number { text-align: right; } td.pass { color: var(--pass); } li.note b { color: var(--soft); }
td.fail, li.fail b { color: var(--fail); font-weight: 600; }
td.inconclusive, li.inconclusive b { color: var(--inconclusive); font-weight: 600; }
ul.findings { padding-left: 20px; }
.row { display: flex; flex-wrap: wrap; gap: 10px 20px; align-items: flex-start; }
figure { margin: 12px 0; max-width: 100%; } figcaption { font-size: 13px; max-width: 460px; margin-bottom: 4px; }
svg { display: block; max-width: 100%; height: auto; } .key svg { display: inline-block; vertical-align: middle; }
.key { margin-right: 14px; font-size: 13px; white-space: nowrap; }
svg text { font-size: 11px; fill: var(--soft); } svg text.title { font-family: system-ui, sans-serif; font-size: 12px; }
svg text.guide { font-size: 12px; }
rect.frame { fill: none; stroke: var(--line); } line.grid { stroke: var(--line); }
polyline { fill: none; stroke-width: 1.4; } polyline.noise, line.noise { stroke: var(--soft); stroke-dasharray: 2 3; }
polyline.guide { stroke: var(--soft); stroke-opacity: .55; stroke-dasharray: 7 4; }
polyline.reference, line.reference { stroke: var(--soft); stroke-opacity: .7; }
circle.reference { fill: var(--paper); stroke: var(--soft); }
.claim.pass { stroke: var(--pass); } .claim.fail { stroke: var(--fail); }
.claim.inconclusive { stroke: var(--inconclusive); }
circle.claim.pass { fill: var(--pass); } circle.claim.fail { fill: var(--fail); }
circle.claim.inconclusive { fill: var(--inconclusive); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px; overflow-x: auto;
  font-size: 12.5px; line-height: 1.45; }
@media (max-width: 700px) { main { padding: 16px 14px 40px; } h1 { font-size: 22px; } .row figure { width: 100%; }
  table, tbody { display: block; } tr { display: flex; flex-wrap: wrap; gap: 0 12px; padding: 6px 0; }
  tr:has(th) { display: none; } tr { border-bottom: 1px solid var(--line); } td, td.note { border: 0; padding: 0; }
  td { white-space: normal; } td.name { font-weight: 600; } td.note { flex-basis: 100%; } td:empty { display: none; }
  td.all::after { content: " digits"; } td.real::after { content: " by differences"; } }
summary { cursor: pointer; margin: 22px 0 6px; font-weight: 600; } footer { margin-top: 46px; font-size: 14px; }
"""
