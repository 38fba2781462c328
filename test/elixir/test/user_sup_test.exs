defmodule UserSupTest do
  use ExUnit.Case

  setup_all do
    Ringnode.wait(fn ->
      owners = for id <- 1..100, do: :supervisorring.find(UserSup, id)
      # None is on its way to its owner any more.
      for id <- UserSup.counters(),
          do: GenServer.call({id, :supervisorring.find(UserSup, id)}, :get)

      Enum.sort(Enum.uniq(owners)) == [Ringnode.node_name("cpp1"), Ringnode.node_name("cpp2")]
    end)
  end

  defp via(id), do: {:via, :supervisorring, {UserSup, id}}

  test "every counter is called where it is found" do
    for id <- UserSup.counters() do
      server = {id, :supervisorring.find(UserSup, id)}
      count = GenServer.call(server, :increment)
      assert GenServer.call(server, :increment) == count + 1
    end
  end

  test "a counter is called, cast to and found by its via name" do
    count = GenServer.call(via(:u1), :increment)
    assert :ok = GenServer.cast(via(:u1), :increment)
    assert GenServer.call(via(:u1), :get) == count + 1
    assert node(GenServer.whereis(via(:u1))) == :supervisorring.find(UserSup, :u1)
    assert GenServer.whereis(via(:missing)) == nil
    assert {:noproc, _} = catch_exit(GenServer.call(via(:missing), :get))
  end

  test "a counter that is killed starts again and can be watched" do
    pid = GenServer.whereis(via(:u2))
    ref = Process.monitor(pid)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}, 5000
    Ringnode.wait(fn -> GenServer.call(via(:u2), :get) == 0 end)
  end

  test "children are added, listed, stopped and deleted" do
    spec = UserSup.counter(:added)
    assert {:ok, pid} = :supervisorring.start_child(UserSup, spec)
    assert UserSup.get_all() == [spec]
    assert {:added, pid, :worker, [Counter]} in :supervisorring.which_children(UserSup)
    assert %{specs: 7, active: 7, workers: 7} = :supervisorring.count_children(UserSup)
    assert :ok = :supervisorring.terminate_child(UserSup, :added)
    assert {:ok, _pid} = :supervisorring.restart_child(UserSup, :added)
    assert :ok = :supervisorring.terminate_child(UserSup, :added)
    assert :ok = :supervisorring.delete_child(UserSup, :added)
    assert UserSup.get_all() == []
  end

  test "a function cannot run on a C++ node, and a client has no supervisor of its own" do
    owner = :supervisorring.find(UserSup, :u3)
    assert {:error, {:no_beam, ^owner}} = :supervisorring.exec(UserSup, :u3, fn -> :ran end)
    assert {:error, :no_program} = :supervisorring.start_link({:local, UserSup}, UserSup, [])
  end

  test "C++ nodes are reached by rpc like any node" do
    node = Ringnode.node_name("cpp1")
    assert :pong = Node.ping(node)
    assert :erpc.call(node, :erlang, :node, []) == node
    assert {:badrpc, {:EXIT, {:undef, _}}} = :rpc.call(node, UserSup, :counters, [])
  end
end
