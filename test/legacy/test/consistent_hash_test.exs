defmodule ConsistentHashTest do
  use ExUnit.Case, async: true

  test "every golden key has the owner that the original gave it" do
    for golden <- Golden.read!("chash-otp25.json")["rings"] do
      ring = ConsistentHash.ring_for_nodes(golden["nodes"])

      for key <- golden["keys"],
          do: assert(ConsistentHash.node_for_key(ring, Golden.term(key["term"])) == key["node"])
    end
  end

  test "the points are the original's" do
    for golden <- Golden.read!("chash-otp25.json")["rings"] do
      points =
        for {hash, node} <- Tuple.to_list(ConsistentHash.ring_for_nodes(golden["nodes"])),
            do: [Base.encode16(hash, case: :lower), " ", node, "\n"]

      assert length(points) == golden["npoints"]
      assert Base.encode16(:crypto.hash(:sha, points), case: :lower) == golden["points_sha1"]
    end
  end

  test "equal points of two nodes go to the one whose name sorts first" do
    ring = ConsistentHash.ring_for_nodes([:n11, :n1])
    # n1's point 11 and n11's point 1 are both the hash of <<"n111">>.
    hash = :crypto.hash(:sha, :erlang.term_to_binary("n111"))
    assert [{^hash, :n1}] = Enum.filter(Tuple.to_list(ring), fn {h, _node} -> h == hash end)
  end
end
