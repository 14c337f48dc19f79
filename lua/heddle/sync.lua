-- Locks and what stands on them: heddle.sync.
local native = require "heddle.native.sync"

return {
  lock = native.lock,
}
