-- Calls of /hooks/build for wrk: each with a delivery id and a build of its own. Arguments: token, run.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  token, run, calls = args[1], args[2], 0
end

function request()
  calls = calls + 1
  local id = string.format("%s%02x%08x", run, number, calls)
  local body = string.format(
    '{"project":"p%02d","sha":"%s%s","branch":"main","image":"registry.example.com/p%02d@sha256:%s%s",' ..
    '"url":"https://ci.example.com/jobs/p%02d/%d","author":"ann@example.com",' ..
    '"message":"Answer faster when the cache is cold (#%d)"}',
    calls % 20, id, string.rep("0", 40 - #id), calls % 20, id, string.rep("0", 64 - #id), calls % 20, calls, calls)
  return wrk.format("POST", "/hooks/build", {
    ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token, ["X-Lemmy-Delivery"] = id }, body)
end

function done(summary, latency)
  print(string.format('RESULT {"requests": %d, "us": %d, "bad": %d, "p50": %d, "p99": %d, "max": %d}',
    summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
