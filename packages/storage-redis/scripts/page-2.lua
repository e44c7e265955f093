-- A page of a stream without the data: what recovery needs to know of stored messages.
--   KEYS  1 stream   2 its settled hash
--   ARGV  1 first id   2 entries at most   3 bytes after which it ends
-- Returns 1 or 0 for whether there may be more, the size of the settled hash, and of each entry: id, what is settled,
-- size of the data, how many fields and values follow, and those of the fields that are not the data.
local page = { 1, redis.call('HLEN', KEYS[2]) }
local from, left, bytes = ARGV[1], tonumber(ARGV[2]), 0
local seen = 0
-- Entries may be large, and all that is looked at together is in memory together: one at first, then about a megabyte.
local step = 1
while left > 0 and bytes < tonumber(ARGV[3]) do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', math.min(step, left))
  for _, entry in ipairs(entries) do
    local fields = {}
    local dataBytes = -1
    for place = 1, #entry[2], 2 do
      bytes = bytes + #entry[2][place + 1]
      if entry[2][place] == 'data' then
        dataBytes = #entry[2][place + 1]
      else
        fields[#fields + 1] = entry[2][place]
        fields[#fields + 1] = entry[2][place + 1]
      end
    end
    page[#page + 1] = entry[1]
    page[#page + 1] = redis.call('HGET', KEYS[2], entry[1])
    page[#page + 1] = dataBytes
    page[#page + 1] = #fields
    for place = 1, #fields do page[#page + 1] = fields[place] end
    from = '(' .. entry[1]
  end
  if #entries < math.min(step, left) then
    page[1] = 0
    break
  end
  left = left - #entries
  seen = seen + #entries
  step = math.max(1, math.min(256, math.floor(seen * 1048576 / (bytes + 1))))
end
return page
