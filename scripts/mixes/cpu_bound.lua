-- Pure computing: no job ever waits, so only models that run in parallel gain anything.
local mix = require "heddle.mix"

return mix.new {
  jobs = 40,
  kinds = { compute = { cpu = mix.lognormal(0.020, 0.3) } },
}
