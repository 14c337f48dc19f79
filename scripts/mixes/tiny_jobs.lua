-- Thousands of jobs of some microseconds: what a model costs for each job is all that shows.
local mix = require "heddle.mix"

return mix.new {
  jobs = 5000,
  kinds = { tick = { cpu = 5e-6 } },
}
