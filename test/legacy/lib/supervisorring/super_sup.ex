defmodule Supervisorring.App.Sup.SuperSup do
  @moduledoc """
  Ends a supervisor on every member when it ended on one, and keeps the ring.

  `{:terminate, name}` for a name that is not registered crashes it, and one that comes
  late kills a supervisor that has just been started, as the original's.
  """
  use GenServer

  defmodule NodesListener do
    @moduledoc "In NanoRing.Events: holds the ring of the up members."
    @behaviour :gen_event

    def ring, do: :gen_event.call(NanoRing.Events, __MODULE__, :get_ring)

    @impl true
    def init(nodes), do: {:ok, ConsistentHash.ring_for_nodes(nodes)}

    @impl true
    def handle_event({:new_up_set, _old, nodes}, _ring) do
      :gen_event.notify(Supervisorring.Events, :new_ring)
      {:ok, ConsistentHash.ring_for_nodes(nodes)}
    end

    def handle_event({:new_node_set, _old, _nodes}, ring), do: {:ok, ring}

    @impl true
    def handle_call(:get_ring, ring), do: {:ok, ring, ring}
  end

  def start_link(_arg), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    up = LWWElemSet.members(NanoRing.up())
    :ok = :gen_event.add_sup_handler(NanoRing.Events, NodesListener, up)
    {:ok, nil}
  end

  @impl true
  def handle_cast({:monitor, global_sup}, state) do
    Process.monitor(global_sup)
    {:noreply, state}
  end

  def handle_cast({:terminate, global_sup}, state) do
    true = Process.exit(Process.whereis(global_sup), :kill)
    {:noreply, state}
  end

  @impl true
  def handle_info({:DOWN, _ref, :process, _global_sup, :killed}, state), do: {:noreply, state}

  def handle_info({:DOWN, _ref, :process, {global_sup, _node}, _reason}, state) do
    for member <- LWWElemSet.members(NanoRing.up()),
        member != node(),
        do: GenServer.cast({__MODULE__, member}, {:terminate, global_sup})

    {:noreply, state}
  end

  def handle_info({:gen_event_EXIT, NodesListener, reason}, state),
    do: {:stop, {:ring_listener_ended, reason}, state}
end
