// Looking around in the timeline: zoom, pointer and keys; what is said of a slice.

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

const HINT = "Click a slice, or choose one by keys, to see what was waited for, who held it and who ended the wait.";

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
  box.replaceChildren(element("p", HINT, { class: "hint" }));
  redraw();
  if (!l || slice < 0 || slice >= l.n) return;
  box.replaceChildren();
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
    const whole = view.to - view.from >= view.timeline.span;
    if (whole && e.deltaY > 0 && !e.ctrlKey) return; // nothing to zoom out of: the page scrolls on
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
  get("details").replaceChildren(element("p", HINT, { class: "hint" }));
  get("notes").textContent = notes(timeline).join("; ");
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
