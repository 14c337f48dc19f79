-- The scenarios of scripts/models: what each of them claims.

local scenario = require("spec.scenarios").batch()

describe("scenarios of several models:", function()
  scenario("one_queue_four_models", function(r)
    assert.matches("\n1000 of 1000 items arrived, in order\n$", r.out)
  end)
end)
