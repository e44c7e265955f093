-- For an operator: the messages of a stream that are not settled, one line each, in the order of the stream. Read only.
--   redis-cli --raw --eval inspect-2.lua KEY KEY:settled , COUNT [FROM]
--   KEYS  1 stream   2 the hash of what is settled in it
--   ARGV  1 messages at most, 20 where nothing is said   2 the id of the first entry, such as 1234-0
-- src/layout.ts describes the bytes of an entry.
local most = tonumber(ARGV[1] or '20')
local from = ARGV[2] or '-'
local indexBytes = 40

-- The time of a count of milliseconds since 1970, in UTC. Days are counted from March, so that leap days come last.
local function timeOf(ms)
  local seconds = math.floor(ms / 1000)
  local days = math.floor(seconds / 86400)
  local rest = seconds - days * 86400
  days = days + 719468
  local era = math.floor(days / 146097)
  local ofEra = days - era * 146097
  local year = math.floor((ofEra - math.floor(ofEra / 1460) + math.floor(ofEra / 36524) - math.floor(ofEra / 146096)) / 365)
  local ofYear = ofEra - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * ofYear + 2) / 153)
  local day = ofYear - math.floor((153 * month + 2) / 5) + 1
  month = month < 10 and month + 3 or month - 9
  year = year + era * 400 + (month <= 2 and 1 or 0)
  local time = { math.floor(rest / 3600), math.floor(rest / 60) % 60, rest % 60, ms % 1000 }
  return string.format('%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day, unpack(time))
end

local function printable(text)
  return (string.gsub(text, '[^\32-\126]', function(char) return string.format('\\x%02x', string.byte(char)) end))
end

local function isSet(bits, place)
  local byte = string.byte(bits, math.floor(place / 8) + 1) or 0
  return bit.band(byte, bit.lshift(1, place % 8)) ~= 0
end

-- The queue sets of an entry of the shared stream.
local function setsOf(bytes)
  local sets = {}
  local at = 1
  while at <= #bytes do
    local size
    size, at = struct.unpack('<I4', bytes, at)
    local set = {}
    for place = 1, size do set[place], at = struct.unpack('<I4', bytes, at) end
    sets[#sets + 1] = set
  end
  return sets
end

local lines = {}

local function addEntry(id, fields, settled)
  local field = {}
  for place = 1, #fields, 2 do field[fields[place]] = fields[place + 1] end
  if not field.index or not field.data then
    lines[#lines + 1] = id .. ' is no entry of Jackalope'
    return
  end
  local routes = cjson.decode(field.routes)
  local sets = field.queues and setsOf(field.queues)
  local first = tonumber(field.first or string.match(id, '^%d+'))
  local pair, dataAt = 0, 1
  for at = 1, #field.index, indexBytes do
    local offset, flags, priority, set, route, keys, native, body, expiration, published =
      struct.unpack('<I4BBI2I4I4I4I4dd', field.index, at)
    local holders = {}
    for _, queue in ipairs(sets and sets[set] or { 'own' }) do
      if not isSet(settled, pair) then holders[#holders + 1] = queue end
      pair = pair + 1
    end
    if #holders > 0 then
      if #lines >= most then return end
      local exchange, key, format = unpack(routes[route + 1])
      local text = string.sub(field.data, dataAt + keys + native, dataAt + keys + native + math.min(body, 60) - 1)
      local words = {
        string.format('%.0f', first + offset),
        'entry=' .. id,
        'exchange=' .. cjson.encode(exchange),
        'key=' .. cjson.encode(key),
        'format=' .. format,
        flags % 2 == 1 and 'persistent' or 'transient',
        'priority=' .. priority,
        'published=' .. timeOf(published),
      }
      if sets then table.insert(words, 2, 'queues=' .. table.concat(holders, ',')) end
      if expiration >= 0 then words[#words + 1] = string.format('expiration=%.0fms', expiration) end
      words[#words + 1] = 'bytes=' .. body
      words[#words + 1] = 'body="' .. printable(text) .. (body > 60 and '"…' or '"')
      lines[#lines + 1] = table.concat(words, ' ')
    end
    dataAt = dataAt + keys + native + body
  end
end

while #lines < most do
  local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 1)
  if #entries == 0 then break end
  local id, fields = unpack(entries[1])
  addEntry(id, fields, redis.call('HGET', KEYS[2], id) or '')
  from = '(' .. id
end
return lines
