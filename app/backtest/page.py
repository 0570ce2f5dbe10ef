"""One HTML file that needs nothing else: readable on a phone, by day and by night, and on paper.

Whatever text goes in is escaped here and nowhere else.
"""

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
:root{color-scheme:light dark;--ink:#1c2430;--soft:#5b6675;--paper:#fff;--line:#d5dae1;--wash:#f3f5f8;--hot:#0b5fb8;
--good:#0f7b4b;--bad:#b3261e;--warn:#8a5a00;
--c0:#0b5fb8;--c1:#c2410c;--c2:#0f7b4b;--c3:#7c3aed;--c4:#5b6675;--c5:#b0155f;--c6:#0e7490;--c7:#a16207;--c8:#4d7c0f;
--c9:#9f1239;--c10:#4338ca}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a3adba;--paper:#14181d;--line:#39424d;--wash:#1c2229;
--hot:#6db3f8;--good:#5fd39a;--bad:#ff8a80;--warn:#f2c063;
--c0:#6db3f8;--c1:#fb9a63;--c2:#5fd39a;--c3:#b69cff;--c4:#a3adba;--c5:#f58bbd;--c6:#67d3e8;--c7:#eac54f;--c8:#b5d76b;
--c9:#ff9db0;--c10:#a5b0ff}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:0 auto;
padding:1rem}
h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0}h2{font-size:1.2rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.25rem 0 .25rem}p{margin:.4rem 0}small,.soft{color:var(--soft)}
.lead{font-size:1.1rem}
.mark{border-left:4px solid var(--warn);background:var(--wash);padding:.4rem .8rem;font-weight:600}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.9rem}
th,td{padding:.2rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th{font-weight:600;color:var(--soft)}th:first-child,td:first-child{text-align:left}
@media(max-width:40rem){.wide th:first-child,.wide td:first-child{white-space:normal;min-width:7rem;max-width:9rem;
position:sticky;left:0;background:var(--paper)}}
caption{text-align:left;color:var(--soft);padding:.2rem 0}
figure{margin:1rem 0}figcaption{font-weight:600;margin-bottom:.25rem}
.plot{position:relative;margin:0 0 1.4rem 3.4rem;border-left:1px solid var(--line);border-bottom:1px solid var(--line)}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot path{fill:none;stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.plot .grid{stroke:var(--line);stroke-width:1}.plot .limit{stroke:var(--bad);stroke-dasharray:3 3}
.plot .own{stroke-width:2.4}
.y,.x{position:absolute;font-size:.72rem;color:var(--soft);white-space:nowrap}
.y{right:100%;transform:translate(-.4rem,-50%)}.x{top:100%;transform:translate(-50%,.1rem)}
.legend{list-style:none;padding:0;margin:.2rem 0;display:flex;flex-wrap:wrap;gap:.1rem 1rem;font-size:.82rem}
.legend svg{width:1.8rem;height:.6rem;vertical-align:middle;margin-right:.35rem;overflow:visible}
.legend path{fill:none;stroke-width:2.4}
.dot{position:absolute;font-size:.6rem;line-height:1;transform:translate(-50%,-50%)}
.buy{color:var(--good)}.sell{color:var(--bad)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:.5rem 1.5rem}
.bar{position:relative;display:block;width:12rem;height:1rem}
.bar svg{position:absolute;inset:0;width:100%;height:100%}
.heat td{background:color-mix(in srgb,var(--tint,transparent) calc(var(--v,0)*55%),transparent);font-size:.75rem;
padding:.15rem .35rem}
.card td{white-space:normal;text-align:left;overflow-wrap:anywhere}.card th{white-space:normal}
.pass{color:var(--good)}.fail{color:var(--bad);font-weight:600}
@media print{body{max-width:none}h2{break-after:avoid}figure{break-inside:avoid}}
"""


def page(title: str, body: Iterable[str]) -> str:
    """`body` is HTML already."""
    inner = "\n".join(body)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{text(title)}</title><style>{STYLE}</style></head><body>\n{inner}\n</body></html>\n"
    )


def text(words: object) -> str:
    """Escaped, for content and for quoted attributes."""
    return escape(str(words), quote=True)


def element(tag: str, words: object, kind: str = "") -> str:
    """An element around escaped words."""
    named = f' class="{kind}"' if kind else ""
    return f"<{tag}{named}>{text(words)}</{tag}>"


def listed(lines: Iterable[object]) -> str:
    """A list of escaped lines."""
    return "<ul>" + "".join(element("li", line) for line in lines) + "</ul>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Scrolls by itself where it is wider than the screen; every cell is escaped."""
    head = "".join(f'<th scope="col">{text(one)}</th>' for one in heads)
    body = "".join("<tr>" + "".join(element("td", cell) for cell in row) + "</tr>" for row in rows)
    told = element("caption", caption) if caption else ""
    return f'<div class="wide"><table>{told}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
