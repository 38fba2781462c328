defmodule Supervisorring.GlobalSup.ChildManager do
  @moduledoc """
  Keeps the children of the local supervisor those that the ring gives this member.

  All of it in one process, one thing after the other: while children are handed over
  nothing else is answered, and a member that never answers holds it up for ever. A child
  whose new owner does not start it is stopped all the same.
  """
  use GenServer
  alias Supervisorring.App.Sup.SuperSup.NodesListener

  defmodule State do
    @moduledoc false
    defstruct sup_ref: nil, child_specs: [], callback: nil, ring: nil
  end

  defmodule RingListener do
    @moduledoc "In Supervisorring.Events: tells a child manager of every new ring."
    @behaviour :gen_event

    @impl true
    def init(manager), do: {:ok, manager}

    @impl true
    def handle_event(:new_ring, manager) do
      GenServer.cast(manager, :sync_children)
      {:ok, manager}
    end

    @impl true
    def handle_call(_request, manager), do: {:ok, :ok, manager}
  end

  def start_link(sup, specs, module) do
    state = %State{sup_ref: sup, child_specs: specs, callback: module}
    GenServer.start_link(__MODULE__, state, name: Supervisorring.child_manager_ref(sup))
  end

  @impl true
  def init(state) do
    :ok = :gen_event.add_sup_handler(Supervisorring.Events, RingListener, self())
    {:ok, sync(state)}
  end

  @impl true
  def handle_call({:get_node, id}, _from, state), do: {:reply, owner(state, id), state}

  @impl true
  def handle_cast({:onnode, id, {pid, ref}, fun} = request, state) do
    case owner(state, id) do
      here when here == node() -> send(pid, {ref, :executed, fun.()})
      other -> GenServer.cast({Supervisorring.child_manager_ref(state.sup_ref), other}, request)
    end

    {:noreply, state}
  end

  def handle_cast({:get_handler, id, {pid, ref}}, state) do
    handler =
      Enum.find(state.child_specs, fn spec ->
        match?({:dyn_child_handler, _module}, spec) and elem(spec, 1).match(id)
      end)

    send(pid, {ref, handler})
    {:noreply, state}
  end

  def handle_cast(:sync_children, state), do: {:noreply, sync(state)}

  @impl true
  def handle_info({:gen_event_EXIT, RingListener, reason}, state),
    do: {:stop, {:ring_listener_ended, reason}, state}

  defp sync(state) do
    state = %{state | ring: NodesListener.ring()}
    all = Map.new(all_specs(state.child_specs), &{elem(&1, 0), &1})
    wanted = Map.filter(all, fn {id, _spec} -> owner(state, id) == node() end)
    here = Supervisor.which_children(state.sup_ref)

    for {id, _pid, _type, _modules} = child <- here,
        not is_map_key(wanted, id),
        do: give_away(child, all[id], state)

    here_ids = for {id, _pid, _type, _modules} <- here, do: id

    for {_id, spec} <- Map.drop(wanted, here_ids),
        do: Supervisor.start_child(state.sup_ref, spec)

    state
  end

  # A child that was terminated has no pid; it is only forgotten.
  defp give_away({id, pid, type, modules}, spec, %State{sup_ref: sup} = state) do
    if is_pid(pid) do
      case :rpc.call(owner(state, id), Supervisor, :start_child, [sup, spec]) do
        {:ok, new} -> state.callback.migrate({id, type, modules}, pid, new)
        {:error, {:already_started, new}} -> state.callback.migrate({id, type, modules}, pid, new)
        _not_started -> :ok
      end

      Supervisor.terminate_child(sup, id)
    end

    Supervisor.delete_child(sup, id)
  end

  defp all_specs(specs) do
    Enum.flat_map(specs, fn
      {:dyn_child_handler, module} -> module.get_all()
      spec -> [spec]
    end)
  end

  defp owner(state, id), do: ConsistentHash.node_for_key(state.ring, {state.sup_ref, id})
end
