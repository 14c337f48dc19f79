// The lanes and the counters below them. One axis (view.from .. view.to, in tenths of a microsecond)
// is shared by both.

// Colours and patterns ----------------------------------------------------------------------------
// Each state has a colour and a pattern, so that neither alone has to be told apart.

let ink = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["--back", "--paper", "--ink", "--faint", "--line", "--accent", ...COLOURS.slice(1)]) {
    ink[name] = style.getPropertyValue(name).trim();
  }
  ink.fills = COLOURS.map((name, state) => (name ? pattern(state, ink[name]) : null));
}

function pattern(state, colour) {
  if (state === 1) return colour;
  const tile = element("canvas");
  tile.width = tile.height = 8;
  const c = tile.getContext("2d");
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = 2;
  c.globalAlpha = state === 5 ? 0 : 0.28;
  c.fillRect(0, 0, 8, 8);
  c.globalAlpha = 1;
  c.beginPath();
  if (state === 2) { // diagonals
    for (const k of [-8, 0, 8]) { c.moveTo(k - 1, 9); c.lineTo(k + 9, -1); }
  } else if (state === 3) { // crosses
    c.moveTo(-1, -1); c.lineTo(9, 9); c.moveTo(-1, 9); c.lineTo(9, -1);
  } else if (state === 4) { // dots
    c.fillRect(1, 1, 2.4, 2.4);
    c.fillRect(5, 5, 2.4, 2.4);
  } else { // a line in the middle
    c.moveTo(0, 4); c.lineTo(8, 4);
    c.lineWidth = 1.5;
  }
  c.stroke();
  return c.createPattern(tile, "repeat");
}

function fillSlice(c, state, x, y, width, height) {
  c.save();
  c.translate(0, y + (height >> 1) - 4);
  c.fillStyle = ink.fills[state];
  const top = state === 5 ? 0 : 4 - (height >> 1);
  c.fillRect(x, top, width, state === 5 ? 8 : height);
  c.restore();
}

function drawLegend() {
  const list = get("legend");
  list.replaceChildren();
  for (let state = 1; state <= 5; state++) {
    const item = element("li");
    const key = element("canvas", undefined, { "aria-hidden": "true" });
    const scale = window.devicePixelRatio || 1;
    key.width = 26 * scale;
    key.height = 14 * scale;
    const c = key.getContext("2d");
    c.scale(scale, scale);
    fillSlice(c, state, 0, 0, 26, 14);
    item.append(key, element("span", STATES[state]));
    list.append(item);
  }
}

// Timelines ---------------------------------------------------------------------------------------

// A lane's triples as columns: when each slice ends, its state, what it was about.
function unpack(lane) {
  const n = lane.slices.length / 3;
  lane.till = new Float64Array(n);
  lane.state = new Uint8Array(n);
  lane.about = new Uint32Array(n);
  let now = 0;
  for (let i = 0; i < n; i++) {
    now += lane.slices[3 * i];
    lane.till[i] = now;
    lane.state[i] = lane.slices[3 * i + 1];
    lane.about[i] = lane.slices[3 * i + 2];
  }
  lane.n = n;
  lane.slices = null;
  lane.jobs = [];
}

function prepare(timeline) {
  if (timeline.ready) return timeline;
  timeline.lanes.forEach(unpack);
  for (let i = 0; i < timeline.jobs.length; i += 6) {
    const [lane, from, length, n, kind, waited] = timeline.jobs.slice(i, i + 6);
    timeline.lanes[lane].jobs.push({ from, till: from + length, n, waited, ...timeline.kinds[kind] });
  }
  timeline.lanes.forEach((lane) => lane.jobs.sort((a, b) => a.from - b.from));
  timeline.ready = true;
  return timeline;
}

// The first slice of a lane that ends after a moment.
function sliceAt(lane, moment) {
  let low = 0, high = lane.n;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (lane.till[middle] > moment) high = middle; else low = middle + 1;
  }
  return low;
}

const startOf = (lane, i) => (i > 0 ? lane.till[i - 1] : 0);

const view = { timeline: null, from: 0, to: 1, lane: 0, slice: -1, width: 0, left: 0 };
const TOP = 6, BOTTOM = 26, RIGHT = 14;

const laneHeight = () => (view.timeline.lanes.length > 24 ? 18 : 28);
const xOf = (t) => view.left + ((t - view.from) / (view.to - view.from)) * (view.width - view.left - RIGHT);
const timeAt = (x) => view.from + ((x - view.left) / (view.width - view.left - RIGHT)) * (view.to - view.from);

function prepareCanvas(canvas, height) {
  const scale = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.style.height = height + "px";
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  const c = canvas.getContext("2d");
  c.setTransform(scale, 0, 0, scale, 0, 0);
  c.clearRect(0, 0, width, height);
  c.font = '12px system-ui, "DejaVu Sans", sans-serif';
  return [c, width];
}

// A lane's slices, a pixel at a time where they are narrower: what most of the pixel was wins.
function drawSlices(c, lane, y, height) {
  let i = sliceAt(lane, view.from);
  const last = view.width - RIGHT;
  while (i < lane.n) {
    const x = Math.max(view.left, xOf(startOf(lane, i)));
    if (x >= last) return;
    const end = Math.min(last, xOf(lane.till[i]));
    if (end - x >= 1) {
      if (lane.state[i]) fillSlice(c, lane.state[i], x, y, end - x, height);
      i++;
    } else {
      i = drawPixel(c, lane, i, Math.floor(x), y, height);
    }
  }
}

function drawPixel(c, lane, i, pixel, y, height) {
  const sums = [0, 0, 0, 0, 0, 0];
  const till = timeAt(pixel + 1);
  let from = startOf(lane, i);
  do {
    sums[lane.state[i]] += Math.min(lane.till[i], till) - from;
    from = lane.till[i];
    i++;
  } while (i < lane.n && lane.till[i] <= till);
  let best = 0;
  for (let state = 1; state <= 5; state++) if (sums[state] > sums[best] || best === 0) best = sums[state] > 0 ? state : best;
  if (best) fillSlice(c, best, pixel, y, 1, height);
  return i;
}

function drawJobs(c, lane, y, height) {
  c.textBaseline = "middle";
  let drawn = -1; // the last pixel that has a short job's mark
  for (const job of lane.jobs) {
    if (job.till < view.from || job.from > view.to) continue;
    const x = Math.max(view.left, xOf(job.from)), end = Math.min(view.width - RIGHT, xOf(job.till));
    if (end - x < 1 && Math.floor(x) === drawn && job.status === "done") continue;
    drawn = Math.floor(x);
    c.fillStyle = job.status === "done" ? ink["--ink"] : ink["--lock"];
    c.fillRect(x, y + height - 3, Math.max(1, end - x - 1), job.status === "done" ? 2 : 3);
    const text = "#" + job.n;
    if (height >= 20 && end - x > c.measureText(text).width + 8) {
      const width = c.measureText(text).width + 6;
      c.fillStyle = ink["--back"];
      c.globalAlpha = 0.82;
      c.fillRect(x + 2, y + 4, width, height - 10);
      c.globalAlpha = 1;
      c.fillStyle = ink["--ink"];
      c.fillText(text, x + 5, y + height / 2);
    }
  }
}

// Marks at 1, 2 or 5 times a power of ten.
function stepFor(span, most) {
  const least = span / most;
  const base = 10 ** Math.floor(Math.log10(least));
  return [1, 2, 5, 10].map((f) => f * base).find((s) => s >= least);
}

function drawAxis(c, bottom, labels) {
  const step = stepFor(view.to - view.from, Math.max(2, (view.width - view.left) / 110));
  c.textBaseline = "top";
  c.textAlign = "center";
  for (let t = Math.ceil(view.from / step) * step; t <= view.to; t += step) {
    const x = Math.round(xOf(t)) + 0.5;
    c.strokeStyle = ink["--line"];
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(x, 0);
    c.lineTo(x, bottom);
    c.stroke();
    if (labels) {
      c.fillStyle = ink["--faint"];
      c.fillText(Math.abs(t) < step / 2 ? "0" : time(t), x, bottom + 6);
    }
  }
  c.textAlign = "left";
}

function drawName(c, lane, i, y, height) {
  c.textBaseline = "middle";
  c.fillStyle = i === view.lane ? ink["--accent"] : ink["--ink"];
  let name = lane.name;
  while (name.length > 3 && c.measureText(name).width > view.left - 16) name = name.slice(0, -2) + "…";
  c.fillText(name, 8, y + height / 2);
}

function drawLanes() {
  const lanes = view.timeline.lanes, height = laneHeight();
  const [c, width] = prepareCanvas(get("lanes"), TOP + lanes.length * height + BOTTOM);
  view.width = width;
  view.left = Math.min(width / 4, Math.max(60, ...lanes.map((l) => c.measureText(l.name).width)) + 16);
  drawAxis(c, TOP + lanes.length * height, true);
  lanes.forEach((lane, i) => {
    const y = TOP + i * height;
    drawName(c, lane, i, y, height);
    drawSlices(c, lane, y + 2, height - 4);
    drawJobs(c, lane, y + 2, height - 4);
  });
  drawKills(c, height);
  drawChosen(c, lanes, height);
}

function drawKills(c, height) {
  for (const kill of view.timeline.kills) {
    const lane = view.timeline.lanes.findIndex((l) => l.pid === kill.pid && l.main);
    if (lane < 0 || kill.at < view.from || kill.at > view.to) continue;
    const x = xOf(kill.at), y = TOP + lane * height + height / 2;
    c.strokeStyle = ink["--ink"];
    c.lineWidth = 2.5;
    c.beginPath();
    c.moveTo(x - 5, y - 5); c.lineTo(x + 5, y + 5);
    c.moveTo(x - 5, y + 5); c.lineTo(x + 5, y - 5);
    c.stroke();
  }
}

function drawChosen(c, lanes, height) {
  const lane = lanes[view.lane];
  if (!lane || view.slice < 0 || view.slice >= lane.n) return;
  const x = Math.max(view.left, xOf(startOf(lane, view.slice)));
  const end = Math.min(view.width - RIGHT, xOf(lane.till[view.slice]));
  if (end < view.left || x > view.width - RIGHT) return;
  c.strokeStyle = ink["--ink"];
  c.lineWidth = 2;
  c.strokeRect(x, TOP + view.lane * height + 1, Math.max(2, end - x), height - 2);
}

// Counters: a strip each, as steps.
function drawCounters() {
  const counters = view.timeline.counters, strip = 62;
  const canvas = get("counters");
  canvas.hidden = counters.length === 0;
  if (canvas.hidden) return;
  const [c] = prepareCanvas(canvas, counters.length * strip + 6);
  drawAxis(c, counters.length * strip + 6, false);
  const said = [];
  counters.forEach((counter, k) => said.push(drawCounter(c, counter, 18 + k * strip, strip - 24)));
  canvas.setAttribute("aria-label", "Counters over time: " + said.join("; "));
}

function drawCounter(c, counter, y, height) {
  const points = counter.points;
  let most = 0;
  for (let i = 1; i < points.length; i += 2) most = Math.max(most, points[i]);
  const yOf = (v) => y + 4 + (1 - v / Math.max(1, most)) * (height - 6);
  c.save();
  c.beginPath();
  c.rect(view.left, y, view.width - view.left - RIGHT, height + 4);
  c.clip();
  c.beginPath();
  let value = 0;
  c.moveTo(view.left, yOf(0));
  for (let i = 0; i < points.length; i += 2) {
    const x = xOf(points[i]);
    c.lineTo(Math.max(view.left, x), yOf(value));
    value = points[i + 1];
    c.lineTo(Math.max(view.left, x), yOf(value));
    if (x > view.width) break;
  }
  c.lineTo(view.width, yOf(value));
  c.strokeStyle = ink["--running"];
  c.lineWidth = 1.5;
  c.stroke();
  c.lineTo(view.width, yOf(0));
  c.lineTo(view.left, yOf(0));
  c.globalAlpha = 0.18;
  c.fillStyle = ink["--running"];
  c.fill();
  c.restore();
  c.fillStyle = ink["--faint"];
  c.textBaseline = "top";
  c.textAlign = "right";
  c.fillText(String(most), view.left - 8, y + 1);
  c.fillText("0", view.left - 8, y + height - 8);
  c.textAlign = "left";
  c.fillText(counter.name, view.left + 4, y - 14);
  return `${counter.name}, at most ${most}`;
}
