-- One commit of the home that holds the lease: everything in it, or nothing where it may not write.
--   KEYS  1 state   2 definitions   3 streams   then the streams and their settled hashes
--   ARGV  1 the writer   2 number of this commit   3 its last Lsn   then the operations, a letter and arguments:
--     c KEY GATE LAST                  gives a stream its name back, to which entries up to this Lsn were added; first
--     n ID                             a stream of this queue will be written to
--     a KEY ID COUNT FIELD VALUE…      adds an entry to a stream; COUNT fields and values
--     p NAME VALUE                     sets a definition
--     e                                what follows is done even where Redis is out of memory: it frees some
--     d KEY COUNT ID…                  deletes entries; a stream without any goes away
--     f KEY COUNT ENTRY…               forgets what is settled of entries
--     s KEY ENTRY VALUE                notes what is settled of an entry
--     r NAME                           removes a definition
--     o ID                             the stream of this queue is gone
-- Returns 1 where it was done, 0 where it had been done before: an answer got lost and the writer asks again.
--
-- Large entries do not come through here, since Lua looks at each of their bytes. They come in a transaction: this script
-- with nothing but `g`, and for each stream `KEY GATE FIRST`, which gives the streams other names where the commit may be
-- done; the XADDs, to those names and to nothing where there are none; and this script as above. The commit is not done yet
-- after the first of them.
--
-- What fails in a transaction does not keep the rest of it from being done. So the first part changes nothing where an XADD
-- would fail, the last part does nothing where one did, and puts the names back before all else: nothing that may fail
-- stands between. An open gate is never seen, except in an append-only file that was cut off (mend-2-many.lua).
local state = redis.call('HMGET', KEYS[1], 'writer', 'number', 'by')
if state[1] ~= ARGV[1] then return redis.error_reply('FENCED another broker has taken over') end
local last = tonumber(state[2] or '0')
local this = tonumber(ARGV[2])
if this <= last and state[3] == ARGV[1] then
  -- Writing something makes a WAIT behind it wait for the commit, on a new connection too. The HDEL is what lets a
  -- script write on where Redis is out of memory.
  redis.call('HDEL', KEYS[1], '')
  redis.call('HSET', KEYS[1], 'number', state[2])
  return 0
end
if this ~= last + 1 then return redis.error_reply('GAP ' .. (state[2] or '0') .. ' is the last commit') end

-- The Lsn in the last id that a stream has given. XINFO STREAM would tell it together with whole entries.
local function lastLsnOf(key)
  redis.call('XGROUP', 'DESTROY', key, 'gate')
  redis.call('XGROUP', 'CREATE', key, 'gate', '$')
  local last
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
    local field = {}
    for place = 1, #group, 2 do field[group[place]] = group[place + 1] end
    if field['name'] == 'gate' then last = tonumber(string.match(field['last-delivered-id'], '^%d+')) end
  end
  redis.call('XGROUP', 'DESTROY', key, 'gate')
  return last
end

if ARGV[4] == 'g' then
  for at = 5, #ARGV, 3 do
    local key, gate = KEYS[tonumber(ARGV[at])], KEYS[tonumber(ARGV[at + 1])]
    if redis.call('EXISTS', gate) == 1 then return redis.error_reply('ASTRAY ' .. gate .. ' was left over') end
    if redis.call('EXISTS', key) == 1 and lastLsnOf(key) >= tonumber(ARGV[at + 2]) then
      return redis.error_reply('ASTRAY ' .. key .. ' has later entries')
    end
  end
  for at = 5, #ARGV, 3 do
    local key, gate = KEYS[tonumber(ARGV[at])], KEYS[tonumber(ARGV[at + 1])]
    -- It is made under its own name: where the file has entries there that a torn transaction left (mend-2-many.lua),
    -- they go along, and nothing is put over them.
    if redis.call('EXISTS', key) == 0 then
      redis.call('XGROUP', 'CREATE', key, 'gate', '$', 'MKSTREAM')
      redis.call('XGROUP', 'DESTROY', key, 'gate')
    end
    redis.call('RENAME', key, gate)
  end
  return 1
end

local complete = true
local gates = {}
for at = 4, #ARGV, 4 do
  if ARGV[at] ~= 'c' then break end
  local key, gate = KEYS[tonumber(ARGV[at + 1])], KEYS[tonumber(ARGV[at + 2])]
  -- Where both are there a RENAME would throw one of them away.
  if redis.call('EXISTS', gate) == 0 or redis.call('EXISTS', key) == 1 then
    complete = false
  else
    gates[#gates + 1] = { key, gate }
    if lastLsnOf(gate) ~= tonumber(ARGV[at + 3]) then complete = false end
  end
end
for _, names in ipairs(gates) do
  if redis.call('XLEN', names[2]) == 0 then
    redis.call('DEL', names[2])
  else
    redis.call('RENAME', names[2], names[1])
  end
end
if not complete then return redis.error_reply('INCOMPLETE a part of the commit failed, nothing was done') end

local at = 4
while ARGV[at] do
  local operation = ARGV[at]
  if operation == 'a' then
    local count = tonumber(ARGV[at + 3])
    redis.call('XADD', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], unpack(ARGV, at + 4, at + 3 + count))
    at = at + 4 + count
  elseif operation == 'c' then
    at = at + 4
  elseif operation == 'd' then
    local key = KEYS[tonumber(ARGV[at + 1])]
    local count = tonumber(ARGV[at + 2])
    redis.call('XDEL', key, unpack(ARGV, at + 3, at + 2 + count))
    if redis.call('XLEN', key) == 0 then redis.call('DEL', key) end
    at = at + 3 + count
  elseif operation == 's' then
    redis.call('HSET', KEYS[tonumber(ARGV[at + 1])], ARGV[at + 2], ARGV[at + 3])
    at = at + 4
  elseif operation == 'f' then
    local count = tonumber(ARGV[at + 2])
    redis.call('HDEL', KEYS[tonumber(ARGV[at + 1])], unpack(ARGV, at + 3, at + 2 + count))
    at = at + 3 + count
  elseif operation == 'p' then
    redis.call('HSET', KEYS[2], ARGV[at + 1], ARGV[at + 2])
    at = at + 3
  elseif operation == 'r' then
    redis.call('HDEL', KEYS[2], ARGV[at + 1])
    at = at + 2
  elseif operation == 'n' then
    redis.call('SADD', KEYS[3], ARGV[at + 1])
    at = at + 2
  elseif operation == 'o' then
    redis.call('SREM', KEYS[3], ARGV[at + 1])
    at = at + 2
  elseif operation == 'e' then
    redis.call('HDEL', KEYS[1], '')
    at = at + 1
  else
    return redis.error_reply('ERR unknown operation ' .. operation)
  end
end
redis.call('HSET', KEYS[1], 'number', ARGV[2], 'lsn', ARGV[3], 'by', ARGV[1])
return 1
