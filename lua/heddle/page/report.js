"use strict";
// Draws the report from the data that stands in the page. One axis (view.from .. view.to, in tenths
// of a microsecond) is shared by the lanes and the counters below them.

const data = JSON.parse(document.getElementById("data").textContent);
const get = (id) => document.getElementById(id);
const STATES = ["", "running", "waiting for the GIL", "waiting for a lock", "I/O or sleep", "idle"];
const COLOURS = ["", "--running", "--gil", "--lock", "--io", "--idle"];
const UNIT = 1e-7; // seconds

// Text ------------------------------------------------------------------------------------------

function digits(x, n) {
  return Number(x.toPrecision(n)).toLocaleString("en", { maximumSignificantDigits: n, useGrouping: false });
}

function seconds(x) {
  if (x === undefined || x === null) return "–";
  if (x === 0) return "0";
  if (x >= 99.95) return digits(x, 4) + " s";
  if (x >= 0.9995) return digits(x, 3) + " s";
  if (x >= 0.9995e-3) return digits(x * 1e3, 3) + " ms";
  return digits(x * 1e6, 3) + " µs";
}

const time = (units) => seconds(units * UNIT);
const number = (x, n = 3) => (x === undefined || x === null ? "–" : digits(x, n));
const percent = (x) => (x === undefined || x === null ? "–" : (100 * x).toFixed(x < 0.0995 ? 1 : 0) + " %");

function bytes(x) {
  if (!x) return "–";
  return x >= 2 ** 20 ? digits(x / 2 ** 20, 3) + " MiB" : digits(x / 1024, 3) + " KiB";
}

function element(name, text, attributes = {}) {
  const e = document.createElement(name);
  if (text !== undefined) e.textContent = text;
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

// Columns in which nothing is known are left out.
function table(target, heads, rows, mark) {
  const known = heads.map((_, k) => rows.some((row) => row[k] !== "–"));
  const head = element("tr");
  heads.forEach((h, k) => known[k] && head.append(element("th", h, { scope: "col" })));
  const body = element("tbody");
  rows.forEach((row, i) => {
    const tr = element("tr");
    row.forEach((cell, k) => known[k] && tr.append(cell instanceof Node ? cell : element("td", cell)));
    if (mark && mark(i)) tr.className = "best";
    body.append(tr);
  });
  target.replaceChildren(element("thead"), body);
  target.tHead.append(head);
}

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

let asked = false;
function redraw() {
  if (asked || !view.timeline) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    drawLanes();
    drawCounters();
  });
}

// Looking around --------------------------------------------------------------------------------

function show(from, to) {
  const span = view.timeline.span;
  const length = Math.min(span, Math.max(to - from, 20));
  view.from = Math.min(Math.max(0, from), span - length);
  view.to = view.from + length;
  redraw();
}

function zoom(factor, around = (view.from + view.to) / 2) {
  show(around - (around - view.from) * factor, around + (view.to - around) * factor);
}

const pan = (share) => show(view.from + share * (view.to - view.from), view.to + share * (view.to - view.from));

const nameOf = (who) => (typeof who === "number" ? view.timeline.lanes[who].name : who);

function jobAt(lane, moment) {
  return lane.jobs.find((job) => job.from <= moment && moment < job.till);
}

function describeSlice(lane, i, moment) {
  const about = view.timeline.abouts[lane.about[i]] || {};
  const from = startOf(lane, i), till = lane.till[i];
  const job = jobAt(lane, moment === undefined ? (from + till) / 2 : moment);
  return { state: STATES[lane.state[i]] || "not there", from, till, job, ...about };
}

// "waiting for a lock (the till)"; the GIL has been said already.
const stateText = (s) => (s.what && s.what !== "the GIL" ? `${s.state} (${s.what})` : s.state);
const sliceText = (lane, s) => `${lane.name}: ${stateText(s)}, ${time(s.till - s.from)}`;

// A link to a task's lane at the moment that matters.
function link(who, moment) {
  if (typeof who !== "number") return document.createTextNode(who);
  const a = element("a", nameOf(who), { tabindex: "0", role: "button" });
  const go = () => { choose(who, sliceAt(view.timeline.lanes[who], Math.max(0, moment - 1))); reveal(); };
  a.addEventListener("click", go);
  a.addEventListener("keydown", (e) => { if (e.key === "Enter") go(); });
  return a;
}

function reveal() {
  const lane = view.timeline.lanes[view.lane];
  const from = startOf(lane, view.slice), till = lane.till[view.slice], length = view.to - view.from;
  if (till < view.from || from > view.to) show((from + till - length) / 2, (from + till + length) / 2);
}

function choose(lane, slice, moment) {
  view.lane = lane;
  view.slice = slice;
  const l = view.timeline.lanes[lane], box = get("details");
  box.replaceChildren();
  redraw();
  if (!l || slice < 0 || slice >= l.n) return;
  const s = describeSlice(l, slice, moment);
  const first = element("p");
  first.append(element("b", l.name), ` ${stateText(s)} for ${time(s.till - s.from)}, from ${time(s.from)} to ${time(s.till)} of the run; process ${l.pid}, thread ${l.tid}.`);
  const second = element("p");
  if (s.holder !== undefined) second.append("Held by ", link(s.holder, s.from + 2), " then. ");
  if (s.waker !== undefined) second.append("Woken by ", link(s.waker, s.till), ". ");
  if (s.job) {
    second.append(`Job #${s.job.n} (${s.job.kind}): ${s.job.status}, ran ${time(s.job.till - s.job.from)}${
      s.job.waited >= 0 ? `, waited ${time(s.job.waited)} to begin` : ""}.`);
  }
  box.append(first, second);
}

function laneAt(y) {
  const i = Math.floor((y - TOP) / laneHeight());
  return i >= 0 && i < view.timeline.lanes.length ? i : -1;
}

function pointed(event) {
  const box = get("lanes").getBoundingClientRect();
  const x = event.clientX - box.left, y = event.clientY - box.top;
  return { x, y, moment: timeAt(x), lane: x >= view.left ? laneAt(y) : -1 };
}

function hover(event) {
  const p = pointed(event), tip = get("tip");
  const lane = view.timeline.lanes[p.lane];
  const i = lane ? sliceAt(lane, p.moment) : -1;
  tip.hidden = !lane || p.moment < 0 || i >= lane.n || !lane.state[i];
  if (tip.hidden) return;
  const s = describeSlice(lane, i, p.moment);
  tip.textContent = sliceText(lane, s) + (s.holder !== undefined ? `; held by ${nameOf(s.holder)}` : "") +
    (s.waker !== undefined ? `; woken by ${nameOf(s.waker)}` : "") + (s.job ? `; job #${s.job.n} (${s.job.kind})` : "");
  tip.style.left = Math.min(p.x + 14, view.width - tip.offsetWidth - 4) + "px";
  tip.style.top = p.y + 16 + "px";
}

function watchPointer(canvas) {
  let drag = null;
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) pan(e.deltaX / view.width);
    else zoom(Math.exp(e.deltaY * 0.0016), pointed(e).moment);
  }, { passive: false });
  canvas.addEventListener("pointerdown", (e) => {
    drag = { x: e.clientX, from: view.from, to: view.to, moved: false };
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    if (!drag) return hover(e);
    if (Math.abs(e.clientX - drag.x) > 3) drag.moved = true;
    canvas.classList.toggle("dragging", drag.moved);
    const shift = ((e.clientX - drag.x) / (view.width - view.left - RIGHT)) * (drag.to - drag.from);
    if (drag.moved) show(drag.from - shift, drag.to - shift);
  });
  canvas.addEventListener("pointerup", (e) => {
    const moved = drag && drag.moved, p = pointed(e);
    drag = null;
    canvas.classList.remove("dragging");
    if (!moved && p.lane >= 0) choose(p.lane, sliceAt(view.timeline.lanes[p.lane], p.moment), p.moment);
  });
  canvas.addEventListener("pointerleave", () => { get("tip").hidden = true; });
  canvas.addEventListener("dblclick", (e) => zoom(0.25, pointed(e).moment));
}

// The next slice of the chosen lane in which it was there; from none chosen the first in sight.
function step(by) {
  const lane = view.timeline.lanes[view.lane];
  let i = view.slice < 0 ? sliceAt(lane, view.from) - (by > 0 ? 1 : 0) : view.slice;
  do i += by; while (i >= 0 && i < lane.n && !lane.state[i]);
  if (i < 0 || i >= lane.n) return;
  choose(view.lane, i);
  reveal();
}

function chooseLane(i) {
  if (i < 0 || i >= view.timeline.lanes.length) return;
  const old = view.timeline.lanes[view.lane];
  const moment = view.slice >= 0 ? startOf(old, view.slice) : view.from;
  choose(i, sliceAt(view.timeline.lanes[i], moment));
}

const KEYS = {
  "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), "0": () => show(0, view.timeline.span),
  ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), Home: () => show(0, view.to - view.from),
  End: () => show(view.timeline.span - (view.to - view.from), view.timeline.span),
  ArrowUp: () => chooseLane(view.lane - 1), ArrowDown: () => chooseLane(view.lane + 1),
  "]": () => step(1), "[": () => step(-1), Escape: () => choose(view.lane, -1),
};

function watchKeys(canvas) {
  canvas.addEventListener("keydown", (e) => {
    if (!KEYS[e.key] || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    KEYS[e.key]();
  });
}

function sharesTable(timeline) {
  const rows = timeline.lanes.map((lane) => {
    const all = Math.max(1, lane.shares.reduce((a, b) => a + b, 0));
    return [lane.name, `${lane.pid} / ${lane.tid}`, seconds(all * 1e-9), ...lane.shares.map((s) => percent(s / all)),
      lane.outcome || "–"];
  });
  table(get("shares"), ["lane", "process / thread", "there for", ...STATES.slice(1), "ended"], rows);
}

function notes(timeline) {
  const list = [];
  if (timeline.hidden) list.push(`${timeline.hidden} short tasks are drawn in their threads' lanes`);
  if (timeline.lost) list.push(`the oldest ${timeline.lost} events were lost to full rings`);
  if (timeline.merged) list.push(`neighbouring slices shorter than ${time(timeline.merged)} are drawn as one`);
  for (const k of timeline.kills) {
    list.push(`${k.name} (process ${k.pid}) ${k.status < 0 ? "was killed by signal " + -k.status
      : "ended with status " + k.status} at ${time(k.at)}`);
  }
  return list;
}

function openTimeline(timeline) {
  view.timeline = prepare(timeline);
  view.lane = 0;
  view.slice = -1;
  get("lanes").setAttribute("aria-label", `Timeline of ${timeline.label}: ${timeline.lanes.length} lanes, ${
    time(timeline.span)}. The table below has each lane's shares.`);
  get("details").replaceChildren(element("p", notes(timeline).join("; ")));
  sharesTable(timeline);
  show(0, timeline.span);
}

function setUpTimelines() {
  const list = data.timelines.filter((t) => t.lanes.length > 0 && t.span > 0);
  if (list.length === 0) return;
  get("timeline").hidden = false;
  const run = get("run");
  get("run-label").hidden = list.length < 2;
  list.forEach((t, i) => run.append(element("option", t.label, { value: i })));
  run.addEventListener("change", () => openTimeline(list[run.value]));
  get("zoom-in").addEventListener("click", () => zoom(0.5));
  get("zoom-out").addEventListener("click", () => zoom(2));
  get("fit").addEventListener("click", () => show(0, view.timeline.span));
  watchPointer(get("lanes"));
  watchKeys(get("lanes"));
  openTimeline(list[0]);
}

// Latency curves ----------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
const CURVES = [
  ["--running", ""], ["--gil", "9 4"], ["--io", "2 4"], ["--lock", "12 4 2 4"], ["--idle", "5 3"],
  ["--ink", ""], ["--accent", "3 3"], ["--faint", "14 3"],
];
const CLOCKS = { total: "from due to end", wait: "from due to start", run: "from start to end" };
const PLOT = { left: 76, right: 944, top: 14, bottom: 318 };

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
  for (const [v, p] of PERCENTILES.filter((mark) => mark[0] <= most)) {
    svg(picture, "line", { class: "grid", x1: x(v), x2: x(v), y1: PLOT.top, y2: PLOT.bottom });
    svg(picture, "text", { x: x(v), y: PLOT.bottom + 18, "text-anchor": "middle" }, p + " %");
  }
  ys.forEach((v) => {
    svg(picture, "line", { class: "grid", x1: PLOT.left, x2: PLOT.right, y1: y(v), y2: y(v) });
    svg(picture, "text", { x: PLOT.left - 8, y: y(v) + 4, "text-anchor": "end" }, seconds(v));
  });
  svg(picture, "text", { x: (PLOT.left + PLOT.right) / 2, y: PLOT.bottom + 36, "text-anchor": "middle" }, "percentile");
}

function drawCurves(clock) {
  const picture = get("curves"), groups = data.groups.filter((g) => g.curves[clock].length > 0);
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
}

// Figures -------------------------------------------------------------------------------------------

function median(list) {
  const known = list.filter((v) => v !== undefined && v !== null).sort((a, b) => a - b);
  return known.length ? (known[(known.length - 1) >> 1] + known[known.length >> 1]) / 2 : undefined;
}

const over = (group, fn) => median(group.rounds.map(fn));

function card(label, value) {
  const div = element("div", undefined, { class: "card" });
  div.append(element("b", value), element("span", label));
  get("cards").append(div);
}

function summary() {
  if (data.groups.length !== 1) return;
  get("summary").hidden = false;
  const run = data.groups[0].rounds[0], t = run.totals;
  card("wall time", seconds(t.wall));
  card("jobs done", number(t.done, 9));
  for (const status of ["failed", "timeout", "skipped", "left"]) if (t[status]) card(status, number(t[status], 9));
  card("jobs a second", number(t.throughput));
  card("speed-up", run.interrupted ? "–" : number(t.speedup));
  card("CPU time of jobs", seconds(t.cpu));
  if (t.total) card("median, due to end", seconds(t.total.p50));
  if (t.total) card("99 %, due to end", seconds(t.total.p99));
  if (run.gil_wait) card("waited for the GIL, in all", seconds(run.gil_wait));
  if (run.lock_wait) card("waited for locks, in all", seconds(run.lock_wait));
}

function spread(group) {
  const walls = group.rounds.map((r) => r.totals.wall);
  return walls.length > 1 ? `${seconds(Math.min(...walls))} – ${seconds(Math.max(...walls))}` : "–";
}

function barred(text, share) {
  const cell = element("td", text, { class: "barred" });
  cell.style.setProperty("--share", 100 * share + "%");
  return cell;
}

function comparison() {
  if (data.groups.length < 2) return;
  get("comparison").hidden = false;
  if (data.answer) get("answer").append(element("b", data.answer), data.reason ? ` (${data.reason})` : "");
  else if (data.best) get("answer").append(element("b", `${data.best} ran fastest`), data.reason ? `: ${data.reason}` : "");
  else get("answer").hidden = true;
  const longest = Math.max(...data.groups.map((g) => over(g, (r) => r.totals.wall)));
  const rows = data.groups.map((g) => {
    const wall = over(g, (r) => r.totals.wall), f = (fn) => over(g, (r) => fn(r));
    const share = (key) => f((r) => (r[key] === undefined ? undefined : r[key] / (r.totals.wall * g.workers)));
    return [g.label, barred(seconds(wall), wall / longest), spread(g), number(f((r) => r.totals.speedup)),
      number(f((r) => r.totals.throughput)), ...["p50", "p90", "p99", "max"].map((p) => seconds(f((r) => r.totals.total?.[p]))),
      seconds(f((r) => r.totals.cpu)), percent(share("gil_wait")), percent(share("lock_wait")),
      number(f((r) => r.voluntary), 6), number(f((r) => r.involuntary), 6), seconds(f((r) => r.startup)), bytes(f((r) => r.memory)),
      number(f((r) => r.totals.failed), 9), number(f((r) => r.totals.left), 9), String(g.rounds.length)];
  });
  table(get("comparison-table"), ["model", "wall", "lowest – highest", "speed-up", "jobs/s", "p50", "p90", "p99", "max", "CPU",
    "GIL wait", "lock wait", "voluntary", "involuntary", "start-up", "memory", "failed", "left", "runs"], rows,
    (i) => data.groups[i].model === data.best && (!data.best_workers || data.groups[i].workers === data.best_workers));
}

function workers() {
  if (!data.workers || data.workers.length === 0) return;
  get("workers").hidden = false;
  table(get("workers-table"), ["worker", "jobs", "busy", "GIL wait", "lock wait", "voluntary switches", "involuntary", "memory"],
    data.workers.map((w) => [w.name, number(w.jobs, 9), barred(percent(w.busy), Math.min(1, w.busy)), seconds(w.gil_wait),
      seconds(w.lock_wait), number(w.voluntary, 9), number(w.involuntary, 9), bytes(w.memory)]));
}

function kinds() {
  if (!data.kinds || data.kinds.length === 0) return;
  get("kinds").hidden = false;
  table(get("kinds-table"), ["kind", "done", "failed", "left", "CPU", "wait p50", "wait p99", "run p50", "run p99", "total p50", "total p99"],
    data.kinds.map((k) => [k.name, number(k.done, 9), number(k.failed, 9), number(k.left, 9), seconds(k.cpu),
      ...["wait", "run", "total"].flatMap((clock) => [seconds(k[clock]?.p50), seconds(k[clock]?.p99)])]));
}

function errors() {
  if (!data.errors || data.errors.length === 0) return;
  get("errors").hidden = false;
  data.errors.forEach((text) => get("errors-list").append(element("li", text)));
}

// -----------------------------------------------------------------------------------------------

function begin() {
  get("title").textContent = data.title;
  get("subtitle").textContent = data.subtitle;
  readColours();
  drawLegend();
  summary();
  comparison();
  setUpTimelines();
  if (view.timeline) { // the first picture now, not with the next frame
    drawLanes();
    drawCounters();
  }
  setUpCurves();
  workers();
  kinds();
  errors();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readColours(); drawLegend(); redraw(); });
  new ResizeObserver(redraw).observe(get("lanes"));
  document.documentElement.dataset.drawn = Math.round(performance.now());
}

begin();
