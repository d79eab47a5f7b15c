-- Takes one from each bucket, or from none if one of them is empty: the arithmetic of gcra.rs, in one atomic step.
-- KEYS: the buckets. ARGV: interval and capacity of each, in microseconds.
-- Answers 1 or 0 for admitted or not, and how much is taken from each bucket now.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local answer = {1}

local function keep(key, used)
    redis.call('SET', key, now + used, 'PX', math.ceil(used / 1000))
end

for i, key in ipairs(KEYS) do
    local interval, capacity = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local ahead = math.max((tonumber(redis.call('GET', key) or '0') or 0) - now, 0)
    local used = math.min(ahead, capacity)
    if ahead > capacity then
        -- The server's clock was put back; nobody shall wait for it to catch up.
        keep(key, used)
    end
    if used + interval > capacity then
        answer[1] = 0
    end
    answer[i + 1] = used
end

if answer[1] == 1 then
    for i, key in ipairs(KEYS) do
        answer[i + 1] = answer[i + 1] + ARGV[2 * i - 1]
        keep(key, answer[i + 1])
    end
end
return answer
