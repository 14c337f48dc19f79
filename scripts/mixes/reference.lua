-- The reference demo's jobs: each is half a million to one and a half million rounds of SHA3-512.
local mix = require "heddle.mix"

return mix.reference(20)
