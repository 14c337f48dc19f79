-- heddle.cores(), and what takes it for a default.

local helper = require "spec.helper"
local host = require "heddle.native.host"

-- Makes folders and files below a new folder: texts by path, in which $ stands for that folder.
-- Returns it.
local function tree(files)
  local top = os.tmpname()
  os.remove(top)
  for path, text in pairs(files) do
    local full = top .. "/" .. path
    assert(os.execute("mkdir -p " .. helper.quote(full:match "^(.*)/")))
    helper.spit(full, (text:gsub("%$", top)))
  end
  return top
end

-- The quota that such a machine has.
local function quota(files)
  local top = tree(files)
  local found = host.quota(top .. "/proc")
  assert(os.execute("rm -r " .. top))
  return found
end

-- A line of mountinfo.
local function mount(root, at, kind, options)
  return ("30 25 0:26 %s %s rw,nosuid shared:4 - %s cgroup rw,%s\n"):format(root, at, kind, options)
end

local SECOND = mount("/", "$/sys", "cgroup2", "nsdelegate")
local FIRST = mount("/", "$/sys/memory", "cgroup", "memory")
  .. mount("/", "$/sys/cpuset", "cgroup", "cpuset")
  .. mount("/", "$/sys/cpu,cpuacct", "cgroup", "cpu,cpuacct")

describe("the quota of control groups", function()
  it("is that of the process's group, of version 2", function()
    assert.equal(1.5, quota {
      ["proc/cgroup"] = "0::/app/one\n", ["proc/mountinfo"] = SECOND,
      ["sys/app/one/cpu.max"] = "150000 100000\n", ["sys/app/cpu.max"] = "max 100000\n",
    })
  end)

  it("is the smallest of those around it", function()
    assert.equal(0.25, quota {
      ["proc/cgroup"] = "0::/app/one/two\n", ["proc/mountinfo"] = SECOND,
      ["sys/app/one/two/cpu.max"] = "400000 100000\n", ["sys/app/one/cpu.max"] = "max 100000\n",
      ["sys/app/cpu.max"] = "25000 100000\n",
    })
  end)

  it("is found where a group sees itself as the root, as in a container", function()
    assert.equal(2, quota {
      ["proc/cgroup"] = "0::/\n", ["proc/mountinfo"] = SECOND, ["sys/cpu.max"] = "20000 10000\n",
    })
    assert.equal(2, quota {
      ["proc/cgroup"] = "0::/docker/abc\n",
      ["proc/mountinfo"] = mount("/docker/abc", "$/sys", "cgroup2", "nsdelegate"),
      ["sys/cpu.max"] = "20000 10000\n",
    })
    assert.equal(3, quota {
      ["proc/cgroup"] = "0::/../other\n", ["proc/mountinfo"] = SECOND,
      ["sys/cpu.max"] = "30000 10000\n",
    })
  end)

  it("is read from version 1, too", function()
    local files = {
      ["proc/cgroup"] = "5:memory:/m\n4:cpuset:/s\n3:cpu,cpuacct:/app/one\n1:name=systemd:/\n"
        .. "0::/\n",
      ["proc/mountinfo"] = FIRST .. mount("/", "$/sys/unified", "cgroup2", "nsdelegate"),
      ["sys/cpu,cpuacct/app/one/cpu.cfs_quota_us"] = "-1\n",
      ["sys/cpu,cpuacct/app/one/cpu.cfs_period_us"] = "100000\n",
      ["sys/cpu,cpuacct/app/cpu.cfs_quota_us"] = "50000\n",
      ["sys/cpu,cpuacct/app/cpu.cfs_period_us"] = "100000\n",
    }
    assert.equal(0.5, quota(files))
    files["sys/unified/cpu.max"] = "10000 100000\n"
    assert.equal(0.1, quota(files))
    files["sys/unified/cpu.max"] = nil
    files["sys/cpu,cpuacct/app/cpu.cfs_quota_us"] = "-1\n"
    assert.is_nil(quota(files))
  end)

  it("is none where nothing says so", function()
    assert.is_nil(quota { ["proc/cgroup"] = "0::/\n", ["proc/mountinfo"] = SECOND })
    assert.is_nil(quota { ["proc/cgroup"] = "0::/a\n", ["proc/mountinfo"] = SECOND,
      ["sys/a/cpu.max"] = "max 100000\n" })
    assert.is_nil(quota { ["proc/cgroup"] = "", ["proc/mountinfo"] = "" })
    assert.is_nil(host.quota "/nowhere")
    for _, text in ipairs { "", "x y", "100000", "100000 0", "-5 100000" } do
      assert.is_nil(quota { ["proc/cgroup"] = "0::/\n", ["proc/mountinfo"] = SECOND,
        ["sys/cpu.max"] = text })
    end
  end)
end)

describe("heddle.cores", function()
  local code = [[
    local heddle, pool = require "heddle", require "heddle.pool"
    local n, why = heddle.cores()
    local p = pool.new "coroutines"
    print(n, why, p:stats().workers, p)
    p:close()]]

  it("is what the affinity leaves, and the workers of a pool", function()
    local r = helper.command({ "taskset", "-c", "0", helper.absolute_executable(), "-e", code }, {})
    assert.equal(0, r.code, r.err)
    local n, why, workers, text = r.out:match "^(%d+)\t(.-)\t(%d+)\t(.*)\n$"
    assert.equal("1", n)
    assert.truthy(why == "affinity" or why == "cgroup quota")
    assert.equal("1", workers)
    local choice = "1 coroutines for the cores by " .. why
    assert.equal(("pool Pool-1 (open, %s, 0 jobs left)"):format(choice), text)
  end)

  it("is what a comparison and a service take where nobody says how many", function()
    local function run(...)
      local r = helper.command({ "taskset", "-c", "0", helper.absolute_executable(), ... }, {})
      assert.equal(0, r.code, r.err)
      return r
    end
    local words = { "compare", "cpu_bound", "--models=threads", "--jobs=1", "--rounds=1",
      "--warmup=0" }
    local r = run(table.unpack(words))
    assert.truthy(r.err:find "compare: [^\n]* 1 worker each %(the cores, by %l[%l ]+%)")
    assert.truthy(r.out:find "threads x1 ")
    words[#words + 1] = "--workers=2"
    r = run(table.unpack(words))
    assert.falsy(r.err:find "the cores")
    r = run("-e", [[local service = require "heddle.service"
      print(service.new { model = "isolates", jobs = 1, seed = 1, quiet = true }:run():text())]])
    assert.truthy(r.out:find "isolates: 1 job, 1 worker,")
  end)
end)
