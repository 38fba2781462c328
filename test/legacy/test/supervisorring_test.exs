defmodule SupervisorringTest do
  # One member alone in its ring; several members are in Common Test's suites.
  use ExUnit.Case
  @moduletag :capture_log
  import ExUnit.CaptureLog

  setup do
    dir =
      Path.join(System.tmp_dir!(), "legacy_#{System.pid()}_#{System.unique_integer([:positive])}")

    File.mkdir_p!(dir)
    Application.put_env(:nano_ring, :data_dir, dir)
    Application.put_env(:legacy, :children_file, Path.join(dir, "children"))
    {:ok, _apps} = Application.ensure_all_started(:legacy)
    {:ok, pid} = MixedSup.start()

    on_exit(fn ->
      if Process.alive?(pid), do: capture_log(fn -> Supervisor.stop(pid) end)
      wait_for_end(MixedSup)
      capture_log(fn -> Application.stop(:legacy) end)
      File.rm_rf!(dir)
    end)

    {:ok, global_sup: pid}
  end

  # What a killed parent leaves behind ends a moment later.
  defp wait_for_end(name) do
    if pid = Process.whereis(name) do
      ref = Process.monitor(pid)
      assert_receive {:DOWN, ^ref, :process, ^pid, _reason}, 5000
    end
  end

  test "the processes have the original's names" do
    for name <- [
          MixedSup,
          MixedSup.GlobalSup,
          MixedSup.ChildManager,
          Supervisorring.Events,
          Supervisorring.App.Sup.SuperSup
        ],
        do: assert(is_pid(Process.whereis(name)))
  end

  test "the children of init run under an OTP supervisor of the supervisor's name" do
    ids =
      for {id, pid, :worker, [Counter]} <- :supervisor.which_children(MixedSup),
          is_pid(pid),
          do: id

    assert Enum.sort(ids) == Enum.sort(MixedSup.ids())
    assert Supervisorring.find(MixedSup, :m1) == node()

    assert Enum.sort(Supervisorring.which_children(MixedSup)) ==
             Enum.sort(:supervisor.which_children(MixedSup))

    assert %{active: 12, specs: 12, workers: 12, supervisors: 0} =
             Supervisorring.count_children(MixedSup)
  end

  test "a started child is remembered by the handler and a deleted one forgotten" do
    spec = MixedSup.counter(:extra)
    assert {:ok, pid} = Supervisorring.start_child(MixedSup, spec)
    assert GenServer.call(:extra, :increment) == 1
    assert MixedSup.get_all() == [spec]
    assert Supervisorring.start_child(MixedSup, spec) == {:error, {:already_started, pid}}
    assert Supervisorring.delete_child(MixedSup, :extra) == {:error, :running}
    assert Supervisorring.terminate_child(MixedSup, :extra) == :ok
    assert Process.whereis(:extra) == nil
    assert {:ok, again} = Supervisorring.restart_child(MixedSup, :extra)
    assert Process.whereis(:extra) == again
    assert Supervisorring.terminate_child(MixedSup, :extra) == :ok
    assert Supervisorring.delete_child(MixedSup, :extra) == :ok
    assert MixedSup.get_all() == []
    assert Supervisorring.restart_child(MixedSup, :extra) == {:error, :not_found}
  end

  test "a child that no handler matches runs and is answered with an error" do
    assert Supervisorring.start_child(MixedSup, MixedSup.counter(:unmatched)) ==
             {:error, {:cannot_match_handler, :unmatched}}

    assert is_pid(Process.whereis(:unmatched))
  end

  test "the closures of the four changes have the names that other members know them by" do
    Process.unregister(MixedSup.ChildManager)
    Process.register(self(), MixedSup.ChildManager)

    for {function, argument, name} <- [
          {:start_child, MixedSup.counter(:x), :"-start_child/2-fun-0-"},
          {:terminate_child, :x, :"-terminate_child/2-fun-0-"},
          {:delete_child, :x, :"-delete_child/2-fun-0-"},
          {:restart_child, :x, :"-restart_child/2-fun-0-"}
        ] do
      caller = spawn(:supervisorring, function, [MixedSup, argument])
      assert_receive {:"$gen_cast", {:onnode, :x, {^caller, ref}, fun}} when is_reference(ref)
      info = Map.new(:erlang.fun_info(fun))
      assert %{module: :supervisorring, name: ^name, arity: 0, env: [MixedSup, ^argument]} = info
      Process.exit(caller, :kill)
    end
  end

  test "exec runs a function in the child manager and gives up after its tries" do
    manager = Process.whereis(MixedSup.ChildManager)
    assert Supervisorring.exec(MixedSup, :m1, fn -> self() end) == manager
    :sys.suspend(manager)

    assert catch_exit(Supervisorring.exec(MixedSup, :m1, fn -> :ok end, 10, 2)) ==
             :ring_unable_to_exec_fun

    :sys.resume(manager)
  end

  test "a child of init that was deleted is started again when the ring changes" do
    assert Supervisorring.terminate_child(MixedSup, :m1) == :ok

    assert Supervisorring.delete_child(MixedSup, :m1) == :ok
    :gen_event.sync_notify(Supervisorring.Events, :new_ring)
    :sys.get_state(MixedSup.ChildManager)
    assert is_pid(Process.whereis(:m1))
  end

  test "a received terminate kills the global supervisor", %{
    global_sup: pid
  } do
    ref = Process.monitor(pid)
    GenServer.cast(Supervisorring.App.Sup.SuperSup, {:terminate, MixedSup.GlobalSup})
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
    assert is_pid(Process.whereis(Supervisorring.App.Sup.SuperSup))
  end
end
