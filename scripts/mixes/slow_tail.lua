-- Mixed work with a slow tail: of twenty jobs nineteen are short, and one holds up who comes next.
local mix = require "heddle.mix"

return mix.new {
  jobs = 100,
  kinds = {
    short = { weight = 95, cpu = mix.lognormal(0.002, 0.3), io = 0.002 },
    long = { weight = 5, cpu = mix.lognormal(0.060, 0.5), io = mix.exponential(0.050) },
  },
}
