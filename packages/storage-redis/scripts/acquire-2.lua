-- Takes the lease where nobody holds it. A new writer shuts out everything that the one before may still send.
--   KEYS  1 lease   2 state
--   ARGV  1 the owner   2 milliseconds   3 layout, noted where the home is new
-- Returns the writer, `EPOCH:OWNER`, or nothing where another owner holds the lease. An owner that asks again, because
-- the answer was lost, gets the same writer.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return false end
if holder then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return redis.call('HGET', KEYS[2], 'writer')
end
-- Redis without memory refuses a script's first write only if it may need some. A new leader needs hardly any, and it
-- is what makes room again.
redis.call('HDEL', KEYS[2], '')
local epoch = redis.call('HINCRBY', KEYS[2], 'epoch', 1)
-- After a fail-over that lost something an epoch may come twice: with the owner it is one of a kind.
local writer = epoch .. ':' .. ARGV[1]
redis.call('HSET', KEYS[2], 'writer', writer)
redis.call('HSETNX', KEYS[2], 'layout', ARGV[3])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return writer
