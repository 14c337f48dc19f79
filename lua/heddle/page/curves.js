// The latency curves: percentiles on a logarithmic axis, drawn as wide as there is room.

const SVG = "http://www.w3.org/2000/svg";
const CURVES = [
  ["--running", ""], ["--gil", "9 4"], ["--io", "2 4"], ["--lock", "12 4 2 4"], ["--idle", "5 3"],
  ["--ink", ""], ["--accent", "3 3"], ["--faint", "14 3"],
];
const CLOCKS = { total: "from due to end", wait: "from due to start", run: "from start to end" };
const PLOT = { left: 66, right: 944, top: 14, bottom: 318 };
const APART = 46; // pixels between two percentiles' labels at least

function svg(parent, name, attributes, text) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  if (text !== undefined) e.textContent = text;
  parent.append(e);
  return e;
}

// Marks between two values and one at each end beyond them: powers of ten; where they are few, 2 and
// 5 times these as well.
function marks(low, high) {
  const few = high / low < 500, list = [];
  for (let power = Math.floor(Math.log10(low)) - 1; 10 ** power <= high * 10; power++) {
    for (const f of few ? [1, 2, 5] : [1]) list.push(Number((f * 10 ** power).toPrecision(1)));
  }
  const first = list.findLastIndex((v) => v <= low * 1.0001), last = list.findIndex((v) => v >= high * 0.9999);
  return list.slice(Math.max(0, first), last + 1);
}

// Percentiles as 1 / (1 - p).
const PERCENTILES = [[1, "0"], [2, "50"], [4, "75"], [10, "90"], [100, "99"], [1e3, "99.9"], [1e4, "99.99"], [1e5, "99.999"],
  [1e6, "99.9999"]];

function drawGrid(picture, most, ys, x, y) {
  let last = -APART;
  for (const [v, p] of PERCENTILES.filter((mark) => mark[0] <= most)) {
    svg(picture, "line", { class: "grid", x1: x(v), x2: x(v), y1: PLOT.top, y2: PLOT.bottom });
    if (x(v) - last < APART) continue;
    last = x(v);
    svg(picture, "text", { x: x(v), y: PLOT.bottom + 18, "text-anchor": "middle" }, p + " %");
  }
  ys.forEach((v) => {
    svg(picture, "line", { class: "grid", x1: PLOT.left, x2: PLOT.right, y1: y(v), y2: y(v) });
    svg(picture, "text", { x: PLOT.left - 8, y: y(v) + 4, "text-anchor": "end" }, seconds(v));
  });
  svg(picture, "text", { x: (PLOT.left + PLOT.right) / 2, y: PLOT.bottom + 36, "text-anchor": "middle" }, "of the jobs were as fast or faster");
}

let drawnClock = "total";

function drawCurves(clock) {
  drawnClock = clock;
  const picture = get("curves"), groups = data.groups.filter((g) => g.curves[clock].length > 0);
  const width = Math.max(300, picture.parentNode.clientWidth - 2);
  PLOT.right = width - 18;
  picture.setAttribute("viewBox", `0 0 ${width} 364`);
  picture.replaceChildren();
  for (const button of get("clocks").children) button.setAttribute("aria-pressed", String(button.dataset.clock === clock));
  const all = groups.flatMap((g) => g.curves[clock]), positive = all.map((p) => p[1]).filter((v) => v > 0);
  if (positive.length === 0) return;
  const low = Math.max(Math.min(...positive), Math.max(...positive) * 1e-6);
  const most = Math.max(2, ...all.map((p) => p[0])), ys = marks(low, Math.max(...positive));
  const x = (v) => PLOT.left + (Math.log10(v) / Math.log10(most)) * (PLOT.right - PLOT.left);
  const share = (v) => (Math.log10(Math.max(v, ys[0])) - Math.log10(ys[0])) / (Math.log10(ys[ys.length - 1]) - Math.log10(ys[0]));
  const y = (v) => PLOT.bottom - share(v) * (PLOT.bottom - PLOT.top);
  drawGrid(picture, most, ys, x, y);
  groups.forEach((g) => {
    const [colour, dashes] = CURVES[data.groups.indexOf(g) % CURVES.length];
    const path = svg(picture, "polyline", { class: "curve", points: g.curves[clock].map((p) => `${x(p[0])},${y(p[1])}`).join(" "),
      style: `stroke: var(${colour})`, "stroke-dasharray": dashes });
    svg(path, "title", {}, g.label);
  });
  picture.setAttribute("aria-label", `Latency percentiles ${CLOCKS[clock]}: ` + groups.map((g) => {
    const t = g.rounds[0].totals[clock];
    return t ? `${g.label} median ${seconds(t.p50)}, 99 % ${seconds(t.p99)}` : g.label;
  }).join("; "));
}

function setUpCurves() {
  if (!data.groups.some((g) => g.curves.total.length > 0)) return;
  get("latency").hidden = false;
  for (const [clock, text] of Object.entries(CLOCKS)) {
    const button = element("button", text, { "data-clock": clock });
    button.addEventListener("click", () => drawCurves(clock));
    get("clocks").append(button);
  }
  data.groups.forEach((g, i) => {
    const [colour, dashes] = CURVES[i % CURVES.length], item = element("li");
    const key = svg(item, "svg", { viewBox: "0 0 34 14", "aria-hidden": "true" });
    svg(key, "line", { x1: 0, x2: 34, y1: 7, y2: 7, style: `stroke: var(${colour}); stroke-width: 2.5`, "stroke-dasharray": dashes });
    item.append(element("span", g.label));
    get("curve-legend").append(item);
  });
  drawCurves("total");
  new ResizeObserver(() => drawCurves(drawnClock)).observe(get("curves").parentNode);
}
