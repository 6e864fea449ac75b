import { createHash } from "node:crypto";

/** What the script answers, as an error, to who asks for a record that no store can have written. */
export const brokenReply = "ONCE_RECORD_BROKEN";

/**
 * The operations of the port on one record, in Lua: `ARGV[1]` says which, the rest are its arguments. It mirrors
 * `transition.ts`, against which it is tested. A record is one text: see `record-format.ts`.
 *
 * It is one script, so that operations that were sent one after the other keep their order when the server has lost its
 * scripts. Redis expires the record when `isExpired` becomes true; the test in it is for the millisecond between. Fields
 * are found by their places: a pattern for all of them takes longer than everything else.
 */
export const script = `
local key, operation = KEYS[1], ARGV[1]
local find, sub = string.find, string.sub
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local stored = redis.call('GET', key)
local expires_at, lease_until, fence, created_at, state, attempt, owner, fingerprint, rest_at
if stored then
  local attempt_at = (find(stored, ' ', 57, true) or 0) + 1
  local owner_at = (find(stored, ' ', attempt_at, true) or 0) + 1
  local fingerprint_at = (find(stored, ' ', owner_at, true) or 0) + 1
  rest_at = (find(stored, '\\n', fingerprint_at, true) or 0) + 1
  expires_at, lease_until = tonumber(sub(stored, 1, 13)), tonumber(sub(stored, 15, 27))
  fence, created_at = sub(stored, 29, 41), sub(stored, 43, 55)
  state, attempt = sub(stored, 57, attempt_at - 2), sub(stored, attempt_at, owner_at - 2)
  owner, fingerprint = sub(stored, owner_at, fingerprint_at - 2), sub(stored, fingerprint_at, rest_at - 2)
  local is_whole = expires_at and lease_until and tonumber(fence) and tonumber(created_at) and rest_at > 1 and
    (state == 'running' or state == 'done') and (tonumber(attempt) or 0) >= 1 and expires_at >= tonumber(created_at)
  if not is_whole then
    if operation == 'inspect' then return ARGV[2] == '' and {'broken', stored} or nil end
    if operation == 'resolve' and ARGV[2] == 'not-executed' then return redis.call('DEL', key) end
    return redis.error_reply('${brokenReply}')
  end
  if expires_at <= now and (state == 'done' or lease_until <= now) then
    redis.call('DEL', key)
    stored = nil
  end
end
local abandoned = stored and state == 'running' and lease_until <= now

-- A time as it has its place among the fields: 13 digits.
local function after(ms)
  return math.min(math.floor(now + ms), 9999999999999)
end

-- What follows the fields: the result, or while it runs the steps.
local function rest()
  return stored and sub(stored, rest_at) or ''
end

local function keep(rest)
  local kept_until = state == 'running' and math.max(expires_at, lease_until) or expires_at
  local fields = expires_at .. ' ' .. lease_until .. ' ' .. fence .. ' ' .. created_at .. ' ' .. state .. ' ' .. attempt ..
    ' ' .. owner .. ' ' .. fingerprint
  redis.call('SET', key, fields .. '\\n' .. rest, 'PXAT', kept_until)
  return 1
end

local function finish(result, retention_ms)
  state, expires_at = 'done', math.max(expires_at, after(retention_ms))
  return keep(result)
end

if operation == 'claim' then
  local _, asked_fingerprint, asked_owner, lease_ms, retention_ms, take_over_after_ms = unpack(ARGV)
  if stored then
    if fingerprint ~= asked_fingerprint then return {'mismatch'} end
    if state == 'done' then return {'done', rest()} end
    if owner ~= asked_owner then
      if lease_until > now then return {'in-progress', lease_until - now} end
      local lease_over_ms = now - lease_until
      if lease_over_ms < (tonumber(take_over_after_ms) or math.huge) then return {'abandoned', lease_over_ms} end
      attempt, fence = attempt + 1, math.max(now, fence + 1)
    end
  else
    attempt, fence, created_at, expires_at = 1, now, now, 0
  end
  state, owner, fingerprint = 'running', asked_owner, asked_fingerprint
  lease_until, expires_at = after(lease_ms), math.max(expires_at, after(retention_ms))
  local steps = rest()
  keep(steps)
  return {'acquired', tonumber(attempt), tonumber(fence), steps}
end

if operation == 'inspect' then
  local seen_as = abandoned and 'abandoned' or state
  return stored and (ARGV[2] == '' or ARGV[2] == seen_as) and {seen_as, stored} or nil
end

if operation == 'resolve' then
  if not abandoned then return 0 end
  if ARGV[2] == 'not-executed' then return redis.call('DEL', key) end
  owner = ''
  return finish(ARGV[3], ARGV[4])
end

if not stored or owner ~= ARGV[2] then return 0 end
if state == 'done' then return operation == 'complete' and 1 or 0 end
if operation == 'complete' then return finish(ARGV[3], ARGV[4]) end
if operation == 'checkpoint' then
  redis.call('APPEND', key, ARGV[3])
  return 1
end
if operation == 'renew' then
  lease_until = after(ARGV[3])
  return keep(rest())
end
if operation == 'release' then
  if tonumber(attempt) == 1 then return redis.call('DEL', key) end
  lease_until = math.min(lease_until, now)
  return keep(rest())
end
return redis.error_reply('ERR once-again has no operation ' .. operation)
`;

/** The name under which Redis remembers the script. */
export const scriptHash = createHash("sha1").update(script).digest("hex");
