defmodule LWWElemSetTest do
  use ExUnit.Case, async: true

  test "changes applied as in the golden cases give their structs and members" do
    for golden <- Golden.read!("lww-otp25.json")["single"] do
      set = Enum.reduce(golden["ops"], LWWElemSet.new(), &change/2)
      assert set == Golden.term(golden["struct"]), golden["name"]
      assert_members(set, golden)
      assert Enum.count(set) == golden["count"]

      for %{"elem" => elem, "is_member" => expected} <- golden["member"],
          do: assert(LWWElemSet.member?(set, Golden.term(elem)) == expected)
    end
  end

  test "merging is the union of the golden cases" do
    for golden <- Golden.read!("lww-otp25.json")["unions"] do
      union = LWWElemSet.union(Golden.term(golden["left"]), Golden.term(golden["right"]))
      assert union == Golden.term(golden["union"]), golden["name"]
      assert_members(union, golden)
    end
  end

  defp assert_members(set, golden) do
    expected = for %{"elem" => elem} <- golden["members_in_order"], do: Golden.term(elem)
    assert Enum.to_list(set) == Enum.sort(expected)
  end

  defp change(%{"op" => op, "elem" => elem, "ts" => time}, set) do
    time = List.to_tuple(time)

    case op do
      "add" -> LWWElemSet.add(set, Golden.term(elem), time)
      "rem" -> LWWElemSet.delete(set, Golden.term(elem), time)
    end
  end
end
