-- Large working sets: jobs allocate and touch megabytes before they compute and wait with them.
local mix = require "heddle.mix"

return mix.new {
  jobs = 40,
  kinds = {
    sort = { weight = 3, { memory = mix.uniform(4e6, 12e6) }, { cpu = 0.005 } },
    cache = { weight = 1, { memory = 16e6 }, { io = 0.010 } },
  },
}
