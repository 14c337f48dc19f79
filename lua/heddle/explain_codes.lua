-- What the codes at the end of error messages mean: a row each, for heddle.explain.
-- `wrong` and `right` are run by the specs, with heddle's modules as globals.

---@class heddle.explain.Code
---@field means string what happened
---@field remedy string what to do
---@field wrong? string code that raises it
---@field right? string the same as it should be
---@type table<string, heddle.explain.Code>
local codes = {}


-- Arguments ---------------------------------------------------------------------------------------

codes["bad-argument"] = {
  means = "An argument has the wrong type or an impossible value; the message names it.",
  remedy = "Pass what the message expects. With methods, check that nothing was shifted by a `.` "
    .. "where a `:` belongs.",
  wrong = 'sync.barrier("three")',
  right = "sync.barrier(3)",
}
codes["bad-self"] = {
  means = "A method was called on something else than its object.",
  remedy = "Call methods with a colon, and on an object of the kind that the message names.",
  wrong = "local lock = sync.lock()  lock.acquire()",
  right = "local lock = sync.lock()  lock:acquire()",
}
codes["bad-time"] = {
  means = "A time-out or duration is no number of seconds, or it is negative or NaN.",
  remedy = "Pass seconds >= 0; nil waits for ever, 0 only tries.",
  wrong = "heddle.sleep(-1)",
  right = "heddle.sleep(0.001)",
}
codes["bad-option"] = {
  means = "An option has the wrong type or a value that it can't take.",
  remedy = "Give it what the message expects.",
  wrong = 'process.start({ method = "vfork" }, print)',
  right = 'process.start({ method = "fork" }, function() end):join()',
}
codes["bad-mix"] = {
  means = "A job mix holds something wrong; the message names the key and what belongs there.",
  remedy = "Give the key what the message expects. Each kind has costs, and a weight or `after`; "
    .. "`heddle list` names mixes to learn from.",
  wrong = "mix.new { kinds = { parse = { cpus = 0.01 } } }",
  right = "mix.new { kinds = { parse = { cpu = 0.01 } } }",
}
codes["unknown-option"] = {
  means = "A table of options has a key that the function does not know.",
  remedy = "Take one of those that the message lists; it may be mistyped.",
  wrong = 'thread.start({ nmae = "worker" }, print)',
  right = 'thread.start({ name = "worker" }, function() end):join()',
}
codes["unknown-model"] = {
  means = "A model was named that does not exist.",
  remedy = "The models are coroutines (or task), threads, isolates and processes; the singular "
    .. "will do.",
  wrong = 'heddle.model("fibers")',
  right = 'heddle.model("isolates")',
}
codes["bad-address"] = {
  means = "An address to listen at or to connect to can't be read.",
  remedy = "Write host and port, 127.0.0.1:8080, [::1]:0 (any free port), :80 (everywhere), or "
    .. "unix:/path. http.serve looks up no names but localhost.",
  wrong = 'http.serve("8080", function() return 200 end)',
  right = 'http.serve("127.0.0.1:0", function() return 200 end):close()',
}
codes["bad-url"] = {
  means = "A URL that is none, or of another protocol than HTTP.",
  remedy = "Write it whole, with http:// or https://; spaces and the like as %20.",
  wrong = 'http.get("example.org")',
  right = 'http.get("http://127.0.0.1:1/")',
}
codes["bad-index"] = {
  means = "A write beyond the ends of a shared array.",
  remedy = "Its length is fixed when it is made: #array elements, from 1 on.",
  wrong = 'local a = shared.array("int", 3)  a[4] = 1',
  right = 'local a = shared.array("int", 4)  a[4] = 1',
}
codes["bad-key"] = {
  means = "The key of a shared dict is no string, number or boolean.",
  remedy = "Other values have no identity that interpreters share. Use a name or a number.",
  wrong = "local d = shared.dict()  d[{}] = 1",
  right = 'local d = shared.dict()  d["point 1"] = 1',
}
codes["bad-kind"] = {
  means = "A shared value or array is of no known kind.",
  remedy = 'The kinds are "int", "float" and "bool"; for anything else there is shared.dict.',
  wrong = 'shared.value("string", "x")',
  right = 'shared.value("int", 0)',
}
codes["not-a-number"] = {
  means = "The method add was called on shared booleans.",
  remedy = "Use set or cas.",
  wrong = 'shared.value("bool", true):add(1)',
  right = 'shared.value("bool", true):cas(true, false)',
}
codes["no-field"] = {
  means = "A field was set on an object that has none of that name.",
  remedy = "Handles and shared objects have one field that can be set, their name. Keep what "
    .. "belongs to them in a table of your own.",
  wrong = "local lock = sync.lock()  lock.owner = 1",
  right = 'local lock = sync.lock()  lock.name = "accounts"',
}
codes["bad-signal"] = {
  means = "A signal has no known name, or none that can be caught.",
  remedy = 'Name it as "SIGTERM", "SIGHUP" or "SIGUSR1".',
  wrong = 'loop.on_signal("SIGKILL", print)',
  right = 'loop.on_signal("SIGUSR1", print):stop()',
}


-- Waiting and starting ----------------------------------------------------------------------------

codes["cannot-block"] = {
  means = "A call had to wait where Lua can't suspend the running code: inside a sort comparator, "
    .. "a gsub callback, require, a load reader, a finalizer, a hook, a message handler, or a "
    .. "metamethod that C calls.",
  remedy = "Wait before or after that call; inside pcall, metamethods of Lua code, iterators and "
    .. "coroutines waiting is fine.",
  wrong = "table.sort({ 2, 1 }, function(a, b) heddle.sleep(0.001)  return a < b end)",
  right = "heddle.sleep(0.001)  table.sort({ 2, 1 })",
}
codes["not-started"] = {
  means = "A handle was waited for that M.new made and nobody started.",
  remedy = "Call h:start() first, or use M.start, which begins at once.",
  wrong = "local h = task.new(print)  h:join()",
  right = "local h = task.new(function() end)  h:start()  h:join()",
}
codes["started-twice"] = {
  means = "A handle was started a second time.",
  remedy = "Each handle, or object of a class, is one run. Make another for another run.",
  wrong = "local h = task.start(function() end)  h:start()",
  right = "for _ = 1, 2 do task.start(function() end):join() end",
}
codes["join-self"] = {
  means = "A task, thread, isolate or process waits for its own end.",
  remedy = "It would wait for ever. Let the one that started it wait.",
  wrong = "task.current():join()",
  right = "task.start(function() end):join()",
}
codes["no-run"] = {
  means = "An object was started whose class has no method `run`.",
  remedy = "Define it; what it returns is result().",
  wrong = 'local Worker = thread.extend "Worker"  Worker():start()',
  right = 'local Worker = thread.extend "Worker"  function Worker.run() end  '
    .. "Worker():start():join()",
}
codes["reserved-name"] = {
  means = "A field or method of a class has the name of a handle's method.",
  remedy = "Return the value from run: result() gives it. Or use another name.",
  wrong = 'local Worker = task.extend "Worker"  function Worker:result() return 1 end',
  right = 'local Worker = task.extend "Worker"  function Worker.run() return 1 end',
}
codes["scope-ended"] = {
  means = "A task was to be started in a scope that has ended.",
  remedy = "Start what belongs to a scope inside its function.",
  wrong = "local s  task.scope(function(scope) s = scope end)  s:start(print)",
  right = "task.scope(function(s) s:start(function() end) end)",
}
codes["no-task"] = {
  means = "A call needs a running task, and none runs here: inside a finalizer at the end, say.",
  remedy = "Call it from the script, or from a task.",
}
codes["no-loop"] = {
  means = "A worker was to be started in an OS thread that heddle did not start.",
  remedy = "Start it from the script, a task, or one of heddle's own threads.",
}


-- Locks -------------------------------------------------------------------------------------------

codes["lock-not-held"] = {
  means = "A lock is given back that nobody holds.",
  remedy = "Pair each release with one acquire; a guard does so by itself.",
  wrong = "sync.lock():release()",
  right = "local lock = sync.lock()  do local _ <close> = lock:hold() end",
}
codes["lock-not-owned"] = {
  means = "A re-entrant lock is given back by a task that does not own it.",
  remedy = "The task that took it gives it back. Where another one must, use sync.lock.",
  wrong = "local lock = sync.rlock()  task.start(lock.acquire, lock):join()  lock:release()",
  right = "local lock = sync.lock()  task.start(lock.acquire, lock):join()  lock:release()",
}
codes["too-many-permits"] = {
  means = "A bounded semaphore was released more often than it was acquired.",
  remedy = "Pair each release with one acquire; a plain semaphore has no bound.",
  wrong = "sync.bounded_semaphore(1):release()",
  right = "local s = sync.bounded_semaphore(1)  s:acquire()  s:release()",
}


-- Queues and pipes --------------------------------------------------------------------------------

codes["nil-item"] = {
  means = "A nil was put into a queue or sent through a pipe.",
  remedy = "A nil says that nothing came. Send false or a marker, or close the queue.",
  wrong = "queue.new():put(nil)",
  right = "queue.new():put(false)",
}
codes["bad-priority"] = {
  means = "An item of a priority queue has no priority.",
  remedy = "Put numbers, or tables {priority, value} with a number first.",
  wrong = 'queue.priority():put("urgent")',
  right = 'queue.priority():put({ 1, "urgent" })',
}
codes["no-queues"] = {
  means = "Nothing to select from: queue.select was given no queue at all.",
  remedy = "Nothing would ever come. Leave the loop when the last one is closed and drained.",
  wrong = "queue.select {}",
  right = "local q = queue.new()  q:put(1)  queue.select { q }",
}
codes["too-many-done"] = {
  means = "A queue's task_done was called more often than items were put.",
  remedy = "Call it once for each item that get gave you, when its work is done.",
  wrong = "queue.new():task_done()",
  right = "local q = queue.new()  q:put(1)  q:get()  q:task_done()",
}
codes["queue-not-shared"] = {
  means = "A forked process used a queue that it merely inherited and that holds references into "
    .. "its parent's heap.",
  remedy = "Pass the queue as an argument, or make it with {shared=true}: then it holds copies.",
  right = "local q = queue.new(0, { shared = true })  "
    .. "process.start(function() q:put(1) end):join()",
}
codes["pipe-moved"] = {
  means = "An end of a pipe was used after it had been handed to another process or isolate.",
  remedy = "An end is at one place at a time. Keep the other end here, or make another pipe.",
  wrong = "local a = pipe.new()  isolate.start(function(e) end, a):join()  a:send(1)",
  right = "local a, b = pipe.new()  isolate.start(function(e) e:send(1) end, a):join()  b:recv()",
}
codes["pipe-closed"] = {
  means = "A closed end of a pipe was to be handed over.",
  remedy = "Hand it over first; who has it closes it.",
  wrong = "local a = pipe.new()  a:close()  isolate.start(print, a)",
  right = "local a = pipe.new()  isolate.start(function(e) e:close() end, a):join()",
}
codes["pipe-busy"] = {
  means = "An end of a pipe was to be handed over while a task waits at it.",
  remedy = "Let that task come to an end, or cancel it, before.",
  wrong = "local a = pipe.new()  local h <close> = stopping(task.start(a.recv, a))  "
    .. "heddle.sleep(0.01)  isolate.start(print, a)",
  right = "local a = pipe.new()  isolate.start(function(e) e:close() end, a):join()",
}
codes["dict-in-update"] = {
  means = "The function of a shared.update read or wrote the dict that is being updated.",
  remedy = "It gets the old value and returns the new one; do what needs more under shared.lock.",
  wrong = 'local d = shared.dict()  shared.update(d, "n", function() return d.m end)',
  right = "local d = shared.dict()  local _ <close> = shared.lock(d)  d.n = d.m",
}


-- Pools -------------------------------------------------------------------------------------------

codes["pool-closed"] = {
  means = "Work was submitted to a pool after close, shutdown or terminate.",
  remedy = "Submit first, close then; or make another pool.",
  wrong = 'local p <close> = pool.new("coroutines", 1)  p:close()  p:submit(print)',
  right = 'local p <close> = pool.new("coroutines", 1)  p:submit(function() end)  p:close()',
}
codes["pool-open"] = {
  means = "The method join was called on a pool that is open: more work could come.",
  remedy = "Call p:close() first, or p:shutdown(), which does both.",
  wrong = 'local p <close> = pool.new("coroutines", 1)  p:join()',
  right = 'local p <close> = pool.new("coroutines", 1)  p:close()  p:join()',
}
codes["pool-broken"] = {
  means = "A pool's initializer failed five times in a row: no worker could begin.",
  remedy = "The message has its error. Mend the initializer, and make another pool.",
}
codes["pool-elsewhere"] = {
  means = "A forked process used its parent's pool.",
  remedy = "A pool belongs to the process that made it. Make one there, or send the work back "
    .. "through a queue.",
}


-- Greenlets ---------------------------------------------------------------------------------------

codes["greenlet-foreign"] = {
  means = "A greenlet was switched to, or made a parent, from another task.",
  remedy = "It stays in the task that made it. Between tasks, use a queue.",
  wrong = "local g = greenlet.new(print)  task.start(g.switch, g):result()",
  right = "local g = greenlet.new(function() end)  g:switch()",
}
codes["greenlet-cycle"] = {
  means = "A greenlet was to become its own ancestor.",
  remedy = "Parents lead to the task's main greenlet, where errors and results end up.",
  wrong = "local a = greenlet.new(print)  a.parent = greenlet.new(print, a)",
  right = "local a = greenlet.new(print)  a.parent = greenlet.new(print)",
}
codes["greenlet-main"] = {
  means = "The main greenlet of a task was given a parent.",
  remedy = "It is the root: it has none, and ends with its task.",
  wrong = "greenlet.current().parent = greenlet.new(print)",
  right = "greenlet.new(print, greenlet.current())",
}


-- Work and pictures -------------------------------------------------------------------------------

codes["no-crypto"] = {
  means = "SHA-3 was asked for, and the system's libcrypto can't be opened.",
  remedy = "Install it: apt install libssl3.",
}
codes["no-curl"] = {
  means = "A page was to be fetched, and the system's libcurl can't be opened.",
  remedy = "Install it: apt install libcurl4.",
}
codes["not-installed"] = {
  means = "LuaSocket was to be patched, and it is not installed.",
  remedy = "Install it: apt install lua-socket; or leave `socket` out of the patch.",
}
codes["no-microhttpd"] = {
  means = "A server was to be started, and the system's libmicrohttpd can't be opened.",
  remedy = "Install it: apt install libmicrohttpd12.",
}
codes["not-recorded"] = {
  means = "A picture or file of what ran was asked for, and nothing was recorded.",
  remedy = "Call trace.on() before, or run with --trace or --timeline.",
  wrong = "trace.chart()",
  right = "trace.on()  heddle.sleep(0.001)  trace.off()  trace.chart()",
}


-- Errors that are objects with this `code` --------------------------------------------------------

codes["cancelled"] = {
  means = "A blocking call was cancelled: by h:cancel(), the end of a scope, a time-out around it, "
    .. "or Ctrl-C. It equals heddle.CANCELLED, and has a reason and who asked (`by`).",
  remedy = "Clean up in `<close>` variables and let it pass; raise it again where you catch it.",
  wrong = "task.current():cancel()  heddle.sleep(1)",
  right = "local ok, err = pcall(heddle.sleep, 0.001)  if err == heddle.CANCELLED then "
    .. "error(err, 0) end",
}
codes["timeout"] = {
  means = 'The iterator of task.as_completed ran out of time. (Other waits return nil, "timeout".)',
  remedy = "Give it more time, or catch it and see what has ended.",
  wrong = "local h <close> = stopping(task.start(heddle.sleep, 60))  "
    .. "for _ in task.as_completed({ h.handle }, 0.001) do end",
  right = "for _ in task.as_completed({ task.start(function() end) }, 60) do end",
}
codes["greenlet-exit"] = {
  means = "What g:throw() raises: the greenlet is to end.",
  remedy = "Let it pass: it goes to the parent as a value, not as an error.",
  right = "local g = greenlet.new(function() greenlet.current().parent:switch() end)  "
    .. "g:switch()  assert(g:throw() == greenlet.EXIT)",
}


return codes
