-- Extract, transform, load: each stage begins when the one before has ended, the last one writes.
local mix = require "heddle.mix"

return mix.new {
  jobs = 60,
  kinds = {
    extract = { io = mix.exponential(0.020) },
    transform = { after = "extract", cpu = mix.lognormal(0.010, 0.4) },
    load = { after = "transform", lock = "warehouse", disk = 256 * 1024, retries = 1 },
  },
}
