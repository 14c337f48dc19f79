-- The recorder: what it costs when it is off and on, and how soon a report of 100,000 slices shows.
-- usage: heddle trace.lua WORK
package.path = (arg[0]:match("^(.*)/") or ".") .. "/?.lua;./?.lua;" .. package.path
local harness = require "harness"
local heddle = require "heddle"
local isolate = require "heddle.isolate"
local jobs = require "heddle.native.trace"
local queue = require "heddle.queue"
local trace = require "heddle.trace"
local works = {}

local COST = 5e-6 -- seconds of CPU of a job

-- What a worker of the service does with its jobs.
local function worker(group, todo, done)
  local spin, marks = require "heddle.work".spin, require "heddle.native.trace"
  for number in todo:items() do
    marks.started(group, number)
    spin(COST)
    marks.ended(group, number, "done")
    done:put(number)
  end
end

-- n tiny jobs on two isolates, each queued, begun, ended and told of.
local function tiny(n)
  local group, todo, done = jobs.group(), queue.new(256), queue.new()
  local hs = {}
  for i = 1, 2 do hs[i] = isolate.start(worker, group, todo, done) end
  local t = harness.now()
  heddle.spawn(function()
    for number = 1, n do
      jobs.queued(group, number, "tiny")
      todo:put(number)
    end
    todo:close()
  end)
  for _ = 1, n do done:get() end
  t = harness.now() - t
  for _, h in ipairs(hs) do h:join() end
  return t
end

function works.recorder_off(w)
  harness.rate(w, "tiny jobs", tiny, 5000, "jobs/s")
end

function works.recorder_on(w)
  trace.on()
  harness.rate(w, "tiny jobs", tiny, 5000, "jobs/s")
end

-- The service with n jobs of the tiny-jobs mix, or of the reference demo, on isolates: its CPU
-- seconds, since what the recorder costs is CPU time.
local function serve(mix)
  return function(n)
    local options = { model = "isolates", workers = 2, seed = 42, quiet = true }
    if mix then options.mix = require "heddle.mix_load".resized(mix, n) else options.jobs = n end
    return require "heddle.service".new(options):run():usage().cpu
  end
end

function works.recorder_mix_off(w)
  harness.rate(w, "tiny_jobs", serve "tiny_jobs", 20000, "jobs/CPU s")
end

function works.recorder_mix_on(w)
  trace.on { events = 1 << 20 }
  works.recorder_mix_off(w)
end

function works.recorder_demo_off(w)
  harness.rate(w, "reference demo", serve(), 2, "jobs/CPU s")
end

function works.recorder_demo_on(w)
  trace.on()
  works.recorder_demo_off(w)
end

-- A recording of at least 100,000 slices, in lanes of two threads.
local function record()
  trace.on { events = 1 << 20 }
  local thread, hs = require "heddle.thread", {}
  for i = 1, 4 do
    hs[i] = thread.start({ name = "worker " .. i }, function()
      for _ = 1, 5500 do
        heddle.sleep(1e-6)
        heddle.yield()
      end
    end)
  end
  for i = 1, 4 do hs[i]:join() end
  trace.off()
  return trace.collect()
end

local function count(timeline)
  local n = 0
  for _, lane in ipairs(timeline.lanes) do n = n + lane.n end
  return n
end

-- Milliseconds until the page's first picture, as the page itself says it.
function works.html_100k(w)
  local timeline = record()
  local html = require "heddle.report_html".render(nil, { { timeline = timeline } })
  local browser, drawn = require "spec.browser", {}
  for i = 1, harness.reps do
    drawn[i] = browser.look(html, "return Number(document.documentElement.dataset.drawn);")
  end
  harness.report(w, ("%d slices, %.1f MiB"):format(count(timeline), #html / 2 ^ 20), drawn, "ms")
end

harness.main(works)
