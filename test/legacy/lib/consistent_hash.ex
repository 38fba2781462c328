defmodule ConsistentHash do
  @moduledoc """
  Which node a key belongs to: each node has 300 points on a circle of 160-bit numbers,
  and a key belongs to the node of the first point that is not below the key's hash.

  The hash is SHA-1 over the external term, so it is this VM's way to write atoms that
  decides. Equal points of two nodes go to the node whose name sorts first.
  """
  @points_per_node 300

  def ring_for_nodes(nodes) do
    nodes
    |> Enum.flat_map(&points/1)
    |> Enum.sort()
    |> Enum.dedup_by(fn {hash, _node} -> hash end)
    |> List.to_tuple()
  end

  def node_for_key(ring, key) when tuple_size(ring) > 0 do
    index = first_not_below(ring, hash(key), 0, tuple_size(ring))
    {_hash, node} = elem(ring, rem(index, tuple_size(ring)))
    node
  end

  defp points(node), do: for(i <- 1..@points_per_node, do: {hash("#{node}#{i}"), node})

  defp hash(term), do: :crypto.hash(:sha, :erlang.term_to_binary(term))

  # The index of the first point in [low, high) whose hash is at least `hash`, else `high`.
  defp first_not_below(_ring, _hash, at, at), do: at

  defp first_not_below(ring, hash, low, high) do
    middle = div(low + high, 2)
    {point, _node} = elem(ring, middle)

    if point >= hash,
      do: first_not_below(ring, hash, low, middle),
      else: first_not_below(ring, hash, middle + 1, high)
  end
end
