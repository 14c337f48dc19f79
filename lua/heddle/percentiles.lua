--- Percentiles of measured times: exact up to a million samples, beyond that from a histogram
-- whose buckets grow with the value, so that each figure is at most 1/256 of itself away.
--
--     local times = percentiles.new()
--     for _, x in ipairs(list) do times:add(x) end
--     print(times:spread().p99)
--
-- Stands on: nothing.

---@class heddle.percentiles
local percentiles = {}

percentiles.EXACT = 1000000 -- samples that are kept one by one
percentiles.ERROR = 1 / 256 -- of a histogram's figures, relative, at most

local SHIFT = 45 -- of a float's bits: its exponent and the seven upper bits of its fraction stay

---@class heddle.percentiles.Samples
---@field count integer
---@field sum number
---@field max number
local methods = {}
local meta = { __index = methods, __name = "heddle.percentiles" }


--- Makes an empty collection.
---@param exact? integer  how many samples are kept one by one (default percentiles.EXACT)
---@return heddle.percentiles.Samples
function percentiles.new(exact)
  return setmetatable({
    count = 0, sum = 0.0, max = -math.huge, list = {}, exact = exact or percentiles.EXACT,
  }, meta)
end


--- The bucket of a sample; all that is not above 0 shares the lowest one.
local function bucket_of(x)
  if x <= 0 then return 0 end
  return string.unpack("<i8", string.pack("<d", x)) >> SHIFT
end


--- The middle of a bucket.
local function value_of(bucket)
  if bucket == 0 then return 0.0 end
  return (string.unpack("<d", string.pack("<i8", bucket << SHIFT | 1 << SHIFT - 1)))
end


local function count_in(buckets, x)
  local bucket = bucket_of(x)
  buckets[bucket] = (buckets[bucket] or 0) + 1
end


--- Goes over from the list of samples to a histogram of them.
local function begin_histogram(self)
  self.buckets = {}
  for _, x in ipairs(self.list) do count_in(self.buckets, x) end
  self.list = nil
end


--- Takes in a sample.
---@param x number
function methods:add(x)
  local n = self.count + 1
  self.count, self.sum = n, self.sum + x
  if x > self.max then self.max = x end
  if n <= self.exact then
    self.list[n] = x
    self.sorted = nil
    return
  end
  if not self.buckets then begin_histogram(self) end
  count_in(self.buckets, x)
end


local function sort(self)
  if self.list then
    table.sort(self.list)
  else
    self.order = {}
    for bucket in pairs(self.buckets) do self.order[#self.order + 1] = bucket end
    table.sort(self.order)
  end
  self.sorted = true
end


--- The value that a share `p` of the samples does not exceed.
---@param p number  from 0 to 1
---@return number? value  nil when there is no sample
function methods:percentile(p)
  if self.count == 0 then return nil end
  if not self.sorted then sort(self) end
  local rank = math.max(1, math.ceil(p * self.count))
  if self.list then return self.list[rank] end
  local seen = 0
  for _, bucket in ipairs(self.order) do
    seen = seen + self.buckets[bucket]
    if seen >= rank then return math.min(value_of(bucket), self.max) end
  end
end


---@class heddle.percentiles.Spread
---@field mean number
---@field p50 number
---@field p90 number
---@field p99 number
---@field max number
---@field error? number  how far p50, p90 and p99 may be off, relative; nil: they are exact

--- What there is to say about the samples.
---@return heddle.percentiles.Spread?  nil when there is none
function methods:spread()
  if self.count == 0 then return nil end
  return {
    mean = self.sum / self.count, p50 = self:percentile(0.5), p90 = self:percentile(0.9),
    p99 = self:percentile(0.99), max = self.max, error = self.buckets and percentiles.ERROR or nil,
  }
end


return percentiles
