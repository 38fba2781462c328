defmodule NanoRing do
  @moduledoc """
  Membership by gossip, in the original's messages.

  `node_set` holds the members, `up_set` those that are up. Once a second both are sent to
  one random other up node, which is taken out of `up_set` when it does not acknowledge
  within 100 ms; the process waits for that without doing anything else. A node that is
  no longer in `node_set` ends its VM five seconds later.
  """
  use GenServer
  require Logger

  @gossip_interval_ms 1000
  @ack_timeout_ms 100
  @halt_delay_ms 5000

  defstruct [:node_set, :up_set]

  def all, do: GenServer.call(__MODULE__, :get_all)
  def up, do: GenServer.call(__MODULE__, :get_up)
  def add_node(node), do: GenServer.cast(__MODULE__, {:add_node, to_node(node)})
  def del_node(node), do: GenServer.cast(__MODULE__, {:del_node, to_node(node)})

  defp to_node(node) when is_atom(node), do: node
  defp to_node(node) when is_binary(node), do: String.to_atom(node)

  def start_link(_arg), do: GenServer.start_link(__MODULE__, nil, name: __MODULE__)

  @impl true
  def init(nil) do
    set = read_ring() || LWWElemSet.new([node()])
    Process.send_after(self(), :send_gossip, @gossip_interval_ms)
    {:ok, %NanoRing{node_set: set, up_set: set}}
  end

  @impl true
  def handle_call(:get_all, _from, ring), do: {:reply, ring.node_set, ring}
  def handle_call(:get_up, _from, ring), do: {:reply, ring.up_set, ring}

  @impl true
  def handle_cast({:reconcile, theirs, from, ref}, ring) do
    send(from, {ref, :is_up})
    {:noreply, changed(ring, merge(ring, theirs, node(from)))}
  end

  def handle_cast({:add_node, node}, ring) do
    if LWWElemSet.member?(ring.node_set, node) do
      {:noreply, ring}
    else
      new = %{
        ring
        | node_set: LWWElemSet.add(ring.node_set, node),
          up_set: LWWElemSet.add(ring.up_set, node)
      }

      {:noreply, changed(ring, new)}
    end
  end

  # The node stays in up_set, so that gossip still tells it of its removal.
  def handle_cast({:del_node, node}, ring) do
    if LWWElemSet.member?(ring.node_set, node) do
      {:noreply, changed(ring, %{ring | node_set: LWWElemSet.delete(ring.node_set, node)})}
    else
      {:noreply, ring}
    end
  end

  @impl true
  def handle_info(:send_gossip, ring) do
    Process.send_after(self(), :send_gossip, @gossip_interval_ms)

    unless LWWElemSet.member?(ring.node_set, node()),
      do: Process.send_after(self(), :halt_node, @halt_delay_ms)

    case LWWElemSet.members(ring.up_set) -- [node()] do
      [] -> {:noreply, ring}
      others -> {:noreply, changed(ring, gossip_to(Enum.random(others), ring))}
    end
  end

  def handle_info(:halt_node, ring) do
    _ = File.rm(ring_path())
    Logger.warning("#{node()} was taken out of the ring: stopping")
    :init.stop()
    {:noreply, ring}
  end

  # An acknowledgement that came too late.
  def handle_info({ref, :is_up}, ring) when is_reference(ref), do: {:noreply, ring}

  defp gossip_to(node, ring) do
    ref = make_ref()
    GenServer.cast({__MODULE__, node}, {:reconcile, ring, self(), ref})

    receive do
      {^ref, :is_up} -> ring
    after
      @ack_timeout_ms -> %{ring | up_set: LWWElemSet.delete(ring.up_set, node)}
    end
  end

  # A sender that was a member and not up before the merge has just shown that it is up.
  defp merge(ring, theirs, sender) do
    up = LWWElemSet.union(ring.up_set, theirs.up_set)

    came_back =
      LWWElemSet.member?(ring.node_set, sender) and not LWWElemSet.member?(ring.up_set, sender)

    %{
      ring
      | node_set: LWWElemSet.union(ring.node_set, theirs.node_set),
        up_set: if(came_back, do: LWWElemSet.add(up, sender), else: up)
    }
  end

  # Tells of changed membership and keeps the ring file as it should be.
  defp changed(old, new) do
    notify(:new_up_set, old.up_set, new.up_set)
    notify(:new_node_set, old.node_set, new.node_set)

    if old.node_set != new.node_set do
      File.mkdir_p!(data_dir())
      File.write!(ring_path(), :erlang.term_to_binary(new.node_set))
    end

    new
  end

  defp notify(event, old, new) do
    {old, new} = {members(old), members(new)}
    if old != new, do: :gen_event.notify(NanoRing.Events, {event, old, new})
  end

  defp members(set), do: set |> LWWElemSet.members() |> MapSet.new()

  defp read_ring do
    case File.read(ring_path()) do
      {:ok, bytes} -> :erlang.binary_to_term(bytes)
      {:error, :enoent} -> nil
    end
  end

  defp ring_path, do: Path.join(data_dir(), "ring")
  defp data_dir, do: Application.get_env(:nano_ring, :data_dir, "./data")
end
