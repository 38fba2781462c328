defmodule LWWElemSet do
  @moduledoc """
  A set of which copies on several nodes can be changed apart and merged: per element the
  newest change wins, and of an add and a remove at the same time the add.

  Every change is kept, as the original keeps it, so the sets only grow.
  """
  defstruct add_set: MapSet.new(), rem_set: MapSet.new()

  def new(elems \\ []), do: Enum.reduce(elems, %LWWElemSet{}, &add(&2, &1))

  def add(%LWWElemSet{} = set, elem, time \\ :os.timestamp()),
    do: %{set | add_set: MapSet.put(set.add_set, {elem, time})}

  def delete(%LWWElemSet{} = set, elem, time \\ :os.timestamp()),
    do: %{set | rem_set: MapSet.put(set.rem_set, {elem, time})}

  def union(%LWWElemSet{} = a, %LWWElemSet{} = b) do
    %LWWElemSet{
      add_set: MapSet.union(a.add_set, b.add_set),
      rem_set: MapSet.union(a.rem_set, b.rem_set)
    }
  end

  def member?(%LWWElemSet{} = set, elem), do: elem in members(set)

  @doc """
  The elements that are in the set, sorted. Removes are found by `==`, as the original's
  are: a remove of 1.0 removes 1.
  """
  def members(%LWWElemSet{add_set: adds, rem_set: rems}) do
    for {elem, added} <- Enum.sort(newest(adds)),
        not Enum.any?(rems, fn {removed, time} -> removed == elem and time > added end),
        do: elem
  end

  defp newest(changes) do
    Enum.reduce(changes, %{}, fn {elem, time}, acc ->
      Map.update(acc, elem, time, &max(&1, time))
    end)
  end
end

defimpl Enumerable, for: LWWElemSet do
  def count(set), do: {:ok, length(LWWElemSet.members(set))}
  def member?(set, elem), do: {:ok, LWWElemSet.member?(set, elem)}
  def slice(_set), do: {:error, __MODULE__}
  def reduce(set, acc, fun), do: Enumerable.List.reduce(LWWElemSet.members(set), acc, fun)
end
