import { builtinModule } from "../../core/builtin-module.ts";
import { releasedMs } from "./record-format.ts";

/** The script's error for a record that no store can have written. */
export const brokenReply = "ONCE_RECORD_BROKEN";

/** A script, and the name under which Redis remembers it. */
export interface Script {
  readonly text: string;
  /** The SHA-1 of the text; without `node:crypto` it is there after `hashScript`. */
  readonly hash: string | undefined;
}

function scriptOf(text: string): Script {
  return { text, hash: builtinModule("node:crypto")?.createHash("sha1").update(text).digest("hex") };
}

/** Fills in the hash of a script, by the Web's own way. */
export async function hashScript(script: Script): Promise<void> {
  const digest = await crypto.subtle.digest("SHA-1", new TextEncoder().encode(script.text));
  Object.assign(script, { hash: Buffer.from(digest).toString("hex") });
}

/**
 * The operations of the port on one record, in Lua: `ARGV[1]` says which, the rest are its arguments. A first claim needs no
 * script (leased-operations.ts). It mirrors
 * `transition.ts`, against which it is tested; `record-format.ts` says what is stored.
 *
 * All times are the server's: TIME, and PEXPIRETIME, from which the times in a record are counted. Redis removes the
 * record when `isExpired` becomes true; the test for it is for the millisecond between.
 */
const operations = `
local key, operation = KEYS[1], ARGV[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local stored = redis.call('GET', key)
-- Before anything is written: a server that is too old has no such command.
local removed_at = redis.call('PEXPIRETIME', key)
local state, fingerprint, owner, attempt, fence, lease_ms, life_ms, rest_at, created_at
-- As it follows the owner.
local details = ''
local released_fence = stored and tonumber(string.match(stored, '^1 released (%d+)\\n$'))

-- The key without a record. Its fence is remembered: a claimant who knows the time less well must not go below it.
local function release(fence)
  redis.call('SET', key, '1 released ' .. fence .. '\\n', 'PX', ${releasedMs})
  return 1
end

if released_fence then
  stored = nil
elseif stored then
  state, fingerprint, owner, attempt, fence, lease_ms, life_ms, rest_at =
    string.match(stored, '^1 (%l+) (%S*) (%S*) ([1-9]%d*) (%d+) (%d+) (%d+)\\n()')
  if not (state == 'running' or state == 'done') or removed_at < 0 then
    if operation == 'inspect' then return ARGV[2] == '' and {'broken', stored, removed_at} or nil end
    if operation == 'resolve' and ARGV[2] == 'not-executed' then return release(now) end
    return redis.error_reply('${brokenReply}')
  end
  local details_at = string.find(owner, '%%21[%w_-]*$')
  if details_at then owner, details = string.sub(owner, 1, details_at - 1), string.sub(owner, details_at) end
  attempt, fence, lease_ms, life_ms = tonumber(attempt), tonumber(fence), tonumber(lease_ms), tonumber(life_ms)
  created_at = removed_at - (state == 'running' and math.max(lease_ms, life_ms) or life_ms)
  if created_at + life_ms <= now and (state == 'done' or created_at + lease_ms <= now) then
    redis.call('DEL', key)
    stored = nil
  end
end
local lease_until = stored and created_at + lease_ms
local abandoned = stored and state == 'running' and lease_until <= now

-- What follows the line: the result, or while it runs the steps.
local function rest()
  return stored and string.sub(stored, rest_at) or ''
end

-- How long a record lasts in all that is to last so long from now.
local function from_creation(ms)
  return math.max(0, now + ms - created_at)
end

local function write(rest)
  local lasts_ms = state == 'running' and math.max(lease_ms, life_ms) or life_ms
  local fields = '1 ' .. state .. ' ' .. fingerprint .. ' ' .. owner .. details .. ' ' .. attempt .. ' ' .. fence .. ' ' .. lease_ms
  redis.call('SET', key, fields .. ' ' .. life_ms .. '\\n' .. rest, 'PXAT', created_at + lasts_ms)
  return 1
end

local function finish(result, retention_ms)
  state, life_ms = 'done', from_creation(retention_ms)
  return write(result)
end

if operation == 'claim' then
  local _, claim_fingerprint, claim_owner, claim_lease_ms, running_life_ms, take_over_after_ms, claim_details = unpack(ARGV)
  if stored then
    if fingerprint ~= claim_fingerprint then return {now, 'mismatch'} end
    if state == 'done' then return {now, 'done', rest()} end
    if owner ~= claim_owner then
      if lease_until > now then return {now, 'in-progress', lease_until - now} end
      local lease_over_ms = now - lease_until
      if lease_over_ms < (tonumber(take_over_after_ms) or math.huge) then return {now, 'abandoned', lease_over_ms} end
      attempt, fence = attempt + 1, math.max(now, fence + 1)
    end
  else
    attempt, fence, created_at, life_ms = 1, math.max(now, (released_fence or 0) + 1), now, 0
  end
  state, fingerprint, owner, details = 'running', claim_fingerprint, claim_owner, claim_details
  lease_ms, life_ms = from_creation(claim_lease_ms), math.max(life_ms, from_creation(running_life_ms))
  local steps = rest()
  write(steps)
  return {now, 'acquired', attempt, fence, steps}
end

if operation == 'inspect' then
  local shown_state = abandoned and 'abandoned' or state
  return stored and (ARGV[2] == '' or ARGV[2] == shown_state) and {shown_state, stored, removed_at, now} or nil
end

if operation == 'resolve' then
  if not abandoned then return 0 end
  if ARGV[2] == 'not-executed' then return release(fence) end
  owner = '%21' .. now .. '!' .. ARGV[5]
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
  lease_ms = from_creation(ARGV[3])
  if ARGV[4] ~= '' then details = ARGV[4] end
  return write(rest())
end
if operation == 'release' then
  if attempt == 1 then return release(fence) end
  lease_ms = math.min(lease_ms, from_creation(0))
  return write(rest())
end
return redis.error_reply('ERR once-again has no operation ' .. operation)
`;

/** The operations on a record, for a server that may be out of memory: then what writes fails, and what reads goes on. */
export const operationScript: Script = scriptOf(operations);

/** The same, which may also write then. For what leaves less than it found. */
export const releaseScript: Script = scriptOf(`#!lua flags=allow-oom${operations}`);

/** Replaces a text that is known to the letter, as `SET … IFEQ` does. */
export const replaceScript: Script = scriptOf(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return nil end
return redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
`);

/**
 * A record without what follows its line: the time, the line, the time of removal, the length of the rest, and how many steps are
 * in it; -1: what is there are no steps. Nothing for a key that is not there. Only the lines are read.
 */
export const sizesScript: Script = scriptOf(`#!lua flags=no-writes
local key = KEYS[1]
local length = redis.call('STRLEN', key)
if length == 0 then return nil end

local function line(at)
  local size = 1024
  repeat
    local text = redis.call('GETRANGE', key, at, at + size - 1)
    local ends = string.find(text, '\\n', 1, true)
    if ends then return string.sub(text, 1, ends) end
    size = size * 4
  until #text < size / 4 or size > 1048576
  return ''
end

local function count_steps(at)
  local names, count = {}, 0
  while at < length do
    local head = line(at)
    local bytes, name = string.match(head, '^(%d+) (.*)\\n$')
    if not bytes then return -1 end
    at = at + #head + bytes
    if not names[name] then names[name], count = true, count + 1 end
  end
  return at == length and count or -1
end

local head = line(0)
local steps = string.find(head, '^1 running ') and count_steps(#head) or 0
local time = redis.call('TIME')
return {time[1] * 1000 + math.floor(time[2] / 1000), head, redis.call('PEXPIRETIME', key), length - #head, steps}
`);

/**
 * SCAN, for records that run: `ARGV` is its cursor, pattern and count. The keys that it looks at are those of the node that runs it,
 * in whatever slots they are.
 */
export const runningScan = `#!lua flags=no-writes,allow-cross-slot-keys
local reply = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local running = {}
for _, key in ipairs(reply[2]) do
  -- A key of another type is an error, which is no text.
  if redis.pcall('GETRANGE', key, 0, 8) == '1 running' then running[#running + 1] = key end
end
return {reply[1], running}
`;
