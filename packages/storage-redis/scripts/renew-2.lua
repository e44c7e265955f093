-- Keeps the lease.
--   KEYS  1 lease   2 state
--   ARGV  1 the owner   2 milliseconds   3 the writer
-- Returns 1, or 0 where somebody else holds it. A lease that ran out and that nobody took is the owner's still.
if redis.call('HGET', KEYS[2], 'writer') ~= ARGV[3] then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
-- Redis without memory refuses a SET unless the script has written before, and only a broker that leads makes room again.
redis.call('HDEL', KEYS[2], '')
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
