defmodule Counter do
  @moduledoc "What the C++ example's Counter is, as a GenServer."
  use GenServer

  @impl true
  def init(_arg), do: {:ok, 0}

  @impl true
  def handle_call(:increment, _from, count), do: {:reply, count + 1, count + 1}
  def handle_call(:get, _from, count), do: {:reply, count, count}
  def handle_call(:crash, _from, _count), do: exit(:crash)
  def handle_call({:stop, reason}, _from, count), do: {:stop, reason, :ok, count}

  @impl true
  def handle_cast({:set, count}, _old), do: {:noreply, count}
end
