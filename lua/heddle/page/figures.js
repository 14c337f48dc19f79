// The figures: cards of one run, tables; and the beginning of it all.

function mean(list) {
  const known = list.filter((v) => v !== undefined && v !== null);
  return known.length ? known.reduce((a, b) => a + b, 0) / known.length : undefined;
}

const over = (group, fn) => mean(group.rounds.map(fn));
const some = (n) => (n ? whole(n) : "–");
const whole = (n) => (n === undefined ? "–" : String(Math.round(n)));

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
  if (t.total.p50 !== undefined) card("median, due to end", seconds(t.total.p50));
  if (t.total.p99 !== undefined) card("99 %, due to end", seconds(t.total.p99));
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

const TIMES = ["p50", "p90", "p99", "max"];

// How fast each group was.
function speeds(longest) {
  return data.groups.map((g) => {
    const f = (fn) => over(g, fn), wall = f((r) => r.totals.wall);
    return [g.label, barred(seconds(wall), wall / longest), spread(g), number(f((r) => r.totals.speedup)),
      number(f((r) => r.totals.throughput)), ...TIMES.map((p) => seconds(f((r) => r.totals.total[p]))),
      whole(f((r) => r.totals.done)), ...["failed", "timeout", "skipped", "left"].map((status) => some(f((r) => r.totals[status]))),
      String(g.rounds.length)];
  });
}

// What each group cost beside that.
function costs() {
  return data.groups.map((g) => {
    const f = (fn) => over(g, fn);
    return [g.label, seconds(f((r) => r.cpu)), percent(f((r) => r.gil_share)), percent(f((r) => r.lock_share)),
      whole(f((r) => r.voluntary)), whole(f((r) => r.involuntary)), seconds(f((r) => r.startup)), bytes(f((r) => r.memory))];
  });
}

function comparison() {
  if (data.groups.length < 2) return;
  get("comparison").hidden = false;
  const reason = data.reason ? `, because ${data.reason}` : "";
  if (data.answer) get("answer").append(element("b", data.answer), reason);
  else if (data.best) get("answer").append(element("b", `${data.best} ran fastest`), reason);
  else get("answer").hidden = true;
  const longest = Math.max(...data.groups.map((g) => over(g, (r) => r.totals.wall)));
  const best = (i) => data.groups[i].model === data.best && (!data.best_workers || data.groups[i].workers === data.best_workers);
  table(get("comparison-table"), ["model", "wall", "lowest – highest", "speed-up", "jobs/s", ...TIMES, "done", "failed", "timeout",
    "skipped", "left", "runs"], speeds(longest), best);
  table(get("costs-table"), ["model", "CPU", "GIL wait", "lock wait", "voluntary switches", "involuntary", "start-up",
    "peak memory"], costs(), best);
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
  table(get("kinds-table"), ["kind", "done", "failed", "timeout", "skipped", "left", "CPU", "wait p50", "wait p99", "run p50", "run p99", "total p50", "total p99"],
    data.kinds.map((k) => [k.name, number(k.done, 9), number(k.failed, 9), some(k.timeout), some(k.skipped), number(k.left, 9), seconds(k.cpu),
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
