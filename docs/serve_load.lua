-- One picture of random pixels a request: wrk -t1 -c32 -d30s --latency -s docs/serve_load.lua ADDRESS/v1/models/NAME:predict
math.randomseed(1)

local lines = {}
for _ = 1, 28 do
  local pixels = {}
  for x = 1, 28 do
    pixels[x] = math.random(0, 255)
  end
  table.insert(lines, "[" .. table.concat(pixels, ",") .. "]")
end

wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances": [[' .. table.concat(lines, ",") .. "]]}"

function done(summary)
  local errors = summary.errors
  print(string.format("answers that are not 2xx or 3xx: %d, socket errors: %d", errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
