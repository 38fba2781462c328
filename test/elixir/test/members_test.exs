Code.require_file("member.exs", __DIR__)

defmodule MembersTest do
  use ExUnit.Case
  alias UserApp.{Cellars, ChildrenFile, Room, Rooms, Watcher}

  setup_all do
    dir = Path.join(System.tmp_dir!(), "members_#{System.pid()}")
    File.mkdir_p!(dir)
    System.at_exit(fn _status -> File.rm_rf!(dir) end)
    Application.put_env(:user_app, :shared_dir, dir)
    first = Member.start("m1", dir)
    others = for name <- ["m2", "m3"], do: Member.start(name, dir, join: [first.node])
    members = [first | others]
    agreed(members)
    {:ok, dir: dir, members: members, nodes: Enum.map(members, & &1.node)}
  end

  # Every member sees all of them, and the rooms answer where they belong.
  defp agreed(members) do
    nodes = members |> Enum.map(& &1.node) |> Enum.sort()

    Ringnode.wait(fn ->
      Enum.all?(nodes, &(Enum.sort(on(&1, NanoRing, :up, [])) == nodes)) and
        Enum.all?([:lobby, :hall], &(owner(hd(nodes), &1) == node(whereis(hd(nodes), &1))))
    end)
  end

  defp on(node, module, function, args), do: Member.call(node, module, function, args)
  defp owner(node, id), do: on(node, Supervisorring, :find, [Rooms, id])
  defp via(id), do: {:via, :supervisorring, {Rooms, id}}
  defp whereis(node, id), do: on(node, GenServer, :whereis, [via(id)])
  defp enter(node, id), do: on(node, GenServer, :call, [via(id), :enter])

  defp open(node, id), do: on(node, Supervisorring, :start_child, [Rooms, Rooms.spec(id)])

  defp close(node, id) do
    :ok = on(node, Supervisorring, :terminate_child, [Rooms, id])
    on(node, Supervisorring, :delete_child, [Rooms, id])
  end

  defp open_rooms(node, ids), do: for(id <- ids, do: {:ok, _pid} = open(node, id))

  # Ids of which each node owns as many, whatever the nodes are called.
  defp ids_of(nodes, count, tag) do
    owned = Enum.group_by(for(n <- 1..200, do: {tag, n}), &owner(hd(nodes), &1))
    Enum.flat_map(nodes, &Enum.take(Map.fetch!(owned, &1), count))
  end

  test "members agree who owns what, with ConsistentHash", %{nodes: nodes} do
    for id <- [:lobby, "text", 17, {:room, 1}, [1, 2]] do
      [owner] = nodes |> Enum.map(&owner(&1, id)) |> Enum.uniq()
      ring = on(hd(nodes), ConsistentHash, :ring_for_nodes, [nodes])
      assert owner == on(hd(nodes), ConsistentHash, :node_for_key, [ring, {Rooms, id}])
    end
  end

  test "the sets of nodes read as Elixir's sets do", %{nodes: [node | _] = nodes} do
    up = on(node, NanoRing, :up, [])
    assert %LWWElemSet{} = up
    assert Enum.count(up) == 3
    assert node in up
    assert inspect(up) == "%LWWElemSet<#{inspect(Enum.sort(nodes, :desc))}>"
    assert Enum.sort(on(node, NanoRing, :all, [])) == Enum.sort(nodes)
  end

  test "a room is called by its name where it is found, and by its via name", %{nodes: nodes} do
    for id <- [:lobby, :hall], node <- nodes do
      before = on(node, GenServer, :call, [{id, owner(node, id)}, :get])
      assert enter(node, id) == before + 1
      assert on(node, GenServer, :call, [{id, owner(node, id)}, :enter]) == before + 2
    end
  end

  test "rooms are opened, listed everywhere, remembered in the file, and closed", %{nodes: [a, b, c]} do
    spec = Rooms.spec(:kitchen)
    assert {:ok, pid} = open(a, :kitchen)
    assert node(pid) == owner(b, :kitchen)
    assert {:error, {:already_started, ^pid}} = open(b, :kitchen)
    assert ChildrenFile.get_all() == [spec]
    assert {:kitchen, pid, :worker, [Room]} in on(c, Supervisorring, :which_children, [Rooms])
    assert {:kitchen, pid, :worker, [Room]} in on(node(pid), :supervisor, :which_children, [Rooms])
    assert %{active: active} = on(a, Supervisorring, :count_children, [Rooms])
    assert active >= 3

    assert {:error, :running} = on(b, Supervisorring, :delete_child, [Rooms, :kitchen])
    assert :ok = on(b, Supervisorring, :terminate_child, [Rooms, :kitchen])
    assert whereis(a, :kitchen) == nil
    assert {:ok, again} = on(c, Supervisorring, :restart_child, [Rooms, :kitchen])
    assert again != pid
    assert :ok = close(a, :kitchen)
    assert ChildrenFile.get_all() == []
    assert {:error, :not_found} = on(a, Supervisorring, :terminate_child, [Rooms, :kitchen])
  end

  test "the handler that matches the id is the one that remembers", %{nodes: [a | _]} do
    assert {:ok, _pid} = open(a, {:room, 7})
    assert Rooms.get_all() == [Rooms.spec({:room, 7})]
    assert ChildrenFile.get_all() == []
    assert enter(a, {:room, 7}) == 1
    assert :ok = close(a, {:room, 7})
    assert Rooms.get_all() == []

    assert {:error, {:cannot_match_handler, :nobodys}} = open(a, :nobodys)
    assert :ok = on(a, Supervisorring, :terminate_child, [Rooms, :nobodys])
    assert {:error, {:cannot_match_handler, :nobodys}} = on(a, Supervisorring, :delete_child, [Rooms, :nobodys])
  end

  test "a function runs on the owner of an id", %{nodes: nodes} do
    for id <- [:lobby, 1, 2, 3, 4], node <- nodes do
      assert owner(node, id) == on(node, Supervisorring, :exec, [Rooms, id, &:erlang.node/0])
      assert owner(node, id) == on(node, :supervisorring, :exec, [Rooms, id, &:erlang.node/0, 5000, 1])
    end
  end

  test "a room that is killed starts again and can be watched", %{nodes: [a | _]} do
    pid = whereis(a, :hall)
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}, 5000
    Ringnode.wait(fn -> enter(a, :hall) == 1 end)
  end

  test "the processes of a supervisor have their names", %{nodes: nodes} do
    for node <- nodes,
        name <- [Rooms, Supervisorring.global_sup_ref(Rooms), Supervisorring.child_manager_ref(Rooms)],
        do: assert(is_pid(on(node, Process, :whereis, [name])))

    assert owner(hd(nodes), :lobby) ==
             GenServer.call({Supervisorring.child_manager_ref(Rooms), hd(nodes)}, {:get_node, :lobby})
  end

  test "rooms that belong to some members stay there", %{nodes: [_, b, c] = nodes} do
    for node <- nodes, do: assert(:ok = on(node, Cellars, :start, [[b, c]]))
    cellar = fn node, id -> on(node, GenServer, :whereis, [{:via, :supervisorring, {Cellars, id}}]) end

    Ringnode.wait(fn ->
      Enum.all?(Cellars.ids(), fn id ->
        Enum.all?(nodes, &(on(&1, Supervisorring, :find, [Cellars, id]) == node(cellar.(&1, id))))
      end)
    end)

    on_both = for id <- Cellars.ids(), uniq: true, do: node(cellar.(b, id))
    assert Enum.sort(on_both) == Enum.sort([b, c])
  end

  test "a client calls through its members", %{nodes: nodes} do
    before = Application.get_env(:supervisorring, :members)
    Application.put_env(:supervisorring, :members, nodes)
    assert Supervisorring.find(Rooms, :lobby) == owner(hd(nodes), :lobby)
    assert is_integer(GenServer.call(via(:lobby), :enter))
    assert {:lobby, _, :worker, [Room]} = List.keyfind(Supervisorring.which_children(Rooms), :lobby, 0)
    Application.put_env(:supervisorring, :members, before)
  end

  test "a program that is killed has a successor; no room ends, no member is seen down", %{nodes: [a, b, c]} do
    ids = for i <- 1..10, do: {:staying, i}
    open_rooms(a, ids)
    for id <- ids, do: enter(a, id)
    rooms = Map.new(ids, &{&1, whereis(a, &1)})
    removals = on(b, NanoRing, :up, []).rem_set

    for node <- [a, b, c] do
      [program] = programs(node)
      {_output, 0} = System.cmd("kill", ["-KILL", "#{program}"])
      # Asked for while there is no program.
      for id <- ids, do: assert(enter(node, id) > 1)
      assert Enum.sort(on(node, NanoRing, :up, [])) == Enum.sort([a, b, c])
      Ringnode.wait(fn -> match?([successor] when successor != program, programs(node)) end)
    end

    for {id, pid} <- rooms, do: assert(whereis(b, id) == pid)
    assert on(b, NanoRing, :up, []).rem_set == removals
    for id <- ids, do: :ok = close(a, id)
  end

  defp programs(node) do
    for port <- on(node, :erlang, :ports, []),
        {:name, name} <- [on(node, :erlang, :port_info, [port, :name])],
        String.ends_with?("#{name}", "ringnode"),
        do: elem(on(node, :erlang, :port_info, [port, :os_pid]), 1)
  end

  test "what belongs to a member that leaves moves with its state, and home again when it is back",
       %{dir: dir, members: [%{node: a}, %{node: b} = leaving, %{node: c}] = members} do
    ids = ids_of([a, b, c], 4, :moving)
    open_rooms(a, ids)
    for id <- ids, _ <- 1..3, do: enter(a, id)
    homes = Map.new(ids, &{&1, owner(a, &1)})
    assert Enum.frequencies(Map.values(homes)) == %{a => 4, b => 4, c => 4}

    :ok = on(b, :init, :stop, [])
    Ringnode.wait(fn -> Enum.sort(on(a, NanoRing, :up, [])) == Enum.sort([a, c]) end)

    # The handler hears of it when the answer to up/0 is on its way already.
    Ringnode.wait(fn ->
      {:new_up_set, old, new} = on(a, Watcher, :event, [:new_up_set])
      MapSet.equal?(MapSet.difference(old, new), MapSet.new([b]))
    end)

    Ringnode.wait(fn -> Enum.all?(ids, &(on(c, GenServer, :call, [via(&1), :get]) == 3)) end)
    for {id, home} <- homes, home != b, do: assert(owner(a, id) == home)
    for {id, ^b} <- homes, do: assert(node(whereis(a, id)) in [a, c])

    Member.stop(leaving.peer)
    back = Member.start("m2", dir)
    agreed([back | members -- [leaving]])
    Ringnode.wait(fn -> Enum.all?(homes, fn {id, home} -> node(whereis(a, id)) == home end) end)
    for id <- ids, do: assert(enter(c, id) == 4)
    for id <- ids, do: :ok = close(a, id)
  end

  test "what belongs to a member that dies runs on the others", %{members: [%{node: a} | _] = members, dir: dir} do
    fourth = Member.start("m4", dir, join: [a])
    agreed([fourth | members])
    ids = ids_of(for(m <- [fourth | members], do: m.node), 5, :dying)
    open_rooms(a, ids)
    lost = Enum.filter(ids, &(owner(a, &1) == fourth.node))
    assert length(lost) == 5

    Node.spawn(fourth.node, :erlang, :halt, [1, [flush: false]])
    Ringnode.wait(fn -> fourth.node not in on(a, NanoRing, :up, []) end)
    Ringnode.wait(fn -> Enum.all?([:lobby, :hall | ids], &is_pid(whereis(a, &1))) end)
    for id <- lost, do: assert(enter(a, id) == 1)
    for id <- ids, do: :ok = close(a, id)
    assert :ok = on(a, NanoRing, :del_node, [fourth.node])
  end
end
