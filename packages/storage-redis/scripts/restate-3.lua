-- Reads a page of the definitions for a broker that begins to lead, and writes them as they are once more.
--   KEYS  1 state   2 definitions   3 a copy of them, which takes their place with the last page
--   ARGV  1 the writer   2 cursor, 0 for the first page   3 fields of a page, about
-- Returns the cursor of the next page, 0 behind the last one, and the names and values of this one, as HSCAN does.
--
-- What a torn transaction has left in an append-only file (mend-2-many.lua) may set definitions and remove some when the
-- file is read again. The RENAME stands behind that, and puts in their place what this broker has found. Each part of
-- this may be the last one that is done: the definitions are whole at any time.
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then
  return redis.error_reply('FENCED another broker has taken over')
end
-- Lets it go on where Redis is out of memory, which refuses a script's first write only.
redis.call('HDEL', KEYS[1], '')

-- What changes nothing would not be written to the file. There the key may hold something all the same.
local function clear(key)
  redis.call('HSET', key, '', '')
  redis.call('UNLINK', key)
end

if ARGV[2] == '0' then
  clear(KEYS[3])
  -- A crash may have come in the middle of `clear`.
  redis.call('HDEL', KEYS[2], '')
end
local page = redis.call('HSCAN', KEYS[2], ARGV[2], 'COUNT', ARGV[3])
local items = page[2]
-- Lua's stack takes about 8,000.
for at = 1, #items, 2000 do
  redis.call('HSET', KEYS[3], unpack(items, at, math.min(at + 1999, #items)))
end
if page[1] ~= '0' then return page end

-- A cursor is of no use on another server, or the same one after a restart.
local count = redis.call('HLEN', KEYS[2])
if redis.call('HLEN', KEYS[3]) ~= count then
  return redis.error_reply('RESTARTED not all definitions were found')
end
if count > 0 then redis.call('RENAME', KEYS[3], KEYS[2]) else clear(KEYS[2]) end
-- Its number would say that commits of this broker are done already.
local last = redis.call('HMGET', KEYS[1], 'number', 'lsn', 'by')
redis.call('HSET', KEYS[1], 'number', last[1] or '0', 'lsn', last[2] or '0', 'by', last[3] or '')
return page
