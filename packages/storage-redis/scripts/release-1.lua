-- Gives the lease back, so that a standby need not wait for its end.
--   KEYS  1 lease
--   ARGV  1 the owner   2 a channel on which standbys listen
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], 'released')
return 1
