defmodule UserApp.Room do
  @moduledoc "Counts its visitors."
  use GenServer

  def start_link(id) when is_atom(id), do: GenServer.start_link(__MODULE__, id, name: id)
  def start_link(id), do: GenServer.start_link(__MODULE__, id)

  @impl true
  def init(_id), do: {:ok, 0}

  @impl true
  def handle_call(:enter, _from, count), do: {:reply, count + 1, count + 1}
  def handle_call(:get, _from, count), do: {:reply, count, count}
  def handle_call({:set, count}, _from, _count), do: {:reply, :ok, count}
end
