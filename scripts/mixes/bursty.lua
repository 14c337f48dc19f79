-- Waves of work: jobs arrive fifteen at a time with silence between, so that queues fill and drain.
local mix = require "heddle.mix"

local moments = {}
for wave = 0, 5 do
  for _ = 1, 15 do moments[#moments + 1] = 0.2 * wave end
end

return mix.new {
  arrivals = mix.trace(moments),
  kinds = {
    parse = { weight = 2, cpu = mix.lognormal(0.005, 0.4) },
    fetch = { weight = 1, io = mix.exponential(0.020) },
  },
}
