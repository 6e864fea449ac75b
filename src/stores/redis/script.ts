import { createHash } from "node:crypto";

/**
 * The operations of the port on one record, which is one hash, in Lua: `ARGV[1]` says which, the rest are its
 * arguments. It mirrors `transition.ts`, against which it is tested.
 *
 * It is one script, so that operations that were sent one after the other keep their order when the server has lost its
 * scripts. Redis expires the hash when `isExpired` becomes true; the test in it is for the millisecond between. A write
 * that needs memory comes before those that don't: a server that is out of it then changes nothing.
 */
export const script = `
local key = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read()
  local fields = redis.call('HMGET', key,
    'state', 'fingerprint', 'owner', 'attempt', 'fence', 'lease_until', 'created_at', 'expires_at')
  if not fields[1] then return nil end
  local record = {
    state = fields[1], fingerprint = fields[2], owner = fields[3], attempt = tonumber(fields[4]),
    fence = tonumber(fields[5]), lease_until = tonumber(fields[6]), created_at = tonumber(fields[7]),
    expires_at = tonumber(fields[8])
  }
  local lease_over = record.lease_until <= now
  if record.expires_at <= now and (record.state == 'done' or lease_over) then
    redis.call('DEL', key)
    return nil
  end
  record.seen_as = (record.state == 'running' and lease_over) and 'abandoned' or record.state
  return record
end

local record = read()

-- Fields that are no steps: those that read() reads, and of a record that is done the result.
local fields_running, fields_done = 8, 9

local function each_step(fields_other, use)
  if redis.call('HLEN', key) == fields_other then return end
  local fields = redis.call('HGETALL', key)
  for index = 1, #fields, 2 do
    if string.sub(fields[index], 1, 5) == 'step:' then use(fields[index], fields[index + 1]) end
  end
end

local function acquire(fingerprint, owner, lease_ms, retention_ms)
  local attempt, fence, created_at, expires_at = 1, now, now, now + retention_ms
  if record then
    attempt, fence, created_at = record.attempt, record.fence, record.created_at
    expires_at = math.max(record.expires_at, expires_at)
    if record.owner ~= owner then attempt, fence = attempt + 1, math.max(now, fence + 1) end
  end
  local lease_until = now + lease_ms
  redis.call('HSET', key, 'state', 'running', 'fingerprint', fingerprint, 'owner', owner, 'attempt', attempt,
    'fence', fence, 'lease_until', lease_until, 'created_at', created_at, 'expires_at', expires_at)
  redis.call('PEXPIREAT', key, math.max(expires_at, lease_until))
  local answer = {'acquired', attempt, fence}
  if record then
    each_step(fields_running, function(name, result)
      answer[#answer + 1] = string.sub(name, 6)
      answer[#answer + 1] = result
    end)
  end
  return answer
end

local function finish(owner, result, retention_ms)
  local expires_at = math.max(record.expires_at, now + retention_ms)
  redis.call('HSET', key, 'state', 'done', 'owner', owner, 'result', result, 'expires_at', expires_at)
  redis.call('PEXPIREAT', key, expires_at)
  each_step(fields_done, function(name) redis.call('HDEL', key, name) end)
  return 1
end

local function set_lease(lease_until)
  redis.call('HSET', key, 'lease_until', lease_until)
  redis.call('PEXPIREAT', key, math.max(record.expires_at, lease_until))
  return 1
end

local function owned_by(owner)
  return record and record.owner == owner
end

local function runs_for(owner)
  return owned_by(owner) and record.state == 'running'
end

local operations = {}

function operations.claim(fingerprint, owner, lease_ms, retention_ms, take_over_after_ms)
  if record then
    if record.fingerprint ~= fingerprint then return {'mismatch'} end
    if record.state == 'done' then return {'done', redis.call('HGET', key, 'result')} end
    if record.owner ~= owner then
      if record.lease_until > now then return {'in-progress', record.lease_until - now} end
      local lease_over_ms = now - record.lease_until
      if lease_over_ms < (tonumber(take_over_after_ms) or math.huge) then return {'abandoned', lease_over_ms} end
    end
  end
  return acquire(fingerprint, owner, lease_ms, retention_ms)
end

function operations.complete(owner, result, retention_ms)
  if not owned_by(owner) then return 0 end
  if record.state == 'done' then return 1 end
  return finish(owner, result, retention_ms)
end

function operations.renew(owner, lease_ms)
  if not runs_for(owner) then return 0 end
  return set_lease(now + lease_ms)
end

function operations.release(owner)
  if not runs_for(owner) then return 0 end
  if record.attempt > 1 then return set_lease(math.min(record.lease_until, now)) end
  return redis.call('DEL', key)
end

function operations.checkpoint(owner, step, result)
  if not runs_for(owner) then return 0 end
  redis.call('HSET', key, 'step:' .. step, result)
  return 1
end

function operations.resolve_done(result, retention_ms)
  if not record or record.seen_as ~= 'abandoned' then return 0 end
  return finish('', result, retention_ms)
end

function operations.resolve_not_executed()
  if not record or record.seen_as ~= 'abandoned' then return 0 end
  return redis.call('DEL', key)
end

function operations.inspect(state)
  if not record or (state ~= '' and state ~= record.seen_as) then return nil end
  return {record.seen_as, redis.call('HGETALL', key)}
end

return operations[ARGV[1]](unpack(ARGV, 2))
`;

/** The name under which Redis remembers the script. */
export const scriptHash = createHash("sha1").update(script).digest("hex");
