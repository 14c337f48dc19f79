-- A web service: requests arrive by chance, wait for a database and compute a page in between.
local mix = require "heddle.mix"

return mix.new {
  jobs = 120,
  arrivals = mix.poisson(120),
  kinds = {
    page = { weight = 6, { io = 0.004 }, { cpu = mix.lognormal(0.003, 0.4) }, { io = 0.002 } },
    asset = { weight = 3, io = mix.exponential(0.003) },
    search = { weight = 1, timeout = 0.5, { io = mix.lognormal(0.015, 0.6) }, { cpu = 0.008 } },
  },
}
