-- One lock around most of the work: however many workers there are, one of them works at a time.
local mix = require "heddle.mix"

return mix.new {
  jobs = 60,
  kinds = {
    update = { weight = 4, { lock = "table", cpu = mix.uniform(0.003, 0.006) }, { cpu = 0.001 } },
    read = { weight = 1, cpu = 0.002 },
  },
}
