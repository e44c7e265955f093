-- Deletes wholly settled entries ahead of the commits that wait: where Redis is out of memory, it is what frees some.
--   KEYS  1 state   then streams
--   ARGV  1 the writer   then for each stream: COUNT ID…
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then
  return redis.error_reply('FENCED another broker has taken over')
end
local at = 2
for key = 2, #KEYS do
  local count = tonumber(ARGV[at])
  redis.call('XDEL', KEYS[key], unpack(ARGV, at + 1, at + count))
  at = at + count + 1
end
return 1
