"""Line charts as SVG, by plain Python; readable in light and in dark."""

STYLE = """<style>
text { font: 12px sans-serif; fill: #333 } .title { font-weight: bold } .axis { stroke: #666 }
.grid { stroke: #8885; stroke-width: 0.5 } .note { fill: #666 } .mark { stroke: #888; stroke-dasharray: 4 3 }
.line { fill: none; stroke-width: 1.5 } .a { stroke: #1565c0 } .b { stroke: #2e7d32 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .axis { stroke: #aaa } .note { fill: #aaa } .a { stroke: #64b5f6 } .b { stroke: #81c784 }
}
</style>"""
LEFT, RIGHT, HEIGHT, GAP, WIDTH = 64, 16, 180, 66, 760


def steps(most):
    """Round marks of an axis from 0 to at least `most`."""
    size = 1
    while size * 5 < most:
        size *= 10
    while size > 1e-9 and size > most:
        size /= 10
    for factor in (0.2, 0.25, 0.5, 1, 2):
        if size * factor * 6 >= most:
            size *= factor
            break
    count = 1
    while count * size < most:
        count += 1
    return [size * i for i in range(count + 1)]


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def chart(panels, seconds, marks, title):
    """panels: [(name with unit, class, [(second, value)])], one below the other; marks: [(second, what happened)]."""
    height = 34 + len(panels) * (HEIGHT + GAP) + 4
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
           f"<title>{escape(title)}</title>", STYLE, f'<text class="title" x="8" y="18">{escape(title)}</text>']
    x = lambda t: LEFT + (WIDTH - LEFT - RIGHT) * t / seconds
    for number, (name, style, points) in enumerate(panels):
        top = 34 + number * (HEIGHT + GAP) + 24
        ticks = steps(max([v for _, v in points] + [1e-6]))
        y = lambda v: top + HEIGHT - HEIGHT * v / ticks[-1]
        out.append(f'<text x="8" y="{top - 10}">{escape(name)}</text>')
        for tick in ticks:
            out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
                       f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
        for tick in steps(seconds):
            if tick <= seconds:
                out.append(f'<text x="{x(tick):.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{tick:g}</text>')
        for place, (at, what) in enumerate(marks):
            anchor = "end" if x(at) > WIDTH * 0.75 else "start"
            out.append(f'<line class="mark" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{top}" y2="{top + HEIGHT}"/>')
            if number == 0:
                beside = x(at) + (4 if anchor == "start" else -4)
                out.append(f'<text class="note" x="{beside:.1f}" y="{top + 11 + place % 3 * 14}" '
                           f'text-anchor="{anchor}">{escape(what)}</text>')
        out.append(f'<path class="axis" fill="none" d="M{LEFT} {top}V{top + HEIGHT}H{WIDTH - RIGHT}"/>')
        line = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in points)
        out.append(f'<polyline class="line {style}" points="{line}"/>')
        out.append(f'<text x="{WIDTH - RIGHT}" y="{top + HEIGHT + 32}" text-anchor="end">seconds</text>')
    return "\n".join(out + ["</svg>\n"])
