-- What is measured against whom. A work has our script and a list of peers; a peer has a program
-- (below), a target for the ratio ours / theirs where there is one, and `work` where it calls
-- the work by another name.
local works = {}

-- How each program is started, and how one finds out whether it can be.
works.programs = {
  heddle = { command = "$HEDDLE bench/heddle/%s.lua %s", probe = 'test -x "$HEDDLE"' },
  bare = {
    command = "build/bare/heddle bench/heddle/%s.lua %s", probe = "test -x build/bare/heddle",
  },
  c = { command = "build/bench/c %s", probe = "test -x build/bench/c" },
  python = {
    command = "/usr/bin/python3 bench/peers/python/bench.py %s",
    probe = "test -x /usr/bin/python3",
  },
  ["python demo"] = {
    command = "/usr/bin/python3 bench/peers/python/demo.py %s $BENCH_JOBS 42 2",
    probe = "test -x /usr/bin/python3",
  },
  go = { command = "build/bench/go %s", probe = "test -x build/bench/go" },
  node = { command = "node bench/peers/node/bench.js %s", probe = "command -v node" },
  lua = { command = "lua5.4 bench/peers/lua/bench.lua %s", probe = "lua5.4 -e 'require [[luv]]'" },
  luv = { command = "lua5.4 bench/peers/luv/bench.lua %s", probe = "lua5.4 -e 'require [[luv]]'" },
  lanes = {
    command = "lua5.4 bench/peers/lanes/bench.lua %s",
    probe = "lua5.4 -e 'require [[luv]] require [[lanes]]'",
  },
}

local function add(name, script, peers, options)
  local work = { name = name, script = script, peers = {} }
  for _, p in ipairs(peers) do
    work.peers[#work.peers + 1] = { program = p[1], target = p[2], work = p.work or name }
  end
  for k, v in pairs(options or {}) do work[k] = v end
  works[#works + 1] = work
end

-- The same work once more with every thread of every program on one core.
local function pinned(name, script, peers)
  for _, p in ipairs(peers) do p.work = name end
  add(name .. "_pinned", script, peers, { pinned = true, work = name })
end

add("task_switch", "task", {
  { "c", 0.5 }, { "python", 10 }, { "lua" }, { "luv" }, { "go" }, { "node" },
})
add("task_spawn", "task", { { "python", 8 }, { "lua" }, { "luv" }, { "go" }, { "node" } },
  { at_least = 1e6 })
add("task_memory", "task", { { "c", 1.3 }, { "python" }, { "luv" }, { "go" }, { "node" } },
  { less = true })
add("queue_task", "task", { { "python", 4 }, { "lua" }, { "go" } })
add("lock_uncontended", "task", {
  { "python", 1.1, work = "lock_threading" },
  { "python", 1.5, work = "lock_multiprocessing" },
  { "go" },
})

-- 100,000 sleeps of 0 to 500 ms: how late the last one ends, and the CPU time, in milliseconds. The
-- limits are from medians of repetitions within a start; the first one and those in which the heap
-- grows pay for memory that the machine has not backed yet.
local sleepers = { { "python" }, { "node" }, { "go" } }
add("timers", "timers", sleepers, { at_most = 200, less = true, reps = 9 })
add("timers_cpu", "timers", sleepers, { at_most = 450, less = true, reps = 9 })
-- 10,000 tasks cancelled in random order where they wait
add("cancel_storm", "timers", { { "python", 5 } })

-- four workers add to one counter
add("lock_contended_thread", "contended", {
  { "python", 1.0 }, { "go", work = "lock_contended" },
})
add("lock_contended_isolate", "contended", {
  { "python", 3, work = "lock_contended_process" }, { "go", work = "lock_contended" },
})
add("lock_contended_process", "contended", {
  { "python", 3 }, { "go", work = "lock_contended" },
})
-- how long they wait for the lock: the 99.9th percentile
for _, model in ipairs { "thread", "isolate", "process" } do
  add("lock_waits_" .. model, "contended", {}, { at_most = 50, less = true })
end
add("select", "contended", { { "go", 0.3 } })

add("queue_isolate_1x1", "parallel", {
  { "c", 0.5 }, { "python", 6 }, { "lanes", 8 }, { "go" }, { "node" },
})
add("queue_isolate_4x4", "parallel", { { "c", 1.5 }, { "python" }, { "lanes" }, { "go" } })
add("queue_isolate_table", "parallel", {
  { "c", 0.8 }, { "lanes", 6 }, { "python" }, { "go" }, { "node" },
})
add("queue_process_1x1", "parallel", { { "c", 0.4 }, { "python", 10 }, { "node" } })
add("queue_process_1x4", "parallel", { { "python", 3 }, { "c" } })
add("queue_process_1k", "parallel", { { "python", 5 }, { "c" }, { "node" } })
add("queue_process_table", "parallel", { { "python", 3 }, { "node" } })

add("pingpong_isolate", "parallel", {
  { "c", 1 }, { "python" }, { "lanes" }, { "go" }, { "node" },
})
pinned("pingpong_isolate", "parallel", {
  { "c", 0.5 }, { "python" }, { "lanes" }, { "go" }, { "node" },
})
add("pingpong_process", "parallel", { { "c", 1 }, { "python" }, { "node" } })
pinned("pingpong_process", "parallel", { { "c", 0.5 }, { "python" }, { "node" } })

add("start_thread", "start", { { "python", 1.2 }, { "c", 0.65, work = "start_isolate" } })
add("start_isolate", "start", {
  { "python", 1.2, work = "start_thread" }, { "c", 0.65 }, { "lanes" }, { "luv" }, { "node" },
})
add("start_fork", "start", { { "c", 0.5 }, { "python", 5 } })
add("start_spawn", "start", { { "python", 20 } })
add("start_forkserver", "start", { { "python", 20 } })

-- n*n over a list by two workers, in chunks of 1 and of 100
for _, model in ipairs { "isolate", "process" } do
  add("pool_map_tiny_1_" .. model, "pool", { { "python", 8, work = "pool_map_tiny_1" } })
  add("pool_map_tiny_100_" .. model, "pool", { { "python", 1.5, work = "pool_map_tiny_100" } })
end
for _, model in ipairs { "thread", "coroutine" } do
  add("pool_map_tiny_1_" .. model, "pool", { { "python", 2, work = "thread_pool_map_tiny_1" } })
  add("pool_map_tiny_100_" .. model, "pool", { { "python", work = "thread_pool_map_tiny_100" } })
end
-- 64 jobs of about 50 ms of CPU by two workers against one after the other
for _, model in ipairs { "isolate", "process" } do
  add("pool_speedup_" .. model, "pool", {
    { "heddle", 1.9, work = "pool_sequential" },
  }, { slow = true })
end

add("http_hello", "http", { { "node", 1 } })
add("fetch_many", "http", { { "python", 3 }, { "node" } })

-- against a build without its hooks, and off against on
add("recorder_off", "trace", { { "bare", 0.98 } })
add("recorder_on", "trace", { { "heddle", 0.9, work = "recorder_off" } })
-- the same in the service: the mix of tiny jobs, and the reference demo
for _, jobs in ipairs { "mix", "demo" } do
  add("recorder_" .. jobs .. "_off", "trace", { { "bare", 0.98 } })
  add("recorder_" .. jobs .. "_on", "trace", {
    { "heddle", 0.9, work = "recorder_" .. jobs .. "_off" },
  })
end
-- until a report of 100,000 slices shows its first picture
add("html_100k", "trace", {}, { at_most = 2000, less = true })

-- of the service: CPU time for each empty job, and the memory of a million of them
add("service_job", "service", {}, { at_most = 2, less = true })
add("service_job_run", "service", {}, { less = true })
add("service_million", "service", {}, { at_most = 1024, less = true, slow = true })

add("tcp_echo", "io", { { "c", 0.8 }, { "python", 1.4 }, { "node" } })

add("demo_sequential", "demo", { { "python demo", 1.2, work = "sequential" } }, { slow = true })
add("demo_threads", "demo", { { "python demo", work = "threads" } }, { slow = true })
add("demo_isolates", "demo", { { "heddle", 1.9, work = "demo_sequential" } }, { slow = true })
add("demo_processes", "demo", {
  { "heddle", 1.9, work = "demo_sequential" }, { "python demo", work = "processes" },
}, { slow = true })

return works
