-- Whether an entry is gone for good, for a broker that was not given it and has not settled it.
--   KEYS  1 state   2 stream
--   ARGV  1 the writer   2 number of the last commit that the broker knows to be done   3 id of the entry
-- Returns 1 where it is gone, 0 where it is there, or may still come: another broker leads, or Redis has forgotten commits
-- and the broker writes them again. Changes nothing.
local state = redis.call('HMGET', KEYS[1], 'writer', 'number')
if state[1] ~= ARGV[1] or tonumber(state[2] or '0') < tonumber(ARGV[2]) then return 0 end
return #redis.call('XRANGE', KEYS[2], ARGV[3], ARGV[3]) == 0 and 1 or 0
