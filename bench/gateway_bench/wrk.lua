-- What wrk sends, and one line of JSON at the end; told by the environment, see load.py.

local body_bytes = tonumber(os.getenv("BENCH_BODY_BYTES") or "0")
local think_ms = tonumber(os.getenv("BENCH_THINK_MS") or "0")
local tokens_path = os.getenv("BENCH_TOKENS")
local threads = {}

if body_bytes > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", body_bytes)
    wrk.headers["Content-Type"] = "application/octet-stream"
end

function setup(thread)
    thread:set("index", #threads)
    table.insert(threads, thread)
end

-- Each thread reads lines of its own; `taken`, which `done` asks for, counts those it read for the first time.
taken = 0
local file, line_bytes, first, last, position, is_again, before, after

local function open_tokens()
    local count = tonumber(os.getenv("BENCH_THREADS"))
    local begin = tonumber(os.getenv("BENCH_TOKENS_BEGIN"))
    line_bytes = tonumber(os.getenv("BENCH_TOKENS_LINE_BYTES"))
    local lines = (tonumber(os.getenv("BENCH_TOKENS_END")) - begin) / line_bytes
    first = begin + math.floor(lines * index / count) * line_bytes
    last = begin + math.floor(lines * (index + 1) / count) * line_bytes
    position = first
    file = assert(io.open(tokens_path, "r"))
    file:seek("set", first)
end

local function next_token()
    if position >= last then
        is_again = true
        position = first
        file:seek("set", first)
    end
    position = position + line_bytes
    if not is_again then
        taken = taken + 1
    end
    return file:read("*l")
end

function init()
    math.randomseed(index + 1)
    if tokens_path then
        open_tokens()
        wrk.headers["Authorization"] = "Bearer @"
        before, after = wrk.format():match("^(.-)@(.*)$")
    end
end

-- Without this function wrk sends one request that was put together beforehand.
if tokens_path then
    function request()
        return before .. next_token() .. after
    end
end

-- Exponential pauses make the requests of many connections come at random, as those of many clients do.
if think_ms > 0 then
    function delay()
        return math.floor(-think_ms * math.log(1 - math.random()) + math.random())
    end
end

function done(summary, latency)
    local errors, distinct = summary.errors, 0
    for _, thread in ipairs(threads) do
        distinct = distinct + thread:get("taken")
    end
    local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
    io.write(string.format(
        '\n{"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"failed":%d,"distinct_tokens":%d}\n',
        summary.requests, summary.duration / 1e6,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed, distinct
    ))
end
