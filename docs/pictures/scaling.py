#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes scaling.svg: who does what when pods that ask for slices come and go.

Lanes are columns, time goes down. The steps are the list below; a box's height follows from its text.
"""
import html
import pathlib

LANES = ["pods", "kube-scheduler", "Karpenter", "EC2, kubelet", "carved", "carve-gateway"]
LANE, GUTTER, TOP = 152, 92, 64  # pixels: width of a lane, of the time at the left; height of the head
LINE, PAD, GAP = 15, 7, 15       # height of a line of text, space in a box, space between rows

# Rows in the order of time: {lane: lines}. The steps of a row happen side by side, or as an arrow says.
UP = [
    {"pods": ["1 created, Pending:", "they ask for slices"]},
    {"kube-scheduler": ["2 finds no node", "with such slices"]},
    {"Karpenter": ["3 NodeOverlay tells", "slices per node:", "makes a NodeClaim"]},
    {"EC2, kubelet": ["4 instance starts;", "node is Ready, with", "taint not-ready"]},
    {"Karpenter": ["5 Registered: labels", "name configuration", "and MIG layout"],
     "EC2, kubelet": ["5 starts carve's pod", "(DaemonSet)"]},
    {"carve-gateway": ["6 reads the labels,", "tells carved what", "they name"]},
    {"carved": ["7 cuts MIG devices,", "makes the slices"]},
    {"EC2, kubelet": ["8 takes the slices:", "allocatable"]},
    {"carve-gateway": ["9 all there: takes", "taint away"]},
    {"kube-scheduler": ["10 binds the pods", "to the node"], "Karpenter": ["10 Initialized"]},
    {"carved": ["11 gives each", "container its device"]},
    {"pods": ["12 Running,", "each in its slice"]},
]
DOWN = [
    {"pods": ["13 load falls:", "pods are deleted"]},
    {"Karpenter": ["14 node empty for", "consolidateAfter:", "deletes NodeClaim"]},
    {"EC2, kubelet": ["15 node is gone,", "instance too"]},
]
# Which rows take what: (first, last, words). Counted over UP and DOWN together.
SPANS = [(0, 2, ["seconds"]), (3, 4, ["minutes:", "EC2, boot,", "images"]), (5, 8, ["seconds:", "carve"]),
         (9, 11, ["seconds"]), (13, 13, ["as the", "NodePool", "says"]), (14, 14, ["a minute"])]
ARROWS = [((0, "pods"), (1, "kube-scheduler")), ((1, "kube-scheduler"), (2, "Karpenter")),
          ((2, "Karpenter"), (3, "EC2, kubelet")), ((3, "EC2, kubelet"), (4, "Karpenter")),
          ((4, "Karpenter"), (4, "EC2, kubelet")), ((4, "EC2, kubelet"), (5, "carve-gateway")),
          ((5, "carve-gateway"), (6, "carved")), ((6, "carved"), (7, "EC2, kubelet")),
          ((7, "EC2, kubelet"), (8, "carve-gateway")), ((8, "carve-gateway"), (9, "Karpenter")),
          ((8, "carve-gateway"), (9, "kube-scheduler")), ((9, "kube-scheduler"), (10, "carved")),
          ((10, "carved"), (11, "pods")), ((12, "pods"), (13, "Karpenter")), ((13, "Karpenter"), (14, "EC2, kubelet"))]

STYLE = """
  svg { font: 12.5px system-ui, "Segoe UI", "Liberation Sans", "DejaVu Sans", sans-serif }
  .paper { fill: #ffffff; stroke: #d0d7de } .lane { fill: #f6f8fa } .text { fill: #1f2328 }
  .head { font-weight: 600 } .quiet { fill: #59636e } .span { stroke: #8c959f; stroke-width: 2 }
  .box { fill: #ddf4ff; stroke: #54aeff } .ours { fill: #dafbe1; stroke: #4ac26b }
  .arrow { fill: none; stroke: #59636e; stroke-width: 1.3 } .tip { fill: #59636e } .later { stroke: #8c959f; stroke-dasharray: 5 5 }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #3d444d } .lane { fill: #151b23 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 }
    .box { fill: #12305a; stroke: #388bfd } .ours { fill: #143d23; stroke: #2ea043 } .span { stroke: #656c76 }
    .arrow { stroke: #9198a1 } .tip { fill: #9198a1 } .later { stroke: #656c76 }
  }
"""


def height(row):
    return 2 * PAD + LINE * max(len(lines) for lines in row.values())


def rows():
    """[(top, row)] and the height of the whole; a gap lies before the way down."""
    y, placed = TOP + GAP, []
    for row in UP + DOWN:
        if row is DOWN[0]:
            y += 2 * GAP
        placed.append((y, row))
        y += height(row) + GAP
    return placed, y + 4


def left(lane):
    return GUTTER + LANES.index(lane) * LANE


def line_of(text):
    """A step's number is bold."""
    number, blank, rest = text.partition(" ")
    return f'<tspan class="head">{number}</tspan>{blank}{html.escape(rest)}' if number.isdigit() else html.escape(text)


def words(x, y, lines, kind="text", anchor="middle"):
    return [f'<text class="{kind}" x="{x}" y="{y + 11 + LINE * n}" text-anchor="{anchor}">{line_of(line)}</text>'
            for n, line in enumerate(lines)]


def box(y, lane, lines):
    kind = "ours" if lane.startswith("carve") else "box"
    return [f'<rect class="{kind}" x="{left(lane) + 5}" y="{y}" width="{LANE - 10}"'
            f' height="{2 * PAD + LINE * len(lines)}" rx="5"/>', *words(left(lane) + LANE / 2, y + PAD, lines)]


def arrow(placed, start, end):
    """Out of the side that looks at the other lane, below its neighbors if there are any, and down into its top; to
    the next box of its own row straight on."""
    (top, row), (to_y, _) = placed[start[0]], placed[end[0]]
    if start[0] == end[0]:
        y, to_x = top + PAD + LINE, left(end[1]) + 4
        return [f'<path class="arrow" d="M{left(start[1]) + LANE - 5} {y}H{to_x - 6}"/>',
                f'<path class="tip" d="M{to_x - 7} {y - 4}v8l7 -4z"/>']
    bottom = top + 2 * PAD + LINE * len(row[start[1]])
    to_x, from_x = left(end[1]) + LANE / 2, left(start[1]) + LANE / 2
    between = LANES[min(map(LANES.index, (start[1], end[1]))) + 1:max(map(LANES.index, (start[1], end[1])))]
    if any(lane in row for lane in between):
        way = f"M{from_x} {bottom}V{top + height(row) + 5}H{to_x}V{to_y - 6}"
    elif to_x == from_x:
        way = f"M{from_x} {bottom}V{to_y - 6}"
    else:
        side = left(start[1]) + (LANE - 5 if to_x > from_x else 5)
        way = f"M{side} {top + (bottom - top) / 2}H{to_x}V{to_y - 6}"
    return [f'<path class="arrow" d="{way}"/>',
            f'<path class="tip" d="M{to_x - 4} {to_y - 7}h8l-4 7z"/>']


def span(placed, first, last, lines):
    top, bottom = placed[first][0], placed[last][0] + height(placed[last][1])
    middle = (top + bottom - LINE * len(lines)) / 2
    return [f'<path class="span" d="M{GUTTER - 10} {top}V{bottom}"/>',
            *words(GUTTER - 18, middle, lines, "quiet", "end")]


def picture():
    placed, bottom = rows()
    width = GUTTER + LANE * len(LANES) + 10
    later = placed[len(UP)][0] - 2 * GAP
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" role="img" aria-labelledby="title">',
           '<title id="title">From a pending pod to a running one, and back: who does what, in order of time</title>',
           f"<style>{STYLE}</style>",
           f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{bottom - 1}" rx="8"/>']
    for lane in LANES:
        out.append(f'<rect class="lane" x="{left(lane) + 2}" y="12" width="{LANE - 4}" height="{bottom - 24}" rx="5"/>')
        out += words(left(lane) + LANE / 2, 22, [lane], "text head")
    out += words(left("carved") + LANE, 42, ["carve's pod, one on each GPU node"], "quiet")
    out += words(GUTTER - 18, 22, ["time"], "quiet", "end")
    out.append(f'<path class="later" d="M12 {later}H{width - 12}"/>')
    for one in SPANS:
        out += span(placed, *one)
    for start, end in ARROWS:
        out += arrow(placed, start, end)
    for y, row in placed:
        for lane, lines in row.items():
            out += box(y, lane, lines)
    return "\n".join(out + ["</svg>"]) + "\n"


if __name__ == "__main__":
    pathlib.Path(__file__).with_suffix(".svg").write_text(picture())
