-- The HTML report: what stands in it, and what a browser makes of it.

local helper = require "spec.helper"
local browser = require "spec.browser"
local json = require "cjson"
local report = require "heddle.report"
local report_html = require "heddle.report_html"

local MS = 1000000
local RUNNING, RUNNABLE, LOCK, IO, IDLE = 1, 2, 3, 4, 5

helper.case_limit = 60

-- A lane from lists of {state, until (ms), what, holder, waker}.
local function lane(task, name, slices)
  local self = { task = task, name = name, model = "thread", main = true, outcome = "done",
    n = 0, state = {}, at = {}, till = {}, what = {}, holder = {}, waker = {},
    thread = { pid = 100 + task, tid = 100 + task, seat = task, order = task, name = name } }
  local begun = 0
  for i, s in ipairs(slices) do
    self.n, self.state[i], self.at[i] = i, s[1], begun
    begun = s[2] * MS
    self.till[i], self.what[i], self.holder[i], self.waker[i] = begun, s[3], s[4], s[5]
  end
  return self
end

local function sample_timeline()
  local self = { from = 0, to = 100 * MS, lost = 0, by_task = {}, kills = {},
    depths = { ["the <b>letters</b>"] = { times = { 0, 10 * MS, 30 * MS }, items = { 3, 2, 5 } } },
    jobs = {
      { group = 1, number = 0, kind = "parse", status = "done", queued = 0, started = 5 * MS,
        ended = 35 * MS, worker = 1 },
      { group = 1, number = 1, kind = "fetch", status = "failed", queued = 0, started = 40 * MS,
        ended = 90 * MS, worker = 1 },
    },
    lanes = {
      lane(1, "first", { { RUNNING, 20 }, { LOCK, 40, "the till", 2, 2 }, { RUNNING, 60 },
        { RUNNABLE, 80, "the GIL", 2 }, { IO, 100, "sleep" } }),
      lane(2, "second </script>", { { RUNNING, 40 }, { IDLE, 100, "the <b>letters</b>" } }),
    } }
  for _, l in ipairs(self.lanes) do self.by_task[l.task] = l end
  return self
end

local function job(number, status, started, ended)
  return { number = number, kind = number % 2 == 0 and "even" or "odd", size = 1.0, status = status,
    due = 0.0, queued = 0.0, started = started, ended = ended, cpu = 0.01, attempts = 1,
    worker = "first", error = status == "failed" and "it <i>broke</i> </script>" or nil }
end

local function sample_report(model, wall)
  return report.new {
    model = model or "threads", worker_count = 2, seed = 42, cores = 2, wall = wall or 0.1,
    jobs = { job(0, "done", 0.0, 0.03), job(1, "failed", 0.03, 0.09), job(2, "left") },
    workers_seen = {
      { name = "first", jobs = 2, cpu = 0.02, gil_wait = 0.02 },
      { name = "second", jobs = 0, cpu = 0.0 },
    },
  }
end

local function page(r)
  return report_html.render(r, { { timeline = sample_timeline(), model = "threads", workers = 2 } })
end

local function data_of(html)
  return json.decode(html:match '<script type="application/json" id="data">(.-)</script>')
end

-- Many short slices, as of a run of 100,000 events.
local function long_timeline(lanes, slices)
  local self = { from = 0, to = slices * 10000, lost = 0, by_task = {}, jobs = {}, depths = {},
    kills = {}, lanes = {} }
  for k = 1, lanes do
    local l = lane(k, "worker " .. k, {})
    for i = 1, slices do
      l.n, l.state[i], l.at[i], l.till[i] = i, (i + k) % 5 + 1, (i - 1) * 10000, i * 10000
      l.what[i] = i % 5 == 0 and "the till" or nil
      l.waker[i] = i % 3 == 0 and k % lanes + 1 or nil
    end
    self.lanes[k], self.by_task[k] = l, l
  end
  return self
end

describe("heddle.report_html", function()
  it("makes one file that asks the network for nothing", function()
    local html = page(sample_report())
    assert.equal("<!DOCTYPE html>", html:match "^[^\n]*")
    assert(html:find("default-src 'none'", 1, true))
    local bare = html:gsub("http://www%.w3%.org/2000/svg", "")
    for _, word in ipairs { "http:", "https:", "src=", "@import", "url%(", "<link" } do
      assert(not bare:find(word), word)
    end
  end)

  it("carries the figures and the timeline as data", function()
    local data = data_of(page(sample_report()))
    assert.equal("heddle: threads × 2", data.title)
    assert.equal(1, data.groups[1].rounds[1].totals.done)
    assert.equal(2, #data.workers)
    local t = data.timelines[1]
    assert.equal(1000000, t.span)
    assert.equal("first", t.lanes[1].name)
    assert.equal(200000, t.lanes[1].slices[1])
    assert.equal(RUNNING, t.lanes[1].slices[2])
    local about = t.abouts[t.lanes[1].slices[6] + 1]
    assert.same({ what = "the till", holder = 1, waker = 1 }, about)
    assert.equal("tasks that could run", t.counters[1].name)
  end)

  it("keeps what is in the data from ending its element", function()
    local html = page(sample_report())
    local _, count = html:gsub("</script>", "")
    assert.equal(2, count)
    assert.equal("second </script>", data_of(html).timelines[1].lanes[2].name)
  end)

  it("has percentiles that end at the greatest value", function()
    local points = data_of(page(sample_report())).groups[1].curves.run
    assert.equal(0.03, points[1][2])
    assert(math.abs(points[#points][2] - 0.06) < 1e-12)
    for i = 2, #points do
      assert(points[i][1] >= points[i - 1][1] and points[i][2] >= points[i - 1][2])
    end
  end)

  it("stays small with 100,000 slices", function()
    local html = report_html.render(nil, { { timeline = long_timeline(10, 10000) } })
    assert(#html < 3 * 2 ^ 20, #html)
  end)

  it("merges the shortest slices of longer runs", function()
    local t = long_timeline(4, 80000)
    local html = report_html.render(nil, { { timeline = t } })
    local data, slices = data_of(html).timelines[1], 0
    assert(data.merged > 0)
    for _, l in ipairs(data.lanes) do
      slices = slices + #l.slices // 3
      local sum = 0
      for i = 1, #l.slices, 3 do sum = sum + l.slices[i] end
      assert.equal(data.span, sum) -- nothing is lost of the time
    end
    assert(slices <= 250000, slices)
  end)
end)

describe("the page in a browser", function()
  if not browser.program then
    pending("there is no chromium-headless-shell and no chromium here")
    return
  end

  local SHOWN = [[
      const shown = [...document.querySelectorAll("section")].filter((s) => !s.hidden)
        .map((s) => s.id);
  ]]

  local SHOWS = SHOWN .. [[
      const c = get("lanes"), scale = devicePixelRatio;
      const at = (t, i) => [...c.getContext("2d").getImageData(xOf(t) * scale,
        (TOP + (i + 0.5) * laneHeight()) * scale, 1, 1).data];
      return { shown, title: document.title, running: at(100000, 0),
        drawn: Number(document.documentElement.dataset.drawn),
        cards: get("cards").textContent, errors: get("errors-list").textContent,
        label: c.getAttribute("aria-label"), shares: get("shares").innerText,
        counters: get("counters").getAttribute("aria-label"),
        curves: get("curves").getAttribute("aria-label"),
        lines: get("curves").querySelectorAll("polyline").length };]]

  local POINTS = [[
      const c = get("lanes"), box = c.getBoundingClientRect();
      const press = (type, t, i) => c.dispatchEvent(new PointerEvent(type, { pointerId: 1,
        clientX: box.left + xOf(t), clientY: box.top + TOP + (i + 0.5) * laneHeight() }));
      c.setPointerCapture = () => {};
      press("pointermove", 300000, 0);
      const tip = get("tip").textContent;
      press("pointerdown", 300000, 0);
      press("pointerup", 300000, 0);
      const details = get("details").textContent;
      const names = [...get("details").querySelectorAll("a")].map((a) => a.textContent);
      get("details").querySelector("a").click();
      return { tip, details, names, lane: view.lane, after: get("details").textContent };]]

  local MOVES = [[
      const c = get("lanes"), box = c.getBoundingClientRect(), spans = {};
      c.setPointerCapture = () => {};
      const note = (name) => { spans[name] = [Math.round(view.from), Math.round(view.to)]; };
      const key = (k) => c.dispatchEvent(new KeyboardEvent("keydown", { key: k }));
      const pointer = (type, x) => c.dispatchEvent(new PointerEvent(type, { clientX: x,
        clientY: box.top + 20 }));
      key("+"); note("in");
      key("ArrowRight"); note("right");
      key("-"); note("out");
      key("+"); key("+"); key("0"); note("whole");
      const away = new WheelEvent("wheel", { deltaY: 400, cancelable: true });
      c.dispatchEvent(away);
      c.dispatchEvent(new WheelEvent("wheel", { deltaY: -400, clientX: box.left + xOf(500000),
        clientY: box.top + 20 }));
      note("wheel");
      pointer("pointerdown", 400);
      pointer("pointermove", 300);
      pointer("pointerup", 300);
      note("drag");
      key("ArrowDown"); key("]");
      return { spans, lane: view.lane, slice: view.slice, tabindex: c.tabIndex,
        scrolls: !away.defaultPrevented };]]

  local together

  -- One page for the cases that only look and point: all of their scripts run in it in turn.
  local function look_once(name)
    if not together then
      local look = ("return { shows: (() => { %s })(), moves: (() => { %s })(), "
        .. "points: (() => { show(0, view.timeline.span); %s })() };"):format(SHOWS, MOVES, POINTS)
      local seen, wrong = browser.look(page(sample_report()), look)
      together = { seen = seen, wrong = wrong }
    end
    assert.same({}, together.wrong)
    return together.seen[name]
  end

  it("shows a run", function()
    local seen = look_once "shows"
    assert.same({ "summary", "timeline", "latency", "workers", "kinds", "errors" }, seen.shown)
    assert.equal("heddle: threads × 2", seen.title)
    for _, text in ipairs { "1jobs done", "1failed", "1left" } do
      assert(seen.cards:find(text, 1, true), seen.cards)
    end
    assert.equal("job 1 (odd): it <i>broke</i> </script>", seen.errors)
    assert.same({ 0, 114, 178, 255 }, seen.running)
    assert(seen.label:find "2 lanes, 100 ms", seen.label)
    assert(seen.counters:find("the <b>letters</b>, at most 5", 1, true), seen.counters)
    assert(seen.curves:find "threads × 2 median 30 ms", seen.curves)
    assert.equal(1, seen.lines)
    assert(seen.drawn > 0)
  end)

  it("counts each kind's jobs under their own status", function()
    local r = sample_report()
    r.jobs[1].status, r.jobs[3].status = "timeout", "skipped"
    local seen, wrong = browser.look(page(r), [[
      return [...document.querySelectorAll("#kinds-table tr")].map((row) =>
        [...row.cells].slice(0, 6).map((cell) => cell.textContent).join(" "));]])
    assert.same({}, wrong)
    assert.same({ "kind done failed timeout skipped left", "even 0 0 1 1 0", "odd 0 1 – – 0" },
      seen)
  end)

  it("is dark where dark is preferred", function()
    local seen, wrong = browser.look(page(sample_report()), [[
      return { dark: matchMedia("(prefers-color-scheme: dark)").matches,
        back: getComputedStyle(document.body).backgroundColor, running: ink["--running"] };]],
      { "--blink-settings=preferredColorScheme=0" })
    assert.same({}, wrong)
    assert.same({ dark = true, back = "rgb(20, 23, 27)", running = "#4aa8e8" }, seen)
  end)

  it("says who held a lock and who woke its waiter, and goes there", function()
    local seen = look_once "points"
    assert.equal("first: waiting for a lock (the till), 20 ms; held by second </script>; "
      .. "woken by second </script>; job #0 (parse)", seen.tip)
    for _, text in ipairs {
      "first waiting for a lock (the till) for 20 ms, from 20 ms to 40 ms",
      "Job #0 (parse): done, ran 30 ms, waited 5 ms to begin",
    } do
      assert(seen.details:find(text, 1, true), seen.details)
    end
    assert.same({ "second </script>", "second </script>" }, seen.names)
    assert.equal(1, seen.lane)
    assert(seen.after:find "^second </script> running", seen.after)
  end)

  it("is used by wheel, drag and keys", function()
    local seen = look_once "moves"
    local s = seen.spans
    assert.same({ 250000, 750000 }, s["in"])
    assert.same({ 350000, 850000 }, s.right)
    assert.same({ 0, 1000000 }, { math.max(0, s.out[1] // 200000 * 200000), s.out[2] })
    assert.same({ 0, 1000000 }, s.whole)
    assert(s.wheel[1] > 0 and s.wheel[2] < 1000000)
    assert(s.drag[1] > s.wheel[1])
    assert(math.abs((s.drag[2] - s.drag[1]) - (s.wheel[2] - s.wheel[1])) <= 1)
    assert.equal(1, seen.lane)
    assert.equal(0, seen.tabindex)
    assert.is_true(seen.scrolls) -- the page does, where there is nothing to zoom out of
  end)

  it("compares runs", function()
    local runs = { sample_report("threads", 0.2), sample_report("isolates", 0.1) }
    local compared = { version = 1, seed = 42, runs = runs, best = "isolates", reason = "no GIL" }
    local html = report_html.render(compared, {
      { timeline = sample_timeline(), model = "threads", workers = 2 },
      { timeline = sample_timeline(), model = "isolates", workers = 2 },
    })
    local seen, wrong = browser.look(html, [[
      const before = get("lanes").getAttribute("aria-label");
      get("run").value = 1;
      get("run").dispatchEvent(new Event("change"));
      [...get("clocks").children][1].click();
      return { table: get("comparison-table").innerText, before,
        costs: get("costs-table").innerText,
        best: document.querySelector("tr.best").textContent, answer: get("answer").textContent,
        after: get("lanes").getAttribute("aria-label"),
        lines: get("curves").querySelectorAll("polyline").length,
        pressed: [...get("clocks").children].map((b) => b.getAttribute("aria-pressed")) };]])
    assert.same({}, wrong)
    assert(seen.table:find "threads × 2" and seen.table:find "isolates × 2", seen.table)
    for _, head in ipairs { "CPU", "lock wait", "voluntary switches", "involuntary" } do
      assert(seen.costs:find(head, 1, true), seen.costs)
    end
    assert(seen.best:find "^isolates × 2")
    assert.equal("isolates ran fastest, because no GIL", seen.answer)
    assert(seen.before:find "threads" and seen.after:find "isolates")
    assert.same({ "false", "true", "false" }, seen.pressed)
  end)

  -- Nothing but tables, which can be scrolled, is wider than the window; an axis's texts have room.
  for _, width in ipairs { 1280, 500 } do
    it(("fits a window of %d pixels"):format(width), function()
      local runs = { sample_report("threads", 0.2), sample_report("isolates", 0.1) }
      local compared = { version = 1, seed = 42, runs = runs, best = "isolates", reason = "no GIL" }
      local html = report_html.render(compared, {
        { timeline = sample_timeline(), model = "threads", workers = 2 },
      })
      local seen, wrong = browser.look(html, [[
        const wide = document.documentElement.clientWidth, boxes = [];
        for (const text of get("curves").querySelectorAll("text")) {
          const { left, right, top, bottom } = text.getBoundingClientRect();
          boxes.push({ left, right, top, bottom, text: text.textContent });
        }
        const clash = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom
          && b.top < a.bottom;
        const over = boxes.filter((a, i) => boxes.some((b, k) => k > i && clash(a, b)));
        return { wide, over, cut: boxes.filter((b) => b.left < 0 || b.right > wide),
          page: document.documentElement.scrollWidth, hint: get("details").textContent };]],
        { ("--window-size=%d,900"):format(width) })
      assert.same({}, wrong)
      assert(seen.wide <= width and seen.wide > width - 30, seen.wide) -- beside a scroll bar
      assert.equal(seen.wide, seen.page)
      assert.same({ {}, {} }, { seen.over, seen.cut })
      assert.matches("^Click a slice", seen.hint)
    end)
  end

  it("draws the timeline of a script", function()
    local path = os.tmpname() .. ".html"
    local result = helper.script([[
      local thread, work = require "heddle.thread", require "heddle.work"
      for i = 1, 2 do thread.start({ name = "spinner " .. i }, work.spin, 0.02) end
    ]], { before = { "--report=" .. path } })
    assert.equal(0, result.code, result.all)
    local html = helper.slurp(path)
    os.remove(path)
    local seen, wrong = browser.look(html, SHOWN .. [[
      return { shown, lanes: view.timeline.lanes.map((l) => l.name) };]])
    assert.same({}, wrong)
    assert.same({ "timeline" }, seen.shown)
    assert.same({ "main", "spinner 1", "spinner 2" }, seen.lanes)
  end)
end)
