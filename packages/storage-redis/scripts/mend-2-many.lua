-- Sees to it that each stream stands under its own name and in the list, for a broker that begins to lead.
--   KEYS  1 state   2 streams   then streams, each with its gate behind it
--   ARGV  1 the writer   then the queues of these streams
-- Returns how many streams stood at their gates.
--
-- A transaction leaves no gate open (commit-3-many.lua). But Redis and Valkey (seen with 7.0, known of all before Valkey's
-- pull request 4342) do not cut an append-only file off at the right place where a crash tore a transaction apart: MULTI
-- and the commands that are whole stay in it, are not done, and new ones are written behind them. The next start does them
-- all, those of the lost transaction first. Its RENAME would take a stream away from under all that was written since.
--
-- So each stream is given its gate's name for a moment before anything is written to it. These two RENAMEs change nothing,
-- but they stand in the file behind what a lost transaction has left there, and undo it when the file is read. As for the
-- list, what the transaction has put into it has to stay: entries may be there, of which nothing is stored elsewhere.
if redis.call('HGET', KEYS[1], 'writer') ~= ARGV[1] then
  return redis.error_reply('FENCED another broker has taken over')
end

-- Lsns of the first and the last message of an entry.
local function rangeOf(entry)
  local id = tonumber(string.match(entry[1], '^%d+'))
  local field = {}
  for place = 1, #entry[2], 2 do field[entry[2][place]] = entry[2][place + 1] end
  local first = tonumber(field.first) or id
  if not field.index or #field.index < 40 then return first, id end
  return first, first + struct.unpack('<I4', field.index, #field.index - 39)
end

-- What came under the stream's own name while the stream stood at its gate goes behind it.
local function join(key, gate)
  local start = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if start then
    -- A commit that was confirmed had put the name back. So entries at the gate whose Lsns were given again are of a
    -- commit that was not.
    local from = rangeOf(start)
    local top
    repeat
      top = redis.call('XREVRANGE', gate, '+', '-', 'COUNT', 1)[1]
      local given = false
      if top then
        local _, last = rangeOf(top)
        given = last >= from
      end
      if given then redis.call('XDEL', gate, top[1]) end
    until not given
    if not top then
      redis.call('DEL', gate)
      return
    end
    redis.call('XSETID', gate, top[1])
    local after = '-'
    repeat
      local entry = redis.call('XRANGE', key, after, '+', 'COUNT', 1)[1]
      if entry then
        redis.call('XADD', gate, entry[1], unpack(entry[2]))
        after = '(' .. entry[1]
      end
    until not entry
    redis.call('DEL', key)
  end
  redis.call('RENAME', gate, key)
end

local found = 0
for at = 3, #KEYS, 2 do
  local key, gate = KEYS[at], KEYS[at + 1]
  if redis.call('EXISTS', gate) == 1 then
    found = found + 1
    -- Lets it go on where Redis is out of memory, which refuses a script's first write only.
    redis.call('HDEL', KEYS[1], '')
    join(key, gate)
  elseif redis.call('EXISTS', key) == 1 then
    redis.call('RENAME', key, gate)
    redis.call('RENAME', gate, key)
  end
end
-- Where nothing was new to the set the command would not be written to the file. The first of these lets the second go
-- on where Redis is out of memory, too.
redis.call('SREM', KEYS[2], '')
redis.call('SADD', KEYS[2], '', unpack(ARGV, 2))
redis.call('SREM', KEYS[2], '')
return found
