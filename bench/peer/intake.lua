-- Calls of /hooks/build for wrk: each with a delivery id and a build of its own. Arguments: token, run.
-- Put together from pieces of fixed length, since wrk runs on the processors that it measures.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local digits, zeros = 10, string.rep("0", 40)
local projects, calls = {}, 0

function init(args)
  local token, run = args[1], args[2]
  local prefix = string.format("%s%02x", run, number)
  local rest = string.rep("0", 40 - #prefix - digits)
  for i = 0, 19 do
    local project = string.format("p%02d", i)
    projects[i] = {
      '\r\n\r\n{"project":"' .. project .. '","sha":"' .. prefix,
      rest .. '","branch":"main","image":"registry.example.com/' .. project .. "@sha256:" .. prefix,
      rest .. string.rep("0", 24) .. '","url":"https://ci.example.com/jobs/' .. project .. "/",
      '","author":"ann@example.com","message":"Answer faster when the cache is cold (#',
    }
  end
  local length = #table.concat(projects[0], string.rep("0", digits)) + digits + #')"}' - 4
  head = "POST /hooks/build HTTP/1.1\r\nHost: " .. wrk.host .. ":" .. wrk.port ..
    "\r\nContent-Type: application/json\r\nAuthorization: Bearer " .. token .. "\r\nContent-Length: " .. length ..
    "\r\nX-Lemmy-Delivery: " .. prefix
end

function request()
  calls = calls + 1
  local n = tostring(calls)
  n = zeros:sub(1, digits - #n) .. n
  local p = projects[calls % 20]
  return head .. n .. p[1] .. n .. p[2] .. n .. p[3] .. n .. p[4] .. n .. ')"}'
end

function done(summary, latency)
  print(string.format('RESULT {"requests": %d, "us": %d, "bad": %d, "p50": %d, "p99": %d, "max": %d}',
    summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
