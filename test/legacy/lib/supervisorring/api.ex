defmodule :supervisorring do
  @moduledoc """
  The functions of a legacy member under their Erlang name. Those that change a child are
  closures of this module, run by the child manager of the member that owns the child;
  other members tell which is which by the names that this VM gives them.

  As the original's, which_children/1 fails when a member that is up does not run the
  supervisor. count_children/1 answers, where the original's always crashes.
  """
  import Supervisorring, only: [child_manager_ref: 1, local_sup_ref: 1]

  @callback init(arg :: term) ::
              {:ok, {{:supervisor.strategy(), non_neg_integer, pos_integer}, [spec :: tuple]}}
  @callback migrate({id :: term, :worker | :supervisor, modules :: term}, old :: pid, new :: pid) ::
              term

  @exec_timeout_ms 30_000
  @exec_tries 3
  @handler_timeout_ms 10_000

  def start_link({:local, name}, module, arg),
    do: Supervisorring.GlobalSup.start_link(name, module, arg)

  def find(sup, id), do: GenServer.call(child_manager_ref(sup), {:get_node, id})

  @doc """
  Runs a function in the child manager of the child's owner. It may run more than once: a
  try that is not answered in time is followed by another.
  """
  def exec(sup, id, fun, timeout \\ @exec_timeout_ms, tries \\ @exec_tries)
  def exec(_sup, _id, _fun, _timeout, 0), do: exit(:ring_unable_to_exec_fun)

  def exec(sup, id, fun, timeout, tries) do
    ref = make_ref()
    GenServer.cast(child_manager_ref(sup), {:onnode, id, {self(), ref}, fun})

    receive do
      {^ref, :executed, result} -> result
    after
      timeout -> exec(sup, id, fun, timeout, tries - 1)
    end
  end

  def start_child(sup, {id, _start, _restart, _shutdown, _type, _modules} = spec) do
    with {:ok, pid} <- exec(sup, id, fn -> Supervisor.start_child(local_sup_ref(sup), spec) end),
         {:ok, handler} <- handler_of(sup, id),
         do: {handler.add(spec), pid}
  end

  def terminate_child(sup, id),
    do: exec(sup, id, fn -> Supervisor.terminate_child(local_sup_ref(sup), id) end)

  def delete_child(sup, id) do
    with :ok <- exec(sup, id, fn -> Supervisor.delete_child(local_sup_ref(sup), id) end),
         {:ok, handler} <- handler_of(sup, id),
         do: handler.del(id)
  end

  def restart_child(sup, id),
    do: exec(sup, id, fn -> Supervisor.restart_child(local_sup_ref(sup), id) end)

  def which_children(sup), do: sup |> on_up_members(:which_children) |> Enum.concat()

  def count_children(sup) do
    sup
    |> on_up_members(:count_children)
    |> Enum.reduce(%{}, &Map.merge(&1, &2, fn _key, a, b -> a + b end))
  end

  # Asked of the caller's own member, and used in the caller.
  defp handler_of(sup, id) do
    ref = make_ref()
    GenServer.cast(child_manager_ref(sup), {:get_handler, id, {self(), ref}})

    receive do
      {^ref, {:dyn_child_handler, handler}} -> {:ok, handler}
      {^ref, nil} -> {:error, {:cannot_match_handler, id}}
    after
      @handler_timeout_ms -> {:error, :child_server_timeout}
    end
  end

  defp on_up_members(sup, function) do
    members = LWWElemSet.members(NanoRing.up())
    {answers, _down} = :rpc.multicall(members, Supervisor, function, [local_sup_ref(sup)])
    answers
  end
end
