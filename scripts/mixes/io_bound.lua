-- Pure waiting: jobs wait for slow answers, and as many waits overlap as there are workers.
local mix = require "heddle.mix"

return mix.new {
  jobs = 60,
  kinds = {
    query = { weight = 3, io = mix.exponential(0.030) },
    upload = { weight = 1, io = mix.uniform(0.040, 0.080) },
  },
}
