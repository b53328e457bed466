# SPDX-License-Identifier: GPL-3.0-or-later
"""Bar charts as SVG, for tests/bench/report.

A chart is a list of groups: {"title": text, "bars": [bar...]}, and a bar is {"label", "value", "text", "color", "low", "high", "mark"}:
a value in the group's scale, what is written beside it, whiskers from low to high and a target's mark where they are given.  Every
group has its own scale, from 0 to its greatest value."""
from xml.sax.saxutils import escape

WIDTH, LABEL, TEXT, LINE, BAR = 1040, 310, 210, 22, 13
FONT = 'font-family="system-ui, Helvetica, Arial, sans-serif"'
GREEN, RED, GREY, BLUE, SAND, INK, PALE = "#2a9d5c", "#d1495b", "#9aa5b1", "#5b8def", "#d8a657", "#1f2933", "#e4e7eb"
MOST = 1.6  # a bar that is longer than so many times the greatest mark is cut there


def limit_of(group):
    """The scale's end: the longest bar, but nothing far beyond a mark that all bars share."""
    longest = max([max(b["value"], b.get("high") or 0, b.get("mark") or 0) for b in group["bars"]] + [0])
    if group.get("around"):
        longest = min(longest, group["around"] * MOST)
    return longest or 1


def write(path, title, subtitle, groups):
    height = 64 + sum(30 + LINE * len(g["bars"]) for g in groups) + 10
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
           f'aria-label="{escape(title)}">', f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="16" y="28" {FONT} font-size="18" font-weight="600" fill="{INK}">{escape(title)}</text>',
           f'<text x="16" y="48" {FONT} font-size="12" fill="#52606d">{escape(subtitle)}</text>']
    y, room = 64, WIDTH - LABEL - TEXT
    for group in groups:
        limit = limit_of(group)
        out.append(f'<text x="16" y="{y + 20}" {FONT} font-size="13" font-weight="600" fill="{INK}">{escape(group["title"])}</text>')
        y += 30
        for bar in group["bars"]:
            scale = lambda v, limit=limit: LABEL + room * min(max(v, 0), limit) / limit
            middle, end = y + BAR / 2, scale(bar["value"])
            out.append(f'<text x="{LABEL - 8}" y="{y + 11}" {FONT} font-size="12" text-anchor="end" fill="{INK}">{escape(bar["label"])}</text>')
            out.append(f'<rect x="{LABEL}" y="{y}" width="{room}" height="{BAR}" fill="{PALE}" opacity="0.5"/>')
            out.append(f'<rect x="{LABEL}" y="{y}" width="{max(end - LABEL, 1):.1f}" height="{BAR}" fill="{bar["color"]}"/>')
            if bar["value"] > limit:  # cut
                out.append(f'<text x="{LABEL + room - 4}" y="{y + 11}" {FONT} font-size="12" text-anchor="end" fill="white">»</text>')
            if bar.get("low") is not None and bar["low"] < bar["high"]:
                low, high = scale(bar["low"]), scale(bar["high"])
                out.append(f'<path d="M{low:.1f} {middle} H{high:.1f} M{low:.1f} {y + 3} V{y + BAR - 3} M{high:.1f} {y + 3} V{y + BAR - 3}" '
                           f'stroke="{INK}" stroke-width="1" fill="none" opacity="0.6"/>')
            if bar.get("mark") is not None:
                at = scale(bar["mark"])
                out.append(f'<path d="M{at:.1f} {y - 3} V{y + BAR + 3}" stroke="{INK}" stroke-width="2"/>')
            out.append(f'<text x="{LABEL + room + 8}" y="{y + 11}" {FONT} font-size="12" fill="{INK}">{escape(bar["text"])}</text>')
            y += LINE
    out.append("</svg>")
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")
